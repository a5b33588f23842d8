//! A member's device on WebSocket: it sends, and takes down every push, over reconnects too.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use tokio::sync::mpsc;

use super::trial::{Job, Trial};
use crate::api::{WireMessage, envelope};
use crate::ws::{Door, Frame, Socket};

/// Sendings in flight.
const DEPTH: usize = 4;

/// The request behind whose answer nothing more is to come.
const END: &str = "end";

/// One push as it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Push {
    pub(super) message: usize,
    pub(super) seq: u64,
}

/// What a device saw.
pub(super) struct Seen {
    pub(super) who: usize,
    pub(super) pushes: Vec<Push>,
    /// Conversations of which a recovery said that it is not whole, with their tops.
    pub(super) excused: HashMap<String, u64>,
    pub(super) reconnects: u64,
}

/// The server's frames with `event`.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow, default)]
    push_id: Option<Cow<'a, str>>,
    #[serde(default)]
    conversations: Vec<Moved>,
}

#[derive(Deserialize)]
struct Moved {
    conversation_id: String,
    max_seq: u64,
}

/// Everything of a device but its socket.
struct Device {
    trial: Arc<Trial>,
    seen: Seen,
    backlog: VecDeque<Job>,
    /// By the id of their frame; frame ids grow.
    in_flight: BTreeMap<u64, Job>,
    frames: u64,
    /// Where recovery begins.
    last_push: String,
    ending: bool,
    ended: bool,
}

/// Runs a device until the channel of its jobs is closed and all that was under way has come.
pub(super) async fn run(
    trial: Arc<Trial>,
    address: SocketAddr,
    who: usize,
    mut jobs: mpsc::Receiver<VecDeque<Job>>,
) -> Result<Seen> {
    let mut device = Device::new(trial, who);
    let mut socket = device.open(address).await?;
    while !device.ended {
        device.put_jobs(&mut socket);
        tokio::select! {
            more = jobs.recv(), if !device.ending => match more {
                Some(more) => device.backlog.extend(more),
                None => device.end(&mut socket),
            },
            frame = socket.next() => match frame? {
                Frame::Text(text) => device.take(text)?,
                Frame::Closed(4008 | 1006) => socket = device.reopen(address).await?,
                Frame::Closed(code) => bail!("a device was closed with {code}"),
            },
        }
    }
    Ok(device.seen)
}

impl Device {
    fn new(trial: Arc<Trial>, who: usize) -> Device {
        Device {
            trial,
            seen: Seen { who, pushes: Vec::new(), excused: HashMap::new(), reconnects: 0 },
            backlog: VecDeque::new(),
            in_flight: BTreeMap::new(),
            frames: 0,
            last_push: String::new(),
            ending: false,
            ended: false,
        }
    }

    async fn open(&self, address: SocketAddr) -> Result<Socket> {
        let phone = self.trial.plan.members[self.seen.who].phone.as_deref();
        let query = match self.last_push.as_str() {
            "" => "v=1".to_owned(),
            last => format!("v=1&after={last}"),
        };
        let door = Door { address, token: phone.context("an offline member has no device")?, query: &query, from: None };
        Socket::open(&door).await
    }

    /// Comes back after the server closed: recovers what was pushed meanwhile, and sends again what was not acked.
    async fn reopen(&mut self, address: SocketAddr) -> Result<Socket> {
        self.seen.reconnects += 1;
        let unanswered = std::mem::take(&mut self.in_flight);
        for job in unanswered.into_values().rev() {
            self.backlog.push_front(job);
        }
        let mut socket = self.open(address).await?;
        if self.ending {
            self.end(&mut socket);
        }
        Ok(socket)
    }

    fn end(&mut self, socket: &mut Socket) {
        self.ending = true;
        socket.queue(format!(r#"{{"id":"{END}","op":"ping","data":{{}}}}"#).as_bytes());
    }

    fn put_jobs(&mut self, socket: &mut Socket) {
        while self.in_flight.len() < DEPTH {
            let Some(job) = self.backlog.pop_front() else {
                return;
            };
            self.frames += 1;
            let body = self.trial.body(job);
            let frame = format!(r#"{{"id":"{}","op":"send","data":{body}}}"#, self.frames);
            socket.queue(frame.as_bytes());
            self.in_flight.insert(self.frames, job);
        }
    }

    fn take(&mut self, text: &[u8]) -> Result<()> {
        if text.starts_with(br#"{"id":"#) {
            return self.take_answer(text);
        }
        match serde_json::from_slice::<WireMessage>(text) {
            Ok(message) => self.take_push(&message),
            Err(no_message) => {
                let frame = || String::from_utf8_lossy(text).into_owned();
                let event: Event = serde_json::from_slice(text)
                    .map_err(|_| no_message)
                    .with_context(|| format!("an unknown frame: {}", frame()))?;
                self.take_event(event);
            }
        }
        Ok(())
    }

    fn take_answer(&mut self, text: &[u8]) -> Result<()> {
        let envelope = envelope(text)?;
        let id = envelope.id.as_deref().unwrap_or_default();
        if id == END {
            self.ended = true;
            return Ok(());
        }
        let job = id.parse().ok().and_then(|id| self.in_flight.remove(&id));
        let job = job.with_context(|| format!("an answer to nothing: {id}"))?;
        if !self.trial.answered(job, &envelope) {
            self.backlog.push_front(job);
            return Ok(());
        }
        self.trial.left.fetch_sub(1, Ordering::Relaxed);
        self.backlog.extend(self.trial.next_job(job));
        Ok(())
    }

    fn take_push(&mut self, wire: &WireMessage<'_>) {
        self.remember(wire.push_id.as_deref());
        let check = &self.trial.checks.pushes;
        let Some(message) = self.trial.plan.index_of(&wire.client_msg_id) else {
            check.compare(Err(format!("a foreign message: {}", wire.client_msg_id)));
            return;
        };
        check.compare(self.trial.same(message, wire));
        let seq = wire.seq;
        self.seen.pushes.push(Push { message, seq });
        self.trial.heard[self.seen.who].fetch_add(1, Ordering::Relaxed);
    }

    fn take_event(&mut self, event: Event<'_>) {
        self.remember(event.push_id.as_deref());
        if event.event == "hello" && self.seen.reconnects == 0 {
            self.trial.greeted.fetch_add(1, Ordering::Relaxed);
        }
        if event.event == "recovered" {
            for moved in event.conversations {
                let top = self.seen.excused.entry(moved.conversation_id);
                let top = top.or_default();
                *top = moved.max_seq.max(*top);
            }
        }
    }

    fn remember(&mut self, push_id: Option<&str>) {
        if let Some(push_id) = push_id {
            self.last_push.clear();
            self.last_push.push_str(push_id);
        }
    }
}
