//! Changes on their way to disk: one batch for many jobs, one transaction for each.

use std::collections::HashMap;
use std::sync::Arc;

use fjall::{PersistMode, Slice};
use serde::Serialize;

use super::hot::Hot;
use super::keys::Key;
use super::rows;
use super::tables::{Tables, failed};
use crate::store::StoreError;

/// The changes of all jobs that will share one sync. A row that is gone is `None`.
#[derive(Default)]
pub(super) struct Batch {
    rows: HashMap<Key, Option<Slice>>,
}

impl Batch {
    /// Whether there is anything to store.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Stores everything, all or nothing, under the number `commit`; durable when it answers.
    pub(super) fn commit(self, tables: &Tables, hot: &Hot, commit: u64) -> Result<(), StoreError> {
        let stored = self.store(tables, hot, commit);
        if stored.is_err() {
            hot.clear();
        }
        stored
    }

    fn store(self, tables: &Tables, hot: &Hot, commit: u64) -> Result<(), StoreError> {
        let mut batch = tables.db.batch().durability(Some(PersistMode::SyncData));
        for (key, row) in self.rows {
            hot.put(&key, row.as_ref());
            match row {
                Some(row) => batch.insert(tables.keyspace(key.table), key.bytes, row),
                None => batch.remove(tables.keyspace(key.table), key.bytes),
            }
        }
        for (key, number) in Tables::stamp(commit) {
            batch.insert(tables.keyspace(key.table), key.bytes, number);
        }
        batch.commit().map_err(failed)
    }
}

/// What one job reads and writes. It sees the changes of the jobs before it; its own join the batch only if it succeeds.
pub(super) struct Tx<'a> {
    tables: &'a Arc<Tables>,
    hot: &'a Hot,
    batch: &'a mut Batch,
    staged: HashMap<Key, Option<Slice>>,
}

impl<'a> Tx<'a> {
    pub(super) fn new((tables, hot): (&'a Arc<Tables>, &'a Hot), batch: &'a mut Batch) -> Self {
        Self { tables, hot, batch, staged: HashMap::new() }
    }

    /// The row at `key`, as this job and those before it left it.
    pub(super) fn get(&self, key: &Key) -> Result<Option<Slice>, StoreError> {
        if let Some(row) = self.staged.get(key).or_else(|| self.batch.rows.get(key)) {
            return Ok(row.clone());
        }
        if let Some(row) = self.hot.get(key) {
            return Ok(Some(row));
        }
        let row = self.tables.get(key)?;
        if let Some(row) = &row {
            self.hot.put(key, Some(row));
        }
        Ok(row)
    }

    /// Writes a row.
    pub(super) fn put<R: Serialize>(&mut self, key: Key, row: &R) -> Result<(), StoreError> {
        self.staged.insert(key, Some(rows::encode(row)?.into()));
        Ok(())
    }

    /// Removes a row.
    pub(super) fn delete(&mut self, key: Key) {
        self.staged.insert(key, None);
    }

    /// Hands the job's changes to the batch.
    pub(super) fn keep(self) {
        self.batch.rows.extend(self.staged);
    }
}
