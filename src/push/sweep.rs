//! The heartbeat of all connections in one task, so that none needs a timer of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::hub::Hub;
use crate::clock::Clock;

/// Into how many slices a heartbeat is cut: each connection is looked at once in `LOOKS` of them.
const SLICES: u64 = 30;

/// How many slices there are from one look at a connection to the next.
const LOOKS: u64 = 5;

/// Pings connections, closes silent ones, and forgets users who are gone.
pub struct Sweeper {
    hub: Arc<Hub>,
    clock: Arc<dyn Clock>,
}

impl Sweeper {
    /// A sweeper for `hub`.
    pub fn new(hub: Arc<Hub>, clock: Arc<dyn Clock>) -> Self {
        Self { hub, clock }
    }

    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let limits = self.hub.limits;
        let slice_ms = u64::try_from(limits.heartbeat_ms).unwrap_or(0) / SLICES;
        let mut slices = tokio::time::interval(Duration::from_millis(slice_ms.max(1)));
        slices.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for slice in 0u64.. {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = slices.tick() => {}
            }
            let now_ms = self.clock.steady_ms();
            for connection in self.hub.connections() {
                if (connection.number() + slice).is_multiple_of(LOOKS) {
                    connection.tick(now_ms, limits.heartbeat_ms, limits.silence_ms);
                }
            }
            if slice.is_multiple_of(LOOKS) {
                self.hub.forget_gone(now_ms);
            }
        }
    }
}
