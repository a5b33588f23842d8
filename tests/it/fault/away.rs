//! A backend that is away, silent or gone: nodes are not ready, answer 1002 in bounded time, and come back by themselves.

use std::time::{Duration, Instant};

use nexo::config::ClusterStore;

use super::run;
use crate::support::services::{Need, needs};
use crate::support::*;

/// How long a statement or a command may take here.
const SETTINGS: &[(&str, &str, &str)] = &[("store", "cql_timeout_ms", "700"), ("store", "redis_timeout_ms", "700")];

/// A call that needs the backend is refused within that time, or little more than one such: what it asks, it asks at once.
const ANSWERED_WITHIN: Duration = Duration::from_millis(700 + 1_000);

/// Waits until each node says so when it is asked whether it is ready.
async fn all_are(world: &mut World, status: u16) {
    for server in world.servers() {
        let node = World::through(server.host());
        eventually(format!("/ready {status}"), async || (node.get("/ready").await.status == status).then_some(())).await;
    }
}

/// That every node refuses a send in time, and is not ready.
async fn all_refuse(world: &mut World, [ann, bob]: &[Person; 2]) {
    let draft = ann.draft(bob, "try again");
    for server in world.servers() {
        let node = World::through(server.host()).with_token(&ann.token);
        let begun = Instant::now();
        let reply = node.post("/msg/send", draft.clone()).await;
        let took = begun.elapsed();
        println!("refused after {took:?}");
        reply.refused_with(503, 1002);
        assert_eq!(reply.header("retry-after"), "1");
        assert!(took < ANSWERED_WITHIN, "refused only after {took:?}");
        assert_eq!(node.get("/health").await.status, 200, "the process itself is well");
    }
    all_are(world, 503).await;
}

/// That everybody is served by every node as before, and what was acked is there, once.
async fn all_is_well(world: &mut World, [ann, bob]: &[Person; 2]) {
    all_are(world, 200).await;
    for server in world.servers() {
        let node = World::through(server.host()).with_token(&ann.token);
        let draft = ann.draft(bob, "hello");
        let served = async || (node.post("/msg/send", draft.clone()).await.status == 200).then_some(());
        eventually("a send that is taken", served).await;
    }
    // After a loss of Redis, what was acked is shown once it is settled.
    let shown = async || {
        let messages = bob.pull(&pair(ann, bob)).await;
        let before = messages.iter().filter(|message| message["content"]["text"] == "before").count();
        assert!(before <= 1, "{messages:?}");
        (before == 1).then_some(())
    };
    eventually("what was acked before", shown).await;
}

/// That the calls which failed meanwhile were counted.
async fn failures_are_counted(world: &World, metric: &str) {
    let failures = sum(&world.metrics().await, metric, "");
    println!("{failures} of {metric}");
    // Every node refused a send twice.
    assert!(failures >= 6, "{failures} failures");
}

#[test]
fn without_its_database_a_node_is_not_ready_answers_1002_in_time_and_comes_back() {
    let Some(config) = cluster_settings() else { return };
    run(async {
        let link = Proxy::start(&config.cql_nodes).await;
        let mut world = World::cluster(&ClusterStore { cql_nodes: link.address(), ..config }, SETTINGS).await;
        let people = world.people().await;
        people[0].send(&people[1], "before").await;
        // Silent, then gone.
        link.hold();
        all_refuse(&mut world, &people).await;
        link.restore().await;
        all_is_well(&mut world, &people).await;
        link.cut().await;
        all_refuse(&mut world, &people).await;
        link.restore().await;
        all_is_well(&mut world, &people).await;
        failures_are_counted(&world, "nexo_cql_statement_errors_total").await;
    });
}

#[test]
fn without_redis_a_node_is_not_ready_answers_1002_in_time_and_comes_back() {
    let Some(config) = cluster_settings() else { return };
    if needs([Need::RedisProgram]).is_none() {
        return;
    }
    run(async {
        let mut redis = RedisServer::start(&[]).await;
        let redis_url = format!("redis://{}", redis.address());
        let mut world = World::cluster(&ClusterStore { redis_url, ..config }, SETTINGS).await;
        let people = world.people().await;
        people[0].send(&people[1], "before").await;
        redis.pause();
        all_refuse(&mut world, &people).await;
        redis.resume();
        all_is_well(&mut world, &people).await;
        redis.kill9();
        all_refuse(&mut world, &people).await;
        redis.start_again().await;
        all_is_well(&mut world, &people).await;
        failures_are_counted(&world, "nexo_redis_call_errors_total").await;
    });
}
