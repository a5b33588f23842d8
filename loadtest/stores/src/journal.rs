//! What fjall 3.1 leaves undone at an open: it cuts a journal at the first batch that it cannot parse, and goes on.
//!
//! Every batch is synced before the next one is written, so a batch that a power loss tore has nothing behind it. An
//! intact batch behind a broken one therefore proves that synced data was damaged, and so does anything broken in a
//! journal that is no longer written to. One case is left: an older journal that ends exactly between two batches. Nexo
//! sees it by the commit numbers in its batches, which have no gaps; fjall's own numbers do.
//!
//! The format is that of fjall 3.1.13, `src/journal/entry.rs`.

use crate::Result;
use std::{fs, hash::Hasher, path::Path};
use xxhash_rust::xxh3::Xxh3;

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
const START_BYTES: usize = 13;
const ITEM_HEAD_BYTES: usize = 21;
const END_BYTES: usize = 13;
const CLEAR_BYTES: usize = 9;
const TRAILER: &[u8] = b"FJL\x03";

/// Refuses a store whose journals were damaged where they had been synced; says which, and where.
pub fn refuse_damage(store: &Path) -> Result<()> {
    let mut journals = Vec::new();
    for entry in fs::read_dir(store).into_iter().flatten() {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "jnl") {
            let number: u64 = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default().parse()?;
            journals.push((number, path));
        }
    }
    journals.sort();
    let last = journals.last().map(|(number, _)| *number);
    let mut next_seqno = 0;
    for (number, path) in journals {
        let bytes = fs::read(&path)?;
        let broken = intact_up_to(&bytes, &mut next_seqno);
        let rest = &bytes[broken..];
        let torn = Some(number) == last && !has_batch(rest);
        if rest.iter().any(|b| *b != 0) && !torn {
            return Err(format!("{} is damaged at byte {broken}", path.display()).into());
        }
    }
    Ok(())
}

/// Where the first batch starts that is broken or out of order, or the end of the written bytes.
fn intact_up_to(bytes: &[u8], next_seqno: &mut u64) -> usize {
    let mut at = 0;
    while let Some((length, seqno)) = batch(&bytes[at..]) {
        if seqno < *next_seqno {
            break;
        }
        *next_seqno = seqno + 1;
        at += length;
    }
    at
}

/// Whether an intact batch starts anywhere in these bytes.
fn has_batch(bytes: &[u8]) -> bool {
    (1..bytes.len()).any(|at| bytes[at] == START && batch(&bytes[at..]).is_some())
}

/// The length and the sequence number of the intact batch that these bytes begin with.
fn batch(bytes: &[u8]) -> Option<(usize, u64)> {
    let start = bytes.get(..START_BYTES).filter(|b| b[0] == START)?;
    let count = u32::from_le_bytes(start[1..5].try_into().ok()?);
    let seqno = u64::from_le_bytes(start[5..].try_into().ok()?);
    let mut at = START_BYTES;
    for _ in 0..count {
        at += entry_bytes(&bytes[at..])?;
        bytes.get(at)?;
    }
    let mut hasher = Xxh3::default();
    hasher.update(&bytes[START_BYTES..at]);
    let end = bytes.get(at..at + END_BYTES).filter(|b| b[0] == END && b[9..] == *TRAILER)?;
    let sum = u64::from_le_bytes(end[1..9].try_into().ok()?);
    (sum == hasher.finish()).then_some((at + END_BYTES, seqno))
}

/// The length of an item or a clear marker.
fn entry_bytes(bytes: &[u8]) -> Option<usize> {
    match *bytes.first()? {
        CLEAR => Some(CLEAR_BYTES),
        ITEM => {
            let head = bytes.get(..ITEM_HEAD_BYTES)?;
            let key = u16::from_le_bytes(head[11..13].try_into().ok()?);
            let stored = u32::from_le_bytes(head[17..21].try_into().ok()?);
            Some(ITEM_HEAD_BYTES + usize::from(key) + stored as usize)
        }
        _ => None,
    }
    .filter(|length| *length <= bytes.len())
}
