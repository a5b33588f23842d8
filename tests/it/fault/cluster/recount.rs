//! The recount after a fault: everything is read back through the API and held against what was acked.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use rand::seq::IndexedRandom as _;
use serde_json::Value;

use super::talk::{Acked, Room, Talk};
use crate::support::*;

/// How many ids are repeated.
const REPEATS: usize = 60;

impl Talk {
    /// Asserts what is promised: every acked message is there once, for each member, as it was acked, and nothing else is;
    /// seqs of a sender ascend; what was shown or pushed stays, holes too; unread counts are exact; a repeat of an id is
    /// answered as the first.
    pub(super) async fn recount(&self) {
        let mut rooms = Vec::new();
        for room in 0..self.rooms.len() {
            rooms.push(self.recount_room(room).await);
        }
        for person in 0..self.people.len() {
            self.recount_person(person, &rooms).await;
        }
        self.repeat().await;
        for (room, before) in rooms.iter().enumerate() {
            let Room { conversation, members, .. } = &self.rooms[room];
            assert_eq!(self.people[members[0]].pull(conversation).await, *before, "the repeats changed {conversation}");
        }
        println!("{} acked, {} looks", self.acked.borrow().len(), self.looks.count());
    }

    /// Recounts one room; all its messages.
    async fn recount_room(&self, number: usize) -> Vec<Value> {
        let Room { conversation, members, .. } = &self.rooms[number];
        let highest = self.highest(number);
        for &member in members {
            let shown = async || (self.people[member].max_seq(conversation).await >= highest).then_some(());
            eventually(("all is shown up to", highest, conversation), shown).await;
        }
        let pulls = join_all(members.iter().map(|&member| self.people[member].pull(conversation))).await;
        let tops = join_all(members.iter().map(|&member| self.people[member].max_seq(conversation))).await;
        for (pulled, max_seq) in pulls.iter().zip(&tops) {
            assert_eq!(*pulled, pulls[0], "two members see two {conversation}");
            self.looks.check(number, *max_seq, pulled);
        }
        self.check_messages(number, &pulls[0]);
        for &member in members {
            self.listeners[member].check(conversation, &pulls[0]);
        }
        pulls.into_iter().next().expect("a member")
    }

    /// Every acked message of a room is among these once, as it was acked, in the order of its sender; nothing else is.
    fn check_messages(&self, room: usize, messages: &[Value]) {
        assert!(seqs(messages).is_sorted_by(|one, next| one < next), "seqs that do not ascend: {:?}", seqs(messages));
        let mut there = BTreeMap::new();
        for message in messages {
            let twice = there.insert(string(message, "client_msg_id"), message);
            assert!(twice.is_none(), "{message} is there twice: {twice:?}");
        }
        let mut last: BTreeMap<usize, i64> = BTreeMap::new();
        for acked in self.acked.borrow().iter().filter(|acked| acked.room == room) {
            let Some(found) = there.remove(acked.draft["client_msg_id"].as_str().expect("an id")) else {
                panic!("acked and not there: {}", acked.answer)
            };
            let mut found = found.clone();
            found.as_object_mut().expect("a message").remove("content_text");
            assert_eq!(found, acked.answer);
            assert_eq!(found["content"], acked.draft["content"]);
            let before = last.insert(acked.sender, acked.seq());
            let in_order = before.is_none_or(|before| before < acked.seq());
            assert!(in_order, "{before:?}, then {}", acked.answer);
        }
        assert!(there.is_empty(), "nobody was acked {there:?}");
    }

    /// The list, the info and the unread count of each room as one of its members sees it are what its messages make them.
    async fn recount_person(&self, number: usize, rooms: &[Vec<Value>]) {
        let person = &self.people[number];
        let mut list: BTreeMap<String, Value> = BTreeMap::new();
        for entry in person.conversations().await {
            let twice = list.insert(string(&entry, "conversation_id"), entry);
            assert!(twice.is_none(), "{twice:?} is in the list twice");
        }
        for (room, messages) in rooms.iter().enumerate() {
            let Room { conversation, members, .. } = &self.rooms[room];
            if !members.contains(&number) {
                continue;
            }
            let entry = list.remove(conversation).unwrap_or_else(|| panic!("{conversation} is not in the list"));
            assert_eq!(entry, person.conversation(conversation).await, "the list and the info");
            let (max_seq, read_seq) = (int(&entry, "max_seq"), int(&entry, "read_seq"));
            assert_eq!(seqs(messages).last(), Some(&max_seq), "{entry}");
            let own = |acked: &&Acked| (acked.sender, acked.room) == (number, room);
            let sent = self.acked.borrow().iter().filter(own).map(Acked::seq).max().unwrap_or(0);
            assert!(read_seq >= sent.max(self.looks.mark(number, room)), "sent {sent}, and {entry}");
            let unread = seqs(messages).into_iter().filter(|seq| *seq > read_seq).count();
            assert_eq!(usize::try_from(int(&entry, "unread_count")), Ok(unread), "{entry}");
            assert_eq!(usize::try_from(person.unread(conversation).await), Ok(unread), "{entry}");
        }
        assert!(list.is_empty(), "more in the list: {list:?}");
    }

    /// Sends some of the acked messages again: each is answered as it was the first time.
    async fn repeat(&self) {
        let some: Vec<(usize, Value, Value)> = {
            let acked = self.acked.borrow();
            let some = acked.choose_multiple(&mut rand::rng(), REPEATS);
            some.map(|acked| (acked.sender, acked.draft.clone(), acked.answer.clone())).collect()
        };
        for (sender, draft, answer) in some {
            let again = self.people[sender].post("/msg/send", draft).await.ok();
            assert_eq!(again, answer, "the repeat");
        }
    }
}
