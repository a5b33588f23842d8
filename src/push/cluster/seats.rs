//! What a node knows of the large groups that its users are in: who has a seat, what each may see, and which messages were
//! delivered. It does no I/O.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::Place;
use crate::model::{GroupId, Message, Platform, UserId, Windows};
use crate::push::connection::FRAME_BYTES;
use crate::push::presence::Presence;
use crate::telemetry::Trace;

/// Messages that wait until it is known who may see them, and their bytes. What is past that is found by comparing.
const WAITING_MAX: usize = 1_000;
const WAITING_BYTES: usize = 4 << 20;

/// Delivered seqs above the last comparison; with more, it is time for the next.
const AHEAD_MAX: usize = 4_096;

/// A message for the members of a group who are here.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) message: Arc<Message>,
    /// The platform of the sender that is not told.
    pub(super) origin: Option<Platform>,
    /// The version of the group that seats must have been read at, or after.
    pub(super) version: u64,
    /// The trace that it belongs to.
    pub(super) trace: Trace,
}

impl Told {
    /// A message that is told again: it was read from the store, long after it was sent.
    pub(super) fn again(message: Arc<Message>, version: u64) -> Self {
        Self { message, origin: None, version, trace: Trace::default() }
    }
}

/// A member of a group who is here.
#[derive(Clone)]
struct Seat {
    presence: Arc<Presence<Place>>,
    windows: Windows,
    version: u64,
}

/// Which seqs were delivered, or are known to hold nothing to deliver.
#[derive(Debug, Default)]
struct Track {
    /// All of them up to here; `None` until the conversation was looked at.
    done: Option<u64>,
    /// Whether that was looked at once more since the other nodes know of this one.
    is_compared: bool,
    ahead: BTreeSet<u64>,
}

/// A group with members who are here.
#[derive(Default)]
struct Hall {
    seats: HashMap<UserId, Seat>,
    track: Track,
    waiting: VecDeque<Told>,
    waiting_bytes: usize,
    /// Whether somebody is reading what members may see.
    reading: bool,
    /// Set once the other nodes know that this one has members.
    sat: Arc<OnceCell<()>>,
}

/// A seat that was taken.
pub(super) struct Taken {
    /// Whether the user had none before.
    pub(super) is_new: bool,
    /// Set once the other nodes know that this one has members.
    pub(super) sat: Arc<OnceCell<()>>,
}

/// What to do about a message that came.
pub(super) enum Offered {
    /// Nothing, or nothing yet.
    Nothing,
    /// Nothing: there is no room for it, and it counts as not delivered.
    Full,
    /// To tell these.
    Tell(Vec<Arc<Presence<Place>>>),
    /// To read the seats first: nobody does so yet.
    Read,
}

/// What to do next while seats are being read.
pub(super) enum Next {
    /// To tell these of this message, then to ask again.
    Tell(Told, Vec<Arc<Presence<Place>>>),
    /// To read what these may see, at this version or after.
    Read(Vec<UserId>, u64),
    /// Nothing more.
    Done,
}

/// All large groups with members who are here.
#[derive(Default)]
pub(super) struct Seats {
    halls: Mutex<HashMap<GroupId, Hall>>,
}

impl Hall {
    /// Those who may see `seq`, if what they may see is known as of `version`.
    fn audience(&self, seq: u64, version: u64) -> Option<Vec<Arc<Presence<Place>>>> {
        if self.seats.values().any(|seat| seat.version < version) {
            return None;
        }
        let sees = self.seats.values().filter(|seat| seat.windows.contains(seq));
        Some(sees.map(|seat| Arc::clone(&seat.presence)).collect())
    }
}

impl Track {
    /// Takes note that a message is delivered; `false` if it was before.
    fn note(&mut self, seq: u64) -> bool {
        self.done.is_none_or(|done| seq > done) && self.ahead.insert(seq)
    }

    fn top(&self) -> u64 {
        self.ahead.last().copied().unwrap_or(0).max(self.done.unwrap_or(0))
    }
}

impl Seats {
    /// Calls `with` with the hall of a group, if it is there.
    fn hall<T>(&self, group: GroupId, with: impl FnOnce(&mut Hall) -> T) -> Option<T> {
        self.halls.lock().get_mut(&group).map(with)
    }

    /// Says how far a group's conversation has come that is being opened: what is higher will be told.
    pub(super) fn begin(&self, group: GroupId, max_seq: u64) {
        self.hall(group, |hall| {
            hall.track.done = Some(max_seq);
            hall.track.ahead = hall.track.ahead.split_off(&(max_seq + 1));
        });
    }

    /// Gives a user a seat, or lets it keep the one that it has.
    pub(super) fn take(&self, group: GroupId, presence: &Arc<Presence<Place>>, (windows, version): (Windows, u64)) -> Taken {
        let mut halls = self.halls.lock();
        let hall = halls.entry(group).or_default();
        let known = hall.seats.get(&presence.user).filter(|seat| Arc::ptr_eq(&seat.presence, presence));
        let is_new = known.is_none();
        if known.is_none_or(|seat| seat.version <= version) {
            hall.seats.insert(presence.user.clone(), Seat { presence: Arc::clone(presence), windows, version });
        }
        Taken { is_new, sat: Arc::clone(&hall.sat) }
    }

    /// The highest seq of a group that this node knows of.
    pub(super) fn top(&self, group: GroupId) -> u64 {
        self.hall(group, |hall| hall.track.top()).unwrap_or(0)
    }

    /// Takes a user's seats away but those in `kept`; a group without any is forgotten.
    pub(super) fn leave(&self, presence: &Arc<Presence<Place>>, groups: &BTreeSet<GroupId>, kept: &BTreeSet<GroupId>) {
        let mut halls = self.halls.lock();
        for group in groups.difference(kept) {
            let Some(hall) = halls.get_mut(group) else { continue };
            if hall.seats.get(&presence.user).is_some_and(|seat| Arc::ptr_eq(&seat.presence, presence)) {
                hall.seats.remove(&presence.user);
            }
            if hall.seats.is_empty() {
                halls.remove(group);
            }
        }
    }

    /// Takes note of a change of a group.
    pub(super) fn change(&self, group: GroupId, version: u64, members: &[(UserId, Windows)]) {
        self.hall(group, |hall| {
            // Whoever was not touched may see what it saw; of an earlier state, what was between is not known.
            for seat in hall.seats.values_mut().filter(|seat| seat.version + 1 == version) {
                seat.version = version;
            }
            for (user, windows) in members {
                if let Some(seat) = hall.seats.get_mut(user).filter(|seat| seat.version <= version) {
                    (seat.windows, seat.version) = (windows.clone(), version);
                }
            }
        });
    }

    /// Takes a message that came; a message comes in its turn.
    pub(super) fn offer(&self, group: GroupId, told: Told) -> Offered {
        let offered = self.hall(group, |hall| {
            if !hall.reading
                && let Some(audience) = hall.audience(told.message.seq, told.version)
            {
                return if hall.track.note(told.message.seq) { Offered::Tell(audience) } else { Offered::Nothing };
            }
            let size = told.message.content.len() + FRAME_BYTES;
            if hall.waiting.len() >= WAITING_MAX || hall.waiting_bytes + size > WAITING_BYTES {
                return Offered::Full;
            }
            hall.waiting_bytes += size;
            hall.waiting.push_back(told);
            if std::mem::replace(&mut hall.reading, true) { Offered::Nothing } else { Offered::Read }
        });
        offered.unwrap_or(Offered::Nothing)
    }

    /// What whoever reads the seats does next.
    pub(super) fn next(&self, group: GroupId) -> Next {
        let next = self.hall(group, |hall| {
            while let Some(told) = hall.waiting.pop_front() {
                let Some(audience) = hall.audience(told.message.seq, told.version) else {
                    let stale = hall.seats.iter().filter(|(_, seat)| seat.version < told.version);
                    let next = Next::Read(stale.map(|(user, _)| user.clone()).collect(), told.version);
                    hall.waiting.push_front(told);
                    return next;
                };
                hall.waiting_bytes -= told.message.content.len() + FRAME_BYTES;
                if hall.track.note(told.message.seq) {
                    return Next::Tell(told, audience);
                }
            }
            hall.reading = false;
            Next::Done
        });
        next.unwrap_or(Next::Done)
    }

    /// Takes note of what users may see, as it was read.
    pub(super) fn read(&self, group: GroupId, version: u64, seats: Vec<(UserId, Windows)>) {
        self.hall(group, |hall| {
            for (user, windows) in seats {
                if let Some(seat) = hall.seats.get_mut(&user).filter(|seat| seat.version <= version) {
                    (seat.windows, seat.version) = (windows, version);
                }
            }
        });
    }

    /// The first seqs up to `max_seq` that were not delivered, at most `limit`, without those of which `is_gap` says that they
    /// hold nothing.
    pub(super) fn missing(&self, group: GroupId, max_seq: u64, limit: usize, is_gap: impl Fn(u64) -> bool) -> Vec<u64> {
        let missing = self.hall(group, |hall| {
            let Some(done) = hall.track.done else { return Vec::new() };
            let missing = (done + 1..=max_seq).filter(|seq| !hall.track.ahead.contains(seq) && !is_gap(*seq));
            missing.take(limit).collect()
        });
        missing.unwrap_or_default()
    }

    /// Takes note that everything up to `max_seq` was delivered, is not there, or waits.
    pub(super) fn finish(&self, group: GroupId, max_seq: u64) {
        self.hall(group, |hall| {
            let waits = hall.waiting.iter().map(|told| told.message.seq).min();
            let max_seq = waits.map_or(max_seq, |waits| max_seq.min(waits - 1));
            if hall.track.done.is_some_and(|done| done < max_seq) {
                hall.track.done = Some(max_seq);
                hall.track.ahead = hall.track.ahead.split_off(&(max_seq + 1));
            }
            hall.track.is_compared = true;
        });
    }

    /// The members of a group who are here.
    pub(super) fn members(&self, group: GroupId) -> Vec<Arc<Presence<Place>>> {
        let members = self.hall(group, |hall| {
            let open = hall.seats.values().filter(|seat| seat.windows.is_open());
            open.map(|seat| Arc::clone(&seat.presence)).collect()
        });
        members.unwrap_or_default()
    }

    /// All groups, each with whether it is to be compared before its time.
    pub(super) fn groups(&self) -> Vec<(GroupId, bool)> {
        let is_early = |track: &Track| !track.is_compared || track.ahead.len() > AHEAD_MAX;
        self.halls.lock().iter().map(|(group, hall)| (*group, is_early(&hall.track))).collect()
    }
}

#[cfg(test)]
mod tests;
