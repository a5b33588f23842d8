//! The open store: its tables, consistent views of them, and the check that nothing synced is missing.

use std::ops::RangeBounds;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, Readable, Slice, Snapshot};

use super::folder::{Folder, OpenError};
use super::keys::{self, Key, Table};
use crate::store::StoreError;

/// The schema that this release reads and writes.
const SCHEMA: u32 = 1;

/// All journals together: they are replayed, and copied, at each start.
const JOURNAL_BYTES: u64 = 64 << 20;

/// What a table holds in memory before it is written out.
const MEMTABLE_BYTES: u64 = 8 << 20;

/// The open store.
pub(super) struct Tables {
    pub(super) db: Database,
    keyspaces: Vec<Keyspace>,
}

impl Tables {
    /// Opens the store at the start of the process. If it lacks what was synced, or cannot be read, the folder is left as
    /// it was found.
    pub(super) fn open(folder: &Folder, cache_bytes: u64) -> Result<(Self, u64), OpenError> {
        let store = folder.store();
        let mark = folder.mark()?;
        if mark.is_some_and(|commit| commit > 0) && !store.join("version").exists() {
            return Err(OpenError(format!(
                "the store in {} is gone, but its mark is not; restore a backup",
                store.display()
            )));
        }
        let aside = |error| OpenError(format!("the journals in {} cannot be copied: {error}", store.display()));
        folder.copy_journals().map_err(aside)?;
        let opened = Self::open_checked(&store, cache_bytes, mark);
        let settled = if opened.is_err() { folder.restore_journals() } else { Ok(()) };
        settled.and_then(|()| folder.forget_journals()).map_err(aside)?;
        opened
    }

    /// Opens the store and checks that it holds the commit `mark`. Answers it with the number of its last commit.
    pub(super) fn open_checked(store: &Path, cache_bytes: u64, mark: Option<u64>) -> Result<(Self, u64), OpenError> {
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
            Some(mark) if commit < mark => Err(failed(format!(
                "{} synced commits are missing (it ends at {commit}, {mark} were synced), a journal is cut or damaged; restore \
                 a backup, or delete the file commit-mark beside it to go on without them",
                mark - commit
            ))),
            _ => Ok((tables, commit)),
        }
    }

    fn open_unchecked(store: &Path, cache_bytes: u64) -> fjall::Result<Self> {
        let db = Database::builder(store).cache_size(cache_bytes).max_journaling_size(JOURNAL_BYTES).open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
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

    /// The newest row at `key`; only the writer, which sees no half of a commit, reads so.
    pub(super) fn get(&self, key: &Key) -> Result<Option<Slice>, StoreError> {
        self.keyspace(key.table).get(&key.bytes).map_err(failed)
    }
}

/// The tables at one moment, after some commit and before the next.
pub(super) struct View {
    pub(super) tables: std::sync::Arc<Tables>,
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

/// What an error of the store means to those who asked.
pub(super) fn failed(error: fjall::Error) -> StoreError {
    match error {
        fjall::Error::Io(_) | fjall::Error::Poisoned | fjall::Error::Locked => StoreError::Unavailable(error.to_string()),
        other => StoreError::Corrupt(other.to_string()),
    }
}
