//! Nobody can tell on which node anybody is: pushes, kicks, settings, limits and recoveries.

use std::sync::Arc;

use nexo::model::{Caller, CloseReason, ConversationId, Platform, Push, PushId};
use nexo::push::{Attach, Entry, Frame, Limits, Missed};

use super::across_nodes;
use super::deployment::{Deployment, Node, on};
use crate::contract::house::{LIMITS, Reader, seq_of};
use crate::support::{a_few_at_once, eventually, within};

/// Reads frames until there are `count`.
async fn frames(reader: &Reader, count: usize) -> Vec<Frame> {
    let mut got = Vec::new();
    while got.len() < count {
        got.extend(reader.next().await.expect("not closed"));
    }
    got
}

fn seqs(frames: &[Frame]) -> Vec<u64> {
    frames.iter().map(seq_of).collect()
}

async fn reader(node: &Node, caller: &Caller) -> Reader {
    Reader(node.attach(caller, None).await.expect("a place").connection)
}

across_nodes! {
    async fn all_connections_of_all_recipients_get_every_message_once_and_in_one_order(deployment: Deployment) {
        let nodes = [deployment.node().await, deployment.node().await, deployment.node().await];
        let [ann, bob, cho] = [nodes[0].person("ann").await, nodes[0].person("bob").await, nodes[0].person("cho").await];
        let group = nodes[0].group(&ann, &[&bob, &cho]).await;
        let mut readers = Vec::new();
        for (node, caller) in [(0, &bob), (1, &bob), (1, &bob), (2, &cho), (2, &on(Platform::Ios, &ann))] {
            readers.push(reader(&nodes[node], caller).await);
        }
        let own = reader(&nodes[1], &ann).await;
        for sent in a_few_at_once((0..150).map(|n| nodes[n % 3].send_in(&ann, group, "to all"))).await {
            sent.expect("sent");
        }
        for reader in &readers {
            let got = frames(reader, 150).await;
            assert!(seqs(&got).into_iter().eq(1..=150), "{:?}", seqs(&got));
            assert!(got.windows(2).all(|pair| pair[0].id.position < pair[1].id.position));
        }
        // What ann sent on the Web is not told to the Web.
        nodes[2].send_in(&on(Platform::Ios, &ann), group, "from the phone").await.expect("sent");
        assert_eq!(seqs(&frames(&own, 1).await), [151]);
    }

    async fn whoever_logs_in_on_one_node_hears_nothing_more_on_the_old_connection_to_another(deployment: Deployment) {
        let nodes = [deployment.node().await, deployment.node().await];
        let [ann, bob] = [nodes[0].person("ann").await, nodes[0].person("bob").await];
        for round in 1..=20 {
            let old = reader(&nodes[0], &bob).await;
            let other = Caller { jti: "of another token".to_owned(), ..bob.clone() };
            let new = reader(&nodes[1], &other).await;
            nodes[1].bus.end(&bob.user, &bob.jti, CloseReason::Replaced).await;
            nodes[round % 2].send_to(&ann, &bob.user, "too late").await.expect("sent");
            assert_eq!(old.next().await.err(), Some(CloseReason::Replaced));
            assert_eq!(seqs(&frames(&new, 1).await), [round as u64]);
            nodes[0].bus.detach(&old.0);
            nodes[1].bus.detach(&new.0);
        }
    }

    async fn a_renewed_token_holds_on_every_node(deployment: Deployment) {
        let nodes = [deployment.node().await, deployment.node().await];
        let bob = nodes[0].person("bob").await;
        let held = reader(&nodes[0], &bob).await;
        let renewed = Caller { jti: "renewed".to_owned(), ..bob.clone() };
        nodes[1].bus.renew(&renewed, &bob.jti).await;
        eventually("the new token", async || (held.0.caller() == renewed).then_some(())).await;
    }

    async fn what_is_muted_on_one_node_is_not_pushed_by_another(deployment: Deployment) {
        let nodes = [deployment.node().await, deployment.node().await];
        let [ann, bob] = [nodes[0].person("ann").await, nodes[0].person("bob").await];
        let conversation = ConversationId::single(&ann.user, &bob.user).to_string();
        let reader = reader(&nodes[0], &bob).await;
        let set = async |option| nodes[1].conversations.update(&bob, &conversation, Some(option), None).await.expect("set");
        let logged = async |count| {
            let stands = async || (nodes[0].logs.join(&bob.user, (nodes[0].id, 1), 10).await.ok()??.id.position == count).then_some(());
            eventually("the setting in the log", stands).await;
        };
        nodes[0].send_to(&ann, &bob.user, "loud").await.expect("sent");
        set(2).await;
        logged(2).await;
        nodes[0].send_to(&ann, &bob.user, "muted").await.expect("sent");
        set(0).await;
        logged(4).await;
        nodes[0].send_to(&ann, &bob.user, "loud again").await.expect("sent");
        assert_eq!(seqs(&frames(&reader, 2).await), [1, 3]);
    }

    async fn events_reach_every_node_that_has_the_user(deployment: Deployment) {
        let nodes = [deployment.node().await, deployment.node().await];
        let [ann, bob] = [nodes[0].person("ann").await, nodes[0].person("bob").await];
        let attach = Attach { caller: on(Platform::Ios, &bob), events: true, after: None };
        let phone = Reader(nodes[1].bus.attach(attach).await.expect("Redis answers").expect("a place").connection);
        let group = nodes[0].group(&ann, &[&bob]).await;
        let conversation = format!("sg_{group}");
        nodes[0].send_in(&ann, group, "read me").await.expect("sent");
        nodes[0].conversations.mark_read(&bob, &conversation, 1).await.expect("marked");
        nodes[0].conversations.update(&bob, &conversation, Some(1), Some(true)).await.expect("set");
        nodes[0].groups.kick(&ann, &group.to_string(), bob.user.as_str()).await.expect("removed");
        let mut told: Vec<String> = Vec::new();
        while told.len() < 5 {
            told.extend(phone.next().await.expect("not closed").iter().map(|frame| match frame.parcel.push() {
                Push::Group(change) => change.change.to_string(),
                Push::Read { read_seq, .. } => format!("read {read_seq}"),
                Push::Settings { receive, is_pinned, .. } => format!("set {receive:?} {is_pinned}"),
                Push::Message { message, .. } => format!("message {}", message.seq),
            }));
        }
        told.sort_unstable();
        assert_eq!(told, ["created", "kicked", "message 1", "read 1", "set Silent true"]);
    }

    async fn a_user_has_a_place_for_so_many_connections_on_all_nodes_and_gets_it_back(deployment: Deployment) {
        let limits = Limits { connections_per_user: 3, ..LIMITS };
        let nodes = [deployment.node_with(limits).await, deployment.node_with(limits).await];
        let ann = nodes[0].person("ann").await;
        let mut held = Vec::new();
        for node in [0, 1, 0] {
            held.push(nodes[node].attach(&ann, None).await.expect("a place").connection);
        }
        for node in &nodes {
            assert_eq!(node.attach(&ann, None).await.err(), Some(CloseReason::TooMany));
        }
        nodes[0].bus.detach(&held[0]);
        eventually("a place that is free again", async || nodes[1].attach(&ann, None).await.ok()).await;
        for node in &nodes {
            assert_eq!(node.attach(&ann, None).await.err(), Some(CloseReason::TooMany));
        }
    }

    async fn a_client_that_comes_back_to_any_node_misses_nothing(deployment: Deployment) {
        let nodes = Arc::new([deployment.node().await, deployment.node().await, deployment.node().await]);
        let [ann, bob] = [nodes[0].person("ann").await, nodes[0].person("bob").await];
        let last: u64 = 200;
        let sending = async {
            for n in 0..last {
                nodes[(n % 3) as usize].send_to(&ann, &bob.user, "on").await.expect("sent");
            }
        };
        let visiting = async {
            let (mut seqs, mut known): (Vec<u64>, Option<PushId>) = (Vec::new(), None);
            let mut visits = 0..;
            while seqs.last() != Some(&last) {
                let node = &nodes[visits.next().expect("endless") % 3];
                let attached = node.attach(&bob, known).await.expect("a place");
                let note = |seqs: &mut Vec<u64>, seq| if !seqs.contains(&seq) { seqs.push(seq) };
                match attached.missed {
                    Some(Missed::Whole { entries, .. }) => {
                        for (id, entry) in entries {
                            let Entry::Message { seq, .. } = entry else { panic!("only messages are sent") };
                            note(&mut seqs, seq);
                            known = Some(id);
                        }
                    }
                    None => known = Some(attached.position),
                    Some(missed) => panic!("not whole: {missed:?}"),
                }
                let reader = Reader(attached.connection);
                if seqs.last() != Some(&last) {
                    for frame in reader.next().await.expect("not closed") {
                        note(&mut seqs, seq_of(&frame));
                        known = Some(frame.id);
                    }
                }
                node.bus.detach(&reader.0);
            }
            seqs
        };
        let (_, seqs) = within("all messages", async { tokio::join!(sending, visiting) }).await;
        assert!(seqs.iter().copied().eq(1..=last), "{seqs:?}");
    }
}
