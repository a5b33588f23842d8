//! The one writer: a thread that takes all changes, gives them an order, and syncs once for many.
//!
//! After a failed write (a full disk, say) the store refuses changes for good, while reads go on. The writer then refuses
//! what comes, tries the disk, and opens the store again when there is room.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use fjall::PersistMode;
use tokio::sync::oneshot;

use super::batch::{Batch, Tx};
use super::hot::Hot;
use super::memtables::Memtables;
use super::tables::{Tables, failed};
use super::{ANSWER_WITHIN, Core, journal};
use crate::store::{OnCommit, StoreError};
use crate::telemetry::Trace;

/// Changes that may wait for the writer; past it, callers are told to come back.
const QUEUE: usize = 4_096;

/// How often a failed disk is tried.
const PROBE_EVERY: Duration = Duration::from_millis(250);

/// How often the mark is made durable while there is traffic.
const MARK_EVERY: Duration = Duration::from_secs(1);

/// How long readers may keep the writer from opening the store again.
const REOPEN_WITHIN: Duration = Duration::from_secs(10);

/// One change on its way.
trait Job: Send {
    /// Decides and writes.
    fn run(&mut self, tx: Tx<'_>);
    /// Tells the caller, once the outcome is known.
    fn answer(&mut self, synced: Result<(), &str>);
    /// Tells the world, once the change is known to be stored and all callers of the batch were told.
    fn committed(&mut self);
}

/// A change with its caller.
struct Change<T, W> {
    work: Option<W>,
    outcome: Option<Result<T, StoreError>>,
    caller: Option<oneshot::Sender<Result<T, StoreError>>>,
    hook: Option<OnCommit<T>>,
    /// What the hook is called with, if it turns out to be stored.
    stored: Option<T>,
}

impl<T, W> Job for Change<T, W>
where
    T: Clone + Send,
    W: FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, mut tx: Tx<'_>) {
        let Some(work) = self.work.take() else { return };
        let outcome = work(&mut tx);
        if outcome.is_ok() {
            tx.keep();
        }
        self.outcome = Some(outcome);
    }

    fn answer(&mut self, synced: Result<(), &str>) {
        let lost = |why: &str| Err(StoreError::Unavailable(why.to_owned()));
        let outcome = self.outcome.take();
        self.stored = outcome.as_ref().and_then(|outcome| outcome.as_ref().ok()).cloned();
        let outcome = match (synced, outcome) {
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => lost("the change was not run"),
            (Err(why), _) => lost(why),
        };
        if let Some(caller) = self.caller.take() {
            // A caller that has gone away wants no answer.
            let _ = caller.send(outcome);
        }
    }

    fn committed(&mut self) {
        if let (Some(stored), Some(hook)) = (self.stored.take(), self.hook.take()) {
            hook(&stored);
        }
    }
}

struct Queued {
    job: Box<dyn Job>,
    since: Instant,
    trace: Trace,
}

/// The way to the writer.
#[derive(Clone)]
pub(super) struct Writer {
    jobs: SyncSender<Queued>,
}

impl Writer {
    /// Starts the thread. It ends when the last sender is gone, after what was queued is stored.
    pub(super) fn start(
        core: Arc<Core>,
        tables: Arc<Tables>,
        commit: u64,
    ) -> std::io::Result<(Self, std::thread::JoinHandle<()>)> {
        let (jobs, queue) = sync_channel(QUEUE);
        let state = State {
            core,
            queue,
            tables: Some(tables),
            hot: Hot::default(),
            memtables: Memtables::start()?,
            commit,
            mark_synced: Instant::now(),
            mark_dirty: false,
        };
        let thread = std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || state.run())?;
        Ok((Self { jobs }, thread))
    }

    /// Runs `work` in its turn and answers when what it wrote is durable; then calls `hook`, if it succeeded.
    pub(super) async fn change<T: Clone + Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
        hook: Option<OnCommit<T>>,
    ) -> Result<T, StoreError> {
        let (caller, answer) = oneshot::channel();
        let change = Change { work: Some(work), outcome: None, caller: Some(caller), hook, stored: None };
        let queued = Queued { job: Box::new(change), since: Instant::now(), trace: Trace::current() };
        match self.jobs.try_send(queued) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(StoreError::Unavailable("too many changes wait".to_owned())),
            Err(TrySendError::Disconnected(_)) => return Err(StoreError::Unavailable("the writer has ended".to_owned())),
        }
        match tokio::time::timeout(ANSWER_WITHIN, answer).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(StoreError::Unavailable("the writer has ended".to_owned()))),
            Err(_) => Err(StoreError::TimedOut),
        }
    }
}

struct State {
    core: Arc<Core>,
    queue: Receiver<Queued>,
    /// `None` while the store is shut after a failed write.
    tables: Option<Arc<Tables>>,
    hot: Hot,
    memtables: Memtables,
    commit: u64,
    mark_synced: Instant,
    mark_dirty: bool,
}

impl State {
    fn run(mut self) {
        let core = Arc::clone(&self.core);
        let _ended = core.ended.clone().drop_guard();
        self.serve();
        self.sync_mark();
        // The store is closed before anybody is told that this thread has ended.
        core.tables.send_replace(None);
        drop(self);
    }

    /// Takes changes until nobody is left who could ask.
    fn serve(&mut self) {
        loop {
            match self.queue.recv_timeout(MARK_EVERY) {
                Ok(first) => self.batch(first),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.mark_dirty && self.mark_synced.elapsed() >= MARK_EVERY {
                self.sync_mark();
            }
        }
    }

    fn batch(&mut self, first: Queued) {
        let mut queued = vec![first];
        let more = self.core.options.batch_max.saturating_sub(1);
        queued.extend(self.queue.try_iter().take(more));
        let metrics = Arc::clone(&self.core.metrics);
        let started = Instant::now();
        for waiting in &queued {
            metrics.queue_stage.observe((started - waiting.since).as_secs_f64());
            drop(waiting.trace.stage_since("store.queue", waiting.since));
        }
        metrics.batch_size.observe(queued.len() as f64);
        self.core.set_busy(Some(started));
        let (before, outcome) = (self.commit, self.store(&mut queued));
        self.core.set_busy(None);
        for waiting in &mut queued {
            waiting.job.answer(outcome.as_ref().copied().map_err(String::as_str));
        }
        if let Err(cause) = outcome {
            self.revive(&cause);
            // A sync can fail of a batch that is whole on disk all the same: then it is stored, and the world is told.
            if self.commit == before {
                return;
            }
        }
        for Queued { job, trace, .. } in &mut queued {
            trace.enter(|| job.committed());
        }
        if let Some(tables) = &self.tables {
            self.memtables.hold(tables.memtables());
        }
    }

    /// Runs the jobs and syncs what they wrote.
    fn store(&mut self, queued: &mut [Queued]) -> Result<(), String> {
        let Some(tables) = &self.tables else { return Err("the store is being opened again".to_owned()) };
        let mut batch = Batch::default();
        let started = Instant::now();
        for waiting in &mut *queued {
            waiting.job.run(Tx::new((tables, &self.hot), &mut batch));
        }
        let applied = Instant::now();
        self.core.metrics.apply_stage.observe((applied - started).as_secs_f64());
        trace(queued, "store.apply", started);
        if batch.is_empty() {
            return Ok(());
        }
        let commit = self.commit + 1;
        // A store whose background work has failed would have a commit wait for it for ever; asked this way, it says so.
        tables.db.persist(PersistMode::Buffer).map_err(|error| failed(error).to_string())?;
        batch.commit(tables, &self.hot, commit).map_err(|error| error.to_string())?;
        self.core.metrics.sync_stage.observe(applied.elapsed().as_secs_f64());
        trace(queued, "store.sync", applied);
        self.commit = commit;
        if let Err(error) = self.core.folder.set_mark(commit) {
            // The change is durable all the same; only a later loss of it would go unnoticed.
            tracing::warn!(commit, %error, "could not write the commit mark {commit}");
        }
        self.mark_dirty = true;
        Ok(())
    }

    fn sync_mark(&mut self) {
        if let Err(error) = self.core.folder.sync_mark() {
            tracing::warn!(%error, "could not sync the commit mark");
        }
        (self.mark_synced, self.mark_dirty) = (Instant::now(), false);
    }

    /// Refuses changes until the disk takes data again, then opens the store anew.
    fn revive(&mut self, cause: &str) {
        tracing::error!(cause, "a write to the store failed; changes are refused until the disk takes data again");
        self.core.set_ready(false);
        let mut said = String::new();
        loop {
            if self.refuse_for(PROBE_EVERY, cause).is_err() {
                return;
            }
            match self.core.folder.probe().map_err(|error| error.to_string()).and_then(|()| self.reopen()) {
                Ok(()) => break,
                Err(error) if error == said => {}
                Err(error) => {
                    tracing::warn!(error, "the store cannot be opened again yet: {error}");
                    said = error;
                }
            }
        }
        self.core.metrics.store_reopens.inc();
        self.core.set_ready(true);
        tracing::info!(commit = self.commit, "the store takes changes again, from commit {}", self.commit);
    }

    /// Refuses what comes within `time`; `Err` if nobody is left who could ask.
    fn refuse_for(&self, time: Duration, cause: &str) -> Result<(), ()> {
        let until = Instant::now() + time;
        loop {
            match self.queue.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(mut waiting) => waiting.job.answer(Err(cause)),
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => return Err(()),
            }
        }
    }

    /// Opens the store anew. Readers wait meanwhile.
    fn reopen(&mut self) -> Result<(), String> {
        let folder = &self.core.folder;
        if let Some(mut tables) = self.tables.take() {
            if let Err(error) = journal::rewrite(&folder.store(), &folder.aside()) {
                self.tables = Some(tables);
                return Err(format!("its journals cannot be written again: {error}"));
            }
            self.core.tables.send_replace(None);
            let deadline = Instant::now() + REOPEN_WITHIN;
            loop {
                match Arc::try_unwrap(tables) {
                    Ok(last) => break drop(last),
                    Err(shared) if Instant::now() < deadline => {
                        tables = shared;
                        std::thread::yield_now();
                    }
                    Err(shared) => {
                        // A reader hangs on a dead disk: go on reading from what is open, and try again later.
                        self.core.tables.send_replace(Some(Arc::clone(&shared)));
                        self.tables = Some(shared);
                        return Err("readers still use the store".to_owned());
                    }
                }
            }
        }
        let opened = Tables::recover(&folder.store(), self.core.options.cache_bytes, Some(self.commit));
        let (tables, commit) = opened.map_err(|error| error.to_string())?;
        self.hot.clear();
        let tables = Arc::new(tables);
        self.core.tables.send_replace(Some(Arc::clone(&tables)));
        (self.tables, self.commit) = (Some(tables), commit);
        Ok(())
    }
}

/// Tells the traces of a batch of a stage that ends now.
fn trace(queued: &[Queued], stage: &'static str, since: Instant) {
    for Queued { trace, .. } in queued.iter().filter(|waiting| waiting.trace.is_on()) {
        trace.stage_since(stage, since).set("nexo.batch_size", queued.len() as i64);
    }
}
