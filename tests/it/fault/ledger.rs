//! What a group of writers was told about its messages, to be held against what is there.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::*;

/// One message on its way: who sent it where, and the answer if there was one.
#[derive(Clone)]
pub(super) struct Entry {
    sender: usize,
    conversation: usize,
    draft: Value,
    acked: Option<Value>,
}

/// Two people who write to each other, and a third with whom they share a group.
pub(super) struct Ledger {
    people: Vec<Person>,
    /// The pair of the first two, and the group of all.
    conversations: [String; 2],
    group: String,
    pub(super) entries: RefCell<Vec<Entry>>,
    acks: Cell<usize>,
}

impl Ledger {
    pub(super) async fn new(world: &World) -> Ledger {
        let people: [Person; 3] = world.people().await;
        let group = people[0].group(&[&people[1], &people[2]]).await;
        let conversations = [pair(&people[0], &people[1]), format!("sg_{group}")];
        Ledger { people: people.into(), conversations, group, entries: RefCell::default(), acks: Cell::new(0) }
    }

    /// How many messages were acked so far.
    pub(super) fn acks(&self) -> usize {
        self.acks.get()
    }

    /// The conversations: a pair and a group.
    pub(super) fn conversations(&self) -> &[String] {
        &self.conversations
    }

    /// The people, the first two of whom write to each other.
    pub(super) fn people(&self) -> &[Person] {
        &self.people
    }

    /// A message that has not been sent yet.
    fn draft(&self, sender: usize, to_group: bool, words: &str) -> Entry {
        let person = &self.people[sender];
        let draft = match to_group {
            true => person.draft_group(&self.group, words),
            false => person.draft(&self.people[1 - sender], words),
        };
        Entry { sender, conversation: usize::from(to_group), draft, acked: None }
    }

    /// Sends messages one after the other on `lanes` lanes at once, until one of each lane gets no success.
    pub(super) async fn write_until_refused(&self, lanes: usize) {
        join_all((0..lanes).map(|lane| self.lane(lane))).await;
    }

    async fn lane(&self, lane: usize) {
        for n in 0.. {
            let words = format!("{n} in lane {lane}: {}", "汉字 ñ 😀 ".repeat(lane * n % 40));
            let mut entry = self.draft(lane % 2, lane.is_multiple_of(3), &words);
            entry.acked = self.attempt(&entry).await;
            let done = entry.acked.is_none();
            self.entries.borrow_mut().push(entry);
            if done {
                return;
            }
        }
    }

    /// The message, if it is acked now; counts it.
    async fn attempt(&self, entry: &Entry) -> Option<Value> {
        let client = &self.people[entry.sender].client;
        let sent = client.call(hyper::Method::POST, "/msg/send").json(&entry.draft).try_send().await;
        match sent {
            Ok(reply) if reply.status == 200 => {
                self.acks.set(self.acks.get() + 1);
                Some(reply.ok())
            }
            Ok(reply) => {
                reply.refused_with(503, 1002);
                let retry_after: Option<u64> = reply.header("retry-after").parse().ok();
                assert!(retry_after.is_some_and(|seconds| (1..=60).contains(&seconds)), "{reply:?}");
                None
            }
            // The connection broke: the server is gone.
            Err(_) => None,
        }
    }

    /// Sends everything that was not acked once more; it must succeed now.
    pub(super) async fn retry(&self) {
        let mut entries = self.entries.take();
        for entry in entries.iter_mut().filter(|entry| entry.acked.is_none()) {
            let reply = self.people[entry.sender].post("/msg/send", entry.draft.clone()).await;
            entry.acked = Some(reply.ok());
        }
        self.entries.replace(entries);
    }

    /// Sends the last `count` acked messages once more: each is answered as it was the first time.
    pub(super) async fn repeat(&self, count: usize) {
        let entries = self.entries.borrow().clone();
        for entry in entries.iter().filter(|entry| entry.acked.is_some()).rev().take(count) {
            let again = self.people[entry.sender].post("/msg/send", entry.draft.clone()).await.ok();
            assert_eq!(Some(&again), entry.acked.as_ref());
        }
    }

    /// Pulls everything as both writers: seqs have no holes, every acked message is there once and as it was acked, what
    /// was not acked is there once or not at all, and nothing else is.
    pub(super) async fn check(&self) {
        let entries = self.entries.borrow().clone();
        for (number, conversation) in self.conversations.iter().enumerate() {
            let pulled = self.people[0].pull(conversation).await;
            assert_eq!(pulled, self.people[1].pull(conversation).await);
            let seqs = seqs(&pulled);
            let last = i64::try_from(pulled.len()).expect("a count");
            assert!(seqs.iter().copied().eq(1..=last), "seqs of {conversation}: {seqs:?}");
            let mut there: BTreeMap<String, &Value> = BTreeMap::new();
            for message in &pulled {
                let twice = there.insert(string(message, "client_msg_id"), message);
                assert!(twice.is_none(), "{message} is there twice");
            }
            for entry in entries.iter().filter(|entry| entry.conversation == number) {
                let found = there.remove(entry.draft["client_msg_id"].as_str().expect("an id"));
                match (&entry.acked, found) {
                    (Some(acked), Some(found)) => assert_same(acked, found),
                    (Some(acked), None) => panic!("acked and not there: {acked}"),
                    (None, Some(found)) => assert_eq!(found["content"], entry.draft["content"]),
                    (None, None) => {}
                }
            }
            assert!(there.is_empty(), "nobody sent {there:?}");
        }
    }
}

/// An answer to a send and a message of a page are the same message.
fn assert_same(acked: &Value, found: &Value) {
    let mut found = found.clone();
    found.as_object_mut().expect("a message").remove("content_text");
    assert_eq!(*acked, found, "{}", json!({ "acked": acked, "found": found }));
}
