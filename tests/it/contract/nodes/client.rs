//! A client as it should be: it comes back whenever it is closed, recovers, and pulls what a recovery did not bring.

use std::time::Duration;

use nexo::model::{Caller, CloseReason, PushId};
use nexo::push::{Attach, Attached, Connection, Entry, Frame, Missed, Taken};

use super::deployment::Node;
use crate::contract::house::seq_of;
use crate::support::eventually;

/// Longer than it takes until a lost route is renewed.
const PATIENCE: Duration = Duration::from_secs(40);

/// What it knows: its place in the log, and the seqs of one conversation in the order in which they came.
pub(super) struct Client {
    caller: Caller,
    conversation: String,
    known: Option<PushId>,
    pub(super) seqs: Vec<u64>,
    /// How often a recovery was not whole.
    pub(super) pulls: usize,
}

impl Client {
    pub(super) fn new(caller: &Caller, conversation: &str) -> Client {
        let (caller, conversation) = (caller.clone(), conversation.to_owned());
        Client { caller, conversation, known: None, seqs: Vec::new(), pulls: 0 }
    }

    /// Whether it has as many messages as were sent.
    pub(super) fn has_all(&self, last: u64) -> bool {
        self.seqs.len() as u64 >= last
    }

    fn note(&mut self, seq: u64) {
        if !self.seqs.contains(&seq) {
            self.seqs.push(seq);
        }
    }

    /// Comes back until it has everything up to `last`.
    pub(super) async fn until(&mut self, node: &Node, last: u64) {
        while !self.has_all(last) {
            self.visit(node, last).await;
        }
    }

    /// Connects, catches up, and listens until it has everything up to `last` or is closed; answers why it was closed.
    pub(super) async fn visit(&mut self, node: &Node, last: u64) -> Option<CloseReason> {
        let attached = eventually("a place", async || {
            let attach = Attach { caller: self.caller.clone(), events: false, after: self.known };
            node.bus.attach(attach).await.ok()?.ok()
        });
        let Attached { connection, position, missed } = attached.await;
        match missed {
            Some(Missed::Whole { entries, .. }) => {
                for (id, entry) in entries {
                    self.known = Some(id);
                    if let Entry::Message { seq, .. } = entry {
                        self.note(seq);
                    }
                }
            }
            missed => {
                self.pulls += usize::from(missed.is_some());
                self.known = Some(position);
                let (seqs, _) = node.pull(&self.caller, &self.conversation, 1).await;
                seqs.into_iter().for_each(|seq| self.note(seq));
            }
        }
        let mut closed = None;
        while !self.has_all(last) && closed.is_none() {
            match listen(&connection).await {
                Ok(frames) => frames.iter().for_each(|frame| {
                    self.known = Some(frame.id);
                    self.note(seq_of(frame));
                }),
                Err(reason) => closed = Some(reason),
            }
        }
        node.bus.detach(&connection);
        closed
    }
}

async fn listen(connection: &Connection) -> Result<Vec<Frame>, CloseReason> {
    loop {
        match connection.take() {
            Taken::Frames(frames) => {
                frames.iter().for_each(|frame| connection.wrote(frame));
                return Ok(frames.into());
            }
            Taken::Close(reason) => return Err(reason),
            Taken::Ping | Taken::Flush | Taken::Nothing => {
                let rung = tokio::time::timeout(PATIENCE, connection.rung()).await;
                assert!(rung.is_ok(), "nothing came within {PATIENCE:?}");
            }
        }
    }
}
