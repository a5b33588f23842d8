//! Faults of the real thing: killed, out of room, damaged, flooded; what was promised is looked at afterwards.

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

use std::future::Future;
use std::time::Duration;

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
