//! Redis loses what it had.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};

use super::run;
use super::scene::Scene;
use super::talk::Talk;
use crate::support::*;

#[test]
fn after_flushall_all_goes_on_and_nothing_is_lost() {
    run(async {
        let Some(scene) = Scene::start().await else { return };
        let talk = Talk::begin(&scene.world).await;
        talk.through(async {
            talk.go_on(5).await;
            scene.redis.command(&["FLUSHALL"]).await;
            talk.back().await;
        })
        .await;
    });
}

#[test]
fn after_redis_was_killed_and_restarted_empty_all_goes_on_and_nothing_is_lost() {
    run(async {
        let Some(mut scene) = Scene::start().await else { return };
        let talk = Talk::begin(&scene.world).await;
        talk.through(async {
            talk.go_on(5).await;
            scene.redis.kill9();
            scene.redis.start_empty().await;
            talk.back().await;
        })
        .await;
    });
}

#[test]
fn after_redis_was_restarted_from_an_old_snapshot_no_seq_is_given_twice() {
    run(async {
        let Some(mut scene) = Scene::start().await else { return };
        let talk = Talk::begin(&scene.world).await;
        talk.through(async {
            talk.go_on(5).await;
            scene.redis.save().await;
            talk.go_on(10).await;
            scene.redis.kill9();
            scene.redis.start_again().await;
            talk.back().await;
        })
        .await;
    });
}

#[test]
fn redis_is_silent_for_two_seconds_and_nothing_is_lost() {
    run(async {
        let Some(scene) = Scene::start().await else { return };
        let talk = Talk::begin(&scene.world).await;
        talk.through(async {
            talk.go_on(5).await;
            scene.redis.pause();
            tokio::time::sleep(Duration::from_secs(2)).await;
            scene.redis.resume();
            talk.back().await;
        })
        .await;
    });
}

/// How many conversations are active when Redis is emptied, and how many of their sends are under way at once.
const ACTIVE: usize = 10_000;
const AT_ONCE: usize = 64;

/// How many users list at once: each list is of a hundred conversations that are to be settled.
const LISTS_AT_ONCE: usize = 8;

/// Within this time all of them send again.
const AGAIN_WITHIN: Duration = Duration::from_secs(60);

/// Sends one message in each of these conversations, however often it has to be tried.
async fn send_in_all(pairs: &[(&Person, &Person)]) {
    let sends = pairs.iter().map(|(from, to)| async move {
        let draft = from.draft(to, "in each");
        eventually("an ack", async || (from.post("/msg/send", draft.clone()).await.code() == 0).then_some(())).await;
    });
    stream::iter(sends).buffer_unordered(AT_ONCE).collect::<()>().await;
}

/// How many messages a user has not read, if the list can be had just now.
async fn unread(person: &Person) -> Option<usize> {
    let reply = person.get("/conversation/list").await;
    if reply.code() == 1002 {
        return None;
    }
    let list = reply.ok();
    let counts = list.as_array().expect("a list").iter().map(|one| int(one, "unread_count"));
    usize::try_from(counts.sum::<i64>()).ok()
}

#[test]
fn after_flushall_ten_thousand_conversations_send_again_and_counts_are_exact() {
    run(async {
        let Some(scene) = Scene::start().await else { return };
        let mut people = Vec::new();
        for _ in 0..15 {
            people.extend(scene.world.crowd(10).await);
        }
        let later = |n: usize| people[n + 1..].iter();
        let pairs: Vec<_> = people.iter().enumerate().flat_map(|(n, from)| later(n).map(move |to| (from, to))).collect();
        let pairs = &pairs[..ACTIVE];
        send_in_all(pairs).await;
        scene.redis.command(&["FLUSHALL"]).await;
        let begun = Instant::now();
        send_in_all(pairs).await;
        let took = begun.elapsed();
        println!("{ACTIVE} conversations send again after {took:?}");
        assert!(took <= AGAIN_WITHIN, "{took:?}");
        // Nobody reads, and senders have read what they sent: so each receiver has two unread messages from each who sent.
        let counted = people.iter().map(|person| async move {
            let expected = 2 * pairs.iter().filter(|(_, to)| to.id == person.id).count();
            while unread(person).await != Some(expected) {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        stream::iter(counted).buffer_unordered(LISTS_AT_ONCE).collect::<()>().await;
        println!("all is shown {:?} after the flush", begun.elapsed());
    });
}
