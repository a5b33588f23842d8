//! fjall: four keyspaces, one journal; a batch is synced before it is visible.

use super::{CACHE_BYTES, Store, seq_from};
use crate::{
    Result,
    load::{Send, pair},
};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use std::path::Path;

const MEMTABLE_BYTES: u64 = 16 * 1024 * 1024;
const JOURNAL_BYTES: u64 = 128 * 1024 * 1024;

pub struct Fjall {
    database: Database,
    messages: Keyspace,
    ids: Keyspace,
    heads: Keyspace,
    own: Keyspace,
}

impl Fjall {
    pub fn open(folder: &Path) -> Result<Fjall> {
        let database = Database::builder(folder.join("store"))
            .cache_size(CACHE_BYTES as u64)
            .max_journaling_size(JOURNAL_BYTES)
            .open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        Ok(Fjall {
            messages: database.keyspace("messages", options)?,
            ids: database.keyspace("ids", options)?,
            heads: database.keyspace("heads", options)?,
            own: database.keyspace("own", options)?,
            database,
        })
    }
}

impl Store for Fjall {
    fn commit(&mut self, sends: &[Send]) -> Result<()> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        for send in sends {
            let (key, seq) = (send.message_key(), send.seq.to_be_bytes());
            batch.insert(&self.messages, key, send.body.as_slice());
            batch.insert(&self.ids, send.id_key(), key);
            batch.insert(&self.heads, send.conversation.to_be_bytes(), seq);
            batch.insert(&self.own, send.own_key(), seq);
        }
        Ok(batch.commit()?)
    }

    fn last(&self, conversation: u64, count: usize) -> Result<Vec<Vec<u8>>> {
        let range = pair(conversation, 0)..pair(conversation + 1, 0);
        let rows = self.messages.range(range).rev().take(count);
        rows.map(|row| Ok(row.value()?.to_vec())).collect()
    }

    fn message(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.messages.get(key)?.map(|v| v.to_vec()))
    }

    fn id(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.ids.get(key)?.map(|v| v.to_vec()))
    }

    fn head(&self, conversation: u64) -> Result<u64> {
        self.heads.get(conversation.to_be_bytes())?.map_or(Ok(0), |v| seq_from(&v))
    }
}
