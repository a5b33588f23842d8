//! What people are shown in between: it stays, and so do the holes in it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use hyper::Method;
use rand::seq::IndexedRandom as _;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::talk::{Room, Talk};
use crate::support::*;

/// The pause between two looks.
const EVERY: Duration = Duration::from_millis(60);

/// How far back a look goes.
const SEQS: i64 = 50;

/// Everything that was shown to anybody.
#[derive(Default)]
pub(super) struct Looks {
    pages: RefCell<Vec<Page>>,
    /// The highest max_seq that was shown of each room.
    tops: RefCell<BTreeMap<usize, i64>>,
    /// How far (person, room) marked it as read.
    marks: RefCell<BTreeMap<(usize, usize), i64>>,
}

/// A page of a room, which is final up to its last message.
struct Page {
    room: usize,
    begin: i64,
    messages: Vec<(i64, String)>,
}

/// Seqs and ids of messages.
fn shown(messages: &[Value]) -> Vec<(i64, String)> {
    messages.iter().map(|message| (int(message, "seq"), string(message, "client_msg_id"))).collect()
}

impl Looks {
    /// How far a person marked a room as read, at least.
    pub(super) fn mark(&self, person: usize, room: usize) -> i64 {
        self.marks.borrow().get(&(person, room)).copied().unwrap_or(0)
    }

    /// Asserts that what was shown of a room is in `messages`, which is all of it, and that nothing came between.
    pub(super) fn check(&self, room: usize, max_seq: i64, messages: &[Value]) {
        let all = shown(messages);
        for Page { begin, messages, .. } in self.pages.borrow().iter().filter(|page| page.room == room) {
            let Some((last, _)) = messages.last() else { continue };
            let now: Vec<_> = all.iter().filter(|(seq, _)| (begin..=last).contains(&seq)).collect();
            assert!(now.iter().copied().eq(messages), "room {room} was shown as {messages:?}, and is {now:?}");
        }
        let top = self.tops.borrow().get(&room).copied().unwrap_or(0);
        assert!(max_seq >= top, "room {room} ended at {top} and now ends at {max_seq}");
    }

    /// Takes note that a person marked a room as read up to here.
    pub(super) fn marked(&self, person: usize, room: usize, seq: i64) {
        let highest = self.mark(person, room).max(seq);
        self.marks.borrow_mut().insert((person, room), highest);
    }

    /// Makes a hole in a page, as if there had been one.
    pub(super) fn forget_a_message(&self) {
        let mut pages = self.pages.borrow_mut();
        let page = pages.iter_mut().find(|page| page.messages.len() > 2).expect("a page of some messages");
        page.messages.remove(1);
    }

    /// How many pages were looked at.
    pub(super) fn count(&self) -> usize {
        self.pages.borrow().len()
    }
}

impl Talk {
    /// Looks at any room as any of its members, and marks some as read, until the fault is over.
    pub(super) async fn look_around(&self) {
        let all: Vec<usize> = (0..self.rooms.len()).collect();
        while !self.is_over() {
            let room = *all.choose(&mut rand::rng()).expect("a room");
            let person = *self.rooms[room].members.choose(&mut rand::rng()).expect("a member");
            self.look(person, room).await;
            sleep(EVERY).await;
        }
    }

    async fn look(&self, person: usize, room: usize) -> Option<()> {
        let Room { conversation, .. } = &self.rooms[room];
        let of = format!("conversation_id={}", enc(conversation));
        let top = int(&self.ask(person, &format!("/msg/max_seq?{of}")).await?, "max_seq");
        self.looks.tops.borrow_mut().entry(room).and_modify(|highest| *highest = top.max(*highest)).or_insert(top);
        let begin = (top - SEQS).max(1);
        let page = self.ask(person, &format!("/msg/pull?{of}&begin_seq={begin}")).await?;
        let messages = shown(page["messages"].as_array().expect("a list of messages"));
        let last = messages.last().map(|(seq, _)| *seq);
        self.looks.pages.borrow_mut().push(Page { room, begin, messages });
        let last = last.filter(|last| last % 3 == 0)?;
        let body = json!({ "conversation_id": conversation, "read_seq": last });
        let call = self.people[person].client.call(Method::POST, "/conversation/mark_read").json(&body);
        if let Ok(Ok(reply)) = timeout(Duration::from_secs(5), call.try_send()).await
            && reply.status == 200
        {
            reply.done();
            self.looks.marked(person, room, last);
        }
        Some(())
    }
}
