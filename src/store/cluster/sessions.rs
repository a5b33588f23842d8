//! Sessions in the CQL database, the authority on tokens: conditional writes only.
//!
//! A session that was ended is a row without a jti, as is one that never was: both are `IF jti = null`.

use scylla::statement::prepared::PreparedStatement;

use super::attempts::Attempts;
use super::cql::{Applied, Kind, SharedCql};
use crate::model::{Platform, Session, UserId};
use crate::store::StoreError;

/// The table of sessions.
pub(super) struct SessionTable {
    cql: SharedCql,
    find: PreparedStatement,
    find_serial: PreparedStatement,
    swap: PreparedStatement,
}

#[derive(scylla::DeserializeRow)]
struct SessionRow {
    jti: Option<String>,
    issued_at_ms: Option<i64>,
    expires_at_ms: Option<i64>,
    refreshed_from: Option<String>,
}

impl SessionRow {
    fn into_session(self) -> Result<Option<Session>, StoreError> {
        let Some(jti) = self.jti else { return Ok(None) };
        let (Some(issued_at_ms), Some(expires_at_ms)) = (self.issued_at_ms, self.expires_at_ms) else {
            return Err(StoreError::Corrupt("a session has no times".to_owned()));
        };
        Ok(Some(Session { jti, issued_at_ms, expires_at_ms, refreshed_from: self.refreshed_from }))
    }
}

const FIND: &str =
    "SELECT jti, issued_at_ms, expires_at_ms, refreshed_from FROM sessions WHERE user_id = ? AND platform_id = ?";
const SWAP: &str = "UPDATE sessions SET jti = ?, issued_at_ms = ?, expires_at_ms = ?, refreshed_from = ? \
    WHERE user_id = ? AND platform_id = ? IF jti = ?";

impl SessionTable {
    pub(super) async fn open(cql: SharedCql) -> Result<Self, StoreError> {
        Ok(Self {
            find: cql.prepare(FIND, Kind::Read).await?,
            find_serial: cql.prepare(FIND, Kind::ReadSerial).await?,
            swap: cql.prepare(SWAP, Kind::Lwt).await?,
            cql,
        })
    }

    /// The current session.
    pub(super) async fn find(&self, user: &UserId, platform: Platform) -> Result<Option<Session>, StoreError> {
        self.read(&self.find, (user, platform)).await
    }

    /// Puts `session`, whose jti is new, in the place of whatever is there, and answers what was.
    pub(super) async fn replace(
        &self,
        user: &UserId,
        platform: Platform,
        session: Session,
    ) -> Result<Option<Session>, StoreError> {
        let place = (user, platform);
        let mut attempts = Attempts::within(self.cql.deadline());
        let mut current = self.find(user, platform).await?;
        loop {
            attempts.next().await?;
            if self.put(place, current.as_ref(), Some(&session)).await? == Applied::Yes {
                return Ok(current);
            }
            let now = self.read(&self.find_serial, place).await?;
            if now.as_ref().is_some_and(|now| now.jti == session.jti) {
                // It took the place of what was there at the attempt whose outcome was unknown.
                return Ok(current);
            }
            current = now;
        }
    }

    /// Puts `next` (or nothing) in the place of the session with the token `jti`, if that is the current one. Answers the session
    /// that is current afterwards.
    pub(super) async fn swap(
        &self,
        user: &UserId,
        platform: Platform,
        jti: &str,
        next: Option<Session>,
    ) -> Result<Option<Session>, StoreError> {
        let place = (user, platform);
        let mut attempts = Attempts::within(self.cql.deadline());
        let mut current = self.find(user, platform).await?;
        // One that is not current now was ended or replaced, and does not come back.
        while current.as_ref().is_some_and(|current| current.jti == jti) {
            attempts.next().await?;
            if self.put(place, current.as_ref(), next.as_ref()).await? == Applied::Yes {
                return Ok(next);
            }
            current = self.read(&self.find_serial, place).await?;
        }
        Ok(current)
    }

    /// Writes `next` if `current` is what is there.
    async fn put(
        &self,
        (user, platform): (&UserId, Platform),
        current: Option<&Session>,
        next: Option<&Session>,
    ) -> Result<Applied, StoreError> {
        let jti = |session: &Session| session.jti.clone();
        let values = (
            next.map(jti),
            next.map(|next| next.issued_at_ms),
            next.map(|next| next.expires_at_ms),
            next.and_then(|next| next.refreshed_from.clone()),
            user.as_str(),
            number(platform),
            current.map(jti),
        );
        self.cql.lwt(&self.swap, values).await
    }

    async fn read(
        &self,
        statement: &PreparedStatement,
        (user, platform): (&UserId, Platform),
    ) -> Result<Option<Session>, StoreError> {
        let row = self.cql.row::<SessionRow>(statement, (user.as_str(), number(platform))).await?;
        row.map_or(Ok(None), SessionRow::into_session)
    }
}

fn number(platform: Platform) -> i8 {
    platform.number().cast_signed()
}
