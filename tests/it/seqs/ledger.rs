//! What clients were told, and what may never be told them after it.

use std::collections::{BTreeMap, BTreeSet};

use nexo::store::cluster::seqs::MsgId;

/// Everything that was promised in one walk, and the first promise that was broken.
#[derive(Default)]
pub(super) struct Ledger {
    /// Whether Redis lost something: the one exception needs that.
    pub(super) lost: bool,
    /// The seqs that each id was acked with.
    pub(super) acks: BTreeMap<MsgId, BTreeSet<u64>>,
    /// The id that each seq was given to.
    given: BTreeMap<u64, MsgId>,
    /// The times of the claims under each fence, by seq.
    times: BTreeMap<u64, BTreeMap<u64, u64>>,
    shown: BTreeMap<u64, MsgId>,
    holes: BTreeSet<u64>,
    pub(super) broken: Option<String>,
}

impl Ledger {
    pub(super) fn breaks(&mut self, what: String) {
        self.broken.get_or_insert(what);
    }

    /// A claim was answered with this seq, under this fence.
    pub(super) fn claim(&mut self, id: &MsgId, (seq, send_at_ms, fence): (u64, u64, u64)) {
        let first = self.given.entry(seq).or_insert_with(|| id.clone()).clone();
        if first != *id {
            self.breaks(format!("seq {seq} was given to {first} and to {id}"));
        }
        let times = self.times.entry(fence).or_default();
        times.insert(seq, send_at_ms);
        let sorted = times.values().zip(times.values().skip(1)).all(|(one, next)| one <= next);
        if !sorted {
            self.breaks(format!("send_at goes back at seq {seq}"));
        }
    }

    pub(super) fn ack(&mut self, id: &MsgId, seq: u64) {
        let seqs = self.acks.entry(id.clone()).or_default();
        seqs.insert(seq);
        if seqs.len() > 1 && !self.lost {
            let seqs = seqs.clone();
            self.breaks(format!("{id} was acked as {seqs:?} and Redis lost nothing"));
        }
    }

    /// A client was shown everything up to `max`.
    pub(super) fn show(&mut self, max: u64, rows: &[(u64, MsgId)]) {
        let rows: BTreeMap<u64, MsgId> = rows.iter().cloned().collect();
        for seq in 1..=max {
            match rows.get(&seq) {
                Some(id) if self.holes.contains(&seq) => self.breaks(format!("the hole {seq} was filled with {id}")),
                None if self.shown.contains_key(&seq) => self.breaks(format!("{seq} was shown and is gone")),
                Some(id) => drop(self.shown.insert(seq, id.clone())),
                None => drop(self.holes.insert(seq)),
            }
        }
    }

    /// Where an id is shown.
    pub(super) fn places(&self, id: &MsgId) -> Vec<u64> {
        self.shown.iter().filter(|(_, shown)| *shown == id).map(|(seq, _)| *seq).collect()
    }

    /// In the end, each acked message is shown once.
    pub(super) fn close(&mut self) {
        for (id, seqs) in self.acks.clone() {
            let places = self.places(&id);
            // If Redis lost something, the one that stays may be one that nobody had an answer of.
            if places.len() != 1 || !self.lost && !seqs.contains(&places[0]) {
                self.breaks(format!("{id}, acked as {seqs:?}, is shown at {places:?}"));
            }
        }
    }
}
