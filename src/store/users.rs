//! The port of registered users.

use async_trait::async_trait;

use super::StoreError;
use crate::model::{User, UserId, UserUpdate};

/// Registered users. They are never deleted.
#[async_trait]
pub trait Users: Send + Sync {
    /// Stores a new user; `false`, and nothing is written, if the id is taken.
    async fn create(&self, user: User) -> Result<bool, StoreError>;

    /// The user with this id.
    async fn find(&self, user: &UserId) -> Result<Option<User>, StoreError>;

    /// Changes what `update` names and answers the user as it is then; `None` if there is no such user.
    async fn update(&self, user: &UserId, update: UserUpdate, now_ms: i64) -> Result<Option<User>, StoreError>;

    /// The first of `users` that is not registered.
    async fn first_unknown(&self, users: &[UserId]) -> Result<Option<UserId>, StoreError>;
}
