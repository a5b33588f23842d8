//! The servers in memory against a real one: the library as it ships gives the same answers on both, call by call, and leaves the
//! same behind. So what the walks find holds where it runs.

use std::collections::{BTreeMap, BTreeSet};

use nexo::store::cluster::functions;

use super::dice::Dice;
use super::real::Real;
use super::redis::Redis;
use super::sending::BODIES;

const KEY: &str = "seq:{c}";
const LIMIT_KEY: &str = "conversation_sends:{c}";
/// No slot of a limit comes back within the test: servers whose clocks differ by a call would differ about that.
const INTERVAL_MS: &str = "123456.7";
/// How many arguments a claim has without a limit.
const UNLIMITED: usize = 7;
/// A client chooses a part of an id, so anything may be in it.
const IDS: [&str; 4] = ["m1", "m2", "m|3|", "m 4 \u{e9}"];
const CALLS: usize = 4_000;

/// What a server holds: values by name and field, the field of a plain string being none.
type Stored = BTreeMap<(String, String), String>;
/// When names end.
type Ends = BTreeMap<String, u64>;

struct Pair {
    real: Real,
    model: Redis,
    dice: Dice,
    stored: Stored,
    /// The first words of all answers.
    answers: BTreeSet<String>,
    /// What was called, for whoever has to find out.
    told: Vec<String>,
    /// For how long a call took at most: within that, nobody knows what time it was.
    slowest_ms: u64,
}

fn claim_key(id: &str) -> String {
    format!("claim:{{c}}:{id}")
}

impl Pair {
    fn new(mut real: Real) -> Self {
        real.run(&["FUNCTION", "LOAD", &functions::library()]);
        let (model, dice, slowest_ms) = (Redis::as_shipped(), Dice::new(1), 0);
        model.set_replid(0, &real.replid());
        let (stored, answers, told) = (Stored::new(), BTreeSet::new(), Vec::new());
        Self { real, model, dice, stored, answers, told, slowest_ms }
    }

    /// What the real server holds.
    fn in_real(&mut self) -> (Stored, Ends) {
        let (mut stored, mut ends) = (Stored::new(), Ends::new());
        for name in self.real.run(&["KEYS", "*"]) {
            if name == KEY {
                for pair in self.real.run(&["HGETALL", &name]).chunks(2) {
                    stored.insert((name.clone(), pair[0].clone()), pair[1].clone());
                }
            } else {
                stored.insert((name.clone(), String::new()), self.real.run(&["GET", &name]).concat());
            }
            let end = self.real.run(&["PEXPIRETIME", &name]).concat();
            // -1: it does not end.
            ends.extend(end.parse().ok().map(|end_ms: u64| (name, end_ms)));
        }
        (stored, ends)
    }

    /// What the one in memory holds.
    fn in_model(&self) -> (Stored, Ends) {
        let (mut stored, mut ends) = (Stored::new(), Ends::new());
        for [name, field, value] in self.model.stored(0) {
            if field == "until_ms" {
                ends.insert(name, value.parse().expect("a time"));
            } else {
                stored.insert((name, field), value);
            }
        }
        (stored, ends)
    }

    fn end_alike(&self, real: &Ends, model: &Ends) -> bool {
        let close = |name| real[name].abs_diff(model[name]) <= self.slowest_ms;
        real.keys().eq(model.keys()) && real.keys().all(close)
    }

    /// Calls a function on both. The time of a real server cannot be set, so the one in memory is asked at each time that it may
    /// have been there: mostly that is one.
    fn call(&mut self, name: &str, ids: &[&str], args: &[String]) {
        let mut keys: Vec<String> = std::iter::once(KEY.to_owned()).chain(ids.iter().map(|id| claim_key(id))).collect();
        if name == "claim" && args.len() > UNLIMITED {
            keys.push(LIMIT_KEY.to_owned());
        }
        let (function, count) = (functions::function(name), keys.len().to_string());
        let fcall = if name == "peek" { "FCALL_RO" } else { "FCALL" };
        let mut words = vec![fcall, &function, &count];
        words.extend(keys.iter().chain(args).map(String::as_str));
        let first_ms = self.real.time_ms();
        let answer = self.real.run(&words);
        let last_ms = self.real.time_ms();
        self.told.push(format!("{name} {ids:?} {args:?}: {answer:?}"));
        self.slowest_ms = self.slowest_ms.max(last_ms - first_ms);
        let (stored, ends) = self.in_real();
        self.model.keep(0);
        let mut others = Vec::new();
        for clock_ms in first_ms..=last_ms {
            self.model.set_clock(0, clock_ms);
            let other = self.model.call(0, name, &keys, args).expect("a master");
            let (other_stored, other_ends) = self.in_model();
            if other == answer && other_stored == stored && self.end_alike(&ends, &other_ends) {
                self.answers.extend(answer.into_iter().next());
                self.stored = stored;
                return;
            }
            others.push((other, other_stored, other_ends));
            self.model.go_back(0);
        }
        let story = self.told[self.told.len().saturating_sub(20)..].join("\n");
        panic!("{story}\nreal: {stored:?} {ends:?}\nin memory: {others:?}");
    }

    /// A number that the key holds.
    fn number(&self, field: &str) -> u64 {
        self.stored.get(&(KEY.to_owned(), field.to_owned())).map_or(0, |text| text.parse().unwrap_or(0))
    }

    /// The pending claims: seqs and ids.
    fn pending(&self) -> Vec<(u64, String)> {
        let claims = self.stored.iter().filter_map(|((name, field), value)| {
            let seq = field.strip_prefix("p:").filter(|_| name == KEY)?.parse().ok()?;
            Some((seq, value.splitn(6, '|').last()?.to_owned()))
        });
        claims.collect()
    }

    /// This number mostly, and sometimes one below it or a little above.
    fn about(&mut self, number: u64) -> u64 {
        if self.dice.chance(3, 4) { number } else { self.dice.below(number + 3) }
    }

    fn claim(&mut self) {
        let id = IDS[self.dice.place(IDS.len())];
        let body = BODIES[usize::from(self.dice.chance(1, 6))];
        let higher = u64::from(self.dice.chance(1, 30));
        let (fence, seq) = (self.number("fence"), self.number("low").saturating_sub(1));
        let candidate = if self.dice.chance(1, 4) { self.about(seq) } else { 0 };
        let settled = self.about(seq);
        let ticket = 1 + self.dice.below(1_000_000);
        let floor = if self.dice.chance(1, 8) { self.number("next") } else { self.dice.below(1 + self.number("next")) };
        let words = [fence + higher, candidate, settled, ticket, floor].map(|number| number.to_string());
        let mut args: Vec<String> = [id, body].map(str::to_owned).into_iter().chain(words).collect();
        if self.dice.chance(1, 2) {
            args.extend([(1 + self.dice.below(40)).to_string(), INTERVAL_MS.to_owned()]);
        }
        self.call("claim", &[id], &args);
    }

    fn install(&mut self) {
        let asked = self.number("ticket");
        let ticket = self.about(asked);
        let leap = [0, 0, 0, 3, 1 << 40][self.dice.place(5)];
        let from = if self.dice.chance(1, 12) { self.number("top") } else { self.number("top") + 1 + leap };
        let to = from + self.dice.below(6);
        let fence = self.number("fence") + if self.dice.chance(1, 8) { 1 } else { self.number("cold") };
        self.call("install", &[], &[ticket, from, to, fence].map(|number| number.to_string()));
    }

    fn finish(&mut self) {
        let pending = self.pending();
        let (mut seq, mut id) = (self.dice.below(4), IDS[0].to_owned());
        if !pending.is_empty() {
            (seq, id) = pending[self.dice.place(pending.len())].clone();
        }
        let seq = self.about(seq).to_string();
        self.call("finish", &[&id], &[seq, id.clone()]);
    }

    fn close(&mut self) {
        let (low, fence, count) = (self.number("low"), self.number("fence"), self.number("count"));
        let args = [low.saturating_sub(1), fence, count].map(|number| self.about(number).to_string());
        self.call("close", &[], &args);
    }

    fn resolve(&mut self) {
        let upto = self.number("low") + self.dice.below(3);
        let below: Vec<_> = self.pending().into_iter().filter(|(seq, _)| *seq <= upto).collect();
        let kept: Vec<_> = below.into_iter().filter(|_| self.dice.chance(1, 2)).collect();
        let ids: Vec<&str> = kept.iter().map(|(_, id)| id.as_str()).collect();
        let args: Vec<String> =
            std::iter::once(upto).chain(kept.iter().map(|(seq, _)| *seq)).map(|seq| seq.to_string()).collect();
        self.call("resolve", &ids, &args);
    }

    /// Something that no function does. Long times pass by what is stored being older.
    fn fault(&mut self) {
        let fault = self.dice.below(16);
        self.told.push(format!("fault {fault}"));
        match fault {
            0 => {
                self.real.run(&["FLUSHALL"]);
                self.model.flush(0);
                self.stored.clear();
            }
            1 => {
                self.real.run(&["DEBUG", "CHANGE-REPL-ID"]);
                self.model.set_replid(0, &self.real.replid());
            }
            2..8 => self.set("granted_at"),
            _ => self.set("asked_at"),
        }
    }

    /// Sets a time of the key to 0.
    fn set(&mut self, field: &str) {
        if self.stored.keys().any(|(name, _)| name == KEY) {
            self.real.run(&["HSET", KEY, field, "0"]);
            self.model.set_field(0, KEY, field, "0");
        }
    }
}

#[test]
fn the_library_does_in_memory_what_it_does_in_redis() {
    let Some(real) = Real::start("the_library_does_in_memory_what_it_does_in_redis") else { return };
    let mut pair = Pair::new(real);
    for _ in 0..CALLS {
        match pair.dice.below(20) {
            0..9 => pair.claim(),
            9..12 => pair.install(),
            12..15 => pair.finish(),
            15 => pair.call("peek", &[], &[]),
            16..18 => pair.close(),
            18 => pair.resolve(),
            _ => pair.fault(),
        }
    }
    let answers: Vec<&str> = pair.answers.iter().map(String::as_str).collect();
    let all = "behind busy cold final finished gone installed limited need new nothing other refused resolved same seen settle stale wait warm watch";
    assert_eq!(answers, all.split(' ').collect::<Vec<_>>(), "not every answer was met");
}
