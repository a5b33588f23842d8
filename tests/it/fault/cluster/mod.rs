//! Faults of a cluster of three nodes, under load: Redis, the database and the nodes themselves are cut, paused, emptied and
//! rolled back; one recount afterwards looks at everything that was promised.
//!
//! They take a quarter of an hour and the machine for themselves, so `tests/faults` runs them, and `tests/run` does not.

mod checker;
mod database;
mod flush;
mod listener;
mod looks;
mod masters;
mod nodes;
mod recount;
mod scene;
mod slots;
mod talk;

use super::run_alone as run;
