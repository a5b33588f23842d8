//! The WebSocket door: the handshake, one task for each connection, frames.
//!
//! `session` knows frames and no socket; `connection` owns the socket and knows no rule.

mod connection;
mod session;
mod upgrade;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admission::Admission;
use crate::clock::Clock;
use crate::config::Origins;
use crate::domain;
use crate::telemetry::{Metrics, Traces};

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
    pub traces: Traces,
    pub admission: Arc<Admission>,
    pub origins: Arc<Origins>,
    /// How often connections are pinged, which clients are told.
    pub heartbeat_ms: i64,
    /// The largest frame of a client, in bytes.
    pub frame_bytes: usize,
    /// The largest answer to a frame, in bytes: a page of the largest messages.
    pub answer_bytes: usize,
    /// Counts the connections.
    pub tracker: TaskTracker,
    /// Cancelled when no more are taken.
    pub stop: CancellationToken,
}
