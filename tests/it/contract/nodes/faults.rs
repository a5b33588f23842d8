//! What Redis loses costs seconds, not messages; what a node loses, its clients recover.

use std::time::Duration;

use nexo::model::{CloseReason, ConversationId, UserId};
use nexo::push::Missed;
use nexo::store::cluster::LogEntry;

use super::across_nodes;
use super::deployment::{Deployment, Node};
use crate::contract::house::{Reader, seq_of};
use crate::support::eventually;

/// Reads until a message with the seq `last` came, and answers all seqs.
async fn until(reader: &Reader, last: u64) -> Vec<u64> {
    let mut seqs = Vec::new();
    while seqs.last() != Some(&last) {
        seqs.extend(reader.next().await.expect("not closed").iter().map(seq_of));
    }
    seqs
}

/// Waits until `user` has a route, or has none.
async fn routed(node: &Node, user: &UserId, is_routed: bool) {
    let look = async || (node.logs.nodes(user).await.ok()?.is_empty() != is_routed).then_some(());
    eventually(("a route", is_routed), look).await;
}

across_nodes! {
    async fn letters_that_are_lost_with_a_stream_are_read_from_the_log(deployment: Deployment) {
        let nodes = [deployment.node().await, deployment.node().await];
        let [ann, bob] = [nodes[0].person("ann").await, nodes[0].person("bob").await];
        let reader = Reader(nodes[0].attach(&bob, None).await.expect("a place").connection);
        nodes[1].send_to(&ann, &bob.user, "live").await.expect("sent");
        assert_eq!(until(&reader, 1).await, [1]);
        deployment.redis.command(&["DEL", &format!("nexo:node:{{{}}}", nodes[0].id)]).await;
        for _ in 0..100 {
            nodes[1].send_to(&ann, &bob.user, "into the void").await.expect("sent");
        }
        assert!(until(&reader, 101).await.into_iter().eq(2..=101));
        nodes[1].send_to(&ann, &bob.user, "live again").await.expect("sent");
        assert_eq!(until(&reader, 102).await, [102]);
        assert_eq!(nodes[0].metrics.between.broken.get(), 0);
    }

    async fn a_letter_that_did_not_come_is_read_from_the_log_when_the_next_one_comes(deployment: Deployment) {
        let nodes = [deployment.node().await, deployment.node().await];
        let [ann, bob] = [nodes[0].person("ann").await, nodes[0].person("bob").await];
        let reader = Reader(nodes[0].attach(&bob, None).await.expect("a place").connection);
        let pair = ConversationId::single(&ann.user, &bob.user);
        let log = format!("nexo:push:{{{}}}", bob.user);
        for round in 0..3 {
            // For the time of two messages there is no route, so nobody is told of them.
            let routes = deployment.redis.command(&["HGET", &log, "nodes"]).await;
            deployment.redis.command(&["HSET", &log, "nodes", ""]).await;
            for _ in 0..2 {
                nodes[1].send_to(&ann, &bob.user, "untold").await.expect("sent");
            }
            deployment.redis.command(&["HSET", &log, "nodes", &routes]).await;
            nodes[1].send_to(&ann, &bob.user, "told").await.expect("sent");
            let top = 3 * (round + 1);
            assert!(until(&reader, top).await.into_iter().eq(top - 2..=top));
        }
        assert_eq!(nodes[0].stores.messages.at(&pair, 1, 9).await.expect("read").len(), 9);
        assert!(nodes[0].metrics.between.repairs.with_label_values(&["gap"]).get() >= 3);
    }

    async fn whoever_connects_can_pull_what_was_told_before(deployment: Deployment) {
        let node = deployment.node().await;
        let [ann, bob] = [node.person("ann").await, node.person("bob").await];
        node.bus.detach(&node.attach(&bob, None).await.expect("a place").connection);
        routed(&node, &bob.user, false).await;
        let pair = ConversationId::single(&ann.user, &bob.user);
        // The log has it, and the send that told of it is not finished yet.
        let entry = LogEntry::Message { conversation: pair.clone(), seq: 1, size: 10 };
        node.logs.append(&bob.user, &entry, None).await.expect("Redis answers").expect("a log");
        let connecting = async {
            let attached = node.attach(&bob, None).await.expect("a place");
            assert_eq!(attached.position.position, 1);
            node.pull(&bob, &pair.to_string(), 1).await
        };
        let sending = async {
            // Whoever connects has its place by then, and its pull waits for this.
            routed(&node, &bob.user, true).await;
            node.send_to(&ann, &bob.user, "told before").await.expect("sent")
        };
        let ((seqs, _), _) = tokio::join!(connecting, sending);
        assert_eq!(seqs, [1]);
    }

    async fn a_route_that_was_lost_is_written_again_and_what_was_missed_is_delivered(deployment: Deployment) {
        let nodes = [deployment.node().await, deployment.node().await];
        let [ann, bob] = [nodes[0].person("ann").await, nodes[0].person("bob").await];
        let reader = Reader(nodes[0].attach(&bob, None).await.expect("a place").connection);
        deployment.redis.command(&["HSET", &format!("nexo:push:{{{}}}", bob.user), "nodes", ""]).await;
        for _ in 0..10 {
            nodes[1].send_to(&ann, &bob.user, "untold").await.expect("sent");
        }
        // Nothing more is sent: it is the renewal, within 20 s, that finds it.
        let came = async || match reader.0.take() {
            nexo::push::Taken::Frames(frames) => Some(frames.iter().map(seq_of).collect::<Vec<_>>()),
            _ => None,
        };
        let mut seqs = Vec::new();
        for _ in 0..2 {
            if seqs.len() < 10 {
                seqs.extend(late(came).await);
            }
        }
        assert!(seqs.into_iter().eq(1..=10));
        assert_eq!(nodes[0].metrics.between.repairs.with_label_values(&["route"]).get(), 1);
    }

    async fn after_a_flush_everybody_comes_back_and_recovers_from_the_store(deployment: Deployment) {
        let nodes = [deployment.node().await, deployment.node().await];
        let [ann, bob] = [nodes[0].person("ann").await, nodes[0].person("bob").await];
        let pair = ConversationId::single(&ann.user, &bob.user).to_string();
        let reader = Reader(nodes[0].attach(&bob, None).await.expect("a place").connection);
        nodes[1].send_to(&ann, &bob.user, "live").await.expect("sent");
        let known = reader.next().await.expect("not closed")[0].id;
        deployment.redis.command(&["FLUSHALL"]).await;
        nodes[1].send_to(&ann, &bob.user, "unheard").await.expect("sent");
        let closed = eventually("the close", async || reader.0.closing()).await;
        assert_eq!(closed, CloseReason::Failed);
        nodes[0].bus.detach(&reader.0);
        let back = nodes[1].attach(&bob, Some(known)).await.expect("a place");
        assert!(matches!(back.missed, Some(Missed::Since(at_ms)) if at_ms == known.at_ms), "{:?}", back.missed);
        assert_eq!(nodes[1].pull(&bob, &pair, 2).await, (vec![2], 2));
        nodes[0].send_to(&ann, &bob.user, "live again").await.expect("sent");
        assert_eq!(until(&Reader(back.connection), 3).await, [3]);
    }

    async fn a_redis_that_is_silent_for_a_while_delays_and_loses_nothing(deployment: Deployment) {
        let nodes = [deployment.node().await, deployment.node().await];
        let [ann, bob] = [nodes[0].person("ann").await, nodes[0].person("bob").await];
        let reader = Reader(nodes[0].attach(&bob, None).await.expect("a place").connection);
        deployment.redis.pause();
        let sending = async {
            for _ in 0..2 {
                nodes[1].send_to(&ann, &bob.user, "during the silence").await.expect("sent");
            }
        };
        let silence = async {
            // Longer than a call of Redis may take (`store.redis_timeout_ms`), so that some fail.
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            deployment.redis.resume();
        };
        tokio::join!(sending, silence);
        let mut got = std::collections::BTreeSet::new();
        while got.len() < 2 {
            let frames = tokio::time::timeout(Duration::from_secs(25), reader.0.rung()).await.map(|()| reader.0.take());
            if let Ok(nexo::push::Taken::Frames(frames)) = frames {
                got.extend(frames.iter().map(seq_of));
            }
        }
        assert!(got.into_iter().eq(1..=2));
    }

    async fn a_killed_node_takes_nobody_else_with_it(deployment: Deployment) {
        let nodes = [deployment.node().await, deployment.node().await];
        let [ann, bob] = [nodes[0].person("ann").await, nodes[0].person("bob").await];
        let dead = deployment.node().await;
        let lost = dead.attach(&bob, None).await.expect("a place");
        let reader = Reader(nodes[0].attach(&bob, None).await.expect("a place").connection);
        dead.kill().await;
        for _ in 0..20 {
            nodes[1].send_to(&ann, &bob.user, "on").await.expect("sent");
        }
        assert!(until(&reader, 20).await.into_iter().eq(1..=20));
        // Its client goes to another node, and gets what it missed.
        let back = nodes[1].attach(&bob, Some(lost.position)).await.expect("a place");
        let Some(Missed::Whole { entries, .. }) = back.missed else { panic!("not whole: {:?}", back.missed) };
        assert_eq!(entries.len(), 20);
    }

    async fn a_node_that_stops_leaves_nothing_behind(deployment: Deployment) {
        let (stays, goes) = (deployment.node().await, deployment.node().await);
        let bob = stays.person("bob").await;
        goes.attach(&bob, None).await.expect("a place");
        let id = goes.id;
        goes.stop().await;
        assert_eq!(deployment.redis.command(&["EXISTS", &format!("nexo:node:{{{id}}}")]).await, "0");
        assert_eq!(stays.logs.nodes(&bob.user).await.expect("Redis answers"), []);
    }

    async fn whoever_is_gone_from_a_node_has_no_route_to_it(deployment: Deployment) {
        let node = deployment.node().await;
        let bob = node.person("bob").await;
        for _ in 0..20 {
            let attached = node.attach(&bob, None).await.expect("a place");
            node.bus.detach(&attached.connection);
        }
        routed(&node, &bob.user, false).await;
        assert_eq!(node.metrics.connections.get(), 0);
    }
}

/// Waits longer than `eventually`: for a renewal of routes.
async fn late<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(tokio::time::Instant::now() < end, "not within a renewal");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
