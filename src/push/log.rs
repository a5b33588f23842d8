//! A user's log: what was pushed to it, so that a client that comes back gets what it missed, or is told that it cannot.

use std::collections::VecDeque;
use std::sync::Arc;

use super::connection::Parcel;
use crate::model::{ConversationId, Push, PushId};

/// One entry: a message by reference, anything else whole.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A message, to be read from the store.
    Message {
        /// Its conversation.
        conversation: ConversationId,
        /// Its seq there.
        seq: u64,
    },
    /// An event.
    Event(Arc<Parcel>),
}

#[derive(Debug)]
struct Logged {
    entry: Entry,
    size: usize,
    at_ms: i64,
}

/// What a client missed.
#[derive(Debug)]
pub enum Missed {
    /// All of it, in order; but messages of the `listed` conversations are not logged, and have to be pulled.
    Whole {
        /// What was pushed.
        entries: Vec<(PushId, Entry)>,
        /// Conversations that are too big for logs. The embedded mode has none.
        listed: Vec<ConversationId>,
    },
    /// More than is kept; what was stored since this time has to be pulled.
    Since(i64),
}

/// The last pushes of one user, bounded in number.
#[derive(Debug)]
pub(super) struct Log {
    epoch: u64,
    /// Number of the last entry; the first one ever is 1.
    last: u64,
    last_at_ms: i64,
    entries: VecDeque<Logged>,
    capacity: usize,
}

impl Log {
    /// An empty log. Its epoch tells it from any other, of this process or an earlier one.
    pub(super) fn new(epoch: u64, capacity: usize, now_ms: i64) -> Self {
        Self { epoch, last: 0, last_at_ms: now_ms, entries: VecDeque::new(), capacity }
    }

    /// The place of the last entry.
    pub(super) fn position(&self) -> PushId {
        PushId { epoch: self.epoch, position: self.last, at_ms: self.last_at_ms }
    }

    /// Appends, and forgets the oldest entry if there are too many.
    pub(super) fn append(&mut self, parcel: &Arc<Parcel>, now_ms: i64) -> PushId {
        let entry = match parcel.push() {
            Push::Message { message, .. } => Entry::Message { conversation: message.conversation.clone(), seq: message.seq },
            _ => Entry::Event(Arc::clone(parcel)),
        };
        if self.entries.len() >= self.capacity {
            self.entries.pop_front();
        }
        self.entries.push_back(Logged { entry, size: parcel.size(), at_ms: now_ms });
        self.last += 1;
        self.last_at_ms = now_ms;
        self.position()
    }

    /// What a client that knows everything up to `after` has missed; at most `bytes` of it. What its own platform did is among that:
    /// another device may have had the platform meanwhile.
    pub(super) fn since(&self, after: PushId, bytes: usize) -> Missed {
        let first = self.last - self.entries.len() as u64 + 1;
        let known = after.epoch == self.epoch && after.position <= self.last && after.position + 1 >= first;
        if !known {
            return Missed::Since(after.at_ms);
        }
        let skipped = usize::try_from(after.position + 1 - first).unwrap_or(usize::MAX);
        let missed = self.entries.iter().enumerate().skip(skipped);
        if missed.clone().map(|(_, logged)| logged.size).sum::<usize>() > bytes {
            return Missed::Since(after.at_ms);
        }
        let id = |index: usize, at_ms| PushId { epoch: self.epoch, position: first + index as u64, at_ms };
        let entries = missed.map(|(index, logged)| (id(index, logged.at_ms), logged.entry.clone())).collect();
        Missed::Whole { entries, listed: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::connection::FRAME_BYTES;
    use super::*;
    use crate::model::{Platform, UserId};
    use proptest::prelude::*;

    fn event(number: u64) -> Arc<Parcel> {
        let user = UserId::parse("a").expect("valid");
        let conversation = ConversationId::single(&user, &user);
        Parcel::new(Push::Read { user, conversation, read_seq: number, origin: Platform::Web })
    }

    fn number(entry: &Entry) -> u64 {
        match entry {
            Entry::Event(parcel) => match parcel.push() {
                Push::Read { read_seq, .. } => *read_seq,
                _ => 0,
            },
            Entry::Message { seq, .. } => *seq,
        }
    }

    proptest! {
        #[test]
        fn a_recovery_is_whole_or_says_that_it_is_not(total in 0u64..40, capacity in 1usize..20, after in 0u64..50) {
            let mut log = Log::new(7, capacity, 0);
            for entry in 1..=total {
                let id = log.append(&event(entry), entry as i64);
                prop_assert_eq!(id.position, entry);
            }
            let missed = log.since(PushId { epoch: 7, position: after, at_ms: 0 }, usize::MAX);
            match missed {
                Missed::Whole { entries, .. } => {
                    let got: Vec<(u64, u64)> = entries.iter().map(|(id, entry)| (id.position, number(entry))).collect();
                    let expected: Vec<(u64, u64)> = (after + 1..=total).map(|e| (e, e)).collect();
                    prop_assert_eq!(got, expected);
                }
                Missed::Since(_) => prop_assert!(after > total || after + (capacity as u64) < total),
            }
        }
    }

    #[test]
    fn a_log_of_another_epoch_or_too_many_bytes_is_not_whole() {
        let mut log = Log::new(7, 10, 0);
        log.append(&event(1), 5);
        assert!(matches!(log.since(PushId { epoch: 8, position: 0, at_ms: 3 }, 1 << 20), Missed::Since(3)));
        let start = PushId { epoch: 7, position: 0, at_ms: 3 };
        assert!(matches!(log.since(start, FRAME_BYTES - 1), Missed::Since(3)));
        assert!(matches!(log.since(start, FRAME_BYTES), Missed::Whole { .. }));
    }
}
