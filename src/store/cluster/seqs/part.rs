//! Which of several attempts at one message is the one to say that it is new, and to tell of it.

use super::Claimed;

/// The part that one attempt has in its message.
///
/// Several attempts at an id may go on at once, each with a claim that it was given or found pending. New is the message to the
/// one that finishes it, even if another one was given the seq: an attempt that begins again from the look-up may find that
/// somebody else has written, finished and told of what it was given.
#[derive(Debug, Clone, Copy, Default)]
pub struct Part {
    /// The seq that this attempt was given, and did not find pending.
    given: Option<u64>,
    own: bool,
    /// Set once `finish` was called: whether that finished the claim, if it was answered.
    finished: Option<Option<bool>>,
}

impl Part {
    /// Takes in the answer of `claim`, and whether a seq was given now.
    pub fn claims(&mut self, claimed: &Claimed, new: bool) {
        let seq = if let Claimed::Claim { seq, .. } = claimed { Some(*seq) } else { None };
        if new {
            self.given = seq;
        }
        self.own = seq.is_some() && seq == self.given;
    }

    /// Whether the claim was given to this attempt, which others then leave alone for a while.
    pub fn is_own(&self) -> bool {
        self.own
    }

    /// `finish` was called; `first` says whether that finished the claim, if it was answered.
    pub fn finishes(&mut self, first: Option<bool>) {
        self.finished = Some(first);
    }

    /// Whether the message is new to this attempt. Without an answer of `finish` it is: nobody else may tell of it.
    pub fn is_new(&self) -> bool {
        self.finished.is_some_and(|first| first.unwrap_or(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIM: Claimed = Claimed::Claim { seq: 7, send_at_ms: 0, fence: 1, ahead: None };

    #[test]
    fn what_another_attempt_finished_is_not_new_to_the_one_that_was_given_the_seq() {
        let mut part = Part::default();
        part.claims(&CLAIM, true);
        assert!(part.is_own() && !part.is_new());
        part.claims(&Claimed::Seen { seq: 7, send_at_ms: 0 }, false);
        assert!(!part.is_own() && !part.is_new());
    }

    #[test]
    fn a_seq_is_an_attempts_own_when_it_finds_it_pending_again() {
        let mut part = Part::default();
        part.claims(&CLAIM, true);
        part.claims(&Claimed::Wait, false);
        assert!(!part.is_own());
        part.claims(&CLAIM, false);
        assert!(part.is_own());
        part.claims(&Claimed::Claim { seq: 9, send_at_ms: 0, fence: 2, ahead: None }, false);
        assert!(!part.is_own());
    }

    #[test]
    fn a_message_is_new_to_whoever_finishes_it_or_may_have_done_so() {
        for (first, new) in [(Some(true), true), (Some(false), false), (None, true)] {
            let mut part = Part::default();
            part.claims(&CLAIM, false);
            part.finishes(first);
            assert_eq!(part.is_new(), new, "finish said {first:?}");
        }
    }
}
