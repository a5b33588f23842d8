//! A settling under way on a node.

use nexo::store::cluster::seqs::{Closed, MsgId, SettleAnswer, SettleAsk, SettleStep, Settling, Watch};

use super::database::{Conditional, Plain};
use super::guards::Guard;
use super::world::World;

pub(super) struct Settle {
    node: usize,
    settling: Settling,
    /// What it does next.
    pub(super) ask: SettleAsk,
    /// When a pause ends, by true time.
    until_ms: Option<u64>,
    /// What was asked for before.
    before: Option<SettleAsk>,
}

/// With the guard on twins out, no two rows have one id: each gets its seq as a tag.
fn untagged(id: &MsgId) -> MsgId {
    id.split('#').next().expect("an id").into()
}

impl Settle {
    pub(super) fn new(world: &World, node: usize) -> Self {
        // As few gaps at once as walks are short.
        let settling = Settling::start(world.deadline_ms(), world.now(node)).in_steps_of(1);
        Self { node, settling, ask: SettleAsk::Blocks, until_ms: None, before: None }
    }

    /// Goes one step; whether that was the last.
    pub(super) fn step(&mut self, world: &mut World) -> bool {
        let Some(answer) = self.operate(world) else { return false };
        let now = world.now(self.node);
        let node = &mut world.nodes[self.node];
        let mut long = Watch::default();
        if let (SettleAnswer::Blocks(blocks), Some(Guard::FenceWait)) = (&answer, world.guard_out) {
            long.saw(blocks.head.fence, 0, 0);
            node.watch.saw(blocks.head.fence, now.mono_ms, now.mono_ms);
        }
        let watch = if long == Watch::default() { &mut node.watch } else { &mut long };
        match self.settling.next(answer, watch, now) {
            SettleStep::Ask(ask) => {
                self.before = Some(std::mem::replace(&mut self.ask, ask));
                false
            }
            SettleStep::Done => true,
        }
    }

    fn operate(&mut self, world: &mut World) -> Option<SettleAnswer> {
        Some(match self.ask.clone() {
            SettleAsk::Blocks => SettleAnswer::Blocks(world.database.blocks.clone()),
            SettleAsk::Close { settled, fence, count } => {
                let args = [settled, fence, count].map(|word| word.to_string());
                let Some(words) = world.redis(self.node, "close", &[], &args) else { return Some(SettleAnswer::Failed) };
                world.tell(|| format!("n{} closes with {args:?}: {words:?}", self.node));
                SettleAnswer::Closed(Closed::parse(&words).unwrap_or_else(|| panic!("{words:?}")))
            }
            SettleAsk::Pause(ms) => return self.pause(world, ms),
            SettleAsk::Rows(first, last) => {
                let mut rows = world.database.rows(first, last, &mut world.dice);
                if world.out(Guard::Twins) {
                    rows.iter_mut().for_each(|row| row.id = format!("{}#{}", row.id, row.seq).into());
                }
                SettleAnswer::Rows(rows)
            }
            SettleAsk::Tried(ids) => SettleAnswer::Tried(world.database.tried_all(&ids, &mut world.dice)),
            SettleAsk::WriteIds(ids) => {
                let first_look = matches!(self.before, Some(SettleAsk::Rows(..)));
                let left_out = if first_look { Guard::TwoLooks } else { Guard::IdsFirst };
                let ids = if world.out(left_out) { Vec::new() } else { ids };
                for (seq, id) in &ids {
                    world.database.write(Plain::Id(untagged(id), *seq), true);
                }
                SettleAnswer::WrittenIds
            }
            SettleAsk::Apply(settlement) => {
                let applied = world.conditional(Conditional::Settle(settlement.clone()));
                world.tell(|| format!("n{} settles {settlement:?}: {applied:?}", self.node));
                if applied == Some(true) { SettleAnswer::Applied } else { SettleAnswer::Failed }
            }
            SettleAsk::Resolve { upto, keep } => {
                let ids: Vec<MsgId> = keep.iter().map(|(_, id)| untagged(id)).collect();
                let seqs = keep.iter().map(|(seq, _)| seq.to_string());
                let args: Vec<String> = std::iter::once(upto.to_string()).chain(seqs).collect();
                let answer = world.redis(self.node, "resolve", &ids.iter().collect::<Vec<_>>(), &args);
                world.tell(|| format!("n{} resolves {args:?}: {answer:?}", self.node));
                return Some(answer.map_or(SettleAnswer::Failed, |_| SettleAnswer::Resolved));
            }
        })
    }

    fn pause(&mut self, world: &World, ms: u64) -> Option<SettleAnswer> {
        let of_claims = matches!(self.before, Some(SettleAsk::Close { .. }));
        let left_out = world.out(if of_claims { Guard::Patience } else { Guard::TwoLooks });
        let until_ms = *self.until_ms.get_or_insert(world.now_ms + if left_out { 0 } else { ms });
        (world.now_ms >= until_ms).then(|| {
            self.until_ms = None;
            SettleAnswer::Paused
        })
    }
}
