//! What Linux says about a process: CPU time and memory.

use std::iter::Sum;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// The processes that are measured, by their ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct Processes {
    /// The nodes.
    pub(crate) server: Vec<u32>,
    pub(crate) redis: Vec<u32>,
    pub(crate) database: Vec<u32>,
}

/// Something of each kind of process; `None` where no process is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OfEach<T> {
    pub(crate) server: Option<T>,
    pub(crate) redis: Option<T>,
    pub(crate) database: Option<T>,
}

impl Processes {
    /// CPU time used so far.
    pub(crate) fn cpu(&self) -> Result<OfEach<Duration>> {
        self.each(|pids| pids.iter().map(|pid| cpu(*pid)).sum())
    }

    /// CPU time used since it was `before`.
    pub(crate) fn cpu_since(&self, before: OfEach<Duration>) -> Result<OfEach<Duration>> {
        Ok(before.with(self.cpu()?, |before, after| after - before))
    }

    /// Memory now.
    pub(crate) fn memory(&self) -> Result<OfEach<Memory>> {
        self.each(|pids| pids.iter().map(|pid| memory(*pid)).sum())
    }

    fn each<T>(&self, sum: impl Fn(&[u32]) -> Result<T>) -> Result<OfEach<T>> {
        let of = |pids: &[u32]| (!pids.is_empty()).then(|| sum(pids)).transpose();
        Ok(OfEach { server: of(&self.server)?, redis: of(&self.redis)?, database: of(&self.database)? })
    }
}

impl<T: Copy> OfEach<T> {
    /// What became of each, where both are known.
    pub(crate) fn with<U>(self, later: OfEach<T>, of: impl Fn(T, T) -> U) -> OfEach<U> {
        let zip = |before: Option<T>, after: Option<T>| before.zip(after).map(|(before, after)| of(before, after));
        OfEach {
            server: zip(self.server, later.server),
            redis: zip(self.redis, later.redis),
            database: zip(self.database, later.database),
        }
    }

    /// With what each is called in a report.
    pub(crate) fn named(self) -> impl Iterator<Item = (&'static str, T)> {
        let all = [("server", self.server), ("Redis", self.redis), ("database", self.database)];
        all.into_iter().filter_map(|(name, of)| Some((name, of?)))
    }
}

impl Sum for Memory {
    fn sum<I: Iterator<Item = Memory>>(all: I) -> Memory {
        all.fold(Memory::default(), |sum, one| Memory {
            rss: sum.rss + one.rss,
            peak: sum.peak + one.peak,
            anonymous: sum.anonymous + one.anonymous,
        })
    }
}

/// The memory of a process, or of several, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Resident pages.
    pub(crate) rss: u64,
    /// The most that was ever resident.
    pub(crate) peak: u64,
    /// Resident pages that no file backs: what the program itself asked for.
    pub(crate) anonymous: u64,
}

/// CPU time that the process has used so far, its threads and the kernel on its behalf included.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let stat = read(pid, "stat")?;
    let ticks = cpu_ticks(&stat).context("/proc/PID/stat reads otherwise than expected")?;
    let per_second = rustix::param::clock_ticks_per_second();
    Ok(Duration::from_micros(ticks * 1_000_000 / per_second))
}

/// Memory of the process now.
pub(crate) fn memory(pid: u32) -> Result<Memory> {
    let status = read(pid, "status")?;
    let rollup = read(pid, "smaps_rollup")?;
    let of = |text: &str, field: &str| kib(text, field).with_context(|| format!("/proc/{pid} has no {field}"));
    Ok(Memory { rss: of(&rollup, "Rss:")?, peak: of(&status, "VmHWM:")?, anonymous: of(&rollup, "Anonymous:")? })
}

fn read(pid: u32, file: &str) -> Result<String> {
    let path = PathBuf::from(format!("/proc/{pid}/{file}"));
    std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// utime + stime. The name of the program (field 2, in parentheses) may hold anything, so count from its end.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn kib(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_any_program_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 31 11 0 0 20 0 4 0 100 1 2";
        assert_eq!(cpu_ticks(stat), Some(42));
    }

    #[test]
    fn this_process_has_memory_and_cpu() {
        let me = std::process::id();
        let memory = memory(me).expect("Linux");
        assert!(memory.rss > 0 && memory.anonymous <= memory.rss && memory.peak > 0);
        assert!(cpu(me).is_ok());
    }
}
