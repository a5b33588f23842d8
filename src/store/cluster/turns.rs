//! Turns: on this node, changes of one thing take effect one after the other, in the order in which they came.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

use crate::store::StoreError;

/// How long a change may wait for its turn. What waits is bounded by the requests that the server takes.
const WAIT: Duration = Duration::from_secs(10);

type Queue = Arc<tokio::sync::Mutex<()>>;

/// A queue for each thing that is being changed; it goes when the last one in it has gone.
pub(super) struct Turns<K: Eq + Hash> {
    queues: Mutex<HashMap<K, Queue>>,
}

impl<K: Eq + Hash + Clone> Turns<K> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { queues: Mutex::default() })
    }

    /// Waits for the turn of one that comes now; the turn lasts until the answer is dropped.
    pub(super) async fn take(self: &Arc<Self>, key: K) -> Result<Turn<K>, StoreError> {
        let queue = {
            let mut queues = self.queues.lock();
            Arc::clone(queues.entry(key.clone()).or_default())
        };
        // Held from here on: also one that gives up waiting leaves no queue behind.
        let mut turn = Turn { turns: Arc::clone(self), key, queue, guard: None };
        let guard = tokio::time::timeout(WAIT, Arc::clone(&turn.queue).lock_owned()).await;
        turn.guard = Some(guard.map_err(|_| StoreError::TimedOut)?);
        Ok(turn)
    }
}

/// A turn, or a place in the queue.
pub(super) struct Turn<K: Eq + Hash> {
    turns: Arc<Turns<K>>,
    key: K,
    queue: Queue,
    guard: Option<OwnedMutexGuard<()>>,
}

impl<K: Eq + Hash> Drop for Turn<K> {
    fn drop(&mut self) {
        // The guard holds the queue too.
        self.guard = None;
        let mut queues = self.turns.queues.lock();
        // The map's and this one's: nobody else is in it, and nobody can come in while the map is locked.
        if Arc::strong_count(&self.queue) <= 2 {
            queues.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn turns_come_in_order_and_leave_nothing_behind() {
        let turns = Turns::new();
        let first = turns.take(1).await.expect("a turn");
        let other = turns.take(2).await.expect("a turn");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let mut waiting = Vec::new();
        for number in 0..8 {
            let (turns, heard) = (Arc::clone(&turns), Arc::clone(&heard));
            waiting.push(tokio::spawn(async move {
                let _turn = turns.take(1).await.expect("a turn");
                heard.lock().push(number);
            }));
            // On one thread: it runs until it waits.
            tokio::task::yield_now().await;
        }
        assert!(heard.lock().is_empty());
        drop((first, other));
        for task in waiting {
            task.await.expect("no panic");
        }
        assert_eq!(*heard.lock(), (0..8).collect::<Vec<_>>());
        assert!(turns.queues.lock().is_empty());
    }

    #[tokio::test]
    async fn one_that_gives_up_waiting_leaves_nothing_behind() {
        let turns = Turns::new();
        let first = turns.take(1).await.expect("a turn");
        {
            let waits = turns.take(1);
            tokio::pin!(waits);
            assert!(futures_util::poll!(waits.as_mut()).is_pending());
        }
        drop(first);
        assert!(turns.queues.lock().is_empty());
    }
}
