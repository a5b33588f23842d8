//! The port of the count of wrong passwords.

use async_trait::async_trait;

use super::limits::{Quota, RateLimiter};
use crate::model::UserId;

/// Who counted a slot, and has to be given it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// All nodes together.
    Together,
    /// This node, alone.
    Alone,
}

/// Wrong passwords of each account.
///
/// It never fails: a node that cannot reach the others counts for itself, for nobody may be kept from logging in by that.
#[async_trait]
pub trait LoginFailures: Send + Sync {
    /// Takes one of the account's slots, before its password is looked at; `Err` says in how many milliseconds there will be
    /// one.
    async fn take(&self, account: &UserId, now_ms: i64) -> Result<Counted, i64>;

    /// Gives a slot back, because the password was right or not looked at.
    async fn give_back(&self, account: &UserId, counted: Counted);
}

/// Wrong passwords as this node counts them in its memory.
pub struct OwnLoginFailures(Option<RateLimiter<UserId>>);

impl OwnLoginFailures {
    /// Nobody has tried yet. Without a quota, all may try.
    pub fn new(quota: Option<Quota>) -> Self {
        Self(quota.map(RateLimiter::new))
    }
}

#[async_trait]
impl LoginFailures for OwnLoginFailures {
    async fn take(&self, account: &UserId, now_ms: i64) -> Result<Counted, i64> {
        let taken = self.0.as_ref().map_or(Ok(()), |limiter| limiter.take(account.clone(), now_ms).map(drop));
        taken.map(|()| Counted::Alone)
    }

    async fn give_back(&self, account: &UserId, _counted: Counted) {
        if let Some(limiter) = &self.0 {
            limiter.give_back(account);
        }
    }
}
