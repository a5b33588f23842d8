//! SQLite: WAL, `synchronous=FULL` (the log is synced at every commit), clustered tables.

use super::{CACHE_BYTES, Store, seq_from};
use crate::{
    Result,
    load::{Send, pair},
};
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS messages (k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS ids (k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS heads (k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS own (k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID;";

pub struct Sqlite {
    connection: Connection,
}

impl Sqlite {
    pub fn open(folder: &Path) -> Result<Sqlite> {
        let connection = Connection::open(folder.join("store.db"))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "cache_size", -i64::try_from(CACHE_BYTES / 1024)?)?;
        connection.execute_batch(TABLES)?;
        Ok(Sqlite { connection })
    }

    fn get(&self, query: &str, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut statement = self.connection.prepare_cached(query)?;
        Ok(statement.query_row([key], |row| row.get(0)).optional()?)
    }
}

impl Store for Sqlite {
    fn commit(&mut self, sends: &[Send]) -> Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut messages = transaction.prepare_cached("INSERT INTO messages VALUES (?1, ?2)")?;
            let mut ids = transaction.prepare_cached("INSERT INTO ids VALUES (?1, ?2)")?;
            let mut heads = transaction.prepare_cached("INSERT OR REPLACE INTO heads VALUES (?1, ?2)")?;
            let mut own = transaction.prepare_cached("INSERT OR REPLACE INTO own VALUES (?1, ?2)")?;
            for send in sends {
                let (key, seq) = (send.message_key(), send.seq.to_be_bytes());
                messages.execute(params![key, send.body])?;
                ids.execute(params![send.id_key(), key])?;
                heads.execute(params![send.conversation.to_be_bytes(), seq])?;
                own.execute(params![send.own_key(), seq])?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn last(&self, conversation: u64, count: usize) -> Result<Vec<Vec<u8>>> {
        let query = "SELECT v FROM messages WHERE k >= ?1 AND k < ?2 ORDER BY k DESC LIMIT ?3";
        let mut statement = self.connection.prepare_cached(query)?;
        let range = params![pair(conversation, 0), pair(conversation + 1, 0), i64::try_from(count)?];
        let rows = statement.query_map(range, |row| row.get(0))?;
        rows.map(|row| Ok(row?)).collect()
    }

    fn message(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.get("SELECT v FROM messages WHERE k = ?1", key)
    }

    fn id(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.get("SELECT v FROM ids WHERE k = ?1", key)
    }

    fn head(&self, conversation: u64) -> Result<u64> {
        let head = self.get("SELECT v FROM heads WHERE k = ?1", &conversation.to_be_bytes())?;
        head.map_or(Ok(0), |v| seq_from(&v))
    }
}
