//! The schema of the database: numbered files that are applied in order, and whether this program can read what is there.
//!
//! A node reads a schema that is at least as new as its own, unless the newer one says that it cannot. What was applied stands in
//! the table `schema_versions`: one row a file, with the oldest version whose program can read the result.

mod apply;
mod files;
mod lock;

use super::cql::{Cql, Kind};
use crate::config::{ClusterStore, Serial};
use crate::store::StoreError;
use files::File;

pub use apply::{Migrated, migrate};

/// Why a database was not prepared, or is not used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The database did not do what it was asked for.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is there does not fit this program; the sentence says what to do.
    #[error("{0}")]
    Refused(String),
}

/// Refuses a database that this program cannot work on.
pub async fn check(config: &ClusterStore) -> Result<(), SchemaError> {
    let cql = Cql::connect(config, None).await?;
    examine(&cql, config).await
}

/// Refuses a keyspace that is not there, is too old or too new, or on which conditional writes would not be serial.
pub(super) async fn examine(cql: &Cql, config: &ClusterStore) -> Result<(), SchemaError> {
    let keyspace = &config.cql_keyspace;
    let Some(datacenters) = datacenters(cql, keyspace).await? else {
        return Err(SchemaError::Refused(format!("the database has no keyspace {keyspace}; run: nexo migrate")));
    };
    serial(config, &datacenters)?;
    let applied = applied(cql, keyspace).await?;
    readable(keyspace, &applied)?;
    let newest = files::all().last().map_or(0, |file| file.version);
    match applied.iter().map(|row| row.version).max().unwrap_or(0) {
        version if version < newest => Err(SchemaError::Refused(format!(
            "the keyspace {keyspace} has schema {version}, and this nexo needs {newest}; run: nexo migrate"
        ))),
        _ => Ok(()),
    }
}

/// A file that was applied.
#[derive(scylla::DeserializeRow)]
struct AppliedRow {
    version: i32,
    readable_by: i32,
    hash: String,
}

/// What was applied to a keyspace, in order.
async fn applied(cql: &Cql, keyspace: &str) -> Result<Vec<AppliedRow>, StoreError> {
    let tables = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = 'schema_versions'";
    let tables = cql.prepare(tables, Kind::Read).await?;
    if cql.row::<(String,)>(&tables, (keyspace,)).await?.is_none() {
        return Ok(Vec::new());
    }
    let rows = format!("SELECT version, readable_by, hash FROM \"{keyspace}\".schema_versions WHERE name = 'nexo'");
    cql.rows(&cql.prepare(&rows, Kind::Read).await?, ()).await
}

/// Refuses a schema of a newer program that says that this one cannot read it.
fn readable(keyspace: &str, applied: &[AppliedRow]) -> Result<(), SchemaError> {
    let newest = files::all().last().map_or(0, |file| file.version);
    match applied.iter().find(|row| row.version > newest && row.readable_by > newest) {
        None => Ok(()),
        Some(row) => Err(SchemaError::Refused(format!(
            "the keyspace {keyspace} has schema {}, which this nexo cannot read: it knows {newest}; run a newer nexo",
            row.version
        ))),
    }
}

/// Refuses conditional writes that only one of several data centres agrees on.
fn serial(config: &ClusterStore, datacenters: &[String]) -> Result<(), SchemaError> {
    if datacenters.len() < 2 || config.cql_serial == Serial::Everywhere {
        return Ok(());
    }
    Err(SchemaError::Refused(format!(
        "the keyspace {} is in several data centres ({}), across which LOCAL_SERIAL is not serial; set store.cql_serial to SERIAL",
        config.cql_keyspace,
        datacenters.join(", ")
    )))
}

/// The data centres that a keyspace is replicated in; `None` if there is no such keyspace.
async fn datacenters(cql: &Cql, keyspace: &str) -> Result<Option<Vec<String>>, StoreError> {
    let find = "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?";
    let find = cql.prepare(find, Kind::Read).await?;
    let row = cql.row::<(std::collections::BTreeMap<String, String>,)>(&find, (keyspace,)).await?;
    let Some((replication,)) = row else { return Ok(None) };
    let options = ["class", "replication_factor"];
    let counts = replication.into_iter().filter(|(name, count)| !options.contains(&name.as_str()) && count != "0");
    Ok(Some(counts.map(|(name, _)| name).collect()))
}
