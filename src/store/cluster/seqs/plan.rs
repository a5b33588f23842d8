//! What settling decides from what it read.

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
    /// The rows that stay, ascending.
    pub keep: Vec<(u64, MsgId)>,
    /// The seqs that become gaps: those of the range, and later ones of an id that stays.
    pub gaps: Vec<(u64, u64)>,
}

impl Plan {
    /// Settles `first..=last` from its rows, all that `message_ids` has of their ids, and the gaps so far.
    ///
    /// Of the seqs of one id the lowest stored one stays: everyone who settles must choose the same. A later one becomes a gap
    /// even if it is not stored: its send may be writing it just now.
    pub fn new((first, last): (u64, u64), rows: &[Row], tried: &[Tried], gaps: &Gaps) -> Self {
        let mut plan = Self::default();
        let mut lost: Vec<u64> = Vec::new();
        for seq in (first..=last).filter(|&seq| !gaps.hold(seq)) {
            let row = rows.iter().find(|row| row.seq == seq);
            let Some(row) = row else {
                lost.push(seq);
                continue;
            };
            let kept = plan.keep.iter().any(|(_, id)| *id == row.id);
            let same = || tried.iter().filter(|tried| tried.id == row.id);
            let before = same().any(|tried| tried.seq < first && tried.stored && !gaps.hold(tried.seq));
            if kept || before {
                lost.push(seq);
            } else {
                lost.extend(same().map(|tried| tried.seq).filter(|&seq| seq > last && !gaps.hold(seq)));
                plan.keep.push((seq, row.id.clone()));
            }
        }
        plan.gaps = runs(lost);
        plan
    }
}

/// Seqs as ranges.
fn runs(mut seqs: Vec<u64>) -> Vec<(u64, u64)> {
    seqs.sort_unstable();
    seqs.dedup();
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for seq in seqs {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == seq => *last = seq,
            _ => runs.push((seq, seq)),
        }
    }
    runs
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
        let plan = Plan::new((4, 9), &rows, &ids, &gaps);
        assert_eq!(plan.keep, [(4, "a".into()), (8, "c".into())]);
        assert_eq!(plan.gaps, [(5, 7), (9, 9), (12, 12)]);
    }
}
