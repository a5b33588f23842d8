//! A deployment under test: one embedded server today; every request and socket goes to any of its servers.

use std::future::Future;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use rand::seq::IndexedRandom;

use super::{Client, Launch, Person, Server, client, unique};

/// What a deployment runs on.
#[derive(Clone, Copy)]
pub(crate) enum Mode {
    /// One process on the embedded store.
    Embedded,
}

/// Runs one end-to-end test on a world of its own.
pub(crate) fn run<F>(mode: Mode, settings: &[(&str, &str, &str)], test: impl FnOnce(World) -> F)
where
    F: Future<Output = ()>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let world = World::start(mode, settings).await;
        let whole = tokio::time::timeout(Duration::from_secs(180), test(world)).await;
        assert!(whole.is_ok(), "the test was not over within three minutes");
    });
}

/// The addresses of a world's servers; they change when a server starts again.
#[derive(Default)]
pub(crate) struct Nodes(RwLock<Vec<String>>);

impl Nodes {
    /// The `host:port` of any node.
    pub(crate) fn any(&self) -> String {
        let nodes = self.0.read().expect("the nodes");
        nodes.choose(&mut rand::rng()).expect("a node").clone()
    }

    fn set(&self, servers: &[Server]) {
        let hosts = servers.iter().map(|server| server.url().trim_start_matches("http://").to_owned());
        *self.0.write().expect("the nodes") = hosts.collect();
    }
}

/// A running deployment; dropped is killed.
pub(crate) struct World {
    servers: Vec<Server>,
    visitor: Client,
    nodes: Arc<Nodes>,
}

impl World {
    /// Starts a deployment with these settings: (section, field, value).
    pub(crate) async fn start(mode: Mode, settings: &[(&str, &str, &str)]) -> World {
        let Mode::Embedded = mode;
        let launch =
            settings.iter().fold(Launch::new(), |launch, (section, field, value)| launch.set(section, field, value));
        World::of(vec![launch.start().await])
    }

    /// A world of servers that the test started itself.
    pub(crate) fn of(servers: Vec<Server>) -> World {
        let nodes = Arc::new(Nodes::default());
        nodes.set(&servers);
        World { servers, visitor: Client::new(Arc::clone(&nodes), client::http()), nodes }
    }

    /// A client without a token.
    pub(crate) fn visitor(&self) -> &Client {
        &self.visitor
    }

    /// A new user, registered and logged in on the Web (5).
    pub(crate) async fn person(&self, name: &str) -> Person {
        Person::register(&self.visitor, &unique(name)).await
    }

    /// As many new users as the pattern on the left asks for.
    pub(crate) async fn people<const N: usize>(&self) -> [Person; N] {
        const NAMES: [&str; 6] = ["ann", "bob", "cho", "dan", "eve", "fay"];
        let all = futures_util::future::join_all((0..N).map(|n| self.person(NAMES[n % NAMES.len()]))).await;
        all.try_into().unwrap_or_else(|_| unreachable!("N people were made"))
    }

    /// As many new users as are asked for.
    pub(crate) async fn crowd(&self, count: usize) -> Vec<Person> {
        futures_util::future::join_all((0..count).map(|_| self.person("one"))).await
    }

    /// The servers, to do something to them.
    pub(crate) fn servers(&mut self) -> &mut [Server] {
        &mut self.servers
    }

    /// Sends SIGTERM to every server, waits, and starts each again on its folder.
    pub(crate) async fn restart(&mut self) {
        for server in &mut self.servers {
            server.restart().await;
        }
        self.nodes.set(&self.servers);
    }

    /// What all servers wrote to stderr.
    pub(crate) fn logs(&self) -> String {
        self.servers.iter().map(|server| server.launch().log()).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let logs = self.logs();
            let lines: Vec<&str> = logs.lines().collect();
            let last = lines.len().saturating_sub(40);
            eprintln!("the last lines of the servers:\n{}", lines[last..].join("\n"));
        }
    }
}
