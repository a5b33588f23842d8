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

/// Checks a store's journals: refuses what was damaged after it was synced, and cuts off a batch that never was. Answers the
/// number of the last commit in them, if there is one.
pub(super) fn check(store: &Path) -> Result<Option<u64>, OpenError> {
    let failed = |path: &Path, error: &io::Error| OpenError(format!("cannot read {}: {error}", path.display()));
    let journals = journals(store).map_err(|error| failed(store, &error))?;
    let mut last = None;
    for (index, path) in journals.iter().enumerate() {
        let bytes = fs::read(path).map_err(|error| failed(path, &error))?;
        let scan = Scan::of(&bytes, last);
        last = scan.last_commit;
        let rest = bytes.get(scan.intact..).unwrap_or_default();
        if rest.iter().all(|&byte| byte == 0) {
            continue;
        }
        let in_use = index + 1 == journals.len();
        if !in_use || has_batch(rest) {
            return Err(OpenError(format!(
                "the journal {} is damaged at byte {}: it held synced data behind that; restore a backup",
                path.display(),
                scan.intact
            )));
        }
        let cut = OpenOptions::new().write(true).open(path).and_then(|file| {
            file.set_len(scan.intact as u64)?;
            file.sync_all()
        });
        cut.map_err(|error| failed(path, &error))?;
        tracing::info!(bytes = rest.len(), "cut a batch that was never synced off the journal");
    }
    Ok(last)
}

/// How far a journal is intact and in order.
struct Scan {
    intact: usize,
    last_commit: Option<u64>,
}

impl Scan {
    fn of(bytes: &[u8], before: Option<u64>) -> Self {
        let mut scan = Self { intact: 0, last_commit: before };
        while let Some(batch) = bytes.get(scan.intact..).and_then(Batch::first) {
            let gap = scan.last_commit.is_some_and(|last| batch.commit != Some(last + 1));
            if gap || batch.commit.is_none() {
                break;
            }
            scan.last_commit = batch.commit;
            scan.intact += batch.bytes;
        }
        scan
    }
}

/// Whether an intact batch starts anywhere behind the first byte.
fn has_batch(bytes: &[u8]) -> bool {
    let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == START);
    starts.filter_map(|(at, _)| bytes.get(at..)).any(|rest| Batch::first(rest).is_some())
}

/// An intact batch.
struct Batch {
    bytes: usize,
    commit: Option<u64>,
}

impl Batch {
    /// The intact batch that these bytes begin with.
    fn first(bytes: &[u8]) -> Option<Self> {
        let start = bytes.get(..START_BYTES).filter(|start| start[0] == START)?;
        let items = u32::from_le_bytes(start[1..5].try_into().ok()?);
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
        (sum == hasher.finish()).then_some(Self { bytes: at + END_BYTES, commit })
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
        fs::copy(&path, aside)?;
        fs::File::open(aside)?.sync_all()?;
        fs::rename(aside, &path)?;
    }
    fs::File::open(store)?.sync_all()
}
