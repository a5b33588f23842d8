//! A Redis that demands TLS and a user, who may do only what a node does.

use std::collections::BTreeSet;
use std::process::Command;

use nexo::config::ClusterStore;
use nexo::store::cluster::functions::{AUTH, PUSH, SEQS};
use serde_json::json;

use super::refusal;
use crate::support::services::{Need, needs};
use crate::support::*;

/// What docs/cluster.md grants to the user of the nodes: the smallest set that leaves no refusal in the server's ACL log.
const RIGHTS: &str = "+ping +info +client|id +function|load +fcall +time +get +set +del +pexpire +hget +hgetall +hmget +hset +hdel \
    +hexists +xadd +xread +xrange";

/// What nodes send besides calls of Functions. The client library asks for the id of each connection.
const OWN: [&str; 8] = ["client|id", "del", "fcall", "function|load", "info", "ping", "xadd", "xread"];

/// The password of the nodes' user, with what a URL cannot have as it is.
const PASSWORD: &str = "secret/#:7";

/// A server that only `nexo` and `judge` may use, and only by TLS.
struct Secured {
    server: RedisServer,
    authority: Authority,
    shared: ClusterStore,
}

impl Secured {
    /// `None`, and said so, if something is not there that it takes.
    async fn start() -> Option<Secured> {
        needs([Need::RedisProgram, Need::OpenSsl])?;
        let shared = cluster_settings()?;
        migrated(&shared).await;
        let (authority, password) = (Authority::new(), format!(">{PASSWORD}"));
        let mut users = vec!["--user", "default", "off", "--user", "judge", "on", ">secret-judge", "+acl|log"];
        users.extend(["--user", "nexo", "on", &password, "~nexo:*"].into_iter().chain(RIGHTS.split_whitespace()));
        let server = RedisServer::over_tls(&authority, &users).await;
        Some(Secured { server, authority, shared })
    }

    /// A node that goes to `scheme` with a user and a password, and trusts who signed the server's certificate.
    fn node(&self, scheme: &str, user: &str) -> Launch {
        let redis_url = format!("{scheme}://{user}@{}", self.server.address());
        let launch = Launch::node(&ClusterStore { redis_url, ..self.shared.clone() });
        launch.set("store", "redis_ca_file", &self.authority.file()).set("store", "big_group_members", "1")
    }

    /// What was asked of the server and refused.
    fn refused(&self) -> String {
        let (port, authorities) = (self.server.port().to_string(), self.authority.file());
        let mut command = Command::new("redis-cli");
        command.args(["-p", &port, "--tls", "--cacert", &authorities, "--user", "judge", "acl", "log"]);
        let output = command.env("REDISCLI_AUTH", "secret-judge").output().expect("redis-cli starts");
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

fn user() -> String {
    format!("nexo:{}", enc(PASSWORD))
}

#[tokio::test]
async fn nodes_work_by_tls_as_a_user_with_no_more_rights_than_they_need() {
    let Some(secured) = Secured::start().await else { return };
    let launch = secured.node("rediss", &user());
    let mut world = World::of(vec![launch.start().await, secured.node("rediss", &user()).start().await]);
    let [ann, bob, cho] = world.people().await;
    // Both nodes get some of them.
    let mut sockets = Vec::new();
    for _ in 0..6 {
        sockets.push(bob.socket().await);
    }
    let group = ann.group(&[&bob, &cho]).await;
    let sent = ann.send(&bob, "hello").await;
    for socket in &mut sockets {
        socket.before(&sent).await;
    }
    ann.send_group(&group, "to all").await.ok();
    cho.quit(&group).await.ok();
    bob.mark_read(&pair(&ann, &bob), int(&sent, "seq")).await.ok();
    assert_eq!(bob.pull(&pair(&ann, &bob)).await.len(), 1);
    let stranger = json!({ "client_msg_id": unique("m"), "recv_id": unique("nobody"), "session_type": 1, "msg_type": 1,
        "content": text("lost") });
    assert_ne!(ann.post("/msg/send", stranger).await.code(), 0);
    for socket in sockets {
        socket.close().await;
    }
    for server in world.servers() {
        server.terminate();
    }
    world.ended().await;
    assert_eq!(secured.refused(), "");
    assert!(!world.logs().contains("secret/"), "a password is told: {}", world.logs());
}

#[test]
fn the_rights_are_those_that_nodes_and_functions_use() {
    let mut used: BTreeSet<String> = OWN.into_iter().map(str::to_owned).collect();
    for library in [&SEQS, &AUTH, &PUSH] {
        let calls = library.text().split("redis.call('").skip(1);
        used.extend(calls.map(|rest| rest.split('\'').next().expect("a command").to_lowercase()));
    }
    let granted: BTreeSet<String> =
        RIGHTS.split_whitespace().map(|right| right.trim_start_matches('+').to_owned()).collect();
    assert_eq!(granted, used);
}

#[tokio::test]
async fn a_node_that_redis_does_not_let_in_does_not_start_and_says_why() {
    let Some(secured) = Secured::start().await else { return };
    let stranger = Authority::new();
    let right = secured.node("rediss", &user());
    let open = secured.shared.redis_url.replacen("redis:", "rediss:", 1);
    let cases = [
        (secured.node("rediss", "nexo:secret-9"), "the user and the password in store.redis_url"),
        (secured.node("rediss", "other:secret-9"), "the user and the password in store.redis_url"),
        (
            right.clone().set("store", "redis_ca_file", &stranger.file()),
            "no authority that is trusted; see store.redis_ca_file",
        ),
        (right.clone().set("store", "redis_ca_file", ""), "no authority that is trusted; see store.redis_ca_file"),
        (right.set("store", "redis_ca_file", &stranger.key()), "there is no certificate in it"),
        (secured.node("redis", &user()), "TLS needs rediss there"),
        (Launch::node(&ClusterStore { redis_url: open, ..secured.shared.clone() }), "no TLS redis"),
        (secured.node("rediss", "nexo:secret/9"), "store.redis_url"),
    ];
    for (launch, reason) in cases {
        let sentence = refusal(&launch).await;
        assert!(sentence.contains(reason), "{sentence}");
    }
}
