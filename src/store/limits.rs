//! Rate limits: the generic cell rate algorithm (GCRA, ITU-T I.371), one number for each key.
//!
//! It is written here because what is refused after all must not count: a slot is taken before the password is looked at and
//! given back if it was right, which the crates of this kind do not offer. `cluster/limits.lua` is the same in Redis.

use std::collections::HashMap;
use std::hash::Hash;

use parking_lot::Mutex;

/// Keys that are remembered; past it, all are forgotten rather than memory growing.
const MAX_KEYS: usize = 100_000;

/// How much is allowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quota {
    /// At once.
    pub burst: u32,
    /// From then on, one each so many milliseconds.
    pub interval_ms: f64,
}

/// What a store holds its callers to, on all nodes together. `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Quotas {
    /// Messages that a user sends, on all its platforms.
    pub user_sends: Option<Quota>,
    /// Messages that a conversation takes.
    pub conversation_sends: Option<Quota>,
    /// Wrong passwords of an account.
    pub login_failures: Option<Quota>,
}

/// Counts calls by key, in the memory of this node.
#[derive(Debug)]
pub struct RateLimiter<K> {
    quota: Quota,
    /// For each key, the time at which it will have all its burst again.
    full_at_ms: Mutex<HashMap<K, f64>>,
}

impl<K: Hash + Eq> RateLimiter<K> {
    /// A limiter for this quota.
    pub fn new(quota: Quota) -> Self {
        Self { quota, full_at_ms: Mutex::default() }
    }

    /// Takes one of `key`'s slots, and answers how many are left; `Err` says in how many milliseconds there will be one.
    pub fn take(&self, key: K, now_ms: i64) -> Result<u32, i64> {
        let now_ms = now_ms as f64;
        let mut keys = self.full_at_ms.lock();
        if keys.len() >= MAX_KEYS {
            keys.retain(|_, full_at_ms| *full_at_ms > now_ms);
            if keys.len() >= MAX_KEYS {
                keys.clear();
            }
        }
        let full_at_ms = keys.entry(key).or_insert(now_ms);
        // A clock that was set back must not make anybody wait for longer than a burst takes.
        let latest = now_ms + f64::from(self.quota.burst) * self.quota.interval_ms;
        let next = full_at_ms.clamp(now_ms, latest) + self.quota.interval_ms;
        let allowed_at_ms = next - f64::from(self.quota.burst) * self.quota.interval_ms;
        if allowed_at_ms > now_ms {
            return Err((allowed_at_ms - now_ms).ceil() as i64);
        }
        *full_at_ms = next;
        // What is missing of a whole slot may be a matter of rounding.
        Ok(((now_ms - allowed_at_ms) / self.quota.interval_ms + 0.001) as u32)
    }

    /// Gives a slot back.
    pub fn give_back(&self, key: &K) {
        let mut keys = self.full_at_ms.lock();
        if let Some(full_at_ms) = keys.get_mut(key) {
            *full_at_ms -= self.quota.interval_ms;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_a_steady_rate() {
        let limiter = RateLimiter::new(Quota { burst: 3, interval_ms: 100.0 });
        let granted = (0..10).filter(|_| limiter.take("a", 0).is_ok()).count();
        assert_eq!(granted, 3);
        assert_eq!(limiter.take("a", 40), Err(60));
        let granted = (0..1_000).filter(|now_ms| limiter.take("a", 100 + now_ms).is_ok()).count();
        assert_eq!(granted, 10);
        assert_eq!(limiter.take("b", 0), Ok(2), "another key has its own quota");
    }

    #[test]
    fn whoever_takes_a_slot_hears_how_many_are_left() {
        let limiter = RateLimiter::new(Quota { burst: 7, interval_ms: 1_000.0 / 3.0 });
        let left: Vec<_> = (0..7).map(|_| limiter.take("a", 1_700_000_000_000).expect("a slot")).collect();
        assert_eq!(left, [6, 5, 4, 3, 2, 1, 0]);
        limiter.take("a", 1_700_000_000_000).expect_err("none left");
        assert_eq!(limiter.take("a", 1_700_000_001_000), Ok(2));
    }

    #[test]
    fn a_slot_that_was_given_back_is_free_again() {
        let limiter = RateLimiter::new(Quota { burst: 1, interval_ms: 60_000.0 });
        for _ in 0..5 {
            limiter.take("a", 0).expect("free");
            limiter.give_back(&"a");
        }
        limiter.take("a", 0).expect("free");
        limiter.take("a", 0).expect_err("taken");
    }

    #[test]
    fn memory_is_bounded() {
        let limiter = RateLimiter::new(Quota { burst: 1, interval_ms: 60_000.0 });
        for key in 0..MAX_KEYS * 2 {
            limiter.take(key, 0).expect("each key is new");
        }
        assert!(limiter.full_at_ms.lock().len() <= MAX_KEYS);
    }
}
