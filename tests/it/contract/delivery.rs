//! Promises 5 and 6: everything that one may see arrives, in order, live or by recovery, and nothing else does.

use std::collections::BTreeSet;
use std::sync::Arc;

use nexo::model::{Caller, CloseReason, ConversationId, Platform, Push, PushId, ReceiveOption};
use nexo::push::{Attach, Entry, Limits, Missed};

use super::contract;
use super::house::{House, LIMITS, Reader, seq_of};
use super::store::Store;
use crate::support::{a_few_at_once, eventually};

/// What a client that knows its place knows: the last push_id, and the seqs in the order in which they came.
#[derive(Default)]
struct Client {
    last: Option<PushId>,
    seqs: Vec<u64>,
    recoveries: usize,
    pulls: usize,
    /// Whether the log is so short that a node which lacks a letter may not find it there, and closes for the client to recover.
    log_is_short: bool,
}

impl Client {
    fn top(&self) -> u64 {
        self.seqs.last().copied().unwrap_or(0)
    }

    /// Takes note of a message unless it is known: (conversation, seq) is what makes it effectively once.
    fn note(&mut self, seq: u64) {
        if !self.seqs.contains(&seq) {
            self.seqs.push(seq);
        }
    }

    /// Connects, catches up, reads some batches of frames, and goes away without a word.
    async fn visit(&mut self, house: &House, caller: &Caller, conversation: &str, (batches, goal): (usize, u64)) {
        let attached = house.attach(caller, self.last).await.expect("a place");
        match attached.missed {
            Some(Missed::Whole { entries, .. }) => {
                self.recoveries += 1;
                for (id, entry) in entries {
                    let Entry::Message { seq, .. } = entry else { panic!("only messages are sent") };
                    self.note(seq);
                    self.last = Some(id);
                }
            }
            missed => {
                // Not whole, or the first time: pull what is missing. The place in the log is the one of the attach.
                self.pulls += usize::from(missed.is_some());
                self.last = Some(attached.position);
                let (seqs, _) = house.pull(caller, conversation, self.top() + 1).await;
                seqs.into_iter().for_each(|seq| self.note(seq));
            }
        }
        let reader = Reader(attached.connection);
        for _ in 0..batches {
            if self.top() >= goal {
                break;
            }
            match reader.next().await {
                Ok(frames) => frames.iter().for_each(|frame| {
                    self.note(seq_of(frame));
                    self.last = Some(frame.id);
                }),
                Err(CloseReason::Failed) if self.log_is_short => break,
                Err(reason) => panic!("closed: {reason:?}"),
            }
        }
        house.bus.detach(&reader.0);
    }
}

/// Lets a client come and go while `count` messages are sent to it, and answers what it got.
async fn come_and_go(store: &Store, limits: Limits, count: u64) -> Client {
    let house = House::with(store, limits);
    let [ann, bob] = [house.person("ann").await, house.person("bob").await];
    let conversation = ConversationId::single(&ann.user, &bob.user).to_string();
    let sending = async {
        for n in 0..count {
            house.send_to(&ann, &bob.user, &format!("{n}")).await.expect("sent");
        }
    };
    let reading = async {
        let log_is_short = limits.log_entries < LIMITS.log_entries;
        let mut client = Client { log_is_short, ..Client::default() };
        let mut visits = 0;
        while client.top() < count {
            client.visit(&house, &bob, &conversation, (visits % 4, count)).await;
            visits += 1;
            tokio::task::yield_now().await;
        }
        client
    };
    tokio::join!(sending, reading).1
}

contract! {
    async fn a_client_that_comes_and_goes_misses_nothing_and_gets_all_in_order(store: Store) {
        let client = come_and_go(&store, LIMITS, 400).await;
        assert!(client.seqs.iter().copied().eq(1..=400), "{:?}", client.seqs);
        assert!(client.recoveries > 0 && client.pulls == 0, "{} recoveries, {} pulls", client.recoveries, client.pulls);
    }

    async fn a_recovery_that_cannot_be_whole_says_so_and_the_rest_is_pulled(store: Store) {
        let client = come_and_go(&store, Limits { log_entries: 1, ..LIMITS }, 400).await;
        assert!(client.seqs.iter().copied().eq(1..=400), "{:?}", client.seqs);
    }

    async fn a_log_that_is_too_short_is_never_taken_for_whole(store: Store) {
        let house = House::with(&store, Limits { log_entries: 4, ..LIMITS });
        let [ann, bob] = [house.person("ann").await, house.person("bob").await];
        let start = house.attach(&bob, None).await.expect("a place");
        house.bus.detach(&start.connection);
        for (missed, whole) in [(4, true), (5, false)] {
            let before = house.attach(&bob, None).await.expect("a place");
            let reader = Reader(before.connection);
            house.bus.detach(&reader.0);
            for n in 0..missed {
                house.send_to(&ann, &bob.user, &format!("{n}")).await.expect("sent");
            }
            // A note to oneself on another platform is pushed behind all that was sent before.
            let back = caught_up(&house, &bob, before.position, missed).await;
            assert_eq!(matches!(back, Missed::Whole { .. }), whole, "{missed} missed: {back:?}");
        }
    }

    async fn all_connections_of_all_recipients_get_every_message_once(store: Store) {
        let house = House::on(&store);
        let [ann, bob, cho] = [house.person("ann").await, house.person("bob").await, house.person("cho").await];
        let group = house.group(&ann, &[&bob, &cho]).await;
        let phone = Caller { platform: Platform::Ios, ..ann.clone() };
        let mut readers = Vec::new();
        for caller in [&phone, &bob, &bob, &cho] {
            readers.push(Reader(house.attach(caller, None).await.expect("a place").connection));
        }
        let own = Reader(house.attach(&ann, None).await.expect("a place").connection);
        for sent in a_few_at_once((0..100).map(|_| house.send_in(&ann, group, "to all"))).await {
            sent.expect("sent");
        }
        for reader in &readers {
            let mut seqs = Vec::new();
            while seqs.len() < 100 {
                seqs.extend(reader.next().await.expect("not closed").iter().map(seq_of));
            }
            if !store.tells_in_order() {
                seqs.sort_unstable();
            }
            assert!(seqs.iter().copied().eq(1..=100), "{seqs:?}");
        }
        // What ann sent on the Web is told to her phone, not to the Web; what she sends on the phone is.
        house.send_in(&phone, group, "from the phone").await.expect("sent");
        assert_eq!(own.next().await.expect("not closed").iter().map(seq_of).collect::<Vec<_>>(), [101]);
    }

    async fn a_member_is_pushed_exactly_what_it_can_pull(store: Store) {
        let house = Arc::new(House::on(&store));
        let [ann, bob, end] = [house.person("ann").await, house.person("bob").await, house.person("end").await];
        let group = house.group(&ann, &[]).await;
        let id = group.to_string();
        let reader = Reader(house.attach(&bob, None).await.expect("a place").connection);
        let sending = async {
            for n in 0..200 {
                house.send_in(&ann, group, &format!("{n}")).await.expect("sent");
            }
        };
        let moving = async {
            for _ in 0..25 {
                house.groups.join(&bob, &id, None).await.expect("joined");
                tokio::task::yield_now().await;
                house.groups.quit(&bob, &id).await.expect("left");
            }
        };
        tokio::join!(sending, moving);
        // Commits are told in their order, so nothing of the group comes behind this one.
        let last = house.send_to(&end, &bob.user, "the end").await.expect("sent");
        let mut pushed = BTreeSet::new();
        'all: loop {
            for frame in reader.next().await.expect("not closed") {
                match frame.parcel.push() {
                    nexo::model::Push::Message { message, .. } if message.client_msg_id == last.client_msg_id => break 'all,
                    _ => {
                        let new = pushed.insert(seq_of(&frame));
                        assert!(new || !store.tells_in_order(), "{} came twice", seq_of(&frame));
                    }
                }
            }
        }
        let (pulled, _) = house.pull(&bob, &format!("sg_{group}"), 0).await;
        assert_eq!(pushed.into_iter().collect::<Vec<_>>(), pulled);
    }

    async fn what_is_muted_is_stored_and_not_pushed(store: Store) {
        let house = House::on(&store);
        let [ann, bob] = [house.person("ann").await, house.person("bob").await];
        let conversation = ConversationId::single(&ann.user, &bob.user).to_string();
        let reader = Reader(house.attach(&bob, None).await.expect("a place").connection);
        house.send_to(&ann, &bob.user, "loud").await.expect("sent");
        assert_eq!(reader.next().await.expect("not closed").iter().map(seq_of).collect::<Vec<_>>(), [1]);
        house.conversations.update(&bob, &conversation, Some(2), None).await.expect("set");
        house.send_to(&ann, &bob.user, "muted").await.expect("sent");
        house.conversations.update(&bob, &conversation, Some(0), None).await.expect("set");
        house.send_to(&ann, &bob.user, "loud again").await.expect("sent");
        assert_eq!(reader.next().await.expect("not closed").iter().map(seq_of).collect::<Vec<_>>(), [3]);
        assert_eq!(house.pull(&bob, &conversation, 0).await, (vec![1, 2, 3], 3));
    }

    async fn settings_are_told_to_all_of_the_users_connections_and_recovered(store: Store) {
        let house = House::on(&store);
        let [ann, bob] = [house.person("ann").await, house.person("bob").await];
        let phone = Caller { platform: Platform::Ios, ..bob.clone() };
        let mut readers = Vec::new();
        for caller in [&bob, &phone] {
            let attach = Attach { caller: caller.clone(), events: true, after: None };
            readers.push(Reader(house.bus.attach(attach).await.expect("the bus answers").expect("a place").connection));
        }
        house.send_to(&ann, &bob.user, "hello").await.expect("sent");
        let mut before = None;
        for reader in &readers {
            before = reader.next().await.expect("not closed").last().map(|frame| frame.id);
        }
        let conversation = ConversationId::single(&ann.user, &bob.user);
        house.conversations.update(&bob, &conversation.to_string(), Some(1), Some(true)).await.expect("set");
        let set = Push::Settings { conversation, receive: ReceiveOption::Silent, is_pinned: true };
        for reader in &readers {
            let told = reader.next().await.expect("not closed");
            assert_eq!(told.iter().map(|frame| frame.parcel.push()).collect::<Vec<_>>(), [&set]);
        }
        match caught_up(&house, &bob, before.expect("a place"), 1).await {
            Missed::Whole { entries, .. } => {
                let [(_, Entry::Event(parcel))] = &entries[..] else { panic!("{entries:?}") };
                assert_eq!(parcel.push(), &set);
            }
            missed => panic!("not whole: {missed:?}"),
        }
    }

    async fn whoever_logs_in_again_hears_nothing_more_on_the_old_connection(store: Store) {
        let house = House::on(&store);
        let [ann, bob] = [house.person("ann").await, house.person("bob").await];
        let old = Reader(house.attach(&bob, None).await.expect("a place").connection);
        let other = Caller { jti: "of another token".to_owned(), ..bob.clone() };
        let new = Reader(house.attach(&other, None).await.expect("a place").connection);
        house.bus.end(&bob.user, &bob.jti, CloseReason::Replaced).await;
        house.send_to(&ann, &bob.user, "too late").await.expect("sent");
        assert_eq!(old.next().await.err(), Some(CloseReason::Replaced));
        assert_eq!(new.next().await.expect("not closed").iter().map(seq_of).collect::<Vec<_>>(), [1]);
    }
}

/// What `bob` missed since `position`, once all `missed` messages are in his log.
async fn caught_up(house: &House, bob: &Caller, position: PushId, missed: u64) -> Missed {
    eventually("all messages in the log", async || {
        let attached = house.attach(bob, Some(position)).await.expect("a place");
        house.bus.detach(&attached.connection);
        let all = attached.position.position >= position.position + missed;
        all.then_some(attached.missed.expect("it asked"))
    })
    .await
}
