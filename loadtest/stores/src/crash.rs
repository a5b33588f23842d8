//! Kills each store in the middle of commits, then damages its files, and prints what a new process finds.

use crate::{
    Result,
    damage::{Damage, copy_folder, targets, trials},
    load::mix,
};
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const KILLS: u64 = 10;
/// Enough that fjall has tables, a journal before the one in use, and a memtable that is not flushed.
const BASE_SENDS: u64 = 150_000;
const CHECK_LIMIT: Duration = Duration::from_secs(60);

/// What a check in a new process came to.
enum Outcome {
    /// The open failed; the first line of what it said.
    Refused(String),
    /// Opened, and told of damage when rows were read.
    ErrorsRead,
    /// Opened, reads well, and all the acked sends are there.
    Whole,
    /// Opened, reads well, and this many acked sends are missing; how many of the missing lie before a stored one.
    Lost { sends: u64, holes: u64 },
    /// A row came back with another content than was written.
    Wrong,
    /// Some sends are there by half, and later ones are whole: atomicity is gone.
    Halves,
    /// Panicked, was killed by a signal, or did not end.
    Panicked(String),
}

/// Runs the trials of the stores and prints a table.
pub fn run(names: &[&'static str], scratch: &Path) -> Result<()> {
    println!("| store | what happened | outcome |\n|---|---|---|");
    for name in names {
        let folder = scratch.join(format!("crash-{name}"));
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        let base = folder.join("base");
        let acked = kills(name, &base)?;
        let acked = write_until(name, &base, acked, BASE_SENDS.max(acked + 1))?;
        for (target, file) in targets(name, &base)? {
            // A page of a commit that was under way: only the file that commits go to has one.
            let kinds: &[&str] =
                if target.ends_with("in use") || target == "log" { &["cut", "flip", "zero"] } else { &["cut", "flip"] };
            for kind in kinds {
                println!("| {name} | {} | {} |", describe(kind, target), tally(name, &folder, &file, (kind, acked))?.line());
            }
        }
        // A clean stop: what is checked at the open after it may be less.
        check(name, &base, acked)?;
        if let Some((target, file)) = targets(name, &base)?.pop() {
            let line = tally(name, &folder, &file, ("flip", acked))?.line();
            println!("| {name} | the same after a clean stop, {} | {line} |", describe("flip", target));
        }
        fs::remove_dir_all(folder)?;
    }
    Ok(())
}

/// Runs the trials of one kind on one file.
fn tally(name: &str, folder: &Path, file: &Path, (kind, acked): (&str, u64)) -> Result<Tally> {
    let mut tally = Tally::default();
    for damage in trials(kind) {
        tally.add(trial(name, folder, file, (damage, acked))?);
    }
    Ok(tally)
}

fn describe(kind: &str, target: &str) -> String {
    match kind {
        "cut" => format!("{target} cut at 10 %, 20 %, .. 90 %"),
        "flip" => format!("{target}: one bit flipped, 20 places"),
        _ => format!("{target}: one of the last 8 pages zeroed"),
    }
}

/// Kills a writer ten times in a row on one store, and checks after each; gives the sends that are stored at the end.
fn kills(name: &str, base: &Path) -> Result<u64> {
    let (mut stored, mut tally) = (0, Tally::default());
    for kill in 0..KILLS {
        let acked = write_for(name, base, stored, Duration::from_millis(200 + mix(kill) % 400))?;
        let (outcome, found) = check(name, base, acked)?;
        stored = found;
        tally.add(outcome);
    }
    println!("| {name} | kill -9 in the middle of commits, {KILLS} times in a row, {stored} sends | {} |", tally.line());
    Ok(stored)
}

/// Lets a writer commit for a while, kills it, and gives the sends that it said were acked.
fn write_for(name: &str, base: &Path, from: u64, time: Duration) -> Result<u64> {
    let mut writer = Writer::start(name, base, from)?;
    let start = Instant::now();
    while start.elapsed() < time {
        writer.next()?;
    }
    writer.kill()
}

/// Lets a writer commit up to a number of sends, then kills it.
fn write_until(name: &str, base: &Path, from: u64, sends: u64) -> Result<u64> {
    let mut writer = Writer::start(name, base, from)?;
    while writer.acked < sends {
        writer.next()?;
    }
    writer.kill()
}

/// A child that commits without end.
struct Writer {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    acked: u64,
}

impl Writer {
    fn start(name: &str, base: &Path, from: u64) -> Result<Writer> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child =
            command.args(["child-write", name]).arg(base).arg(from.to_string()).stdout(Stdio::piped()).spawn()?;
        let out = BufReader::new(child.stdout.take().ok_or("no pipe")?);
        Ok(Writer { child, out, acked: from })
    }

    /// Waits for the next commit.
    fn next(&mut self) -> Result<()> {
        let mut line = String::new();
        if self.out.read_line(&mut line)? == 0 {
            return Err("the writer ended by itself".into());
        }
        self.acked = line.trim().parse()?;
        Ok(())
    }

    /// Kills it with signal 9 and reads what it had still said; the last line may be half a line.
    fn kill(mut self) -> Result<u64> {
        self.child.kill()?;
        let mut rest = String::new();
        self.out.read_to_string(&mut rest)?;
        self.child.wait()?;
        let whole = rest.rfind('\n').map_or("", |end| &rest[..end]);
        Ok(whole.lines().last().map_or(Ok(self.acked), str::parse)?)
    }
}

/// Damages a copy of the base and checks it.
fn trial(name: &str, folder: &Path, file: &Path, (damage, acked): (Damage, u64)) -> Result<Outcome> {
    let copy = folder.join("copy");
    copy_folder(&folder.join("base"), &copy)?;
    damage.apply(&copy.join(file))?;
    let (outcome, _) = check(name, &copy, acked)?;
    fs::remove_dir_all(copy)?;
    Ok(outcome)
}

/// Checks a store in a new process; gives the stored sends too.
fn check(name: &str, base: &Path, acked: u64) -> Result<(Outcome, u64)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["child-check", name]).arg(base).arg(acked.to_string());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let start = Instant::now();
    while child.try_wait()?.is_none() {
        if start.elapsed() > CHECK_LIMIT {
            child.kill()?;
            child.wait()?;
            return Ok((Outcome::Panicked("did not end within a minute".to_owned()), 0));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let first = said.lines().map(|l| l.trim_start_matches("nexo-stores: ")).find(|l| !l.is_empty()).unwrap_or("").to_owned();
    match output.status.code() {
        Some(0) => outcome(&String::from_utf8(output.stdout)?, acked),
        Some(1) => Ok((Outcome::Refused(first), 0)),
        _ => Ok((Outcome::Panicked(first), 0)),
    }
}

/// Reads the line of `child-check`.
fn outcome(text: &str, acked: u64) -> Result<(Outcome, u64)> {
    let line = text.lines().last().unwrap_or_default();
    let numbers: Vec<u64> = line.split(' ').map(str::parse).collect::<std::result::Result<_, _>>()?;
    let &[stored, holes, halves, wrong, errors] = numbers.as_slice() else {
        return Err("the check said too little".into());
    };
    let outcome = if errors > 0 {
        Outcome::ErrorsRead
    } else if wrong > 0 {
        Outcome::Wrong
    } else if halves > 0 {
        Outcome::Halves
    } else if stored < acked {
        Outcome::Lost { sends: acked - stored, holes }
    } else {
        Outcome::Whole
    };
    Ok((outcome, stored))
}

/// Outcomes of the trials of one kind.
#[derive(Default)]
struct Tally {
    trials: u64,
    whole: u64,
    errors: u64,
    wrong: u64,
    halves: u64,
    lost: Vec<u64>,
    with_holes: u64,
    refused: Vec<String>,
    panicked: Vec<String>,
}

impl Tally {
    fn add(&mut self, outcome: Outcome) {
        self.trials += 1;
        match outcome {
            Outcome::Refused(said) => self.refused.push(said),
            Outcome::ErrorsRead => self.errors += 1,
            Outcome::Whole => self.whole += 1,
            Outcome::Wrong => self.wrong += 1,
            Outcome::Halves => self.halves += 1,
            Outcome::Panicked(said) => self.panicked.push(said),
            Outcome::Lost { sends, holes } => {
                self.lost.push(sends);
                self.with_holes += u64::from(holes > 0);
            }
        }
    }

    fn line(&self) -> String {
        let mut parts = Vec::new();
        let mut part = |count: u64, what: String| {
            if count > 0 {
                parts.push(format!("{count} of {}: {what}", self.trials));
            }
        };
        part(self.whole, "whole".to_owned());
        part(self.refused.len() as u64, format!("refused ({})", kinds(&self.refused)));
        part(self.errors, "opened, errors when read".to_owned());
        let (low, high) = (self.lost.iter().min().unwrap_or(&0), self.lost.iter().max().unwrap_or(&0));
        let holes = format!("{} of them with later sends kept", self.with_holes);
        part(self.lost.len() as u64, format!("silently lost {low}-{high} acked sends, {holes}"));
        part(self.halves, "silently lost some rows of acked sends, later sends kept".to_owned());
        part(self.wrong, "silently gave wrong rows".to_owned());
        part(self.panicked.len() as u64, format!("panicked ({})", kinds(&self.panicked)));
        parts.join("; ")
    }
}

/// The different texts, shortened, without folders and with N for each number.
fn kinds(texts: &[String]) -> String {
    let mut kinds: Vec<String> = texts.iter().map(|t| shortened(t)).collect();
    kinds.sort();
    kinds.dedup();
    kinds.truncate(3);
    kinds.join(", ")
}

fn shortened(text: &str) -> String {
    let mut short = String::new();
    for c in text.rsplit('/').next().unwrap_or_default().chars().map(|c| if c.is_ascii_digit() { 'N' } else { c }) {
        if !(c == 'N' && short.ends_with('N')) {
            short.push(c);
        }
    }
    short.chars().take(60).collect()
}
