//! The heartbeat of all connections in one task, so that none needs a timer of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::Limits;
use super::connection::Connection;
use crate::clock::Clock;

/// Into how many slices a heartbeat is cut. Each connection is pinged in one of them, given by its number: those that came together are
/// not pinged together, for each ping has a token looked at.
const SLICES: u64 = 30;

/// How many slices there are from one look at a connection for its silence to the next.
const LOOKS: u64 = 5;

/// What a sweeper goes over.
pub trait Swept: Send + Sync {
    /// How often connections are pinged, and when they are closed.
    fn limits(&self) -> Limits;

    /// Every connection there is.
    fn connections(&self) -> Vec<Arc<Connection>>;

    /// Forgets users who were gone for so long that they cannot recover.
    fn forget_gone(&self, now_ms: i64);
}

/// Pings connections, closes silent ones, and forgets users who are gone.
pub struct Sweeper {
    swept: Arc<dyn Swept>,
    clock: Arc<dyn Clock>,
}

impl Sweeper {
    /// A sweeper for what is present on this node.
    pub fn new(swept: Arc<dyn Swept>, clock: Arc<dyn Clock>) -> Self {
        Self { swept, clock }
    }

    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let slice_ms = u64::try_from(self.swept.limits().heartbeat_ms).unwrap_or(0) / SLICES;
        let mut slices = tokio::time::interval(Duration::from_millis(slice_ms.max(1)));
        slices.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for slice in 0u64.. {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = slices.tick() => self.sweep(slice),
            }
        }
    }

    fn sweep(&self, slice: u64) {
        let now_ms = self.clock.steady_ms();
        let heard_by_ms = now_ms - self.swept.limits().silence_ms;
        for connection in self.swept.connections() {
            let turn = connection.number() + slice;
            if turn.is_multiple_of(LOOKS) {
                connection.close_if_silent(heard_by_ms);
            }
            if turn.is_multiple_of(SLICES) {
                connection.want_ping();
            }
        }
        if slice.is_multiple_of(LOOKS) {
            self.swept.forget_gone(now_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::model::CloseReason;
    use crate::push::Taken;
    use crate::push::fixtures::{LIMITS, by, connection};

    struct Swarm(Vec<Arc<Connection>>);

    impl Swarm {
        fn of(size: u64) -> Self {
            Self((0..size).map(|number| connection(number, &by("ann"))).collect())
        }
    }

    impl Swept for Swarm {
        fn limits(&self) -> Limits {
            LIMITS
        }

        fn connections(&self) -> Vec<Arc<Connection>> {
            self.0.clone()
        }

        fn forget_gone(&self, _: i64) {}
    }

    #[test]
    fn connections_that_came_together_are_pinged_one_after_the_other() {
        let swarm = Arc::new(Swarm::of(2 * SLICES));
        let sweeper = Sweeper::new(swarm.clone(), Arc::new(ManualClock::at(0)));
        for slice in 0..2 * SLICES {
            sweeper.sweep(slice);
            let pinged = swarm.0.iter().filter(|connection| matches!(connection.take(), Taken::Ping));
            let numbers: Vec<_> = pinged.map(|connection| connection.number() % SLICES).collect();
            assert_eq!(numbers, [(2 * SLICES - slice) % SLICES; 2], "in slice {slice}");
        }
    }

    #[test]
    fn silent_connections_are_closed_within_a_few_slices() {
        let swarm = Arc::new(Swarm::of(LOOKS));
        let clock = Arc::new(ManualClock::at(0));
        let sweeper = Sweeper::new(swarm.clone(), clock.clone());
        swarm.0[0].heard(1);
        clock.advance_ms(2_000);
        (0..LOOKS).for_each(|slice| sweeper.sweep(slice));
        let closed: Vec<_> = swarm.0.iter().map(|connection| connection.closing()).collect();
        assert_eq!(closed[0], None);
        assert!(closed[1..].iter().all(|reason| *reason == Some(CloseReason::Silent)), "{closed:?}");
    }
}
