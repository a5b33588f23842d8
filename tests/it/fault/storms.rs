//! Four attacks, and that everybody else's sends are acked about as fast as before: their p99 stays within twice of what it was, or so
//! low that nobody can tell.
//!
//! They time things, so they strike the release build and want the machine for themselves: `tests/faults` runs them, and `tests/run`
//! does not. What is refused to whom is tested there too, at a size that every machine bears: `crowd.rs`, `logins.rs`,
//! `http/limits.rs`, `ws/handshake.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::future::join_all;
use hyper::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::run_alone;
use crate::support::*;

/// Those who talk, and how often each of them says something.
const PAIRS: usize = 10;
const EVERY: Duration = Duration::from_millis(50);

/// For how long it is listened to them: 800 sends, so that the p99 is the ninth slowest.
const LISTENED: Duration = Duration::from_secs(4);

/// A p99 below this counts as unchanged: nobody notices it. In peace it is two milliseconds, twice of which is soon reached by a sync
/// that takes longer or by the attack's own work where it shares two cores with the server, so below this the ratio says nothing.
const UNNOTICED: Duration = Duration::from_millis(10);

/// What else the machine does just then is not the attack's work: one of so many rounds has to be quiet.
const ROUNDS: usize = 3;

/// Those who send meanwhile.
struct Talk(Vec<(Person, Person)>);

impl Talk {
    async fn gather(world: &World) -> Talk {
        let mut people = world.crowd(2 * PAIRS).await.into_iter();
        Talk(std::iter::from_fn(|| people.next().zip(people.next())).collect())
    }

    /// The p99 from a send to its ack. All are acked.
    async fn p99(&self) -> Duration {
        let begin = Instant::now();
        let lanes = self.0.iter().enumerate().map(async |(number, (from, to))| {
            let mut took = Vec::new();
            let mut due = begin + EVERY * u32::try_from(number).expect("few") / PAIRS as u32;
            while due < begin + LISTENED {
                sleep_until(due).await;
                let begun = Instant::now();
                from.send(to, "meanwhile").await;
                took.push(begun.elapsed());
                due += EVERY;
            }
            took
        });
        let mut took = join_all(lanes).await.concat();
        took.sort_unstable();
        took[took.len() * 99 / 100]
    }

    /// Listens in peace, during the attack, and in peace again, of which the quieter one counts; answers what the attack tells at its
    /// end.
    async fn goes_on<T>(&self, attack: impl Fn() -> Attack<T>) -> T {
        for round in 1..=ROUNDS {
            let before = self.p99().await;
            let attack = attack();
            eventually("the attack", async || attack.signs.begun.load(Relaxed).then_some(())).await;
            let during = self.p99().await;
            let told = attack.end();
            let peace = before.min(self.p99().await);
            println!("round {round}: p99 {peace:?} in peace, {during:?} meanwhile");
            if during <= (2 * peace).max(UNNOTICED) {
                return told;
            }
        }
        panic!("those who talk are held up in each of {ROUNDS} rounds");
    }
}

/// What an attack and the test say to each other.
#[derive(Default)]
struct Signs {
    begun: AtomicBool,
    over: AtomicBool,
}

/// An attack on a thread of its own, which gives way to those who are timed: in the wild it has machines of its own. The server
/// knows no such difference.
struct Attack<T> {
    signs: Arc<Signs>,
    thread: JoinHandle<T>,
}

impl<T: Send + 'static> Attack<T> {
    fn begin<F: Future<Output = T>>(work: impl FnOnce(Arc<Signs>) -> F + Send + 'static) -> Attack<T> {
        let signs = Arc::new(Signs::default());
        let heard = Arc::clone(&signs);
        let thread = std::thread::spawn(move || {
            // Of this thread alone, on Linux.
            rustix::process::setpriority_process(None, 19).expect("a lower priority");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(work(heard))
        });
        Attack { signs, thread }
    }
}

impl<T> Attack<T> {
    fn end(self) -> T {
        self.signs.over.store(true, Relaxed);
        self.thread.join().expect("the attack")
    }
}

/// Begins a call so many times a second, whatever became of those before, until the attack is over; answers all outcomes, and how
/// many a second there were.
async fn paced<T: Send + 'static, F>(rate: u32, signs: &Signs, mut call: impl FnMut(usize) -> F) -> (Vec<T>, f64)
where
    F: Future<Output = T> + Send + 'static,
{
    let (begun, mut calls) = (Instant::now(), JoinSet::new());
    for number in 0.. {
        sleep_until(begun + Duration::from_secs(1) * u32::try_from(number).expect("soon over") / rate).await;
        if signs.over.load(Relaxed) {
            break;
        }
        calls.spawn(call(number));
        signs.begun.store(true, Relaxed);
    }
    let rate = calls.len() as f64 / begun.elapsed().as_secs_f64();
    (calls.join_all().await, rate)
}

/// An address of this machine, of ten.
fn source(number: usize) -> String {
    format!("127.0.1.{}:0", 1 + number % 10)
}

async fn connect_from(source: &str, host: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a TCP socket");
    socket.bind(source.parse().expect("an address")).expect("a local address");
    within("a connection", socket.connect(host.parse().expect("an address"))).await.expect("a connection")
}

/// A world with the limits that users have, and its host.
async fn world(settings: &[(&str, &str, &str)]) -> (World, String) {
    // This process has the other end of each connection.
    nexo::lifecycle::raise_descriptors(15_000);
    let settings = [&[("limits", "enabled", "true")], settings].concat();
    let mut world = World::start(&settings).await;
    let host = world.servers()[0].host().to_owned();
    (world, host)
}

/// So many connections that send the head of a request for ever.
const LORISES: usize = 5_000;

/// Opens a connection and sends a byte now and then; again when it is cut, which is counted.
async fn loris(number: usize, host: &str, signs: &Signs, (open, cut): (&AtomicUsize, &AtomicUsize)) {
    while !signs.over.load(Relaxed) {
        let mut stream = connect_from(&source(number), host).await;
        // The server may have cut it just before.
        stream.write_all(b"POST /msg/send HTTP/1.1\r\nHost: nexo\r\nX-Slow: ").await.ok();
        if open.fetch_add(1, Relaxed) + 1 == LORISES {
            signs.begun.store(true, Relaxed);
        }
        let mut answer = [0; 64];
        while !signs.over.load(Relaxed) && timeout(Duration::from_secs(1), stream.read(&mut answer)).await.is_err() {
            stream.write_all(b"x").await.ok();
        }
        if !signs.over.load(Relaxed) {
            cut.fetch_add(1, Relaxed);
        }
    }
}

#[test]
fn five_thousand_slow_lorises_hold_up_nobody_and_are_cut() {
    run_alone(async {
        let (world, host) = world(&[("server", "header_timeout_ms", "3000")]).await;
        let talk = Talk::gather(&world).await;
        let cut = talk
            .goes_on(|| {
                let host = host.clone();
                Attack::begin(async move |signs: Arc<Signs>| {
                    let (open, cut) = (AtomicUsize::new(0), AtomicUsize::new(0));
                    let lorises = (0..LORISES).map(async |number| {
                        // They come over half a second.
                        sleep(Duration::from_micros(100) * u32::try_from(number).expect("few")).await;
                        loris(number, &host, &signs, (&open, &cut)).await;
                    });
                    join_all(lorises).await;
                    cut.into_inner()
                })
            })
            .await;
        println!("{cut} were cut");
        assert!(cut >= LORISES, "only {cut} were cut, though each had more than the time for a head");
        let health = world.visitor().get("/health").await;
        assert_eq!(health.status, 200, "a new client is served");
    });
}

/// Whether a handshake is taken; then the open connection.
async fn handshake(source: String, host: String, token: String) -> Option<TcpStream> {
    let mut stream = connect_from(&source, &host).await;
    let request = format!(
        "GET /ws?token={token} HTTP/1.1\r\nHost: nexo\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = [0; 512];
    let length = within("an answer", stream.read(&mut answer)).await.ok()?;
    answer[..length].starts_with(b"HTTP/1.1 101 ").then_some(stream)
}

#[test]
fn two_thousand_handshakes_a_second_are_all_taken_and_hold_up_nobody() {
    run_alone(async {
        let (world, host) = world(&[("limits", "connections_per_user", "2000")]).await;
        let talk = Talk::gather(&world).await;
        let tokens: Vec<String> = world.crowd(10).await.into_iter().map(|person| person.token).collect();
        let (taken, rate) = talk
            .goes_on(|| {
                let (host, tokens) = (host.clone(), tokens.clone());
                Attack::begin(async move |signs: Arc<Signs>| {
                    let token = |number: usize| tokens[number % tokens.len()].clone();
                    paced(2_000, &signs, |number| handshake(source(number), host.clone(), token(number))).await
                })
            })
            .await;
        let (all, refused) = (taken.len(), taken.iter().filter(|taken| taken.is_none()).count());
        println!("{all} handshakes, {rate:.0} a second, {refused} refused");
        assert!(rate > 1_900.0, "{rate} handshakes a second are no storm");
        assert_eq!(refused, 0, "handshakes were refused to those who only come back");
    });
}

/// Posts from an address, and answers the code.
async fn post(person: Client, path: &'static str, body: Value, address: &'static str) -> i64 {
    let call = person.call(Method::POST, path).header("x-forwarded-for", address).json(&body);
    call.send().await.code()
}

/// How many of these codes are which.
fn count(codes: &[i64], code: i64) -> usize {
    codes.iter().filter(|&&each| each == code).count()
}

#[test]
fn one_user_with_a_thousand_sends_a_second_is_refused_and_holds_up_nobody() {
    run_alone(async {
        let (world, host) = world(&[]).await;
        let talk = Talk::gather(&world).await;
        let [spammer, victim] = world.people().await;
        let (codes, rate) = talk
            .goes_on(|| {
                let (host, spammer, victim) = (host.clone(), spammer.clone(), victim.clone());
                Attack::begin(async move |signs: Arc<Signs>| {
                    // Connections of a runtime end with it.
                    let client = World::through(&host).with_token(&spammer.token);
                    let draft = |_| post(client.clone(), "/msg/send", spammer.draft(&victim, "buy!"), "127.0.0.1");
                    paced(1_000, &signs, draft).await
                })
            })
            .await;
        let (sent, refused) = (count(&codes, 0), count(&codes, 1006));
        println!("{rate:.0} a second: {sent} sent, {refused} refused");
        assert!(rate > 900.0, "{rate} sends a second are no attack");
        assert_eq!(sent + refused, codes.len(), "there were other answers");
        assert!(refused > codes.len() / 2, "{sent} of {} were let through", codes.len());
    });
}

#[test]
fn one_address_with_five_hundred_logins_a_second_is_refused_and_holds_up_nobody() {
    run_alone(async {
        let (world, host) = world(&[("server", "trusted_proxies", "127.0.0.1")]).await;
        let talk = Talk::gather(&world).await;
        let victims: Vec<String> = world.crowd(50).await.into_iter().map(|person| person.id).collect();
        let login =
            |user_id: &str, platform: i64| json!({ "user_id": user_id, "password": PASSWORD, "platform_id": platform });
        let (codes, rate) = talk
            .goes_on(|| {
                let (host, victims) = (host.clone(), victims.clone());
                Attack::begin(async move |signs: Arc<Signs>| {
                    let client = World::through(&host);
                    // The passwords are right, which is the most work.
                    let body = |number: usize| login(&victims[number % victims.len()], 1);
                    paced(500, &signs, |number| post(client.clone(), "/auth/login", body(number), "6.6.6.6")).await
                })
            })
            .await;
        let (let_in, refused) = (count(&codes, 0), count(&codes, 1006));
        println!("{rate:.0} a second: {let_in} let in, {refused} refused");
        assert!(rate > 450.0, "{rate} logins a second are no attack");
        assert_eq!(let_in + refused, codes.len(), "there were other answers");
        assert!(refused > codes.len() / 2, "{let_in} of {} were let in", codes.len());
        let other = post(world.visitor().clone(), "/auth/login", login(&talk.0[0].0.id, 2), "7.7.7.7").await;
        assert_eq!(other, 0, "another address is not limited");
    });
}
