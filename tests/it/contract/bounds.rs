//! Promise 9: everything is bounded, and past each bound there is a documented answer.

use std::sync::Arc;

use nexo::domain::{Outgoing, Pull, Target};
use nexo::error::Code;
use nexo::model::{CloseReason, ConversationId};
use nexo::push::{Entry, Limits, Missed};

use super::contract;
use super::house::{House, LIMITS, Reader, seq_of};
use super::store::Store;
use crate::support::{a_few_at_once, eventually, unique};

contract! {
    async fn a_connection_that_does_not_read_is_closed_and_holds_up_nobody(store: Store) {
        let house = House::with(&store, Limits { queue_bytes: 20_000, ..LIMITS });
        let [ann, bob, cho] = [house.person("ann").await, house.person("bob").await, house.person("cho").await];
        let group = house.group(&ann, &[&bob, &cho]).await;
        let slow = house.attach(&bob, None).await.expect("a place");
        let quick = Reader(house.attach(&cho, None).await.expect("a place").connection);
        for seq in 1..=100 {
            house.send_in(&ann, group, &"x".repeat(1_000)).await.expect("sent");
            assert_eq!(quick.next().await.expect("not closed").iter().map(seq_of).collect::<Vec<_>>(), [seq]);
            assert!(house.metrics.queue_bytes.get() <= 20_000, "{} bytes wait", house.metrics.queue_bytes.get());
        }
        assert_eq!(slow.connection.closing(), Some(CloseReason::TooSlow));
        assert_eq!(house.metrics.queue_bytes.get(), 0, "what waited for it was dropped");
        house.bus.detach(&slow.connection);
        // Nothing of it is lost: it comes back and recovers.
        let whole = async || {
            let back = house.attach(&bob, Some(slow.position)).await.expect("a place");
            house.bus.detach(&back.connection);
            let Some(Missed::Whole { entries, .. }) = back.missed else { panic!("not whole") };
            // The group's creation may be among them.
            let messages = entries.iter().filter(|(_, entry)| matches!(entry, Entry::Message { .. })).count();
            (messages == 100).then_some(())
        };
        eventually("100 messages", whole).await;
    }

    async fn a_recovery_past_its_bytes_is_not_whole(store: Store) {
        let house = House::with(&store, Limits { recovery_bytes: 20_000, ..LIMITS });
        let [ann, bob] = [house.person("ann").await, house.person("bob").await];
        let start = house.attach(&bob, None).await.expect("a place");
        house.bus.detach(&start.connection);
        for _ in 0..20 {
            house.send_to(&ann, &bob.user, &"x".repeat(1_000)).await.expect("sent");
        }
        let missed = eventually("20 entries", async || {
            let back = house.attach(&bob, Some(start.position)).await.expect("a place");
            house.bus.detach(&back.connection);
            (back.position.position >= start.position.position + 20).then_some(back.missed)
        });
        assert!(matches!(missed.await, Some(Missed::Since(_))));
    }

    async fn a_user_has_a_place_for_so_many_connections_and_gets_it_back(store: Store) {
        let house = House::with(&store, Limits { connections_per_user: 3, ..LIMITS });
        let [ann, bob] = [house.person("ann").await, house.person("bob").await];
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(house.attach(&ann, None).await.expect("a place").connection);
        }
        assert_eq!(house.attach(&ann, None).await.err(), Some(CloseReason::TooMany));
        house.attach(&bob, None).await.expect("bob has places of his own");
        house.bus.detach(&held[0]);
        house.attach(&ann, None).await.expect("a place that is free again");
        assert_eq!(house.attach(&ann, None).await.err(), Some(CloseReason::TooMany));
    }

    async fn a_page_has_at_most_100_messages(store: Store) {
        let house = House::on(&store);
        let [ann, bob] = [house.person("ann").await, house.person("bob").await];
        for sent in a_few_at_once((0..150).map(|_| house.send_to(&ann, &bob.user, "many"))).await {
            sent.expect("sent");
        }
        let conversation_id = ConversationId::single(&ann.user, &bob.user).to_string();
        for (limit, length) in [(None, 100), (Some(i64::MAX), 100), (Some(7), 7)] {
            let pull = Pull { conversation_id: conversation_id.clone(), begin_seq: None, end_seq: None, limit };
            let page = house.history.pull(&ann, &pull).await.expect("a page");
            assert_eq!((page.messages.len(), page.max_seq), (length, 150));
        }
        let none = Pull { conversation_id, begin_seq: None, end_seq: None, limit: Some(0) };
        assert_eq!(house.history.pull(&ann, &none).await.err().map(|error| error.code()), Some(Code::InvalidParameter));
    }

    async fn a_content_past_its_bytes_is_refused_and_stored_nowhere(store: Store) {
        let house = House::on(&store);
        let [ann, bob] = [house.person("ann").await, house.person("bob").await];
        let frame = serde_json::json!({ "text": "" }).to_string().len();
        for (length, stored) in [(16_384, true), (16_385, false)] {
            let content: Arc<str> = serde_json::json!({ "text": "x".repeat(length - frame) }).to_string().into();
            let target = Target { session_type: 1, recv_id: bob.user.to_string(), ..Target::default() };
            let outgoing = Outgoing { client_msg_id: unique("m"), target, msg_type: 1, content };
            let sent = house.sending.send(&ann, outgoing).await.map_err(|error| error.code());
            assert_eq!(sent.is_ok(), stored, "{sent:?}");
        }
        let conversation = ConversationId::single(&ann.user, &bob.user);
        assert_eq!(house.stores.messages.extent(&conversation).await.expect("read").max_seq, 1);
    }
}
