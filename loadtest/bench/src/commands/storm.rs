//! `storm`: what people who talk notice of a storm of handshakes, of an attack on logins, or of requests that never end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::api::{IOS, code_of, login_body};
use crate::bench::Bench;
use crate::http::Http;
use crate::load::{SECONDS, Tally, WARM_UP, Window, add_errors};
use crate::options::{Command, Options, opt};
use crate::pace::{Pace, Schedule};
use crate::report::{Reach, Report};
use crate::sockets::{self, Opening};
use crate::talk::{Manner, Shape, Talk, Talked, Way, When};

pub(crate) const COMMAND: Command = Command {
    name: "storm",
    about: "messaging at a rate while sockets are opened by thousands, wrong logins come in or requests never end: how much slower it is",
    options: &[
        opt("kind", "handshakes", "handshakes, logins or lorises"),
        opt("sockets", "15000", "sockets that are opened"),
        opt("per-user", "10", "sockets that share a user and its token"),
        opt("handshakes", "2000", "handshakes a second; 0 is as fast as they go"),
        opt("logins", "500", "logins a second with a wrong password"),
        opt(
            "lorises",
            "5000",
            "connections that send the head of a request a byte a second; they come at the rate of --handshakes",
        ),
        opt("rate", "200", "messages a second meanwhile"),
        SECONDS,
        WARM_UP,
    ],
};

/// Who talks meanwhile: pairs with one sender and one receiver.
const PAIRS: Shape = Shape { rooms: 32, size: 2, senders: 1, online: 1 };
const MANNER: Manner = Manner { way: Way::Rest, bytes: 0 };

/// A storm is over before this, or has failed.
const LONGEST: Duration = Duration::from_secs(600);

/// Connections of the attack: more than the server lets wait for a hash.
const ATTACKERS: usize = 512;

pub(crate) async fn run(bench: &mut Bench, options: &Options) -> Result<Report> {
    let mut report = Report::default();
    let quiet = Talk::gather(bench, PAIRS, MANNER).await?;
    let when = When { window: Window::of(options)?, rate: options.number("rate")?, stop: Arc::default() };
    let quiet = quiet.run(when, "talking in peace").await?;
    let (meanwhile, most) = match options.text("kind") {
        "handshakes" => (handshakes(bench, options, &mut report).await?, 2.0),
        "logins" => (logins(bench, options, &mut report).await?, 1.2),
        "lorises" => (lorises(bench, options, &mut report).await?, 2.0),
        other => bail!("--kind must be handshakes, logins or lorises, it is `{other}`"),
    };
    compare(&mut report, &quiet, &meanwhile, most);
    Ok(report)
}

/// How much slower it was.
fn compare(report: &mut Report, quiet: &Talked, meanwhile: &Talked, most: f64) {
    let p99 = |talked: &Talked| talked.pushes.value_at_quantile(0.99) as f64 / 1_000.0;
    report.add("send to push p99, in peace", p99(quiet), "ms");
    meanwhile.add_pushes_to(report);
    report.add_reach("p99 to that in peace", p99(meanwhile) / p99(quiet), "x", Reach::AtMost(most));
    add_errors(report, &meanwhile.tally.errors);
}

async fn handshakes(bench: &mut Bench, options: &Options, report: &mut Report) -> Result<Talked> {
    let (sockets, per_user) = (options.count("sockets")?, options.count("per-user")?);
    let people = bench.people(sockets.div_ceil(per_user)).await?;
    let tokens = (0..sockets).map(|index| Arc::clone(&people[index / per_user].token)).collect();
    let talk = Talk::gather(bench, PAIRS, MANNER).await?;
    let begin = Instant::now() + Duration::from_secs(1);
    let when = When { window: Window { begin, end: begin + LONGEST }, rate: options.number("rate")?, stop: Arc::default() };
    let (stop, nodes) = (Arc::clone(&when.stop), bench.server.nodes.clone());
    let opening = Opening { rate: options.number("handshakes")?, ..Opening::FAST };
    let storm = async {
        tokio::time::sleep_until(begin).await;
        let open = sockets::open_all(&nodes, tokens, opening).await;
        let took = begin.elapsed();
        stop.store(true, Ordering::Relaxed);
        open.map(|open| (open, took))
    };
    let (talked, (open, took)) = tokio::try_join!(talk.run(when, "talking meanwhile"), storm)?;
    // The last one of a storm at a rate is a little late.
    report.add_reach("handshakes", open.len() as f64 / took.as_secs_f64(), "/s", Reach::AtLeast(1_990.0));
    Ok(talked)
}

async fn logins(bench: &mut Bench, options: &Options, report: &mut Report) -> Result<Talked> {
    let victims = bench.people(PAIRS.rooms).await?;
    let talk = Talk::gather(bench, PAIRS, MANNER).await?;
    let window = Window::of(options)?;
    let when = When { window, rate: options.number("rate")?, stop: Arc::default() };
    let attack = async {
        let schedule = Schedule {
            begin: Instant::now(),
            end: window.end,
            stop: Arc::default(),
            rate: options.number("logins")?,
            lanes: ATTACKERS,
        };
        let mut attackers = JoinSet::new();
        for (number, pace) in schedule.start().into_iter().enumerate() {
            let body = login_body(&victims[number % victims.len()].id, "not the password", IOS)?;
            let http = Http::connect(bench.server.nodes.at(number)).await?;
            attackers.spawn(guess(http, body, pace, window));
        }
        let mut tally = Tally::new();
        while let Some(ended) = attackers.join_next().await {
            tally.merge(&ended??)?;
        }
        anyhow::Ok(tally)
    };
    let (talked, attack) = tokio::try_join!(talk.run(when, "talking meanwhile"), attack)?;
    for (kind, count) in attack.errors {
        report.add(format!("logins answered with {kind}"), count as f64 / window.seconds(), "/s");
    }
    Ok(talked)
}

async fn guess(mut http: Http, body: Vec<u8>, mut pace: Pace, window: Window) -> Result<Tally> {
    let mut tally = Tally::new();
    while let Some(due) = pace.next().await {
        let code = code_of(http.post("/auth/login", "", &body).await?.body)?;
        tally.note(&window, due, code);
    }
    Ok(tally)
}

async fn lorises(bench: &mut Bench, options: &Options, report: &mut Report) -> Result<Talked> {
    let count = options.count("lorises")?;
    let opening = Opening { rate: options.number("handshakes")?, ..Opening::FAST };
    sockets::ensure_open_files(count)?;
    let talk = Talk::gather(bench, PAIRS, MANNER).await?;
    let window = Window::of(options)?;
    let when = When { window, rate: options.number("rate")?, stop: Arc::default() };
    let began = Instant::now();
    let mut attackers = JoinSet::new();
    for number in 0..count {
        let address = bench.server.nodes.at(number);
        attackers.spawn(async move {
            opening.turn(began, number).await;
            loris(address, number, window.end).await
        });
    }
    let talked = talk.run(when, "talking meanwhile").await?;
    let mut cut = 0;
    while let Some(ended) = attackers.join_next().await {
        cut += ended??;
    }
    report.add("connections at once", count as f64, "");
    report.add("connections that the server cut", cut as f64, "");
    Ok(talked)
}

/// Sends the head of a request that never ends, on a new connection whenever the server cuts one; answers how often it did.
async fn loris(address: SocketAddr, number: usize, end: Instant) -> Result<u64> {
    for cut in 0.. {
        let mut stream = sockets::connect(address, sockets::source(address, number)).await?;
        // The server may cut it while this writes, which the next read shows.
        stream.write_all(b"POST /msg/send HTTP/1.1\r\nHost: nexo\r\nX-Slow: ").await.ok();
        while timeout(Duration::from_secs(1), stream.read(&mut [0; 64])).await.is_err() {
            if Instant::now() >= end {
                return Ok(cut);
            }
            stream.write_all(b"x").await.ok();
        }
    }
    Ok(0)
}
