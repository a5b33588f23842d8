//! What the profile of a send says is hot, piece by piece: `cargo bench`.
//!
//! `cargo bench -- fan-out` runs what has that in its name. The appends are synced to the disk of the temporary folder; the claim
//! needs `redis-server`, and is left out without it. Figures are of one core, without sockets: `nexo-bench` measures the whole.

mod append;
mod claim;
mod doors;
mod fan_out;
mod scene;

use criterion::{criterion_group, criterion_main};

criterion_group!(hot, doors::measure, fan_out::measure, append::measure, claim::measure);
criterion_main!(hot);
