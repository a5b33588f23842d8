//! Filling a server with stored messages, as fast as it takes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, bail};
use tokio::task::JoinSet;

use crate::api::Person;
use crate::bench::Bench;
use crate::progress::Progress;
use crate::pump::Pump;
use crate::template::{Template, To};
use crate::ws::{Door, Socket};

/// Conversations that are filled: each of so many senders writes to one receiver, who is offline.
pub(crate) const PAIRS: usize = 64;

/// Sockets of each sender, which share its token. A socket's sends are handled one by one, so many sockets make
/// large batches.
const SOCKETS_EACH: usize = 4;

/// Frames in flight on each socket.
const DEPTH: usize = 8;

/// Senders with their receivers, in the order of the conversations.
pub(crate) async fn pairs(bench: &mut Bench, count: usize) -> Result<Vec<(Person, Arc<str>)>> {
    let senders = bench.people(count).await?;
    let receivers = bench.absent(count).await?;
    Ok(senders.into_iter().zip(receivers).collect())
}

/// Stores messages until `total` of this tool's filling are there.
pub(crate) async fn fill(bench: &mut Bench, total: u64) -> Result<()> {
    let missing = total.saturating_sub(bench.filled);
    if missing == 0 {
        return Ok(());
    }
    let tag = bench.fresh_tag();
    let pairs = pairs(bench, PAIRS).await?;
    let progress = Progress::start("filling", Some(missing));
    let sockets = PAIRS * SOCKETS_EACH;
    let mut tasks = JoinSet::new();
    for index in 0..sockets {
        let (sender, receiver) = &pairs[index % PAIRS];
        let door = Door { address: bench.server.nodes.at(index), token: &sender.token, query: "", from: None };
        let pump = Pump {
            socket: Socket::open(&door).await?,
            template: Template::frames(&tag, index, &To::User(Arc::clone(receiver)), 0),
            depth: DEPTH,
        };
        let sockets = sockets as u64;
        let share = missing / sockets + u64::from((index as u64) < missing % sockets);
        tasks.spawn(store(pump, share, progress.counter()));
    }
    while let Some(finished) = tasks.join_next().await {
        finished??;
    }
    bench.filled += missing;
    Ok(())
}

/// Sends `share` messages, of which none may fail.
async fn store(pump: Pump, share: u64, done: Arc<AtomicU64>) -> Result<()> {
    let mut left = share;
    let more = || {
        let any = left > 0;
        left = left.saturating_sub(1);
        any
    };
    pump.run(more, |_, code| {
        done.fetch_add(1, Ordering::Relaxed);
        match code {
            0 => Ok(()),
            code => bail!("a send of the filling was refused with {code}"),
        }
    })
    .await
}
