//! `nexo-bench` measures a Nexo server, and checks that what went in comes back.
//!
//! - `options` reads the command line; `commands` has one file for each command, and `verify` the largest of them.
//! - `bench` is what they share: `server` (started here or found) and registered users.
//! - `http` and `ws` are the two connections, hand-written because the client shares the cores with the server;
//!   `api` reads what they bring.
//! - `talk` is people who write to each other, and the check that every socket was pushed everything once and in order.
//! - `load` drives and measures, `pace` says when, `report` shows.

mod api;
mod bare;
mod bench;
mod commands;
mod dice;
mod fill;
mod http;
mod load;
mod options;
mod pace;
mod proc;
mod progress;
mod pump;
mod report;
mod server;
mod sockets;
mod talk;
mod template;
mod verify;
mod wait;
mod ws;

use std::process::ExitCode;

use anyhow::{Result, bail};
use tokio::signal::unix::{SignalKind, signal};

use crate::commands::{COMMANDS, Outcome};
use crate::options::{Asked, Options};

fn main() -> ExitCode {
    if let Some(outcome) = bare::was_asked_for().or_else(commands::floor::was_asked_for) {
        return if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let arguments = std::env::args_os().skip(1);
    let options = match Options::read(arguments, COMMANDS) {
        Ok(Asked::Run(options)) => options,
        Ok(Asked::Help(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("nexo-bench: {error}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(Outcome { broken: false, .. }) => ExitCode::SUCCESS,
        Ok(_) => {
            eprintln!("nexo-bench: the server broke a promise, see above");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("nexo-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<Outcome> {
    if options.flag("quiet") {
        progress::be_quiet();
    }
    sockets::raise_open_files()?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(options.count("threads")?).enable_all().build()?;
    let outcome = runtime.block_on(until_interrupted(commands::run(options)))?;
    print!("{}", report::table(&outcome.summaries));
    if let Some(path) = options.path("json") {
        report::write_json(&path, &outcome.summaries)?;
    }
    Ok(outcome)
}

/// Ends the work at SIGINT or SIGTERM, which drops the server that it started, and so kills that.
async fn until_interrupted(work: impl Future<Output = Result<Outcome>>) -> Result<Outcome> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        outcome = work => outcome,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("terminated"),
    }
}
