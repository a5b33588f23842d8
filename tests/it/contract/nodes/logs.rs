//! Users' logs and nodes' streams in Redis, as one node after the other sees them.

use nexo::model::{ConversationId, GroupId, Logged, NodeId, Platform, ReceiveOption, UserId};
use nexo::store::cluster::{Event, Kept, Letter, LogEntry, Logs};

use super::across_nodes;
use super::deployment::Deployment;
use crate::contract::store::user_id;
use crate::support::within;

fn message(seq: u64) -> LogEntry {
    LogEntry::Message { conversation: ConversationId::Group(GroupId::from_number(1)), seq, size: 10 }
}

async fn append(logs: &Logs, user: &UserId, seq: u64) -> Option<Logged> {
    logs.append(user, &message(seq), None).await.expect("Redis answers")
}

/// The positions that the log has of `first..=last`, if it has all of them.
async fn kept(logs: &Logs, user: &UserId, epoch: u64, first: u64, last: u64) -> Option<Vec<u64>> {
    let entries = logs.entries(user, epoch, first, last).await.expect("Redis answers")?;
    Some(entries.iter().map(|entry| entry.id.position).collect())
}

across_nodes! {
    async fn a_log_begins_with_the_first_connection_and_counts_its_entries(deployment: Deployment) {
        let (logs, nodes, _) = deployment.push_path(512).await;
        let (ann, own) = (user_id("ann"), nodes.own());
        assert_eq!(append(&logs, &ann, 1).await, None, "ann is offline and past recovery");
        let begun = logs.join(&ann, (own, 1), 10).await.expect("Redis answers").expect("room");
        assert_eq!((begun.id.position, begun.route_was_there), (0, false));
        for seq in 1..=3 {
            let logged = append(&logs, &ann, seq).await.expect("a log");
            assert_eq!((logged.id.epoch, logged.id.position, logged.nodes), (begun.id.epoch, seq, vec![own]));
            assert!(logged.id.at_ms >= begun.id.at_ms);
        }
        let (conversation, receive) = (ConversationId::single(&ann, &ann), ReceiveOption::Mute);
        let event = LogEntry::Event(Event::Settings { conversation, receive, is_pinned: Some(true) });
        logs.append(&ann, &event, Some(Platform::Web)).await.expect("Redis answers").expect("a log");
        let entries = logs.entries(&ann, begun.id.epoch, 2, 4).await.expect("Redis answers").expect("all kept");
        let entries: Vec<_> = entries.into_iter().map(|entry| (entry.id.position, entry.except, entry.entry)).collect();
        assert_eq!(entries, [(2, None, message(2)), (3, None, message(3)), (4, Some(Platform::Web), event)]);
        let end = logs.renew(&ann, (own, 1)).await.expect("Redis answers").expect("a log");
        assert_eq!((end.id.position, end.route_was_there), (4, true));
        logs.renew(&ann, (own, 0)).await.expect("Redis answers");
        assert_eq!(append(&logs, &ann, 5).await.map(|logged| logged.nodes), Some(Vec::new()), "ann may still recover");
        assert_eq!(kept(&logs, &ann, begun.id.epoch, 6, 6).await, None, "there is no such entry yet");
    }

    async fn only_the_newest_entries_are_kept(deployment: Deployment) {
        let (logs, nodes, _) = deployment.push_path(5).await;
        let ann = user_id("ann");
        let begun = logs.join(&ann, (nodes.own(), 1), 10).await.expect("Redis answers").expect("room");
        for seq in 1..=12 {
            append(&logs, &ann, seq).await.expect("a log");
        }
        assert_eq!(kept(&logs, &ann, begun.id.epoch, 8, 12).await, Some(vec![8, 9, 10, 11, 12]));
        assert_eq!(kept(&logs, &ann, begun.id.epoch, 7, 12).await, None);
        let fields = deployment.redis.command(&["HLEN", &format!("nexo:push:{{{ann}}}")]).await;
        assert_eq!(fields, "11", "six fields and five entries");
    }

    async fn a_user_has_so_many_connections_on_all_nodes_together(deployment: Deployment) {
        let (logs, ..) = deployment.push_path(512).await;
        let (ann, [one, other]) = (user_id("ann"), [1, 2].map(NodeId::from_number));
        assert!(logs.join(&ann, (one, 2), 3).await.expect("Redis answers").is_some());
        assert!(logs.join(&ann, (other, 2), 3).await.expect("Redis answers").is_none());
        assert_eq!(logs.nodes(&ann).await.expect("Redis answers"), [one], "a refused one leaves no route");
        assert!(logs.join(&ann, (other, 1), 3).await.expect("Redis answers").is_some());
        assert!(logs.join(&ann, (one, 2), 3).await.expect("Redis answers").is_some(), "a repeat");
        assert_eq!(append(&logs, &ann, 1).await.expect("a log").nodes, [other, one]);
    }

    async fn a_log_that_another_server_wrote_begins_again_and_keeps_its_routes(mut deployment: Deployment) {
        let (ann, own) = (user_id("ann"), NodeId::from_number(1));
        let (logs, ..) = deployment.push_path(512).await;
        let begun = logs.join(&ann, (own, 1), 10).await.expect("Redis answers").expect("room");
        append(&logs, &ann, 1).await.expect("a log");
        deployment.redis.save().await;
        append(&logs, &ann, 2).await.expect("a log, but not in the snapshot");
        deployment.redis.kill9();
        deployment.redis.start_again().await;
        let (logs, ..) = deployment.push_path(512).await;
        assert_eq!(kept(&logs, &ann, begun.id.epoch, 1, 1).await, None, "what is older may lack the newest");
        let logged = append(&logs, &ann, 3).await.expect("a log");
        assert_eq!((logged.id.position, logged.nodes), (1, vec![own]));
        assert_ne!(logged.id.epoch, begun.id.epoch);
        assert!(logged.id.at_ms >= begun.id.at_ms);
    }

    async fn letters_come_in_order_and_a_dead_node_gets_none(deployment: Deployment) {
        let (_, nodes, _) = deployment.push_path(512).await;
        let Ok(Kept::Anew(stream)) = nodes.keep(None).await else { panic!("not begun") };
        let mut reader = nodes.reader().await.expect("Redis answers");
        reader.begin(&stream);
        let ann = user_id("ann");
        let letter = |n: u64| {
            let conversation = ConversationId::single(&ann, &ann);
            Letter::Event { event: Event::Read { conversation, read_seq: n }, to: Vec::new() }.encode(None).expect("bytes")
        };
        let dead = NodeId::from_number(1);
        for n in 0..300 {
            assert_eq!(nodes.send(vec![(nodes.own(), letter(2 * n)), (dead, letter(0)), (nodes.own(), letter(2 * n + 1))]).await, 0);
        }
        let mut read = Vec::new();
        while read.len() < 600 {
            read.extend(within("letters", reader.next()).await.expect("Redis answers"));
        }
        assert!(read.into_iter().eq((0..600).map(letter)));
        assert_eq!(deployment.redis.command(&["EXISTS", &format!("nexo:node:{{{dead}}}")]).await, "0");
        assert!(matches!(nodes.keep(Some(&stream)).await, Ok(Kept::There(_))));
        nodes.leave().await.expect("Redis answers");
        assert!(matches!(nodes.keep(Some(&stream)).await, Ok(Kept::Anew(other)) if other != stream));
    }
}
