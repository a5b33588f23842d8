//! The journals, looked at before the store opens them.
//!
//! fjall cuts a journal at the first batch that it cannot parse, and goes on: damage to what was synced would go unnoticed. But
//! each batch is synced before the next is written, so a batch that a power loss tore has nothing behind it. Whatever else is
//! broken was damaged, and so was a journal whose batches lack a commit number in the row: ours have no gaps.
//!
//! The format is that of fjall 3.1.13, `src/journal/entry.rs`, without compression.

use std::fs::{self, OpenOptions};
use std::hash::Hasher;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use super::folder::OpenError;
use super::keys;

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
const START_BYTES: usize = 13;
const ITEM_HEAD_BYTES: usize = 21;
const END_BYTES: usize = 13;
const CLEAR_BYTES: usize = 9;
const TRAILER: &[u8] = b"FJL\x03";

/// A store's journals, in the order in which they were written.
pub(super) fn journals(store: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(store)? {
        let path = entry?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<u64>().ok());
        if let Some(number) = number.filter(|_| path.extension().is_some_and(|extension| extension == "jnl")) {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// What the journals hold.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// The number of the last commit in them, if there is one.
    pub(super) last: Option<u64>,
    /// The batch at the very end that was never synced whole, if there is one.
    pub(super) torn: Option<Torn>,
}

/// The beginning of a batch that was never synced whole. fjall refuses some of them, so it is cut off before.
#[derive(Debug)]
pub(super) struct Torn {
    path: PathBuf,
    at: usize,
    bytes: Vec<u8>,
}

impl Torn {
    /// Cuts it off.
    pub(super) fn cut(&self) -> io::Result<()> {
        tracing::info!(bytes = self.bytes.len(), "a batch that was never synced is cut off the journal");
        let file = OpenOptions::new().write(true).open(&self.path)?;
        file.set_len(self.at as u64)?;
        file.sync_all()
    }

    /// Puts it back.
    pub(super) fn put_back(&self) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(&self.path)?;
        file.set_len(self.at as u64)?;
        file.write_all_at(&self.bytes, self.at as u64)?;
        file.sync_all()
    }
}

/// Looks at a store's journals, changing nothing, and refuses what was damaged after it was synced.
pub(super) fn check(store: &Path) -> Result<Checked, OpenError> {
    let failed = |path: &Path, error: &io::Error| OpenError(format!("cannot read {}: {error}", path.display()));
    let journals = journals(store).map_err(|error| failed(store, &error))?;
    let (mut scan, mut torn) = (Scan::default(), None);
    for (index, path) in journals.iter().enumerate() {
        let mut bytes = fs::read(path).map_err(|error| failed(path, &error))?;
        let intact = scan.run(&bytes);
        let rest = bytes.split_off(intact);
        let in_use = index + 1 == journals.len();
        // A journal is begun when the one before it is full.
        let emptied = intact == 0 && !in_use;
        if !emptied && rest.iter().all(|&byte| byte == 0) {
            continue;
        }
        if !in_use || has_batch(&rest) {
            return Err(OpenError(format!(
                "the store's journal {} is damaged at byte {intact}: it held synced data behind that; restore a backup",
                path.display(),
            )));
        }
        torn = Some(Torn { path: path.clone(), at: intact, bytes: rest });
    }
    Ok(Checked { last: scan.commit, torn })
}

/// How far the journals are intact and in order.
#[derive(Default)]
struct Scan {
    commit: Option<u64>,
    seqno: Option<u64>,
}

impl Scan {
    /// Goes on with the next journal. Answers up to where it is intact.
    fn run(&mut self, bytes: &[u8]) -> usize {
        let mut intact = 0;
        while let Some(batch) = bytes.get(intact..).and_then(Batch::first) {
            let in_order = self.seqno.is_none_or(|last| batch.seqno > last);
            let next = self.commit.is_none_or(|last| batch.commit == Some(last + 1));
            if batch.commit.is_none() || !in_order || !next {
                break;
            }
            (self.commit, self.seqno) = (batch.commit, Some(batch.seqno));
            intact += batch.bytes;
        }
        intact
    }
}

/// Whether an intact batch starts anywhere.
fn has_batch(bytes: &[u8]) -> bool {
    let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == START);
    starts.filter_map(|(at, _)| bytes.get(at..)).any(|rest| Batch::first(rest).is_some())
}

/// An intact batch.
struct Batch {
    bytes: usize,
    seqno: u64,
    commit: Option<u64>,
}

impl Batch {
    /// The intact batch that these bytes begin with.
    fn first(bytes: &[u8]) -> Option<Self> {
        let start = bytes.get(..START_BYTES).filter(|start| start[0] == START)?;
        let items = u32::from_le_bytes(start[1..5].try_into().ok()?);
        let seqno = u64::from_le_bytes(start[5..].try_into().ok()?);
        let (mut at, mut commit) = (START_BYTES, None);
        for _ in 0..items {
            let (length, key, value) = item(bytes.get(at..)?)?;
            if key == keys::commit().bytes {
                commit = value.try_into().ok().map(u64::from_be_bytes);
            }
            at += length;
        }
        let mut hasher = Xxh3::default();
        hasher.update(bytes.get(START_BYTES..at)?);
        let end = bytes.get(at..at + END_BYTES).filter(|end| end[0] == END && end[9..] == *TRAILER)?;
        let sum = u64::from_le_bytes(end[1..9].try_into().ok()?);
        (sum == hasher.finish()).then_some(Self { bytes: at + END_BYTES, seqno, commit })
    }
}

/// An item's length, key and value; a marker has neither of those.
fn item(bytes: &[u8]) -> Option<(usize, &[u8], &[u8])> {
    match *bytes.first()? {
        CLEAR if bytes.len() >= CLEAR_BYTES => Some((CLEAR_BYTES, &[], &[])),
        ITEM => {
            let head = bytes.get(..ITEM_HEAD_BYTES)?;
            let key_end = ITEM_HEAD_BYTES + usize::from(u16::from_le_bytes(head[11..13].try_into().ok()?));
            let end = key_end + u32::from_le_bytes(head[17..21].try_into().ok()?) as usize;
            Some((end, bytes.get(ITEM_HEAD_BYTES..key_end)?, bytes.get(key_end..end)?))
        }
        _ => None,
    }
}

/// Writes each journal anew and puts the copy in its place. After a failed sync the cache may hold what the disk does not; only
/// what is written again is synced again. The store must not be written to meanwhile.
pub(super) fn rewrite(store: &Path, aside: &Path) -> io::Result<()> {
    for path in journals(store)? {
        let copied = fs::copy(&path, aside).and_then(|_| fs::File::open(aside)?.sync_all());
        if let Err(error) = copied {
            // Half a copy would take the room that is lacking.
            fs::remove_file(aside)?;
            return Err(error);
        }
        fs::rename(aside, &path)?;
    }
    fs::File::open(store)?.sync_all()
}
