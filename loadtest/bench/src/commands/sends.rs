//! `sends`: durable sends over either door, one-to-one or in groups, flat out or at a rate, with every push checked.

use std::sync::Arc;

use anyhow::{Result, bail};

use crate::bench::Bench;
use crate::load::{Cost, SECONDS, WARM_UP, Window, add_errors, add_latencies};
use crate::options::{Command, Options, opt};
use crate::report::{Reach, Report};
use crate::talk::heard::Compared;
use crate::talk::{Manner, Shape, Talk, Talked, Way, When};

pub(crate) const COMMAND: Command = Command {
    name: "sends",
    about: "durable sends, over REST or WebSocket, to one or to groups, flat out or at a rate; pushes are checked",
    options: &[
        opt("door", "rest", "rest or ws"),
        opt("rooms", "64", "conversations"),
        opt("size", "2", "members of each; 2 is one-to-one"),
        opt("senders", "1", "members of each that send"),
        opt("online", "0", "further members of each that have a socket, or `all`"),
        opt("rate", "0", "sends a second over all, latencies from when each was due; 0 is as fast as they are acked"),
        opt("depth", "1", "sends in flight on each socket, if there is no rate"),
        opt("bytes", "0", "length of each text; 0 is short lines of several scripts"),
        SECONDS,
        WARM_UP,
    ],
};

/// Sends a second that leave any machine room.
const EASY_RATE: f64 = 200.0;

pub(crate) async fn run(bench: &mut Bench, options: &Options) -> Result<Report> {
    let (shape, manner) = (shape(options)?, manner(options)?);
    let talk = Talk::gather(bench, shape, manner).await?;
    let (window, rate) = (Window::of(options)?, options.number("rate")?);
    let when = When { window, rate, stop: Arc::default() };
    let (talked, cost) =
        tokio::try_join!(talk.run(when, options.command.name), Cost::within(&bench.server.processes, window))?;
    let mut report = Report::default();
    report.add("sends", talked.tally.done as f64 / window.seconds(), "/s");
    cost.add_to(&mut report, talked.tally.done);
    if shape.online > 0 || shape.senders > 1 {
        report.add("pushes", talked.pushed as f64 / window.seconds(), "/s");
    }
    add_latencies(&mut report, "send to ack", &talked.tally.latency);
    talked.add_pushes_to(&mut report);
    add_errors(&mut report, &talked.tally.errors);
    set_reaches(&mut report, (shape, manner.way), rate, bench.server.is_cluster());
    Ok(report)
}

fn shape(options: &Options) -> Result<Shape> {
    let (size, senders) = (options.count("size")?, options.count("senders")?);
    let online = match options.text("online") {
        "all" => size.saturating_sub(senders),
        _ => options.number("online")?,
    };
    Ok(Shape { rooms: options.count("rooms")?, size, senders, online })
}

fn manner(options: &Options) -> Result<Manner> {
    let way = match options.text("door") {
        "rest" => Way::Rest,
        "ws" => Way::WebSocket { depth: options.count("depth")? },
        other => bail!("--door must be rest or ws, it is `{other}`"),
    };
    Ok(Manner { way, bytes: options.number("bytes")? })
}

/// What the figures of one-to-one sends should reach on two cores that the client shares.
fn set_reaches(report: &mut Report, (shape, way): (Shape, Way), rate: f64, is_cluster: bool) {
    if shape.size != 2 {
        return;
    }
    if rate > 0.0 {
        // Of a machine with room, and of one at half of its maximum.
        let p99 = match (rate <= EASY_RATE, is_cluster) {
            (true, false) => 5.0,
            (true, true) => 10.0,
            (false, false) => 20.0,
            (false, true) => 30.0,
        };
        if rate <= EASY_RATE {
            report.set_reach("send to push p50", Reach::AtMost(if is_cluster { 4.0 } else { 1.5 }));
        }
        report.set_reach("send to push p99", Reach::AtMost(p99));
        return;
    }
    let (sends, cpu) = match (is_cluster, way) {
        (false, Way::Rest) => (12_000.0, 70.0),
        (false, Way::WebSocket { .. }) => (20_000.0, 40.0),
        (true, Way::Rest) => (1_000.0, 150.0),
        (true, Way::WebSocket { .. }) => (1_000.0, 110.0),
    };
    report.set_reach("sends", Reach::AtLeast(sends));
    report.set_reach("server CPU each", Reach::AtMost(cpu));
}

impl Talked {
    /// Adds what became of the pushes, if any were due.
    pub(crate) fn add_pushes_to(&self, report: &mut Report) {
        if !self.pushes.is_empty() {
            add_latencies(report, "send to push", &self.pushes);
        }
        self.compared.add_to(report);
    }
}

impl Compared {
    /// Adds what was compared, if anything was.
    pub(crate) fn add_to(&self, report: &mut Report) {
        if self.due > 0 {
            report.add("pushes checked", self.due as f64, "");
            report.must_be_none("acked, not pushed", self.missing);
            report.must_be_none("pushed twice", self.twice);
            report.must_be_none("pushed out of order", self.disordered);
        }
    }
}
