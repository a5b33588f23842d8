//! The table of figures: medians of five runs with their spread, the stores taking turns in each run.

use crate::{
    Result,
    load::{CONVERSATIONS, Load, mix},
    stores,
};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

const RUNS: usize = 5;
const GROUPS: [usize; 3] = [1, 16, 64];
const PERIOD: Duration = Duration::from_secs(2);
const FILLED: u64 = 1_000_000;

/// Row of the table, then store, then what each run measured.
type Table = BTreeMap<(usize, String), BTreeMap<&'static str, Vec<f64>>>;

/// Measures the stores and prints the table.
pub fn run(names: &[&'static str], scratch: &Path) -> Result<()> {
    let mut table = Table::new();
    let mut note = |row: (usize, &str), name: &'static str, value: f64| {
        table.entry((row.0, row.1.to_owned())).or_default().entry(name).or_default().push(value);
    };
    for run in 1..=RUNS {
        for name in names {
            eprintln!("writes, run {run}: {name}");
            for (i, group) in GROUPS.into_iter().enumerate() {
                let (rate, cpu_us) = write_rate(name, &scratch.join("writes"), group)?;
                note((i, &format!("sends/s, {group} a commit")), name, rate);
                note((i + 5, &format!("CPU of a send, {group} a commit, us")), name, cpu_us);
            }
        }
    }
    for name in names {
        let folder = scratch.join(name);
        eprintln!("{FILLED} messages: {name}");
        let start = Instant::now();
        fill(name, &folder)?;
        note((10, "fill, 1,000 a commit, sends/s"), name, FILLED as f64 / start.elapsed().as_secs_f64());
        note((11, "size on disk, MB"), name, disk_bytes(&folder)? as f64 / 1e6);
        let (open_ms, _) = open_cost(name, &folder)?;
        note((12, "open after a clean stop, ms"), name, open_ms);
    }
    for run in 1..=RUNS {
        for name in names {
            eprintln!("opens and reads, run {run}: {name}");
            let folder = scratch.join(name);
            let (open_ms, peak_mb) = open_cost(name, &folder)?;
            note((13, "open after a kill, ms"), name, open_ms);
            note((14, "peak memory of that, MB"), name, peak_mb);
            let (last, gets) = read_rates(name, &folder)?;
            note((15, "last 50 of a conversation, reads/s"), name, last);
            note((16, "point gets by id, reads/s"), name, gets);
            // The next open must find an unclean stop again.
            open_cost(name, &folder)?;
        }
    }
    fs::remove_dir_all(scratch)?;
    print(names, &table);
    Ok(())
}

/// Sends a second with `group` of them in each synced commit, on a new store, and the microseconds of CPU that each
/// takes, the store's own threads included.
fn write_rate(name: &str, folder: &Path, group: usize) -> Result<(f64, f64)> {
    fresh(folder)?;
    let mut store = stores::open(name, folder)?;
    let mut load = Load::starting_at(0);
    let (start, mut sends, mut busy) = (Instant::now(), 0, Duration::ZERO);
    let cpu_before = cpu_us()?;
    while start.elapsed() < PERIOD {
        let batch = load.take(group);
        let before = Instant::now();
        store.commit(&batch)?;
        busy += before.elapsed();
        sends += group;
    }
    let cpu = cpu_us()? - cpu_before;
    drop(store);
    fs::remove_dir_all(folder)?;
    Ok((sends as f64 / busy.as_secs_f64(), cpu / sends as f64))
}

/// The CPU time of this process so far.
fn cpu_us() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let [user, system] = [fields.get(11), fields.get(12)].map(|f| f.and_then(|f| f.parse::<f64>().ok()));
    // The kernel counts in hundredths of a second here, whatever its own clock.
    Ok((user.ok_or("no utime")? + system.ok_or("no stime")?) * 10_000.0)
}

fn fill(name: &str, folder: &Path) -> Result<()> {
    fresh(folder)?;
    let mut child = Command::new(std::env::current_exe()?);
    let status = child.args(["child-fill", name]).arg(folder).arg(FILLED.to_string()).status()?;
    if status.success() { Ok(()) } else { Err("the filling child failed".into()) }
}

/// Milliseconds that an open takes in a new process, and the MB that it peaks at; it stops without closing.
fn open_cost(name: &str, folder: &Path) -> Result<(f64, f64)> {
    let output = Command::new(std::env::current_exe()?).args(["child-open", name]).arg(folder).output()?;
    let text = String::from_utf8(output.stdout)?;
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    let mut next = || numbers.next().ok_or("the opening child failed")?.map_err(|e| e.to_string());
    Ok((next()? / 1e3, next()? * 1024.0 / 1e6))
}

/// Reads of the last 50 of random conversations a second, and gets of random ids a second.
fn read_rates(name: &str, folder: &Path) -> Result<(f64, f64)> {
    let store = stores::open(name, folder)?;
    let mut count = 0;
    let start = Instant::now();
    while start.elapsed() < PERIOD {
        count += 1;
        let found = store.last(mix(count) % CONVERSATIONS, 50)?.len();
        assert_eq!(found, 50, "every conversation has more than 50 messages");
    }
    let last = count as f64 / start.elapsed().as_secs_f64();
    let mut load = Load::starting_at(0);
    let mut keys: Vec<[u8; 24]> = (0..FILLED).map(|_| load.one().id_key()).collect();
    keys.sort_by_cached_key(|key| mix(u64::from_be_bytes(key[8..16].try_into().unwrap_or_default())));
    let (mut count, start) = (0, Instant::now());
    while start.elapsed() < PERIOD {
        assert!(store.id(&keys[count % keys.len()])?.is_some(), "every id is there");
        count += 1;
    }
    Ok((last, count as f64 / start.elapsed().as_secs_f64()))
}

fn fresh(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(fs::create_dir_all(folder)?)
}

/// Blocks that the folder holds: a file made long in advance counts by what is written in it.
fn disk_bytes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() { disk_bytes(&entry.path())? } else { entry.metadata()?.blocks() * 512 };
    }
    Ok(bytes)
}

fn print(names: &[&'static str], table: &Table) {
    println!("| median of {RUNS} runs (lowest-highest) | {} |", names.join(" | "));
    println!("|---|{}", "--:|".repeat(names.len()));
    for ((_, row), stores) in table {
        let cells: Vec<String> = names.iter().map(|n| cell(stores.get(n).map_or(&[], Vec::as_slice))).collect();
        println!("| {row} | {} |", cells.join(" | "));
    }
}

fn cell(values: &[f64]) -> String {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let number = |v: f64| if v < 10.0 { format!("{v:.1}") } else { format!("{v:.0}") };
    match values.as_slice() {
        [] => "-".to_owned(),
        [one] => number(*one),
        [low, .., high] => format!("{} ({}-{})", number(values[values.len() / 2]), number(*low), number(*high)),
    }
}
