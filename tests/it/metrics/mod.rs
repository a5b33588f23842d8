//! Metrics: that those are there which the dashboard, the alerts, the autoscaler and the documents use.

mod queries;
mod scrape;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use nexo::telemetry::Metrics;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::services::{Need, needs};
use crate::support::*;
use queries::{file, spoken_of};
use scrape::Scrape;

/// Texts that name metrics.
const TEXTS: [&str; 7] = [
    "README.md",
    "docs/operations.md",
    "docs/cluster.md",
    "docs/performance.md",
    "docs/metrics.md",
    "helm/nexo/README.md",
    "helm/nexo/rules/nexo.yaml",
];

/// What the name of a metric begins with that has series in a cluster only.
const OF_CLUSTER: &str = "nexo_redis_";

/// What the names of a histogram's series end with.
const SERIES: [&str; 4] = ["", "_bucket", "_sum", "_count"];

fn page() -> String {
    Metrics::new().expect("metrics").reference()
}

/// The names in the first column of the reference.
fn documented() -> BTreeSet<String> {
    let page = page();
    let names = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    names.map(str::to_owned).collect()
}

/// Does a bit of everything, so that what comes into being with its first event is there.
async fn drive(world: &World) {
    let [ann, bob] = world.people().await;
    let mut socket = bob.socket_v1().await;
    let first = ann.send(&bob, "hello").await;
    let push_id = string(&socket.next().await, "push_id");
    let (conversation, seq) = (pair(&ann, &bob), int(&first, "seq"));
    for (op, body) in [
        ("send", bob.draft(&ann, "hello yourself")),
        ("pull", json!({ "conversation_id": conversation })),
        ("max_seq", json!({ "conversation_id": conversation })),
        ("mark_read", json!({ "conversation_id": conversation, "read_seq": seq })),
        ("ping", json!({})),
    ] {
        socket.ask_ok(op, body).await;
    }
    assert_eq!(socket.ask("no such op", json!({})).await["code"], 5003);
    socket.close().await;
    let group = ann.group(&[&bob]).await;
    ann.send_group(&group, "hello all").await.ok();
    let (mut back, mut anew) = (bob.socket_after(&push_id, "&v=1").await, bob.on(1).await.socket().await);
    back.until(|frame| frame["event"] == "recovered").await;
    assert!(anew.write(Message::text("x".repeat(1 << 20))).await, "the socket is gone");
    assert_eq!(anew.close_code().await, 1009);
    bob.on(5).await;
    assert_eq!(back.close_code().await, 4001);
    eventually("a refusal by a limit", async || {
        let reply = ann.post("/msg/send", ann.draft(&bob, "too many")).await;
        (reply.code() == 1006).then_some(())
    })
    .await;
    ann.get("/no/such/route").await.refused_with(404, 1005);
}

/// The series that may come into being with their first event: those of a route, or of a code that a frame is refused with.
fn may_be_late(name: &str, labels: &BTreeMap<String, String>) -> bool {
    labels.contains_key("route") || name == "nexo_ws_frames_total" && !["0", "1002"].contains(&labels["code"].as_str())
}

#[test]
fn the_reference_page_is_current() {
    assert!(file("docs/metrics.md") == page(), "run: cargo run -- metrics > docs/metrics.md");
}

e2e! {
    with(limits.enabled = "true", limits.user_sends_burst = "20", limits.user_sends_per_second = "1")
    async fn all_that_the_dashboard_the_alerts_and_the_autoscaler_use_is_exposed(world: World) {
        let before = world.scrapes().await.concat();
        drive(&world).await;
        let text = world.scrapes().await.concat();
        let (before, scrape) = (Scrape::new(&before), Scrape::new(&text));
        let mut queries: Vec<_> = queries::dashboard().into_iter().chain(queries::rules()).collect();
        queries.push(queries::autoscaler());
        let documented = documented();
        // Where one process is all there is, there is no Redis: its metrics are known, and have no series.
        let is_known = |name: &str| SERIES.iter().any(|end| name.strip_suffix(end).is_some_and(|name| documented.contains(name)));
        let foreign = |name: &str| !world.has_redis() && name.starts_with(OF_CLUSTER) && is_known(name);
        queries.retain(|query| !query.selectors.iter().flat_map(|selector| &selector.names).any(|name| foreign(name)));
        assert!(queries.len() > 50, "{} queries", queries.len());
        assert_eq!(scrape.lacks(&queries), [""; 0]);
        for text in TEXTS {
            let unknown: Vec<_> =
                spoken_of(&file(text)).into_iter().filter(|name| !scrape.has(name) && !foreign(name)).map(str::to_owned).collect();
            assert_eq!(unknown, [""; 0], "{text} names what is not there");
        }
        let unlike = documented.symmetric_difference(scrape.metrics()).filter(|name| !foreign(name));
        assert_eq!(unlike.collect::<Vec<_>>(), [""; 0], "documented and not exposed, or the other way round");
        let known: BTreeSet<_> = before.all().collect();
        let late = scrape.all().filter(|series| !known.contains(series) && !may_be_late(series.0, series.1));
        assert_eq!(late.collect::<Vec<_>>(), [], "began with their first event: their rates lack it");
    }

    async fn calls_of_each_kind_are_timed(world: World) {
        let [ann, bob] = world.people().await;
        let mut socket = ann.socket().await;
        for _ in 0..3 {
            socket.ask_ok("send", ann.draft(&bob, "hello")).await;
        }
        assert_eq!(socket.ask("send", json!({})).await["code"], 1001);
        let text = world.scrapes().await.concat();
        let sum = |series: &str| -> u64 {
            let counts = text.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
            counts.map(|count| count.parse::<u64>().expect("a count")).sum()
        };
        assert_eq!(sum("nexo_ws_frame_duration_seconds_count{op=\"send\"}"), 4);
        assert_eq!(sum("nexo_ws_frames_total{code=\"0\",op=\"send\"}"), 3);
        assert_eq!(sum("nexo_ws_frames_total{code=\"1001\",op=\"send\"}"), 1);
        assert!(sum("nexo_ws_connections_max") >= 20_000);
        if world.has_redis() {
            for (call, least) in
                [("admit", 3), ("claim", 3), ("finish", 3), ("push_append", 3), ("ping", 1)]
            {
                let count = sum(&format!("nexo_redis_call_duration_seconds_count{{call=\"{call}\"}}"));
                assert!(count >= least, "{count} calls of {call}");
            }
            for (kind, least) in [("read", 3), ("write", 6), ("lwt", 3)] {
                let count = sum(&format!("nexo_cql_statement_duration_seconds_count{{kind=\"{kind}\"}}"));
                assert!(count >= least, "{count} statements of the kind {kind}");
            }
        }
    }

    async fn promtool_has_nothing_to_say_of_a_scrape(world: World) {
        let Some([promtool]) = needs([Need::Promtool]) else { return };
        let [ann, bob] = world.people().await;
        ann.send(&bob, "hello").await;
        for scrape in world.scrapes().await {
            let mut child = Command::new(&promtool)
                .args(["check", "metrics"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("promtool starts");
            child.stdin.take().expect("a pipe").write_all(scrape.as_bytes()).expect("promtool reads");
            let said = child.wait_with_output().expect("promtool ends");
            let words = String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr);
            assert!(said.status.success() && words.trim().is_empty(), "{}: {words}", said.status);
        }
    }
}
