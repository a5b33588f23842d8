//! The port of messages and their seqs.

use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use nexo::error::Code;
use nexo::model::{Appended, Caller, ConversationId, Destination, Draft, Extent, Message, Session, Stored, UserId};
use nexo::store::OnCommit;

use super::contract;
use super::store::{Store, caller, draft, group_id, nobody};
use crate::support::eventually;

/// Everybody may send everywhere.
fn admit(_: &Destination) -> Result<(), Code> {
    Ok(())
}

/// Nobody may send anywhere.
fn refuse(_: &Destination) -> Result<(), Code> {
    Err(Code::NotGroupMember)
}

/// The message of an append, new or repeated.
#[track_caller]
pub(super) fn message(appended: Appended) -> Arc<Message> {
    match appended {
        Appended::New { message, .. } | Appended::Repeat(message) => message,
        other => panic!("not stored: {other:?}"),
    }
}

/// The seqs that hooks were called with, in the order of the calls.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u64>>>);

impl Heard {
    fn hook(&self) -> OnCommit<Stored> {
        let heard = Arc::clone(&self.0);
        Box::new(move |stored| heard.lock().expect("the seqs").push(stored.message.seq))
    }

    fn seqs(&self) -> Vec<u64> {
        self.0.lock().expect("the seqs").clone()
    }

    /// Waits until hooks were called with exactly `1..=last`, in that order if the store says so.
    async fn all(&self, store: &Store, last: u64) {
        let expected: Vec<u64> = (1..=last).collect();
        let whole = async || (self.seqs().len() >= expected.len()).then_some(());
        eventually(format!("{last} calls"), whole).await;
        let mut seqs = self.seqs();
        if !store.tells_in_order() {
            seqs.sort_unstable();
        }
        assert_eq!(seqs, expected);
    }
}

/// Two users and their conversation.
async fn two(store: &Store) -> (UserId, UserId, ConversationId) {
    let (ann, bob) = (store.person("ann").await, store.person("bob").await);
    let conversation = ConversationId::single(&ann, &bob);
    (ann, bob, conversation)
}

async fn append(store: &Store, draft: &Draft) -> Appended {
    store.messages.append(draft.clone(), admit, nobody()).await.expect("answered")
}

async fn all(store: &Store, conversation: &ConversationId) -> Vec<Arc<Message>> {
    let extent = store.messages.extent(conversation).await.expect("read");
    store.messages.range(conversation, &extent, (1, u64::MAX), usize::MAX).await.expect("read")
}

contract! {
    async fn seqs_start_at_1_and_have_no_holes(store: Store) {
        let (ann, bob, pair) = two(&store).await;
        let notes = ConversationId::single(&ann, &ann);
        for seq in 1..=5 {
            assert_eq!(message(append(&store, &draft(&ann, &pair, "to bob")).await).seq, 2 * seq - 1);
            assert_eq!(message(append(&store, &draft(&bob, &pair, "to ann")).await).seq, 2 * seq);
            assert_eq!(message(append(&store, &draft(&ann, &notes, "to myself")).await).seq, seq);
        }
    }

    async fn seqs_of_many_senders_at_once_have_no_holes_and_each_is_told_of_once(store: Store) {
        let (ann, bob, pair) = two(&store).await;
        let heard = Heard::default();
        let sends = (0..200).map(async |n| {
            let draft = draft(if n % 2 == 0 { &ann } else { &bob }, &pair, "at once");
            message(store.messages.append(draft, admit, heard.hook()).await.expect("answered")).seq
        });
        let mut seqs = join_all(sends).await;
        seqs.sort_unstable();
        assert!(seqs.into_iter().eq(1..=200));
        heard.all(&store, 200).await;
    }

    async fn what_is_stored_is_what_was_sent(store: Store) {
        let (ann, _, pair) = two(&store).await;
        let sent = Draft { content: "{\"text\" : \"h\\u00e9 😀\\u0000\",\"n\":1.50}".into(), ..draft(&ann, &pair, "x") };
        let stored = message(append(&store, &sent).await);
        let expected = Message {
            conversation: pair.clone(),
            seq: 1,
            client_msg_id: Arc::clone(&sent.client_msg_id),
            sender: ann.clone(),
            msg_type: sent.msg_type,
            content: Arc::clone(&sent.content),
            send_at_ms: stored.send_at_ms,
        };
        assert_eq!(*stored, expected);
        assert!(store.is_time_of(sent.now_ms, stored.send_at_ms), "{stored:?}");
        assert_eq!(all(&store, &pair).await, [stored]);
    }

    async fn a_repeat_returns_the_first(store: Store) {
        let (ann, bob, pair) = two(&store).await;
        let heard = Heard::default();
        let first_draft = draft(&ann, &pair, "once");
        let first = store.messages.append(first_draft.clone(), admit, heard.hook()).await.expect("answered");
        let Appended::New { message: first, .. } = first else { panic!("not new: {first:?}") };
        append(&store, &draft(&bob, &pair, "meanwhile")).await;
        let later = Draft { now_ms: 9_999, ..first_draft };
        for admission in [admit, refuse] {
            let again = store.messages.append(later.clone(), admission, heard.hook()).await.expect("answered");
            assert_eq!(again, Appended::Repeat(Arc::clone(&first)));
        }
        assert_eq!(all(&store, &pair).await.len(), 2);
        heard.all(&store, 1).await;
    }

    async fn an_id_with_another_body_or_destination_is_told_so_and_stores_nothing(store: Store) {
        let (ann, _, pair) = two(&store).await;
        let first = draft(&ann, &pair, "one");
        append(&store, &first).await;
        let body = Draft { fingerprint: [7; 16], content: "{\"text\":\"two\"}".into(), ..first.clone() };
        let elsewhere = Draft { conversation: ConversationId::single(&ann, &ann), ..first.clone() };
        for other in [&body, &elsewhere] {
            assert_eq!(append(&store, other).await, Appended::OtherBody);
        }
        assert_eq!(all(&store, &pair).await.len(), 1);
        assert!(all(&store, &elsewhere.conversation).await.is_empty());
        assert_eq!(store.conversations.find(&ann, &elsewhere.conversation).await.expect("read"), None);
    }

    async fn a_send_with_a_replaced_token_is_refused_and_burns_no_seq(store: Store) {
        let (ann, _, pair) = two(&store).await;
        let first = draft(&ann, &pair, "one");
        append(&store, &first).await;
        let next = Session { jti: "next".to_owned(), issued_at_ms: 1, expires_at_ms: i64::MAX, refreshed_from: None };
        store.sessions.replace(&ann, first.caller.platform, next).await.expect("stored");
        for refused in [&first, &draft(&ann, &pair, "two")] {
            assert_eq!(append(&store, refused).await, Appended::Refused(Code::TokenInvalid.into()));
        }
        let caller = Caller { jti: "next".to_owned(), ..first.caller.clone() };
        let sent = message(append(&store, &Draft { caller, ..draft(&ann, &pair, "three") }).await);
        assert_eq!(sent.seq, 2);
    }

    async fn the_same_id_of_two_senders_is_two_messages(store: Store) {
        let (ann, bob, pair) = two(&store).await;
        let of_ann = draft(&ann, &pair, "hers");
        let of_bob = Draft { caller: caller(&bob), ..of_ann.clone() };
        assert_eq!(message(append(&store, &of_ann).await).seq, 1);
        assert_eq!(message(append(&store, &of_bob).await).seq, 2);
    }

    async fn of_16_twins_one_is_stored(store: Store) {
        let (ann, _, pair) = two(&store).await;
        let heard = Heard::default();
        for round in 1..=10 {
            let twin = draft(&ann, &pair, "twin");
            let sends = (0..16).map(|_| store.messages.append(twin.clone(), admit, heard.hook()));
            let answers: Vec<Appended> = join_all(sends).await.into_iter().map(|answer| answer.expect("answered")).collect();
            let new = answers.iter().filter(|answer| matches!(answer, Appended::New { .. })).count();
            assert_eq!(new, 1, "{answers:?}");
            assert!(answers.into_iter().all(|answer| message(answer).seq == round));
        }
        assert_eq!(all(&store, &pair).await.len(), 10);
        heard.all(&store, 10).await;
    }

    async fn a_refused_append_burns_no_seq_and_leaves_the_id_free(store: Store) {
        let (ann, bob, pair) = two(&store).await;
        let heard = Heard::default();
        let refused = draft(&ann, &pair, "refused");
        let answer = store.messages.append(refused.clone(), refuse, heard.hook()).await.expect("answered");
        assert_eq!(answer, Appended::Refused(Code::NotGroupMember.into()));
        assert_eq!(store.messages.extent(&pair).await.expect("read"), Extent::default());
        for user in [&ann, &bob] {
            assert_eq!(store.conversations.find(user, &pair).await.expect("read"), None);
        }
        assert_eq!(heard.seqs(), Vec::<u64>::new());
        assert_eq!(message(append(&store, &refused).await).seq, 1);
    }

    async fn refused_and_stored_ones_at_once_leave_no_holes(store: Store) {
        let (ann, bob, pair) = two(&store).await;
        let sends = (0..90).map(async |n| {
            let (sender, admission) = (if n % 2 == 0 { &ann } else { &bob }, if n % 3 == 0 { refuse } else { admit });
            let answer = store.messages.append(draft(sender, &pair, "mixed"), admission, nobody()).await.expect("answered");
            matches!(answer, Appended::New { .. })
        });
        let stored = join_all(sends).await.into_iter().filter(|&stored| stored).count();
        assert_eq!(stored, 60);
        assert!(all(&store, &pair).await.iter().map(|message| message.seq).eq(1..=60));
    }

    async fn hooks_are_called_once_even_if_the_caller_has_gone_away(store: Store) {
        let (ann, _, pair) = two(&store).await;
        let heard = Heard::default();
        let drafts: Vec<Draft> = (0..64).map(|_| draft(&ann, &pair, "dropped")).collect();
        for (n, draft) in drafts.iter().enumerate() {
            let (messages, hook, draft) = (Arc::clone(&store.messages), heard.hook(), draft.clone());
            let task = tokio::spawn(async move { messages.append(draft, admit, hook).await });
            // Some are dropped before they began, some under way, some after their answer.
            for _ in 0..n % 8 {
                tokio::task::yield_now().await;
            }
            task.abort();
        }
        // Whatever was stored was told of, by the first or by the second call, and never by both.
        let again = join_all(drafts.iter().map(|draft| store.messages.append(draft.clone(), admit, heard.hook()))).await;
        assert!(again.into_iter().all(|answer| message(answer.expect("answered")).seq <= 64));
        assert_eq!(all(&store, &pair).await.len(), 64);
        heard.all(&store, 64).await;
    }

    async fn the_time_of_a_message_is_never_below_that_of_an_earlier_one(store: Store) {
        let (ann, _, pair) = two(&store).await;
        let mut times = Vec::new();
        for now_ms in [5_000, 9_000, 2_000, 9_500] {
            times.push(message(append(&store, &Draft { now_ms, ..draft(&ann, &pair, "when") }).await).send_at_ms);
        }
        assert!(times.is_sorted(), "{times:?}");
        for (now_ms, time) in [5_000, 9_000, 9_000, 9_500].into_iter().zip(&times) {
            assert!(store.is_time_of(now_ms, *time), "{times:?}");
        }
        let extent = store.messages.extent(&pair).await.expect("read");
        assert_eq!((extent.max_seq, extent.last_at_ms), (4, times[3]));
    }

    async fn a_range_is_what_an_extent_shows_between_its_ends_ascending_and_at_most_its_limit(store: Store) {
        let (ann, _, pair) = two(&store).await;
        for _ in 0..300 {
            append(&store, &draft(&ann, &pair, "many")).await;
        }
        let extent = store.messages.extent(&pair).await.expect("read");
        append(&store, &draft(&ann, &pair, "later")).await;
        let range = async |first, last, limit| {
            let found = store.messages.range(&pair, &extent, (first, last), limit).await.expect("read");
            found.iter().map(|message| message.seq).collect::<Vec<u64>>()
        };
        assert!(range(1, u64::MAX, usize::MAX).await.into_iter().eq(1..=300));
        assert!(range(254, 258, 100).await.into_iter().eq(254..=258));
        assert_eq!(range(7, 300, 3).await, [7, 8, 9]);
        assert_eq!(range(300, 900, 10).await, [300]);
        assert_eq!(range(0, 2, 10).await, [1, 2]);
        for (first, last, limit) in [(301, 900, 10), (5, 4, 10), (5, 9, 0), (u64::MAX, u64::MAX, 1)] {
            assert!(range(first, last, limit).await.is_empty(), "{first}..={last}, {limit}");
        }
    }

    async fn conversations_with_similar_names_are_apart(store: Store) {
        let short = store.person("a").await;
        let long = UserId::parse(&format!("{short}0")).expect("valid");
        let longer = UserId::parse(&format!("{short}00")).expect("valid");
        let ids = [&short, &long, &longer].map(|user| ConversationId::single(&short, user));
        for (n, id) in ids.iter().enumerate() {
            for _ in 0..=n {
                append(&store, &draft(&short, id, "near")).await;
            }
        }
        for (n, id) in ids.iter().enumerate() {
            assert_eq!(all(&store, id).await.len(), n + 1, "{id}");
        }
        assert_eq!(store.conversations.list(&short).await.expect("read").len(), 3);
        assert_eq!(store.conversations.list(&long).await.expect("read").len(), 1);
    }

    async fn a_conversation_without_a_message_is_empty(store: Store) {
        let nobody_there = ConversationId::Group(group_id());
        assert_eq!(store.messages.extent(&nobody_there).await.expect("read"), Extent::default());
        assert!(all(&store, &nobody_there).await.is_empty());
    }

    async fn what_was_acked_is_there_when_the_store_is_opened_again(store: Store) {
        let (ann, bob, pair) = two(&store).await;
        let sends = (0..100).map(|n| store.messages.append(draft(&ann, &pair, &format!("{n}")), admit, nobody()));
        let mut acked: Vec<Arc<Message>> =
            join_all(sends).await.into_iter().map(|answer| message(answer.expect("answered"))).collect();
        acked.sort_by_key(|message| message.seq);
        let store = store.reopened().await;
        assert_eq!(all(&store, &pair).await, acked);
        let state = store.conversations.find(&bob, &pair).await.expect("read").expect("opened");
        assert_eq!((state.max_seq(), state.unread()), (100, 100));
    }

    async fn seqs_go_on_where_they_were_after_a_restart(store: Store) {
        let (ann, _, pair) = two(&store).await;
        let mut store = store;
        for seq in 1..=4 {
            assert_eq!(message(append(&store, &draft(&ann, &pair, "on")).await).seq, seq);
            store = store.reopened().await;
        }
    }

    async fn an_id_counts_once_after_a_restart_too(store: Store) {
        let (ann, _, pair) = two(&store).await;
        let once = draft(&ann, &pair, "once");
        let first = message(append(&store, &once).await);
        let store = store.reopened().await;
        assert_eq!(append(&store, &Draft { now_ms: 9_999, ..once.clone() }).await, Appended::Repeat(first));
        assert_eq!(append(&store, &Draft { fingerprint: [9; 16], ..once }).await, Appended::OtherBody);
    }
}
