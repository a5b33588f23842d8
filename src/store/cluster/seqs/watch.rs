//! What a node remembers of a conversation's fence.

/// For how long a fence that was read may be used: a send under the fence before one that was raised began at most so long
/// after the raise.
pub const FENCE_AGE_MS: u64 = 1_000;

/// The highest fence that this node knows of a conversation. Times are of its monotonic clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Watch {
    fence: u64,
    known_since_ms: u64,
    asked_at_ms: Option<u64>,
}

impl Watch {
    /// Takes in a reading of the fence that was asked for at `asked_at_ms` and answered by now.
    pub fn saw(&mut self, fence: u64, asked_at_ms: u64, now_ms: u64) {
        if fence < self.fence {
            return;
        }
        // The age counts from the question, what settling waits for from the answer: each the careful way.
        if fence > self.fence || self.asked_at_ms.is_none() {
            self.known_since_ms = now_ms;
        }
        self.fence = fence;
        self.asked_at_ms = self.asked_at_ms.max(Some(asked_at_ms));
    }

    /// The fence, if it was read lately enough for a send to start with it.
    pub fn recent(&self, now_ms: u64) -> Option<u64> {
        let age = now_ms.saturating_sub(self.asked_at_ms?);
        (age <= FENCE_AGE_MS).then_some(self.fence)
    }

    /// For how long this node has known `fence`.
    pub fn known_for_ms(&self, fence: u64, now_ms: u64) -> u64 {
        if fence == self.fence { now_ms.saturating_sub(self.known_since_ms) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_ages_from_the_question_and_is_known_from_the_answer() {
        let mut watch = Watch::default();
        assert_eq!(watch.recent(0), None);
        watch.saw(3, 1_000, 1_800);
        assert_eq!((watch.recent(2_000), watch.recent(2_001)), (Some(3), None));
        assert_eq!(watch.known_for_ms(3, 2_000), 200);
        watch.saw(2, 5_000, 5_000);
        assert_eq!((watch.recent(5_000), watch.known_for_ms(4, 9_000)), (None, 0));
    }
}
