//! Users and their profiles.

use std::sync::Arc;

use super::fields;
use crate::clock::Clock;
use crate::error::{Code, OrCode, Result};
use crate::model::{Caller, User, UserId, UserUpdate};
use crate::store;

/// The rules on profiles.
pub struct Users {
    users: Arc<dyn store::Users>,
    clock: Arc<dyn Clock>,
}

impl Users {
    /// The rules on this port.
    pub fn new(users: Arc<dyn store::Users>, clock: Arc<dyn Clock>) -> Self {
        Self { users, clock }
    }

    /// The caller's own profile.
    pub async fn info(&self, caller: &Caller) -> Result<User> {
        self.users.find(&caller.user).await?.or_code(Code::UserNotFound)
    }

    /// Somebody's profile; what is no user id is nobody's.
    pub async fn profile(&self, user_id: &str) -> Result<User> {
        let id = UserId::parse(user_id).or_code(Code::UserNotFound)?;
        self.users.find(&id).await?.or_code(Code::UserNotFound)
    }

    /// Changes what `update` names.
    pub async fn update(&self, caller: &Caller, update: UserUpdate) -> Result<User> {
        if let Some(nickname) = &update.nickname {
            fields::name("nickname", nickname, 1)?;
        }
        fields::at_most("avatar", update.avatar.as_deref().unwrap_or_default(), fields::AVATAR_BYTES)?;
        fields::at_most("extra", update.extra.as_deref().unwrap_or_default(), fields::EXTRA_BYTES)?;
        self.users.update(&caller.user, update, self.clock.now_ms()).await?.or_code(Code::UserNotFound)
    }
}
