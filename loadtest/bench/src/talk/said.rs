//! One lane: what a sender sends, and what became of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::Shared;
use super::heard::Bits;
use crate::pace::Pace;
use crate::template::Template;

/// A sender's messages to come.
pub(super) struct Lane {
    pub(super) number: usize,
    pub(super) template: Template,
    pub(super) pace: Pace,
    /// Sockets that are to be told of each.
    pub(super) audience: u64,
    pub(super) said: Said,
}

/// Which of a lane's messages were acked.
#[derive(Debug, Default)]
pub(super) struct Said {
    answers: u64,
    pub(super) acked: Bits,
}

impl Lane {
    /// Takes in the answer to the next message that has none.
    pub(super) fn answered(&mut self, due: Instant, code: u32, shared: &Shared) {
        if code == 0 {
            self.said.acked.insert(self.said.answers);
            shared.due.fetch_add(self.audience, Ordering::Relaxed);
        }
        self.said.answers += 1;
        shared.answers.fetch_add(1, Ordering::Relaxed);
        // At a rate, what is due inside the window counts, however late its answer is.
        let at = if shared.schedule.rate > 0.0 { due } else { Instant::now() };
        if shared.window.has(at) {
            shared.tally.lock().record(due, code);
        }
    }

    /// The same without an answer: whether it was stored is not known.
    pub(super) fn lost(&mut self, why: &anyhow::Error, shared: &Shared) {
        self.said.answers += 1;
        shared.tally.lock().fail(format!("connection: {why}"));
    }
}

impl Shared {
    /// A lane has nothing more to say.
    pub(super) fn falls_silent(self: &Arc<Self>) {
        self.talking.fetch_sub(1, Ordering::Relaxed);
    }
}
