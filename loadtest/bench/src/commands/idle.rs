//! `idle`: what an authenticated socket costs the server in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use rustix::process::Signal;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::api::{self, Person};
use crate::bench::Bench;
use crate::http::Http;
use crate::options::{Command, Options, opt};
use crate::proc::Memory;
use crate::progress::say;
use crate::report::{Reach, Report};
use crate::sockets::{self, Opening};
use crate::template::{Template, To};
use crate::wait::until;
use crate::ws::{Frame, Socket};

pub(crate) const COMMAND: Command = Command {
    name: "idle",
    about: "memory of idle authenticated sockets, before and after each was written to; handshakes a second",
    options: &[opt("sockets", "5000", "sockets to open"), opt("per-user", "10", "sockets that share a user and its token")],
};

const PATIENCE: Duration = Duration::from_secs(60);

/// What the tasks that hold the sockets are told.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Listen,
    Ask,
    Leave,
}

pub(crate) async fn run(bench: &mut Bench, options: &Options) -> Result<Report> {
    let sockets = options.count("sockets")?;
    let users = sockets.div_ceil(options.count("per-user")?);
    let mut people = bench.people(users + 1).await?;
    if bench.server.is_own() {
        // Password hashes leave a larger heap behind, in which the sockets would hide.
        bench.server.restart(Signal::TERM).await?;
    }
    let Some(sender) = people.pop() else {
        bail!("no users");
    };
    write_to_each(bench, &sender, &people).await?;
    let before = bench.server.processes.memory()?;

    let began = Instant::now();
    let per_user = options.count("per-user")?;
    let tokens = (0..sockets).map(|index| Arc::clone(&people[index / per_user].token)).collect();
    let open = sockets::open_all(&bench.server.nodes, tokens, Opening::FAST).await?;
    let handshakes = sockets as f64 / began.elapsed().as_secs_f64();
    let opened = bench.server.processes.memory()?;

    let (stage, heard) = (watch::Sender::new(Stage::Listen), Arc::default());
    let mut holders = JoinSet::new();
    for socket in open {
        holders.spawn(hold(socket, stage.subscribe(), Arc::clone(&heard)));
    }
    stage.send_replace(Stage::Ask);
    everyone_heard(&heard, sockets, "the answer to a ping").await?;
    let answered = bench.server.processes.memory()?;
    heard.store(0, Ordering::Relaxed);
    write_to_each(bench, &sender, &people).await?;
    everyone_heard(&heard, sockets, "the push").await?;
    let pushed = bench.server.processes.memory()?;
    stage.send_replace(Stage::Leave);
    while let Some(left) = holders.join_next().await {
        left??;
    }

    let mut report = Report::default();
    report.add("handshakes", handshakes, "/s");
    if before.server.is_none() {
        say("no memory figures without --pid");
    }
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    for (name, memory) in before.named() {
        report.add(format!("{name} RSS before"), mib(memory.rss), "MiB");
    }
    let each = |before: Memory, after: Memory| after.rss.saturating_sub(before.rss) as f64 / 1024.0 / sockets as f64;
    for (after, when) in [(opened, "opened"), (answered, "after a ping"), (pushed, "after a ping and a push")] {
        for (name, kib) in before.with(after, each).named() {
            report.add(format!("{name} RSS each, {when}"), kib, "KiB");
        }
    }
    report.set_reach("server RSS each, after a ping and a push", Reach::AtMost(6.0));
    Ok(report)
}

/// One message to each user, which goes to all of the user's sockets.
async fn write_to_each(bench: &mut Bench, sender: &Person, people: &[Person]) -> Result<()> {
    let tag = bench.fresh_tag();
    let mut http = Http::connect(bench.server.nodes.at(0)).await?;
    for (index, person) in people.iter().enumerate() {
        let mut template = Template::rest(&tag, index, &To::User(Arc::clone(&person.id)), 0);
        let answer = http.post("/msg/send", &sender.token, template.next()).await?;
        let code = api::code_of(answer.body)?;
        ensure!(code == 0, "a send was refused with {code}");
    }
    Ok(())
}

/// Counts what arrives on a socket, and asks when told to.
async fn hold(mut socket: Socket, mut stage: watch::Receiver<Stage>, heard: Arc<AtomicU64>) -> Result<()> {
    loop {
        tokio::select! {
            _ = stage.changed() => {
                let now = *stage.borrow_and_update();
                match now {
                    Stage::Listen => {}
                    Stage::Ask => socket.send(br#"{"id":"1","op":"ping","data":{}}"#).await?,
                    Stage::Leave => return Ok(()),
                }
            }
            frame = socket.next() => match frame? {
                Frame::Text(_) => {
                    heard.fetch_add(1, Ordering::Relaxed);
                }
                Frame::Closed(code) => bail!("an idle socket was closed with {code}"),
            }
        }
    }
}

async fn everyone_heard(heard: &AtomicU64, sockets: usize, what: &str) -> Result<()> {
    let count = || heard.load(Ordering::Relaxed);
    let all = until(PATIENCE, || count() >= sockets as u64).await;
    ensure!(all, "only {} of {sockets} sockets got {what}", count());
    Ok(())
}
