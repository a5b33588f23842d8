//! Users' push logs in Redis: what was pushed to each, and which nodes have connections of it. `push.lua` has the rules.

use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc;

use super::events::{LogEntry, line, parse_line};
use super::functions::PUSH;
use super::redis::Redis;
use crate::model::{ConversationId, Logged, NodeId, Platform, PushId, UserId};
use crate::store::StoreError;

/// For how long a node is told without renewing its route.
pub(super) const LEASE: Duration = Duration::from_secs(60);

/// Logs that are written to at once for one message.
const AT_ONCE: usize = 64;

/// Entries that wait to be appended once more.
const LATE_MAX: usize = 10_000;

/// For how long an entry is tried again, and the pause in between.
const LATE_FOR: Duration = Duration::from_secs(900);
const LATE_PAUSE: Duration = Duration::from_millis(500);

/// The bounds of logs.
#[derive(Debug, Clone, Copy)]
pub struct LogLimits {
    /// Entries of one log.
    pub entries: usize,
    /// How long a log outlives the last route.
    pub ttl_ms: i64,
}

/// Where a log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEnd {
    /// The place of its last entry.
    pub id: PushId,
    /// The time by the clock of Redis.
    pub now_ms: i64,
    /// Whether the route was there: every entry since then was sent to the node.
    pub route_was_there: bool,
}

/// An entry at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its place.
    pub id: PushId,
    /// The platform that is not told.
    pub except: Option<Platform>,
    /// What it is.
    pub entry: LogEntry,
}

/// An entry whose log could not be reached.
struct Late {
    user: UserId,
    line: String,
    until: tokio::time::Instant,
}

/// The logs.
#[derive(Clone)]
pub struct Logs {
    redis: Redis,
    limits: LogLimits,
    send_within: Duration,
    late: mpsc::Sender<Late>,
}

impl Logs {
    /// The logs in `redis` of nodes whose sends take at most `send_within`. Must be called within a runtime, where entries are
    /// tried again that could not be appended.
    pub(super) fn new(redis: Redis, limits: LogLimits, send_within: Duration) -> Self {
        let (late, waiting) = mpsc::channel(LATE_MAX);
        let logs = Self { redis, limits, send_within, late };
        tokio::spawn(append_late(logs.redis.clone(), limits, waiting));
        logs
    }

    /// Says that `node` has so many connections of a user now, so that it is told from here on. `None`, and nothing changes, if
    /// the user would have more than `limit` on all nodes. May be repeated.
    pub async fn join(
        &self,
        user: &UserId,
        (node, connections): (NodeId, usize),
        limit: usize,
    ) -> Result<Option<LogEnd>, StoreError> {
        let mut arguments = self.route(node, connections);
        arguments.push(limit.to_string());
        let words = self.call("push_join", user, arguments).await?;
        Ok(Words::of(&words).end())
    }

    /// Says that `node` goes on having so many connections of a user; with none it is told no more. `None` if there is neither a
    /// connection nor a log. May be repeated.
    pub async fn renew(&self, user: &UserId, (node, connections): (NodeId, usize)) -> Result<Option<LogEnd>, StoreError> {
        let words = self.call("push_renew", user, self.route(node, connections)).await?;
        Ok(Words::of(&words).end())
    }

    /// Appends to the log of a user. `None` if it has none: it is offline, and past recovery. Must not be repeated.
    pub async fn append(
        &self,
        user: &UserId,
        entry: &LogEntry,
        except: Option<Platform>,
    ) -> Result<Option<Logged>, StoreError> {
        self.append_line(user, to_line(entry, except)?).await
    }

    /// Appends a message to the logs of its recipients, each with the platform that is not told, all at once. Answers those who
    /// have a log. What could not be appended is tried again in the background: it is told late, and may stand twice.
    pub async fn append_message(
        &self,
        users: &[(UserId, Option<Platform>)],
        conversation: &ConversationId,
        seq: u64,
        size: usize,
    ) -> Vec<Logged> {
        let entry = LogEntry::Message { conversation: conversation.clone(), seq, size };
        // Boxed in a list: the compiler does not see through a stream of borrowing futures.
        let appends: Vec<_> =
            users.iter().map(|(user, except)| self.append_or_later(user, &entry, *except).boxed()).collect();
        futures_util::stream::iter(appends).buffered(AT_ONCE).filter_map(std::future::ready).collect().await
    }

    /// The entries `first..=last` of the log of this epoch; `None` if they are not all there, or not all understood.
    pub async fn entries(
        &self,
        user: &UserId,
        epoch: u64,
        first: u64,
        last: u64,
    ) -> Result<Option<Vec<Recorded>>, StoreError> {
        let arguments = vec![epoch.to_string(), first.to_string(), last.to_string()];
        let words = self.call("push_entries", user, arguments).await?;
        let Some((kind, lines)) = words.split_first() else { return Err(unexpected(&words)) };
        if kind != "entries" {
            return Ok(None);
        }
        Ok(lines.iter().zip(first..).map(|(line, position)| recorded(line, epoch, position)).collect())
    }

    /// The entries up to `last` that are not older than `oldest_ms`, the newest first, as far as they are kept.
    pub async fn recent(&self, user: &UserId, last: PushId, oldest_ms: i64) -> Result<Vec<Recorded>, StoreError> {
        let arguments = vec![last.epoch.to_string(), last.position.to_string(), oldest_ms.to_string()];
        let words = self.call("push_recent", user, arguments).await?;
        let positions = (1..=last.position).rev();
        Ok(words.iter().skip(1).zip(positions).filter_map(|(line, position)| recorded(line, last.epoch, position)).collect())
    }

    /// How long after its entry a message may be without an outcome.
    pub fn send_within(&self) -> Duration {
        self.send_within
    }

    /// The nodes that have connections of a user.
    pub async fn nodes(&self, user: &UserId) -> Result<Vec<NodeId>, StoreError> {
        let words = self.call("push_nodes", user, Vec::new()).await?;
        Ok(words.iter().skip(1).filter_map(|word| NodeId::parse(word)).collect())
    }

    fn route(&self, node: NodeId, connections: usize) -> Vec<String> {
        vec![
            node.to_string(),
            connections.to_string(),
            LEASE.as_millis().to_string(),
            self.limits.ttl_ms.to_string(),
            fresh_epoch(),
        ]
    }

    async fn append_or_later(&self, user: &UserId, entry: &LogEntry, except: Option<Platform>) -> Option<Logged> {
        let line = to_line(entry, except).ok()?;
        match self.append_line(user, line.clone()).await {
            Ok(logged) => logged,
            Err(error) => {
                tracing::debug!(user.id = %user, %error, "the log of user {user} was not reached: {error}");
                let until = tokio::time::Instant::now() + LATE_FOR;
                if self.late.try_send(Late { user: user.clone(), line, until }).is_err() {
                    tracing::warn!(user.id = %user, "user {user} is not told of a message: too many wait for Redis");
                }
                None
            }
        }
    }

    async fn append_line(&self, user: &UserId, line: String) -> Result<Option<Logged>, StoreError> {
        append_line(&self.redis, self.limits, user, line).await
    }

    async fn call(&self, function: &str, user: &UserId, arguments: Vec<String>) -> Result<Vec<String>, StoreError> {
        call(&self.redis, function, user, arguments).await
    }
}

/// A random number for a log that begins.
fn fresh_epoch() -> String {
    rand::random::<u64>().to_string()
}

fn to_line(entry: &LogEntry, except: Option<Platform>) -> Result<String, StoreError> {
    line(entry, except).map_err(|error| StoreError::Corrupt(format!("a log entry: {error}")))
}

/// An entry out of what Redis has of it; `None` if it is not understood.
fn recorded(line: &str, epoch: u64, position: u64) -> Option<Recorded> {
    let (at_ms, line) = line.split_once('|')?;
    let (entry, except) = parse_line(line)?;
    Some(Recorded { id: PushId { epoch, position, at_ms: at_ms.parse().ok()? }, except, entry })
}

fn unexpected(words: &[String]) -> StoreError {
    StoreError::Corrupt(format!("Redis answered {:?}", words.first()))
}

async fn call(redis: &Redis, function: &str, user: &UserId, arguments: Vec<String>) -> Result<Vec<String>, StoreError> {
    let key = redis.key(&format!("push:{{{user}}}"));
    redis.call((&PUSH, function), vec![key], arguments).await
}

async fn append_line(redis: &Redis, limits: LogLimits, user: &UserId, line: String) -> Result<Option<Logged>, StoreError> {
    let arguments = vec![line, fresh_epoch(), limits.entries.to_string(), limits.ttl_ms.to_string()];
    let words = call(redis, "push_append", user, arguments).await?;
    let mut words = Words::of(&words);
    if words.next() == Some("none") {
        return Ok(None);
    }
    let id = words.id();
    let id = id.ok_or_else(|| StoreError::Corrupt("Redis answered no place in a log".to_owned()))?;
    let nodes = words.0.iter().filter_map(|word| NodeId::parse(word)).collect();
    Ok(Some(Logged { user: user.clone(), id, nodes }))
}

/// Appends what could not be appended at once, in order, until all senders are gone. Nodes learn of it when they renew routes.
async fn append_late(redis: Redis, limits: LogLimits, mut waiting: mpsc::Receiver<Late>) {
    while let Some(Late { user, line, until }) = waiting.recv().await {
        while let Err(error) = append_line(&redis, limits, &user, line.clone()).await {
            if tokio::time::Instant::now() >= until {
                tracing::warn!(user.id = %user, %error, "user {user} is not told of a message: {error}");
                break;
            }
            tokio::time::sleep(LATE_PAUSE).await;
        }
    }
}

/// The words of an answer that are still to be read.
struct Words<'a>(&'a [String]);

impl<'a> Words<'a> {
    fn of(words: &'a [String]) -> Self {
        Self(words)
    }

    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn number<N: std::str::FromStr>(&mut self) -> Option<N> {
        self.next()?.parse().ok()
    }

    fn id(&mut self) -> Option<PushId> {
        Some(PushId { epoch: self.number()?, position: self.number()?, at_ms: self.number()? })
    }

    /// The end of a log, if that is what was answered.
    fn end(mut self) -> Option<LogEnd> {
        self.next().filter(|kind| *kind == "at")?;
        Some(LogEnd { id: self.id()?, now_ms: self.number()?, route_was_there: self.next()? == "1" })
    }
}
