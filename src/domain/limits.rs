//! Limits that this node counts alone, and how callers are told how they stand with one.

use std::net::IpAddr;

use crate::model::Standing;
use crate::store::{Quota, RateLimiter};

/// How a caller stands with a limit of which `left` are left, and more in so many milliseconds.
pub(super) fn standing(limit: &'static str, quota: Quota, left: u32, more_in_ms: i64) -> Standing {
    let seconds = |ms: f64| (ms / 1_000.0).ceil().max(1.0) as u64;
    let window_s = seconds(f64::from(quota.burst) * quota.interval_ms);
    Standing { limit, burst: quota.burst, window_s, left, more_in_s: seconds(more_in_ms as f64) }
}

/// A limit on each address.
pub(super) struct AddressLimit {
    quota: Quota,
    addresses: RateLimiter<IpAddr>,
}

impl AddressLimit {
    /// Nobody has called yet.
    pub(super) fn new(quota: Quota) -> Self {
        Self { quota, addresses: RateLimiter::new(quota) }
    }

    /// What is allowed.
    pub(super) fn quota(&self) -> Quota {
        self.quota
    }

    /// Takes one of the address's slots; `Err` says in how many milliseconds there will be one.
    pub(super) fn take(&self, address: IpAddr, now_ms: i64) -> Result<(), i64> {
        self.addresses.take(network(address), now_ms).map(drop)
    }

    /// Gives a slot back.
    pub(super) fn give_back(&self, address: IpAddr) {
        self.addresses.give_back(&network(address));
    }
}

/// What counts as one address: of IPv6 the /64 network, of which each household has at least one.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(six) => match six.to_ipv4_mapped() {
            Some(four) => IpAddr::V4(four),
            None => IpAddr::V6((six.to_bits() & !u128::from(u64::MAX)).into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_told_in_whole_seconds_and_never_as_none() {
        let told = standing("sends", Quota { burst: 1_000, interval_ms: 10.0 }, 7, 10);
        assert_eq!(told, Standing { limit: "sends", burst: 1_000, window_s: 10, left: 7, more_in_s: 1 });
        let told = standing("failures", Quota { burst: 10, interval_ms: 6_000.0 }, 0, 5_001);
        assert_eq!((told.window_s, told.left, told.more_in_s), (60, 0, 6));
    }

    #[test]
    fn a_household_is_one_address() {
        let limit = AddressLimit::new(Quota { burst: 1, interval_ms: 1_000.0 });
        let take = |text: &str| limit.take(text.parse().expect("an address"), 0);
        take("2001:db8::1").expect("free");
        take("2001:db8::2").expect_err("taken by its neighbour");
        take("2001:db8:0:1::1").expect("another network");
        take("10.0.0.1").expect("free");
        take("::ffff:10.0.0.1").expect_err("the same address");
        limit.give_back("10.0.0.1".parse().expect("an address"));
        take("10.0.0.1").expect("free again");
    }
}
