//! How long a conditional write is tried, and the pauses between.

use std::time::{Duration, Instant};

use crate::store::StoreError;

/// The attempts at one change: each after the first comes after a short random pause, so that those who met do not meet again.
pub(super) struct Attempts {
    until: Instant,
    made: u32,
}

impl Attempts {
    /// Attempts for `limit` from now on.
    pub(super) fn within(limit: Duration) -> Self {
        Self { until: Instant::now() + limit, made: 0 }
    }

    /// Waits for the next attempt; an error if the time is over.
    pub(super) async fn next(&mut self) -> Result<(), StoreError> {
        if self.made > 0 {
            let pause = Duration::from_millis(rand::random_range(5..=20 << self.made.min(3)));
            if Instant::now() + pause >= self.until {
                return Err(StoreError::TimedOut);
            }
            tokio::time::sleep(pause).await;
        }
        self.made += 1;
        Ok(())
    }

    /// Whether this is not the first attempt.
    pub(super) fn is_repeat(&self) -> bool {
        self.made > 1
    }
}
