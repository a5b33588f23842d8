//! Limits that all nodes count together, in Redis (`limits.lua`).

use async_trait::async_trait;

use super::functions::AUTH;
use super::redis::Redis;
use crate::model::UserId;
use crate::store::{Counted, LoginFailures, OwnLoginFailures, Quota, StoreError};

/// Adds a limit to the keys and arguments of a call, if there is one.
pub(super) fn limited(limit: Option<Quota>, key: String, (keys, arguments): (&mut Vec<String>, &mut Vec<String>)) {
    if let Some(Quota { burst, interval_ms }) = limit {
        keys.push(key);
        arguments.extend([burst.to_string(), interval_ms.to_string()]);
    }
}

/// Wrong passwords as all nodes count them, and this one alone while Redis is away.
pub(super) struct SharedLoginFailures {
    redis: Redis,
    limit: Option<Quota>,
    own: OwnLoginFailures,
}

impl SharedLoginFailures {
    pub(super) fn new(redis: Redis, limit: Option<Quota>) -> Self {
        Self { redis, limit, own: OwnLoginFailures::new(limit) }
    }

    async fn call(&self, function: &str, account: &UserId) -> Result<Vec<String>, StoreError> {
        let (mut keys, mut arguments) = (Vec::new(), Vec::new());
        limited(self.limit, self.redis.key(&format!("login_failures:{{{account}}}")), (&mut keys, &mut arguments));
        self.redis.call((&AUTH, function), keys, arguments).await
    }
}

#[async_trait]
impl LoginFailures for SharedLoginFailures {
    async fn take(&self, account: &UserId, now_ms: i64) -> Result<Counted, i64> {
        if self.limit.is_none() {
            return Ok(Counted::Alone);
        }
        match self.call("take", account).await {
            Ok(words) => match words.get(1).and_then(|wait| wait.parse().ok()) {
                Some(retry_after_ms) => Err(retry_after_ms),
                None => Ok(Counted::Together),
            },
            Err(error) => {
                tracing::debug!(%error, "wrong passwords are counted by this node alone");
                self.own.take(account, now_ms).await
            }
        }
    }

    async fn give_back(&self, account: &UserId, counted: Counted) {
        match counted {
            Counted::Alone => self.own.give_back(account, counted).await,
            Counted::Together => {
                if let Err(error) = self.call("give_back", account).await {
                    tracing::debug!(%error, "a right password counts as a wrong one for a while");
                }
            }
        }
    }
}
