//! Promise 7: what is not in the store can be lost at any moment, at the price of pushes in flight.

use nexo::model::{ConversationId, Platform, Session};
use nexo::push::Missed;

use super::contract;
use super::house::{House, Reader, seq_of};
use super::store::Store;

contract! {
    async fn a_lost_push_path_loses_no_message_and_says_that_a_recovery_is_not_whole(store: Store) {
        let house = House::on(&store);
        let [ann, bob] = [house.person("ann").await, house.person("bob").await];
        let conversation = ConversationId::single(&ann.user, &bob.user).to_string();
        let reader = Reader(house.attach(&bob, None).await.expect("a place").connection);
        house.send_to(&ann, &bob.user, "live").await.expect("sent");
        let frames = reader.next().await.expect("not closed");
        let known = frames[0].id;
        house.send_to(&ann, &bob.user, "in flight").await.expect("sent");
        drop(house);
        store.lose_push_path_of(&bob.user).await;
        let house = House::on(&store);
        house.send_to(&ann, &bob.user, "while nobody knew of bob").await.expect("sent");
        let back = house.attach(&bob, Some(known)).await.expect("a place");
        assert!(matches!(back.missed, Some(Missed::Since(at_ms)) if at_ms == known.at_ms), "{:?}", back.missed);
        assert_eq!(house.pull(&bob, &conversation, seq_of(&frames[0]) + 1).await, (vec![2, 3], 3));
        let reader = Reader(back.connection);
        house.send_to(&ann, &bob.user, "live again").await.expect("sent");
        let mut seqs = Vec::new();
        while seqs.last() != Some(&4) {
            seqs.extend(reader.next().await.expect("not closed").iter().map(seq_of));
        }
        // What was acked a moment before bob came may be handed over only now.
        assert!(matches!(seqs[..], [4] | [3, 4]), "{seqs:?}");
    }

    async fn a_lost_push_path_loses_no_membership_and_no_setting(store: Store) {
        let house = House::on(&store);
        let [ann, bob] = [house.person("ann").await, house.person("bob").await];
        let (group, muted) = (house.group(&ann, &[&bob]).await, house.group(&ann, &[&bob]).await);
        house.conversations.update(&bob, &format!("sg_{muted}"), Some(2), None).await.expect("set");
        drop(house);
        let house = House::on(&store);
        let reader = Reader(house.attach(&bob, None).await.expect("a place").connection);
        house.send_in(&ann, muted, "muted").await.expect("sent");
        let loud = house.send_in(&ann, group, "loud").await.expect("sent");
        let frames = reader.next().await.expect("not closed");
        assert_eq!(frames.len(), 1);
        let nexo::model::Push::Message { message, .. } = frames[0].parcel.push() else { panic!("no message") };
        assert_eq!(message.client_msg_id, loud.client_msg_id);
        house.bus.detach(&reader.0);
    }

    async fn nobody_is_logged_out_and_no_replaced_token_comes_back(store: Store) {
        let house = House::on(&store);
        let ann = house.person("ann").await;
        let session = |jti: &str| Session { jti: jti.to_owned(), issued_at_ms: 0, expires_at_ms: 1, refreshed_from: None };
        for jti in ["replaced", "current"] {
            house.stores.sessions.replace(&ann.user, Platform::Web, session(jti)).await.expect("stored");
        }
        drop(house);
        let store = store.reopened().await;
        assert_eq!(store.sessions.find(&ann.user, Platform::Web).await.expect("read"), Some(session("current")));
    }
}
