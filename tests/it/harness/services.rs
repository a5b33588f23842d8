//! What is named in the environment serves, and what is not there is said.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::services::{self, Need};
use crate::support::{ThreeNodes, eventually, resp, within};

/// `host:port` of the first node in a URL.
fn address(url: &str) -> &str {
    let host = url.split("://").last().expect("an address");
    host.split('?').next().expect("an address")
}

/// Asks for the options of a CQL node (opcode 5 of the native protocol) and returns the opcode of its answer: SUPPORTED, 6.
async fn options(address: &str) -> std::io::Result<u8> {
    within("the options of a CQL node", async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(&[4, 0, 0, 0, 5, 0, 0, 0, 0]).await?;
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        Ok(head[4])
    })
    .await
}

async fn redis(need: Need, words: &[&str]) -> Option<Vec<String>> {
    let [url] = services::needs([need])?;
    Some(resp::ask(address(&url), words).await.expect("a connection").expect("an answer"))
}

#[tokio::test]
async fn a_cql_database_that_is_named_answers() {
    let Some([one]) = services::needs([Need::Cql]) else { return };
    assert_eq!(options(&one).await.expect("an answer"), 6);
}

#[tokio::test]
async fn a_redis_server_that_is_named_keeps_everything_in_memory() {
    let Some(answer) = redis(Need::Redis, &["CONFIG", "GET", "maxmemory-policy"]).await else { return };
    assert_eq!(answer, ["maxmemory-policy", "noeviction"]);
}

#[tokio::test]
async fn a_sentinel_that_is_named_knows_its_master_and_a_replica() {
    let Some(answer) = redis(Need::Sentinel, &["INFO", "sentinel"]).await else { return };
    assert!(answer[0].contains("name=nexo,status=ok"), "{answer:?}");
    assert!(answer[0].contains("slaves=1"), "{answer:?}");
}

#[tokio::test]
async fn a_redis_cluster_that_is_named_has_all_slots() {
    let Some(answer) = redis(Need::RedisCluster, &["CLUSTER", "INFO"]).await else { return };
    assert!(answer[0].contains("cluster_slots_ok:16384"), "{answer:?}");
}

#[tokio::test]
async fn of_three_nodes_one_is_killed_and_started_again() {
    let Some(mut nodes) = ThreeNodes::alone().await else { return };
    nodes.kill9(3);
    eventually("a dead node", async || options(nodes.address(3)).await.is_err().then_some(())).await;
    assert_eq!(options(nodes.address(1)).await.expect("an answer"), 6);
    nodes.start_again(3).await;
    assert_eq!(options(nodes.address(3)).await.expect("an answer"), 6);
}

#[tokio::test]
async fn of_three_nodes_one_is_silent_and_goes_on() {
    let Some(nodes) = ThreeNodes::alone().await else { return };
    nodes.pause(2);
    let asked = tokio::time::timeout(std::time::Duration::from_millis(500), options(nodes.address(2)));
    assert!(asked.await.is_err(), "a paused node answered");
    nodes.resume(2);
    assert_eq!(options(nodes.address(2)).await.expect("an answer"), 6);
}

#[test]
fn what_was_left_out_is_said() {
    let line = services::left_out("fault::flush", &[Need::Cql, Need::Redis]);
    assert_eq!(line, "left out: fault::flush needs a CQL database and Redis: tests/run starts what it needs");
    let missing = Need::ALL.into_iter().filter(|need| need.found().is_none()).count();
    if missing > 0 {
        assert!(std::env::var_os("NEXO_TEST_ALL").is_none(), "{missing} services are not there");
    }
}
