//! Bringing a block to a key.

use super::{Change, Head, Need, Stamp};

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granted {
    /// Claim again: the block is in the key, or someone else's is, or the key asks once more.
    ClaimAgain,
    /// The fence is another than the key's: begin again from the look-up.
    FenceMoved,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantingStep {
    /// Read the head at LOCAL_SERIAL; answer with [`Granting::head`].
    Head,
    /// Apply this change; answer with [`Granting::changed`].
    Change(Change),
    /// Call `install` with the machine's ticket; then it is over.
    Install {
        /// The first seq of the block.
        from: u64,
        /// Its last.
        to: u64,
        /// Its fence.
        fence: u64,
    },
    /// It is over.
    Done(Granted),
}

/// One grant, from the answer of the key on.
#[derive(Debug, Clone)]
pub struct Granting {
    need: Need,
    stamp: Stamp,
    asked: Option<Change>,
}

impl Granting {
    /// Begins; the first step is [`GrantingStep::Head`]. The stamp is this grant's alone.
    pub fn new(need: Need, stamp: Stamp) -> Self {
        Self { need, stamp, asked: None }
    }

    /// Goes on with the head: as it is before the change, or after one of unknown outcome.
    pub fn head(&mut self, head: Head) -> GrantingStep {
        match self.asked.take() {
            None => match head.grant(&self.need, self.stamp) {
                Some(change) => {
                    self.asked = Some(change);
                    GrantingStep::Change(change)
                }
                None => GrantingStep::Done(Granted::FenceMoved),
            },
            Some(change) if head.grant_id == self.stamp.grant_id => Self::install(&change),
            // It was not applied, or others were applied after it. If it was, or still is, its block is an orphan.
            Some(_) => GrantingStep::Done(Granted::ClaimAgain),
        }
    }

    /// Goes on with whether the change was applied; `None` if that is unknown.
    pub fn changed(&mut self, applied: Option<bool>) -> GrantingStep {
        match (applied, self.asked) {
            (Some(true), Some(change)) => Self::install(&change),
            (None, Some(_)) => GrantingStep::Head,
            _ => GrantingStep::Done(Granted::ClaimAgain),
        }
    }

    fn install(change: &Change) -> GrantingStep {
        let (from, to) = change.block();
        GrantingStep::Install { from, to, fence: change.after.fence }
    }
}
