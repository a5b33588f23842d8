//! What a body costs that is appended to a file, and synced with all others that wait.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

use anyhow::{Context as _, Result};
use axum::body::Bytes;
use tokio::sync::oneshot;

/// A body, and who waits until it is stored.
type Post = (Bytes, oneshot::Sender<()>);

/// A file that one thread appends to.
pub(super) struct Disk(Sender<Post>);

impl Disk {
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let file = File::create(folder.join("appended"))?;
        let (posts, waiting) = channel();
        std::thread::spawn(move || append(file, &waiting).expect("the disk takes it"));
        Ok(Self(posts))
    }

    /// Comes back when the body is on the disk.
    pub(super) async fn store(&self, body: Bytes) -> Result<()> {
        let (stored, ack) = oneshot::channel();
        self.0.send((body, stored)).ok().context("the thread ended")?;
        Ok(ack.await?)
    }
}

/// Appends all that waits, syncs once, and lets it be answered.
fn append(mut file: File, waiting: &Receiver<Post>) -> Result<()> {
    let mut bytes = Vec::new();
    while let Ok(first) = waiting.recv() {
        let batch: Vec<Post> = std::iter::once(first).chain(waiting.try_iter()).collect();
        bytes.clear();
        batch.iter().for_each(|(body, _)| bytes.extend_from_slice(body));
        file.write_all(&bytes)?;
        file.sync_data()?;
        for (_, stored) in batch {
            // Whoever waited may have gone away.
            let _ = stored.send(());
        }
    }
    Ok(())
}
