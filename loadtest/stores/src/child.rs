//! What runs in a process of its own, because it is killed, may panic, or must start with empty caches.

use crate::{
    Result,
    load::{CONVERSATIONS, Load},
    stores,
};
use std::{io::Write, path::Path, time::Instant};

/// Sends of one commit in the crash trials.
pub const WRITE_GROUP: usize = 16;

/// Stores the first `sends` sends in large commits, then closes cleanly.
pub fn fill(name: &str, folder: &Path, sends: u64) -> Result<()> {
    let mut store = stores::open(name, folder)?;
    let mut load = Load::starting_at(0);
    for _ in 0..sends / 1000 {
        store.commit(&load.take(1000))?;
    }
    Ok(())
}

/// Prints how long the open took in microseconds, and the peak of resident memory in KiB; then dies without closing.
pub fn open(name: &str, folder: &Path) -> Result<()> {
    let start = Instant::now();
    let store = stores::open(name, folder)?;
    let head = store.head(0)?;
    let elapsed = start.elapsed().as_micros();
    println!("{elapsed} {} {head}", peak_kib()?);
    std::io::stdout().flush()?;
    std::process::abort()
}

/// Commits sends from number `from` on until it is killed; prints the count of acked sends after each commit.
pub fn write(name: &str, folder: &Path, from: u64) -> Result<()> {
    let mut store = stores::open(name, folder)?;
    let mut load = Load::starting_at(from);
    let mut acked = from;
    let mut out = std::io::stdout().lock();
    loop {
        store.commit(&load.take(WRITE_GROUP))?;
        acked += WRITE_GROUP as u64;
        writeln!(out, "{acked}")?;
        out.flush()?;
    }
}

/// Reads back every acked send, and what follows, and prints the tallies as one line:
/// `stored holes halves wrong errors`.
///
/// `stored` counts the sends that are whole, beyond the acked ones too; `holes` those missing although a later one is
/// there; `halves` those of which one row is there and the other is not, and the conversations whose head lags behind
/// their last message; `wrong` rows with another content than was written; `errors` reads that failed.
pub fn check(name: &str, folder: &Path, acked: u64) -> Result<()> {
    let store = stores::open(name, folder)?;
    if name == "guarded" {
        // Every send moves one head by one: their sum stands for the commit number that Nexo keeps in each batch.
        let recovered = (0..CONVERSATIONS).map(|c| store.head(c)).sum::<Result<u64>>()?;
        if recovered < acked {
            return Err(format!("recovered less than the mark: {recovered} of {acked}").into());
        }
    }
    let mut load = Load::starting_at(0);
    let (mut stored, mut missing, mut holes) = (0u64, 0u64, 0u64);
    let (mut halves, mut wrong, mut errors) = (0u64, 0u64, 0u64);
    let mut last = vec![0; CONVERSATIONS as usize];
    let mut number = 0;
    while number < acked || missing < WRITE_GROUP as u64 * 4 {
        let send = load.one();
        number += 1;
        match (store.message(&send.message_key()), store.id(&send.id_key())) {
            (Ok(Some(body)), Ok(Some(id))) if body == send.body && id == send.message_key() => {
                stored += 1;
                holes += std::mem::take(&mut missing);
                last[send.conversation as usize] = send.seq;
            }
            (Ok(None), Ok(None)) => missing += 1,
            (Ok(Some(_)), Ok(None)) | (Ok(None), Ok(Some(_))) => halves += 1,
            (Ok(_), Ok(_)) => wrong += 1,
            _ => errors += 1,
        }
        if errors > 1000 && number >= acked {
            break;
        }
    }
    let behind = |c: &u64| !store.head(*c).is_ok_and(|head| head >= last[*c as usize]);
    halves += (0..CONVERSATIONS).filter(behind).count() as u64;
    println!("{stored} {holes} {halves} {wrong} {errors}");
    Ok(())
}

/// The highest resident memory of this process so far.
fn peak_kib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).ok_or("no VmHWM in /proc/self/status")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
