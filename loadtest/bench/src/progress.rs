//! The progress line on stderr.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

/// A line that is rewritten on a terminal, and written every ten seconds elsewhere. It ends when this is dropped.
pub(crate) struct Progress {
    done: Arc<AtomicU64>,
    ticker: JoinHandle<()>,
}

static QUIET: AtomicBool = AtomicBool::new(false);

/// Turns every progress line off.
pub(crate) fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Writes one line about what is going on.
pub(crate) fn say(text: &str) {
    if !QUIET.load(Ordering::Relaxed) {
        eprintln!("{text}");
    }
}

impl Progress {
    /// Begins a line; `total` is where the count will end, if that is known.
    pub(crate) fn start(label: impl Into<String>, total: Option<u64>) -> Progress {
        Progress::watching(label.into(), total, Arc::default())
    }

    /// Begins a line about a count that is kept elsewhere.
    pub(crate) fn start_with(label: &str, total: u64, done: Arc<AtomicU64>) -> Progress {
        Progress::watching(label.to_owned(), Some(total), done)
    }

    fn watching(label: String, total: Option<u64>, done: Arc<AtomicU64>) -> Progress {
        let ticker = tokio::spawn(tick(label, total, Arc::clone(&done)));
        Progress { done, ticker }
    }

    /// The counter behind the line, for the tasks that do the work.
    pub(crate) fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.done)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.ticker.abort();
        if std::io::stderr().is_terminal() && !QUIET.load(Ordering::Relaxed) {
            eprint!("\r\x1b[K");
        }
    }
}

async fn tick(label: String, total: Option<u64>, done: Arc<AtomicU64>) {
    if QUIET.load(Ordering::Relaxed) {
        return;
    }
    let terminal = std::io::stderr().is_terminal();
    let every = Duration::from_millis(if terminal { 500 } else { 10_000 });
    let began = Instant::now();
    let mut ticks = tokio::time::interval(every);
    if !terminal {
        eprintln!("{label}");
        ticks.tick().await;
    }
    loop {
        ticks.tick().await;
        let count = done.load(Ordering::Relaxed);
        let seconds = began.elapsed().as_secs();
        let of = total.map_or(String::new(), |total| format!(" of {total}"));
        let line = format!("{label}: {count}{of}, {seconds} s");
        if terminal {
            eprint!("\r\x1b[K{line}");
            // A line that cannot be shown is not worth a failed measurement.
            std::io::stderr().flush().ok();
        } else {
            eprintln!("{line}");
        }
    }
}
