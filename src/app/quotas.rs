//! The rates that the configuration limits.

use crate::config::Limits;
use crate::store::{Quota, Quotas};

const SECOND_MS: f64 = 1_000.0;
const MINUTE_MS: f64 = 60_000.0;

/// So many each `time_ms`, and `burst` of them at once; nothing if rates are not limited.
fn quota(limits: &Limits, burst: u32, (rate, time_ms): (u32, f64)) -> Option<Quota> {
    limits.enabled.then(|| Quota { burst, interval_ms: time_ms / f64::from(rate) })
}

/// What stores count.
pub(super) fn of_store(limits: &Limits) -> Quotas {
    let failures = limits.login_failures_per_minute;
    let conversation = (limits.conversation_sends_per_second, SECOND_MS);
    Quotas {
        user_sends: quota(limits, limits.user_sends_burst, (limits.user_sends_per_second, SECOND_MS)),
        conversation_sends: quota(limits, limits.conversation_sends_burst, conversation),
        login_failures: quota(limits, failures, (failures, MINUTE_MS)),
    }
}

/// Registrations and logins of one address.
pub(super) fn of_address(limits: &Limits) -> Option<Quota> {
    quota(limits, limits.auth_burst, (limits.auth_per_second, SECOND_MS))
}

/// WebSocket handshakes of one address, and of all together: a second's worth at once.
pub(super) fn of_handshakes(limits: &Limits) -> [Option<Quota>; 2] {
    let address = quota(limits, limits.handshakes_burst, (limits.handshakes_per_second, SECOND_MS));
    let node = limits.node_handshakes_per_second;
    [address, quota(limits, node, (node, SECOND_MS))]
}
