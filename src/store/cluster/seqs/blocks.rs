//! The authority on a conversation's seqs: its row in `seq_blocks`, and the changes that may be asked of it.

use std::collections::BTreeMap;

/// The static columns of a conversation's `seq_blocks`. All zero if there is no row yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Head {
    /// Every seq up to here belongs to some block.
    pub ceiling: u64,
    /// Every seq up to here is a row or a gap, for ever.
    pub settled: u64,
    /// Raised when claims may have been lost; a block belongs to the fence under which it was granted.
    pub fence: u64,
    /// The ceiling when the fence was raised: the blocks of the fences before end here.
    pub fence_from: u64,
    /// When the fence was raised, by the wall clock of whoever did; 0 if never.
    pub fenced_at_ms: u64,
    /// Random: by it a change of unknown outcome is recognised.
    pub grant_id: u64,
}

/// The gaps of a conversation: seqs that are no message and never become one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gaps(BTreeMap<u64, u64>);

impl Gaps {
    /// Adds `first..=last`, as one row of `seq_blocks` has it.
    pub fn add(&mut self, (first, last): (u64, u64)) {
        let end = self.0.entry(first).or_insert(last);
        *end = last.max(*end);
    }

    /// These gaps.
    pub fn of(ranges: &[(u64, u64)]) -> Self {
        let mut gaps = Self::default();
        ranges.iter().for_each(|&range| gaps.add(range));
        gaps
    }

    /// The gaps, ascending and apart.
    pub fn ranges(&self) -> Vec<(u64, u64)> {
        let mut ranges: Vec<(u64, u64)> = Vec::with_capacity(self.0.len());
        for (&first, &last) in &self.0 {
            match ranges.last_mut() {
                Some((_, end)) if first <= *end + 1 => *end = last.max(*end),
                _ => ranges.push((first, last)),
            }
        }
        ranges
    }

    /// The highest seq up to `seq` that is in no gap; 0 if there is none.
    pub fn highest_outside(&self, seq: u64) -> u64 {
        let ranges = self.ranges();
        let inside = ranges.iter().rev().find(|(first, last)| (*first..=*last).contains(&seq));
        inside.map_or(seq, |(first, _)| first - 1)
    }

    /// Whether `seq` is in a gap.
    pub fn hold(&self, seq: u64) -> bool {
        self.0.range(..=seq).any(|(_, &last)| seq <= last)
    }
}

/// A conversation's partition of `seq_blocks`, read at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "their types say it")]
pub struct Blocks {
    pub head: Head,
    pub gaps: Gaps,
}

/// What a key asks of the authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// The key may have lost claims, so this block opens a new fence.
    pub cold: bool,
    /// The fence of the key's blocks.
    pub fence: u64,
    /// The key has nothing pending up to here.
    pub whole_to: u64,
    /// From here up the key knows every claim.
    pub whole_from: u64,
    /// How many seqs.
    pub size: u64,
}

/// A change of the head, applied `IF ceiling = .. AND settled = .. AND fence = ..` of `before`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it themselves")]
pub struct Change {
    pub before: Head,
    pub after: Head,
}

impl Change {
    /// The block that the change grants.
    pub fn block(&self) -> (u64, u64) {
        (self.before.ceiling + 1, self.after.ceiling)
    }
}

/// What is random or timed in a change.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "they say it themselves")]
pub struct Stamp {
    pub grant_id: u64,
    pub wall_ms: u64,
}

impl Head {
    /// Raises the fence: whatever the keys of the fences before have claimed, nobody now knows for certain.
    ///
    /// Not if nothing was granted since the last raise: nobody can have claimed anything, and two keys without a block would
    /// raise it for ever.
    fn raised(self, stamp: Stamp) -> Self {
        let unused = self.fence > 0 && self.fence_from == self.ceiling;
        if unused {
            return self;
        }
        Self { fence: self.fence + 1, fence_from: self.ceiling, fenced_at_ms: stamp.wall_ms, ..self }
    }

    /// The grant that a key needs; `None` if its fence is over, and it is to go cold first.
    pub fn grant(self, need: &Need, stamp: Stamp) -> Option<Change> {
        let mut after = if need.cold { self.raised(stamp) } else { self };
        if after.fence != need.fence && !need.cold {
            return None;
        }
        // Below where the key begins, which is above the fence, others may have claimed: only a look at the rows settles that.
        let knows = self.settled + 1 >= need.whole_from;
        if !need.cold && knows {
            after.settled = self.settled.max(need.whole_to);
        }
        after.ceiling += need.size;
        after.grant_id = stamp.grant_id;
        Some(Change { before: self, after })
    }

    /// The raise that a reader asks for who finds claims that no key answers for; `None` if there are none.
    pub fn raise(self, stamp: Stamp) -> Option<Change> {
        let open = self.settled < self.ceiling && self.fence_from < self.ceiling;
        let after = Self { grant_id: stamp.grant_id, ..self.raised(stamp) };
        open.then_some(Change { before: self, after })
    }

    /// Whether the fence was raised so lately that a look-up beside this reading may be older than the raise.
    pub fn is_fresh(&self, wall_ms: u64) -> bool {
        self.fence > 0 && wall_ms.saturating_sub(self.fenced_at_ms) < 60_000
    }
}

/// A settlement: moves `settled` from `from` to `to` and writes the gaps, `IF settled = from AND fence = fence`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it themselves")]
pub struct Settlement {
    pub from: u64,
    pub to: u64,
    pub fence: u64,
    pub gaps: Vec<(u64, u64)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { grant_id: 7, wall_ms: 1_000_000 };

    #[test]
    fn a_cold_key_gets_its_first_block_under_a_first_fence() {
        let need = Need { cold: true, fence: 0, whole_to: 0, whole_from: 0, size: 16 };
        let change = Head::default().grant(&need, STAMP).expect("a grant");
        assert_eq!(change.block(), (1, 16));
        let expected = Head { ceiling: 16, fence: 1, fenced_at_ms: 1_000_000, grant_id: 7, ..Head::default() };
        assert_eq!(change.after, expected);
    }

    #[test]
    fn a_continuation_settles_what_its_key_knows_and_no_more() {
        let head = Head { ceiling: 32, settled: 16, fence: 2, fence_from: 16, ..Head::default() };
        let need = Need { cold: false, fence: 2, whole_to: 20, whole_from: 17, size: 16 };
        assert_eq!(head.grant(&need, STAMP).map(|change| change.after.settled), Some(20));
        let unsettled = Head { settled: 15, ..head };
        assert_eq!(unsettled.grant(&need, STAMP).map(|change| change.after.settled), Some(15));
        assert_eq!(head.grant(&Need { fence: 1, ..need }, STAMP), None);
    }

    #[test]
    fn a_fence_is_not_raised_again_before_a_block_was_granted_under_it() {
        let head = Head { ceiling: 16, fence: 1, ..Head::default() };
        let raised = head.raise(STAMP).expect("a raise").after;
        assert_eq!((raised.fence, raised.fence_from), (2, 16));
        assert_eq!(raised.raise(STAMP), None);
    }

    #[test]
    fn gaps_hold_their_ends() {
        let mut gaps = Gaps::default();
        gaps.add((3, 5));
        gaps.add((9, 9));
        let held: Vec<u64> = (1..=10).filter(|&seq| gaps.hold(seq)).collect();
        assert_eq!(held, [3, 4, 5, 9]);
        gaps.add((6, 8));
        assert_eq!(gaps.ranges(), [(3, 9)]);
        assert_eq!([10, 9, 4, 2].map(|seq| gaps.highest_outside(seq)), [10, 2, 2, 2]);
    }
}
