//! `nexo migrate`: makes the keyspace and applies what is missing.

use std::time::{Duration, Instant};

use scylla::statement::unprepared::Statement;
use sha2::{Digest, Sha256};

use super::super::cql::{Cql, Kind};
use super::lock::Lock;
use super::{AppliedRow, File, SchemaError, applied, datacenters, files, readable, serial};
use crate::config::ClusterStore;
use crate::store::StoreError;

/// How long one change of the schema may take: all nodes have to agree on it.
const CHANGE_WITHIN: Duration = Duration::from_secs(60);

/// How long a keyspace that was just made may take until it can be used, and how often that is tried.
const ENTER_WITHIN: Duration = Duration::from_secs(10);
const ENTER_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// What a migration did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// Whether it made the keyspace.
    pub created: bool,
    /// The versions that it applied.
    pub applied: Vec<i32>,
    /// The version that is there now.
    pub version: i32,
}

/// Makes the keyspace if it is not there, and applies what is missing. Two at once are safe: the second waits, and then finds
/// nothing to do. One that died is taken over once its lease has run out; whatever it left half done is done again.
pub async fn migrate(config: &ClusterStore) -> Result<Migrated, SchemaError> {
    let created = create_keyspace(config).await?;
    let cql = enter(config).await?;
    serial(config, &datacenters(&cql, &config.cql_keyspace).await?.unwrap_or_default())?;
    for (table, columns) in [
        ("schema_lock", "name text PRIMARY KEY, holder uuid"),
        ("schema_versions", "name text, version int, readable_by int, hash text, PRIMARY KEY ((name), version)"),
    ] {
        create_first(&cql, config, table, columns).await?;
    }
    let lock = Lock::take(&cql).await?;
    let done = tokio::select! {
        done = apply(&cql, &config.cql_keyspace) => done,
        lost = lock.keep() => Err(lost.into()),
    };
    lock.release().await;
    let (applied, version) = done?;
    Ok(Migrated { created, applied, version })
}

/// Connects to the keyspace. One that another migration has just made stands in the tables of the schema a moment before it can be
/// used.
async fn enter(config: &ClusterStore) -> Result<Cql, StoreError> {
    let begun = Instant::now();
    loop {
        match Cql::connect(config, Some(&config.cql_keyspace)).await {
            Err(_) if begun.elapsed() < ENTER_WITHIN => tokio::time::sleep(ENTER_AGAIN_AFTER).await,
            entered => return entered,
        }
    }
}

/// Makes the keyspace; `false` if it is there.
async fn create_keyspace(config: &ClusterStore) -> Result<bool, StoreError> {
    let (keyspace, replication) = (&config.cql_keyspace, &config.cql_replication);
    let cql = Cql::connect(config, None).await?;
    if datacenters(&cql, keyspace).await?.is_some() {
        return Ok(false);
    }
    // ScyllaDB keeps new keyspaces in tablets, in which it refused LWT before 2025.4; Cassandra does not know the word.
    let tablets = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'system' AND table_name = 'tablets'";
    let tablets = cql.prepare(tablets, Kind::Read).await?;
    let without = match cql.row::<(String,)>(&tablets, ()).await? {
        Some(_) => " AND tablets = {'enabled': false}",
        None => "",
    };
    change(&cql, format!("CREATE KEYSPACE IF NOT EXISTS \"{keyspace}\" WITH replication = {replication}{without}")).await?;
    Ok(true)
}

/// Makes a table that the lock stands on. Its id follows from its name: two that make it at once make the same one, where
/// Cassandra would otherwise be left with two ids for it.
async fn create_first(cql: &Cql, config: &ClusterStore, table: &str, columns: &str) -> Result<(), StoreError> {
    let digest = Sha256::digest(format!("{}.{table}", config.cql_keyspace));
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest).for_each(|(byte, of)| *byte = of);
    let id = uuid::Builder::from_random_bytes(bytes).into_uuid();
    change(cql, format!("CREATE TABLE IF NOT EXISTS {table} ({columns}) WITH id = '{id}'")).await
}

/// Applies what is missing, and answers that and the version that is there then.
async fn apply(cql: &Cql, keyspace: &str) -> Result<(Vec<i32>, i32), SchemaError> {
    let before = applied(cql, keyspace).await?;
    readable(keyspace, &before)?;
    let write = "INSERT INTO schema_versions (name, version, readable_by, hash) VALUES ('nexo', ?, ?, ?)";
    let write = cql.prepare(write, Kind::Write).await?;
    let mut done = Vec::new();
    for file in files::all() {
        match before.iter().find(|row| row.version == file.version) {
            Some(row) => unchanged(keyspace, row, file)?,
            None => {
                for statement in &file.statements {
                    change(cql, statement.clone()).await?;
                }
                cql.write(&write, &(file.version, file.readable_by, &file.hash)).await?;
                done.push(file.version);
            }
        }
    }
    let version = before.iter().map(|row| row.version).chain(done.iter().copied()).max();
    Ok((done, version.unwrap_or(0)))
}

/// Refuses a file that is not the one that was applied.
fn unchanged(keyspace: &str, row: &AppliedRow, file: &File) -> Result<(), SchemaError> {
    if row.hash == file.hash {
        return Ok(());
    }
    Err(SchemaError::Refused(format!(
        "the keyspace {keyspace} has another schema {} than this nexo: it was made by a build that was never released; use \
         another keyspace",
        file.version
    )))
}

/// Changes the schema, and waits until the nodes that can be reached agree on it.
async fn change(cql: &Cql, text: String) -> Result<(), StoreError> {
    let mut statement = Statement::new(text);
    statement.set_request_timeout(Some(CHANGE_WITHIN));
    // Each is `IF NOT EXISTS`.
    statement.set_is_idempotent(true);
    let changed = cql.session().query_unpaged(statement, ()).await;
    changed.map(drop).map_err(|error| StoreError::Unavailable(format!("the database: {error}")))
}
