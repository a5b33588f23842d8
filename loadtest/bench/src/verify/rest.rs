//! A member that sends over REST.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};

use super::trial::{Job, Trial};
use crate::api::envelope;
use crate::http::Http;

/// A busy server is asked so many times before that is an error.
const ATTEMPTS: usize = 200;

/// Between two of them.
const PAUSE: Duration = Duration::from_millis(50);

/// Makes all the sendings, and the later repeats that they call for.
pub(super) async fn send_all(trial: Arc<Trial>, address: SocketAddr, who: usize, mut jobs: VecDeque<Job>) -> Result<()> {
    let mut http = Http::connect(address).await?;
    let token = Arc::clone(&trial.plan.members[who].web);
    while let Some(job) = jobs.pop_front() {
        let body = trial.body(job);
        let mut attempts = 0;
        loop {
            let answer = http.post("/msg/send", &token, body.as_bytes()).await?;
            if trial.answered(job, &envelope(answer.body)?) {
                break;
            }
            attempts += 1;
            if attempts == ATTEMPTS {
                bail!("the server was busy {ATTEMPTS} times in a row");
            }
            tokio::time::sleep(PAUSE).await;
        }
        jobs.extend(trial.next_job(job));
    }
    Ok(())
}
