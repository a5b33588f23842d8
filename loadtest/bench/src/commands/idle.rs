//! `idle`: what an authenticated socket costs the server in memory.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::api::{self, Person};
use crate::bench::Bench;
use crate::http::Http;
use crate::options::{Command, Options, opt};
use crate::proc::Memory;
use crate::progress::{Progress, say};
use crate::report::{Reach, Report};
use crate::template::Template;
use crate::wait::until;
use crate::ws::{Door, Frame, Socket};

pub(crate) const COMMAND: Command = Command {
    name: "idle",
    about: "memory of idle authenticated sockets, before and after each was written to; handshakes a second",
    options: &[
        opt("sockets", "5000", "sockets to open"),
        opt("per-user", "10", "sockets that share a user and its token"),
        opt("openers", "64", "handshakes at once"),
    ],
};

const PATIENCE: Duration = Duration::from_secs(60);

/// Sockets come from so many loopback addresses: one address has ports for 28,000.
const SOURCES: usize = 50;

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
    raise_open_files(sockets)?;
    let mut people = bench.people(users + 1).await?;
    if bench.server.is_own() {
        // Password hashes leave a larger heap behind, in which the sockets would hide.
        bench.server.restart(Signal::TERM).await?;
    }
    let Some(sender) = people.pop() else {
        bail!("no users");
    };
    write_to_each(bench, &sender, &people).await?;
    let before = bench.server.memory()?;

    let began = Instant::now();
    let open = open_all(bench, &people, options).await?;
    let handshakes = sockets as f64 / began.elapsed().as_secs_f64();
    let opened = bench.server.memory()?;

    let (stage, heard) = (watch::Sender::new(Stage::Listen), Arc::default());
    let mut holders = JoinSet::new();
    for socket in open {
        holders.spawn(hold(socket, stage.subscribe(), Arc::clone(&heard)));
    }
    stage.send_replace(Stage::Ask);
    everyone_heard(&heard, sockets, "the answer to a ping").await?;
    let answered = bench.server.memory()?;
    heard.store(0, Ordering::Relaxed);
    write_to_each(bench, &sender, &people).await?;
    everyone_heard(&heard, sockets, "the push").await?;
    let pushed = bench.server.memory()?;
    stage.send_replace(Stage::Leave);
    while let Some(left) = holders.join_next().await {
        left??;
    }

    let mut report = Report::default();
    report.add("handshakes", handshakes, "/s");
    if let Some(before) = before {
        let after = [opened, answered, pushed].map(Option::unwrap_or_default);
        add_memory(&mut report, before, after, sockets);
    } else {
        say("no memory figures without --pid");
    }
    Ok(report)
}

fn add_memory(report: &mut Report, before: Memory, after: [Memory; 3], sockets: usize) {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let each = |bytes: u64| bytes.saturating_sub(before.rss) as f64 / 1024.0 / sockets as f64;
    let [opened, answered, pushed] = after;
    report.add("RSS before", mib(before.rss), "MiB");
    report.add("RSS with all sockets", mib(pushed.rss), "MiB");
    report.add("RSS each, opened", each(opened.rss), "KiB");
    report.add("RSS each, after a ping", each(answered.rss), "KiB");
    let reach = Reach::AtMost(8.0);
    report.add_reach("RSS each, after a ping and a push", each(pushed.rss), "KiB", reach);
}

/// One message to each user, which goes to all of the user's sockets.
async fn write_to_each(bench: &mut Bench, sender: &Person, people: &[Person]) -> Result<()> {
    let tag = bench.fresh_tag();
    let mut http = Http::connect(bench.server.address).await?;
    for (index, person) in people.iter().enumerate() {
        let mut template = Template::rest(&tag, index, &person.id);
        let answer = http.post("/msg/send", &sender.token, template.next()).await?;
        let code = api::code_of(answer.body)?;
        ensure!(code == 0, "a send was refused with {code}");
    }
    Ok(())
}

async fn open_all(bench: &Bench, people: &[Person], options: &Options) -> Result<Vec<Socket>> {
    let (sockets, per_user) = (options.count("sockets")?, options.count("per-user")?);
    let address = bench.server.address;
    let progress = Progress::start("opening sockets", Some(sockets as u64));
    let shared: Arc<(Vec<Person>, AtomicUsize)> = Arc::new((people.to_vec(), AtomicUsize::new(0)));
    let mut openers = JoinSet::new();
    for _ in 0..options.count("openers")?.min(sockets) {
        let (shared, done) = (Arc::clone(&shared), progress.counter());
        openers.spawn(async move {
            let mut open = Vec::new();
            loop {
                let index = shared.1.fetch_add(1, Ordering::Relaxed);
                if index >= sockets {
                    return anyhow::Ok(open);
                }
                let door =
                    Door { address, token: &shared.0[index / per_user].token, query: "", from: source(address, index) };
                open.push(Socket::open(&door).await?);
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let mut open = Vec::with_capacity(sockets);
    while let Some(finished) = openers.join_next().await {
        open.append(&mut finished??);
    }
    Ok(open)
}

/// A loopback address to come from, if the server is on one.
fn source(server: SocketAddr, index: usize) -> Option<SocketAddr> {
    let last = u8::try_from(2 + index % SOURCES).ok()?;
    let ip = IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
    (server.is_ipv4() && server.ip().is_loopback()).then(|| SocketAddr::new(ip, 0))
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

/// Lets this process, and the server that it starts, hold that many sockets.
pub(crate) fn raise_open_files(sockets: usize) -> Result<()> {
    let wanted = sockets as u64 + 200;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let enough = limit.maximum.is_none_or(|maximum| maximum >= wanted);
    ensure!(enough, "{sockets} sockets need `ulimit -n {wanted}`");
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    Ok(setrlimit(Resource::Nofile, raised)?)
}
