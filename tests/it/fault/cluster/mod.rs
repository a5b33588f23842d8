//! Faults of a cluster of three nodes, under load: Redis, the database and the nodes themselves are cut, paused, emptied and
//! rolled back; one recount afterwards looks at everything that was promised.
//!
//! They take a quarter of an hour and the machine for themselves, so `tests/faults` runs them, and `tests/run` does not.

mod checker;
mod database;
mod flush;
mod listener;
mod looks;
mod masters;
mod nodes;
mod recount;
mod scene;
mod slots;
mod talk;

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Runs one fault at a time, if they are asked for.
fn run(test: impl Future<Output = ()>) {
    static TURN: Mutex<()> = Mutex::new(());
    if std::env::var_os("NEXO_TEST_FAULTS").is_none() {
        return;
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    super::run_for(Duration::from_secs(600), test);
}
