//! Groups whose messages come once for each node: nobody can tell them from others, but by what they cost.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::*;

/// More than two members make a group large here.
const SETTINGS: &[(&str, &str, &str)] = &[("store", "big_group_members", "2")];

/// How many messages are counted; extras, such as the renewal of a lease, are shared by them.
const COUNTED: u64 = 100;

/// A group of these people, when nothing of it goes through their logs any more.
pub(super) async fn large(world: &World, owner: &Person, others: &[&Person]) -> String {
    let group = owner.group(others).await;
    let line = format!("the messages of group {group} come once for each node from now on");
    eventually(line.clone(), async || world.logs().contains(&line).then_some(())).await;
    group
}

/// How many Redis commands all servers have sent.
async fn commands(world: &World) -> u64 {
    sum(&world.metrics().await, "nexo_redis_commands_total", "")
}

async fn remove(config: &nexo::config::ClusterStore, key: &str) {
    let key = format!("{}{key}", config.redis_prefix);
    let address = config.redis_url.trim_start_matches("redis://");
    let gone = resp::ask(address, &["DEL", &key]).await.expect("Redis is there").expect("an answer");
    assert_eq!(gone, ["1"], "there was no {key}");
}

/// The messages among frames, by their seqs.
fn messages(frames: &[Value]) -> Vec<i64> {
    seqs(&frames.iter().filter(|frame| frame["seq"].is_i64()).cloned().collect::<Vec<_>>())
}

#[test]
fn a_message_costs_three_redis_commands_and_one_for_each_node() {
    run(Mode::Cluster, SETTINGS, async |world: World| {
        let ann = world.person("ann").await;
        let others = world.crowd(20).await;
        let group = large(&world, &ann, &others.iter().collect::<Vec<_>>()).await;
        let mut sockets = join_all(others.iter().map(Person::socket)).await;
        ann.send_group(&group, "the first of a session").await.ok();
        let before = commands(&world).await;
        for _ in 0..COUNTED {
            ann.send_group(&group, "counted").await.ok();
        }
        let spent = commands(&world).await - before;
        println!("{COUNTED} messages to 20 members on three nodes: {spent} Redis commands");
        // Blocks of seqs, and what three nodes renew and compare meanwhile.
        let extras = 60;
        assert!(spent <= COUNTED * (3 + 3) + extras, "{spent} commands");
        for socket in &mut sockets {
            let frames = socket.take(usize::try_from(COUNTED).expect("a count") + 1).await;
            assert!(messages(&frames).into_iter().eq(1..=101), "{:?}", messages(&frames));
        }
    });
}

#[test]
fn whoever_is_in_hears_everything_while_the_group_grows_and_people_come_and_go() {
    run(Mode::Cluster, SETTINGS, async |world: World| {
        let [ann, bob, cho, dan, eve] = world.people().await;
        let group = ann.group(&[&bob]).await;
        let place = format!("sg_{group}");
        let line = format!("the messages of group {group} come once for each node from now on");
        let mut sockets = join_all([&bob, &cho, &dan, &eve].map(|person| person.socket())).await;
        let sending = async {
            let mut after = 0;
            while after < 40 {
                ann.send_group(&group, "on and on").await.ok();
                after += u32::from(world.logs().contains(&line));
            }
        };
        let joining = async {
            for person in [&cho, &dan] {
                person.join(&group).await.done();
            }
            eventually(line.clone(), async || world.logs().contains(&line).then_some(())).await;
            dan.quit(&group).await.done();
            eve.join(&group).await.done();
        };
        futures_util::join!(sending, joining);
        let last = ann.send_group(&group, "the end").await.ok();
        for (person, socket) in [&bob, &cho, &eve].into_iter().zip([0, 1, 3]) {
            let mut missing: BTreeSet<i64> = seqs(&person.pull(&place).await).into_iter().collect();
            assert!(missing.contains(&int(&last, "seq")));
            while !missing.is_empty() {
                missing.remove(&int(&sockets[socket].next().await, "seq"));
            }
        }
        // Nobody hears what it may not see.
        let seen: BTreeSet<i64> = seqs(&dan.pull(&place).await).into_iter().collect();
        let marker = ann.send(&dan, "the end").await;
        let heard: BTreeSet<i64> = messages(&sockets[2].before(&marker).await).into_iter().collect();
        assert!(heard.is_subset(&seen), "{heard:?} is more than {seen:?}");
    });
}

#[test]
fn a_permission_holds_on_every_node_for_all_that_is_sent_after_its_answer() {
    run(Mode::Cluster, SETTINGS, async |world: World| {
        let [ann, bob, cho, dan] = world.people().await;
        let group = large(&world, &ann, &[&bob, &cho]).await;
        let [mut listening, mut muted] = [bob.socket().await, cho.socket().await];
        let path = format!("/conversation/update?conversation_id=sg_{group}");
        cho.put(&path, json!({ "recv_msg_opt": 2 })).await.done();
        for _ in 0..10 {
            let mut newcomer = dan.socket().await;
            dan.join(&group).await.done();
            let heard = ann.send_group(&group, "to whoever is in").await.ok();
            newcomer.before(&heard).await;
            ann.kick(&group, &dan).await.done();
            ann.send_group(&group, "to whoever is left").await.ok();
            let marker = ann.send(&dan, "marker").await;
            let after = newcomer.before(&marker).await;
            assert!(messages(&after).is_empty(), "{after:?}");
        }
        assert!(messages(&listening.take(20).await).into_iter().eq(1..=20));
        let marker = ann.send(&cho, "marker").await;
        let before = muted.before(&marker).await;
        assert!(before.iter().all(|frame| frame["seq"] == 1), "only what was sent before it was muted: {before:?}");
    });
}

#[test]
fn members_are_told_of_changes_once() {
    run(Mode::Cluster, SETTINGS, async |world: World| {
        let [ann, bob, cho, dan] = world.people().await;
        let group = large(&world, &ann, &[&bob, &cho]).await;
        let mut sockets = [bob.socket_v1().await, cho.socket_v1().await, ann.socket_v1().await];
        dan.join(&group).await.done();
        ann.set_role(&group, &bob, 2).await.done();
        ann.put("/group/update", json!({ "group_id": group, "name": "new" })).await.ok();
        ann.kick(&group, &cho).await.done();
        for (person, socket) in [&bob, &cho, &ann].into_iter().zip(&mut sockets) {
            let mut heard = Vec::new();
            while heard.len() < 4 {
                let frame = socket.next().await;
                assert_eq!(frame["event"], "group_changed", "{frame}");
                heard.push(string(&frame, "change"));
            }
            heard.sort();
            // What is done to somebody comes through its log, and the rest through its node: no order holds between the two.
            assert_eq!(heard, ["joined", "kicked", "role", "updated"], "{}", person.id);
        }
    });
}

#[test]
fn whoever_comes_back_is_told_to_pull_its_large_groups() {
    run(Mode::Cluster, SETTINGS, async |world: World| {
        let [ann, bob, cho] = world.people().await;
        let group = large(&world, &ann, &[&bob, &cho]).await;
        let mut socket = bob.connect("&v=1").await;
        let after = string(&socket.next().await, "push_id");
        socket.close().await;
        let logged = ann.send(&bob, "logged").await;
        let sent = ann.send_group(&group, "not logged").await.ok();
        let mut socket = bob.socket_after(&after, "").await;
        assert_eq!(socket.next().await["client_msg_id"], logged["client_msg_id"]);
        let recovered = socket.next().await;
        assert_eq!((&recovered["event"], &recovered["whole"]), (&json!("recovered"), &json!(true)));
        let listed = json!([{ "conversation_id": format!("sg_{group}"), "max_seq": sent["seq"] }]);
        assert_eq!(recovered["conversations"], listed);
        let live = ann.send_group(&group, "live").await.ok();
        assert!(socket.before(&live).await.is_empty());
    });
}

#[test]
fn what_no_node_was_told_of_is_found_by_comparing() {
    run(Mode::Cluster, SETTINGS, async |world: World| {
        let Some(config) = cluster_settings() else { return };
        let [ann, bob, cho] = world.people().await;
        let group = large(&world, &ann, &[&bob, &cho]).await;
        let mut sockets = [bob.socket().await, cho.socket().await, ann.on(1).await.socket().await];
        ann.send_group(&group, "told").await.ok();
        for socket in &mut sockets {
            assert_eq!(socket.next().await["seq"], 1);
        }
        remove(&config, &format!("gnodes:{{sg_{group}}}")).await;
        for _ in 0..3 {
            ann.send_group(&group, "untold").await.ok();
        }
        for socket in &mut sockets {
            let heard = eventually("three messages", async || socket.try_next().await.ok()).await;
            let rest = socket.take(2).await;
            assert_eq!((heard["seq"].as_i64(), messages(&rest)), (Some(2), vec![3, 4]));
        }
    });
}
