//! The rules and the push path on a store, without doors: people who act.

use std::sync::Arc;
use std::time::Duration;

use nexo::clock::{Clock, ManualClock};
use nexo::config::ClusterStore;
use nexo::domain::{Conversations, GroupLimits, Groups, History, Outgoing, Pull, SendSettings, Sending, Target};
use nexo::error::Result;
use nexo::model::{Caller, CloseReason, GroupFields, GroupId, Message, PushId, UserId};
use nexo::push::{Attach, Attached, Bus, ClusterBus, Connection, Frame, Hub, Limits, Taken};
use nexo::store::cluster::{Cluster, LogLimits};
use nexo::store::{Quotas, Stores};
use nexo::telemetry::{Metrics, Traces};

use super::store::Store;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::support::{now_ms, unique};

/// The bounds of the push path, unless a test says otherwise.
pub(super) const LIMITS: Limits = Limits {
    queue_bytes: 1 << 20,
    recovery_bytes: 1 << 20,
    log_entries: 512,
    log_ttl_ms: 900_000,
    connections_per_user: 10,
    heartbeat_ms: 30_000,
    silence_ms: 75_000,
};

/// The rules on one store. While it lives, the store cannot be opened again.
pub(super) struct House {
    pub(super) stores: Stores,
    pub(super) clock: Arc<ManualClock>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) sending: Sending,
    pub(super) history: History,
    pub(super) groups: Groups,
    pub(super) conversations: Conversations,
    /// Ends the node's tasks with the house.
    _node: Option<DropGuard>,
}

impl House {
    /// The rules with generous bounds.
    pub(super) fn on(store: &Store) -> House {
        House::with(store, LIMITS)
    }

    /// The rules with these bounds on the push path. On a cluster, a house is a node of its own.
    pub(super) fn with(store: &Store, limits: Limits) -> House {
        if let Some(config) = store.settings() {
            let runtime = tokio::runtime::Handle::current();
            return tokio::task::block_in_place(|| runtime.block_on(House::node(config, limits)));
        }
        let clock = Arc::new(ManualClock::at(1_700_000_000_000));
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        let any_clock: Arc<dyn Clock> = clock.clone();
        let hub = Hub::new(limits, store.conversations.clone(), any_clock, metrics.clone());
        House::over(Stores::clone(store), Arc::new(hub), clock, metrics)
    }

    async fn node(config: &ClusterStore, limits: Limits) -> House {
        let stop = CancellationToken::new();
        let logs = LogLimits { entries: limits.log_entries, ttl_ms: limits.log_ttl_ms };
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        let cluster =
            Cluster::open(config, (logs, Quotas::default()), &metrics, stop.clone()).await.expect("the node opens");
        let (stores, clock) = (cluster.stores(), Arc::new(ManualClock::at(now_ms())));
        let any_clock: Arc<dyn Clock> = clock.clone();
        let started =
            ClusterBus::start(limits, &stores, cluster.push_path(), any_clock, (metrics.clone(), Traces::default())).await;
        let (bus, tasks) = started.expect("Redis answers");
        tokio::spawn(tasks.run(stop.clone()));
        House { _node: Some(stop.drop_guard()), ..House::over(stores, bus, clock, metrics) }
    }

    /// The rules on these ports and this bus.
    pub(super) fn over(stores: Stores, bus: Arc<dyn Bus>, clock: Arc<ManualClock>, metrics: Arc<Metrics>) -> House {
        let any_clock: Arc<dyn Clock> = clock.clone();
        let group_limits = GroupLimits { member_ids: 1_000, members: 100_000 };
        let settings = SendSettings { content_bytes: 16_384, quotas: Quotas::default() };
        House {
            sending: Sending::new(stores.messages.clone(), bus.clone(), any_clock.clone(), metrics.clone(), settings),
            history: History::new(&stores),
            groups: Groups::new(&stores, bus.clone(), any_clock, group_limits),
            conversations: Conversations::new(stores.conversations.clone(), bus.clone()),
            stores,
            clock,
            metrics,
            bus,
            _node: None,
        }
    }

    /// A new user on the Web.
    pub(super) async fn person(&self, name: &str) -> Caller {
        let user = super::store::user(&super::store::user_id(name));
        assert!(self.stores.users.create(user.clone()).await.expect("stored"));
        super::store::log_in(&self.stores, &user.id).await;
        super::store::caller(&user.id)
    }

    /// A new group.
    pub(super) async fn group(&self, owner: &Caller, members: &[&Caller]) -> GroupId {
        let ids: Vec<String> = members.iter().map(|member| member.user.to_string()).collect();
        let fields = GroupFields { name: "group".to_owned(), ..GroupFields::default() };
        self.groups.create(owner, fields, &ids).await.expect("a group").id
    }

    /// Sends a text to a group.
    pub(super) async fn send_in(&self, sender: &Caller, group: GroupId, words: &str) -> Result<Arc<Message>> {
        let target = Target { session_type: 2, group_id: group.to_string(), ..Target::default() };
        self.send(sender, target, words).await
    }

    /// Sends a text to a user.
    pub(super) async fn send_to(&self, sender: &Caller, receiver: &UserId, words: &str) -> Result<Arc<Message>> {
        let target = Target { session_type: 1, recv_id: receiver.to_string(), ..Target::default() };
        self.send(sender, target, words).await
    }

    async fn send(&self, sender: &Caller, target: Target, words: &str) -> Result<Arc<Message>> {
        let content = serde_json::json!({ "text": words }).to_string().into();
        let outgoing = Outgoing { client_msg_id: unique("m"), target, msg_type: 1, content };
        self.sending.send(sender, outgoing).await.map(|sent| sent.message)
    }

    /// The seqs that a user may see from `begin` on, page by page, and its max_seq at the last page.
    pub(super) async fn pull(&self, caller: &Caller, conversation_id: &str, begin: u64) -> (Vec<u64>, u64) {
        let mut seqs: Vec<u64> = Vec::new();
        loop {
            let begin = seqs.last().map_or(begin, |last| last + 1);
            let begin_seq = Some(i64::try_from(begin).expect("a seq"));
            let pull = Pull { conversation_id: conversation_id.to_owned(), begin_seq, end_seq: None, limit: None };
            let page = self.history.pull(caller, &pull).await.expect("a page");
            if page.messages.is_empty() {
                return (seqs, page.max_seq);
            }
            seqs.extend(page.messages.iter().map(|message| message.seq));
        }
    }

    /// Attaches a connection, for messages only.
    pub(super) async fn attach(&self, caller: &Caller, after: Option<PushId>) -> Result<Attached, CloseReason> {
        self.bus.attach(Attach { caller: caller.clone(), events: false, after }).await.expect("the bus answers")
    }
}

/// A connection that is read like a socket.
pub(super) struct Reader(pub(super) Arc<Connection>);

impl Reader {
    /// The next frames, or why the connection is closed.
    pub(super) async fn next(&self) -> Result<Vec<Frame>, CloseReason> {
        loop {
            match self.0.take() {
                Taken::Frames(frames) => {
                    frames.iter().for_each(|frame| self.0.wrote(frame));
                    return Ok(frames.into());
                }
                Taken::Close(reason) => return Err(reason),
                Taken::Ping | Taken::Flush | Taken::Nothing => {
                    let rung = tokio::time::timeout(Duration::from_secs(10), self.0.rung()).await;
                    assert!(rung.is_ok(), "nothing came within ten seconds");
                }
            }
        }
    }
}

/// The seq of a frame that carries a message.
#[track_caller]
pub(super) fn seq_of(frame: &Frame) -> u64 {
    match frame.parcel.push() {
        nexo::model::Push::Message { message, .. } => message.seq,
        other => panic!("not a message: {other:?}"),
    }
}
