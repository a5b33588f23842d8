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
        opt("sockets", "15000", "sockets of idle and storm"),
        opt("members", "5000", "members of fanout"),
        opt("messages", "100000", "messages of verify"),
    ],
};

/// One command of a server's life: its label, its name and the options that differ from their defaults.
struct Step<'a> {
    label: &'a str,
    command: &'a str,
    set: Vec<(&'a str, &'a str)>,
}

pub(crate) async fn run(options: &Options) -> Result<Outcome> {
    let is_own = options.text("url").is_empty();
    if !is_own {
        say("without `start`, which needs a server of its own");
    }
    let mut outcome = Outcome { summaries: Vec::new(), broken: false };
    for life in lives(options) {
        let mut bench = Bench::open(options).await?;
        for step in life.iter().filter(|step| is_own || step.command != "start") {
            take(&mut bench, options, step, &mut outcome).await?;
        }
        bench.server.stop().await?;
    }
    let (few, many) = ("few stored", "many stored");
    for (command, figure) in [("sends", "sends"), ("pull", "pulls"), ("lists", "lists")] {
        let ratio = slow_down(&outcome.summaries, command, figure, [few, many])?;
        outcome.summaries.extend(summarise(command, &[ratio]));
    }
    Ok(outcome)
}

/// What is done to one server after another. The small fillings must find it empty.
fn lives(options: &Options) -> Vec<Vec<Step<'_>>> {
    let step = |label, command, set| Step { label, command, set };
    let of = |name| (name, options.text(name));
    let seconds = of("seconds");
    vec![
        vec![
            step("pull, few stored", "pull", vec![seconds, ("stored", "10000")]),
            step("lists, few stored", "lists", vec![seconds]),
            step("sends, few stored", "sends", vec![seconds]),
            step("sends, the floor", "floor", vec![seconds]),
            step("sends over WebSocket", "sends", vec![seconds, ("door", "ws")]),
            step("sends at 200/s", "sends", vec![seconds, ("online", "1"), ("rate", "200")]),
            step("storm of handshakes", "storm", vec![seconds, of("sockets")]),
            step("storm of logins", "storm", vec![seconds, ("kind", "logins")]),
            step("storm of lorises", "storm", vec![seconds, ("kind", "lorises")]),
            step("overload", "overload", vec![seconds]),
        ],
        vec![step("fanout", "fanout", vec![of("members")])],
        vec![step("idle", "idle", vec![of("sockets")])],
        vec![
            step("pull, many stored", "pull", vec![seconds, of("stored")]),
            step("lists, many stored", "lists", vec![seconds, of("stored")]),
            step("sends, many stored", "sends", vec![seconds]),
            step("start", "start", vec![of("stored")]),
        ],
        vec![step("verify", "verify", vec![of("messages")])],
    ]
}

async fn take(bench: &mut Bench, options: &Options, step: &Step<'_>, outcome: &mut Outcome) -> Result<()> {
    let command = COMMANDS.iter().find(|c| c.name == step.command);
    let command = command.with_context(|| format!("no command {}", step.command))?;
    let options = options.for_command(command, &step.set);
    say(&format!("== {}", step.label));
    let runs = repeat(bench, &options).await?;
    outcome.summaries.extend(summarise(step.label, &runs));
    outcome.broken |= runs.iter().any(|run| run.broken);
    Ok(())
}

/// How many times slower something is with many stored messages.
fn slow_down(summaries: &[Summary], command: &str, figure: &str, [few, many]: [&str; 2]) -> Result<Report> {
    let rate = |stored: &str| {
        let label = format!("{command}, {stored}");
        let mut found = summaries.iter();
        let found = found.find(|s| s.command == label && s.name == figure);
        found.map(|summary| summary.median).with_context(|| format!("no figure of {label}"))
    };
    let mut report = Report::default();
    report.add_reach("slow-down by many stored", rate(few)? / rate(many)?, "x", Reach::AtMost(1.2));
    Ok(report)
}
