//! A send: which operation comes next.

use super::{Blocks, Claimed, Gaps, Granted, Head, MsgId, Need, Now, Row, Watch};

/// An operation that a send asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendAsk {
    /// Read the seqs at which `message_ids` has the id, and beside it what else it says.
    LookUp {
        /// Whether the head of `seq_blocks` is wanted.
        head: bool,
        /// Whether the sender's read_seq is wanted.
        floor: bool,
    },
    /// Read `seq_blocks`, and the rows of this id at these seqs.
    Verify(Vec<u64>),
    /// Call `claim`, with a ticket of its own.
    Claim {
        /// The fence that the look-up was made under.
        known: u64,
        /// The seq at which the id was found, or 0.
        candidate: u64,
        /// What was settled when it was found.
        settled: u64,
        /// The seq above which a new one is to be.
        floor: u64,
    },
    /// Run a [`super::Granting`] for this need and the ticket of the claim.
    Bring(Need),
    /// Wait a little: someone else brings the block.
    Pause,
    /// Write the row, its id and the sender's mark, at once.
    Write {
        /// Its seq.
        seq: u64,
        /// When it was sent.
        send_at_ms: u64,
    },
    /// Call `finish`, with the pushes.
    Finish(u64),
    /// Read `seq_blocks`.
    Blocks,
}

/// The answer to what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each answers the question of its name")]
pub enum SendAnswer {
    LookedUp {
        tried: Vec<u64>,
        head: Option<Head>,
        floor: Option<u64>,
    },
    Verified {
        blocks: Blocks,
        rows: Vec<Row>,
    },
    Claimed(Claimed),
    Brought(Granted),
    Paused,
    Written,
    Finished,
    Blocks(Blocks),
    /// No answer, or not the whole: whatever was asked for may have happened, or happen yet.
    Failed,
}

/// How a send ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendOutcome {
    /// It is stored, and may be acked.
    Stored {
        /// Its seq.
        seq: u64,
        /// When it was sent.
        send_at_ms: u64,
    },
    /// The id is another message's.
    OtherBody,
    /// The client is to try again: the outcome is open.
    TryAgain,
    /// Nothing was claimed: the conversation takes no more messages for so many milliseconds.
    Limited(i64),
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum SendStep {
    Ask(SendAsk),
    Done(SendOutcome),
}

/// One send of one id on one node.
#[derive(Debug, Clone)]
pub struct Send {
    body: MsgId,
    started_ms: u64,
    deadline_ms: u64,
    /// When the operation under way was asked for.
    asked_ms: u64,
    /// The fence known, which is not younger than the look-up.
    known: u64,
    candidate: Option<Row>,
    settled: u64,
    /// The sender's read_seq as it was when the send began, which every ack before marked: a new seq is above it.
    floor: u64,
    /// The fence of a key whose next seq was not above the floor, until the head is read once more.
    behind: Option<u64>,
    /// The claim that is written or finished: seq and time.
    claim: (u64, u64),
    finishing: bool,
}

impl Send {
    /// Begins a send of this body, which has `deadline_ms` from now; gives what it asks for first.
    pub fn start(body: MsgId, deadline_ms: u64, watch: &Watch, now: Now) -> (Self, SendAsk) {
        let recent = watch.recent(now.mono_ms);
        let ask = SendAsk::LookUp { head: recent.is_none(), floor: true };
        let send = Self {
            body,
            started_ms: now.mono_ms,
            deadline_ms,
            asked_ms: now.mono_ms,
            known: recent.unwrap_or_default(),
            candidate: None,
            settled: 0,
            floor: 0,
            behind: None,
            claim: (0, 0),
            finishing: false,
        };
        (send, ask)
    }

    /// Goes on with the answer to what was asked for last.
    pub fn next(&mut self, answer: SendAnswer, watch: &mut Watch, now: Now) -> SendStep {
        let step = match answer {
            SendAnswer::LookedUp { tried, head, floor } => {
                self.floor = floor.unwrap_or(self.floor);
                self.looked_up(tried, head, watch, now)
            }
            SendAnswer::Verified { blocks, rows } => self.verified(&blocks, rows, watch, now),
            SendAnswer::Claimed(claimed) => self.claimed(claimed, now),
            SendAnswer::Brought(Granted::ClaimAgain) | SendAnswer::Paused => self.claim(now),
            SendAnswer::Brought(Granted::FenceMoved) => self.again(now),
            SendAnswer::Written => self.written(now),
            // Finished or not: it is stored. If the key was not told, it is settled like a claim that nobody finished.
            SendAnswer::Finished | SendAnswer::Failed if self.finishing => self.stored(),
            SendAnswer::Blocks(blocks) => self.checked(&blocks.gaps),
            SendAnswer::Finished | SendAnswer::Failed => SendStep::Done(SendOutcome::TryAgain),
        };
        self.asked_ms = now.mono_ms;
        step
    }

    fn is_over(&self, now: Now) -> bool {
        now.mono_ms.saturating_sub(self.started_ms) > self.deadline_ms
    }

    /// From the look-up on, under the fence as it is now: a claim under a fence that the look-up is older than could give a
    /// second seq to an id that was stored under the fence before.
    fn again(&mut self, now: Now) -> SendStep {
        self.candidate = None;
        self.unless_over(SendAsk::LookUp { head: true, floor: false }, now)
    }

    /// A claim or a write that begins later than D could meet a settlement that no longer waits for it.
    fn unless_over(&self, ask: SendAsk, now: Now) -> SendStep {
        if self.is_over(now) { SendStep::Done(SendOutcome::TryAgain) } else { SendStep::Ask(ask) }
    }

    fn looked_up(&mut self, tried: Vec<u64>, head: Option<Head>, watch: &mut Watch, now: Now) -> SendStep {
        if let Some(head) = head {
            watch.saw(head.fence, self.asked_ms, now.mono_ms);
            self.known = head.fence;
            self.believe(head);
            // Read beside each other, and raised lately: the look-up may be older than the fence.
            if head.is_fresh(now.wall_ms) {
                return SendStep::Ask(SendAsk::LookUp { head: false, floor: false });
            }
        }
        if tried.is_empty() { self.claim(now) } else { SendStep::Ask(SendAsk::Verify(tried)) }
    }

    /// Says whether the floor counts, by a head that was read after it.
    ///
    /// A seq that was given is of a block of some fence up to the head's. One key alone has the blocks of a fence, all of them
    /// above those of the fences before. So a key under the head's fence is never behind such a seq: then nobody gave the floor,
    /// and without it the send goes on, or it would for ever be told that this key is behind.
    fn believe(&mut self, head: Head) {
        if self.behind.take().is_some_and(|fence| fence >= head.fence) {
            self.floor = 0;
        }
    }

    fn verified(&mut self, blocks: &Blocks, rows: Vec<Row>, watch: &mut Watch, now: Now) -> SendStep {
        watch.saw(blocks.head.fence, self.asked_ms, now.mono_ms);
        if blocks.head.fence > self.known {
            return self.again(now);
        }
        self.settled = blocks.head.settled;
        self.candidate = rows.into_iter().filter(|row| !blocks.gaps.hold(row.seq)).min_by_key(|row| row.seq);
        match &self.candidate {
            Some(row) if row.seq <= self.settled => self.found(row),
            _ => self.claim(now),
        }
    }

    fn claim(&self, now: Now) -> SendStep {
        let candidate = self.candidate.as_ref().map_or(0, |row| row.seq);
        let Self { known, settled, floor, .. } = *self;
        self.unless_over(SendAsk::Claim { known, candidate, settled, floor }, now)
    }

    fn claimed(&mut self, claimed: Claimed, now: Now) -> SendStep {
        match claimed {
            Claimed::Claim { fence, .. } if fence > self.known => self.again(now),
            Claimed::Claim { seq, send_at_ms, fence, .. } if fence == self.known => {
                self.claim = (seq, send_at_ms);
                self.unless_over(SendAsk::Write { seq, send_at_ms }, now)
            }
            Claimed::Seen { seq, send_at_ms } => SendStep::Done(SendOutcome::Stored { seq, send_at_ms }),
            // Past D, what was found may be the claim of a send that is as late, of an id that was stored since both looked it up.
            Claimed::Other if self.is_over(now) => SendStep::Done(SendOutcome::TryAgain),
            Claimed::Other => SendStep::Done(SendOutcome::OtherBody),
            // If there is a higher fence, the key goes cold by it, and the block that it then needs lies above all there was.
            Claimed::Behind { fence } => {
                self.behind = Some(fence);
                self.again(now)
            }
            // It is final unless it became a gap after the look-up and before the key was told.
            Claimed::Final => SendStep::Ask(SendAsk::Blocks),
            Claimed::Need(need) => SendStep::Ask(SendAsk::Bring(need)),
            Claimed::Wait => self.unless_over(SendAsk::Pause, now),
            Claimed::Limited(retry_after_ms) => SendStep::Done(SendOutcome::Limited(retry_after_ms)),
            // A claim of a fence that is over belongs to whoever settles it.
            Claimed::Claim { .. } | Claimed::Busy => SendStep::Done(SendOutcome::TryAgain),
        }
    }

    fn written(&mut self, now: Now) -> SendStep {
        // Past D, settling may have looked before the row was there.
        self.finishing = !self.is_over(now);
        self.unless_over(SendAsk::Finish(self.claim.0), now)
    }

    fn checked(&self, gaps: &Gaps) -> SendStep {
        match &self.candidate {
            Some(row) if !gaps.hold(row.seq) => self.found(row),
            _ => SendStep::Done(SendOutcome::TryAgain),
        }
    }

    /// The id is stored in this row, whoever wrote it.
    fn found(&self, row: &Row) -> SendStep {
        let stored = SendOutcome::Stored { seq: row.seq, send_at_ms: row.send_at_ms };
        SendStep::Done(if row.body == self.body { stored } else { SendOutcome::OtherBody })
    }

    fn stored(&self) -> SendStep {
        let (seq, send_at_ms) = self.claim;
        SendStep::Done(SendOutcome::Stored { seq, send_at_ms })
    }
}
