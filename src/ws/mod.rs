//! The WebSocket door: the handshake, one task for each connection, frames.
//!
//! `session` knows frames and no socket; `connection` owns the socket and knows no rule.

mod connection;
mod session;
mod upgrade;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::domain;
use crate::model::CloseReason;
use crate::push::Hub;
use crate::telemetry::Metrics;

pub use upgrade::upgrade;

/// What WebSockets are made of.
#[expect(missing_docs, reason = "each service documents itself")]
pub struct Sockets {
    pub auth: Arc<domain::Auth>,
    pub live: Arc<domain::Live>,
    pub sending: Arc<domain::Sending>,
    pub history: Arc<domain::History>,
    pub conversations: Arc<domain::Conversations>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<Metrics>,
    /// How often connections are pinged, which clients are told.
    pub heartbeat_ms: i64,
    /// The largest frame of a client, in bytes.
    pub frame_bytes: usize,
    /// Counts the connections.
    pub tracker: TaskTracker,
    /// Cancelled when no more are taken.
    pub stop: CancellationToken,
}

/// The least time between two closes of a drain, however few connections there are.
const DRAIN_STEP: Duration = Duration::from_millis(5);

/// Closes every connection with 1012, spread over at most `time`, so that the clients do not all come back at once.
pub async fn drain(hub: &Hub, time: Duration) {
    let connections = hub.connections();
    let step = DRAIN_STEP.min(time / u32::try_from(connections.len().max(1)).unwrap_or(u32::MAX));
    let mut steps = tokio::time::interval(step.max(Duration::from_micros(1)));
    for connection in connections {
        steps.tick().await;
        connection.close(CloseReason::Restarting);
    }
}
