//! How many WebSocket handshakes are let in: all people come back at once after a restart, and those who talk must not notice.

use std::net::IpAddr;
use std::sync::Arc;

use super::limits::{self, AddressLimit};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::store::{Quota, RateLimiter};
use crate::telemetry::Metrics;

/// The name of the limit on each address, in metrics and headers.
const OF_ADDRESS: &str = "handshakes";

/// The name of the limit on the node, in metrics.
const OF_NODE: &str = "node_handshakes";

/// Those whom the node is too busy for are to come back over this time: were it the same for all, they would all be back at once.
const SPREAD_MS: u64 = 5_000;

/// The rule on handshakes, counted by this node.
pub struct Handshakes {
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    addresses: Option<AddressLimit>,
    node: Option<RateLimiter<()>>,
}

impl Handshakes {
    /// The rule with these quotas for each address and for the node; `None` is no limit.
    pub fn new(address: Option<Quota>, node: Option<Quota>, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        Self { clock, metrics, addresses: address.map(AddressLimit::new), node: node.map(RateLimiter::new) }
    }

    /// Lets one more handshake in, before anything else is looked at: 1006 if there are too many of its address, 1002 with 503 if
    /// there are too many of all.
    pub fn admit(&self, address: IpAddr) -> Result<()> {
        let now_ms = self.clock.now_ms();
        if let Some(limit) = &self.addresses {
            limit.take(address, now_ms).map_err(|wait_ms| self.too_many(limit.quota(), wait_ms))?;
        }
        let Some(node) = &self.node else { return Ok(()) };
        if node.take((), now_ms).is_ok() {
            return Ok(());
        }
        if let Some(limit) = &self.addresses {
            limit.give_back(address);
        }
        self.metrics.limited.with_label_values(&[OF_NODE]).inc();
        Err(Error::overloaded().retry_after_ms(1_000 + self.clock.random_number() % SPREAD_MS))
    }

    fn too_many(&self, quota: Quota, wait_ms: i64) -> Error {
        self.metrics.limited.with_label_values(&[OF_ADDRESS]).inc();
        let error = Error::too_many("too many handshakes from this address, try again later", wait_ms);
        error.with_standing(limits::standing(OF_ADDRESS, quota, 0, wait_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::error::Code;

    fn quota(burst: u32) -> Option<Quota> {
        Some(Quota { burst, interval_ms: 1_000.0 })
    }

    fn rule(address: Option<Quota>, node: Option<Quota>) -> (Handshakes, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(5_000));
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        (Handshakes::new(address, node, clock.clone(), metrics), clock)
    }

    fn address(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    #[test]
    fn an_address_has_its_burst_and_others_have_theirs() {
        let (rule, clock) = rule(quota(2), None);
        for _ in 0..2 {
            rule.admit(address(1)).expect("room");
        }
        let refusal = rule.admit(address(1)).expect_err("too many");
        assert_eq!((refusal.code(), refusal.status().as_u16()), (Code::TooManyRequests, 429));
        rule.admit(address(2)).expect("room of its own");
        clock.advance_ms(1_000);
        rule.admit(address(1)).expect("room again");
    }

    #[test]
    fn the_node_takes_its_burst_of_all_and_what_it_refuses_costs_the_address_nothing() {
        let (rule, clock) = rule(quota(2), quota(1));
        rule.admit(address(1)).expect("room");
        for _ in 0..5 {
            let refusal = rule.admit(address(1)).expect_err("too many");
            assert_eq!((refusal.code(), refusal.status().as_u16()), (Code::Internal, 503));
            rule.admit(address(2)).expect_err("too many");
        }
        clock.advance_ms(1_000);
        rule.admit(address(2)).expect("room again");
    }

    #[test]
    fn without_quotas_everybody_is_let_in() {
        let (rule, _) = rule(None, None);
        for _ in 0..1_000 {
            rule.admit(address(1)).expect("room");
        }
    }
}
