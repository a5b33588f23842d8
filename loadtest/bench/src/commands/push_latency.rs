//! `push-latency`: from the time a message was to be sent to its push on the receiver's socket, at a fixed rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use hdrhistogram::Histogram;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::api::{self, Person, WireMessage};
use crate::bench::Bench;
use crate::http::Http;
use crate::load::{SECONDS, WARM_UP, add_latencies, micros, new_histogram};
use crate::options::{Command, Options, opt};
use crate::progress::Progress;
use crate::report::{Reach, Report};
use crate::template::Template;
use crate::wait::until;
use crate::ws::{Door, Frame, Socket};

pub(crate) const COMMAND: Command = Command {
    name: "push-latency",
    about: "sends over REST at a fixed rate, and how long until the receiver's socket has each",
    options: &[
        opt("rate", "500", "sends a second, over all pairs"),
        opt("pairs", "32", "senders, each with its own receiver"),
        SECONDS,
        WARM_UP,
    ],
};

/// A push that takes longer after the last ack counts as missing.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends that wait for their connection; past that the pacing thread waits, and the latency counts it.
const BACKLOG: usize = 1024;

/// When each send is due. Send `n` of pair `p` is number `n * pairs + p` of the whole schedule.
#[derive(Clone, Copy)]
struct Schedule {
    begin: Instant,
    rate: f64,
    pairs: usize,
    total: usize,
    warm_up: Duration,
}

impl Schedule {
    fn new(options: &Options) -> Result<Schedule> {
        let rate: f64 = options.number("rate")?;
        let warm_up = Duration::from_secs_f64(options.number("warm-up")?);
        let seconds = options.number::<f64>("seconds")? + warm_up.as_secs_f64();
        Ok(Schedule {
            begin: Instant::now() + Duration::from_millis(100),
            rate,
            pairs: options.count("pairs")?,
            total: (rate * seconds) as usize,
            warm_up,
        })
    }

    fn due(&self, number: usize) -> Instant {
        self.begin + Duration::from_secs_f64(number as f64 / self.rate)
    }

    fn counts(&self, number: usize) -> bool {
        self.due(number) >= self.begin + self.warm_up
    }
}

/// What one sender saw: the seq of each acked send, by its number in the pair.
struct Sent {
    acks: Vec<Option<u64>>,
    latency: Histogram<u64>,
    refused: u64,
}

/// One push as it arrived.
struct Push {
    nth: usize,
    seq: u64,
    at: Instant,
}

struct Listener {
    task: JoinHandle<Result<Vec<Push>>>,
    finish: oneshot::Sender<()>,
}

pub(crate) async fn run(bench: &mut Bench, options: &Options) -> Result<Report> {
    let tag = bench.fresh_tag();
    let pairs = options.count("pairs")?;
    let people = bench.people(pairs * 2).await?;
    let (senders, receivers) = people.split_at(pairs);
    let received = Arc::new(AtomicU64::new(0));
    let mut listeners = Vec::new();
    for receiver in receivers {
        listeners.push(listen(bench, receiver, &received).await?);
    }
    let mut connections = Vec::new();
    for _ in senders {
        connections.push(Http::connect(bench.server.address).await?);
    }
    let schedule = Schedule::new(options)?;
    let progress = Progress::start(options.command.name, Some(schedule.total as u64));
    let mut wakers = Vec::new();
    let mut tasks = Vec::new();
    for (index, http) in connections.into_iter().enumerate() {
        let (waker, wakes) = mpsc::channel(BACKLOG);
        wakers.push(waker);
        let sender = Sender {
            index,
            http,
            token: Arc::clone(&senders[index].token),
            template: Template::rest(&tag, index, &receivers[index].id),
            schedule,
        };
        tasks.push(tokio::spawn(sender.run(wakes, progress.counter())));
    }
    std::thread::spawn(move || pace(&schedule, &wakers));
    let mut sent = Vec::new();
    for task in tasks {
        sent.push(task.await??);
    }
    let acked: usize = sent.iter().map(|s| s.acks.iter().flatten().count()).sum();
    let all_there = || received.load(Ordering::Relaxed) >= acked as u64;
    // Those that never come are counted below.
    until(PATIENCE, all_there).await;
    let mut pushes = Vec::new();
    for listener in listeners {
        // A listener that has ended tells why in its result.
        listener.finish.send(()).ok();
        pushes.push(listener.task.await??);
    }
    compare(&schedule, &sent, &pushes)
}

/// Wakes each sender when it is due. A thread, as the timers of tokio round up to milliseconds.
fn pace(schedule: &Schedule, wakers: &[mpsc::Sender<()>]) {
    for number in 0..schedule.total {
        std::thread::sleep(schedule.due(number).duration_since(Instant::now()));
        if wakers[number % schedule.pairs].blocking_send(()).is_err() {
            // The sender has failed, and its task tells why.
            return;
        }
    }
}

struct Sender {
    index: usize,
    http: Http,
    token: Arc<str>,
    template: Template,
    schedule: Schedule,
}

impl Sender {
    async fn run(mut self, mut wakes: mpsc::Receiver<()>, count: Arc<AtomicU64>) -> Result<Sent> {
        let mut sent = Sent { acks: Vec::new(), latency: new_histogram(), refused: 0 };
        while wakes.recv().await.is_some() {
            let body = self.template.next();
            let answer = self.http.post("/msg/send", &self.token, body).await?;
            let ack = api::data::<WireMessage>(&answer).ok().map(|m| m.seq);
            let number = sent.acks.len() * self.schedule.pairs + self.index;
            sent.acks.push(ack);
            count.fetch_add(1, Ordering::Relaxed);
            if ack.is_none() {
                sent.refused += 1;
            } else if self.schedule.counts(number) {
                let took = self.schedule.due(number).elapsed();
                sent.latency.saturating_record(micros(took));
            }
        }
        Ok(sent)
    }
}

async fn listen(bench: &Bench, person: &Person, received: &Arc<AtomicU64>) -> Result<Listener> {
    let door = Door { address: bench.server.address, token: &person.token, query: "", from: None };
    let mut socket = Socket::open(&door).await?;
    // Its answer says that the server knows of this socket.
    socket.send(br#"{"id":"begin","op":"ping","data":{}}"#).await?;
    socket.next().await?;
    let (finish, finished) = oneshot::channel();
    let task = tokio::spawn(collect(socket, finished, Arc::clone(received)));
    Ok(Listener { task, finish })
}

/// Collects pushes until told to finish, and then those that the server wrote before it answers a ping.
async fn collect(mut socket: Socket, mut finished: oneshot::Receiver<()>, received: Arc<AtomicU64>) -> Result<Vec<Push>> {
    let mut pushes = Vec::new();
    let mut finishing = false;
    loop {
        tokio::select! {
            _ = &mut finished, if !finishing => {
                finishing = true;
                socket.send(br#"{"id":"end","op":"ping","data":{}}"#).await?;
            }
            frame = socket.next() => {
                let at = Instant::now();
                let text = match frame? {
                    Frame::Text(text) => text,
                    Frame::Closed(code) => bail!("a listening socket was closed with {code}"),
                };
                if api::code_of_frame(text)?.is_some() {
                    return Ok(pushes);
                }
                let message: WireMessage = serde_json::from_slice(text)?;
                let nth = message.client_msg_id.rsplit('-').next();
                pushes.push(Push {
                    nth: nth.unwrap_or_default().parse().context("a foreign message was pushed")?,
                    seq: message.seq,
                    at,
                });
                received.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Every acked message must have been pushed once, in the order of the seqs, with the seq of its ack.
fn compare(schedule: &Schedule, sent: &[Sent], pushes: &[Vec<Push>]) -> Result<Report> {
    let (mut latency, mut acks) = (new_histogram(), new_histogram());
    let (mut missing, mut twice, mut disordered, mut refused) = (0, 0, 0, 0);
    for (pair, (sent, pushes)) in sent.iter().zip(pushes).enumerate() {
        acks.add(&sent.latency)?;
        refused += sent.refused;
        let mut times = vec![0_u32; sent.acks.len()];
        let mut top = 0;
        for push in pushes {
            let number = push.nth * schedule.pairs + pair;
            if schedule.counts(number) {
                let took = push.at.duration_since(schedule.due(number));
                latency.saturating_record(micros(took));
            }
            let acked = sent.acks.get(push.nth).copied().flatten();
            disordered += u64::from(push.seq <= top || acked.is_some_and(|seq| seq != push.seq));
            top = top.max(push.seq);
            if let Some(count) = times.get_mut(push.nth) {
                *count += 1;
            }
        }
        let acked = sent.acks.iter().zip(&times).filter(|(ack, _)| ack.is_some());
        missing += acked.filter(|(_, count)| **count == 0).count() as u64;
        twice += times.iter().filter(|count| **count > 1).count() as u64;
    }
    let mut report = Report::default();
    add_latencies(&mut report, "send to push", &latency);
    add_latencies(&mut report, "send to ack", &acks);
    report.set_reach("send to push p50", Reach::AtMost(3.0));
    report.set_reach("send to push p99", Reach::AtMost(20.0));
    report.must_be_none("sends refused", refused);
    report.must_be_none("acked, not pushed", missing);
    report.must_be_none("pushed twice", twice);
    report.must_be_none("pushed out of order", disordered);
    Ok(report)
}
