//! Compares embedded stores on Nexo's write pattern, and what each does when it is killed or damaged.
//!
//! `cargo run --release -- [fjall|redb|sqlite|all]` prints a table of figures; `cargo run --release -- crash [STORE]`
//! prints what each store makes of a `kill -9`, a cut file and a flipped bit. Data goes to a folder under the
//! system's temporary folder, or to `NEXO_STORES_DIR`. `crash guarded` is fjall with the checks that Nexo adds: the scan
//! of [`journal`] before an open, and a mark of what was synced after it. The other commands are the children that these two start.

mod child;
mod crash;
mod damage;
mod figures;
mod journal;
mod load;
mod stores;

use std::path::{Path, PathBuf};

/// Any failure; the stores' own errors differ.
type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

const USAGE: &str = "usage: nexo-stores [fjall|redb|sqlite|all] | crash [fjall|guarded|redb|sqlite|all]";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let Err(e) = run(&arguments) {
        eprintln!("nexo-stores: {e}");
        std::process::exit(1);
    }
}

fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["child-fill", store, folder, sends] => child::fill(store, Path::new(folder), sends.parse()?),
        ["child-open", store, folder] => child::open(store, Path::new(folder)),
        ["child-write", store, folder, from] => child::write(store, Path::new(folder), from.parse()?),
        ["child-check", store, folder, acked] => child::check(store, Path::new(folder), acked.parse()?),
        ["crash"] => crash::run(&chosen("all")?, &scratch()),
        ["crash", "guarded"] => crash::run(&["guarded"], &scratch()),
        ["crash", stores] => crash::run(&chosen(stores)?, &scratch()),
        [] => figures::run(&chosen("all")?, &scratch()),
        [stores] => figures::run(&chosen(stores)?, &scratch()),
        _ => Err(USAGE.into()),
    }
}

/// The stores that an argument names.
fn chosen(argument: &str) -> Result<Vec<&'static str>> {
    let chosen: Vec<&'static str> = stores::NAMES.into_iter().filter(|n| argument == "all" || argument == *n).collect();
    if chosen.is_empty() { Err(USAGE.into()) } else { Ok(chosen) }
}

fn scratch() -> PathBuf {
    let base = std::env::var_os("NEXO_STORES_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    base.join("nexo-stores")
}
