//! A user and what may change about it.

use super::UserId;

/// A registered user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The id, chosen at registration.
    pub id: UserId,
    /// The name that others see.
    pub nickname: String,
    /// URL of a picture, or empty.
    pub avatar: String,
    /// Whatever the client keeps with the user, or empty.
    pub extra: String,
    /// The password's hash in PHC string format; never leaves the server.
    pub password_hash: String,
    /// When it registered.
    pub created_at_ms: i64,
    /// When it last changed.
    pub updated_at_ms: i64,
}

/// A change of a user: what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserUpdate {
    /// The new nickname.
    pub nickname: Option<String>,
    /// The new avatar; empty clears it.
    pub avatar: Option<String>,
    /// The new extra; empty clears it.
    pub extra: Option<String>,
}
