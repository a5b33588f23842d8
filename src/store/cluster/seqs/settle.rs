//! Settling: of claims that nobody finished, which are rows and which are gaps.

use super::{Blocks, Closed, MsgId, Now, Plan, Row, Settlement, Tried, Watch};

/// The most gaps of one settlement: it is one batch, which must stay below 50 KiB, and a gap takes up to 200 bytes of it.
const GAPS_MAX: usize = 200;

/// An operation that settling asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettleAsk {
    /// Read `seq_blocks`.
    Blocks,
    /// Call `close`.
    Close {
        /// What is settled.
        settled: u64,
        /// The fence of `seq_blocks`.
        fence: u64,
        /// The count up to which every send is over, or 0.
        count: u64,
    },
    /// Wait so long.
    Pause(u64),
    /// Read the rows of these seqs, at quorum.
    Rows(u64, u64),
    /// Read what `message_ids` has of these ids, then which of it `messages` has.
    Tried(Vec<MsgId>),
    /// Write these rows of `message_ids`.
    WriteIds(Vec<(u64, MsgId)>),
    /// Apply this settlement.
    Apply(Settlement),
    /// Call `resolve` with what stays.
    Resolve {
        /// Up to where all is settled.
        upto: u64,
        /// The rows that stay.
        keep: Vec<(u64, MsgId)>,
    },
}

/// The answer to what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each answers the question of its name")]
pub enum SettleAnswer {
    Blocks(Blocks),
    Closed(Closed),
    Paused,
    Rows(Vec<Row>),
    Tried(Vec<Tried>),
    WrittenIds,
    Applied,
    Resolved,
    /// No answer, or another one was first. Whoever meets what is left settles it.
    Failed,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum SettleStep {
    Ask(SettleAsk),
    Done,
}

/// Which look at the rows this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// The first of two at a fence's range: makes sure that each of its ids is found.
    First,
    /// The one that decides.
    Deciding,
    /// At what is settled already, to tell the key.
    Settled,
}

/// One attempt of one node to settle.
#[derive(Debug, Clone)]
pub struct Settling {
    deadline_ms: u64,
    asked_ms: u64,
    blocks: Blocks,
    /// The fence and the count that `close` gave, before the pause.
    watched: Option<(u64, u64)>,
    look: Look,
    /// Up to where this look goes.
    last: u64,
    /// Up to where this step goes: no further than one batch can say.
    upto: u64,
    gaps_max: usize,
    rows: Vec<Row>,
    tried: Vec<Tried>,
    plan: Plan,
}

impl Settling {
    /// Begins where sends have `deadline_ms`; the first step is [`SettleAsk::Blocks`].
    pub fn start(deadline_ms: u64, now: Now) -> Self {
        Self {
            deadline_ms,
            asked_ms: now.mono_ms,
            blocks: Blocks::default(),
            watched: None,
            look: Look::Deciding,
            last: 0,
            upto: 0,
            gaps_max: GAPS_MAX,
            rows: Vec::new(),
            tried: Vec::new(),
            plan: Plan::default(),
        }
    }

    /// The same with at most so many gaps in a settlement.
    pub fn in_steps_of(self, gaps_max: usize) -> Self {
        Self { gaps_max, ..self }
    }

    /// Goes on with the answer to what was asked for last.
    pub fn next(&mut self, answer: SettleAnswer, watch: &mut Watch, now: Now) -> SettleStep {
        match answer {
            SettleAnswer::Blocks(blocks) => self.begin(blocks, watch, now),
            SettleAnswer::Closed(Closed::Watch(count)) if self.watched.is_none() => self.watch(count),
            SettleAnswer::Closed(Closed::Open(upto)) => self.look(Look::Deciding, self.blocks.head.settled + 1, upto),
            SettleAnswer::Closed(Closed::Stale(low, upto)) => self.look(Look::Settled, low, upto),
            SettleAnswer::Paused if self.watched.is_some() => SettleStep::Ask(SettleAsk::Blocks),
            SettleAnswer::Paused => self.look(Look::Deciding, self.blocks.head.settled + 1, self.last),
            SettleAnswer::Rows(rows) => self.rows(rows),
            SettleAnswer::Tried(tried) => {
                self.tried = tried;
                self.decide()
            }
            SettleAnswer::WrittenIds => self.ids_written(),
            SettleAnswer::Applied => self.resolve(),
            // What is left was looked at with the rest, and nobody else has settled since: that was a condition.
            SettleAnswer::Resolved if self.look == Look::Deciding && self.upto < self.last => self.decide(),
            SettleAnswer::Closed(Closed::Nothing | Closed::Watch(_)) | SettleAnswer::Resolved | SettleAnswer::Failed => {
                SettleStep::Done
            }
        }
    }

    fn begin(&mut self, blocks: Blocks, watch: &mut Watch, now: Now) -> SettleStep {
        let head = blocks.head;
        watch.saw(head.fence, self.asked_ms, now.mono_ms);
        self.blocks = blocks;
        if let Some((fence, count)) = self.watched {
            // Counts of another fence are another key's.
            let same = fence == head.fence;
            return if same { self.close(count) } else { SettleStep::Done };
        }
        if head.settled >= head.fence_from {
            return self.close(0);
        }
        // A send under the fence before began at most FENCE_AGE_MS after this fence was raised, and writes for D.
        if watch.known_for_ms(head.fence, now.mono_ms) < self.deadline_ms + 2_000 {
            return SettleStep::Done;
        }
        self.look(Look::First, head.settled + 1, head.fence_from)
    }

    fn close(&self, count: u64) -> SettleStep {
        let head = self.blocks.head;
        SettleStep::Ask(SettleAsk::Close { settled: head.settled, fence: head.fence, count })
    }

    /// Waits until every send of the claims that are pending now is over, each within D of its last renewal. By this node's own
    /// clock: by that of Redis, a step forward would close the claim of a send that is writing, and its ack would be lost.
    fn watch(&mut self, count: u64) -> SettleStep {
        self.watched = Some((self.blocks.head.fence, count));
        SettleStep::Ask(SettleAsk::Pause(self.deadline_ms + 1_000))
    }

    fn look(&mut self, look: Look, first: u64, upto: u64) -> SettleStep {
        self.look = look;
        self.last = upto;
        SettleStep::Ask(SettleAsk::Rows(first, upto))
    }

    fn rows(&mut self, rows: Vec<Row>) -> SettleStep {
        let places = || rows.iter().map(|row| (row.seq, row.id.clone()));
        match self.look {
            Look::First => SettleStep::Ask(SettleAsk::WriteIds(places().collect())),
            Look::Settled => {
                let keep = places().filter(|(seq, _)| !self.blocks.gaps.hold(*seq)).collect();
                SettleStep::Ask(SettleAsk::Resolve { upto: self.last, keep })
            }
            Look::Deciding => {
                let ids = rows.iter().map(|row| row.id.clone()).collect();
                self.rows = rows;
                SettleStep::Ask(SettleAsk::Tried(ids))
            }
        }
    }

    fn decide(&mut self) -> SettleStep {
        let range = (self.blocks.head.settled + 1, self.last);
        self.plan = Plan::new(range, &self.rows, &self.tried, &self.blocks.gaps, self.gaps_max);
        self.upto = self.plan.to;
        // Before the change: once it is settled, a send that looks the id up must find it.
        SettleStep::Ask(SettleAsk::WriteIds(self.plan.keep.clone()))
    }

    fn ids_written(&mut self) -> SettleStep {
        if self.look == Look::First {
            // A send of one of these ids that looked it up before it was written ends within D: until then it may still store
            // it a second time, above, and after that its second seq is found here.
            return SettleStep::Ask(SettleAsk::Pause(self.deadline_ms + 1_000));
        }
        let head = self.blocks.head;
        let gaps = self.plan.gaps.clone();
        SettleStep::Ask(SettleAsk::Apply(Settlement { from: head.settled, to: self.upto, fence: head.fence, gaps }))
    }

    fn resolve(&mut self) -> SettleStep {
        self.blocks.head.settled = self.upto;
        self.plan.gaps.iter().for_each(|&gap| self.blocks.gaps.add(gap));
        SettleStep::Ask(SettleAsk::Resolve { upto: self.upto, keep: self.plan.keep.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Gaps, Head};
    use super::*;

    const NOW: Now = Now { mono_ms: 0, wall_ms: 0 };
    const LAST: u64 = 1_001;

    /// Every other seq is a message.
    fn messages() -> Vec<Row> {
        let row = |seq: u64| Row { seq, id: format!("m{seq}").into(), send_at_ms: 0, body: "".into() };
        (1..=LAST).filter(|seq| seq % 2 == 0).map(row).collect()
    }

    /// What a settling of these rows, which nobody finished, asks to be applied and resolved.
    fn settled(rows: &[Row]) -> (Vec<Settlement>, Vec<(u64, MsgId)>) {
        let (mut settling, mut watch) = (Settling::start(3_000, NOW), Watch::default());
        let (mut settlements, mut resolved): (Vec<Settlement>, Vec<_>) = (Vec::new(), Vec::new());
        let mut ask = SettleAsk::Blocks;
        loop {
            let answer = match ask {
                SettleAsk::Blocks => {
                    let head = Head { ceiling: LAST, fence: 1, ..Head::default() };
                    SettleAnswer::Blocks(Blocks { head, gaps: Gaps::default() })
                }
                SettleAsk::Close { .. } => SettleAnswer::Closed(Closed::Open(LAST)),
                SettleAsk::Pause(_) => SettleAnswer::Paused,
                SettleAsk::Rows(first, last) => {
                    let inside = rows.iter().filter(|row| (first..=last).contains(&row.seq));
                    SettleAnswer::Rows(inside.cloned().collect())
                }
                SettleAsk::Tried(_) => SettleAnswer::Tried(Vec::new()),
                SettleAsk::WriteIds(_) => SettleAnswer::WrittenIds,
                SettleAsk::Apply(settlement) => {
                    let settled = settlements.last().map_or(0, |settlement| settlement.to);
                    assert!(settlement.from == settled && settlement.to > settled, "{settlement:?} after {settled}");
                    settlements.push(settlement);
                    SettleAnswer::Applied
                }
                SettleAsk::Resolve { upto, keep } => {
                    assert_eq!(settlements.last().map(|settlement| settlement.to), Some(upto));
                    resolved.extend(keep);
                    SettleAnswer::Resolved
                }
            };
            ask = match settling.next(answer, &mut watch, NOW) {
                SettleStep::Ask(ask) => ask,
                SettleStep::Done => return (settlements, resolved),
            };
        }
    }

    #[test]
    fn more_gaps_than_a_batch_may_have_are_settled_in_steps() {
        let rows = messages();
        let (settlements, resolved) = settled(&rows);
        assert_eq!(settlements.iter().map(|settlement| settlement.gaps.len()).collect::<Vec<_>>(), [200, 200, 101]);
        assert_eq!(settlements.iter().map(|settlement| settlement.to).collect::<Vec<_>>(), [400, 800, LAST]);
        assert_eq!(resolved, rows.into_iter().map(|row| (row.seq, row.id)).collect::<Vec<_>>());
    }
}
