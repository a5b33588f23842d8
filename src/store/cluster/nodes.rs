//! The nodes' streams in Redis: how one node tells another. `push.lua` says when a stream begins anew.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fred::clients::{Client, Pipeline};
use fred::interfaces::{ClientLike, KeysInterface, StreamsInterface};
use fred::types::Value;
use fred::types::streams::{XCap, XReadResponse};

use super::functions::PUSH;
use super::logs::LEASE;
use super::redis::{Redis, connect, failed};
use crate::config::ClusterStore;
use crate::model::NodeId;
use crate::store::StoreError;

/// About how many letters a stream keeps for a node that falls behind.
const LENGTH: i64 = 10_000;

/// The field of an entry that is a letter.
const LETTER: &str = "letter";

/// Letters that are read at once, and how long one look waits for the first.
const READ_COUNT: u64 = 256;
const READ_BLOCK: Duration = Duration::from_secs(1);

/// How long one look may take in all; then the connection is taken for dead.
const READ_WITHIN: Duration = Duration::from_secs(4);

/// How long letters may take that are sent together.
const SEND_WITHIN: Duration = Duration::from_secs(2);

/// What a node knows of its own stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// The server that it was begun on.
    server: String,
    /// The entry that it began with.
    begin: String,
}

/// What became of a stream when it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It is there; this is its first entry.
    There(String),
    /// It was not there, or may have lost letters: this one was begun in its place.
    Anew(Stream),
}

/// Every node's stream, as one node sees them.
#[derive(Clone)]
pub struct Nodes {
    redis: Redis,
    config: Arc<ClusterStore>,
    own: NodeId,
}

impl Nodes {
    /// The streams in `redis`, seen from `own`.
    pub(super) fn new(redis: Redis, config: ClusterStore, own: NodeId) -> Self {
        Self { redis, config: Arc::new(config), own }
    }

    /// This node.
    pub fn own(&self) -> NodeId {
        self.own
    }

    fn key(&self, node: NodeId) -> String {
        self.redis.key(&format!("node:{{{node}}}"))
    }

    /// Puts letters into streams, in order. A node that is gone gets none, and no stream comes into being. Answers how many were
    /// perhaps not put in: they must not be sent again, for the logs repair what is missing.
    pub async fn send(&self, letters: Vec<(NodeId, Vec<u8>)>) -> usize {
        let count = letters.len();
        let pipeline = Pipeline::from(self.redis.client().clone());
        for (node, bytes) in letters {
            self.redis.count();
            let cap: Result<XCap, _> = ("MAXLEN", "~", LENGTH, None).try_into();
            let letter = (LETTER, Value::Bytes(bytes.into()));
            let Ok(cap) = cap else { return count };
            if let Err(error) = pipeline.xadd::<(), _, _, _, _>(self.key(node), true, cap, "*", letter).await {
                tracing::debug!(%error, "letters could not be queued");
                return count;
            }
        }
        let begun = Instant::now();
        let failed = match tokio::time::timeout(SEND_WITHIN, pipeline.try_all::<Value>()).await {
            Ok(outcomes) => outcomes.iter().filter(|outcome| outcome.is_err()).count(),
            Err(_) => count,
        };
        self.redis.ended("xadd", begun, &if failed == 0 { Ok(()) } else { Err(()) });
        failed
    }

    /// Keeps this node's stream for another lease; begins it anew if need be.
    pub async fn keep(&self, known: Option<&Stream>) -> Result<Kept, StoreError> {
        let server = known.map_or("", |stream| stream.server.as_str()).to_owned();
        let arguments = vec![server, LEASE.as_millis().to_string()];
        let words = self.redis.call((&PUSH, "push_keep"), vec![self.key(self.own)], arguments).await?;
        match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["kept", first] => Ok(Kept::There(first.to_owned())),
            ["anew", server, begin] => Ok(Kept::Anew(Stream { server: server.to_owned(), begin: begin.to_owned() })),
            _ => Err(StoreError::Corrupt(format!("Redis answered {:?}", words.first()))),
        }
    }

    /// Ends this node's stream.
    pub async fn leave(&self) -> Result<(), StoreError> {
        self.redis.count();
        let begun = Instant::now();
        let left = self.redis.client().del::<(), _>(self.key(self.own)).await;
        self.redis.ended("del", begun, &left);
        left.map_err(|error| failed(&error))
    }

    /// A reader of this node's stream, on a connection of its own.
    pub async fn reader(&self) -> Result<Reader, StoreError> {
        let client = connect(&self.config, Duration::ZERO).await?;
        Ok(Reader { client, key: self.key(self.own), last: "0-0".to_owned() })
    }
}

/// Reads a node's own stream.
pub struct Reader {
    client: Client,
    key: String,
    last: String,
}

impl Reader {
    /// Reads on behind where `stream` began.
    pub fn begin(&mut self, stream: &Stream) {
        self.last.clone_from(&stream.begin);
    }

    /// The last entry that was read.
    pub fn last(&self) -> &str {
        &self.last
    }

    /// The next letters, in order; none if none came within a second.
    pub async fn next(&mut self) -> Result<Vec<Vec<u8>>, StoreError> {
        let block = u64::try_from(READ_BLOCK.as_millis()).ok();
        let look = self.client.xread::<Value, _, _>(Some(READ_COUNT), block, self.key.as_str(), self.last.as_str());
        let read = match tokio::time::timeout(READ_WITHIN, look).await {
            Ok(read) => read.map_err(|error| failed(&error))?,
            Err(_) => {
                // Whoever is the server now has to be asked for.
                let _ = self.client.force_reconnection().await;
                return Err(StoreError::TimedOut);
            }
        };
        if read.is_null() {
            return Ok(Vec::new());
        }
        let read: XReadResponse<String, String, String, Value> =
            read.into_xread_response().map_err(|error| failed(&error))?;
        let mut letters = Vec::new();
        for (id, mut fields) in read.into_values().flatten() {
            letters.extend(fields.remove(LETTER).and_then(Value::into_owned_bytes));
            self.last = id;
        }
        Ok(letters)
    }

    /// Ends the connection.
    pub async fn quit(self) {
        // A connection that is gone already is as good.
        let _ = self.client.quit().await;
    }
}

/// Whether the entry `one` is before `other`, both as a stream names them.
pub fn is_before(one: &str, other: &str) -> bool {
    let numbers = |id: &str| {
        let (ms, number) = id.split_once('-')?;
        Some((ms.parse::<u64>().ok()?, number.parse::<u64>().ok()?))
    };
    matches!((numbers(one), numbers(other)), (Some(one), Some(other)) if one < other)
}
