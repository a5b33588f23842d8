//! Waiting for a condition, with a deadline.

use std::time::Duration;

use tokio::time::Instant;

/// Looks again and again until the condition holds; false if it did not within the time.
pub(crate) async fn until(patience: Duration, holds: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while !holds() {
        if Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    true
}

/// Waits until a count is as wanted; false once it has stood still for the time.
pub(crate) async fn still_moving(patience: Duration, count: impl Fn() -> u64, wanted: impl Fn(u64) -> bool) -> bool {
    let mut last = count();
    let mut deadline = Instant::now() + patience;
    while !wanted(last) {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let now = count();
        if now != last {
            last = now;
            deadline = Instant::now() + patience;
        } else if Instant::now() >= deadline {
            return false;
        }
    }
    true
}
