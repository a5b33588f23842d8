//! The last messages of conversations that are being talked in: who reads along needs neither the disk nor a decoder, however
//! much is stored.
//!
//! Two generations bound the memory: what is used moves into the young one, and when that is full the old one is forgotten.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::model::{ConversationId, Message};
use parking_lot::Mutex;

/// Messages that are kept of one conversation: what a screen or two of scrolling reads.
const KEPT: usize = 256;

/// What a message costs besides its content.
const OVERHEAD_BYTES: usize = 256;

/// Messages without a gap, the newest last.
#[derive(Default)]
struct Tail {
    messages: VecDeque<Arc<Message>>,
    bytes: usize,
}

impl Tail {
    fn push(&mut self, message: &Arc<Message>) {
        if self.messages.back().is_some_and(|last| last.seq + 1 != message.seq) {
            *self = Self::default();
        }
        if self.messages.len() == KEPT {
            self.bytes -= self.messages.pop_front().map_or(0, |first| size(&first));
        }
        self.bytes += size(message);
        self.messages.push_back(Arc::clone(message));
    }

    /// The messages of `first..=last`, if all of them are here.
    fn range(&self, first: u64, last: u64, limit: usize) -> Option<Vec<Arc<Message>>> {
        let (lowest, highest) = (self.messages.front()?.seq, self.messages.back()?.seq);
        if first < lowest || last > highest {
            return None;
        }
        let skipped = usize::try_from(first - lowest).ok()?;
        let wanted = usize::try_from((last + 1).saturating_sub(first)).ok()?.min(limit);
        Some(self.messages.iter().skip(skipped).take(wanted).cloned().collect())
    }
}

fn size(message: &Message) -> usize {
    message.content.len() + OVERHEAD_BYTES
}

#[derive(Default)]
struct Generations {
    young: HashMap<ConversationId, Tail>,
    old: HashMap<ConversationId, Tail>,
    young_bytes: usize,
}

/// The tails of conversations.
pub(super) struct Recent {
    generations: Mutex<Generations>,
    max_bytes: usize,
}

impl Recent {
    /// Nothing yet, and never more than about `max_bytes`.
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { generations: Mutex::default(), max_bytes }
    }

    /// Adds a message that was stored. Those of one conversation come in the order of their seqs.
    pub(super) fn push(&self, message: &Arc<Message>) {
        let mut generations = self.generations.lock();
        let Generations { young, old, young_bytes } = &mut *generations;
        if !young.contains_key(&message.conversation) {
            let tail = old.remove(&message.conversation).unwrap_or_default();
            *young_bytes += tail.bytes;
            young.insert(message.conversation.clone(), tail);
        }
        if let Some(tail) = young.get_mut(&message.conversation) {
            *young_bytes -= tail.bytes;
            tail.push(message);
            *young_bytes += tail.bytes;
        }
        if *young_bytes > self.max_bytes / 2 {
            *old = std::mem::take(young);
            *young_bytes = 0;
        }
    }

    /// The messages of `first..=last`, at most `limit`, if all of them are remembered.
    pub(super) fn range(
        &self,
        conversation: &ConversationId,
        first: u64,
        last: u64,
        limit: usize,
    ) -> Option<Vec<Arc<Message>>> {
        let generations = self.generations.lock();
        let tail = generations.young.get(conversation).or_else(|| generations.old.get(conversation))?;
        tail.range(first, last, limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{GroupId, MsgType, UserId};
    use proptest::prelude::*;

    fn message(group: u64, seq: u64) -> Arc<Message> {
        Arc::new(Message {
            conversation: ConversationId::Group(GroupId::from_number(group)),
            seq,
            client_msg_id: "id".into(),
            sender: UserId::parse("a").expect("valid"),
            msg_type: MsgType::Text,
            content: "x".repeat(100).into(),
            send_at_ms: 0,
        })
    }

    fn seqs(recent: &Recent, group: u64, first: u64, last: u64, limit: usize) -> Option<Vec<u64>> {
        let found = recent.range(&ConversationId::Group(GroupId::from_number(group)), first, last, limit)?;
        Some(found.iter().map(|message| message.seq).collect())
    }

    proptest! {
        #[test]
        fn a_range_is_whole_or_not_answered(total in 0u64..600, first in 1u64..620, length in 0u64..120, limit in 1usize..110) {
            let recent = Recent::new(1 << 20);
            (1..=total).for_each(|seq| recent.push(&message(1, seq)));
            let last = (first + length).saturating_sub(1);
            match seqs(&recent, 1, first, last, limit) {
                Some(found) => prop_assert_eq!(found, (first..=last).take(limit).collect::<Vec<_>>()),
                None => prop_assert!(total == 0 || last > total || first + (KEPT as u64) <= total),
            }
        }
    }

    #[test]
    fn a_gap_begins_a_new_tail() {
        let recent = Recent::new(1 << 20);
        [1, 2, 5, 6].iter().for_each(|&seq| recent.push(&message(1, seq)));
        assert_eq!(seqs(&recent, 1, 1, 6, 10), None);
        assert_eq!(seqs(&recent, 1, 5, 6, 10), Some(vec![5, 6]));
    }

    #[test]
    fn memory_is_bounded_and_what_is_used_stays() {
        let recent = Recent::new(100 * 356);
        for group in 2..1_000 {
            recent.push(&message(group, 1));
            recent.push(&message(1, group - 1));
        }
        let generations = recent.generations.lock();
        let bytes: usize = generations.young.values().chain(generations.old.values()).map(|tail| tail.bytes).sum();
        assert!(bytes <= 101 * 356 + KEPT * 356, "{bytes}");
        drop(generations);
        assert_eq!(seqs(&recent, 2, 1, 1, 1), None);
        assert_eq!(seqs(&recent, 1, 998, 998, 1), Some(vec![998]));
    }
}
