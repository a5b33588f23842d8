//! What the tests of the push path share.

use std::sync::Arc;

use super::{Attach, Connection, Limits};
use crate::model::{Caller, Platform, UserId};

pub(super) const LIMITS: Limits = Limits {
    queue_bytes: 1 << 20,
    recovery_bytes: 1 << 20,
    log_entries: 10,
    log_ttl_ms: 1_000,
    connections_per_user: 1,
    heartbeat_ms: 1_000,
    silence_ms: 2_000,
};

/// Somebody who comes online, and wants no events.
pub(super) fn by(name: &str) -> Attach {
    let user = UserId::parse(name).expect("valid");
    let caller = Caller { user, platform: Platform::Web, jti: "t".to_owned(), expires_at_ms: 9 };
    Attach { caller, events: false, after: None }
}

/// A connection that came at time 0.
pub(super) fn connection(number: u64, attach: &Attach) -> Arc<Connection> {
    let gauge = prometheus::IntGauge::new("bytes", "that wait").expect("a gauge");
    Arc::new(Connection::new(number, attach, LIMITS.queue_bytes, gauge, 0))
}
