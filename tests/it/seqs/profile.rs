//! What a walk has much of: drawn anew for each, for a walk of a little of everything seldom has enough of the two things that
//! only together break a rule.

use super::dice::Dice;

/// A fault of Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A master loses everything.
    Flush,
    /// A master restarts from a snapshot, or empty.
    Restart,
    /// A master keeps a snapshot.
    Keep,
    /// A replica is brought up to date.
    Replicate,
    /// A replica becomes a master, whatever the other one is; one node follows it.
    Promote,
    /// Of two masters, one becomes the other one's replica.
    Demote,
    /// A node takes another master for the right one.
    Turn,
    /// A clock is set forward.
    ClockForward,
    /// A clock is set right.
    ClockRight,
}

use Fault::{ClockForward, ClockRight, Demote, Flush, Keep, Promote, Replicate, Restart, Turn};

/// Faults that go together.
const KINDS: [&[Fault]; 5] = [
    &[Flush, Restart, Keep, Promote, Promote, Demote, Turn, ClockForward, ClockRight, Replicate],
    &[Flush],
    &[ClockForward, ClockRight],
    &[Promote, Turn, Turn, Demote, Replicate],
    &[Flush, Keep, Restart],
];

/// How often things happen, of 40 in all; what is left is steps of what is under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Profile {
    /// How many ids there are.
    pub(super) ids: u64,
    pub(super) sends: u64,
    pub(super) repeats: u64,
    pub(super) settles: u64,
    pub(super) reads: u64,
    pub(super) time: u64,
    pub(super) faults: u64,
    pub(super) landings: u64,
    /// How many of 8 writes have no answer.
    pub(super) lost_writes: u64,
    /// How many of 8 steps go to what went last, while all else waits.
    pub(super) sticks: u64,
    pub(super) kinds: &'static [Fault],
    pub(super) most_faults: u64,
}

impl Profile {
    /// A profile; in one of eight nothing fails.
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let fails = u64::from(!dice.chance(1, 8));
        Self {
            ids: 1 + dice.below(6),
            sends: 1 + dice.below(3),
            repeats: 1 + dice.below(6),
            settles: dice.below(5),
            reads: dice.below(4),
            time: fails * dice.below(6),
            faults: fails * dice.below(3),
            landings: fails * dice.below(4),
            lost_writes: fails * dice.below(5),
            sticks: dice.below(8),
            kinds: KINDS[dice.place(KINDS.len())],
            most_faults: fails * (1 + dice.below(8)),
        }
    }
}
