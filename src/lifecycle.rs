//! How the process ends: signals, a soft stop, a hard one.

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Descriptors that the store, logs and the rest of the process may need besides connections.
const OTHER_DESCRIPTORS: u64 = 1_100;

/// Lets the process have as many file descriptors as it may, and says so if they are too few for `connections`.
pub fn raise_descriptors(connections: usize) {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of file descriptors could not be raised");
    }
    let wanted = connections as u64 + OTHER_DESCRIPTORS;
    if let Some(have) = getrlimit(Resource::Nofile).current.filter(|have| *have < wanted) {
        tracing::warn!(
            have,
            wanted,
            "{have} file descriptors are too few for server.max_connections = {connections}: raise the limit to {wanted}, or \
             lower the setting"
        );
    }
}

/// Runs work that the process cannot do without; `ended` is cancelled when it ends, even by a panic.
pub async fn vital(work: impl Future<Output = ()>, ended: CancellationToken) {
    let _ended = ended.drop_guard();
    work.await;
}

/// Cancels `soft` at the first SIGTERM or SIGINT, and ends the process at the second.
pub async fn watch_signals(soft: CancellationToken) -> std::io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "{name}: stopping; a second signal ends at once");
        soft.cancel();
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::warn!("a second signal: ending at once");
        std::process::exit(1);
    });
    Ok(())
}
