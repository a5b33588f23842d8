//! Walks through the rules on seqs: exactly the machines and exactly the library that the product runs, one conversation, and
//! everything that may happen between any two of their steps.
//!
//! `NEXO_SEQ_WALKS` sets how many walks are made, `NEXO_SEQ_SEED` from which seed on, `NEXO_SEQ_GUARD` for which guard alone.

mod bring;
mod database;
mod dice;
mod guards;
mod ledger;
mod profile;
mod reading;
mod redis;
mod sending;
mod settling;
mod world;

use guards::Guard;
use redis::Redis;
use world::World;

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// A walk from this seed with a guard taken out, told if it is to be.
fn walk(redis: &mut Redis, seed: u64, out: Option<Guard>, told: bool) -> (Option<String>, Vec<String>) {
    let mut world = World::new(redis, seed);
    world.guard_out = out;
    world.story = told.then(Vec::new);
    world.walk();
    (world.ledger.broken, world.story.unwrap_or_default())
}

#[test]
fn every_walk_keeps_the_promises() {
    let mut redis = Redis::new(None);
    let first = setting("NEXO_SEQ_SEED", 0);
    for seed in first..first + setting("NEXO_SEQ_WALKS", 6_000) {
        if let (Some(broken), _) = walk(&mut redis, seed, None, false) {
            let (_, story) = walk(&mut redis, seed, None, true);
            panic!("seed {seed}: {broken}\n{}", story.join("\n"));
        }
    }
}

/// Looks for a walk that breaks without this guard.
fn hunt(guard: Guard, first: u64, walks: u64) -> Option<(u64, String)> {
    let mut redis = Redis::new(guard.line());
    (first..first + walks).find_map(|seed| Some((seed, walk(&mut redis, seed, Some(guard), false).0?)))
}

#[test]
fn each_guard_that_is_taken_out_is_missed() {
    let only = std::env::var("NEXO_SEQ_GUARD").ok();
    let (seed, walks) = (setting("NEXO_SEQ_SEED", 0), setting("NEXO_SEQ_WALKS", 500));
    let mut needless = Vec::new();
    for guard in Guard::ALL {
        let first = match &only {
            Some(name) => (format!("{guard:?}") == *name).then_some(seed),
            None => guard.first_seed(),
        };
        let Some(first) = first else { continue };
        match hunt(guard, first, walks) {
            Some((seed, broken)) => println!("{guard:?}: seed {seed}: {broken}"),
            None => needless.push(guard),
        }
    }
    assert!(needless.is_empty(), "nothing breaks without {needless:?}");
}
