//! Faults of the real thing: killed, out of room, damaged, flooded; what was promised is looked at afterwards.

mod away;
mod cluster;
mod crowd;
mod damage;
mod disk;
mod kill;
mod ledger;
mod logins;
mod refusals;
mod rolling;
mod stop;
mod storms;

use std::future::Future;
use std::time::Duration;

use parking_lot::Mutex;

/// Runs a test that starts its own servers.
fn run(test: impl Future<Output = ()>) {
    run_for(Duration::from_secs(180), test);
}

/// Runs one that may take so long.
fn run_for(limit: Duration, test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let whole = tokio::time::timeout(limit, test).await;
        assert!(whole.is_ok(), "the test was not over within {limit:?}");
    });
}

/// Runs one that wants the machine for itself, one at a time, if they are asked for.
fn run_alone(test: impl Future<Output = ()>) {
    static TURN: Mutex<()> = Mutex::new(());
    if std::env::var_os("NEXO_TEST_FAULTS").is_none() {
        return;
    }
    let _turn = TURN.lock();
    run_for(Duration::from_secs(600), test);
}
