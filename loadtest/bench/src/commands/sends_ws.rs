//! `sends-ws`: durable sends over WebSocket to receivers who are offline.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::bench::Bench;
use crate::fill::pairs;
use crate::load::{SECONDS, Tally, WARM_UP, Window, measure};
use crate::options::{Command, Options, opt};
use crate::pump::Pump;
use crate::report::Report;
use crate::template::Template;
use crate::ws::{Door, Socket};

pub(crate) const COMMAND: Command = Command {
    name: "sends-ws",
    about: "durable 1:1 text sends over WebSocket, receivers offline, one sender a socket, closed loop",
    options: &[
        opt("sockets", "64", "sockets, each with its own sender and receiver"),
        opt("depth", "1", "sends in flight on each socket"),
        SECONDS,
        WARM_UP,
    ],
};

pub(crate) async fn run(bench: &mut Bench, options: &Options) -> Result<Report> {
    let tag = bench.fresh_tag();
    let depth = options.count("depth")?;
    let pairs = pairs(bench, options.count("sockets")?).await?;
    let mut pumps = Vec::with_capacity(pairs.len());
    for (index, (sender, receiver)) in pairs.into_iter().enumerate() {
        let door = Door { address: bench.server.address, token: &sender.token, query: "", from: None };
        pumps.push(Pump { socket: Socket::open(&door).await?, template: Template::frames(&tag, index, &receiver), depth });
    }
    let measured = measure(&bench.server, options, |window, count| {
        let mut tasks = JoinSet::new();
        for pump in pumps {
            tasks.spawn(send_until(pump, window, Arc::clone(&count)));
        }
        tasks
    })
    .await?;
    let mut report = Report::default();
    measured.add_to(&mut report, "sends", (12_000.0, Some(60.0)));
    Ok(report)
}

async fn send_until(pump: Pump, window: Window, count: Arc<AtomicU64>) -> Result<Tally> {
    let mut tally = Tally::new();
    let more = || Instant::now() < window.end;
    let answered = |asked, code| {
        count.fetch_add(1, Ordering::Relaxed);
        tally.note(&window, asked, code);
        Ok(())
    };
    pump.run(more, answered).await?;
    Ok(tally)
}
