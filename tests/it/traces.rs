//! Traces, as a collector gets them: a call's stages on one node and on the next, and what is never in them.

use std::collections::BTreeSet;
use std::time::Duration;

use hyper::Method;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::support::services::{Need, needs};
use crate::support::*;

/// What may be said of a span.
const ATTRIBUTES: [&str; 4] = ["http.response.status_code", "nexo.batch_size", "nexo.code", "nexo.users"];

const PARENT: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn traced(launch: Launch, endpoint: &str, share: &str) -> Launch {
    launch.set("traces", "endpoint", endpoint).set("traces", "share", share)
}

/// A trace is a tree whose spans say nothing but what they may, and each stage is within reason.
fn assert_tree(tree: &Tree) {
    let ids: BTreeSet<&str> = tree.spans.iter().map(|span| span.id.as_str()).collect();
    assert_eq!(ids.len(), tree.spans.len(), "two spans have one id: {tree:#?}");
    for span in &tree.spans {
        assert!(span.id == tree.first.id || ids.contains(span.parent.as_str()), "no parent: {span:?} in {tree:#?}");
        assert!(span.attributes.keys().all(|key| ATTRIBUTES.contains(&key.as_str())), "{span:?}");
        assert!(span.nanos.0 <= span.nanos.1, "{span:?}");
        assert_eq!(span.process["service.name"], "nexo");
        assert_eq!(span.process["service.version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(span.process["service.instance.id"].len(), 16);
    }
}

/// Each of these spans is a stage of the one before it. There may be several of a name: a send claims again when it brought a block.
#[track_caller]
fn assert_chain(tree: &Tree, names: &[&str]) {
    for pair in names.windows(2) {
        assert!(tree.all(pair[1]).iter().all(|span| tree.above(span) == pair[0]), "{pair:?} in {tree:#?}");
    }
}

#[tokio::test]
async fn a_send_and_its_stages_are_one_tree_up_to_the_socket() {
    let collector = Collector::start().await;
    let world = World::of(vec![traced(Launch::new(), collector.address(), "1").start().await]);
    let [ann, bob] = world.people().await;
    let mut socket = bob.socket().await;
    ann.send(&bob, "hello").await;
    socket.next().await;
    let stages = ["store.queue", "store.apply", "store.sync", "push", "push.socket"];
    let tree = collector.trace(|span| span.name == "POST /msg/send", &stages).await;
    assert_tree(&tree);
    assert_eq!((tree.spans.len(), tree.first.parent.as_str()), (1 + stages.len(), ""), "{tree:#?}");
    for stage in &stages[..4] {
        assert_chain(&tree, &["POST /msg/send", stage]);
    }
    assert_chain(&tree, &["push", "push.socket"]);
    assert_eq!(tree.first.attributes["http.response.status_code"], "200");
    assert_eq!(tree.first.attributes["nexo.code"], "0");

    // The same through the other door, and a refusal.
    socket.ask_ok("send", bob.draft(&ann, "hello")).await;
    let tree = collector.trace(|span| span.name == "ws send", &["store.sync"]).await;
    assert_tree(&tree);
    socket.ask("send", bob.draft_group("1", "hello")).await;
    let is_refusal = |span: &Told| span.name == "ws send" && span.attributes["nexo.code"] != "0";
    collector.trace(is_refusal, &["store.apply"]).await;
    // Nor are those traced that ask all the time.
    world.visitor().get("/ready").await;
    assert!(collector.told().iter().all(|span| !span.name.contains("ready")));
}

/// Two nodes of a cluster, and a person at each.
async fn two_nodes(collector: &Collector, setting: Option<(&str, &str)>) -> Option<([World; 2], [Person; 2])> {
    let config = cluster_settings()?;
    migrated(&config).await;
    let node = async || {
        let launch = traced(Launch::node(&config), collector.address(), "1");
        let launch = setting.iter().fold(launch, |launch, (field, value)| launch.set("store", field, value));
        World::of(vec![launch.start().await])
    };
    let worlds = [node().await, node().await];
    let people = [worlds[0].person("ann").await, worlds[1].person("bob").await];
    Some((worlds, people))
}

#[tokio::test]
async fn the_socket_of_another_node_is_in_the_trace_of_the_send() {
    let collector = Collector::start().await;
    let Some((_worlds, [ann, bob])) = two_nodes(&collector, None).await else { return };
    let mut socket = bob.socket().await;
    ann.send(&bob, "hello").await;
    socket.next().await;
    let stages = ["send.admit", "send.destination", "send.look_up", "send.claim", "send.write", "send.finish", "push"];
    let names: Vec<&str> = stages.into_iter().chain(["push.deliver", "push.socket"]).collect();
    let tree = collector.trace(|span| span.name == "POST /msg/send", &names).await;
    assert_tree(&tree);
    for stage in stages {
        assert_chain(&tree, &["POST /msg/send", stage]);
    }
    assert_chain(&tree, &["push", "push.deliver", "push.socket"]);
    let node = |name| &tree.all(name)[0].process["service.instance.id"];
    assert_eq!(node("push"), node("POST /msg/send"));
    assert_eq!(node("push.socket"), node("push.deliver"));
    assert_ne!(node("push.socket"), node("push"));
}

#[tokio::test]
async fn so_is_the_socket_of_a_member_of_a_large_group() {
    let collector = Collector::start().await;
    let large = Some(("big_group_members", "1"));
    let Some((_worlds, [ann, bob])) = two_nodes(&collector, large).await else { return };
    let group = ann.group(&[&bob]).await;
    let mut socket = bob.socket().await;
    ann.send_group(&group, "hello").await.ok();
    socket.next().await;
    let names = ["send.finish", "push.deliver", "push.socket"];
    let tree = collector.trace(|span| span.name == "POST /msg/send", &names).await;
    assert_tree(&tree);
    assert_chain(&tree, &["push.deliver", "push.socket"]);
    assert!(tree.all("push.socket").iter().all(|span| span.process != tree.first.process), "{tree:#?}");
    // The letter for the node; one for the member came too, if the group had just grown so large.
    assert!(tree.all("push.deliver").iter().any(|span| tree.above(span) == "POST /msg/send"), "{tree:#?}");
}

#[tokio::test]
async fn only_a_trusted_proxy_says_which_calls_are_traced() {
    let collector = Collector::start().await;
    let call = async |launch: Launch| {
        let server = traced(launch, collector.address(), "0").start().await;
        let visitor = World::through(server.host());
        visitor.call(Method::GET, "/user/info").header("traceparent", TRACEPARENT).send().await;
        visitor.get("/user/info").await;
        stopped(server).await;
    };
    // What there is of spans is sent before a server ends.
    call(Launch::new()).await;
    assert_eq!(collector.told(), []);
    call(Launch::new().set("server", "trusted_proxies", "127.0.0.1")).await;
    let told = collector.told();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!((told[0].trace.as_str(), told[0].parent.as_str()), (PARENT, "00f067aa0ba902b7"));
}

#[tokio::test]
async fn anybody_says_to_which_trace_a_call_belongs() {
    let collector = Collector::start().await;
    let server = traced(Launch::new(), collector.address(), "1").start().await;
    let visitor = World::through(server.host());
    visitor.call(Method::GET, "/user/info").header("traceparent", TRACEPARENT).send().await;
    visitor.call(Method::GET, "/user/profile/x").header("traceparent", "00-nonsense").send().await;
    stopped(server).await;
    let told = collector.told();
    let of = |name: &str| told.iter().find(|span| span.name == name).expect("a span");
    assert_eq!(of("GET /user/info").trace, PARENT);
    assert_ne!(of("GET /user/profile/{user_id}").trace, PARENT);
}

#[tokio::test]
async fn log_lines_of_a_traced_call_name_its_trace() {
    let collector = Collector::start().await;
    let launch = Launch::new().set("log", "filter", "info,nexo::http=debug");
    let server = traced(launch.clone(), collector.address(), "1").start().await;
    let id = unique("request");
    World::through(server.host()).call(Method::GET, "/user/info").header("x-request-id", &id).send().await;
    stopped(server).await;
    let log = launch.log();
    let line = log.lines().find(|line| line.contains(&id)).expect("a line of the request");
    let line: Value = serde_json::from_str(line).expect("JSON");
    let told = &collector.told()[0];
    assert_eq!((&line["span"]["request.id"], &line["span"]["trace_id"]), (&id.into(), &told.trace.as_str().into()));
    assert_eq!(line["span"]["span_id"], told.id.as_str());

    // Untraced, it is as ever.
    let server = launch.start().await;
    let id = unique("request");
    World::through(server.host()).call(Method::GET, "/user/info").header("x-request-id", &id).send().await;
    stopped(server).await;
    let log = launch.log();
    let line = log.lines().find(|line| line.contains(&id)).expect("a line of the request");
    assert!(!line.contains("trace_id") && !line.contains("span_id"), "{line}");
}

#[tokio::test]
async fn a_collector_that_is_away_or_silent_holds_nobody_up() {
    // Nobody takes what comes there.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let silent = format!("http://{}", silent.local_addr().expect("its address"));
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        format!("http://{}", listener.local_addr().expect("its address"))
    };
    for endpoint in [silent, gone] {
        let launch = traced(Launch::new(), &endpoint, "1");
        let world = World::of(vec![launch.start().await]);
        let [ann, bob] = world.people().await;
        let sends = futures_util::future::join_all((0..50).map(|_| ann.send(&bob, "hello")));
        tokio::time::timeout(Duration::from_secs(5), sends).await.expect("the sends go on");
        let lost = async || launch.log().contains("spans did not reach the collector").then_some(());
        eventually("a warning", lost).await;
        assert!(spans(&world, "refused").await > 0);
        assert_eq!(spans(&world, "sent").await, 0);
        ann.send(&bob, "hello").await;
        let mut world = world;
        let begun = tokio::time::Instant::now();
        world.servers()[0].terminate();
        world.ended().await;
        assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?} to end", begun.elapsed());
        assert_eq!(launch.log().matches("spans did not reach the collector").count(), 1);
    }
}

#[tokio::test]
async fn what_becomes_of_each_span_is_counted() {
    let collector = Collector::start().await;
    let world = World::of(vec![traced(Launch::new(), collector.address(), "1").start().await]);
    let [ann, bob] = world.people().await;
    ann.send(&bob, "hello").await;
    collector.trace(|span| span.name == "POST /msg/send", &["store.sync"]).await;
    eventually("as many counted as came", async || {
        let told = collector.told().len() as u64;
        (spans(&world, "sent").await == told).then_some(())
    })
    .await;
    assert_eq!((spans(&world, "refused").await, spans(&world, "no_room").await), (0, 0));
}

#[tokio::test]
async fn more_spans_than_may_wait_are_lost_and_counted() {
    // Nobody takes what comes there, so nothing leaves the queue but one batch.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let silent = format!("http://{}", silent.local_addr().expect("its address"));
    let world = World::of(vec![traced(Launch::new(), &silent, "1").start().await]);
    let visitor = world.visitor();
    eventually("a span without room", async || {
        futures_util::future::join_all((0..500).map(|_| visitor.get("/user/info"))).await;
        (spans(&world, "no_room").await > 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn spans_go_by_tls_to_a_collector_whose_authority_is_trusted_and_to_no_other() {
    let Some([_]) = needs([Need::OpenSsl]) else { return };
    let (authority, stranger) = (Authority::new(), Authority::new());
    let collector = Collector::with_tls(&authority).await;
    assert!(collector.address().starts_with("https://"));
    let trusting = async |authority: &Authority| {
        let trust = format!("SSL_CERT_FILE={}", authority.file());
        let launch = traced(Launch::new().through(&["env", &trust]), collector.address(), "1");
        let world = World::of(vec![launch.start().await]);
        world.visitor().get("/user/info").await;
        (launch, world)
    };
    let (launch, world) = trusting(&stranger).await;
    eventually("a span that is lost", async || (spans(&world, "refused").await == 1).then_some(())).await;
    assert!(launch.log().contains("1 spans did not reach the collector"), "{}", launch.log());
    assert_eq!(collector.told(), []);

    let (launch, world) = trusting(&authority).await;
    let tree = collector.trace(|span| span.name == "GET /user/info", &[]).await;
    assert_tree(&tree);
    eventually("it is counted", async || (spans(&world, "sent").await == 1).then_some(())).await;
    assert!(!launch.log().contains("did not reach"), "{}", launch.log());
}

/// How many spans had this fate, as the server counts them.
async fn spans(world: &World, fate: &str) -> u64 {
    sum(&world.metrics().await, "nexo_trace_spans_total", &format!("fate=\"{fate}\""))
}

/// Ends a server, softly.
async fn stopped(mut server: Server) {
    server.terminate();
    assert_eq!(server.wait_exit().await.code(), Some(0));
}
