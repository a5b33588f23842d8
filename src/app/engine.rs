//! What a server keeps its data in.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Failure, quotas};
use crate::clock::Clock;
use crate::config::{Config, EmbeddedStore, Store};
use crate::model::NodeId;
use crate::push::{Bus, ClusterBus, Hub, Limits, Swept};
use crate::store::Stores;
use crate::store::cluster::{Cluster, LogLimits};
use crate::store::embedded::{Embedded, Options, WriterThread};
use crate::telemetry::{Metrics, Traces};

/// How long the embedded store gets to end after everything else.
const END_WITHIN: Duration = Duration::from_secs(5);

/// An open store of either mode, without its ports.
pub(super) enum Engine {
    /// The embedded store's own thread.
    Embedded(WriterThread),
    /// The connections of a cluster's node, and what ends its tasks.
    Cluster(Box<Cluster>, CancellationToken),
}

impl Engine {
    /// Opens the store that the configuration names.
    pub(super) async fn open(config: &Config, metrics: &Arc<Metrics>) -> Result<(Self, Stores), Failure> {
        let quotas = quotas::of_store(&config.limits);
        match &config.store {
            Store::Embedded(store) => {
                let EmbeddedStore { cache_bytes, recent_bytes, batch_max, .. } = *store;
                let options = Options { cache_bytes, recent_bytes, batch_max, quotas };
                let (embedded, writer) = Embedded::open(&store.data, options, Arc::clone(metrics)).map_err(Failure::of)?;
                Ok((Self::Embedded(writer), embedded.stores()))
            }
            Store::Cluster(store) => {
                let stop = CancellationToken::new();
                let limits = LogLimits { entries: config.ws.log_entries, ttl_ms: config.ws.log_ttl_ms };
                let cluster = Cluster::open(store, (limits, quotas), metrics, stop.clone()).await.map_err(Failure::of)?;
                let stores = cluster.stores();
                Ok((Self::Cluster(Box::new(cluster), stop), stores))
            }
        }
    }

    /// The process, as the other nodes know it.
    pub(super) fn node(&self) -> NodeId {
        match self {
            Self::Embedded(_) => NodeId::from_number(rand::random()),
            Self::Cluster(cluster, _) => cluster.push_path().1.own(),
        }
    }

    /// Starts the push path on this store.
    pub(super) async fn start_push(
        &self,
        limits: Limits,
        stores: &Stores,
        clock: Arc<dyn Clock>,
        (metrics, traces): (Arc<Metrics>, Traces),
    ) -> Result<PushPath, Failure> {
        let stop = CancellationToken::new();
        let Self::Cluster(cluster, _) = self else {
            let hub = Arc::new(Hub::new(limits, Arc::clone(&stores.conversations), clock, metrics));
            return Ok(PushPath { bus: hub.clone(), swept: hub, tasks: TaskTracker::new(), stop });
        };
        let started = ClusterBus::start(limits, stores, cluster.push_path(), clock, (metrics, traces)).await;
        let (bus, work) = started.map_err(Failure::of)?;
        let tasks = TaskTracker::new();
        tasks.spawn(work.run(stop.clone()));
        Ok(PushPath { bus: bus.clone(), swept: bus, tasks, stop })
    }

    /// Answers with a sentence when the store can never serve again.
    pub(super) async fn failed(&self) -> &'static str {
        match self {
            Self::Embedded(writer) => {
                let ended = writer.ended();
                tokio::select! {
                    () = ended.cancelled() => "the store's writer ended; the log says why",
                    () = writer.stuck() => "the store's writer waits for a write that does not end; start again",
                }
            }
            // It comes back whenever Redis and the database do.
            Self::Cluster(..) => std::future::pending().await,
        }
    }

    /// Ends it. All clones of the ports must be gone.
    pub(super) async fn end(self) {
        match self {
            Self::Embedded(writer) => {
                let ended = writer.ended();
                // Everything acked is durable already; this only spares the next start some work.
                match tokio::time::timeout(END_WITHIN, ended.cancelled()).await {
                    Ok(()) => writer.join(),
                    Err(_) => tracing::warn!("the store did not end in time"),
                }
            }
            Self::Cluster(cluster, stop) => {
                stop.cancel();
                cluster.close().await;
            }
        }
    }
}

/// The push path of a server.
pub(super) struct PushPath {
    pub(super) bus: Arc<dyn Bus>,
    pub(super) swept: Arc<dyn Swept>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl PushPath {
    /// Answers when its tasks have ended before they were told to; never if it has none.
    pub(super) fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let (tasks, stop) = (self.tasks.clone(), self.stop.clone());
        tasks.close();
        async move {
            match tasks.is_empty() {
                true => stop.cancelled().await,
                false => tasks.wait().await,
            }
        }
    }

    /// Ends it, after the last push.
    pub(super) async fn end(self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

/// The folder that this server keeps data in, if it keeps any.
pub(super) fn folder(config: &Config) -> Option<&Path> {
    match &config.store {
        Store::Embedded(store) => Some(&store.data),
        Store::Cluster(_) => None,
    }
}

/// What is said of the store when the server starts.
pub(super) fn described(config: &Config) -> (&'static str, String) {
    match &config.store {
        Store::Embedded(store) => {
            let data = store.data.display();
            ("embedded", format!("it keeps its data in {data} (embedded store, nothing else to install)"))
        }
        Store::Cluster(store) => {
            let keyspace = &store.cql_keyspace;
            ("cluster", format!("it is one of any number of nodes over the keyspace {keyspace} and Redis"))
        }
    }
}
