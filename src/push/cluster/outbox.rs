//! The outbox: letters on their way into other nodes' streams, bounded in number and in bytes. What does not fit is dropped: the
//! logs have it, and its nodes read it from there within a renewal of their routes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;

use crate::model::{Logged, NodeId, Platform, UserId};
use crate::store::cluster::{Address, Letter, Nodes};
use crate::telemetry::{Metrics, Trace};

/// The most letters that wait, and their bytes.
const LETTERS_MAX: usize = 10_000;
const BYTES_MAX: usize = 64 << 20;

/// Letters that are sent together.
const BATCH: usize = 256;

/// A letter to a node.
type Sealed = (NodeId, Vec<u8>);

/// Where letters are put.
pub(super) struct Outbox {
    letters: mpsc::Sender<Sealed>,
    bytes: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
}

/// Where they come out, in order.
pub(super) struct Letters {
    letters: mpsc::Receiver<Sealed>,
    bytes: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
}

impl Outbox {
    /// An empty outbox.
    pub(super) fn new(metrics: Arc<Metrics>) -> (Self, Letters) {
        let (sender, letters) = mpsc::channel(LETTERS_MAX);
        let bytes = Arc::new(AtomicUsize::new(0));
        let receiver = Letters { letters, bytes: Arc::clone(&bytes), metrics: Arc::clone(&metrics) };
        (Self { letters: sender, bytes, metrics }, receiver)
    }

    /// Puts in one letter for each node that has connections of the users who have `logged` something.
    pub(super) fn post(
        &self,
        logged: &[Logged],
        except: impl Fn(&UserId) -> Option<Platform>,
        letter: impl Fn(Vec<Address>) -> Letter,
    ) {
        let mut nodes: BTreeMap<NodeId, Vec<Address>> = BTreeMap::new();
        for Logged { user, id, nodes: at } in logged {
            for node in at {
                let address = Address { user: user.clone(), id: *id, except: except(user) };
                nodes.entry(*node).or_default().push(address);
            }
        }
        for (node, to) in nodes {
            if !self.put(node, &letter(to)) {
                self.metrics.between.dropped.with_label_values(&["letter"]).inc();
            }
        }
    }

    fn put(&self, node: NodeId, letter: &Letter) -> bool {
        let Ok(bytes) = letter.encode(Trace::current().point()) else { return false };
        let size = bytes.len();
        let before = self.bytes.fetch_add(size, Ordering::Relaxed);
        if before + size > BYTES_MAX || self.letters.try_send((node, bytes)).is_err() {
            self.bytes.fetch_sub(size, Ordering::Relaxed);
            return false;
        }
        self.metrics.between.backlog.inc();
        true
    }
}

impl Letters {
    /// Sends what is put in, until nobody can put in anything any more.
    pub(super) async fn send(mut self, nodes: Nodes) {
        let mut batch = Vec::new();
        while self.letters.recv_many(&mut batch, BATCH).await > 0 {
            let (count, size) = (batch.len(), batch.iter().map(|(_, bytes)| bytes.len()).sum());
            let failed = nodes.send(std::mem::take(&mut batch)).await;
            self.metrics.between.dropped.with_label_values(&["letter"]).inc_by(failed as u64);
            self.metrics.between.backlog.sub(count as i64);
            self.bytes.fetch_sub(size, Ordering::Relaxed);
        }
    }
}
