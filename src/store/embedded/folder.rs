//! The data folder: its lock and its commit mark.
//!
//! ```text
//! nexo-data/
//!   lock           held while a process uses the folder
//!   commit-mark    the highest commit number that was synced, so that a loss is noticed
//!   store/         the store's own files
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Why a data folder cannot be used, in a sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(pub String);

impl OpenError {
    fn io(what: &str, path: &Path, error: &io::Error) -> Self {
        Self(format!("{what} {}: {error}", path.display()))
    }
}

/// A data folder that this process holds.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    mark: File,
    _lock: File,
}

impl Folder {
    /// Takes the folder, making it if need be. Another process that holds it is an error, as is a mark that is damaged.
    pub(super) fn take(root: &Path) -> Result<Self, OpenError> {
        fs::create_dir_all(root).map_err(|error| OpenError::io("cannot create the data folder", root, &error))?;
        let lock = lock(root)?;
        let path = root.join("commit-mark");
        let is_new = !path.exists();
        let mark = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mark = mark.map_err(|error| OpenError::io("cannot open", &path, &error))?;
        for left_over in ["aside", "probe"] {
            // Of a process that was killed; most times there is none.
            let _ = fs::remove_file(root.join(left_over));
        }
        let folder = Self { root: root.to_owned(), mark, _lock: lock };
        if is_new {
            // Before there is a store: a store with an empty mark would be refused.
            let written = folder.set_mark(0).and_then(|()| folder.sync_mark()).and_then(|()| folder.sync());
            written.map_err(|error| OpenError::io("cannot write", &path, &error))?;
        }
        Ok(folder)
    }

    /// Where the store keeps its files.
    pub(super) fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// The highest commit number that was synced; `None` without a mark.
    pub(super) fn mark(&self) -> Result<Option<u64>, OpenError> {
        let path = self.root.join("commit-mark");
        let damaged = || {
            OpenError(format!(
                "{} is damaged, so a loss of data would go unnoticed; restore it from a backup, or delete it to go on without it",
                path.display()
            ))
        };
        let mut text = [0; MARK_BYTES];
        match self.mark.read_exact_at(&mut text, 0) {
            Ok(()) => parse_mark(&text).map(Some).ok_or_else(damaged),
            // The process was killed as it began with a new folder.
            Err(_) if !self.store().exists() => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(damaged()),
            Err(error) => Err(OpenError::io("cannot read", &path, &error)),
        }
    }

    /// Writes the mark. It survives the death of the process at once, that of the machine after [`Self::sync_mark`].
    pub(super) fn set_mark(&self, commit: u64) -> io::Result<()> {
        self.mark.write_all_at(render_mark(commit).as_bytes(), 0)
    }

    /// Makes the mark durable.
    pub(super) fn sync_mark(&self) -> io::Result<()> {
        self.mark.sync_data()
    }

    /// Makes the names in the folder durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        File::open(&self.root)?.sync_all()
    }

    /// Where a file is written before it takes another's place.
    pub(super) fn aside(&self) -> PathBuf {
        self.root.join("aside")
    }

    /// Where a new store is made before it gets its name.
    pub(super) fn unfinished(&self) -> PathBuf {
        self.root.join("store.new")
    }

    /// Whether the disk takes data again: writes, syncs and removes as much as a large batch has.
    pub(super) fn probe(&self) -> io::Result<()> {
        let path = self.root.join("probe");
        let written = File::create(&path).and_then(|mut file| {
            file.write_all(&vec![1; PROBE_BYTES])?;
            file.sync_all()
        });
        let removed = fs::remove_file(&path);
        written.and(removed)
    }
}

/// About the size of a large batch.
const PROBE_BYTES: usize = 8 << 20;

/// Takes the lock of a data folder; it is given up when the process ends, however it ends.
fn lock(root: &Path) -> Result<File, OpenError> {
    let path = root.join("lock");
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = file.map_err(|error| OpenError::io("cannot open", &path, &error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let read = file.read_to_string(&mut holder);
            let holder = read.ok().filter(|_| !holder.is_empty()).map(|_| format!(" (process {})", holder.trim()));
            return Err(OpenError(format!(
                "another nexo{} uses the data folder {}; stop it, or give --data another folder",
                holder.unwrap_or_default(),
                root.display()
            )));
        }
        Err(fs::TryLockError::Error(error)) => return Err(OpenError::io("cannot lock", &path, &error)),
    }
    let pid = std::process::id().to_string();
    let written = file.set_len(0).and_then(|()| file.write_all_at(pid.as_bytes(), 0));
    written.map_err(|error| OpenError::io("cannot write", &path, &error))?;
    Ok(file)
}

/// The mark is the commit number and its complement, in hexadecimal: a torn or damaged one is noticed.
const MARK_BYTES: usize = 34;

fn render_mark(commit: u64) -> String {
    format!("{commit:016x} {:016x}\n", !commit)
}

fn parse_mark(text: &[u8; MARK_BYTES]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let commit = u64::from_str_radix(text.get(..16)?, 16).ok()?;
    (render_mark(commit) == text).then_some(commit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_survives_and_a_damaged_one_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let held = Folder::take(folder.path()).expect("free");
        assert_eq!(held.mark().expect("readable"), Some(0));
        fs::create_dir(held.store()).expect("writable");
        held.set_mark(77).expect("writable");
        assert_eq!(held.mark().expect("readable"), Some(77));
        fs::write(folder.path().join("commit-mark"), "00000000000000zz").expect("writable");
        assert!(held.mark().expect_err("damaged").to_string().contains("commit-mark"));
    }

    #[test]
    fn a_folder_has_one_holder() {
        let folder = tempfile::tempdir().expect("a folder");
        let held = Folder::take(folder.path()).expect("free");
        let refused = Folder::take(folder.path()).expect_err("held").to_string();
        assert!(refused.contains("another nexo"), "{refused}");
        drop(held);
        Folder::take(folder.path()).expect("free again");
    }
}
