//! A Redis Cluster: slots that move, and a master that comes back empty.

use std::cell::Cell;
use std::time::Duration;

use futures_util::future::join_all;
use hyper::Method;
use nexo::config::ClusterStore;
use tokio::time::sleep;

use super::run;
use super::scene::settings;
use super::talk::Talk;
use crate::support::*;

async fn start() -> Option<(World, RedisCluster)> {
    let config = settings()?;
    let cluster = RedisCluster::start().await;
    let world = World::cluster(&ClusterStore { redis_url: cluster.url(), ..config }, &[]).await;
    Some((world, cluster))
}

#[test]
fn slots_move_under_load_and_nothing_is_lost() {
    run(async {
        let Some((world, cluster)) = start().await else { return };
        let talk = Talk::begin(&world).await;
        talk.through(async {
            talk.go_on(5).await;
            for room in &talk.rooms {
                let (slot, from) = cluster.place(&format!("{{{}}}", room.conversation)).await;
                let to = (from + 1) % cluster.nodes.len();
                cluster.begin_move(&slot, from, to).await;
                // Key by key: in between some are here and some there.
                while cluster.move_keys(&slot, from, to, 1).await > 0 {
                    talk.go_on(0).await;
                }
                cluster.end_move(&slot, to).await;
                talk.go_on(1).await;
            }
            talk.back().await;
        })
        .await;
    });
}

/// Moves every key of a hash tag to the next master, one after the other: in between some are here and some there.
async fn move_away(cluster: &RedisCluster, tag: &str) {
    let (slot, from) = cluster.place(&format!("{{{tag}}}")).await;
    let to = (from + 1) % cluster.nodes.len();
    cluster.begin_move(&slot, from, to).await;
    while cluster.move_keys(&slot, from, to, 1).await > 0 {}
    // For a while nothing is left of it where it still belongs.
    sleep(Duration::from_millis(50)).await;
    cluster.end_move(&slot, to).await;
}

/// Sends without a pause until it is `over`, and answers the seqs that were given.
async fn chatter(from: &Person, to: &Person, over: &Cell<bool>) -> Vec<i64> {
    let mut given = Vec::new();
    while !over.get() {
        let draft = from.draft(to, &from.id);
        loop {
            let reply = from.client.call(Method::POST, "/msg/send").json(&draft).send().await;
            if reply.status == 200 {
                let message = reply.ok();
                assert_eq!(message["client_msg_id"], draft["client_msg_id"]);
                given.push(int(&message, "seq"));
                break;
            }
            reply.refused_with(503, 1002);
        }
    }
    given
}

#[test]
fn every_call_gets_its_own_answer_while_slots_move_under_many_calls_at_once() {
    run(async {
        let Some((world, cluster)) = start().await else { return };
        let people: [Person; 16] = world.people().await;
        let (pairs, over) = (people.chunks(2).collect::<Vec<_>>(), Cell::new(false));
        let moving = async {
            for (pair_of, person) in pairs.iter().zip(&people) {
                move_away(&cluster, &person.id).await;
                move_away(&cluster, &pair(&pair_of[0], &pair_of[1])).await;
            }
            over.set(true);
        };
        let talking = join_all(pairs.iter().map(|pair_of| chatter(&pair_of[0], &pair_of[1], &over)));
        let ((), given) = tokio::join!(moving, talking);
        for (pair_of, given) in pairs.iter().zip(given) {
            let conversation = pair(&pair_of[0], &pair_of[1]);
            let whole = async || {
                let messages = pair_of[1].pull(&conversation).await;
                (messages.len() >= given.len()).then_some(messages)
            };
            // What a slot's move left unsettled is shown when it is settled.
            let messages = eventually(("all that was acked", &conversation), whole).await;
            assert_eq!(seqs(&messages), given, "{conversation}: all that was acked is there once, in order");
            assert!(messages.iter().all(|message| message["sender_id"] == pair_of[0].id));
        }
    });
}

#[test]
fn each_master_comes_back_empty_while_the_others_keep_what_they_have() {
    run(async {
        let Some((world, mut cluster)) = start().await else { return };
        let talk = Talk::begin(&world).await;
        talk.through(async {
            talk.go_on(5).await;
            for master in &mut cluster.nodes {
                master.kill9();
                master.start_empty().await;
                talk.back().await;
            }
        })
        .await;
    });
}
