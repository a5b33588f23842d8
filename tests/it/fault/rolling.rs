//! Every node is restarted, one after the other, behind a balancer and under load: nobody notices but for a reconnect.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use hyper::Method;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::run;
use crate::support::*;

const PEOPLE: usize = 30;

/// The pause of each sender between an ack and the next message.
const PACE: Duration = Duration::from_millis(40);

/// Within which time 99 of 100 clients are connected again and have what they missed.
const BACK_WITHIN: Duration = Duration::from_secs(5);

/// The pause that a node makes between two of its sockets while it closes them, if there is time for it.
const CLOSE_STEP: Duration = Duration::from_millis(5);

/// Everybody, in pairs, each with a sender and a phone.
struct Scene {
    people: Vec<Person>,
    phones: Vec<Phone>,
    over: Cell<bool>,
}

/// A client that comes back when its socket ends.
struct Phone {
    person: Person,
    /// The client_msg_ids that came.
    heard: RefCell<BTreeSet<String>>,
    /// When its socket ended and when it was whole again.
    returns: RefCell<Vec<(Instant, Instant)>>,
    connected: Cell<bool>,
}

impl Scene {
    async fn begin(address: &str) -> Scene {
        let visitor = World::through(address);
        let people = join_all((0..PEOPLE).map(async |_| Person::register(&visitor, &unique("one")).await)).await;
        let phones = people.iter().map(async |person| Phone {
            person: person.on(1).await,
            heard: RefCell::default(),
            returns: RefCell::default(),
            connected: Cell::new(false),
        });
        let phones = join_all(phones).await;
        Scene { people, phones, over: Cell::new(false) }
    }

    /// Sends one message after the other to the partner, each acked at its first attempt; answers their ids.
    async fn talk(&self, number: usize) -> BTreeSet<String> {
        let (person, partner) = (&self.people[number], &self.people[number ^ 1]);
        let mut acked = BTreeSet::new();
        while !self.over.get() {
            let draft = person.draft(partner, "hello");
            let reply = person.client.call(Method::POST, "/msg/send").json(&draft).send().await;
            acked.insert(string(&reply.ok(), "client_msg_id"));
            sleep(PACE).await;
        }
        acked
    }

    /// Restarts every server while they talk; when each began.
    async fn roll(&self, world: &mut World, balancer: &Balancer) -> Vec<Instant> {
        let mut begun = Vec::new();
        for number in 0..world.servers().len() {
            begun.push(Instant::now());
            let server = &mut world.servers()[number];
            server.terminate();
            assert_eq!(server.wait_exit().await.code(), Some(0));
            server.restart().await;
            balancer.finds_again(number, server).await;
            self.all_connected().await;
        }
        self.over.set(true);
        begun
    }

    async fn all_connected(&self) {
        eventually("all connected", async || self.phones.iter().all(|phone| phone.connected.get()).then_some(())).await;
    }

    /// Waits until every phone has heard all that was acked by its person and the partner.
    async fn hears_all(&self, acked: &[BTreeSet<String>]) {
        for (number, phone) in self.phones.iter().enumerate() {
            let due = || acked[number].union(&acked[number ^ 1]);
            eventually(("all messages", number), async || due().all(|id| phone.heard.borrow().contains(id)).then_some(()))
                .await;
        }
    }
}

impl Phone {
    /// Listens for ever.
    async fn listen(&self) {
        let (mut after, mut ended) = (None::<String>, None);
        loop {
            let place = after.as_ref().map_or_else(String::new, |after| format!("&after={}", enc(after)));
            let mut socket = self.person.connect(&format!("&v=1{place}")).await;
            let end = loop {
                match socket.try_next().await {
                    Ok(frame) => {
                        let whole = self.take(&frame, &mut after);
                        let since = if whole { ended.take() } else { None };
                        self.returns.borrow_mut().extend(since.map(|since| (since, Instant::now())));
                    }
                    Err(end) => break end,
                }
            };
            assert!(matches!(&end, Ended::Closed(1012, _)), "{end:?}");
            self.connected.set(false);
            ended = Some(Instant::now());
        }
    }

    /// Takes a frame in; whether from now on it is whole.
    fn take(&self, frame: &Value, after: &mut Option<String>) -> bool {
        let is_first = frame["event"] == "hello" && after.is_none();
        let is_whole = frame["event"] == "recovered" && frame["whole"] == true;
        assert!(is_whole || frame["event"] != "recovered", "the log holds more than was missed: {frame}");
        if frame["event"] != "hello" || is_first {
            *after = Some(string(frame, "push_id"));
        }
        self.heard.borrow_mut().extend(frame["client_msg_id"].as_str().map(str::to_owned));
        if is_first || is_whole {
            self.connected.set(true);
        }
        is_whole
    }
}

/// That those who had to come back did so soon, and not all at once.
fn assert_soon_and_spread(begun: &[Instant], returns: &[(Instant, Instant)]) {
    let mut took: Vec<Duration> = returns.iter().map(|(ended, back)| *back - *ended).collect();
    took.sort_unstable();
    let p99 = took[(took.len() * 99).div_ceil(100) - 1];
    assert!(p99 <= BACK_WITHIN, "p99 of {} returns is {p99:?}", took.len());
    let (mut paused, mut due) = (Duration::ZERO, Duration::ZERO);
    for (round, since) in begun.iter().enumerate() {
        let is_of_round = |ended: &Instant| ended >= since && begun.get(round + 1).is_none_or(|next| ended < next);
        let ends: Vec<Instant> = returns.iter().map(|(ended, _)| *ended).filter(is_of_round).collect();
        let (first, last) = ends.iter().min().zip(ends.iter().max()).expect("somebody was connected to each node");
        paused += *last - *first;
        due += CLOSE_STEP * u32::try_from(ends.len() - 1).expect("a few sockets");
    }
    assert!(paused >= due / 2, "{} sockets ended within {paused:?}, all at once", returns.len());
    println!("{} returns, p99 {p99:?}, spread over {paused:?}", took.len());
}

#[test]
fn every_node_is_restarted_under_load_and_nothing_fails_or_is_lost() {
    run(async {
        let Some(config) = cluster_settings() else { return };
        let settings = [("server", "drain_pause_ms", "1000"), ("server", "drain_ms", "6000")];
        let mut world = World::cluster(&config, &settings).await;
        let Some(balancer) = Balancer::start(world.servers()).await else { return };
        let scene = Scene::begin(&balancer.address()).await;
        let listening = join_all(scene.phones.iter().map(Phone::listen));
        let script = async {
            // What is sent before a first connection is pulled by its client, not pushed to it.
            scene.all_connected().await;
            let talking = join_all((0..PEOPLE).map(|number| scene.talk(number)));
            let (begun, acked) = tokio::join!(scene.roll(&mut world, &balancer), talking);
            scene.hears_all(&acked).await;
            begun
        };
        let begun = tokio::select! {
            begun = script => begun,
            _ = listening => unreachable!("they listen for ever"),
        };
        let returns: Vec<_> = scene.phones.iter().flat_map(|phone| phone.returns.borrow().clone()).collect();
        assert!(returns.len() >= PEOPLE, "every socket was on some node, and each node was restarted: {}", returns.len());
        assert_soon_and_spread(&begun, &returns);
    });
}
