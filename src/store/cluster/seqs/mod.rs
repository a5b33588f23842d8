//! The rules on seqs, without I/O: Redis proposes, the database disposes.
//!
//! Blocks of seqs are granted by the database (`seq_blocks`, one conditional write each) and given out by Redis
//! (`functions.lua`), which may lose anything at any moment. These are the node's decisions between the two. Each machine says
//! which operation comes next, is given its answer, and says the next, so that a test can cut it between any two of them:
//! `tests/it/seqs/` walks through them with exactly these machines and exactly that library.
//!
//! - [`Send`]: look the id up, claim a seq, write the row, finish the claim.
//! - [`Granting`]: bring a block to a key that asked for one.
//! - [`Settling`]: say of claims that nobody finished whether they are rows or gaps.
//! - [`visible`]: how far a conversation may be shown.
//!
//! What holds: blocks are disjoint and grow; everything up to `settled` is a row or a gap, for ever; an acked message is shown
//! exactly once; what was shown stays, and a hole that was shown stays a hole; a repeat that begins after its id was shown is
//! answered with what was shown; a new seq is above everything that its sender had marked as read or was acked before the send
//! began. One exception, and only if Redis was lost while one id was in flight twice: both may be acked
//! with different seqs; one message remains, and a later repeat answers with it. It is the one with the lowest seq that is
//! stored, for that one may have been shown: even if only the other one was acked, and, where their bodies differ, with its body.
//!
//! Whose clock: a send's deadline, a fence's age and the wait before a claim is closed run on the node's monotonic clock.

mod blocks;
mod grant;
mod part;
mod plan;
mod read;
mod replies;
mod send;
mod settle;
mod watch;

pub use blocks::{Blocks, Change, Gaps, Head, Need, Settlement, Stamp};
pub use grant::{Granted, Granting, GrantingStep};
pub use part::Part;
pub use plan::{Plan, Row, Tried};
pub use read::{has_orphan, shown, visible, wants_fence};
pub use replies::{Claimed, Closed, Peeked};
pub use send::{Send, SendAnswer, SendAsk, SendOutcome, SendStep};
pub use settle::{SettleAnswer, SettleAsk, SettleStep, Settling};
pub use watch::{FENCE_AGE_MS, Watch};

/// What time it is on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// By its monotonic clock, from any beginning.
    pub mono_ms: u64,
    /// By its wall clock, which others may not agree with.
    pub wall_ms: u64,
}

/// The id of a message: what stands for (sender, client_msg_id).
pub type MsgId = std::sync::Arc<str>;
