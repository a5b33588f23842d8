//! `start`: how long a server with many stored messages takes to be ready again, and what it weighs then.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use tokio::time::Instant;

use crate::api;
use crate::bench::Bench;
use crate::fill::{PAIRS, fill, pairs};
use crate::http::Http;
use crate::options::{Command, Options, opt};
use crate::progress::Progress;
use crate::report::{Reach, Report};

pub(crate) const COMMAND: Command = Command {
    name: "start",
    about: "from start to ready with stored messages, after SIGTERM and after SIGKILL, and the memory then",
    options: &[
        opt("stored", "1000000", "messages to store first"),
        opt("fresh", "20000", "further messages just before the SIGKILL"),
        opt("watch", "2", "seconds to watch the memory after the start"),
    ],
};

pub(crate) async fn run(bench: &mut Bench, options: &Options) -> Result<Report> {
    ensure!(bench.server.is_own(), "`start` needs a server of its own, not one at --url");
    fill(bench, options.number("stored")?).await?;
    let mut report = Report::default();
    restart(bench, options, Signal::TERM, &mut report).await?;
    fill(bench, bench.filled + options.number::<u64>("fresh")?).await?;
    restart(bench, options, Signal::KILL, &mut report).await?;
    report.add("stored messages", bench.filled as f64, "");
    Ok(report)
}

async fn restart(bench: &mut Bench, options: &Options, signal: Signal, report: &mut Report) -> Result<()> {
    let name = if signal == Signal::KILL { "SIGKILL" } else { "SIGTERM" };
    let tops = tops(bench).await?;
    let progress = Progress::start(format!("restarting after {name}"), None);
    bench.server.restart(signal).await?;
    let took = bench.server.start_took().context("a server of its own")?;
    let mut rss = 0;
    let watched = Instant::now() + Duration::from_secs_f64(options.number("watch")?);
    loop {
        rss = rss.max(bench.server.memory()?.map_or(0, |memory| memory.rss));
        if Instant::now() >= watched {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(progress);
    let after = self::tops(bench).await?;
    let lost = tops.iter().zip(&after).filter(|(then, now)| then != now);
    let ready = format!("start to ready after {name}");
    report.add_reach(&ready, took.as_secs_f64(), "s", Reach::AtMost(2.0));
    let megabytes = rss as f64 / 1e6;
    let weighs = format!("RSS after {name}");
    report.add_reach(&weighs, megabytes, "MB", Reach::AtMost(150.0));
    let lost = lost.count() as u64;
    report.must_be_none(&format!("conversations changed by {name}"), lost);
    Ok(())
}

/// The highest seq of each filled conversation.
async fn tops(bench: &mut Bench) -> Result<Vec<u64>> {
    let mut http = Http::connect(bench.server.nodes.at(0)).await?;
    let mut tops = Vec::with_capacity(PAIRS);
    for (sender, receiver) in pairs(bench, PAIRS).await? {
        let conversation = api::pair_id(&sender.id, &receiver);
        tops.push(api::max_seq(&mut http, &sender, &conversation).await?);
    }
    Ok(tops)
}
