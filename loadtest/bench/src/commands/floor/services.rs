//! What a body costs that is kept as a send in a cluster is: the same number of commands of Redis and of statements of the database, as many
//! at once and one after another, over the same drivers, and nothing of what they are for. docs/cluster.md has the numbers.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use axum::body::Bytes;
use fred::clients::Client;
use fred::interfaces::{ClientLike, KeysInterface};
use fred::prelude::Config;
use fred::types::Expiration;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::statement::Consistency;
use scylla::statement::prepared::PreparedStatement;

/// How many rows and keys are written, over and over.
const KEYS: u64 = 10_000;

/// After how many seconds Redis forgets.
const KEPT_S: i64 = 60;

/// The keyspace is begun anew each time.
const SCHEMA: [&str; 3] = [
    "DROP KEYSPACE IF EXISTS nexo_floor",
    "CREATE KEYSPACE nexo_floor WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    "CREATE TABLE nexo_floor.sends (id text PRIMARY KEY, body blob)",
];

/// Redis and the database, with a connection to each.
pub(super) struct Services {
    redis: Client,
    session: Session,
    read: PreparedStatement,
    write: PreparedStatement,
    next: AtomicU64,
}

impl Services {
    pub(super) async fn connect(redis: &str, cql: &str) -> Result<Self> {
        let redis = Client::new(Config::from_url(redis)?, None, None, None);
        // The client ends with the process.
        drop(redis.init().await?);
        let session = SessionBuilder::new().known_node(cql).tcp_nodelay(true).build().await?;
        for statement in SCHEMA {
            session.query_unpaged(statement, ()).await?;
        }
        let prepare = async |text: &str| -> Result<PreparedStatement> {
            let mut statement = session.prepare(text).await?;
            statement.set_consistency(Consistency::LocalQuorum);
            Ok(statement)
        };
        let read = prepare("SELECT body FROM nexo_floor.sends WHERE id = ?").await?;
        let write = prepare("INSERT INTO nexo_floor.sends (id, body) VALUES (?, ?)").await?;
        Ok(Self { redis, session, read, write, next: AtomicU64::new(0) })
    }

    /// Looks up, claims, writes, finishes and tells.
    pub(super) async fn store(&self, body: Bytes) -> Result<()> {
        let key = &format!("nexo-floor:{}", self.next.fetch_add(1, Ordering::Relaxed) % KEYS);
        let body = &body;
        tokio::try_join!(self.command(key, body), self.row(key), self.row(key))?;
        self.command(key, body).await?;
        tokio::try_join!(self.insert(key, body), self.insert(key, body), self.insert(key, body))?;
        tokio::try_join!(self.command(key, body), self.command(key, body), self.command(key, body))?;
        Ok(())
    }

    async fn command(&self, key: &str, body: &Bytes) -> Result<()> {
        Ok(self.redis.set(key, body.clone(), Some(Expiration::EX(KEPT_S)), None, false).await?)
    }

    async fn row(&self, key: &str) -> Result<()> {
        self.session.execute_unpaged(&self.read, (key,)).await?;
        Ok(())
    }

    async fn insert(&self, key: &str, body: &Bytes) -> Result<()> {
        self.session.execute_unpaged(&self.write, (key, &body[..])).await?;
        Ok(())
    }
}
