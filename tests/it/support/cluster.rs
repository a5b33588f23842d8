//! The settings of a cluster on what `tests/services` started, and its schema.

use std::collections::BTreeSet;

use nexo::config::ClusterStore;
use nexo::store::cluster::schema;
use tokio::sync::Mutex;

use super::services::{Need, needs};

/// The keyspace that all tests share: making one takes seconds, and every id in it is unique.
const KEYSPACE: &str = "nexo_it";

/// The settings of a node on the services that all tests share; `None`, and said so, if they are not there.
pub(crate) fn cluster_settings() -> Option<ClusterStore> {
    let [cql_nodes, redis_url] = needs([Need::Cql, Need::Redis])?;
    Some(ClusterStore {
        cql_nodes,
        redis_url,
        cql_keyspace: KEYSPACE.to_owned(),
        cql_replication: "{'class': 'SimpleStrategy', 'replication_factor': 1}".to_owned(),
        ..ClusterStore::default()
    })
}

/// Sees to it that the shared keyspace is there.
pub(crate) async fn migrated(config: &ClusterStore) {
    static DONE: Mutex<BTreeSet<String>> = Mutex::const_new(BTreeSet::new());
    let mut done = DONE.lock().await;
    if !done.contains(&config.cql_nodes) {
        schema::migrate(config).await.expect("migrated");
        done.insert(config.cql_nodes.clone());
    }
}
