//! What settling decides from what it read.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{Gaps, MsgId};

/// A row of `messages`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it themselves")]
pub struct Row {
    pub seq: u64,
    pub id: MsgId,
    pub send_at_ms: u64,
    /// A hash of the body: repeats of an id must agree on it.
    pub body: MsgId,
}

/// A row of `message_ids`: an id was tried at a seq.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it themselves")]
pub struct Tried {
    pub id: MsgId,
    pub seq: u64,
    /// Whether `messages` has a row of this id there.
    pub stored: bool,
}

/// What the seqs of a range become.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Up to where it goes.
    pub to: u64,
    /// The rows that stay, ascending.
    pub keep: Vec<(u64, MsgId)>,
    /// The seqs that become gaps: those of the range, and later ones of an id that stays.
    pub gaps: Vec<(u64, u64)>,
}

impl Plan {
    /// Settles `first..=last` from its rows, all that `message_ids` has of their ids, and the gaps so far. It ends before the
    /// seq that would make more than `gaps_max` gaps, but never before `first`.
    ///
    /// Of the seqs of one id the lowest stored one stays: everyone who settles must choose the same. A later one becomes a gap
    /// even if it is not stored: its send may be writing it just now.
    pub fn new((first, last): (u64, u64), rows: &[Row], tried: &[Tried], gaps: &Gaps, gaps_max: usize) -> Self {
        let rows_by_seq: HashMap<u64, &Row> = rows.iter().map(|row| (row.seq, row)).collect();
        let mut tried_by_id: HashMap<&MsgId, Vec<&Tried>> = HashMap::new();
        for tried in tried.iter().filter(|tried| !gaps.hold(tried.seq)) {
            tried_by_id.entry(&tried.id).or_default().push(tried);
        }
        let (mut plan, mut lost, mut kept) = (Self { to: last, ..Self::default() }, Lost::default(), HashSet::new());
        for seq in (first..=last).filter(|&seq| !gaps.hold(seq)) {
            let row = rows_by_seq.get(&seq).copied();
            let same = row.and_then(|row| tried_by_id.get(&row.id)).map_or(&[][..], Vec::as_slice);
            let before = same.iter().any(|tried| tried.seq < first && tried.stored);
            match row.filter(|row| !before && kept.insert(&row.id)) {
                Some(row) => {
                    same.iter().filter(|tried| tried.seq > seq).for_each(|tried| lost.add(tried.seq));
                    plan.keep.push((seq, row.id.clone()));
                }
                None => lost.add(seq),
            }
            if lost.runs > gaps_max && seq > first {
                return Self::new((first, seq - 1), rows, tried, gaps, gaps_max);
            }
        }
        plan.gaps = lost.into_runs();
        plan
    }
}

/// Seqs, and how many runs they make.
#[derive(Default)]
struct Lost {
    seqs: BTreeSet<u64>,
    runs: usize,
}

impl Lost {
    fn add(&mut self, seq: u64) {
        if self.seqs.insert(seq) {
            let beside = [seq - 1, seq + 1].iter().filter(|&seq| self.seqs.contains(seq)).count();
            self.runs = self.runs + 1 - beside;
        }
    }

    fn into_runs(self) -> Vec<(u64, u64)> {
        let mut runs: Vec<(u64, u64)> = Vec::with_capacity(self.runs);
        for seq in self.seqs {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == seq => *last = seq,
                _ => runs.push((seq, seq)),
            }
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seq: u64, id: &str) -> Row {
        Row { seq, id: id.into(), send_at_ms: 0, body: "".into() }
    }

    fn tried(id: &str, seq: u64, stored: bool) -> Tried {
        Tried { id: id.into(), seq, stored }
    }

    #[test]
    fn a_seq_without_a_row_is_a_gap_and_of_one_id_the_first_row_stays() {
        let rows = [row(4, "a"), row(6, "a"), row(7, "b"), row(8, "c")];
        let ids =
            [tried("a", 4, true), tried("a", 6, true), tried("a", 12, false), tried("b", 2, true), tried("c", 3, true)];
        let mut gaps = Gaps::default();
        gaps.add((3, 3));
        let plan = Plan::new((4, 9), &rows, &ids, &gaps, 3);
        assert_eq!(plan.keep, [(4, "a".into()), (8, "c".into())]);
        assert_eq!(plan.gaps, [(5, 7), (9, 9), (12, 12)]);
        assert_eq!(plan.to, 9);
    }

    #[test]
    fn a_plan_ends_before_it_has_too_many_gaps_and_never_before_it_begins() {
        let rows = [row(4, "a"), row(6, "b"), row(8, "c")];
        let ids = [tried("a", 20, false), tried("a", 30, false), tried("b", 7, true)];
        let planned = |first, gaps_max| {
            let plan = Plan::new((first, 9), &rows, &ids, &Gaps::default(), gaps_max);
            (plan.to, plan.gaps)
        };
        assert_eq!(planned(4, 1), (4, vec![(20, 20), (30, 30)]));
        assert_eq!(planned(4, 3), (5, vec![(5, 5), (20, 20), (30, 30)]));
        assert_eq!(planned(5, 2), (8, vec![(5, 5), (7, 7)]));
        assert_eq!(planned(5, 1), (5, vec![(5, 5)]));
        assert_eq!(planned(6, 1), (8, vec![(7, 7)]));
        assert_eq!(planned(9, 1), (9, vec![(9, 9)]));
    }
}
