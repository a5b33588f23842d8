//! Events on their way into users' logs. They are handed over without waiting, and written in the order in which they came, for
//! each conversation.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc;

use super::ClusterBus;
use crate::model::{ConversationId, GroupChange, GroupId, Logged, Platform, UserId};
use crate::store::StoreError;
use crate::store::cluster::{Event, Letter, LogEntry};
use crate::telemetry::Metrics;

/// Workers, each with a queue of its own: events of one conversation go through the same one.
const WORKERS: usize = 8;

/// Events that wait for one worker. One that finds it full is dropped: clients reconcile with what is stored.
const WAITING_MAX: usize = 1_024;

/// Logs that are written to at once for one event.
const AT_ONCE: usize = 64;

/// Members that are read at once.
const PAGE: usize = 1_000;

/// How often an event is tried to be written down, and the pause in between.
const TRIES: usize = 3;
const PAUSE: Duration = Duration::from_millis(200);

/// An event and who is told of it.
pub(super) struct Job {
    pub(super) event: Event,
    pub(super) to: Recipients,
}

/// Who is told.
pub(super) enum Recipients {
    /// A user, but for one platform.
    User(UserId, Option<Platform>),
    /// The members of a group, and those who perhaps no longer are.
    Members(GroupId, Vec<UserId>),
    /// The nodes of a large group, and those to whom this change was done, through their logs.
    Nodes(Arc<GroupChange>),
}

/// The queues.
pub(super) struct Events {
    queues: Vec<mpsc::Sender<Job>>,
    metrics: Arc<Metrics>,
}

impl Events {
    /// Empty queues, and where their events come out.
    pub(super) fn new(metrics: Arc<Metrics>) -> (Self, Vec<mpsc::Receiver<Job>>) {
        let (queues, ends) = (0..WORKERS).map(|_| mpsc::channel(WAITING_MAX)).unzip();
        (Self { queues, metrics }, ends)
    }

    /// Hands an event over, behind all others of its conversation.
    pub(super) fn hand_over(&self, conversation: &ConversationId, job: Job) {
        let mut hasher = DefaultHasher::new();
        conversation.hash(&mut hasher);
        let worker = usize::try_from(hasher.finish() % WORKERS as u64).unwrap_or(0);
        if self.queues[worker].try_send(job).is_ok() {
            self.metrics.between.backlog.inc();
        } else {
            self.metrics.between.dropped.with_label_values(&["event"]).inc();
        }
    }
}

/// Writes down the events of one queue, until nobody can hand over any more.
pub(super) async fn work(bus: Arc<ClusterBus>, mut jobs: mpsc::Receiver<Job>) {
    while let Some(Job { event, to }) = jobs.recv().await {
        if let Err(error) = bus.write_down(event, to).await {
            tracing::debug!(%error, "nobody is told of an event: {error}");
            bus.metrics().between.dropped.with_label_values(&["event"]).inc();
        }
        bus.metrics().between.backlog.dec();
    }
}

impl ClusterBus {
    /// Appends an event to the logs of those who are told of it, and tells their nodes.
    async fn write_down(&self, event: Event, to: Recipients) -> Result<(), StoreError> {
        let (users, except) = match to {
            Recipients::User(user, except) => (vec![user], except),
            Recipients::Members(group, changed) => (self.members_and(group, changed).await?, None),
            Recipients::Nodes(change) => {
                let letter = Letter::GroupEvent { change: Arc::clone(&change) };
                self.group_nodes.tell(&self.group_nodes.of(change.group).await?, &letter).await?;
                (change.users.clone(), None)
            }
        };
        let entry = LogEntry::Event(event.clone());
        // Boxed in a list: the compiler does not see through a stream of borrowing futures.
        let appends: Vec<_> = users.iter().map(|user| self.append(user, &entry, except).boxed()).collect();
        let logged: Vec<Logged> =
            futures_util::stream::iter(appends).buffered(AT_ONCE).filter_map(std::future::ready).collect().await;
        self.outbox.post(&logged, |_| except, |to| Letter::Event { event: event.clone(), to });
        Ok(())
    }

    /// Appends to one log. An event may stand twice: it says how things are, not what to add.
    async fn append(&self, user: &UserId, entry: &LogEntry, except: Option<Platform>) -> Option<Logged> {
        for last in (0..TRIES).rev() {
            match self.logs.append(user, entry, except).await {
                Ok(logged) => return logged,
                Err(_) if last > 0 => tokio::time::sleep(PAUSE).await,
                Err(error) => {
                    tracing::debug!(user.id = %user, %error, "user {user} is not told of an event: {error}");
                    self.metrics().between.dropped.with_label_values(&["event"]).inc();
                }
            }
        }
        None
    }

    /// The members of a group, and `others`, each once.
    async fn members_and(&self, group: GroupId, others: Vec<UserId>) -> Result<Vec<UserId>, StoreError> {
        let (mut users, mut after) = (others, 0);
        loop {
            let page = self.groups.members(group, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            let is_last = page.len() < PAGE;
            users.extend(page.into_iter().map(|member| member.user));
            if is_last {
                break;
            }
        }
        users.sort_unstable();
        users.dedup();
        Ok(users)
    }
}
