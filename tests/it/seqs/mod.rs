//! Walks through the rules on seqs: exactly the machines and exactly the library that the product runs, one conversation, and
//! everything that may happen between any two of their steps.
//!
//! `NEXO_SEQ_WALKS` sets how many walks are made, `NEXO_SEQ_SEED` from which seed on, `NEXO_SEQ_GUARD` for which guard alone.

mod bring;
mod database;
mod dice;
mod differential;
mod guards;
mod ledger;
mod profile;
mod reading;
mod real;
mod redis;
mod sending;
mod settling;
mod stories;
mod world;

use guards::Guard;
use redis::Redis;
use sending::BODIES;
use stories::Story;
use world::World;

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// What went wrong, if anything did, and the story if it was to be told.
type Told = (Option<String>, Vec<String>);

/// A walk in a world, which may lack a guard.
#[derive(Clone, Copy)]
struct Walk {
    seed: u64,
    out: Option<Guard>,
    bodies: usize,
    told: bool,
}

impl Walk {
    fn walk(self, redis: &mut Redis) -> Told {
        let mut world = World::new(redis, self.seed);
        world.guard_out = self.out;
        world.bodies = self.bodies;
        world.story = self.told.then(Vec::new);
        world.walk();
        (world.ledger.broken, world.story.unwrap_or_default())
    }
}

fn keeps_the_promises(bodies: usize, walks: u64) {
    let mut redis = Redis::new(None);
    let first = setting("NEXO_SEQ_SEED", 0);
    for seed in first..first + setting("NEXO_SEQ_WALKS", walks) {
        let walk = Walk { seed, out: None, bodies, told: false };
        if let (Some(broken), _) = walk.walk(&mut redis) {
            let (_, story) = Walk { told: true, ..walk }.walk(&mut redis);
            panic!("seed {seed}: {broken}\n{}", story.join("\n"));
        }
    }
}

#[test]
fn every_walk_keeps_the_promises() {
    keeps_the_promises(1, 6_000);
}

#[test]
fn every_walk_whose_repeats_come_with_another_body_keeps_the_promises() {
    keeps_the_promises(BODIES.len(), 1_000);
}

/// A story in a world where nothing else happens, and what it comes to once the faults have ended.
fn tell(story: Story, out: Option<Guard>) -> Told {
    let mut redis = Redis::new(out.and_then(Guard::line));
    let mut world = World::new(&mut redis, 0);
    world.faulty = false;
    world.ledger.calm = false;
    world.guard_out = out;
    world.story = Some(Vec::new());
    story(&mut world);
    world.end();
    (world.ledger.broken, world.story.unwrap_or_default())
}

#[test]
fn every_story_ends_well() {
    for guard in Guard::ALL {
        let told = stories::of(guard).map(|story| tell(story, None));
        if let Some((Some(broken), story)) = told {
            panic!("{guard:?}: {broken}\n{}", story.join("\n"));
        }
    }
}

#[test]
fn a_mark_above_everything_that_was_given_out_holds_nobody_up() {
    let (broken, story) = tell(stories::a_mark_is_above_everything, None);
    assert_eq!(broken, None, "{}", story.join("\n"));
}

/// Looks for a walk that breaks without this guard.
fn hunt(guard: Guard, first: u64, walks: u64) -> Option<(u64, String)> {
    let mut redis = Redis::new(guard.line());
    (first..first + walks).find_map(|seed| {
        let walk = Walk { seed, out: Some(guard), bodies: guard.bodies(), told: false };
        Some((seed, walk.walk(&mut redis).0?))
    })
}

#[test]
fn each_guard_that_is_taken_out_is_missed() {
    let only = std::env::var("NEXO_SEQ_GUARD").ok();
    let (seed, walks) = (setting("NEXO_SEQ_SEED", 0), setting("NEXO_SEQ_WALKS", 500));
    let mut needless = Vec::new();
    for guard in Guard::ALL {
        let named = only.as_ref().map(|name| format!("{guard:?}") == *name);
        let first = match named {
            Some(false) => continue,
            Some(true) => seed,
            None => guard.first_seed(),
        };
        let missed = match stories::of(guard) {
            Some(story) => tell(story, Some(guard)).0.map(|broken| format!("its story: {broken}")),
            None => hunt(guard, first, walks).map(|(seed, broken)| format!("seed {seed}: {broken}")),
        };
        match missed {
            Some(broken) => println!("{guard:?}: {broken}"),
            None => needless.push(guard),
        }
    }
    assert!(needless.is_empty(), "nothing breaks without {needless:?}");
}
