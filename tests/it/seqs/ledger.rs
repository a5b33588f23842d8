//! What clients were told, and what may never be told them after it.

use std::collections::{BTreeMap, BTreeSet};

use nexo::store::cluster::seqs::MsgId;

/// Whose message an id is: there are two senders.
pub(super) fn sender(id: &MsgId) -> usize {
    id.trim_start_matches('m').parse().map_or(0, |number: usize| number % 2)
}

/// Everything that was promised in one walk, and the first promise that was broken.
#[derive(Default)]
pub(super) struct Ledger {
    /// Whether Redis lost something: the one exception needs that.
    pub(super) lost: bool,
    /// Whether nothing fails, so that each message is new to one attempt.
    pub(super) calm: bool,
    /// The seqs that each id was acked with.
    pub(super) acks: BTreeMap<MsgId, BTreeSet<u64>>,
    /// To how many attempts each id was new.
    news: BTreeMap<MsgId, usize>,
    /// The highest seq that each sender was acked.
    sent: BTreeMap<usize, u64>,
    /// The highest seq that the sender of each id was acked before it was sent for the first time.
    floors: BTreeMap<MsgId, u64>,
    /// The id and body that each seq was given to.
    given: BTreeMap<u64, (MsgId, MsgId)>,
    /// The times of the claims under each fence, by seq.
    times: BTreeMap<u64, BTreeMap<u64, u64>>,
    shown: BTreeMap<u64, MsgId>,
    holes: BTreeSet<u64>,
    pub(super) broken: Option<String>,
}

impl Ledger {
    /// The ledger of a walk, in which nothing fails if it is a calm one.
    pub(super) fn of(calm: bool) -> Self {
        Self { calm, ..Self::default() }
    }

    pub(super) fn breaks(&mut self, what: String) {
        self.broken.get_or_insert(what);
    }

    /// A send begins.
    pub(super) fn begin(&mut self, id: &MsgId) {
        let sent = self.sent.get(&sender(id)).copied().unwrap_or(0);
        self.floors.entry(id.clone()).or_insert(sent);
    }

    /// A claim was answered with this seq, under this fence.
    pub(super) fn claim(&mut self, (id, body): (&MsgId, &MsgId), (seq, send_at_ms, fence): (u64, u64, u64)) {
        if let Some(floor) = self.floors.get(id).filter(|&&floor| seq <= floor).copied() {
            self.breaks(format!("{id} was given {seq}, and its sender was acked {floor} before it sent it"));
        }
        let message = (id.clone(), body.clone());
        let first = self.given.entry(seq).or_insert_with(|| message.clone()).clone();
        if first != message {
            self.breaks(format!("seq {seq} was given to {first:?} and to {message:?}"));
        }
        let times = self.times.entry(fence).or_default();
        times.insert(seq, send_at_ms);
        let sorted = times.values().zip(times.values().skip(1)).all(|(one, next)| one <= next);
        if !sorted {
            self.breaks(format!("send_at goes back at seq {seq}"));
        }
    }

    /// A send was answered with this seq; `shown` is where its id was shown before it began.
    pub(super) fn ack(&mut self, (id, body): (&MsgId, &MsgId), seq: u64, shown: Option<u64>) {
        if self.given.get(&seq).is_none_or(|(_, given)| given != body) {
            self.breaks(format!("{id} of {body} was acked as {seq}, which is {:?}", self.given.get(&seq)));
        }
        // Also after a loss: what was shown stays, and so it is what a later repeat is answered with.
        if shown.is_some_and(|shown| shown != seq) {
            self.breaks(format!("{id} was shown at {shown:?}, and a repeat that began later was acked as {seq}"));
        }
        let sent = self.sent.entry(sender(id)).or_default();
        *sent = seq.max(*sent);
        let seqs = self.acks.entry(id.clone()).or_default();
        seqs.insert(seq);
        if seqs.len() > 1 && !self.lost {
            let seqs = seqs.clone();
            self.breaks(format!("{id} was acked as {seqs:?} and Redis lost nothing"));
        }
    }

    /// The message of an id was new to an attempt that was acked.
    pub(super) fn new_message(&mut self, id: &MsgId) {
        let news = self.news.entry(id.clone()).or_default();
        *news += 1;
        if self.calm && *news > 1 {
            self.breaks(format!("{id} was new to two attempts, and so it is told twice"));
        }
    }

    /// A send was refused, for its id is a message with another body.
    pub(super) fn refuse(&mut self, (id, body): (&MsgId, &MsgId), shown: Option<u64>) {
        if !self.given.values().any(|(given, other)| given == id && other != body) {
            self.breaks(format!("{id} of {body} was refused, and there is no other body"));
        }
        let own = |seq: &u64| self.body(*seq) == Some(body);
        let acked = !self.lost && self.acks.get(id).is_some_and(|seqs| seqs.iter().any(own));
        if acked || shown.as_ref().is_some_and(own) {
            self.breaks(format!("{id} of {body} was refused, and that is its body"));
        }
    }

    /// The body that a seq was given to.
    pub(super) fn body(&self, seq: u64) -> Option<&MsgId> {
        self.given.get(&seq).map(|(_, body)| body)
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
            if self.calm && !self.news.contains_key(&id) {
                self.breaks(format!("{id} was new to no attempt, and so nobody is told"));
            }
            // If Redis lost something, the one that stays may be one that nobody had an answer of.
            if places.len() != 1 || !self.lost && !seqs.contains(&places[0]) {
                self.breaks(format!("{id}, acked as {seqs:?}, is shown at {places:?}"));
            }
        }
    }
}
