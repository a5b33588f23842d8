//! A crowd: many connections of this node that are told of one message at once.
//!
//! A connection's task that wakes up for one frame spends more on waking than on making it, and finds nothing of its own in the
//! caches. So a few tasks write the frames of a crowd, each those of a share of it; who does not take them at once is rung for.

use std::cell::RefCell;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::connection::Connection;

/// Users of whom a crowd has more.
const FEW: usize = 16;

/// Connections that one task writes to, which takes it a fraction of a millisecond.
const SHARE: usize = 32;

/// The connections of a crowd that have something to write, until they are handed over.
#[derive(Debug)]
pub(super) struct Crowd {
    runtime: Handle,
    share: RefCell<Vec<Arc<Connection>>>,
}

impl Crowd {
    /// So many users, if they are a crowd and there is a runtime to tell them.
    pub(super) fn of(users: usize, runtime: Option<&Handle>) -> Option<Crowd> {
        let runtime = runtime.filter(|_| users > FEW)?.clone();
        Some(Crowd { runtime, share: RefCell::new(Vec::with_capacity(SHARE)) })
    }

    /// Has a connection written to that something waits for.
    pub(super) fn add(&self, connection: &Arc<Connection>) {
        let mut share = self.share.borrow_mut();
        share.push(Arc::clone(connection));
        if share.len() >= SHARE {
            self.hand_over(std::mem::replace(&mut *share, Vec::with_capacity(SHARE)));
        }
    }

    fn hand_over(&self, share: Vec<Arc<Connection>>) {
        self.runtime.spawn(async move { share.iter().for_each(|connection| connection.write_past()) });
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        let share = self.share.take();
        if !share.is_empty() {
            self.hand_over(share);
        }
    }
}
