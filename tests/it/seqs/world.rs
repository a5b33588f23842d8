//! Nodes, servers and a database around one conversation, and a walk through what may happen to them.

use nexo::store::cluster::seqs::{MsgId, Now, SendOutcome, Watch};

use super::bring::Bring;
use super::database::{Conditional, Database, Late};
use super::dice::Dice;
use super::guards::Guard;
use super::ledger::Ledger;
use super::profile::{Fault, Profile};
use super::reading::Reading;
use super::redis::Redis;
use super::sending::{BODIES, Sending};
use super::settling::Settle;

const NODES: usize = 3;
const DEADLINE_MS: u64 = 2_000;
const STEPS: usize = 180;

/// What a node is between two of its steps.
#[derive(Clone, Copy)]
pub(super) struct Node {
    pub(super) watch: Watch,
    /// The fence that it read last for a send.
    pub(super) fence: u64,
    /// The server that it takes for the master.
    pub(super) server: usize,
}

/// Something under way.
pub(super) enum Job {
    Send(Box<Sending>),
    Bring(Bring),
    Settle(Box<Settle>),
    Read(Reading),
}

pub(super) struct World<'a> {
    pub(super) dice: Dice,
    pub(super) guard_out: Option<Guard>,
    pub(super) profile: Profile,
    /// Whether anything fails in this walk.
    pub(super) faulty: bool,
    /// How many of the bodies repeats come with.
    pub(super) bodies: usize,
    pub(super) now_ms: u64,
    pub(super) redis: &'a mut Redis,
    pub(super) database: Database,
    pub(super) nodes: [Node; NODES],
    pub(super) jobs: Vec<Job>,
    pub(super) ledger: Ledger,
    pub(super) story: Option<Vec<String>>,
    ids: u64,
    faults: u64,
}

impl<'a> World<'a> {
    pub(super) fn new(redis: &'a mut Redis, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let profile = Profile::draw(&mut dice);
        redis.reset();
        let node = Node { watch: Watch::default(), fence: 0, server: 0 };
        Self {
            dice,
            guard_out: None,
            profile,
            faulty: profile.most_faults > 0,
            bodies: 1,
            now_ms: 10_000,
            redis,
            database: Database::default(),
            nodes: [node; NODES],
            jobs: Vec::new(),
            ledger: Ledger::of(profile.most_faults == 0),
            story: None,
            ids: 0,
            faults: 0,
        }
    }

    pub(super) fn out(&self, guard: Guard) -> bool {
        self.guard_out == Some(guard)
    }

    pub(super) fn deadline_ms(&self) -> u64 {
        DEADLINE_MS
    }

    /// The time on a node. No two agree.
    pub(super) fn now(&self, node: usize) -> Now {
        let skew_ms = 300 * node as u64;
        Now { mono_ms: self.now_ms + skew_ms, wall_ms: 1_700_000_000_000 + self.now_ms + skew_ms }
    }

    pub(super) fn tell(&mut self, what: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push(format!("{:>6} {}", self.now_ms, what()));
        }
    }

    pub(super) fn random(&mut self) -> u64 {
        1 + self.dice.below(1 << 50)
    }

    /// Calls a function on the server that the node takes for the master, with the claims of these ids.
    pub(super) fn redis(&mut self, node: usize, name: &str, ids: &[&MsgId], args: &[String]) -> Option<Vec<String>> {
        if self.faulty && self.dice.chance(1, 80) {
            return None;
        }
        self.redis.set_time(self.now_ms);
        let claims = ids.iter().map(|id| format!("claim:{{c}}:{id}"));
        let keys: Vec<String> = std::iter::once("seq:{c}".to_owned()).chain(claims).collect();
        self.redis.call(self.nodes[node].server, name, &keys, args)
    }

    /// A conditional write: applied or not, or unknown, and then it may be applied later.
    pub(super) fn conditional(&mut self, write: Conditional) -> Option<bool> {
        match if self.faulty { self.dice.below(16) } else { 15 } {
            0 => {
                self.database.late.push(Late::Conditional(write));
                None
            }
            1 => {
                self.database.apply(&write, self.guard_out);
                None
            }
            _ => Some(self.database.apply(&write, self.guard_out)),
        }
    }

    /// One step of a job; whether that was its last.
    fn step(&mut self, job: &mut Job) -> bool {
        match job {
            Job::Send(sending) => sending.step(self).is_some(),
            Job::Bring(bring) => bring.step(self).is_some(),
            Job::Settle(settle) => settle.step(self),
            Job::Read(reading) => reading.step(self),
        }
    }

    fn step_any(&mut self) {
        if self.jobs.is_empty() {
            return;
        }
        let last = self.dice.chance(self.profile.sticks, 8);
        let at = if last { self.jobs.len() - 1 } else { self.dice.place(self.jobs.len()) };
        let mut job = self.jobs.swap_remove(at);
        // A crash ends a job between two of its steps.
        let crashes = self.faulty && self.dice.chance(1, 80);
        if !crashes && !self.step(&mut job) {
            self.jobs.push(job);
        }
        if let Some(seq) = self.database.shared_seq() {
            self.ledger.breaks(format!("two messages at seq {seq}"));
        }
    }

    fn send(&mut self, fresh: bool) {
        if fresh || self.ids == 0 {
            self.ids += 1;
        }
        let number = if fresh { self.ids } else { 1 + self.dice.below(self.ids) };
        let node = self.dice.place(NODES);
        let body = if self.bodies > 1 { self.dice.place(self.bodies) } else { 0 };
        let sending = Sending::new(self, node, format!("m{number}").into(), BODIES[body]);
        self.jobs.push(Job::Send(Box::new(sending)));
    }

    /// Walks until something breaks, or to the end, where everything is whole again.
    pub(super) fn walk(&mut self) {
        for _ in 0..STEPS {
            if self.ledger.broken.is_some() {
                return;
            }
            let node = self.dice.place(NODES);
            let profile = self.profile;
            let mut left = self.dice.below(40);
            let mut falls = |weight: u64| {
                let hit = left < weight;
                left = if hit { u64::MAX } else { left.saturating_sub(weight) };
                hit
            };
            if falls(profile.sends) {
                if self.ids < profile.ids {
                    self.send(true);
                }
            } else if falls(profile.repeats) {
                if self.jobs.iter().filter(|job| matches!(job, Job::Send(_))).count() < 8 {
                    self.send(false);
                }
            } else if falls(profile.settles) {
                if self.jobs.iter().filter(|job| matches!(job, Job::Settle(_))).count() < 3 {
                    self.jobs.push(Job::Settle(Box::new(Settle::new(self, node))));
                }
            } else if falls(profile.reads) {
                if self.jobs.iter().filter(|job| matches!(job, Job::Read(_))).count() < 3 {
                    self.jobs.push(Job::Read(Reading::new(node)));
                }
            } else if falls(profile.time) {
                // The long one is past what the key remembers.
                let long = self.dice.chance(1, 12);
                self.now_ms += if long { 130_000 } else { [200, 700, 1_000, 2_000][self.dice.place(4)] };
            } else if falls(profile.faults) {
                self.fault();
            } else if falls(profile.landings) {
                self.land();
            } else {
                self.step_any();
            }
        }
        self.end();
    }

    /// A late write lands, or never.
    fn land(&mut self) {
        if self.database.late.is_empty() {
            return;
        }
        let at = self.dice.place(self.database.late.len());
        let late = self.database.late.swap_remove(at);
        let quorum = self.dice.chance(1, 2);
        if self.dice.chance(1, 4) {
            return;
        }
        self.tell(|| format!("late: {late:?}"));
        match late {
            Late::Plain(plain) => self.database.write(plain, quorum),
            Late::Conditional(write) => drop(self.database.apply(&write, self.guard_out)),
        }
    }

    fn fault(&mut self) {
        if self.faults >= self.profile.most_faults {
            return;
        }
        let server = self.dice.place(2);
        let (master, other) = (self.redis.is_master(server), self.redis.is_master(1 - server));
        let node = self.dice.place(NODES);
        let fault = self.profile.kinds[self.dice.place(self.profile.kinds.len())];
        match fault {
            Fault::Flush if master => self.lose(|redis| redis.flush(server)),
            Fault::Restart if master => self.lose(|redis| redis.restart(server)),
            Fault::Keep if master => self.redis.keep(server),
            Fault::Replicate if master && !other => self.redis.replicate(server),
            Fault::Promote if !master => {
                self.lose(|redis| redis.promote(server));
                self.nodes[node].server = server;
            }
            Fault::Demote if master && other => {
                self.redis.demote(server);
                self.nodes.iter_mut().for_each(|node| node.server = 1 - server);
            }
            Fault::Turn if master => self.nodes[node].server = server,
            Fault::ClockForward => self.redis.step_clock(server, 20_000),
            Fault::ClockRight => self.redis.set_clock_right(server),
            _ => return,
        }
        self.faults += 1;
        self.tell(|| format!("{fault:?} on server {server}"));
    }

    pub(super) fn lose(&mut self, fault: impl FnOnce(&mut Redis)) {
        fault(self.redis);
        self.ledger.lost = true;
    }

    /// The faults end, what is under way ends, and then everything must be as promised.
    pub(super) fn end(&mut self) {
        for mut job in std::mem::take(&mut self.jobs) {
            let waits = matches!(job, Job::Settle(_));
            let _ended = !waits && (0..80).any(|_| self.step(&mut job));
        }
        self.jobs.clear();
        self.faulty = false;
        if self.redis.masters() == 2 {
            self.redis.demote(1);
        }
        let master = usize::from(!self.redis.is_master(0));
        self.nodes.iter_mut().for_each(|node| node.server = master);
        self.heal();
        if !self.goes_on() {
            self.ledger.breaks("no progress: a send after the faults did not go through".to_owned());
        }
        // Most of what lands now lands where all is settled.
        while !self.database.late.is_empty() {
            self.land();
        }
        self.heal();
        self.show();
        self.check_settled();
        self.repeat_all();
        self.show();
        self.ledger.close();
    }

    /// Settles whatever is there to settle: until two nodes in a row, each after a wait, find nothing.
    fn heal(&mut self) {
        let mut idle = 0;
        for node in (0..NODES).cycle().take(4 * NODES) {
            self.show();
            self.now_ms += DEADLINE_MS + 3_000;
            let settled = self.database.blocks.head.settled;
            let mut settle = Settle::new(self, node);
            while !settle.step(self) {
                self.now_ms += 500;
            }
            idle = if self.database.blocks.head.settled == settled { idle + 1 } else { 0 };
            if idle > NODES {
                return;
            }
        }
    }

    fn show(&mut self) {
        let mut reading = Reading::new(0);
        while !reading.step(self) {}
    }

    fn send_out(&mut self, id: &MsgId, body: &str, node: usize) -> Option<SendOutcome> {
        let mut sending = Sending::new(self, node, id.clone(), body);
        (0..200).find_map(|_| sending.step(self))
    }

    fn goes_on(&mut self) -> bool {
        let id: MsgId = "last".into();
        (0..8).any(|_| {
            self.now_ms += 400;
            matches!(self.send_out(&id, BODIES[0], 0), Some(SendOutcome::Stored { .. }))
        })
    }

    fn check_settled(&mut self) {
        let blocks = &self.database.blocks;
        let open = (1..=blocks.head.settled).find(|&seq| !blocks.gaps.hold(seq) && !self.database.has_row(seq));
        if let Some(seq) = open {
            self.ledger.breaks(format!("{seq} is settled, and neither a row nor a gap"));
        }
    }

    /// Once all is settled, a repeat of an acked id is answered with what is shown, and one with another body is refused: where
    /// bodies differ, by every node.
    fn repeat_all(&mut self) {
        let (nodes, bodies) = if self.bodies > 1 { (0..NODES, &BODIES[..]) } else { (1..2, &BODIES[..1]) };
        for id in self.ledger.acks.keys().cloned().collect::<Vec<_>>() {
            for (node, body) in nodes.clone().flat_map(|node| bodies.iter().map(move |body| (node, body))) {
                let outcome = self.send_out(&id, body, node);
                let shown = self.ledger.places(&id);
                let own = shown.first().and_then(|&seq| self.ledger.body(seq)).is_some_and(|own| **own == **body);
                let right = match outcome {
                    Some(SendOutcome::Stored { seq, .. }) => own && shown == [seq],
                    Some(SendOutcome::OtherBody) => !own,
                    _ => false,
                };
                if !right {
                    self.ledger.breaks(format!("{id} is shown at {shown:?}, and a repeat with {body} gets {outcome:?}"));
                }
            }
        }
    }
}
