//! redb: one file, copy-on-write B-trees, `Durability::Immediate` (its default).

use super::{CACHE_BYTES, Store, seq_from};
use crate::{
    Result,
    load::{Send, pair},
};
use redb::{Database, Durability, ReadableDatabase, TableDefinition};
use std::path::Path;

type Table = TableDefinition<'static, &'static [u8], &'static [u8]>;
const MESSAGES: Table = TableDefinition::new("messages");
const IDS: Table = TableDefinition::new("ids");
const HEADS: Table = TableDefinition::new("heads");
const OWN: Table = TableDefinition::new("own");

pub struct Redb {
    database: Database,
}

impl Redb {
    pub fn open(folder: &Path) -> Result<Redb> {
        let database = Database::builder().set_cache_size(CACHE_BYTES).create(folder.join("store.redb"))?;
        let store = Redb { database };
        let write = store.database.begin_write()?;
        for table in [MESSAGES, IDS, HEADS, OWN] {
            write.open_table(table)?;
        }
        write.commit()?;
        Ok(store)
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let table = self.database.begin_read()?.open_table(table)?;
        Ok(table.get(key)?.map(|v| v.value().to_vec()))
    }
}

impl Store for Redb {
    fn commit(&mut self, sends: &[Send]) -> Result<()> {
        let mut write = self.database.begin_write()?;
        write.set_durability(Durability::Immediate)?;
        {
            let (mut messages, mut ids) = (write.open_table(MESSAGES)?, write.open_table(IDS)?);
            let (mut heads, mut own) = (write.open_table(HEADS)?, write.open_table(OWN)?);
            for send in sends {
                let (key, seq) = (send.message_key(), send.seq.to_be_bytes());
                messages.insert(key.as_slice(), send.body.as_slice())?;
                ids.insert(send.id_key().as_slice(), key.as_slice())?;
                heads.insert(send.conversation.to_be_bytes().as_slice(), seq.as_slice())?;
                own.insert(send.own_key().as_slice(), seq.as_slice())?;
            }
        }
        Ok(write.commit()?)
    }

    fn last(&self, conversation: u64, count: usize) -> Result<Vec<Vec<u8>>> {
        let table = self.database.begin_read()?.open_table(MESSAGES)?;
        let (from, to) = (pair(conversation, 0), pair(conversation + 1, 0));
        let rows = table.range(from.as_slice()..to.as_slice())?.rev().take(count);
        rows.map(|row| Ok(row?.1.value().to_vec())).collect()
    }

    fn message(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.get(MESSAGES, key)
    }

    fn id(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.get(IDS, key)
    }

    fn head(&self, conversation: u64) -> Result<u64> {
        self.get(HEADS, &conversation.to_be_bytes())?.map_or(Ok(0), |v| seq_from(&v))
    }
}
