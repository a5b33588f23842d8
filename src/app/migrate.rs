//! `nexo migrate`: prepares the database of a cluster.

use std::io::Write;

use super::Failure;
use crate::config::{Config, Store};
use crate::store::cluster::schema::{self, Migrated};

/// Makes the keyspace and applies what is missing of the schema; says on standard output what it did.
pub async fn migrate(config: Config) -> Result<(), Failure> {
    let said = match &config.store {
        Store::Embedded(_) => "the embedded store has nothing to migrate".to_owned(),
        Store::Cluster(store) => {
            let Migrated { created, applied, version } = schema::migrate(store).await.map_err(Failure::of)?;
            let keyspace = &store.cql_keyspace;
            let made = if created { "made; " } else { "" };
            let did = if applied.is_empty() { "nothing to do" } else { "migrated" };
            format!("the keyspace {keyspace}: {made}{did}, it has schema {version}")
        }
    };
    // Nobody may be listening to standard output.
    let _ = writeln!(std::io::stdout(), "{said}");
    Ok(())
}
