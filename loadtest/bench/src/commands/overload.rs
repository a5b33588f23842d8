//! `overload`: more sends than the server can take. What it takes should stay near its peak, and be acked in bounded time.

use std::sync::Arc;

use anyhow::{Result, bail};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::api::{Person, code_of};
use crate::bench::Bench;
use crate::http::Http;
use crate::load::{Cost, SECONDS, Tally, WARM_UP, Window, add_latencies};
use crate::options::{Command, Options, opt};
use crate::pace::{Pace, Schedule};
use crate::report::{Reach, Report};
use crate::template::{Template, To};

pub(crate) const COMMAND: Command = Command {
    name: "overload",
    about: "sends over REST at a multiple of the peak, on more connections than the server works on at once: what it takes of them",
    options: &[
        opt("few", "200", "connections of the first look, each with one send after the other"),
        opt("times", "2", "sends a second at the end, in sustainable loads"),
        opt("connections", "6000", "connections that they come over; a server works on server.max_calls of them"),
        opt("patience-ms", "100", "how long a send may take (p99) under a load that is called sustainable"),
        SECONDS,
        WARM_UP,
    ],
};

/// Who sends, over all connections.
const PEOPLE: usize = 64;

/// Rates that are tried one after the other until one of them is sustainable, as shares of what came flat out over few connections.
const SHARES: [f64; 9] = [0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5, 0.4];

/// The share of a load that is as good as all of it: what is under way at the ends of the window is not counted.
const WHOLE: f64 = 0.98;

/// Whom each of them writes to.
const FRIENDS: usize = 3;

/// The answer of a server that has too much to do.
const TOO_BUSY: &str = "code 1002";

pub(crate) async fn run(bench: &mut Bench, options: &Options) -> Result<Report> {
    let (times, connections) = (options.number::<f64>("times")?, options.count("connections")?);
    let (window, tally, _) = drive(bench, options, options.count("few")?, 0.0).await?;
    let flat_out = tally.done as f64 / window.seconds();
    let (sustainable, peak) = sustainable(bench, options, flat_out).await?;
    let (window, tally, cost) = drive(bench, options, connections, sustainable * times).await?;
    let mut report = Report::default();
    report.add("flat out over few connections", flat_out, "/s");
    report.add("peak", peak, "/s");
    report.add("sustainable load", sustainable, "/s");
    let came = add_taken(&mut report, tally, window, peak);
    cost.add_to(&mut report, came);
    Ok(report)
}

/// The largest rate that is taken whole, without anybody waiting for long; and the most that was taken at any rate until then.
async fn sustainable(bench: &mut Bench, options: &Options, flat_out: f64) -> Result<(f64, f64)> {
    let mut peak = 0.0_f64;
    let (connections, patience_ms) = (options.count("connections")?, options.number::<f64>("patience-ms")?);
    for share in SHARES {
        let rate = flat_out * share;
        let (window, tally, _) = drive(bench, options, connections, rate).await?;
        let (taken, waited_us) = (tally.done as f64 / window.seconds(), tally.latency.value_at_quantile(0.99));
        peak = peak.max(taken);
        if tally.errors.is_empty() && taken >= rate * WHOLE && waited_us as f64 <= patience_ms * 1_000.0 {
            return Ok((rate, peak));
        }
    }
    bail!("not even {} of {flat_out:.0} sends a second are acked within {patience_ms} ms", SHARES[SHARES.len() - 1])
}

/// Sends so many a second, over all connections.
async fn drive(bench: &mut Bench, options: &Options, connections: usize, rate: f64) -> Result<(Window, Tally, Cost)> {
    let people = bench.people(PEOPLE).await?;
    let tag = bench.fresh_tag();
    let mut waiting = Vec::with_capacity(connections);
    for number in 0..connections {
        let http = Http::connect(bench.server.nodes.at(number)).await?;
        waiting.push(Sender::new(http, &people, number, &tag));
    }
    let window = Window::of(options)?;
    let schedule = Schedule { begin: Instant::now(), end: window.end, stop: Arc::default(), rate, lanes: connections };
    let mut senders = JoinSet::new();
    for (sender, pace) in waiting.into_iter().zip(schedule.start()) {
        senders.spawn(sender.run(pace, window));
    }
    let cost = Cost::within(&bench.server.processes, window).await?;
    let mut tally = Tally::new();
    while let Some(ended) = senders.join_next().await {
        tally.merge(&ended??)?;
    }
    Ok((window, tally, cost))
}

/// One connection.
struct Sender {
    http: Http,
    token: Arc<str>,
    template: Template,
}

impl Sender {
    /// One of the people, who writes to another.
    fn new(http: Http, people: &[Person], number: usize, tag: &str) -> Sender {
        let (turn, from) = (number / people.len(), number % people.len());
        let to = (from + 1 + turn % FRIENDS) % people.len();
        let template = Template::rest(tag, number, &To::User(Arc::clone(&people[to].id)), 0);
        Sender { http, token: Arc::clone(&people[from].token), template }
    }

    /// Sends what is due, one after the other. What waits behind it here has not come to the server yet, so a latency begins when it
    /// is written.
    async fn run(mut self, mut pace: Pace, window: Window) -> Result<Tally> {
        let mut tally = Tally::new();
        while pace.next().await.is_some() && Instant::now() < window.end {
            let asked = Instant::now();
            let code = code_of(self.http.post("/msg/send", &self.token, self.template.next()).await?.body)?;
            tally.note(&window, asked, code);
        }
        Ok(tally)
    }
}

/// Adds what was taken, what was refused, and that nothing else happened; answers how many sends came.
fn add_taken(report: &mut Report, mut tally: Tally, window: Window, peak: f64) -> u64 {
    let refused = tally.errors.remove(TOO_BUSY).unwrap_or(0);
    let came = tally.done + refused;
    let rate = |count: u64| count as f64 / window.seconds();
    report.add("sends that came", rate(came), "/s");
    report.add("sends that were taken", rate(tally.done), "/s");
    report.add("sends that were refused", rate(refused), "/s");
    report.add_reach("taken, to the peak", rate(tally.done) / peak, "x", Reach::AtLeast(0.8));
    add_latencies(report, "send to ack", &tally.latency);
    report.set_reach("send to ack p99", Reach::AtMost(1_000.0));
    report.must_be_none("other answers", tally.errors.values().sum());
    came
}
