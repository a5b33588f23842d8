//! A deployment under test: one embedded server today; every request and socket goes to any of its servers.

use std::future::Future;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use futures_util::future::join_all;
use nexo::config::ClusterStore;
use rand::seq::IndexedRandom;
use rustix::process::Signal;

use super::{Client, Launch, Person, Server, client, cluster_settings, migrated, unique};

/// What a deployment runs on.
#[derive(Clone, Copy)]
pub(crate) enum Mode {
    /// One process on the embedded store.
    Embedded,
    /// Three processes over a database and a Redis.
    Cluster,
}

/// How many servers a cluster has.
const NODES: usize = 3;

/// Runs one end-to-end test on a world of its own.
pub(crate) fn run<F>(mode: Mode, settings: &[(&str, &str, &str)], test: impl FnOnce(World) -> F)
where
    F: Future<Output = ()>,
{
    let cluster = match mode {
        Mode::Embedded => None,
        Mode::Cluster => match cluster_settings() {
            Some(config) => Some(config),
            None => return,
        },
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let world = match cluster {
            None => World::start(settings).await,
            Some(config) => World::cluster(&config, settings).await,
        };
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
        let hosts = servers.iter().map(|server| server.host().to_owned());
        *self.0.write().expect("the nodes") = hosts.collect();
    }
}

fn with(launch: Launch, settings: &[(&str, &str, &str)]) -> Launch {
    settings.iter().fold(launch, |launch, (section, field, value)| launch.set(section, field, value))
}

/// The sum of a metric's series whose labels contain `label` ("": of all), in the text of one server or of several.
pub(crate) fn sum(metrics: &str, name: &str, label: &str) -> u64 {
    let series = metrics.lines().filter_map(|line| line.rsplit_once(' '));
    let its = series.filter(|(series, _)| series.split('{').next() == Some(name) && series.contains(label));
    its.map(|(_, value)| value.parse::<u64>().expect("a count")).sum()
}

/// A running deployment; dropped is killed.
pub(crate) struct World {
    servers: Vec<Server>,
    visitor: Client,
    nodes: Arc<Nodes>,
}

impl World {
    /// Starts one server on the embedded store with these settings: (section, field, value).
    pub(crate) async fn start(settings: &[(&str, &str, &str)]) -> World {
        World::of(vec![with(Launch::new(), settings).start().await])
    }

    /// Starts a cluster of three servers with these settings.
    pub(crate) async fn cluster(config: &ClusterStore, settings: &[(&str, &str, &str)]) -> World {
        World::nodes(&[(); NODES].map(|()| config.clone()), settings).await
    }

    /// Starts a cluster of a server for each of these configurations, which have the keyspace in common.
    pub(crate) async fn nodes(configs: &[ClusterStore], settings: &[(&str, &str, &str)]) -> World {
        migrated(&configs[0]).await;
        let launches = configs.iter().map(|config| with(Launch::node(config), settings));
        World::of(join_all(launches.map(async |launch| launch.start().await)).await)
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

    /// A client without a token that comes to the servers through the balancer at this address.
    pub(crate) fn through(address: &str) -> Client {
        Client::new(Arc::new(Nodes(RwLock::new(vec![address.to_owned()]))), client::http())
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

    /// The metrics of all servers, one after the other.
    pub(crate) async fn metrics(&self) -> String {
        self.scrapes().await.concat()
    }

    /// The metrics of each server.
    pub(crate) async fn scrapes(&self) -> Vec<String> {
        let mut all = Vec::new();
        for server in &self.servers {
            let nodes = Arc::new(Nodes::default());
            nodes.set(std::slice::from_ref(server));
            let reply = Client::new(nodes, client::http()).get("/metrics").await;
            assert_eq!(reply.status, 200);
            all.push(String::from_utf8_lossy(&reply.body).into_owned());
        }
        all
    }

    /// Whether what is in flight outlives the servers, in Redis.
    pub(crate) fn has_redis(&self) -> bool {
        self.servers.len() > 1
    }

    /// Sends a signal to every server.
    pub(crate) fn signal(&self, signal: Signal) {
        self.servers.iter().for_each(|server| server.signal(signal));
    }

    /// Ends every server as a power cut would.
    pub(crate) fn kill9(&mut self) {
        self.servers.iter_mut().for_each(Server::kill9);
    }

    /// Waits until every server has ended, each with code 0.
    pub(crate) async fn ended(&mut self) {
        for server in &mut self.servers {
            assert_eq!(server.wait_exit().await.code(), Some(0));
        }
    }

    /// Sends SIGTERM to every server, waits, and starts each again on its folder.
    pub(crate) async fn restart(&mut self) {
        join_all(self.servers.iter_mut().map(Server::restart)).await;
        self.nodes.set(&self.servers);
    }

    /// Starts one server again, if it has not ended with SIGTERM first.
    pub(crate) async fn restart_one(&mut self, server: usize) {
        self.servers[server].restart().await;
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
