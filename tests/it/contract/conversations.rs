//! The port of conversations, as each user sees its own.

use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use nexo::model::{Conversation, ConversationId, ConversationState, ReceiveOption, Settings, UserId, Windows};
use nexo::store::{OnCommit, Subscription};

use super::contract;
use super::house::House;
use super::store::{Store, draft, group_id, nobody, user_id};
use crate::support::{a_few_at_once, eventually};

/// Two users and their conversation, with so many messages of the first.
async fn talked(store: &Store, messages: u64) -> (UserId, UserId, ConversationId) {
    let (ann, bob) = (store.person("ann").await, store.person("bob").await);
    let pair = ConversationId::single(&ann, &bob);
    for _ in 0..messages {
        say(store, &ann, &pair).await;
    }
    (ann, bob, pair)
}

async fn say(store: &Store, sender: &UserId, conversation: &ConversationId) {
    store.messages.append(draft(sender, conversation, "so"), |_| Ok(()), nobody()).await.expect("stored");
}

async fn find(store: &Store, user: &UserId, conversation: &ConversationId) -> ConversationState {
    store.conversations.find(user, conversation).await.expect("read").expect("a conversation")
}

async fn mark(store: &Store, user: &UserId, conversation: &ConversationId, read_seq: u64) {
    store.conversations.mark_read(user, conversation, read_seq, nobody()).await.expect("answered").expect("a conversation");
}

contract! {
    async fn a_conversation_comes_into_being_for_both_with_its_first_message(store: Store) {
        let (ann, bob, pair) = talked(&store, 0).await;
        for user in [&ann, &bob] {
            assert_eq!(store.conversations.find(user, &pair).await.expect("read"), None);
            assert!(store.conversations.list(user).await.expect("read").is_empty());
        }
        say(&store, &ann, &pair).await;
        for (user, unread) in [(&ann, 0), (&bob, 1)] {
            let state = find(&store, user, &pair).await;
            assert_eq!((state.max_seq(), state.unread()), (1, unread));
            assert!(state.seen_at_ms.is_some_and(|seen| store.is_time_of(5_000, seen)), "{state:?}");
            assert_eq!(state.conversation.windows, Windows::whole());
            assert_eq!(store.conversations.list(user).await.expect("read"), [state]);
        }
    }

    async fn what_is_not_there_cannot_be_marked_or_set(store: Store) {
        let (ann, _, pair) = talked(&store, 0).await;
        let never: fn() -> OnCommit<Conversation> = || Box::new(|_| panic!("nothing was stored"));
        for id in [pair, ConversationId::Group(group_id())] {
            let settings = Settings { is_pinned: Some(true), ..Settings::default() };
            assert_eq!(store.conversations.update(&ann, &id, settings, never()).await.expect("answered"), None);
            assert_eq!(store.conversations.mark_read(&ann, &id, 5, never()).await.expect("answered"), None);
            assert_eq!(store.conversations.find(&ann, &id).await.expect("read"), None);
        }
    }

    async fn sending_reads(store: Store) {
        let (ann, bob, pair) = talked(&store, 3).await;
        assert_eq!(find(&store, &ann, &pair).await.read_seq(), 3);
        assert_eq!(find(&store, &bob, &pair).await.read_seq(), 0);
        say(&store, &bob, &pair).await;
        assert_eq!((find(&store, &ann, &pair).await.unread(), find(&store, &bob, &pair).await.unread()), (1, 0));
    }

    async fn read_seq_only_grows_and_is_cut_at_what_may_be_seen(store: Store) {
        let (_, bob, pair) = talked(&store, 5).await;
        for (asked, read) in [(2, 2), (1, 2), (0, 2), (4, 4), (u64::MAX, 5), (3, 5)] {
            mark(&store, &bob, &pair, asked).await;
            assert_eq!(find(&store, &bob, &pair).await.conversation.read_seq, read, "after {asked}");
        }
        assert_eq!(find(&store, &bob, &pair).await.unread(), 0);
    }

    async fn a_mark_is_told_only_if_it_moved(store: Store) {
        let (ann, bob, pair) = talked(&store, 5).await;
        let heard: Arc<Mutex<Vec<u64>>> = Arc::default();
        for read_seq in [3, 3, 1, 9, 9] {
            let heard = Arc::clone(&heard);
            let hook = Box::new(move |row: &Conversation| heard.lock().expect("the seqs").push(row.read_seq));
            store.conversations.mark_read(&bob, &pair, read_seq, hook).await.expect("stored").expect("a conversation");
        }
        eventually("both calls", async || (heard.lock().expect("the seqs").len() >= 2).then_some(())).await;
        // One more change of the same row comes behind all of them.
        say(&store, &ann, &pair).await;
        mark(&store, &bob, &pair, 6).await;
        assert_eq!(*heard.lock().expect("the seqs"), [3, 5]);
    }

    async fn marks_at_once_end_at_the_highest(store: Store) {
        let (_, bob, pair) = talked(&store, 40).await;
        join_all((1..=40).rev().map(|seq| mark(&store, &bob, &pair, seq))).await;
        assert_eq!(find(&store, &bob, &pair).await.read_seq(), 40);
    }

    async fn settings_change_what_they_name_and_stay(store: Store) {
        let (ann, bob, pair) = talked(&store, 1).await;
        let set = async |receive, is_pinned| {
            let settings = Settings { receive, is_pinned };
            store.conversations.update(&bob, &pair, settings, nobody()).await.expect("stored").expect("a conversation");
            let row = find(&store, &bob, &pair).await.conversation;
            (row.receive, row.is_pinned)
        };
        assert_eq!(set(None, None).await, (ReceiveOption::Notify, false));
        assert_eq!(set(Some(ReceiveOption::Silent), None).await, (ReceiveOption::Silent, false));
        assert_eq!(set(None, Some(true)).await, (ReceiveOption::Silent, true));
        assert_eq!(set(Some(ReceiveOption::Mute), Some(false)).await, (ReceiveOption::Mute, false));
        assert_eq!(find(&store, &ann, &pair).await.conversation.receive, ReceiveOption::Notify);
        say(&store, &ann, &pair).await;
        mark(&store, &bob, &pair, 2).await;
        let store = store.reopened().await;
        let row = find(&store, &bob, &pair).await.conversation;
        assert_eq!((row.receive, row.read_seq), (ReceiveOption::Mute, 2));
    }

    async fn a_list_has_all_of_a_user_and_nothing_of_others(store: Store) {
        let (ann, bob, pair) = talked(&store, 2).await;
        let cho = store.person("cho").await;
        let other = ConversationId::single(&bob, &cho);
        say(&store, &cho, &other).await;
        let list = async |user| {
            let mut ids: Vec<_> =
                store.conversations.list(user).await.expect("read").into_iter().map(|state| state.conversation.id).collect();
            ids.sort();
            ids
        };
        let mut of_bob = vec![pair.clone(), other.clone()];
        of_bob.sort();
        assert_eq!(list(&bob).await, of_bob);
        assert_eq!((list(&ann).await, list(&cho).await), (vec![pair], vec![other]));
        assert!(list(&user_id("dan")).await.is_empty());
    }

    async fn a_long_list_knows_how_far_each_has_come(store: Store) {
        let bob = store.person("bob").await;
        let begin = async |messages: u64| {
            let ann = store.person("ann").await;
            let pair = ConversationId::single(&ann, &bob);
            for _ in 0..messages {
                say(&store, &ann, &pair).await;
            }
            (pair, messages)
        };
        let mut begun = a_few_at_once((0..300).map(|number| begin(number % 4))).await;
        begun.retain(|(_, messages)| *messages > 0);
        begun.sort();
        let list = store.conversations.list(&bob).await.expect("read").into_iter();
        let mut found: Vec<_> = list.map(|state| (state.conversation.id.clone(), state.unread())).collect();
        found.sort();
        assert_eq!(found, begun);
    }

    async fn subscriptions_are_the_groups_that_one_is_in_and_what_one_muted(store: Store) {
        let house = House::on(&store);
        let [ann, bob] = [house.person("ann").await, house.person("bob").await];
        let (stays, leaves) = (house.group(&ann, &[&bob]).await, house.group(&ann, &[&bob]).await);
        let (muted, left_muted) = (house.group(&ann, &[&bob]).await, house.group(&ann, &[&bob]).await);
        house.send_to(&ann, &bob.user, "hello").await.expect("sent");
        for group in [muted, left_muted] {
            house.conversations.update(&bob, &format!("sg_{group}"), Some(2), None).await.expect("set");
        }
        for group in [leaves, left_muted] {
            house.groups.quit(&bob, &group.to_string()).await.expect("left");
        }
        let mut found = store.conversations.subscriptions(&bob.user).await.expect("read");
        found.sort_by_key(|subscription| subscription.conversation.clone());
        let subscription = |group, windows, muted| Subscription { conversation: ConversationId::Group(group), windows, muted, by_node: None };
        let mut expected = vec![
            subscription(stays, Windows::whole(), false),
            subscription(muted, Windows::whole(), true),
            subscription(left_muted, Windows::none(), true),
        ];
        expected.sort_by_key(|subscription| subscription.conversation.clone());
        assert_eq!(found, expected);
    }

    async fn a_former_member_keeps_what_it_saw_and_cannot_read_further(store: Store) {
        let house = House::on(&store);
        let [ann, bob] = [house.person("ann").await, house.person("bob").await];
        let group = house.group(&ann, &[&bob]).await;
        let id = ConversationId::Group(group);
        let first = house.send_in(&ann, group, "seen").await.expect("sent");
        house.groups.quit(&bob, &group.to_string()).await.expect("left");
        house.clock.advance_ms(60_000);
        house.send_in(&ann, group, "not seen").await.expect("sent");
        let state = find(&store, &bob.user, &id).await;
        assert_eq!((state.max_seq(), state.unread(), state.seen_at_ms), (1, 1, Some(first.send_at_ms)));
        mark(&store, &bob.user, &id, 2).await;
        let state = find(&store, &bob.user, &id).await;
        assert_eq!((state.conversation.read_seq, state.unread()), (1, 0));
    }
}
