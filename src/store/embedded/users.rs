//! Users in the embedded store.

use async_trait::async_trait;

use super::batch::Tx;
use super::rows::{self, UserRow};
use super::{Embedded, keys};
use crate::model::{User, UserId, UserUpdate};
use crate::store::{StoreError, Users};

#[async_trait]
impl Users for Embedded {
    async fn create(&self, user: User) -> Result<bool, StoreError> {
        let create = move |tx: &mut Tx<'_>| {
            let key = keys::user(&user.id);
            if tx.get(&key)?.is_some() {
                return Ok(false);
            }
            tx.put(key, &UserRow::of(&user))?;
            Ok(true)
        };
        self.writer.change(create, None).await
    }

    async fn find(&self, user: &UserId) -> Result<Option<User>, StoreError> {
        let row = self.core.view().await?.get(&keys::user(user))?;
        row.map(|row| Ok(rows::decode::<UserRow>(&row)?.into_user(user.clone()))).transpose()
    }

    async fn update(&self, user: &UserId, update: UserUpdate, now_ms: i64) -> Result<Option<User>, StoreError> {
        let id = user.clone();
        let change = move |tx: &mut Tx<'_>| {
            let key = keys::user(&id);
            let Some(row) = tx.get(&key)? else { return Ok(None) };
            let mut user = rows::decode::<UserRow>(&row)?.into_user(id);
            user.nickname = update.nickname.unwrap_or(user.nickname);
            user.avatar = update.avatar.unwrap_or(user.avatar);
            user.extra = update.extra.unwrap_or(user.extra);
            user.updated_at_ms = now_ms;
            tx.put(key, &UserRow::of(&user))?;
            Ok(Some(user))
        };
        self.writer.change(change, None).await
    }

    async fn first_unknown(&self, users: &[UserId]) -> Result<Option<UserId>, StoreError> {
        let view = self.core.view().await?;
        for user in users {
            if view.get(&keys::user(user))?.is_none() {
                return Ok(Some(user.clone()));
            }
        }
        Ok(None)
    }
}
