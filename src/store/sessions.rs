//! The port of sessions: the authority on which token of a user and platform is current.

use async_trait::async_trait;

use super::StoreError;
use crate::model::{Platform, Session, UserId};

/// At most one session for each user and platform.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// The current session.
    async fn find(&self, user: &UserId, platform: Platform) -> Result<Option<Session>, StoreError>;

    /// Puts `session` in the place of whatever is there, and answers what was.
    async fn replace(&self, user: &UserId, platform: Platform, session: Session) -> Result<Option<Session>, StoreError>;

    /// Puts `next` (or nothing) in the place of the session with the token `jti`, if that is the current one. Answers the
    /// session that is current afterwards.
    async fn swap(
        &self,
        user: &UserId,
        platform: Platform,
        jti: &str,
        next: Option<Session>,
    ) -> Result<Option<Session>, StoreError>;
}
