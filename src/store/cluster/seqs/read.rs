//! How far a conversation may be shown.

use super::{Gaps, Head, Peeked};

/// The highest seq that may be shown: no smaller one can still appear.
///
/// The key must have been read before the blocks, and the blocks before the rows. Then a claim that the key did not have came
/// later and has a higher seq, and what the key had finished is stored.
pub fn visible(peeked: &Peeked, head: &Head) -> u64 {
    match *peeked {
        // Another fence: this key, or one after it, is not the only one. Below whole_from, others may have claimed.
        Peeked::Warm { fence, whole_to, whole_from } if fence == head.fence && head.settled + 1 >= whole_from => {
            whole_to.max(head.settled)
        }
        _ => head.settled,
    }
}

/// Whether whoever reads this is to raise the fence ([`Head::raise`]): claims may be open that no key answers for, and
/// without a fence nobody would begin to settle them. Silence is no reason: Redis may be back at once, knowing all.
pub fn wants_fence(peeked: &Peeked) -> bool {
    *peeked == Peeked::Cold
}

/// Whether nothing but a block that was never installed hides what lies above it: whoever brought it has died, or was too slow.
/// That is settled at once, for no claim of it can come any more.
pub fn has_orphan(peeked: &Peeked, head: &Head) -> bool {
    let Peeked::Warm { fence, whole_to, whole_from } = *peeked else { return false };
    let hides = head.settled + 1 < whole_from && whole_from <= whole_to + 1;
    hides && fence == head.fence && head.settled >= head.fence_from
}

/// Whether a row is a message: one that landed after its seq was settled as a gap is none.
pub fn shown(seq: u64, gaps: &Gaps) -> bool {
    !gaps.hold(seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_shows_what_lies_above_settled_only_if_it_knows_all_of_it() {
        let head = Head { ceiling: 32, settled: 16, fence: 2, fence_from: 16, ..Head::default() };
        let key = |fence, whole_from| Peeked::Warm { fence, whole_to: 20, whole_from };
        assert_eq!(visible(&key(2, 17), &head), 20);
        assert_eq!(visible(&key(2, 18), &head), 16);
        assert_eq!(visible(&key(1, 17), &head), 16);
        assert_eq!(visible(&key(2, 17), &Head { settled: 15, ..head }), 15);
        assert_eq!(visible(&Peeked::Cold, &head), 16);
        let orphan = |peeked: Peeked, settled| has_orphan(&peeked, &Head { settled, ..head });
        assert!(orphan(key(2, 18), 16) && orphan(key(2, 21), 16));
        assert!(!orphan(key(2, 17), 16) && !orphan(key(1, 18), 16) && !orphan(Peeked::Cold, 16));
        // A claim is pending below it; a fence's range is settled first.
        assert!(!orphan(key(2, 22), 16) && !orphan(key(2, 18), 15));
        assert!(shown(1, &Gaps::default()) && wants_fence(&Peeked::Cold) && !wants_fence(&Peeked::Silent));
    }
}
