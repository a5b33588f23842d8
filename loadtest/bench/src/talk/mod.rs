//! People who talk to each other: senders over either door, each acked message checked to be pushed once and in order to every
//! socket of its conversation.

mod device;
pub(crate) mod heard;
mod rest;
mod rooms;
mod said;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hdrhistogram::Histogram;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::bench::Bench;
use crate::http::Http;
use crate::load::{Tally, Window, new_histogram};
use crate::pace::{Pace, Schedule};
use crate::progress::Progress;
use crate::server::Nodes;
use crate::sockets::{self, Opening};
use crate::template::Template;
use crate::wait::still_moving;
use crate::ws::Socket;
use device::Device;
use heard::{Bits, Compared, Heard};
use rest::RestSender;
use said::{Lane, Said};

pub(crate) use rooms::{Room, Shape};

/// No answer and no push for so long means that none will come.
const PATIENCE: Duration = Duration::from_secs(20);

/// From the plan to the first message.
const LEAD: Duration = Duration::from_millis(50);

/// How messages go in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Each sender has a connection, and sends one after another.
    Rest,
    /// Each sender has a socket, with so many sends in flight.
    WebSocket { depth: usize },
}

/// What a task leaves behind.
#[derive(Default)]
struct Ended {
    said: Option<(usize, Said)>,
    heard: Option<Heard>,
}

/// What is said, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    pub(crate) way: Way,
    /// The length of each text; 0 for short lines.
    pub(crate) bytes: usize,
}

/// Everything that the tasks share.
struct Shared {
    schedule: Schedule,
    window: Window,
    tally: Mutex<Tally>,
    pushes: Mutex<Histogram<u64>>,
    /// Messages answered, for the progress line.
    answers: Arc<AtomicU64>,
    /// Lanes that have something to say, or wait for an answer.
    talking: AtomicUsize,
    /// Pushes that are due for what was acked, and that came; of those that came, how many count.
    due: AtomicU64,
    heard: AtomicU64,
    pushed: AtomicU64,
}

/// A socket, whose it is, and the lane that it sends for.
struct Seat {
    room: usize,
    lane: Option<usize>,
    socket: Socket,
}

/// Everybody is in place, and nothing was said yet.
pub(crate) struct Talk {
    rooms: Vec<Room>,
    shape: Shape,
    manner: Manner,
    nodes: Nodes,
    /// No earlier messages have ids that begin so.
    tag: String,
    seats: Vec<Seat>,
}

/// When it is talked.
pub(crate) struct When {
    /// What counts.
    pub(crate) window: Window,
    /// Messages a second over all senders; 0: as fast as they are acked.
    pub(crate) rate: f64,
    /// Ends it before the window does.
    pub(crate) stop: Arc<AtomicBool>,
}

/// What came of it.
pub(crate) struct Talked {
    /// Answers; their latency is from when each message was due.
    pub(crate) tally: Tally,
    /// From when a message was due to its push; empty without a rate.
    pub(crate) pushes: Histogram<u64>,
    /// Pushes inside the window.
    pub(crate) pushed: u64,
    pub(crate) compared: Compared,
}

impl Talk {
    /// Brings the conversations into being, and everybody who is online to a socket.
    pub(crate) async fn gather(bench: &mut Bench, shape: Shape, manner: Manner) -> Result<Talk> {
        shape.check()?;
        let rooms = shape.open(bench).await?;
        let mut chairs = Vec::new();
        for (number, room) in rooms.iter().enumerate() {
            let speakers = if manner.way == Way::Rest { 0 } else { shape.senders };
            let lanes = (0..speakers).map(|sender| (sender, Some(number * shape.senders + sender)));
            let listeners = (shape.senders..shape.senders + shape.online).map(|member| (member, None));
            chairs.extend(
                lanes.chain(listeners).map(|(member, lane)| (number, lane, Arc::clone(&room.members[member].token))),
            );
        }
        let tokens = chairs.iter().map(|(_, _, token)| Arc::clone(token)).collect();
        let mut sockets = sockets::open_all(&bench.server.nodes, tokens, Opening::FAST).await?;
        sockets::greet(&mut sockets).await?;
        let seats = chairs.into_iter().zip(sockets).map(|((room, lane, _), socket)| Seat { room, lane, socket }).collect();
        Ok(Talk { rooms, shape, manner, nodes: bench.server.nodes.clone(), tag: bench.fresh_tag(), seats })
    }

    /// Talks, waits for every push that is due, and compares.
    pub(crate) async fn run(self, when: When, label: &str) -> Result<Talked> {
        let lanes = self.rooms.len() * self.shape.senders;
        let When { window, rate, stop } = when;
        let schedule = Schedule { begin: Instant::now() + LEAD, end: window.end, stop, rate, lanes };
        let progress = Progress::start(label, None);
        let shared = Arc::new(Shared::new(schedule, window, progress.counter()));
        let (over, is_over) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let mut voices: BTreeMap<usize, Lane> = self.voices(&shared).into_iter().enumerate().collect();
        for Seat { room, lane, socket } in self.seats {
            let first = room * self.shape.senders;
            let heard = Heard::new(first..first + self.shape.senders, lane);
            let depth = match self.manner.way {
                // At a rate, nothing waits for an answer.
                Way::WebSocket { depth } if rate <= 0.0 => depth,
                _ => usize::MAX,
            };
            let voice = lane.and_then(|lane| voices.remove(&lane)).map(|lane| (lane, depth));
            tasks.spawn(Device { socket, heard, voice }.run(Arc::clone(&shared), is_over.clone()));
        }
        for (number, lane) in voices {
            let token = Arc::clone(&self.rooms[number / self.shape.senders].members[number % self.shape.senders].token);
            let address = self.nodes.at(number);
            let http = Http::connect(address).await?;
            tasks.spawn(RestSender { lane, address, http, token }.run(Arc::clone(&shared)));
        }
        let compared = shared.end(tasks, over).await?;
        drop(progress);
        let shared = Arc::into_inner(shared).context("all tasks have ended")?;
        let Shared { tally, pushes, pushed, .. } = shared;
        Ok(Talked { tally: tally.into_inner(), pushes: pushes.into_inner(), pushed: pushed.into_inner(), compared })
    }

    /// What each sender is going to say.
    fn voices(&self, shared: &Shared) -> Vec<Lane> {
        let Shape { senders, online, .. } = self.shape;
        let lane = |(number, pace): (usize, Pace)| {
            let (room, sender) = (&self.rooms[number / senders], number % senders);
            let (to, bytes) = (room.to(sender), self.manner.bytes);
            let (template, others) = match self.manner.way {
                Way::Rest => (Template::rest(&self.tag, number, &to, bytes), 0),
                Way::WebSocket { .. } => (Template::frames(&self.tag, number, &to, bytes), senders - 1),
            };
            Lane { number, template, pace, audience: (online + others) as u64, said: Said::default() }
        };
        shared.schedule.start().into_iter().enumerate().map(lane).collect()
    }
}

impl Shared {
    fn new(schedule: Schedule, window: Window, answers: Arc<AtomicU64>) -> Shared {
        let talking = AtomicUsize::new(schedule.lanes);
        let (tally, pushes) = (Mutex::new(Tally::new()), Mutex::new(new_histogram()));
        let [due, heard, pushed] = [0; 3].map(AtomicU64::new);
        Shared { schedule, window, tally, pushes, answers, talking, due, heard, pushed }
    }

    /// Waits until every lane has ended, and then for the pushes. Those that never come are counted at the end.
    async fn silence(&self) {
        let answers = || self.answers.load(Ordering::Relaxed);
        let is_quiet = |_| self.talking.load(Ordering::Relaxed) == 0;
        if still_moving(PATIENCE, answers, is_quiet).await {
            let heard = || self.heard.load(Ordering::Relaxed);
            still_moving(PATIENCE, heard, |heard| heard >= self.due.load(Ordering::Relaxed)).await;
        }
    }

    /// Waits for all, and compares what was acked with what was heard.
    async fn end(&self, mut tasks: JoinSet<Result<Ended>>, over: watch::Sender<bool>) -> Result<Compared> {
        let (mut acked, mut heard) = (vec![Bits::default(); self.schedule.lanes], Vec::new());
        let (mut told, silence) = (false, self.silence());
        tokio::pin!(silence);
        loop {
            tokio::select! {
                () = &mut silence, if !told => {
                    told = true;
                    over.send_replace(true);
                }
                ended = timeout(if told { PATIENCE } else { Duration::MAX }, tasks.join_next()) => {
                    let Some(ended) = ended.context("the server stopped answering")? else { break };
                    let Ended { said, heard: ears } = ended??;
                    ensure!(told || ears.is_none(), "a socket ended before it was told to");
                    said.into_iter().for_each(|(lane, said)| acked[lane] = said.acked);
                    heard.extend(ears);
                }
            }
        }
        ensure!(self.talking.load(Ordering::Relaxed) == 0, "the server stopped answering");
        let mut compared = Compared::default();
        heard.iter().for_each(|ears| compared += ears.compare(&acked));
        Ok(compared)
    }
}
