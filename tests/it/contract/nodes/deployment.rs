//! Several nodes in one process, each with a bus of its own, over one Redis and one embedded store.

use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use nexo::clock::ManualClock;
use nexo::config::ClusterStore;
use nexo::model::{Appended, Caller, CloseReason, ConversationId, Draft, Extent, Message, NodeId, Platform, Stored, UserId};
use nexo::push::{Bus, ClusterBus, Limits};
use nexo::store::cluster::{GroupNodes, LogLimits, Logs, Nodes, push_path};
use nexo::store::{Admit, Groups, Messages, OnCommit, StoreError, Stores};
use nexo::telemetry::{Metrics, Traces};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::contract::house::{House, LIMITS};
use crate::contract::store::Store;
use crate::support::services::{Need, needs};
use crate::support::{RedisServer, now_ms, within};

/// A Redis and a store, on which nodes are started.
pub(super) struct Deployment {
    pub(super) redis: RedisServer,
    /// Where nodes find Redis: that one, unless a test says otherwise.
    url: String,
    pub(super) store: Store,
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// Runs one promise on a fresh deployment.
pub(super) fn run<F>(promise: impl FnOnce(Deployment) -> F)
where
    F: Future<Output = ()>,
{
    if needs([Need::RedisProgram]).is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let redis = RedisServer::start(&[]).await;
        let deployment =
            Deployment { url: format!("redis://{}", redis.address()), redis, store: Store::fresh(), turn: Arc::default() };
        let whole = tokio::time::timeout(Duration::from_secs(120), promise(deployment)).await;
        assert!(whole.is_ok(), "the promise was not looked at within two minutes");
    });
}

impl Deployment {
    /// The same with Redis elsewhere.
    pub(super) fn at(self, url: String) -> Deployment {
        Deployment { url, ..self }
    }

    /// The logs and streams as a node of its own sees them, with logs of `entries`.
    pub(super) async fn push_path(&self, entries: usize) -> (Logs, Nodes, GroupNodes) {
        let config = ClusterStore { redis_url: self.url.clone(), ..ClusterStore::default() };
        let limits = LogLimits { entries, ttl_ms: LIMITS.log_ttl_ms };
        let metrics = Metrics::new().expect("metrics");
        push_path(&config, limits, NodeId::from_number(rand::random()), &metrics).await.expect("Redis answers")
    }

    /// A new node with generous bounds.
    pub(super) async fn node(&self) -> Node {
        self.node_with(LIMITS).await
    }

    /// A new node with these bounds.
    pub(super) async fn node_with(&self, limits: Limits) -> Node {
        let (logs, nodes, group_nodes) = self.push_path(limits.log_entries).await;
        let clock = Arc::new(ManualClock::at(now_ms()));
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        let mut stores = Stores::clone(&self.store);
        stores.messages = Arc::new(Logging {
            messages: Arc::clone(&stores.messages),
            groups: Arc::clone(&stores.groups),
            logs: logs.clone(),
            turn: Arc::clone(&self.turn),
        });
        let id = nodes.own();
        let started = ClusterBus::start(
            limits,
            &stores,
            (logs.clone(), nodes, group_nodes),
            clock.clone(),
            (metrics.clone(), Traces::default()),
        )
        .await;
        let (bus, tasks) = started.expect("Redis answers");
        let stop = CancellationToken::new();
        let running = tokio::spawn(tasks.run(stop.clone()));
        let any_bus: Arc<dyn Bus> = bus.clone();
        Node { house: House::over(stores, any_bus, clock, metrics), id, logs, stop, running }
    }
}

/// A node: the rules on a bus of its own.
pub(super) struct Node {
    house: House,
    pub(super) id: NodeId,
    pub(super) logs: Logs,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Deref for Node {
    type Target = House;

    fn deref(&self) -> &House {
        &self.house
    }
}

impl Node {
    /// Stops it softly.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        within("the node's end", self.running).await.expect("no panic");
    }

    /// Ends it without a word; its sockets end with it.
    pub(super) async fn kill(&self) {
        self.running.abort();
        self.bus.close_all(CloseReason::Silent, Duration::ZERO).await;
    }
}

/// The embedded messages, with what a store of several nodes does besides: it writes into the logs of the recipients.
struct Logging {
    messages: Arc<dyn Messages>,
    groups: Arc<dyn Groups>,
    logs: Logs,
    /// Messages of the whole deployment are logged in the order of their seqs.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Logging {
    async fn recipients(&self, message: &Message, origin: Platform) -> Result<Vec<(UserId, Option<Platform>)>, StoreError> {
        let users = match &message.conversation {
            ConversationId::Single { low, high } if low == high => vec![low.clone()],
            ConversationId::Single { low, high } => vec![low.clone(), high.clone()],
            ConversationId::Group(group) => {
                let members = self.groups.members(*group, 0, usize::MAX).await?;
                members.into_iter().map(|member| member.user).collect()
            }
        };
        Ok(users.into_iter().map(|user| (user.clone(), (user == message.sender).then_some(origin))).collect())
    }
}

#[async_trait]
impl Messages for Logging {
    async fn append(&self, draft: Draft, admit: Admit, committed: OnCommit<Stored>) -> Result<Appended, StoreError> {
        let _turn = self.turn.lock().await;
        let origin = draft.caller.platform;
        let appended = self.messages.append(draft, admit, Box::new(|_| {})).await?;
        if let Appended::New { message, .. } = &appended {
            let users = self.recipients(message, origin).await?;
            let size = message.content.len();
            let logged = self.logs.append_message(&users, &message.conversation, message.seq, size).await;
            committed(&Stored { message: Arc::clone(message), logged });
        }
        Ok(appended)
    }

    async fn range(
        &self,
        conversation: &ConversationId,
        extent: &Extent,
        seqs: (u64, u64),
        limit: usize,
    ) -> Result<Vec<Arc<Message>>, StoreError> {
        self.messages.range(conversation, extent, seqs, limit).await
    }

    async fn at(&self, conversation: &ConversationId, first: u64, last: u64) -> Result<Vec<Arc<Message>>, StoreError> {
        self.messages.at(conversation, first, last).await
    }

    async fn extent(&self, conversation: &ConversationId) -> Result<Extent, StoreError> {
        self.messages.extent(conversation).await
    }
}

/// A user on another platform.
pub(super) fn on(platform: Platform, caller: &Caller) -> Caller {
    Caller { platform, ..caller.clone() }
}
