//! `nexo migrate`, on a real database: what it makes, what it leaves alone, and what it refuses.

use std::process::Command;
use std::time::{Duration, Instant};

use nexo::config::{ClusterStore, Serial};
use nexo::store::cluster::schema::{Migrated, check, migrate};
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;

use crate::support::unique;

/// A keyspace of a test's own; it goes with the test.
struct Keyspace {
    config: ClusterStore,
    session: Session,
}

impl Keyspace {
    /// `None`, and a line that says so, if there is no database to test on.
    async fn fresh(test: &str) -> Option<Self> {
        let Ok(node) = std::env::var("NEXO_TEST_CQL") else {
            assert!(std::env::var_os("NEXO_TEST_ALL").is_none(), "NEXO_TEST_CQL is not set");
            println!("left out: {test} needs a CQL database: tests/run starts one");
            return None;
        };
        let config = ClusterStore {
            cql_nodes: node.clone(),
            cql_keyspace: unique("migrate").replace('-', "_"),
            cql_replication: "{'class': 'SimpleStrategy', 'replication_factor': 1}".to_owned(),
            cql_timeout_ms: 10_000,
            ..ClusterStore::default()
        };
        let session = SessionBuilder::new().known_node(node).build().await.expect("a session");
        Some(Self { config, session })
    }

    /// Runs a statement in which `KS` stands for the keyspace.
    async fn run(&self, statement: &str) {
        let statement = statement.replace("KS", &format!("\"{}\"", self.config.cql_keyspace));
        self.session.query_unpaged(statement.as_str(), ()).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }

    /// Makes the keyspace, with what is in place before the first file.
    async fn begin(&self) {
        self.run(&format!("CREATE KEYSPACE KS WITH replication = {}", self.config.cql_replication)).await;
        self.run("CREATE TABLE KS.schema_lock (name text PRIMARY KEY, holder uuid)").await;
        self.run(
            "CREATE TABLE KS.schema_versions \
             (name text, version int, readable_by int, hash text, PRIMARY KEY ((name), version))",
        )
        .await;
    }

    /// What the check refuses.
    async fn refused(&self) -> String {
        check(&self.config).await.expect_err("refused").to_string()
    }

    async fn end(self) {
        self.run("DROP KEYSPACE IF EXISTS KS").await;
    }
}

fn nothing_to_do() -> Migrated {
    Migrated { created: false, applied: Vec::new(), version: 1 }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_database_is_prepared_and_again_there_is_nothing_to_do() {
    let Some(keyspace) = Keyspace::fresh("a fresh database").await else { return };
    let refused = keyspace.refused().await;
    assert!(refused.contains("has no keyspace") && refused.contains("run: nexo migrate"), "{refused}");
    let first = migrate(&keyspace.config).await.expect("migrated");
    assert_eq!(first, Migrated { created: true, applied: vec![1], version: 1 });
    check(&keyspace.config).await.expect("fits");
    assert_eq!(migrate(&keyspace.config).await.expect("migrated"), nothing_to_do());
    keyspace.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_migrations_at_once_one_does_all_and_both_succeed() {
    let Some(keyspace) = Keyspace::fresh("two migrations at once").await else { return };
    let (one, other) = tokio::join!(migrate(&keyspace.config), migrate(&keyspace.config));
    let (one, other) = (one.expect("migrated"), other.expect("migrated"));
    assert_eq!([&one.applied[..], &other.applied[..]].concat(), [1]);
    assert_eq!((one.version, other.version), (1, 1));
    check(&keyspace.config).await.expect("fits");
    keyspace.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_holder_of_the_lock_is_waited_for_until_its_lease_runs_out() {
    let Some(keyspace) = Keyspace::fresh("a dead holder of the lock").await else { return };
    keyspace.begin().await;
    keyspace.run("INSERT INTO KS.schema_lock (name, holder) VALUES ('nexo', uuid()) IF NOT EXISTS USING TTL 4").await;
    let begun = Instant::now();
    let migrated = migrate(&keyspace.config).await.expect("migrated");
    assert_eq!(migrated, Migrated { created: false, applied: vec![1], version: 1 });
    assert!(begun.elapsed() > Duration::from_secs(2), "it did not wait");
    keyspace.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_migration_left_half_done_is_done() {
    let Some(keyspace) = Keyspace::fresh("a half-applied schema").await else { return };
    keyspace.begin().await;
    keyspace.run("CREATE TABLE KS.message_ids (sender_id text, client_msg_id text, conversation_id text, seq bigint, PRIMARY KEY ((sender_id, client_msg_id), conversation_id, seq))").await;
    let refused = keyspace.refused().await;
    assert!(refused.contains("has schema 0") && refused.contains("run: nexo migrate"), "{refused}");
    assert_eq!(migrate(&keyspace.config).await.expect("migrated").applied, [1]);
    check(&keyspace.config).await.expect("fits");
    keyspace.run("SELECT seq FROM KS.messages LIMIT 1").await;
    keyspace.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_used_if_it_can_be_read_and_refused_if_not() {
    let Some(keyspace) = Keyspace::fresh("a newer schema").await else { return };
    migrate(&keyspace.config).await.expect("migrated");
    keyspace.run("INSERT INTO KS.schema_versions (name, version, readable_by, hash) VALUES ('nexo', 2, 1, 'x')").await;
    check(&keyspace.config).await.expect("readable");
    assert_eq!(migrate(&keyspace.config).await.expect("nothing to do"), Migrated { version: 2, ..nothing_to_do() });
    keyspace.run("INSERT INTO KS.schema_versions (name, version, readable_by, hash) VALUES ('nexo', 3, 3, 'x')").await;
    let refused = keyspace.refused().await;
    assert!(refused.contains("has schema 3") && refused.contains("run a newer nexo"), "{refused}");
    let refused = migrate(&keyspace.config).await.expect_err("refused").to_string();
    assert!(refused.contains("run a newer nexo"), "{refused}");
    keyspace.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changed_since_it_was_applied_is_refused() {
    let Some(keyspace) = Keyspace::fresh("a changed file").await else { return };
    keyspace.begin().await;
    keyspace.run("INSERT INTO KS.schema_versions (name, version, readable_by, hash) VALUES ('nexo', 1, 1, 'x')").await;
    let refused = migrate(&keyspace.config).await.expect_err("refused").to_string();
    assert!(refused.contains("another schema 1"), "{refused}");
    keyspace.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_data_centres_need_serial_writes_across_all_of_them() {
    let Some(keyspace) = Keyspace::fresh("several data centres").await else { return };
    // The second one is not there, which Cassandra would refuse: so it is put into the table of keyspaces itself.
    migrate(&keyspace.config).await.expect("migrated");
    let two = "{'class': 'org.apache.cassandra.locator.NetworkTopologyStrategy', 'east': '3', 'west': '3'}";
    let name = &keyspace.config.cql_keyspace;
    keyspace.run(&format!("UPDATE system_schema.keyspaces SET replication = {two} WHERE keyspace_name = '{name}'")).await;
    let refused = keyspace.refused().await;
    assert!(refused.contains("east, west") && refused.contains("SERIAL"), "{refused}");
    check(&ClusterStore { cql_serial: Serial::Everywhere, ..keyspace.config.clone() }).await.expect("fits");
    keyspace.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_what_it_did() {
    let Some(keyspace) = Keyspace::fresh("the command").await else { return };
    let config = &keyspace.config;
    let command = async || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nexo"));
        command.arg("migrate").env("NEXO__STORE__MODE", "cluster").env("NEXO__STORE__REDIS_URL", "redis://127.0.0.1:1");
        command.env("NEXO__STORE__CQL_NODES", &config.cql_nodes).env("NEXO__STORE__CQL_KEYSPACE", &config.cql_keyspace);
        command.env("NEXO__STORE__CQL_REPLICATION", &config.cql_replication).env("NEXO__AUTH__SECRET", "x".repeat(32));
        let output = tokio::task::spawn_blocking(move || command.output().expect("it runs")).await.expect("no panic");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(command().await, format!("the keyspace {}: made; migrated, it has schema 1\n", config.cql_keyspace));
    assert_eq!(command().await, format!("the keyspace {}: nothing to do, it has schema 1\n", config.cql_keyspace));
    keyspace.end().await;
}
