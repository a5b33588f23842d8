//! Driving load for a while and measuring it: the part that the timed commands share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::options::{Opt, Options, opt};
use crate::proc::{self, OfEach, Processes};
use crate::progress::Progress;
use crate::report::{Reach, Report};

/// Answers that are missing so long after the end are given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long to measure.
pub(crate) const SECONDS: Opt = opt("seconds", "10", "measured seconds");

/// How long to run before that.
pub(crate) const WARM_UP: Opt = opt("warm-up", "3", "seconds before the measurement");

/// The time that counts: what ends inside it is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) begin: Instant,
    pub(crate) end: Instant,
}

/// What one connection, or all of them, did inside the window.
pub(crate) struct Tally {
    /// In microseconds, of what succeeded.
    pub(crate) latency: Histogram<u64>,
    pub(crate) done: u64,
    pub(crate) errors: BTreeMap<String, u64>,
}

/// What the whole run did and cost.
pub(crate) struct Measured {
    pub(crate) tally: Tally,
    seconds: f64,
    cost: Cost,
}

/// CPU time that was used inside a window.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) of: OfEach<Duration>,
    client: Duration,
}

/// A request that is made again and again on one connection.
pub(crate) trait Operation: Send + 'static {
    /// Makes it once and answers the code.
    fn once(&mut self) -> impl Future<Output = Result<u32>> + Send;

    /// Opens the connection again after a failure.
    fn reconnect(&mut self) -> impl Future<Output = Result<()>> + Send;
}

impl Window {
    /// So many seconds after a warm-up, from now on.
    pub(crate) fn of(options: &Options) -> Result<Window> {
        let begin = Instant::now() + Duration::from_secs_f64(options.number("warm-up")?);
        Ok(Window { begin, end: begin + Duration::from_secs_f64(options.number("seconds")?) })
    }

    pub(crate) fn has(&self, time: Instant) -> bool {
        (self.begin..self.end).contains(&time)
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.end.duration_since(self.begin).as_secs_f64()
    }
}

impl Tally {
    pub(crate) fn new() -> Tally {
        Tally { latency: new_histogram(), done: 0, errors: BTreeMap::new() }
    }

    /// Counts an answer, if it comes inside the window.
    pub(crate) fn note(&mut self, window: &Window, asked: Instant, code: u32) {
        if window.has(Instant::now()) {
            self.record(asked, code);
        }
    }

    /// Counts an answer that comes now.
    pub(crate) fn record(&mut self, asked: Instant, code: u32) {
        if code == 0 {
            self.done += 1;
            self.latency.saturating_record(micros(asked.elapsed()));
        } else {
            self.fail(format!("code {code}"));
        }
    }

    /// Counts a failure.
    pub(crate) fn fail(&mut self, kind: String) {
        *self.errors.entry(kind).or_default() += 1;
    }

    pub(crate) fn merge(&mut self, other: &Tally) -> Result<()> {
        self.latency.add(&other.latency)?;
        self.done += other.done;
        for (kind, count) in &other.errors {
            *self.errors.entry(kind.clone()).or_default() += count;
        }
        Ok(())
    }
}

/// A histogram of microseconds up to two minutes, to three digits.
pub(crate) fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 120_000_000, 3).expect("the bounds are valid")
}

/// Whole microseconds, at least one.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).max(1)
}

/// Makes each operation again and again, all beside each other, through a warm-up and a window, and measures the window.
pub(crate) async fn measure<O: Operation>(processes: &Processes, options: &Options, operations: Vec<O>) -> Result<Measured> {
    let window = Window::of(options)?;
    let progress = Progress::start(options.command.name, None);
    let mut tasks = JoinSet::new();
    for operation in operations {
        tasks.spawn(closed_loop(operation, window, progress.counter()));
    }
    let cost = Cost::within(processes, window).await?;
    let mut tally = Tally::new();
    let late = window.end + PATIENCE;
    while let Some(finished) = timeout_at(late, tasks.join_next()).await.context("the server stopped answering")? {
        tally.merge(&finished??)?;
    }
    Ok(Measured { tally, seconds: window.seconds(), cost })
}

/// Makes an operation again and again until the window ends.
async fn closed_loop<O: Operation>(mut operation: O, window: Window, count: Arc<AtomicU64>) -> Result<Tally> {
    let mut tally = Tally::new();
    loop {
        let asked = Instant::now();
        if asked >= window.end {
            return Ok(tally);
        }
        match operation.once().await {
            Ok(code) => tally.note(&window, asked, code),
            Err(error) => {
                tally.fail(format!("connection: {error}"));
                operation.reconnect().await?;
            }
        }
        count.fetch_add(1, Ordering::Relaxed);
    }
}

impl Cost {
    /// Waits for the window, and measures it.
    pub(crate) async fn within(processes: &Processes, window: Window) -> Result<Cost> {
        let me = std::process::id();
        sleep_until(window.begin).await;
        let before = (processes.cpu()?, proc::cpu(me)?);
        sleep_until(window.end).await;
        Ok(Cost { of: processes.cpu_since(before.0)?, client: proc::cpu(me)? - before.1 })
    }

    /// Adds what each of so many operations cost.
    pub(crate) fn add_to(&self, report: &mut Report, done: u64) {
        let micros = |cpu: Duration| cpu.as_secs_f64() * 1e6 / done.max(1) as f64;
        for (name, cpu) in self.of.named() {
            report.add(format!("{name} CPU each"), micros(cpu), "us");
        }
        report.add("client CPU each", micros(self.client), "us");
    }
}

impl Measured {
    /// Adds rate, latencies, CPU and errors to a report.
    pub(crate) fn add_to(&self, report: &mut Report, what: &str) {
        report.add(what, self.tally.done as f64 / self.seconds, "/s");
        self.cost.add_to(report, self.tally.done);
        add_latencies(report, "latency", &self.tally.latency);
        add_errors(report, &self.tally.errors);
    }
}

/// Adds p50, p99, p99.9 and the maximum of a histogram of microseconds.
pub(crate) fn add_latencies(report: &mut Report, what: &str, latency: &Histogram<u64>) {
    for (name, quantile) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
        let millis = latency.value_at_quantile(quantile) as f64 / 1000.0;
        report.add(format!("{what} {name}"), millis, "ms");
    }
    report.add(format!("{what} max"), latency.max() as f64 / 1000.0, "ms");
}

/// Adds the number of errors, which should be none, and each kind.
pub(crate) fn add_errors(report: &mut Report, errors: &BTreeMap<String, u64>) {
    let total: u64 = errors.values().sum();
    report.add_reach("errors", total as f64, "", Reach::AtMost(0.0));
    for (kind, count) in errors {
        report.add(format!("errors, {kind}"), *count as f64, "");
    }
}
