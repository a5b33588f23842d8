//! One file for each command that measures, and how they are run.

mod all;
mod fanout;
pub(crate) mod floor;
mod idle;
mod lists;
mod overload;
mod pull;
mod sends;
mod start;
mod storm;

use anyhow::{Result, bail};

use crate::bench::Bench;
use crate::options::{Command, Options};
use crate::report::{Report, Summary, summarise};
use crate::verify;

/// Every command, in the order of the help.
pub(crate) static COMMANDS: &[Command] = &[
    sends::COMMAND,
    floor::COMMAND,
    fanout::COMMAND,
    pull::COMMAND,
    lists::COMMAND,
    idle::COMMAND,
    storm::COMMAND,
    overload::COMMAND,
    start::COMMAND,
    verify::COMMAND,
    all::COMMAND,
];

/// What the program found.
pub(crate) struct Outcome {
    pub(crate) summaries: Vec<Summary>,
    /// A promise was broken, in whichever run.
    pub(crate) broken: bool,
}

/// Runs what was asked for, on a server that is stopped afterwards if it was started here.
pub(crate) async fn run(options: &Options) -> Result<Outcome> {
    if options.command.name == all::COMMAND.name {
        return all::run(options).await;
    }
    let mut bench = Bench::open(options).await?;
    let runs = repeat(&mut bench, options).await?;
    bench.server.stop().await?;
    Ok(Outcome { summaries: summarise(options.command.name, &runs), broken: runs.iter().any(|run| run.broken) })
}

/// Runs one command `--runs` times.
async fn repeat(bench: &mut Bench, options: &Options) -> Result<Vec<Report>> {
    let mut reports = Vec::new();
    for _ in 0..options.count("runs")? {
        reports.push(once(bench, options).await?);
    }
    Ok(reports)
}

async fn once(bench: &mut Bench, options: &Options) -> Result<Report> {
    match options.command.name {
        "sends" => sends::run(bench, options).await,
        "floor" => floor::run(bench, options).await,
        "fanout" => fanout::run(bench, options).await,
        "pull" => pull::run(bench, options).await,
        "lists" => lists::run(bench, options).await,
        "idle" => idle::run(bench, options).await,
        "storm" => storm::run(bench, options).await,
        "overload" => overload::run(bench, options).await,
        "start" => start::run(bench, options).await,
        "verify" => verify::run(bench, options).await,
        other => bail!("`{other}` does not run by itself"),
    }
}
