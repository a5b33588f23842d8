//! A database that demands TLS and a password.

use std::path::Path;
use std::process::Command;

use nexo::config::ClusterStore;

use super::refusal;
use crate::support::services::{Need, needs};
use crate::support::*;

/// The settings of a node on that database and the Redis that all tests share.
fn settings() -> Option<ClusterStore> {
    let [cql_nodes, authorities] = needs([Need::SecuredCql, Need::SecuredCqlAuthority])?;
    let config = ClusterStore {
        cql_nodes,
        cql_tls: true,
        cql_ca_file: authorities.into(),
        // Cassandra's own first user.
        cql_user: "cassandra".to_owned(),
        cql_password: "cassandra".to_owned(),
        ..cluster_settings()?
    };
    Some(config)
}

fn path(file: &Path) -> &str {
    file.to_str().expect("a path of letters")
}

/// A node with these settings.
fn node(config: &ClusterStore) -> Launch {
    let tls = if config.cql_tls { "true" } else { "false" };
    [
        ("cql_tls", tls),
        ("cql_ca_file", path(&config.cql_ca_file)),
        ("cql_user", &config.cql_user),
        ("cql_password", &config.cql_password),
    ]
    .into_iter()
    .fold(Launch::node(config), |launch, (field, value)| launch.set("store", field, value))
}

/// `nexo migrate` with these settings: whether it succeeds, and all that it says.
fn migrate(config: &ClusterStore) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nexo"));
    let settings = [
        ("STORE__MODE", "cluster"),
        ("STORE__REDIS_URL", &config.redis_url),
        ("STORE__CQL_NODES", &config.cql_nodes),
        ("STORE__CQL_KEYSPACE", &config.cql_keyspace),
        ("STORE__CQL_REPLICATION", &config.cql_replication),
        ("STORE__CQL_TLS", "true"),
        ("STORE__CQL_CA_FILE", path(&config.cql_ca_file)),
        ("STORE__CQL_USER", &config.cql_user),
        ("STORE__CQL_PASSWORD", &config.cql_password),
        ("AUTH__SECRET", SECRET),
    ];
    let output = command.arg("migrate").envs(settings.map(|(field, value)| (format!("NEXO__{field}"), value))).output();
    let output = output.expect("it runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test]
async fn a_database_is_migrated_and_used_by_tls_and_with_a_password() {
    let Some(config) = settings() else { return };
    let (succeeds, said) = migrate(&config);
    assert!(succeeds && said.contains("it has schema"), "{said}");
    let world = World::of(vec![node(&config).start().await]);
    let [ann, bob] = world.people().await;
    let mut socket = bob.socket().await;
    let sent = ann.send(&bob, "hello").await;
    socket.before(&sent).await;
    assert_eq!(bob.pull(&pair(&ann, &bob)).await.len(), 1);
}

#[tokio::test]
async fn a_node_that_the_database_does_not_let_in_does_not_start_and_says_why() {
    let Some(config) = settings() else { return };
    let Some([_]) = needs([Need::OpenSsl]) else { return };
    let stranger = Authority::new();
    let wrong_password = ClusterStore { cql_password: "secret-9".to_owned(), ..config.clone() };
    let wrong_authority = ClusterStore { cql_ca_file: stranger.file().into(), ..config.clone() };
    let (user, authority) =
        ("see store.cql_user and store.cql_password", "no authority that is trusted; see store.cql_ca_file");
    let cases = [
        (wrong_password.clone(), user),
        (ClusterStore { cql_user: String::new(), ..config.clone() }, user),
        (wrong_authority.clone(), authority),
        (ClusterStore { cql_ca_file: stranger.key().into(), ..config.clone() }, "there is no certificate in it"),
        (ClusterStore { cql_tls: false, ..config.clone() }, "for TLS, store.cql_tls must be true"),
    ];
    for (config, reason) in cases {
        let sentence = refusal(&node(&config)).await;
        assert!(sentence.contains(reason), "{sentence}");
    }
    for (config, reason) in [(wrong_password, user), (wrong_authority, authority)] {
        let (succeeds, said) = migrate(&config);
        assert!(!succeeds && said.contains(reason) && !said.contains("secret-9"), "{said}");
    }
}
