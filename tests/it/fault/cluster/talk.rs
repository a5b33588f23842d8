//! People who talk to each other while something breaks: each message is sent with one id until it is acked.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::time::Duration;

use futures_util::future::join_all;
use hyper::Method;
use rand::Rng as _;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::listener::Listener;
use super::looks::Looks;
use crate::support::*;

/// How long a client waits for an answer before it takes its request for lost: longer than a node may work on a send.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pause between two messages of one sender in one conversation: the load is steady, not as much as there can be.
const PACE: Duration = Duration::from_millis(40);

/// Those who look around at once.
const LOOKERS: usize = 3;

/// The pause before a message is tried again, at least; at most it is twice that.
const AGAIN_AFTER_MS: u64 = 50;

/// How long a load may take that is waited for while nothing is promised: a database that was just started is slow.
const PATIENT: Duration = Duration::from_secs(60);

/// Within which time of a fault's end everything is as if it had not been.
const BACK_WITHIN: Duration = Duration::from_secs(15);

/// A conversation.
pub(super) struct Room {
    pub(super) conversation: String,
    /// Numbers of people.
    pub(super) members: Vec<usize>,
    group: Option<String>,
}

/// A message that was acked.
#[derive(Clone)]
pub(super) struct Acked {
    pub(super) sender: usize,
    /// The number of its room.
    pub(super) room: usize,
    pub(super) draft: Value,
    pub(super) answer: Value,
    /// When it was sent for the first time.
    pub(super) begun: Instant,
}

impl Acked {
    pub(super) fn seq(&self) -> i64 {
        int(&self.answer, "seq")
    }
}

/// People in pairs and groups, and all that they were told.
pub(super) struct Talk {
    pub(super) people: Vec<Person>,
    /// A socket of each of them.
    pub(super) listeners: Vec<Listener>,
    pub(super) rooms: Vec<Room>,
    pub(super) acked: RefCell<Vec<Acked>>,
    pub(super) looks: Looks,
    /// The rooms in which nobody says anything.
    quiet: RefCell<Vec<usize>>,
    over: Cell<bool>,
}

impl Talk {
    /// Five people, three pairs and two groups of them. Nobody has said anything.
    pub(super) async fn begin(world: &World) -> Talk {
        let people: [Person; 5] = world.people().await;
        let listeners = join_all(people.iter().map(Listener::of)).await;
        let mut rooms = Vec::new();
        for (one, other) in [(0, 1), (2, 3), (1, 4)] {
            let conversation = pair(&people[one], &people[other]);
            rooms.push(Room { conversation, members: vec![one, other], group: None });
        }
        for members in [vec![0, 1, 2, 3, 4], vec![1, 2, 4]] {
            let others: Vec<&Person> = members[1..].iter().map(|&member| &people[member]).collect();
            let group = people[members[0]].group(&others).await;
            rooms.push(Room { conversation: format!("sg_{group}"), members, group: Some(group) });
        }
        Talk {
            people: people.into(),
            listeners,
            rooms,
            acked: RefCell::default(),
            looks: Looks::default(),
            quiet: RefCell::default(),
            over: Cell::new(false),
        }
    }

    /// Has them talk while something breaks until everybody has heard everything, and recounts.
    pub(super) async fn through(&self, fault: impl Future<Output = ()>) {
        self.during(fault, self.everybody_heard()).await;
        self.recount().await;
    }

    /// As `through`, for two masters at once, of which it is not asked that pushes are heard.
    pub(super) async fn through_unheard(&self, fault: impl Future<Output = ()>) {
        self.during(fault, async {}).await;
        self.recount().await;
    }

    /// From now on nobody begins to say anything in these rooms, and everybody does in all others.
    pub(super) fn hush(&self, rooms: &[usize]) {
        self.quiet.replace(rooms.to_vec());
    }

    fn is_quiet(&self, room: usize) -> bool {
        self.quiet.borrow().contains(&room)
    }

    /// Has them talk and look around until `fault` is over, and listen until `heard` is too.
    pub(super) async fn during(&self, fault: impl Future<Output = ()>, heard: impl Future<Output = ()>) {
        self.over.set(false);
        let script = async {
            fault.await;
            self.over.set(true);
        };
        let talking = async {
            while !self.listeners.iter().all(Listener::has_come) {
                sleep(Duration::from_millis(10)).await;
            }
            tokio::join!(
                script,
                join_all(self.lanes().map(|lane| self.lane(lane))),
                join_all((0..LOOKERS).map(|_| self.look_around()))
            );
            heard.await;
        };
        tokio::select! {
            () = talking => {}
            _ = join_all(self.listeners.iter().map(Listener::listen)) => unreachable!("they listen for ever"),
        }
    }

    /// Every sender in every room.
    fn lanes(&self) -> impl Iterator<Item = (usize, usize)> {
        let rooms = self.rooms.iter().enumerate();
        rooms.flat_map(|(room, Room { members, .. })| members.iter().map(move |&sender| (sender, room)))
    }

    /// Whether the fault is over, and nothing new is begun.
    pub(super) fn is_over(&self) -> bool {
        self.over.get()
    }

    /// Sends one message after the other, each when the one before is acked.
    async fn lane(&self, (sender, room): (usize, usize)) {
        for n in 0.. {
            if self.is_over() {
                return;
            }
            if self.is_quiet(room) {
                sleep(PACE).await;
                continue;
            }
            let (begun, person, words) = (Instant::now(), &self.people[sender], format!("{n} 汉字 ñ 😀"));
            let Room { members, group, .. } = &self.rooms[room];
            let draft = match group {
                Some(group) => person.draft_group(group, &words),
                None => person.draft(&self.people[members[usize::from(members[0] == sender)]], &words),
            };
            let answer = self.send(sender, &draft).await;
            self.acked.borrow_mut().push(Acked { sender, room, draft, answer, begun });
            sleep(PACE).await;
        }
    }

    /// Sends a message through any node, and again with the same id, until it is acked.
    async fn send(&self, sender: usize, draft: &Value) -> Value {
        let begun = Instant::now();
        loop {
            let call = self.people[sender].client.call(Method::POST, "/msg/send").json(draft);
            match timeout(PATIENCE, call.try_send()).await {
                Ok(Ok(reply)) if reply.status == 200 => return reply.ok(),
                Ok(Ok(reply)) => reply.refused_with(503, 1002),
                // The node is gone or silent, and nobody knows what became of the message.
                Ok(Err(_)) | Err(_) => {}
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "a message was not acked within a minute: {draft}");
            sleep(Duration::from_millis(rand::rng().random_range(AGAIN_AFTER_MS..2 * AGAIN_AFTER_MS))).await;
        }
    }

    /// What a person is answered to a GET; `None` if there is no answer now.
    pub(super) async fn ask(&self, person: usize, path: &str) -> Option<Value> {
        let call = self.people[person].client.call(Method::GET, path);
        match timeout(PATIENCE, call.try_send()).await {
            Ok(Ok(reply)) if reply.status == 200 => Some(reply.ok()),
            Ok(Ok(reply)) => {
                reply.refused_with(503, 1002);
                None
            }
            Ok(Err(_)) | Err(_) => None,
        }
    }

    /// The highest seq that was acked in a room.
    pub(super) fn highest(&self, room: usize) -> i64 {
        self.acked.borrow().iter().filter(|acked| acked.room == room).map(Acked::seq).max().unwrap_or(0)
    }

    /// Waits until everybody has had `count` more messages acked everywhere, all begun from now on.
    pub(super) async fn go_on(&self, count: usize) {
        self.go_on_within(count, PATIENT).await;
    }

    async fn go_on_within(&self, count: usize, within: Duration) {
        let since = Instant::now();
        while let Some((sender, room)) = self.first_without(count, since) {
            let waited = since.elapsed();
            assert!(waited < within, "{sender} has fewer than {count} new acks in room {room} after {waited:?}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    fn first_without(&self, count: usize, since: Instant) -> Option<(usize, usize)> {
        let acked = self.acked.borrow();
        let new = |lane| acked.iter().filter(|acked| (acked.sender, acked.room) == lane && acked.begun >= since).count();
        self.lanes().find(|&lane| !self.is_quiet(lane.1) && new(lane) < count)
    }

    /// The fault has ended: service is back by itself. Everybody is acked again everywhere, and what was acked so far is
    /// shown.
    pub(super) async fn back(&self) {
        let (begun, highest) = (Instant::now(), self.rooms.iter().enumerate().map(|(room, _)| self.highest(room)));
        let highest: Vec<i64> = highest.collect();
        self.go_on_within(1, BACK_WITHIN).await;
        let sends = begun.elapsed();
        for (room, highest) in highest.into_iter().enumerate() {
            let Room { conversation, members, .. } = &self.rooms[room];
            let path = format!("/msg/max_seq?conversation_id={}", enc(conversation));
            loop {
                let shown = self.ask(members[0], &path).await.map(|shown| int(&shown, "max_seq"));
                if shown.is_some_and(|shown| shown >= highest) {
                    break;
                }
                let waited = begun.elapsed();
                assert!(waited < BACK_WITHIN, "after {waited:?} {conversation} shows {shown:?} of {highest}");
                sleep(Duration::from_millis(50)).await;
            }
        }
        println!("all send again after {sends:?}, all is shown after {:?}", begun.elapsed());
    }
}
