//! The stores under one trait, each set as Nexo would set it: 64 MiB of cache, synced before `commit` returns.

mod fjall;
mod redb;
mod sqlite;

use crate::{Result, load::Send};
use std::path::Path;

/// What can be chosen.
pub const NAMES: [&str; 3] = ["fjall", "redb", "sqlite"];
const CACHE_BYTES: usize = 64 * 1024 * 1024;

/// An embedded store with the four tables of a send.
pub trait Store {
    /// Stores all the sends in one transaction; they are on the disk when it returns.
    fn commit(&mut self, sends: &[Send]) -> Result<()>;
    /// The bodies of up to `count` messages of a conversation, the last first.
    fn last(&self, conversation: u64, count: usize) -> Result<Vec<Vec<u8>>>;
    /// The body of one message.
    fn message(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;
    /// The message key that a (sender, client_msg_id) points to.
    fn id(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;
    /// The highest seq of a conversation, 0 if it has none.
    fn head(&self, conversation: u64) -> Result<u64>;
}

/// Opens a store by its name, making it if the folder has none.
pub fn open(name: &str, folder: &Path) -> Result<Box<dyn Store>> {
    std::fs::create_dir_all(folder)?;
    match name {
        "fjall" => Ok(Box::new(fjall::Fjall::open(folder)?)),
        "guarded" => {
            crate::journal::refuse_damage(&folder.join("store"))?;
            open("fjall", folder)
        }
        "redb" => Ok(Box::new(redb::Redb::open(folder)?)),
        "sqlite" => Ok(Box::new(sqlite::Sqlite::open(folder)?)),
        _ => Err(format!("no store is called {name}").into()),
    }
}

/// Reads a stored seq.
fn seq_from(bytes: &[u8]) -> Result<u64> {
    Ok(u64::from_be_bytes(bytes.try_into()?))
}
