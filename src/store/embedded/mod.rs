//! The embedded store: one process, one folder, nothing to install.
//!
//! One writer thread takes all changes in turn and syncs once for many; readers look at snapshots, which hold only what was
//! synced. So seqs are given in the order of commits, and most of what can go wrong between nodes cannot happen.

mod batch;
mod conversations;
mod folder;
mod groups;
mod hot;
mod journal;
mod keys;
mod memtables;
mod messages;
mod recent;
mod rows;
mod send_limits;
mod sessions;
mod tables;
mod users;
mod writer;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

pub use folder::OpenError;

use super::{Health, OwnLoginFailures, Quotas, StoreError, Stores};
use crate::telemetry::Metrics;
use folder::Folder;
use recent::Recent;
use send_limits::SendLimits;
use tables::{Tables, View};
use writer::Writer;

/// How the store uses the machine.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Memory for blocks that were read, in bytes.
    pub cache_bytes: u64,
    /// Memory for the last messages of conversations that are being talked in, in bytes.
    pub recent_bytes: usize,
    /// The most changes that share one sync.
    pub batch_max: usize,
    /// What callers are held to.
    pub quotas: Quotas,
}

/// How long a change may take before its caller is told that its outcome is unknown.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// After how long at one batch the writer is given up: the store's own code may wait for ever for a write that has failed.
const STUCK_AFTER: Duration = Duration::from_secs(60);

/// Long reads at once; more wait, and a read holds on to what it reads even if its caller goes away.
const READERS: usize = 32;

/// How long a reader waits while the store is opened again.
const READ_WITHIN: Duration = Duration::from_secs(3);

/// What readers and the writer share.
struct Core {
    options: Options,
    folder: Folder,
    tables: watch::Sender<Option<Arc<Tables>>>,
    ready: AtomicBool,
    /// Since when the writer has been at its present batch; `None` while it waits for one.
    busy: Mutex<Option<Instant>>,
    ended: CancellationToken,
    recent: Recent,
    send_limits: SendLimits,
    /// Places for those who read much.
    readers: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

impl Core {
    fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    fn set_busy(&self, since: Option<Instant>) {
        *self.busy.lock() = since;
    }

    /// Whether the writer has been at one batch for so long that it may never end.
    fn is_stuck(&self, after: Duration) -> bool {
        let busy = *self.busy.lock();
        busy.is_some_and(|since| since.elapsed() > after)
    }

    /// What is stored now: every commit that was synced, and nothing else.
    async fn view(&self) -> Result<View, StoreError> {
        let open = self.tables.borrow().clone();
        let tables = match open {
            Some(tables) => tables,
            None => self.wait_for_tables().await?,
        };
        let snapshot = tables.db.snapshot();
        Ok(View { tables, snapshot })
    }

    async fn wait_for_tables(&self) -> Result<Arc<Tables>, StoreError> {
        let mut changes = self.tables.subscribe();
        let open = tokio::time::timeout(READ_WITHIN, changes.wait_for(Option::is_some)).await;
        let open = open.map_err(|_| StoreError::TimedOut)?;
        let open = open.ok().and_then(|open| open.clone());
        open.ok_or_else(|| StoreError::Unavailable("the store is shut".to_owned()))
    }
}

/// The open embedded store. Dropping the last clone of its ports ends the writer, after what was queued is stored.
#[derive(Clone)]
pub struct Embedded {
    core: Arc<Core>,
    writer: Writer,
}

/// The store's own thread.
pub struct WriterThread {
    thread: std::thread::JoinHandle<()>,
    core: Weak<Core>,
    ended: CancellationToken,
}

impl WriterThread {
    /// Cancelled when the thread has ended, whatever the reason.
    pub fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }

    /// Answers if the thread has been at one batch for so long that it will never end.
    pub async fn stuck(&self) {
        let mut looks = tokio::time::interval(STUCK_AFTER / 10);
        loop {
            looks.tick().await;
            if self.core.upgrade().is_some_and(|core| core.is_stuck(STUCK_AFTER)) {
                return;
            }
        }
    }

    /// Waits until everything queued is stored. All clones of the ports must be gone.
    pub fn join(self) {
        if self.thread.join().is_err() {
            tracing::error!("the store's writer panicked");
        }
    }
}

impl Embedded {
    /// Opens the store in `folder`, making it if need be. Refuses a folder that another process uses, that a newer release
    /// wrote, or that lacks what was once synced; then the folder is left as it was.
    pub fn open(folder: &Path, options: Options, metrics: Arc<Metrics>) -> Result<(Self, WriterThread), OpenError> {
        let folder = Folder::take(folder)?;
        let (tables, commit) = Tables::open(&folder, options.cache_bytes)?;
        let tables = Arc::new(tables);
        let ended = CancellationToken::new();
        let core = Arc::new(Core {
            options,
            folder,
            tables: watch::Sender::new(Some(Arc::clone(&tables))),
            ready: AtomicBool::new(true),
            busy: Mutex::new(None),
            ended: ended.clone(),
            recent: Recent::new(options.recent_bytes),
            send_limits: SendLimits::new(&options.quotas),
            readers: Arc::new(Semaphore::new(READERS)),
            metrics,
        });
        core.set_ready(true);
        let shared = Arc::downgrade(&core);
        let started = Writer::start(Arc::clone(&core), tables, commit);
        let (writer, thread) = started.map_err(|error| OpenError(format!("the store's writer cannot start: {error}")))?;
        Ok((Self { core, writer }, WriterThread { thread, core: shared, ended }))
    }

    /// The store's ports.
    pub fn stores(self) -> Stores {
        let login_failures = OwnLoginFailures::new(self.core.options.quotas.login_failures);
        let store = Arc::new(self);
        Stores {
            users: store.clone(),
            sessions: store.clone(),
            groups: store.clone(),
            conversations: store.clone(),
            messages: store.clone(),
            login_failures: Arc::new(login_failures),
            health: store,
        }
    }

    /// Reads what may be much, away from the threads that serve sockets.
    async fn read_much<T: Send + 'static>(
        &self,
        read: impl FnOnce(&View) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let slot = tokio::time::timeout(READ_WITHIN, Arc::clone(&self.core.readers).acquire_owned()).await;
        let slot = slot.map_err(|_| StoreError::TimedOut)?;
        let view = self.core.view().await?;
        let read = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            read(&view)
        })
        .await;
        read.unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))
    }
}

#[async_trait]
impl Health for Embedded {
    async fn ready(&self) -> Result<(), StoreError> {
        if self.core.is_stuck(ANSWER_WITHIN) {
            return Err(StoreError::TimedOut);
        }
        if self.core.ready.load(Ordering::Acquire) {
            Ok(())
        } else {
            Err(StoreError::Unavailable("the disk takes no data".to_owned()))
        }
    }
}
