//! `fanout`: messages to a large group that is online, next to a bare loop of socket writes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::api::{code_of, code_of_frame};
use crate::bare::Bare;
use crate::bench::Bench;
use crate::http::Http;
use crate::options::{Command, Options, opt};
use crate::proc::{OfEach, Processes};
use crate::progress::Progress;
use crate::report::{Reach, Report};
use crate::sockets::{self, Opening};
use crate::talk::Shape;
use crate::talk::heard::{Bits, Compared, Heard};
use crate::template::Template;
use crate::ws::{Frame, Socket};

pub(crate) const COMMAND: Command = Command {
    name: "fanout",
    about: "messages to a large group that is online: when the last member has it, next to a bare loop of socket writes",
    options: &[
        opt("members", "5000", "members that are online"),
        opt("bytes", "400", "length of each text"),
        opt("messages", "50", "messages, each sent once the one before has come to all"),
        opt("flood", "200", "messages without a pause"),
    ],
};

const PATIENCE: Duration = Duration::from_secs(60);

/// How long a group may be told both ways, as a small and as a large one, while it grows.
const GROWN_WITHIN: Duration = Duration::from_secs(120);

/// For how long it is watched what Redis does while nobody sends: the leases of everybody online are renewed in 20 s, and whoever came
/// within a few seconds has its token looked at within as many, every 30 s. A flood should last as long as that, too.
const IDLE: Duration = Duration::from_secs(60);

/// Within which time of a message its double has come too.
const DOUBLE_WITHIN: Duration = Duration::from_secs(1);

/// What all ears have heard together.
#[derive(Default)]
struct Count {
    /// Frames that did not come before.
    frames: AtomicU64,
    twice: AtomicU64,
    awaited: AtomicU64,
    reached: Notify,
    /// One of the frames.
    sample: OnceLock<Box<[u8]>>,
}

/// Which frames count.
#[derive(Clone, Copy, PartialEq)]
enum Counted {
    /// Those that did not come before.
    New,
    /// All of them. They are looked at all the same, so that listening costs what it costs otherwise.
    All,
}

/// Sockets that listen.
struct Crowd {
    size: usize,
    count: Arc<Count>,
    over: watch::Sender<bool>,
    ears: JoinSet<Result<Heard>>,
}

/// Whoever makes frames go out to the crowd.
trait Speaker {
    /// Says so many things to everybody.
    async fn say(&mut self, count: usize) -> Result<()>;
}

/// A member who sends over REST.
struct Voice {
    http: Http,
    token: Arc<str>,
    template: Template,
    said: u64,
    acked: Bits,
}

/// What a fan-out took.
struct Took {
    /// Each message until the last member had it, in order of length.
    singles: Vec<Duration>,
    flood: Duration,
    cpu: OfEach<Duration>,
}

pub(crate) async fn run(bench: &mut Bench, options: &Options) -> Result<Report> {
    let members = options.count("members")?;
    let counts = [options.count("messages")?, options.count("flood")?];
    let shape = Shape { rooms: 1, size: members + 1, senders: 1, online: members };
    let room = shape.open(bench).await?.pop().context("a group")?;
    let tokens = room.members[1..].iter().map(|member| Arc::clone(&member.token)).collect();
    let mut sockets = sockets::open_all(&bench.server.nodes, tokens, Opening::FAST).await?;
    sockets::greet(&mut sockets).await?;
    let mut crowd = Crowd::listen(sockets, Counted::New);
    let mut voice = Voice {
        http: Http::connect(bench.server.nodes.at(0)).await?,
        token: Arc::clone(&room.members[0].token),
        template: Template::rest(&bench.fresh_tag(), 0, &room.to(0), options.number("bytes")?),
        said: 0,
        acked: Bits::default(),
    };
    let doubles = crowd.until_once(&mut voice).await?;
    let idle = redis_while_idle(&bench.server.processes).await?;
    // A server ends connections on which nothing is asked for so long.
    voice.http = Http::connect(bench.server.nodes.at(0)).await?;
    let served = crowd.fan_out(&bench.server.processes, counts, &mut voice).await?;
    let frame = crowd.count.sample.get().cloned().context("nothing was heard")?;
    let mut compared = crowd.end(voice.acked).await?;
    compared.twice -= doubles;

    let mut bare = Bare::start(members, &frame).await?;
    let mut crowd = Crowd::listen(sockets::connect_all(bare.address, members).await?, Counted::All);
    let processes = Processes { server: vec![bare.pid], ..Processes::default() };
    let floor = crowd.fan_out(&processes, counts, &mut bare).await?;

    let mut report = Report::default();
    add_to(&mut report, [&served, &floor], members * counts[1]);
    if let (Some(all), Some(idle)) = (served.cpu.redis, idle) {
        let each = |seconds: f64| seconds * 1e3 / counts[1] as f64;
        report.add("Redis CPU while nothing is sent", idle * 1e3, "ms/s");
        report.add("Redis CPU in a flood, for each message", each(all.as_secs_f64()), "ms");
        let of_messages = all.as_secs_f64() - idle * served.flood.as_secs_f64();
        report.add_reach("the same without what it takes idle", each(of_messages), "ms", Reach::AtMost(2.0));
    }
    compared.add_to(&mut report);
    Ok(report)
}

/// The share of a core that Redis takes with everybody online and nobody sending.
async fn redis_while_idle(processes: &Processes) -> Result<Option<f64>> {
    if processes.redis.is_empty() {
        return Ok(None);
    }
    let before = processes.cpu()?;
    tokio::time::sleep(IDLE).await;
    Ok(processes.cpu_since(before)?.redis.map(|took| took.as_secs_f64() / IDLE.as_secs_f64()))
}

/// Adds the figures of the server, of the floor, and how they compare.
fn add_to(report: &mut Report, [served, floor]: [&Took; 2], frames: usize) {
    let last = |took: &Took| took.singles[took.singles.len() / 2].as_secs_f64() * 1e3;
    report.add("last frame of a message", last(served), "ms");
    report.add("last frame, bare loop", last(floor), "ms");
    report.add_reach("last frame to that", last(served) / last(floor), "x", Reach::AtMost(1.25));
    let rate = |took: &Took| frames as f64 / took.flood.as_secs_f64();
    report.add("frames in a flood", rate(served), "/s");
    report.add("frames in a flood, bare loop", rate(floor), "/s");
    let of_core = |took: &Took| took.cpu.server.map(|cpu| frames as f64 / cpu.as_secs_f64());
    if let (Some(ours), Some(theirs)) = (of_core(served), of_core(floor)) {
        report.add("frames of a server core", ours, "/s");
        report.add("frames of a core, bare loop", theirs, "/s");
        report.add_reach("frames of a core to that", ours / theirs, "x", Reach::AtLeast(0.8));
    }
}

impl Crowd {
    fn listen(sockets: Vec<Socket>, counted: Counted) -> Crowd {
        let (count, over, mut ears) = (Arc::<Count>::default(), watch::Sender::new(false), JoinSet::new());
        let size = sockets.len();
        for socket in sockets {
            ears.spawn(hear(socket, counted, Arc::clone(&count), over.subscribe()));
        }
        Crowd { size, count, over, ears }
    }

    async fn fan_out(&mut self, by: &Processes, [singles, flood]: [usize; 2], speaker: &mut impl Speaker) -> Result<Took> {
        let progress = Progress::start("fanning out", Some((singles + flood) as u64));
        let mut took = Vec::with_capacity(singles);
        for _ in 0..singles {
            took.push(self.hears(speaker, 1).await?);
            progress.counter().fetch_add(1, Ordering::Relaxed);
        }
        took.sort_unstable();
        let before = by.cpu()?;
        let flood = self.hears(speaker, flood).await?;
        Ok(Took { singles: took, flood, cpu: by.cpu_since(before)? })
    }

    /// Has the speaker say one thing after the other until one came to everybody once: a group that has just grown may be told both
    /// ways for a while. Answers how many frames came twice.
    async fn until_once(&mut self, speaker: &mut impl Speaker) -> Result<u64> {
        let (began, twice) = (Instant::now(), Arc::clone(&self.count));
        let twice = || twice.twice.load(Ordering::Relaxed);
        loop {
            let before = twice();
            self.hears(speaker, 1).await?;
            tokio::time::sleep(DOUBLE_WITHIN).await;
            if twice() == before {
                return Ok(before);
            }
            ensure!(began.elapsed() < GROWN_WITHIN, "messages still come twice after {GROWN_WITHIN:?}");
        }
    }

    /// From when the speaker begins until everybody has heard everything.
    async fn hears(&mut self, speaker: &mut impl Speaker, things: usize) -> Result<Duration> {
        self.count.awaited.fetch_add((things * self.size) as u64, Ordering::Relaxed);
        let began = Instant::now();
        speaker.say(things).await?;
        tokio::select! {
            heard = timeout(PATIENCE, self.count.reached.notified()) => heard.context("not everybody heard a message")?,
            ear = self.ears.join_next() => {
                ear.context("nobody listens")???;
                bail!("a socket ended early");
            }
        }
        Ok(began.elapsed())
    }

    async fn end(mut self, acked: Bits) -> Result<Compared> {
        self.over.send_replace(true);
        let (acked, mut compared) = ([acked], Compared::default());
        while let Some(ear) = timeout(PATIENCE, self.ears.join_next()).await.context("the server stopped answering")? {
            compared += ear??.compare(&acked);
        }
        Ok(compared)
    }
}

impl Count {
    fn note(&self, frame: &[u8], is_new: bool) {
        if !is_new {
            self.twice.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.sample.get_or_init(|| frame.into());
        if self.frames.fetch_add(1, Ordering::Relaxed) + 1 == self.awaited.load(Ordering::Relaxed) {
            self.reached.notify_one();
        }
    }
}

impl Speaker for Voice {
    async fn say(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            let answer = self.http.post("/msg/send", &self.token, self.template.next()).await?;
            let code = code_of(answer.body)?;
            ensure!(code == 0, "a send was refused with {code}");
            self.acked.insert(self.said);
            self.said += 1;
        }
        Ok(())
    }
}

impl Speaker for Bare {
    async fn say(&mut self, count: usize) -> Result<()> {
        self.write(count).await
    }
}

/// Looks at frames and counts them, to the last that a server wrote before it is over.
async fn hear(mut socket: Socket, counted: Counted, count: Arc<Count>, mut over: watch::Receiver<bool>) -> Result<Heard> {
    let mut heard = Heard::new(0..1, None);
    let mut ending = false;
    loop {
        tokio::select! {
            _ = over.changed(), if !ending => {
                ending = true;
                socket.queue(br#"{"id":"end","op":"ping","data":{}}"#);
            }
            frame = socket.next() => match frame? {
                Frame::Text(text) if code_of_frame(text)?.is_some() => return Ok(heard),
                Frame::Text(text) => {
                    let is_new = heard.push(text)?.is_some();
                    count.note(text, is_new || counted == Counted::All);
                }
                Frame::Closed(code) => bail!("the server closed a listening socket with {code}"),
            },
        }
    }
}
