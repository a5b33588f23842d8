//! The heartbeat of all connections in one task, so that none needs a timer of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::Limits;
use super::connection::Connection;
use crate::clock::Clock;

/// Into how many slices a heartbeat is cut: each connection is looked at once in `LOOKS` of them.
const SLICES: u64 = 30;

/// How many slices there are from one look at a connection to the next.
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
        let limits = self.swept.limits();
        let slice_ms = u64::try_from(limits.heartbeat_ms).unwrap_or(0) / SLICES;
        let mut slices = tokio::time::interval(Duration::from_millis(slice_ms.max(1)));
        slices.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for slice in 0u64.. {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = slices.tick() => {}
            }
            let now_ms = self.clock.steady_ms();
            for connection in self.swept.connections() {
                if (connection.number() + slice).is_multiple_of(LOOKS) {
                    connection.tick(now_ms, limits.heartbeat_ms, limits.silence_ms);
                }
            }
            if slice.is_multiple_of(LOOKS) {
                self.swept.forget_gone(now_ms);
            }
        }
    }
}
