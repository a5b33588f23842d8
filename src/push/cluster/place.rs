//! What a node knows of a user's log: the last entry that it delivered, and those that wait for what is missing before them. It
//! does no I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{ConversationId, GroupId, Platform, Push, PushId, ReceiveOption};
use crate::push::connection::{FRAME_BYTES, Parcel};

/// An entry of a log, to be delivered in its turn.
#[derive(Debug)]
pub(super) enum Delivery {
    /// Something for the user's connections.
    Parcel {
        /// What.
        parcel: Arc<Parcel>,
        /// The platform that is not told.
        except: Option<Platform>,
    },
    /// The user has a conversation so from here on.
    Settings {
        /// Which conversation.
        conversation: ConversationId,
        /// Whether and how it is told of messages.
        receive: ReceiveOption,
        /// What its connections are told, if anything.
        parcel: Option<Arc<Parcel>>,
    },
    /// It is to be looked at in which large groups the user is.
    Seat {
        /// Whether it came or went, and not a group that grew.
        moved: bool,
    },
    /// Nothing that anybody is to be told.
    Nothing,
}

impl Delivery {
    /// The user set how it has a conversation. Its connections are told if all of that is known.
    pub(super) fn settings(conversation: ConversationId, receive: ReceiveOption, is_pinned: Option<bool>) -> Self {
        let push = |is_pinned| Push::Settings { conversation: conversation.clone(), receive, is_pinned };
        let parcel = is_pinned.map(|is_pinned| Parcel::new(push(is_pinned)));
        Self::Settings { conversation, receive, parcel }
    }

    fn size(&self) -> usize {
        match self {
            Self::Parcel { parcel, .. } => parcel.size(),
            Self::Settings { .. } | Self::Seat { .. } | Self::Nothing => FRAME_BYTES,
        }
    }
}

/// How often it is looked in which large groups a user is.
const LOOK_EVERY_MS: i64 = 300_000;

/// Entries that may be delivered now, in order.
pub(super) type Ready = Vec<(PushId, Delivery)>;

/// A place in a log.
///
/// Entries of one epoch are delivered strictly by their positions, none left out and none twice. Of an entry of another epoch
/// one cannot tell by itself whether it is late or whether the log began again: it waits until the log itself was asked.
#[derive(Debug)]
pub(super) struct Place {
    /// The last entry that was delivered; `None` while nothing is known of the log.
    delivered: Option<PushId>,
    waiting: BTreeMap<(u64, u64), (PushId, Delivery)>,
    waiting_bytes: usize,
    max_bytes: usize,
    /// Whether a gap is being read: until then everything waits.
    held: bool,
    /// Whether the log has, or may have, entries that did not come.
    behind: bool,
    /// The large groups in which the user has a seat here.
    pub(super) groups: BTreeSet<GroupId>,
    /// When it was looked which ones those are; `None` if it has to be.
    looked_ms: Option<i64>,
    /// Whether the user may have come into one of which it was not told yet.
    moved: bool,
    /// Whether somebody is about to look after it.
    pub(super) queued: bool,
    /// A random number, by which it is looked after in turn.
    pub(super) number: u64,
    /// Whoever talks with Redis about this user holds it, so that routes are written in turn.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Place {
    /// A place in a log of which nothing is known, made at this time of a steady clock. At most about `max_bytes` wait; what is
    /// past that is read from the log.
    pub(super) fn new(number: u64, max_bytes: usize, now_ms: i64) -> Self {
        Self {
            delivered: None,
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            max_bytes,
            held: false,
            behind: false,
            groups: BTreeSet::new(),
            looked_ms: Some(now_ms),
            moved: false,
            queued: false,
            number,
            turn: Arc::default(),
        }
    }

    /// The last entry that was delivered.
    pub(super) fn delivered(&self) -> Option<PushId> {
        self.delivered
    }

    /// Its turn.
    pub(super) fn turn(&self) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(&self.turn)
    }

    /// Takes an entry that came. Answers what may be delivered by it.
    pub(super) fn offer(&mut self, id: PushId, delivery: Delivery) -> Ready {
        match self.delivered {
            Some(at) if at.epoch == id.epoch && id.position <= at.position => Ready::new(),
            Some(at) if at.epoch == id.epoch && id.position == at.position + 1 && !self.held => {
                self.delivered = Some(id);
                let mut ready = vec![(id, delivery)];
                self.drain(&mut ready);
                ready
            }
            _ => {
                self.keep(id, delivery);
                Ready::new()
            }
        }
    }

    /// The log is known to stand at `at` now: everything up to there is not delivered here, everything behind it is.
    pub(super) fn begin(&mut self, at: PushId) -> Ready {
        self.delivered = Some(at);
        self.held = false;
        let mut ready = Ready::new();
        self.drain(&mut ready);
        ready
    }

    /// Has everything wait until [`Self::release`].
    pub(super) fn hold(&mut self) {
        self.held = true;
    }

    /// Takes note that an entry was read from the log and is delivered. Only while it is held.
    pub(super) fn pass(&mut self, id: PushId) {
        self.delivered = Some(id);
    }

    /// Goes on with what waits.
    pub(super) fn release(&mut self) -> Ready {
        self.held = false;
        let mut ready = Ready::new();
        self.drain(&mut ready);
        ready
    }

    /// The log is about to be asked: what is found lacking from here on is more than that will bring.
    pub(super) fn attend(&mut self) {
        self.queued = false;
        self.behind = false;
    }

    /// Takes note that the log is the one of `epoch`: what came of others was late.
    pub(super) fn confirm(&mut self, epoch: u64) {
        let late: Vec<_> = self.waiting.keys().filter(|(other, _)| *other != epoch).copied().collect();
        for key in late {
            self.forget(key);
        }
    }

    /// Takes note that the log may have entries that did not come.
    pub(super) fn fall_behind(&mut self) {
        self.behind = true;
    }

    /// Takes note that the chain of entries is broken: nothing is known any more.
    pub(super) fn lose(&mut self) {
        self.delivered = None;
        self.held = false;
    }

    /// Whether something did not come, or is to be looked at.
    pub(super) fn lacks(&self) -> bool {
        self.behind || !self.waiting.is_empty() || self.looked_ms.is_none()
    }

    /// Takes note that it has to be looked in which large groups the user is, since it moved or since one grew.
    pub(super) fn must_look(&mut self, moved: bool) {
        self.looked_ms = None;
        self.moved |= moved;
    }

    /// Takes note that this is done now. Answers whether the user may have come into one of which it was not told: also if nobody
    /// said that it has to be looked.
    pub(super) fn looks(&mut self, now_ms: i64) -> bool {
        let was_asked = self.looked_ms.replace(now_ms).is_none();
        std::mem::take(&mut self.moved) || !was_asked
    }

    /// Whether it has to be looked. Now and then also if nobody said so: whoever should have may have died before.
    pub(super) fn is_look_due(&self, now_ms: i64) -> bool {
        self.looked_ms.is_none_or(|looked_ms| now_ms - looked_ms > LOOK_EVERY_MS)
    }

    fn keep(&mut self, id: PushId, delivery: Delivery) {
        let size = delivery.size();
        if self.waiting_bytes + size > self.max_bytes {
            self.behind = true;
            return;
        }
        if let Some((_, before)) = self.waiting.insert((id.epoch, id.position), (id, delivery)) {
            self.waiting_bytes -= before.size();
        }
        self.waiting_bytes += size;
    }

    fn forget(&mut self, key: (u64, u64)) -> Option<(PushId, Delivery)> {
        let (id, delivery) = self.waiting.remove(&key)?;
        self.waiting_bytes -= delivery.size();
        Some((id, delivery))
    }

    /// Moves what follows on without a gap from those that wait.
    fn drain(&mut self, ready: &mut Ready) {
        let Some(mut at) = self.delivered else { return };
        while let Some((&key, _)) = self.waiting.range((at.epoch, 0)..=(at.epoch, at.position + 1)).next() {
            let follows = key.1 == at.position + 1;
            if let Some((id, delivery)) = self.forget(key).filter(|_| follows) {
                at = id;
                ready.push((id, delivery));
            }
        }
        self.delivered = Some(at);
    }
}

#[cfg(test)]
mod tests;
