//! Everything at once: whatever happens to Redis and to nodes, a client that does as the document says has every message.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use nexo::model::{Caller, ConversationId, Platform};
use rand::Rng as _;

use super::across_nodes;
use super::client::Client;
use super::deployment::{Deployment, Node, on};

/// How many messages are sent, each after a pause.
const MESSAGES: u64 = 400;
const PAUSE: Duration = Duration::from_millis(20);

/// The nodes that are alive.
struct Alive(RwLock<Vec<Arc<Node>>>);

impl Alive {
    fn any(&self) -> Arc<Node> {
        let nodes = self.0.read().expect("the nodes");
        Arc::clone(&nodes[rand::rng().random_range(0..nodes.len())])
    }

    /// Kills one, and puts another one in its place.
    async fn replace_one(&self, deployment: &Deployment) {
        let new = Arc::new(deployment.node().await);
        let old = {
            let mut nodes = self.0.write().expect("the nodes");
            let at = rand::rng().random_range(0..nodes.len());
            std::mem::replace(&mut nodes[at], new)
        };
        old.kill().await;
    }
}

/// Something bad.
#[derive(Debug, Clone, Copy)]
enum Strike {
    StreamLost,
    LettersLost,
    RoutesLost,
    Silence,
    ConnectionsCut,
    LogLost,
    EverythingLost,
    NodeKilled,
}

/// Those after which the logs still have everything.
const LIGHT: [Strike; 5] =
    [Strike::StreamLost, Strike::LettersLost, Strike::RoutesLost, Strike::Silence, Strike::ConnectionsCut];

/// Those after which somebody has to recover.
const HEAVY: [Strike; 3] = [Strike::LogLost, Strike::EverythingLost, Strike::NodeKilled];

async fn strike(strike: Strike, deployment: &Deployment, alive: &Alive, user: &Caller) {
    let redis = &deployment.redis;
    let (log, stream) = (format!("nexo:push:{{{}}}", user.user), format!("nexo:node:{{{}}}", alive.any().id));
    match strike {
        Strike::StreamLost => drop(redis.command(&["DEL", &stream]).await),
        Strike::LettersLost => drop(redis.command(&["XTRIM", &stream, "MAXLEN", "0"]).await),
        Strike::RoutesLost => {
            if redis.command(&["EXISTS", &log]).await == "1" {
                redis.command(&["HSET", &log, "nodes", ""]).await;
            }
        }
        Strike::Silence => {
            redis.pause();
            // Calls are late, and none fails yet (`store.redis_timeout_ms`).
            tokio::time::sleep(Duration::from_millis(400)).await;
            redis.resume();
        }
        Strike::ConnectionsCut => drop(redis.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await),
        Strike::LogLost => drop(redis.command(&["DEL", &log]).await),
        Strike::EverythingLost => drop(redis.command(&["FLUSHALL"]).await),
        Strike::NodeKilled => alive.replace_one(deployment).await,
    }
}

/// A client that roams until it has everything.
async fn roam(alive: &Alive, mut client: Client) -> Client {
    while !client.has_all(MESSAGES) {
        let node = alive.any();
        client.visit(&node, MESSAGES).await;
    }
    client
}

/// Sends to two clients that roam while these strikes come down, and answers how often their recoveries were not whole.
async fn storm(deployment: &Deployment, strikes: &[Strike]) -> usize {
    let alive = Alive(RwLock::new(Vec::new()));
    for _ in 0..3 {
        let node = Arc::new(deployment.node().await);
        alive.0.write().expect("the nodes").push(node);
    }
    let (ann, bob) = (alive.any().person("ann").await, alive.any().person("bob").await);
    let conversation = ConversationId::single(&ann.user, &bob.user).to_string();
    let sent = AtomicBool::new(false);
    let sending = async {
        for _ in 0..MESSAGES {
            alive.any().send_to(&ann, &bob.user, "on").await.expect("sent");
            tokio::time::sleep(PAUSE).await;
        }
        sent.store(true, Ordering::Relaxed);
    };
    let striking = async {
        let mut struck = Vec::new();
        while !sent.load(Ordering::Relaxed) {
            // At whatever moment of a send, a visit or a recovery: several strikes in one recovery, or none.
            tokio::time::sleep(Duration::from_millis(rand::rng().random_range(50..800))).await;
            let next = strikes[rand::rng().random_range(0..strikes.len())];
            println!("{next:?}");
            strike(next, deployment, &alive, &bob).await;
            struck.push(next);
        }
        struck
    };
    let client = |platform| roam(&alive, Client::new(&on(platform, &bob), &conversation));
    let (web, phone) = (client(Platform::Web), client(Platform::Ios));
    let ((), struck, mut web, mut phone) = tokio::join!(sending, striking, web, phone);
    for client in [&mut web, &mut phone] {
        client.seqs.sort_unstable();
        assert!(client.seqs.iter().copied().eq(1..=MESSAGES), "{struck:?}\n{:?}", client.seqs);
    }
    web.pulls + phone.pulls
}

across_nodes! {
    async fn whatever_happens_a_client_that_comes_back_has_every_message(deployment: Deployment) {
        storm(&deployment, &[&LIGHT[..], &HEAVY[..]].concat()).await;
    }

    async fn what_the_logs_still_have_is_delivered_without_a_pull(deployment: Deployment) {
        assert_eq!(storm(&deployment, &LIGHT).await, 0);
    }
}
