//! A grant under way on a node.

use nexo::store::cluster::seqs::{Granted, Granting, GrantingStep, Need, Stamp};

use super::database::Conditional;
use super::guards::Guard;
use super::world::World;

pub(super) struct Bring {
    node: usize,
    ticket: u64,
    granting: Granting,
    step: GrantingStep,
}

impl Bring {
    pub(super) fn new(world: &World, node: usize, mut need: Need, ticket: u64) -> Self {
        if world.out(Guard::GrantIfWhole) {
            need.whole_from = 0;
        }
        let stamp = Stamp { grant_id: ticket, wall_ms: world.now(node).wall_ms };
        Self { node, ticket, granting: Granting::new(need, stamp), step: GrantingStep::Head }
    }

    /// Goes one step; gives how it ended, if it did.
    pub(super) fn step(&mut self, world: &mut World) -> Option<Granted> {
        let node = self.node;
        self.step = match self.step.clone() {
            GrantingStep::Head => self.granting.head(world.database.blocks.head),
            GrantingStep::Change(change) => {
                let applied = world.conditional(Conditional::Change(change));
                world.tell(|| format!("n{node} asks for {:?} with {:?}: {applied:?}", change.block(), change.after));
                self.granting.changed(applied)
            }
            GrantingStep::Install { from, to, fence } => {
                let args = [self.ticket, from, to, fence].map(|word| word.to_string());
                let answer = world.redis(node, "install", &[], &args);
                world.tell(|| format!("n{node} installs {from}..={to} of fence {fence}: {answer:?}"));
                GrantingStep::Done(Granted::ClaimAgain)
            }
            GrantingStep::Done(granted) => GrantingStep::Done(granted),
        };
        match self.step {
            GrantingStep::Done(granted) => Some(granted),
            _ => None,
        }
    }
}
