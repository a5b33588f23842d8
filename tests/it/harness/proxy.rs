//! The proxy in front of a real Redis server: each fault is the one that its name says.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::support::services::{self, Need};
use crate::support::{Proxy, RedisServer, eventually, within};

/// How long silence is listened to.
const SILENCE: Duration = Duration::from_millis(300);

/// A server behind a proxy, and a client of it.
struct Scene {
    server: RedisServer,
    proxy: Proxy,
    client: Client,
}

impl Scene {
    async fn new() -> Option<Scene> {
        services::needs([Need::RedisProgram])?;
        let server = RedisServer::start(&[]).await;
        let proxy = Proxy::start(&server.address()).await;
        let mut client = Client::connect(&proxy).await.expect("a connection");
        assert_eq!(client.ask("SET n 0").await.expect("an answer"), "+OK");
        Some(Scene { server, proxy, client })
    }

    /// What the server has, past the proxy.
    async fn stored(&self) -> String {
        self.server.command(&["GET", "n"]).await
    }

    async fn stores(&self, expected: &str) {
        eventually("what was sent", async || (self.stored().await == expected).then_some(())).await;
    }
}

/// A connection that stays, and asks in Redis's inline form.
struct Client(TcpStream);

impl Client {
    async fn connect(proxy: &Proxy) -> io::Result<Client> {
        TcpStream::connect(proxy.address()).await.map(Client)
    }

    async fn send(&mut self, words: &str) -> io::Result<()> {
        self.0.write_all(format!("{words}\r\n").as_bytes()).await
    }

    async fn answer(&mut self) -> io::Result<String> {
        let mut buffer = [0; 256];
        match within("an answer", self.0.read(&mut buffer)).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => Ok(String::from_utf8_lossy(&buffer[..read]).trim_end().to_owned()),
        }
    }

    async fn ask(&mut self, words: &str) -> io::Result<String> {
        self.send(words).await?;
        self.answer().await
    }

    async fn hears_nothing(&mut self) {
        assert!(timeout(SILENCE, self.0.read(&mut [0; 1])).await.is_err(), "something came through, or the end");
    }
}

#[tokio::test]
async fn a_cut_closes_everything_and_refuses_new_connections() {
    let Some(mut scene) = Scene::new().await else { return };
    scene.proxy.cut().await;
    assert!(scene.client.ask("INCR n").await.is_err());
    assert!(Client::connect(&scene.proxy).await.is_err());
    assert_eq!(scene.stored().await, "0");
    scene.proxy.restore().await;
    let mut again = Client::connect(&scene.proxy).await.expect("a connection");
    assert_eq!(again.ask("INCR n").await.expect("an answer"), ":1");
}

#[tokio::test]
async fn what_is_delayed_comes_later_and_in_order() {
    let Some(mut scene) = Scene::new().await else { return };
    scene.proxy.delay(Duration::from_millis(150));
    let asked = Instant::now();
    scene.client.send("INCR n").await.expect("a write");
    scene.client.send("INCR n").await.expect("a write");
    let mut answers = scene.client.answer().await.expect("an answer");
    assert!(asked.elapsed() >= Duration::from_millis(300), "it is delayed in both directions");
    while answers != ":1\r\n:2" {
        answers = format!("{answers}\r\n{}", scene.client.answer().await.expect("an answer"));
    }
}

#[tokio::test]
async fn what_is_held_comes_once_the_proxy_is_restored() {
    let Some(mut scene) = Scene::new().await else { return };
    scene.proxy.hold();
    scene.client.send("INCR n").await.expect("a write");
    scene.client.hears_nothing().await;
    assert_eq!(scene.stored().await, "0");
    scene.proxy.restore().await;
    assert_eq!(scene.client.answer().await.expect("an answer"), ":1");
}

#[tokio::test]
async fn a_lost_answer_is_that_of_something_done() {
    let Some(mut scene) = Scene::new().await else { return };
    scene.proxy.drop_answers();
    scene.client.send("INCR n").await.expect("a write");
    scene.stores("1").await;
    scene.client.hears_nothing().await;
    scene.proxy.restore().await;
    // The answer to this one must not be taken for the lost one.
    assert!(scene.client.ask("INCR n").await.is_err());
}

#[tokio::test]
async fn a_held_request_lands_although_its_sender_gave_up() {
    let Some(mut scene) = Scene::new().await else { return };
    scene.proxy.hold_requests();
    scene.client.send("APPEND n late").await.expect("a write");
    scene.client.hears_nothing().await;
    drop(std::mem::replace(&mut scene.client, Client::connect(&scene.proxy).await.expect("a connection")));
    assert_eq!(scene.stored().await, "0");
    scene.proxy.restore().await;
    scene.stores("0late").await;
}

#[tokio::test]
async fn a_parted_request_lands_after_the_second_try() {
    let Some(mut scene) = Scene::new().await else { return };
    scene.proxy.hold_requests();
    scene.client.send("APPEND n first").await.expect("a write");
    scene.client.hears_nothing().await;
    scene.proxy.part();
    assert!(scene.client.answer().await.is_err(), "its client is told that the connection is gone");
    let mut again = Client::connect(&scene.proxy).await.expect("a connection");
    again.ask("APPEND n second").await.expect("an answer");
    assert_eq!(scene.stored().await, "0second");
    scene.proxy.release();
    scene.stores("0secondfirst").await;
    again.ask("APPEND n third").await.expect("an answer");
    assert_eq!(scene.stored().await, "0secondfirstthird");
}
