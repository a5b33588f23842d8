//! What Linux says about a process: CPU time and memory.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// The memory of a process, in bytes.
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
