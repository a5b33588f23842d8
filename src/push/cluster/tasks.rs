//! The tasks of the bus: the reader and the keeper of this node's stream, those who send and write down, and the rounds.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::events::{Job, work};
use super::outbox::Letters;
use super::{ClusterBus, Place};
use crate::push::presence::Presence;
use crate::store::StoreError;
use crate::store::cluster::{Kept, Reader, Stream, is_before};

/// How often the node's own stream is kept.
const KEEP_EVERY: Duration = Duration::from_secs(5);

/// How often it is tried again when Redis did not answer.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// The rounds: each renews every `ROUNDS`th route, so that every one is renewed in 20 s, a third of its lease.
const ROUND: Duration = Duration::from_secs(1);
const ROUNDS: u64 = 20;

/// Users that are looked after at once.
const AT_ONCE: usize = 32;

/// How long the last pushes may take when the node goes down, and how often is looked.
const DRAIN_WITHIN: Duration = Duration::from_secs(1);
const DRAIN_LOOK: Duration = Duration::from_millis(10);

/// How long leaving may take.
const LEAVE_WITHIN: Duration = Duration::from_secs(2);

/// What runs beside the bus.
pub struct ClusterTasks {
    bus: Arc<ClusterBus>,
    reader: Reader,
    stream: Stream,
    letters: Letters,
    jobs: Vec<mpsc::Receiver<Job>>,
    due: mpsc::Receiver<Arc<Presence<Place>>>,
}

impl ClusterTasks {
    /// Begins the node's stream, so that it can be told things.
    pub(super) async fn start(
        bus: Arc<ClusterBus>,
        letters: Letters,
        jobs: Vec<mpsc::Receiver<Job>>,
        due: mpsc::Receiver<Arc<Presence<Place>>>,
    ) -> Result<Self, StoreError> {
        let reader = bus.nodes.reader().await?;
        match bus.nodes.keep(None).await? {
            Kept::Anew(stream) => Ok(Self { bus, reader, stream, letters, jobs, due }),
            Kept::There(_) => Err(StoreError::Corrupt("another node has the id of this one".to_owned())),
        }
    }

    /// Runs until `stop`, which must come after the last push; then takes the node's routes and its stream away.
    pub async fn run(self, stop: CancellationToken) {
        let Self { bus, reader, stream, letters, jobs, due } = self;
        let (begun, begins) = watch::channel(stream);
        let read = Arc::new(Mutex::new(String::new()));
        let mut tasks = JoinSet::new();
        tasks.spawn(read_on(Arc::clone(&bus), reader, begins, Arc::clone(&read)));
        tasks.spawn(keep_on(Arc::clone(&bus), begun, read));
        tasks.spawn(letters.send(bus.nodes.clone()));
        tasks.spawn(look_after(Arc::clone(&bus), due));
        tasks.spawn(go_round(Arc::clone(&bus)));
        tasks.spawn(keep_groups(Arc::clone(&bus)));
        jobs.into_iter().for_each(|jobs| drop(tasks.spawn(work(Arc::clone(&bus), jobs))));
        tokio::select! {
            () = stop.cancelled() => {}
            // None of them ends by itself.
            _ = tasks.join_next() => tracing::error!("a task of the push path ended"),
        }
        bus.drained().await;
        tasks.shutdown().await;
        if tokio::time::timeout(LEAVE_WITHIN, bus.leave()).await.is_err() {
            tracing::debug!("Redis did not answer in time: what this node had there lapses by itself");
        }
    }
}

impl ClusterBus {
    /// Waits a moment for what was handed over.
    async fn drained(&self) {
        let end = tokio::time::Instant::now() + DRAIN_WITHIN;
        while self.metrics().between.backlog.get() > 0 && tokio::time::Instant::now() < end {
            tokio::time::sleep(DRAIN_LOOK).await;
        }
    }

    async fn leave(&self) {
        let own = self.nodes.own();
        let everybody = self.roster.everybody();
        let renewals: Vec<_> = everybody.iter().map(|presence| self.logs.renew(&presence.user, (own, 0)).boxed()).collect();
        futures_util::stream::iter(renewals).buffer_unordered(AT_ONCE).for_each(|_| std::future::ready(())).await;
        if let Err(error) = self.nodes.leave().await {
            tracing::debug!(%error, "the node's stream lapses by itself");
        }
    }

    /// Has everybody looked after: letters were lost.
    fn distrust_all(&self) {
        for presence in self.roster.everybody() {
            presence.state.lock().log.fall_behind();
            self.refreshes.now(&presence);
        }
    }
}

/// Reads the node's stream and delivers what comes.
async fn read_on(bus: Arc<ClusterBus>, mut reader: Reader, mut begins: watch::Receiver<Stream>, read: Arc<Mutex<String>>) {
    begins.mark_changed();
    loop {
        if begins.has_changed().unwrap_or(false) {
            reader.begin(&begins.borrow_and_update());
        }
        match reader.next().await {
            Ok(letters) => letters.iter().for_each(|bytes| bus.take_in(bytes)),
            Err(error) => {
                tracing::debug!(%error, "the node's stream was not read: {error}");
                tokio::time::sleep(AGAIN_AFTER).await;
            }
        }
        reader.last().clone_into(&mut read.lock());
    }
}

/// Keeps the node's stream, and has everybody looked after when letters were lost with it.
async fn keep_on(bus: Arc<ClusterBus>, begun: watch::Sender<Stream>, read: Arc<Mutex<String>>) {
    loop {
        let known = begun.borrow().clone();
        let pause = match bus.nodes.keep(Some(&known)).await {
            Ok(Kept::There(first)) => {
                if is_before(&read.lock(), &first) {
                    tracing::warn!("this node fell so far behind that letters to it were dropped");
                    bus.distrust_all();
                }
                KEEP_EVERY
            }
            Ok(Kept::Anew(stream)) => {
                tracing::info!("the node's stream was lost and begun anew");
                begun.send_replace(stream);
                bus.distrust_all();
                KEEP_EVERY
            }
            Err(error) => {
                tracing::debug!(%error, "the node's stream was not kept: {error}");
                AGAIN_AFTER
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// Looks after those who are due, some at once.
async fn look_after(bus: Arc<ClusterBus>, mut due: mpsc::Receiver<Arc<Presence<Place>>>) {
    let due = futures_util::stream::poll_fn(move |context| due.poll_recv(context));
    due.for_each_concurrent(AT_ONCE, |presence| {
        let bus = Arc::clone(&bus);
        async move { bus.refresh(&presence).await }
    })
    .await;
}

/// Looks after the large groups that have members here.
async fn keep_groups(bus: Arc<ClusterBus>) {
    let mut rounds = tokio::time::interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for round in 0u64.. {
        rounds.tick().await;
        bus.keep_groups(round).await;
    }
}

/// Has everybody looked after in turn, and those at once who lack something.
async fn go_round(bus: Arc<ClusterBus>) {
    let mut rounds = tokio::time::interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for round in 0u64.. {
        rounds.tick().await;
        for presence in bus.roster.everybody() {
            let is_due = {
                let state = presence.state.lock();
                let in_turn = state.log.number % ROUNDS == round % ROUNDS;
                in_turn || state.log.lacks() || state.connections.is_empty()
            };
            if is_due {
                bus.refreshes.in_turn(&presence).await;
            }
        }
    }
}
