//! A Redis server of a test's own loses, keeps, and moves what it should.

use std::time::Duration;

use crate::support::services::{self, Need};
use crate::support::{RedisCluster, RedisServer, eventually, resp};

#[tokio::test]
async fn a_killed_server_comes_back_with_its_snapshot_or_empty() {
    let Some(_) = services::needs([Need::RedisProgram]) else { return };
    let mut server = RedisServer::start(&[]).await;
    server.command(&["SET", "saved", "1"]).await;
    server.save().await;
    server.command(&["SET", "later", "2"]).await;
    server.kill9();
    assert!(resp::ask(&server.address(), &["PING"]).await.is_err());
    server.start_again().await;
    assert_eq!(server.command(&["MGET", "saved", "later"]).await, "1\n");
    server.kill9();
    server.start_empty().await;
    assert_eq!(server.command(&["DBSIZE"]).await, "0");
}

#[tokio::test]
async fn a_paused_server_is_silent_and_then_goes_on() {
    let Some(_) = services::needs([Need::RedisProgram]) else { return };
    let server = RedisServer::start(&["--maxmemory", "100mb"]).await;
    server.pause();
    let address = server.address();
    let asked = tokio::time::timeout(Duration::from_millis(300), resp::ask(&address, &["PING"]));
    assert!(asked.await.is_err(), "a paused server answered");
    server.resume();
    assert_eq!(server.command(&["CONFIG", "GET", "maxmemory"]).await, "maxmemory\n104857600");
}

#[tokio::test]
async fn a_promoted_replica_is_a_second_master() {
    let Some(_) = services::needs([Need::RedisProgram]) else { return };
    let [master, replica] = [RedisServer::start(&[]).await, RedisServer::start(&[]).await];
    master.command(&["SET", "key", "old"]).await;
    replica.replicate(&master).await;
    assert_eq!(replica.command(&["GET", "key"]).await, "old");
    replica.promote().await;
    master.command(&["SET", "key", "of the first"]).await;
    replica.command(&["SET", "key", "of the second"]).await;
    assert_eq!(master.command(&["GET", "key"]).await, "of the first");
    assert_eq!(replica.command(&["GET", "key"]).await, "of the second");
}

#[tokio::test]
async fn a_sentinel_puts_the_replica_in_the_place_of_a_dead_master() {
    let Some(_) = services::needs([Need::RedisProgram]) else { return };
    let [mut master, replica] = [RedisServer::start(&[]).await, RedisServer::start(&[]).await];
    replica.replicate(&master).await;
    let sentinel = RedisServer::sentinel(&master, 1).await;
    master.kill9();
    let expected = format!("127.0.0.1\n{}", replica.port());
    sentinel.until("a failover", &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "nexo"], |answer| answer == expected).await;
    assert_eq!(replica.command(&["SET", "key", "1"]).await, "OK");
}

#[tokio::test]
async fn a_slot_moves_from_one_master_to_another() {
    let Some(_) = services::needs([Need::RedisProgram]) else { return };
    let cluster = RedisCluster::start().await;
    let (slot, from) = cluster.place("{a}1").await;
    let to = (from + 1) % 3;
    let [sender, receiver] = [&cluster.nodes[from], &cluster.nodes[to]];
    assert!(cluster.url().contains(&receiver.address()));
    sender.command(&["MSET", "{a}1", "1", "{a}2", "2", "{a}3", "3"]).await;
    cluster.begin_move(&slot, from, to).await;
    assert_eq!(cluster.move_keys(&slot, from, to, 1).await, 1);
    // Some of the keys are here and some there: Redis asks to try again.
    let torn = sender.try_command(&["MGET", "{a}1", "{a}2", "{a}3"]).await.expect_err("a slot on its way");
    assert!(torn.starts_with("TRYAGAIN"), "{torn}");
    assert_eq!(cluster.move_keys(&slot, from, to, 10).await, 2);
    cluster.end_move(&slot, to).await;
    eventually("the new master of the slot", async || (cluster.place("{a}1").await.1 == to).then_some(())).await;
    assert_eq!(receiver.command(&["MGET", "{a}1", "{a}2", "{a}3"]).await, "1\n2\n3");
}
