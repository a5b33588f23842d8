//! The lock of a migration: a row with a lease, so that it outlives its holder only for a while.

use std::time::{Duration, Instant};

use scylla::statement::prepared::PreparedStatement;
use uuid::Uuid;

use super::super::cql::{Applied, Cql, Kind};
use crate::store::StoreError;

/// How long the lock stays after its holder last said that it works.
const LEASE: Duration = Duration::from_secs(30);

/// How often a taken lock is tried again.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// The lock, held until it is released or its lease runs out.
pub(super) struct Lock<'a> {
    cql: &'a Cql,
    holder: Uuid,
    renew: PreparedStatement,
    release: PreparedStatement,
}

impl<'a> Lock<'a> {
    /// Takes the lock, and waits while another holds it.
    pub(super) async fn take(cql: &'a Cql) -> Result<Self, StoreError> {
        let lease = LEASE.as_secs();
        let take = format!("INSERT INTO schema_lock (name, holder) VALUES ('nexo', ?) IF NOT EXISTS USING TTL {lease}");
        let take = cql.prepare(&take, Kind::Lwt).await?;
        let read = cql.prepare("SELECT holder FROM schema_lock WHERE name = 'nexo'", Kind::ReadSerial).await?;
        let renew = format!("UPDATE schema_lock USING TTL {lease} SET holder = ? WHERE name = 'nexo' IF holder = ?");
        let renew = cql.prepare(&renew, Kind::Lwt).await?;
        let release = cql.prepare("DELETE FROM schema_lock WHERE name = 'nexo' IF holder = ?", Kind::Lwt).await?;
        let lock = Self { cql, holder: Uuid::new_v4(), renew, release };
        let mut said = false;
        loop {
            let taken = match cql.lwt(&take, (lock.holder,)).await? {
                Applied::Yes => true,
                Applied::No | Applied::Unknown => cql.row(&read, ()).await? == Some((lock.holder,)),
            };
            if taken {
                return Ok(lock);
            }
            if !std::mem::replace(&mut said, true) {
                tracing::info!("another migration is under way, or died less than {lease} s ago: waiting for it");
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    /// Renews the lease for as long as it is polled; ends only when the lock is lost, and says so.
    pub(super) async fn keep(&self) -> StoreError {
        let mut kept = Instant::now();
        loop {
            tokio::time::sleep(LEASE / 6).await;
            match self.cql.lwt(&self.renew, (self.holder, self.holder)).await {
                Ok(Applied::Yes) => kept = Instant::now(),
                Ok(Applied::Unknown) | Err(_) if kept.elapsed() < LEASE / 2 => {}
                Ok(_) | Err(_) => {
                    return StoreError::Unavailable("the lock of the migration was lost; run it again".to_owned());
                }
            }
        }
    }

    /// Lets the next one in. If that fails, it gets in when the lease has run out.
    pub(super) async fn release(self) {
        if let Err(error) = self.cql.lwt(&self.release, (self.holder,)).await {
            tracing::debug!(%error, "the lock of the migration was not released: its lease will run out");
        }
    }
}
