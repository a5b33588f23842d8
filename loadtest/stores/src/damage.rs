//! Ways to damage a file, and the files of each store that are worth damaging.

use crate::{Result, load::mix};
use std::{
    fs,
    path::{Path, PathBuf},
};

const PAGE: usize = 4096;
const FLIPS: u64 = 20;

/// What is done to a file.
#[derive(Clone, Copy)]
pub enum Damage {
    /// Cut at this share of its used bytes, in percent.
    Cut(usize),
    /// One bit turned over in the used bytes, at the place that this number gives.
    Flip(u64),
    /// A page zeroed that lies this many pages before the end of the used bytes: what a power loss may leave of the
    /// last, never acked commit, for the pages of one sync may reach the disk in any order.
    Zero(usize),
}

/// The trials of one kind, and how the table calls them.
pub fn trials(kind: &str) -> Vec<Damage> {
    match kind {
        "cut" => (1..10).map(|i| Damage::Cut(i * 10)).collect(),
        "flip" => (0..FLIPS).map(Damage::Flip).collect(),
        _ => (1..=8).map(Damage::Zero).collect(),
    }
}

impl Damage {
    /// Does it to the file.
    pub fn apply(self, file: &Path) -> Result<()> {
        let mut bytes = fs::read(file)?;
        // A journal that was made long in advance ends in zeros that nobody wrote.
        let used = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
        match self {
            // Batches are all of one length here: a few bytes more, or the cut could fall between two of them.
            Damage::Cut(percent) => bytes.truncate(used * percent / 100 + 7),
            Damage::Flip(trial) => {
                let stretch = used / FLIPS as usize;
                let place = stretch * trial as usize + mix(trial) as usize % stretch;
                bytes[place] ^= 1 << (mix(trial) % 8);
            }
            Damage::Zero(pages_back) => {
                let page = used / PAGE - pages_back;
                bytes[page * PAGE..(page + 1) * PAGE].fill(0);
            }
        }
        Ok(fs::write(file, bytes)?)
    }
}

/// The files of a store that are damaged, each with its name in the table.
pub fn targets(name: &str, folder: &Path) -> Result<Vec<(&'static str, PathBuf)>> {
    match name {
        "fjall" | "guarded" => fjall_targets(&folder.join("store")),
        "redb" => Ok(vec![("the file", PathBuf::from("store.redb"))]),
        _ => Ok(vec![("log", PathBuf::from("store.db-wal")), ("file", PathBuf::from("store.db"))]),
    }
}

/// The journal in use, the newest one before it, and the largest table.
fn fjall_targets(store: &Path) -> Result<Vec<(&'static str, PathBuf)>> {
    let mut journals: Vec<u64> = Vec::new();
    for entry in fs::read_dir(store)? {
        let name = entry?.file_name();
        journals.extend(name.to_str().and_then(|n| n.strip_suffix(".jnl")).and_then(|n| n.parse::<u64>().ok()));
    }
    journals.sort_unstable();
    let mut targets = Vec::new();
    let names = ["journal in use", "journal before it"];
    for (name, journal) in names.into_iter().zip(journals.iter().rev()) {
        targets.push((name, PathBuf::from(format!("store/{journal}.jnl"))));
    }
    let mut tables = Vec::new();
    files_below(&store.join("keyspaces"), &mut tables)?;
    if let Some((_, table)) = tables.into_iter().max() {
        targets.push(("table", Path::new("store").join(table.strip_prefix(store)?)));
    }
    Ok(targets)
}

/// Every file under a folder with its length.
fn files_below(folder: &Path, found: &mut Vec<(u64, PathBuf)>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            files_below(&entry.path(), found)?;
        } else {
            found.push((entry.metadata()?.len(), entry.path()));
        }
    }
    Ok(())
}

/// Copies a folder with all that is in it; the target must not exist.
pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to.join(entry.file_name()))?;
        } else {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
