//! One connection as the push path sees it: a queue bounded in bytes, and a bell.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::bus::Attach;
use crate::model::{Caller, CloseReason, Platform, Push, PushId};
use crate::telemetry::Trace;

/// Sockets of one parcel whose spans are made: what follows in a large group says nothing new.
const TRACED_SOCKETS: usize = 16;

/// Something to push, encoded once for all sockets.
pub struct Parcel {
    push: Push,
    encoded: OnceLock<Box<str>>,
    traced: Option<Box<Traced>>,
}

/// The trace that a parcel belongs to.
struct Traced {
    trace: Trace,
    since: Instant,
    sockets: AtomicUsize,
}

impl Parcel {
    /// A parcel not yet encoded. It belongs to the current trace.
    pub fn new(push: Push) -> Arc<Self> {
        let trace = Trace::current();
        let traced = trace.is_on().then(|| Box::new(Traced { trace, since: Instant::now(), sockets: AtomicUsize::new(0) }));
        Arc::new(Self { push, encoded: OnceLock::new(), traced })
    }

    /// Whether it belongs to a trace.
    pub fn is_traced(&self) -> bool {
        self.traced.is_some()
    }

    /// Says, to its trace, that it was written to a socket.
    pub fn reached_socket(&self) {
        let Some(traced) = &self.traced else { return };
        if traced.sockets.fetch_add(1, Ordering::Relaxed) < TRACED_SOCKETS {
            drop(traced.trace.stage_since("push.socket", traced.since));
        }
    }

    /// What is pushed.
    pub fn push(&self) -> &Push {
        &self.push
    }

    /// Its encoding, made by `encode` the first time.
    pub fn encoded(&self, encode: impl FnOnce(&Push) -> Box<str>) -> &str {
        self.encoded.get_or_init(|| encode(&self.push))
    }

    /// About how many bytes its frame has.
    pub(super) fn size(&self) -> usize {
        match &self.push {
            Push::Message { message, .. } => message.content.len() + FRAME_BYTES,
            Push::Read { .. } | Push::Settings { .. } => FRAME_BYTES,
            Push::Group(change) => FRAME_BYTES + change.users.len() * 32,
        }
    }
}

impl fmt::Debug for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parcel").field("size", &self.size()).finish_non_exhaustive()
    }
}

pub(super) use crate::model::FRAME_BYTES;

/// A parcel on its way to one connection.
#[derive(Debug, Clone)]
pub struct Frame {
    /// What to write.
    pub parcel: Arc<Parcel>,
    /// Its place in the user's log.
    pub id: PushId,
}

/// The client's socket, for frames that are written to it past the connection's task.
pub trait Line: Send + Sync + fmt::Debug {
    /// Writes frames in order, if nobody is in the middle of writing and nothing waits before them.
    fn write(&self, frames: &VecDeque<Frame>) -> Wrote;

    /// Takes no further frame.
    fn end(&self);
}

/// What a socket took of frames at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrote {
    /// All of it.
    All,
    /// Not all of it; the rest goes before everything else when the connection's task flushes.
    Part,
    /// Nothing: the frames are for the connection's task to write.
    Nothing,
}

/// What a connection has to do next.
#[derive(Debug)]
pub enum Taken {
    /// Write these, in order, and say so with [`Connection::wrote`].
    Frames(VecDeque<Frame>),
    /// Ping the client, and look at the token again.
    Ping,
    /// Close, and take no more.
    Close(CloseReason),
    /// Flush: the socket did not take all of frames that were written past the connection's task.
    Flush,
    /// Nothing: wait for the bell.
    Nothing,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Frame>,
    bytes: usize,
    /// How many of the bytes the socket kept back of frames that were written past the connection's task.
    kept_back: usize,
    ping: bool,
    closing: Option<CloseReason>,
    writer: Writer,
    line: Option<Weak<dyn Line>>,
}

impl Queue {
    fn has_work(&self) -> bool {
        self.closing.is_some() || self.ping || !self.frames.is_empty()
    }

    fn line(&self) -> Option<Arc<dyn Line>> {
        self.line.as_ref()?.upgrade()
    }

    /// Makes room; answers how much. A close has given back all that waited.
    fn give_back(&mut self, bytes: usize) -> i64 {
        let freed = bytes.min(self.bytes);
        self.bytes -= freed;
        freed as i64
    }
}

/// Who took frames off the queue and has not written all of them yet.
#[derive(Debug, Default, PartialEq, Eq)]
enum Writer {
    /// The connection's task, which greets the client before anything live.
    #[default]
    Task,
    /// One who tells a crowd.
    Crowd,
    Nobody,
}

/// What became of a frame that was to be queued.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Queued {
    /// It is the first that waits: somebody has to be told.
    First,
    /// Others wait already.
    Behind,
    /// The queue was full: the connection is being closed as too slow.
    TooSlow,
}

/// A connection of a user. Its task owns the socket; everybody else fills the queue, and may empty it past a task that is idle.
#[derive(Debug)]
pub struct Connection {
    number: u64,
    platform: Platform,
    events: bool,
    queue_bytes: usize,
    gauge: prometheus::IntGauge,
    caller: Mutex<Caller>,
    heard_at_ms: AtomicI64,
    queue: Mutex<Queue>,
    bell: Notify,
}

impl Connection {
    pub(super) fn new(number: u64, attach: &Attach, queue_bytes: usize, gauge: prometheus::IntGauge, now_ms: i64) -> Self {
        Self {
            number,
            platform: attach.caller.platform,
            events: attach.events,
            queue_bytes,
            gauge,
            caller: Mutex::new(attach.caller.clone()),
            heard_at_ms: AtomicI64::new(now_ms),
            queue: Mutex::default(),
            bell: Notify::new(),
        }
    }

    /// A number that no other connection of this process has.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whose it is, and by which token.
    pub fn caller(&self) -> Caller {
        self.caller.lock().clone()
    }

    /// Whether it is on `platform`.
    pub(super) fn is_on(&self, platform: Platform) -> bool {
        self.platform == platform
    }

    /// Whether it wants frames with `event`.
    pub fn wants_events(&self) -> bool {
        self.events
    }

    /// Lets frames be written to `line`, while it is open, past the connection's task.
    pub fn set_line<L: Line + 'static>(&self, line: &Arc<L>) {
        let line: Weak<dyn Line> = Arc::<L>::downgrade(line);
        self.queue.lock().line = Some(line);
    }

    /// Leaves the socket to the connection's task alone.
    pub fn end_line(&self) {
        let line = self.queue.lock().line();
        line.into_iter().for_each(|line| line.end());
    }

    /// Says that something was heard from the client.
    pub fn heard(&self, now_ms: i64) {
        self.heard_at_ms.store(now_ms, Ordering::Relaxed);
    }

    /// Waits until there may be something to do.
    pub async fn rung(&self) {
        self.bell.notified().await;
    }

    /// What to do next. Closing comes before everything, and frames before a ping.
    pub fn take(&self) -> Taken {
        let mut queue = self.queue.lock();
        if let Some(reason) = queue.closing {
            return Taken::Close(reason);
        }
        if queue.writer == Writer::Crowd {
            // The bell is rung when that is done.
            return Taken::Nothing;
        }
        queue.writer = Writer::Task;
        if !queue.frames.is_empty() {
            return Taken::Frames(std::mem::take(&mut queue.frames));
        }
        if std::mem::take(&mut queue.ping) {
            return Taken::Ping;
        }
        if queue.kept_back > 0 {
            return Taken::Flush;
        }
        queue.writer = Writer::Nobody;
        Taken::Nothing
    }

    /// Whether there is more to do at once, after what was taken is done and flushed. If not, others may write.
    pub fn goes_on(&self) -> bool {
        let mut queue = self.queue.lock();
        let flushed = std::mem::take(&mut queue.kept_back);
        self.gauge.sub(queue.give_back(flushed));
        let has_work = queue.has_work();
        if !has_work {
            queue.writer = Writer::Nobody;
        }
        has_work
    }

    /// Whether it is being closed: what still waits need not be written.
    pub fn closing(&self) -> Option<CloseReason> {
        self.queue.lock().closing
    }

    /// Makes room for what was written.
    pub fn wrote(&self, frame: &Frame) {
        self.gauge.sub(self.queue.lock().give_back(frame.parcel.size()));
    }

    /// Closes the connection for `reason`; what waits is dropped, for the client to recover. The first reason stands.
    pub fn close(&self, reason: CloseReason) {
        let mut queue = self.queue.lock();
        if queue.closing.is_none() {
            queue.closing = Some(reason);
            self.gauge.sub(queue.bytes as i64);
            queue.frames = VecDeque::new();
            queue.bytes = 0;
            self.bell.notify_one();
        }
    }

    /// Queues a frame.
    pub(super) fn push(&self, frame: Frame) -> Queued {
        let size = frame.parcel.size();
        let mut queue = self.queue.lock();
        if queue.closing.is_some() {
            return Queued::Behind;
        }
        if queue.bytes + size > self.queue_bytes {
            drop(queue);
            self.close(CloseReason::TooSlow);
            return Queued::TooSlow;
        }
        queue.bytes += size;
        queue.frames.push_back(frame);
        self.gauge.add(size as i64);
        // A bell that was rung once is enough for all that waits.
        if queue.frames.len() == 1 { Queued::First } else { Queued::Behind }
    }

    /// Tells the connection's task that there is something to do.
    pub(super) fn ring(&self) {
        self.bell.notify_one();
    }

    /// Writes what waits past the connection's task, or rings for it.
    pub(super) fn write_past(&self) {
        let (line, mut frames) = {
            let mut queue = self.queue.lock();
            // Whoever writes looks again when that is done, and a close has rung.
            if queue.writer != Writer::Nobody || queue.closing.is_some() || queue.frames.is_empty() {
                return;
            }
            let Some(line) = queue.line() else { return self.ring() };
            queue.writer = Writer::Crowd;
            (line, std::mem::take(&mut queue.frames))
        };
        let wrote = line.write(&frames);
        let size = frames.iter().map(|frame| frame.parcel.size()).sum();
        let mut queue = self.queue.lock();
        queue.writer = Writer::Nobody;
        match wrote {
            Wrote::All => self.gauge.sub(queue.give_back(size)),
            Wrote::Part => queue.kept_back += size,
            Wrote::Nothing if queue.closing.is_none() => {
                frames.append(&mut queue.frames);
                queue.frames = frames;
                return self.ring();
            }
            Wrote::Nothing => {}
        }
        if queue.has_work() || wrote == Wrote::Part {
            self.ring();
        }
        drop(queue);
        if wrote != Wrote::Nothing {
            frames.iter().for_each(|frame| frame.parcel.reached_socket());
        }
    }

    /// Closes the connection if nothing was heard since `since_ms`.
    pub(super) fn close_if_silent(&self, since_ms: i64) {
        if self.heard_at_ms.load(Ordering::Relaxed) <= since_ms {
            self.close(CloseReason::Silent);
        }
    }

    /// Has the client pinged.
    pub(super) fn want_ping(&self) {
        self.queue.lock().ping = true;
        self.bell.notify_one();
    }

    /// Goes on under a new token.
    pub(super) fn renew(&self, caller: &Caller) {
        *self.caller.lock() = caller.clone();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.gauge.sub(self.queue.lock().bytes as i64);
    }
}

#[cfg(test)]
mod tests;
