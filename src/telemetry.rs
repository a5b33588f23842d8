//! Logs and metrics: how they are set up, and every metric's name and meaning.

use std::io::IsTerminal;

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};
use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

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

/// Seconds, from 50 us to 10 s: a send takes a fraction of a millisecond, a login 20.
const SECONDS: [f64; 16] =
    [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// All metrics of one server, in a registry of its own so that tests may run several in one process.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
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
    /// Bytes that wait in the queues of all WebSockets.
    pub queue_bytes: IntGauge,
    /// Frames pushed into queues, by kind.
    pub pushes: IntCounterVec,
    /// Pushes on their way between nodes.
    pub between: BetweenNodes,
    /// WebSockets closed by the server, by reason.
    pub closes: IntCounterVec,
    /// Recoveries, by whether they were whole.
    pub recoveries: IntCounterVec,
    /// Frames from clients, by op and API code.
    pub frames: IntCounterVec,
    /// Password hashes that wait or run.
    pub hashes_pending: IntGauge,
    /// Calls refused by a rate limit, by limit.
    pub limited: IntCounterVec,
    /// Commands sent to Redis.
    pub redis_commands: IntCounter,
    /// Statements sent to the database; a batch is one.
    pub cql_statements: IntCounter,
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

impl BetweenNodes {
    fn new(r: &Registry) -> prometheus::Result<Self> {
        let lag = "From a push's entry in its user's log, by the clock of Redis, to the user's node, by its own clock";
        let dropped = "Pushes not handed over to Redis: a letter is repaired from the logs, an event is not told";
        let repairs = "Users whose logs were read for what had not come: gap (a later push or the log's end showed it), or whose \
                       route had to be written again: route";
        let broken = "Users whose logs were lost or trimmed: their WebSockets were closed, to recover from the store";
        Ok(Self {
            lag: seconds(r, "nexo_push_lag_seconds", lag, &[])?.with_label_values::<&str>(&[]),
            backlog: gauge(r, "nexo_push_backlog", "Letters to other nodes and events that wait for Redis")?,
            dropped: counters(r, "nexo_push_dropped_total", dropped, &["what"])?,
            repairs: counters(r, "nexo_push_repairs_total", repairs, &["by"])?,
            broken: register(r, IntCounter::new("nexo_push_broken_total", broken)?)?,
        })
    }
}

impl Metrics {
    /// Registers every metric.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        let r = &registry;
        let version = Opts::new("nexo_build_info", "1, with the version").const_label("version", env!("CARGO_PKG_VERSION"));
        register(r, IntGauge::with_opts(version)?)?.set(1);
        let stages = "Stages of a change on its way to disk: queue (waiting for the writer), apply, sync";
        let stages = seconds(r, "nexo_store_stage_seconds", stages, &["stage"])?;
        Ok(Self {
            requests: counters(r, "nexo_http_requests_total", "HTTP requests, by route and API code", &["route", "code"])?,
            request_seconds: seconds(r, "nexo_http_request_duration_seconds", "Duration of HTTP requests", &["route"])?,
            queue_stage: stages.with_label_values(&["queue"]),
            apply_stage: stages.with_label_values(&["apply"]),
            sync_stage: stages.with_label_values(&["sync"]),
            batch_size: register(
                r,
                Histogram::with_opts(
                    HistogramOpts::new("nexo_store_batch_size", "Changes that shared one sync to disk")
                        .buckets(vec![1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0]),
                )?,
            )?,
            store_reopens: register(
                r,
                IntCounter::new("nexo_store_reopens_total", "Times the store was opened again after a failed write")?,
            )?,
            ready: gauge(r, "nexo_ready", "1 if the node takes work, as /ready says, else 0; looked at with each scrape")?,
            calls_in_flight: gauge(r, "nexo_calls_in_flight", "Requests and frames that are being worked on")?,
            connections: gauge(r, "nexo_ws_connections", "WebSockets that are open")?,
            queue_bytes: gauge(r, "nexo_ws_queue_bytes", "Bytes that wait in the queues of all WebSockets")?,
            pushes: counters(r, "nexo_pushes_total", "Frames pushed to WebSockets, by kind", &["kind"])?,
            between: BetweenNodes::new(r)?,
            closes: counters(r, "nexo_ws_closes_total", "WebSockets closed by the server, by close code", &["code"])?,
            recoveries: counters(
                r,
                "nexo_ws_recoveries_total",
                "Recoveries asked for, by whether they were whole",
                &["whole"],
            )?,
            frames: counters(r, "nexo_ws_frames_total", "Frames from clients, by op and API code", &["op", "code"])?,
            hashes_pending: gauge(r, "nexo_password_hashes_pending", "Password hashes that wait or run")?,
            redis_commands: register(r, IntCounter::new("nexo_redis_commands_total", "Commands sent to Redis")?)?,
            cql_statements: register(
                r,
                IntCounter::new("nexo_cql_statements_total", "Statements sent to the database; a batch is one")?,
            )?,
            limited: counters(r, "nexo_limited_total", "Calls refused by a limit, by limit", &["limit"])?,
            registry,
        })
    }

    /// All metrics in the text format of Prometheus.
    pub fn render(&self) -> prometheus::Result<Vec<u8>> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

fn register<M: prometheus::core::Collector + Clone + 'static>(registry: &Registry, metric: M) -> prometheus::Result<M> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
    register(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
}

fn gauge(registry: &Registry, name: &str, help: &str) -> prometheus::Result<IntGauge> {
    register(registry, IntGauge::new(name, help)?)
}

fn seconds(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<HistogramVec> {
    let opts = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
    register(registry, HistogramVec::new(opts, labels)?)
}
