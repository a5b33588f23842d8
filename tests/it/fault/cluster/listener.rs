//! A client that listens, comes back with its last push_id when its socket ends, and pulls what it is told to pull.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::talk::{Acked, Talk};
use crate::support::*;

/// After how long without a frame it pings, and after how many of those pings it takes the socket for dead.
const SILENCE: Duration = Duration::from_secs(1);
const PINGS: usize = 3;

/// How long it may take until everybody has heard what was acked: a route that was lost is found within 20 s.
const HEARD_WITHIN: Duration = Duration::from_secs(35);

/// One person's phone.
pub(super) struct Listener {
    person: Person,
    after: RefCell<Option<String>>,
    /// The client_msg_id of each message that was heard: (conversation, seq).
    heard: RefCell<BTreeMap<(String, i64), String>>,
    /// Conversations that it was told to pull, and when last.
    to_pull: RefCell<BTreeMap<String, Instant>>,
}

impl Listener {
    /// The phone of somebody who talks on another platform, so it is pushed everything.
    pub(super) async fn of(person: &Person) -> Listener {
        let person = person.on(1).await;
        Listener { person, after: RefCell::default(), heard: RefCell::default(), to_pull: RefCell::default() }
    }

    /// Whether it was greeted: what is pushed from then on is for it.
    pub(super) fn has_come(&self) -> bool {
        self.after.borrow().is_some()
    }

    /// Listens, through any node, for ever.
    pub(super) async fn listen(&self) {
        loop {
            let after = self.after.borrow().as_ref().map_or_else(String::new, |after| format!("&after={}", enc(after)));
            let query = format!("token={}&v=1{after}", self.person.token);
            // Otherwise that node is gone or silent: another one is not.
            if let Ok(Some(mut socket)) = timeout(2 * SILENCE, self.person.client.dial(&query)).await {
                self.hear(&mut socket).await;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Listens until the socket ends.
    async fn hear(&self, socket: &mut Socket) {
        let mut pings = 0;
        while pings <= PINGS {
            match timeout(SILENCE, socket.try_next()).await {
                Ok(Ok(frame)) => {
                    pings = 0;
                    self.take(&frame);
                }
                Ok(Err(_)) => return,
                Err(_) => {
                    pings += 1;
                    if !socket.write(Message::text(r#"{"id":"alive?","op":"ping","data":{}}"#)).await {
                        return;
                    }
                }
            }
        }
    }

    fn take(&self, frame: &Value) {
        // What a client missed comes after the hello, so the place that this one names is not reached yet.
        let is_early = frame["event"] == "hello" && self.after.borrow().is_some();
        if let Some(push_id) = frame["push_id"].as_str().filter(|_| !is_early) {
            self.after.replace(Some(push_id.to_owned()));
        }
        for moved in frame["conversations"].as_array().into_iter().flatten() {
            self.to_pull.borrow_mut().insert(string(moved, "conversation_id"), Instant::now());
        }
        if frame["client_msg_id"].is_string() {
            let (place, id) = ((string(frame, "conversation_id"), int(frame, "seq")), string(frame, "client_msg_id"));
            let first = self.heard.borrow_mut().entry(place.clone()).or_insert_with(|| id.clone()).clone();
            assert_eq!(first, id, "{place:?} is two messages");
        }
    }

    /// Whether it was pushed this message, or was told to pull it after it had been sent.
    fn knows(&self, conversation: &str, acked: &Acked) -> bool {
        let pushed = self.heard.borrow().contains_key(&(conversation.to_owned(), acked.seq()));
        pushed || self.to_pull.borrow().get(conversation).is_some_and(|told| *told >= acked.begun)
    }

    /// Takes the first message for another one.
    pub(super) fn mishear(&self) {
        *self.heard.borrow_mut().values_mut().next().expect("something was heard") = unique("misheard");
    }

    /// Asserts that what was pushed of a conversation is what is in it now.
    pub(super) fn check(&self, conversation: &str, messages: &[Value]) {
        let there: BTreeMap<i64, &str> = messages
            .iter()
            .map(|message| (int(message, "seq"), message["client_msg_id"].as_str().expect("an id")))
            .collect();
        for ((_, seq), id) in self.heard.borrow().iter().filter(|((of, _), _)| of == conversation) {
            assert_eq!(there.get(seq), Some(&id.as_str()), "{seq} of {conversation} was pushed");
        }
    }
}

impl Talk {
    /// Waits until everybody knows everything that was acked.
    pub(super) async fn everybody_heard(&self) {
        let begun = Instant::now();
        loop {
            let missing = self.unheard();
            if missing.is_empty() {
                break;
            }
            let some = &missing[..missing.len().min(10)];
            assert!(begun.elapsed() < HEARD_WITHIN, "{} were not heard by all, such as {some:#?}", missing.len());
            sleep(Duration::from_millis(50)).await;
        }
        println!("all is heard after {:?}", begun.elapsed());
    }

    /// What has not been heard by somebody: the person's number and the message.
    fn unheard(&self) -> Vec<(usize, Value)> {
        let acked = self.acked.borrow();
        let all = acked.iter().flat_map(|acked| {
            let room = &self.rooms[acked.room];
            let deaf = room.members.iter().filter(|&&person| !self.listeners[person].knows(&room.conversation, acked));
            deaf.map(|&person| (person, acked.answer.clone()))
        });
        all.collect()
    }
}
