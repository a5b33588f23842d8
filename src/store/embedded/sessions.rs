//! Sessions in the embedded store.

use async_trait::async_trait;

use super::batch::Tx;
use super::rows::{self, SessionRow};
use super::{Embedded, keys};
use crate::model::{Platform, Session, UserId};
use crate::store::{Sessions, StoreError};

fn session(row: &[u8]) -> Result<Session, StoreError> {
    rows::decode::<SessionRow>(row).map(Session::from)
}

#[async_trait]
impl Sessions for Embedded {
    async fn find(&self, user: &UserId, platform: Platform) -> Result<Option<Session>, StoreError> {
        let row = self.core.view().await?.get(&keys::session(user, platform))?;
        row.map(|row| session(&row)).transpose()
    }

    async fn replace(&self, user: &UserId, platform: Platform, new: Session) -> Result<Option<Session>, StoreError> {
        let key = keys::session(user, platform);
        let replace = move |tx: &mut Tx<'_>| {
            let replaced = tx.get(&key)?.map(|row| session(&row)).transpose()?;
            tx.put(key, &SessionRow::from(new))?;
            Ok(replaced)
        };
        self.writer.change(replace, None).await
    }

    async fn swap(
        &self,
        user: &UserId,
        platform: Platform,
        jti: &str,
        next: Option<Session>,
    ) -> Result<Option<Session>, StoreError> {
        let (key, jti) = (keys::session(user, platform), jti.to_owned());
        let swap = move |tx: &mut Tx<'_>| {
            let current = tx.get(&key)?.map(|row| session(&row)).transpose()?;
            if current.as_ref().is_none_or(|current| current.jti != jti) {
                return Ok(current);
            }
            match next.clone() {
                Some(next) => tx.put(key, &SessionRow::from(next))?,
                None => tx.delete(key),
            }
            Ok(next)
        };
        self.writer.change(swap, None).await
    }
}
