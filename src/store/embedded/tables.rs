//! The open store: its tables, consistent views of them, and the check that nothing synced is missing.

use std::fs;
use std::ops::RangeBounds;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use fjall::compaction::Leveled;
use fjall::{AbstractTree, Database, Keyspace, KeyspaceCreateOptions, Readable, Slice, Snapshot};

use super::folder::{Folder, OpenError};
use super::journal::{self, Checked, Torn};
use super::keys::{self, Key, Table};
use super::memtables::Memtable;
use crate::store::StoreError;

/// The schema that this release reads and writes.
const SCHEMA: u32 = 1;

/// All journals together: they are replayed, and copied, at each start.
const JOURNAL_BYTES: u64 = 64 << 20;

/// Threads that write tables out and merge them. Of several, fjall 3.1's first one merges nothing, and while all others do, it turns
/// around the queue as fast as it can: two threads cost a core. Two cores have none to spare.
fn workers() -> usize {
    match std::thread::available_parallelism().map_or(1, usize::from) {
        ..=3 => 1,
        _ => 4,
    }
}

/// What a table holds in memory before it is written out. The less it is, the more is merged; see docs/performance.md.
const MEMTABLE_BYTES: u64 = 4 << 20;

/// What one file of a table takes. fjall 3.1 ends and syncs the last file of a merge under the lock that reads and commits take: the more
/// it is, the longer they wait. A table keeps this and the above as it was made with them.
const FILE_BYTES: u64 = 8 << 20;

/// The open store.
pub(super) struct Tables {
    pub(super) db: Database,
    keyspaces: Vec<Keyspace>,
}

impl Tables {
    /// Opens the store at the start of the process, and makes it if there is none. If it lacks what was synced, or cannot
    /// be read, it is left as it was found.
    pub(super) fn open(folder: &Folder, cache_bytes: u64) -> Result<(Self, u64), OpenError> {
        let store = folder.store();
        let mark = folder.mark()?;
        if store.exists() {
            check_files(&store)?;
            return Self::recover(&store, cache_bytes, mark);
        } else if mark.is_some_and(|commit| commit > 0) {
            return Err(OpenError(format!("the store {} is gone, but its mark is not; restore a backup", store.display())));
        } else {
            Self::make(folder, cache_bytes)?;
        }
        Self::open_checked(&store, cache_bytes, mark)
    }

    /// Opens a store that is there, once its journals were found to be whole.
    pub(super) fn recover(store: &Path, cache_bytes: u64, mark: Option<u64>) -> Result<(Self, u64), OpenError> {
        let failed = |error| OpenError(format!("a journal of the store {} cannot be written: {error}", store.display()));
        let Checked { last, torn } = journal::check(store)?;
        if let (Some(last), Some(mark)) = (last, mark)
            && last < mark
        {
            return Err(missing(store, last, mark));
        }
        torn.as_ref().map_or(Ok(()), Torn::cut).map_err(failed)?;
        let opened = Self::open_checked(store, cache_bytes, mark);
        if opened.is_err() {
            torn.as_ref().map_or(Ok(()), Torn::put_back).map_err(failed)?;
        }
        opened
    }

    /// Makes a store. One that was not finished, because the process was killed, is made anew.
    fn make(folder: &Folder, cache_bytes: u64) -> Result<(), OpenError> {
        let (unfinished, store) = (folder.unfinished(), folder.store());
        let failed =
            |error: &dyn std::fmt::Display| OpenError(format!("cannot make the store {}: {error}", store.display()));
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(|error| failed(&error))?;
        }
        drop(Self::open_unchecked(&unfinished, cache_bytes).map_err(|error| failed(&error))?);
        fs::rename(&unfinished, &store).and_then(|()| folder.sync()).map_err(|error| failed(&error))
    }

    /// Opens the store and checks that it holds the commit `mark`. Answers it with the number of its last commit.
    fn open_checked(store: &Path, cache_bytes: u64, mark: Option<u64>) -> Result<(Self, u64), OpenError> {
        let failed = |cause: String| OpenError(format!("the store in {} cannot be opened: {cause}", store.display()));
        // The store's decoders are not written for damaged files throughout: a panic is a refusal like another.
        let opened = catch_unwind(AssertUnwindSafe(|| Self::open_unchecked(store, cache_bytes)));
        let tables = match opened {
            Ok(tables) => tables.map_err(|error| failed(error.to_string()))?,
            Err(_) => return Err(failed("its files are damaged".to_owned())),
        };
        let number = |key: Key| tables.read_number(&key).map_err(|error| failed(error.to_string()));
        let (schema, commit) = (number(keys::schema())?, number(keys::commit())?.unwrap_or(0));
        match schema {
            Some(schema) if schema > u64::from(SCHEMA) => {
                return Err(failed(format!("it has schema {schema}, of a newer release; this one reads up to {SCHEMA}")));
            }
            None if commit > 0 => return Err(failed("it has no schema version".to_owned())),
            _ => {}
        }
        match mark {
            Some(mark) if commit < mark => Err(missing(store, commit, mark)),
            _ => Ok((tables, commit)),
        }
    }

    fn open_unchecked(store: &Path, cache_bytes: u64) -> fjall::Result<Self> {
        let db = Database::builder(store)
            .cache_size(cache_bytes)
            .max_journaling_size(JOURNAL_BYTES)
            .worker_threads(workers())
            .open()?;
        let merging = Arc::new(Leveled::default().with_table_target_size(FILE_BYTES));
        let options =
            || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES).compaction_strategy(merging.clone());
        let keyspaces = Table::ALL.iter().map(|table| db.keyspace(table.name(), options)).collect::<fjall::Result<_>>()?;
        Ok(Self { db, keyspaces })
    }

    fn read_number(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        let Some(bytes) = self.get(key)? else { return Ok(None) };
        let bytes = <[u8; 8]>::try_from(&*bytes).map_err(|_| StoreError::Corrupt("a number is damaged".to_owned()))?;
        Ok(Some(u64::from_be_bytes(bytes)))
    }

    /// The rows that every commit carries: its number, and the schema that it is of.
    pub(super) fn stamp(commit: u64) -> [(Key, [u8; 8]); 2] {
        [(keys::commit(), commit.to_be_bytes()), (keys::schema(), u64::from(SCHEMA).to_be_bytes())]
    }

    /// The keyspace of a table.
    pub(super) fn keyspace(&self, table: Table) -> &Keyspace {
        &self.keyspaces[table as usize]
    }

    /// What each table is written to in memory.
    pub(super) fn memtables(&self) -> impl Iterator<Item = Memtable> {
        self.keyspaces.iter().map(|keyspace| keyspace.tree.active_memtable() as Memtable)
    }

    /// The newest row at `key`; only the writer, which sees no half of a commit, reads so.
    pub(super) fn get(&self, key: &Key) -> Result<Option<Slice>, StoreError> {
        self.keyspace(key.table).get(&key.bytes).map_err(failed)
    }
}

/// The tables at one moment, after some commit and before the next.
pub(super) struct View {
    pub(super) tables: Arc<Tables>,
    pub(super) snapshot: Snapshot,
}

impl View {
    /// The row at `key`.
    pub(super) fn get(&self, key: &Key) -> Result<Option<Slice>, StoreError> {
        self.snapshot.get(self.tables.keyspace(key.table), &key.bytes).map_err(failed)
    }

    /// The rows in a range of keys, ascending.
    pub(super) fn range<R: RangeBounds<Vec<u8>>>(
        &self,
        table: Table,
        range: R,
    ) -> impl Iterator<Item = Result<(Slice, Slice), StoreError>> + use<R> {
        self.snapshot.range(self.tables.keyspace(table), range).map(|row| row.into_inner().map_err(failed))
    }

    /// The rows whose keys begin with `prefix`, ascending.
    pub(super) fn prefix(
        &self,
        table: Table,
        prefix: Vec<u8>,
    ) -> impl Iterator<Item = Result<(Slice, Slice), StoreError>> + use<> {
        self.snapshot.prefix(self.tables.keyspace(table), prefix).map(|row| row.into_inner().map_err(failed))
    }
}

/// Refuses a store that lacks files which it cannot have lost by itself: it would be opened without what they held.
fn check_files(store: &Path) -> Result<(), OpenError> {
    let refuse = |what: &str| Err(OpenError(format!("the store {} is damaged: {what}; restore a backup", store.display())));
    if !store.join("version").exists() {
        return refuse("its file version is missing");
    }
    if !journal::journals(store).is_ok_and(|journals| !journals.is_empty()) {
        return refuse("its journals are missing");
    }
    let keyspaces = fs::read_dir(store.join("keyspaces")).into_iter().flatten().flatten();
    for keyspace in keyspaces.map(|entry| entry.path()) {
        if keyspace.is_dir() && !keyspace.join("current").exists() {
            return refuse(&format!("{} has no file named current", keyspace.display()));
        }
    }
    Ok(())
}

/// The refusal of a store that ends before what was synced.
fn missing(store: &Path, commit: u64, mark: u64) -> OpenError {
    OpenError(format!(
        "the store {} lacks the last {} synced commits: a journal is cut; restore a backup, or delete the file commit-mark \
         beside it to go on without them",
        store.display(),
        mark - commit
    ))
}

/// What an error of the store means to those who asked.
pub(super) fn failed(error: fjall::Error) -> StoreError {
    match error {
        fjall::Error::Io(_) | fjall::Error::Poisoned | fjall::Error::Locked => StoreError::Unavailable(error.to_string()),
        other => StoreError::Corrupt(other.to_string()),
    }
}
