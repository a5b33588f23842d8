//! `all`: every command with its defaults, on servers that do not disturb each other's figures.

use anyhow::{Context as _, Result};

use super::{COMMANDS, Outcome, repeat};
use crate::bench::Bench;
use crate::options::{Command, Options, opt};
use crate::progress::say;
use crate::report::{Reach, Report, Summary, summarise};

pub(crate) const COMMAND: Command = Command {
    name: "all",
    about: "every command with its defaults, as one table with what each figure should reach",
    options: &[
        opt("seconds", "10", "measured seconds of each timed command"),
        opt("stored", "1000000", "messages of the large fillings"),
        opt("sockets", "5000", "idle sockets"),
        opt("messages", "100000", "messages of verify"),
    ],
};

/// One command of a server's life: its label, its name and the options that differ from their defaults.
struct Step<'a> {
    label: &'a str,
    command: &'a str,
    set: &'a [(&'a str, &'a str)],
}

pub(crate) async fn run(options: &Options) -> Result<Outcome> {
    let seconds = ("seconds", options.text("seconds"));
    let stored = ("stored", options.text("stored"));
    let sockets = ("sockets", options.text("sockets"));
    let messages = ("messages", options.text("messages"));
    let step = |label, command, set| Step { label, command, set };
    let (timed, few) = ([seconds], [seconds, ("stored", "10000")]);
    let (many, large) = ([seconds, stored], [stored]);
    let (idle, verify) = ([sockets], [messages]);
    // Each line is one server: the small filling must find it empty, the large one serves two commands.
    let mut lives = vec![
        vec![
            step("pull, few stored", "pull", &few[..]),
            step("push-latency", "push-latency", &timed[..]),
            step("sends-rest", "sends-rest", &timed[..]),
            step("sends-ws", "sends-ws", &timed[..]),
        ],
        vec![step("idle", "idle", &idle[..])],
        vec![step("pull, many stored", "pull", &many[..]), step("start", "start", &large[..])],
        vec![step("verify", "verify", &verify[..])],
    ];
    if !options.text("url").is_empty() {
        say("without `start`, which needs a server of its own");
        lives[2].pop();
    }
    let mut outcome = Outcome { summaries: Vec::new(), broken: false };
    for life in lives {
        let mut bench = Bench::open(options).await?;
        for step in life {
            take(&mut bench, options, &step, &mut outcome).await?;
        }
        bench.server.stop().await?;
    }
    let ratio = slow_down(&outcome.summaries)?;
    outcome.summaries.extend(summarise("pull", &[ratio]));
    Ok(outcome)
}

async fn take(bench: &mut Bench, options: &Options, step: &Step<'_>, outcome: &mut Outcome) -> Result<()> {
    let command = COMMANDS.iter().find(|c| c.name == step.command);
    let command = command.with_context(|| format!("no command {}", step.command))?;
    let options = options.for_command(command, step.set);
    say(&format!("== {}", step.label));
    let runs = repeat(bench, &options).await?;
    outcome.summaries.extend(summarise(step.label, &runs));
    outcome.broken |= runs.iter().any(|run| run.broken);
    Ok(())
}

/// How many times slower pulls are with many stored messages.
fn slow_down(summaries: &[Summary]) -> Result<Report> {
    let rate = |label: &str| {
        let mut found = summaries.iter();
        let found = found.find(|s| s.command == label && s.name == "pulls");
        found.map(|summary| summary.median).context("no pulls")
    };
    let ratio = rate("pull, few stored")? / rate("pull, many stored")?;
    let mut report = Report::default();
    report.add_reach("slow-down by many stored", ratio, "x", Reach::AtMost(1.2));
    Ok(report)
}
