//! A reading under way on a node: how far the conversation goes, and its messages up to there.

use nexo::store::cluster::seqs::{Blocks, Gaps, Peeked, Stamp, shown, visible, wants_fence};

use super::database::Conditional;
use super::guards::Guard;
use super::world::World;

pub(super) struct Reading {
    node: usize,
    peeked: Option<Peeked>,
    blocks: Option<Blocks>,
    raised: bool,
}

impl Reading {
    pub(super) fn new(node: usize) -> Self {
        Self { node, peeked: None, blocks: None, raised: false }
    }

    /// Goes one step; whether that was the last.
    pub(super) fn step(&mut self, world: &mut World) -> bool {
        let blocks_first = world.out(Guard::ReadKeyFirst);
        match (self.peeked, &self.blocks) {
            (None, None) if blocks_first => self.blocks = Some(world.database.blocks.clone()),
            (None, _) => self.peeked = Some(self.peek(world)),
            (Some(_), None) => {
                let blocks = world.database.blocks.clone();
                let (head, now) = (blocks.head, world.now(self.node).mono_ms);
                world.nodes[self.node].watch.saw(head.fence, now, now);
                self.blocks = Some(blocks);
            }
            (Some(peeked), Some(blocks)) if !self.raised && wants_fence(&peeked) => {
                self.raised = true;
                let stamp = Stamp { grant_id: world.random(), wall_ms: world.now(self.node).wall_ms };
                if let Some(change) = blocks.head.raise(stamp) {
                    let applied = world.conditional(Conditional::Change(change));
                    world.tell(|| format!("n{} raises the fence with {:?}: {applied:?}", self.node, change.after));
                }
            }
            (Some(peeked), Some(blocks)) => {
                let blocks = blocks.clone();
                self.show(world, peeked, &blocks);
                return true;
            }
        }
        false
    }

    fn peek(&self, world: &mut World) -> Peeked {
        let Some(words) = world.redis(self.node, "peek", &[], &[]) else { return Peeked::Silent };
        world.tell(|| format!("n{} peeks: {words:?}", self.node));
        Peeked::parse(&words).unwrap_or_else(|| panic!("{words:?}"))
    }

    fn show(&self, world: &mut World, mut peeked: Peeked, blocks: &Blocks) {
        if let Peeked::Warm { fence, whole_from, .. } = &mut peeked {
            if world.out(Guard::ReadIfFence) {
                *fence = blocks.head.fence;
            }
            if world.out(Guard::ReadIfWhole) {
                *whole_from = 0;
            }
        }
        let max = visible(&peeked, &blocks.head);
        let gaps = if world.out(Guard::GapFilter) { Gaps::default() } else { blocks.gaps.clone() };
        let rows = world.database.rows(1, max, &mut world.dice);
        let rows: Vec<_> = rows.into_iter().filter(|row| shown(row.seq, &gaps)).map(|row| (row.seq, row.id)).collect();
        world.tell(|| format!("n{} shows up to {max}: {rows:?}", self.node));
        world.ledger.show(max, &rows);
    }
}
