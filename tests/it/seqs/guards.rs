//! The guards of the rules, each of which can be taken out: a line of the library is removed, or its machine is lied to.

use super::sending::BODIES;

/// A guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    /// A key, or what it remembers, that another replication id wrote is not trusted.
    Server,
    /// Only the ticket that asked last installs, and only under the key's fence.
    Ticket,
    /// A caller that knows a higher fence makes the key cold.
    Fence,
    /// A row found above, other than the pending claim of its id, waits for settling.
    Candidate,
    /// A closed claim is nobody's any more.
    Close,
    /// A repeat renews its claim.
    Renew,
    /// A row found above is answered with, or waited for; it never claims again.
    Final,
    /// A jump between two blocks moves where the key is whole.
    Jump,
    /// What settling resolved as a row is remembered.
    Remember,
    /// send_at is never below the last one.
    Order,
    /// A new seq is above everything that was acked to its sender before.
    Floor,
    /// A message is new only to the attempt that finishes it.
    NewIfFinished,
    /// A send writes and acks within D only.
    Deadline,
    /// A repeat is refused for a claim's body within D only.
    RefuseInTime,
    /// A fence that a send starts with is at most 1 s old.
    FenceAge,
    /// Read beside a fence that was raised lately, the look-up is made again.
    LookAgain,
    /// A row of `message_ids` counts only if its message is there.
    IdNeedsRow,
    /// A row found above `settled` is not answered with before it is final.
    FoundIsFinal,
    /// Before a final row is answered with, the gaps are read once more.
    GapsAgain,
    /// A fence's range is settled D + 2 s after the fence was known.
    FenceWait,
    /// A fence's range is looked at twice.
    TwoLooks,
    /// Claims are closed only after every send of them is over.
    Patience,
    /// Of two rows of one id, one becomes a gap.
    Twins,
    /// `message_ids` of the rows that stay are written before the settlement.
    IdsFirst,
    /// A settlement moves `settled` only from where it looked.
    SettleIfSettled,
    /// A settlement holds only under the fence that it looked under.
    SettleIfFence,
    /// A grant holds only if the head is as it was read.
    GrantIfUnchanged,
    /// A grant moves `settled` only if the key is whole from there up.
    GrantIfWhole,
    /// A reader goes beyond `settled` only with a key of the fence.
    ReadIfFence,
    /// A reader goes beyond `settled` only if the key is whole from there up.
    ReadIfWhole,
    /// A reader reads the key before the blocks.
    ReadKeyFirst,
    /// Rows in gaps are left out.
    GapFilter,
    /// A repeat with another body than the pending claim's is refused.
    PendingBody,
    /// A repeat with another body than a finished claim's is refused.
    SeenBody,
    /// A repeat with another body than the row's is refused.
    FoundBody,
}

impl Guard {
    /// All of them.
    pub(super) const ALL: [Self; 35] = [
        Self::Server,
        Self::Ticket,
        Self::Fence,
        Self::Candidate,
        Self::Close,
        Self::Renew,
        Self::Final,
        Self::Jump,
        Self::Remember,
        Self::Order,
        Self::Floor,
        Self::NewIfFinished,
        Self::Deadline,
        Self::RefuseInTime,
        Self::FenceAge,
        Self::LookAgain,
        Self::IdNeedsRow,
        Self::FoundIsFinal,
        Self::GapsAgain,
        Self::FenceWait,
        Self::TwoLooks,
        Self::Patience,
        Self::Twins,
        Self::IdsFirst,
        Self::SettleIfSettled,
        Self::SettleIfFence,
        Self::GrantIfUnchanged,
        Self::GrantIfWhole,
        Self::ReadIfFence,
        Self::ReadIfWhole,
        Self::ReadKeyFirst,
        Self::GapFilter,
        Self::PendingBody,
        Self::SeenBody,
        Self::FoundBody,
    ];

    /// Where to begin to look for a walk that misses it: found by `NEXO_SEQ_GUARD`, and to be found again if walks change.
    pub(super) fn first_seed(self) -> u64 {
        match self {
            Self::Server => 1_133,
            Self::Candidate => 2_022,
            Self::Deadline => 617,
            Self::Ticket => 45_793,
            Self::Renew => 4_592,
            Self::Jump => 479,
            Self::SettleIfSettled => 37_525,
            Self::IdsFirst => 602,
            Self::ReadKeyFirst => 3_797,
            Self::ReadIfWhole => 336,
            Self::FoundIsFinal => 15_165,
            Self::Remember => 26_529,
            Self::LookAgain => 3_354,
            _ => 0,
        }
    }

    /// With how many bodies the repeats of a walk come that is to miss it.
    pub(super) fn bodies(self) -> usize {
        if matches!(self, Self::PendingBody | Self::SeenBody | Self::FoundBody) { BODIES.len() } else { 1 }
    }

    /// The mark of its lines in the library, if it is there.
    pub(super) fn line(self) -> Option<&'static str> {
        Some(match self {
            Self::Server => "server",
            Self::Ticket => "ticket",
            Self::Fence => "fence",
            Self::Candidate => "candidate",
            Self::Close => "close",
            Self::Renew => "renew",
            Self::Final => "final",
            Self::Jump => "jump",
            Self::Remember => "remember",
            Self::Order => "order",
            Self::Floor => "floor",
            Self::PendingBody => "pending-body",
            Self::SeenBody => "seen-body",
            _ => return None,
        })
    }
}
