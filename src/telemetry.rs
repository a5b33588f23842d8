//! Logs, metrics and traces: how they are set up, and every metric's name and meaning.

mod backends;
mod frames;
mod reference;
mod registrar;
mod traces;

use std::io::IsTerminal;

use prometheus::{Encoder, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, Registry, TextEncoder};
use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;
use registrar::{Noted, Registrar};

pub use backends::{Backend, Timed};
pub use frames::Frames;
pub use traces::{Export, Parent, Point, Span, Trace, Traces, stage};

/// Libraries that log what passes through them, which is nobody's business. Those that use the `log` crate, tungstenite among
/// them, cannot: its feature `max_level_info` compiles their finer lines out.
const LOGS_CONTENTS: [&str; 2] = ["hyper=info", "axum=info"];

/// Nothing is called: the dependency is there for its feature.
use log as _;

/// Starts logging to standard error. `filter` is a level, or directives as tracing's `EnvFilter` has them.
pub fn init_logs(format: LogFormat, filter: &str) -> Result<(), String> {
    let mut filter = EnvFilter::try_new(filter).map_err(|error| format!("log.filter: {error}"))?;
    for noisy in LOGS_CONTENTS {
        filter = filter.add_directive(noisy.parse().map_err(|error| format!("{noisy}: {error}"))?);
    }
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A log on a full disk must not end the server: what cannot be written would be reported on standard error.
        .log_internal_errors(false);
    let human = match format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    let started = if human { builder.try_init() } else { builder.json().flatten_event(true).try_init() };
    started.map_err(|error| format!("logging cannot start: {error}"))
}

/// All metrics of one server, in a registry of its own so that tests may run several in one process.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    noted: Vec<Noted>,
    /// Requests, by route and API code.
    pub requests: IntCounterVec,
    /// Duration of requests, by route.
    pub request_seconds: HistogramVec,
    /// How long a change waited for the writer.
    pub queue_stage: Histogram,
    /// How long a batch of changes took to be applied.
    pub apply_stage: Histogram,
    /// How long a batch of changes took to be synced.
    pub sync_stage: Histogram,
    /// Changes that shared one sync.
    pub batch_size: Histogram,
    /// Times the store had to be opened again after a failed write.
    pub store_reopens: IntCounter,
    /// Whether the node takes work, as of the last look.
    pub ready: IntGauge,
    /// Calls that are being worked on.
    pub calls_in_flight: IntGauge,
    /// WebSockets that are open.
    pub connections: IntGauge,
    /// Connections that the node takes.
    pub connections_max: IntGauge,
    /// Bytes that wait in the queues of all WebSockets.
    pub queue_bytes: IntGauge,
    /// Frames pushed into queues, by kind.
    pub pushes: Pushes,
    /// Pushes on their way between nodes.
    pub between: BetweenNodes,
    /// WebSockets closed by the server, by reason.
    pub closes: IntCounterVec,
    /// Recoveries, by whether they were whole.
    pub recoveries: IntCounterVec,
    /// Frames from clients.
    pub frames: Frames,
    /// Password hashes that wait or run.
    pub hashes_pending: IntGauge,
    /// Calls refused by a rate limit, by limit.
    pub limited: IntCounterVec,
    /// What is asked of Redis.
    pub redis: Backend,
    /// What is asked of the database.
    pub cql: Backend,
    /// Spans of traces, by what became of them.
    pub spans: Spans,
}

/// Metrics of pushes on their way between nodes.
#[derive(Debug, Clone)]
pub struct BetweenNodes {
    /// How long a push took from the log of its user to this node.
    pub lag: Histogram,
    /// Letters and events that wait to be handed over to Redis.
    pub backlog: IntGauge,
    /// Letters and events that were not handed over.
    pub dropped: IntCounterVec,
    /// Users whose logs were read for what did not come, by what showed it.
    pub repairs: IntCounterVec,
    /// Users whose logs were lost or trimmed, so that they had to recover from the store.
    pub broken: IntCounter,
}

/// The close codes that the server gives: those of `CloseReason`, and for frames that cannot be read.
const CLOSES: [&str; 10] = ["1001", "1002", "1007", "1009", "1011", "1012", "4001", "4002", "4008", "4013"];

/// Frames pushed into queues: messages, and the events of the protocol `nexo.v1`. Looked up once, for a message of a large group counts
/// thousands.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each is named like its frame")]
pub struct Pushes {
    pub messages: IntCounter,
    pub reads: IntCounter,
    pub group_changes: IntCounter,
    pub settings: IntCounter,
}

impl Pushes {
    fn new(r: &mut Registrar) -> prometheus::Result<Self> {
        const KINDS: [&str; 4] = ["message", "conversation_read", "group_changed", "conversation_changed"];
        let all = r.counters("nexo_pushes_total", "Frames pushed to WebSockets, by kind", &[("kind", &KINDS)])?;
        let [messages, reads, group_changes, settings] = KINDS.map(|kind| all.with_label_values(&[kind]));
        Ok(Self { messages, reads, group_changes, settings })
    }
}

/// What became of the spans of traced calls, each of which is counted once.
#[derive(Debug, Clone)]
pub struct Spans {
    /// In a batch that the collector took.
    pub sent: IntCounter,
    /// Lost, for too many others waited.
    pub no_room: IntCounter,
    /// Lost, for the collector did not take its batch.
    pub refused: IntCounter,
}

impl Spans {
    fn new(r: &mut Registrar) -> prometheus::Result<Self> {
        const FATES: [&str; 3] = ["sent", "no_room", "refused"];
        let help = "Spans of traced calls, by what became of them: taken by the collector (sent), or lost, for too many waited (no_room) \
                    or the collector was away, too slow or said no (refused)";
        let all = r.counters("nexo_trace_spans_total", help, &[("fate", &FATES)])?;
        let [sent, no_room, refused] = FATES.map(|fate| all.with_label_values(&[fate]));
        Ok(Self { sent, no_room, refused })
    }

    /// How many were lost so far.
    fn lost(&self) -> u64 {
        self.no_room.get() + self.refused.get()
    }
}

/// The limits that refuse calls, as those who count by them call them.
const LIMITS: [&str; 8] = [
    "calls",
    "handshakes",
    "node_handshakes",
    "address",
    "login_failures",
    "password_queue",
    "user_sends",
    "conversation_sends",
];

impl BetweenNodes {
    fn new(r: &mut Registrar) -> prometheus::Result<Self> {
        let lag = "From a push's entry in its user's log, by the clock of Redis, to the user's node, by its own clock";
        let dropped = "Pushes not handed over to Redis: a letter is repaired from the logs, an event is not told";
        let repairs = "Repairs of pushes, a user's or a group's: what had not come was read from the log (gap) or the store (group), \
                       for a later push or the end showed it; or the route to this node had to be written again (route)";
        let broken = "Users whose logs were lost or trimmed: their WebSockets were closed, to recover from the store";
        Ok(Self {
            lag: r.duration("nexo_push_lag_seconds", lag)?,
            backlog: r.gauge("nexo_push_backlog", "Letters to other nodes and events that wait for Redis")?,
            dropped: r.counters("nexo_push_dropped_total", dropped, &[("what", &["letter", "event"])])?,
            repairs: r.counters("nexo_push_repairs_total", repairs, &[("by", &["gap", "group", "route"])])?,
            broken: r.counter("nexo_push_broken_total", broken)?,
        })
    }
}

impl Metrics {
    /// Registers every metric.
    pub fn new() -> prometheus::Result<Self> {
        let r = &mut Registrar::new();
        #[cfg(target_os = "linux")]
        r.process()?;
        r.info("nexo_build_info", "1, with the version", ("version", env!("CARGO_PKG_VERSION")))?;
        let requests = "HTTP requests, by route and API code";
        let requests = r.counters("nexo_http_requests_total", requests, &[("route", &[]), ("code", &[])])?;
        let request_seconds = "Duration of HTTP requests";
        let request_seconds = r.durations("nexo_http_request_duration_seconds", request_seconds, &[("route", &[])])?;
        let stages = "Stages of a change on its way to disk: queue (waiting for the writer), apply, sync";
        let stages = r.durations("nexo_store_stage_seconds", stages, &[("stage", &["queue", "apply", "sync"])])?;
        let batches = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];
        let whole = "Recoveries asked for, by whether they were whole";
        let max = "Connections that the node takes (server.max_connections), WebSockets and others";
        Ok(Self {
            requests,
            request_seconds,
            queue_stage: stages.with_label_values(&["queue"]),
            apply_stage: stages.with_label_values(&["apply"]),
            sync_stage: stages.with_label_values(&["sync"]),
            batch_size: r.sizes("nexo_store_batch_size", "Changes that shared one sync to disk", &batches)?,
            store_reopens: r.counter("nexo_store_reopens_total", "Times the store was opened again after a failed write")?,
            ready: r.gauge("nexo_ready", "1 if the node takes work, as /ready says, else 0; looked at with each scrape")?,
            calls_in_flight: r.gauge("nexo_calls_in_flight", "Requests and frames that are being worked on")?,
            connections: r.gauge("nexo_ws_connections", "WebSockets that are open")?,
            connections_max: r.gauge("nexo_ws_connections_max", max)?,
            queue_bytes: r.gauge("nexo_ws_queue_bytes", "Bytes that wait in the queues of all WebSockets")?,
            pushes: Pushes::new(r)?,
            between: BetweenNodes::new(r)?,
            closes: r.counters(
                "nexo_ws_closes_total",
                "WebSockets closed by the server, by close code",
                &[("code", &CLOSES)],
            )?,
            recoveries: r.counters("nexo_ws_recoveries_total", whole, &[("whole", &["true", "false"])])?,
            frames: Frames::new(r)?,
            hashes_pending: r.gauge("nexo_password_hashes_pending", "Password hashes that wait or run")?,
            limited: r.counters("nexo_limited_total", "Calls refused by a limit, by limit", &[("limit", &LIMITS)])?,
            redis: Backend::redis(r)?,
            cql: Backend::cql(r)?,
            spans: Spans::new(r)?,
            registry: r.registry(),
            noted: r.noted(),
        })
    }

    /// All metrics in the text format of Prometheus.
    pub fn render(&self) -> prometheus::Result<Vec<u8>> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }

    /// The reference page, in Markdown: every metric with its type, unit, labels and meaning.
    pub fn reference(&self) -> String {
        reference::page(&self.noted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CloseReason;

    #[test]
    fn every_reason_to_close_a_websocket_has_its_series_from_the_start() {
        let codes = (0..5_000).filter_map(|code| CloseReason::from_code(code).map(|_| code.to_string()));
        let missing: Vec<String> = codes.filter(|code| !CLOSES.contains(&code.as_str())).collect();
        assert_eq!(missing, [""; 0]);
    }
}
