//! Who is calling, and the token that says so.

use super::{Platform, UserId};

/// The session of one user on one platform: the authority on which token is current.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The id of the one token that is valid.
    pub jti: String,
    /// When that token was issued.
    pub issued_at_ms: i64,
    /// When it expires.
    pub expires_at_ms: i64,
    /// The token that this one was refreshed from, which may be refreshed again for a while.
    pub refreshed_from: Option<String>,
}

impl Session {
    /// Whether it came from a refresh of the token `jti`, at `since_ms` or later.
    pub fn was_refreshed_from(&self, jti: &str, since_ms: i64) -> bool {
        self.issued_at_ms >= since_ms && self.refreshed_from.as_deref() == Some(jti)
    }
}

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who calls.
    pub user: UserId,
    /// From what kind of device.
    pub platform: Platform,
    /// The id of the token that it showed.
    pub jti: String,
    /// When that token expires.
    pub expires_at_ms: i64,
}
