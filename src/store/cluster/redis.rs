//! Redis: one connection for commands, calls of the Functions, and what an error says.
//!
//! No command is ever sent twice by the client library, nor sent elsewhere: what must not run twice is tried again here, or not at all.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fred::clients::{Client, WithOptions};
use fred::error::{Error, ErrorKind};
use fred::interfaces::{ClientLike, ClusterInterface, FunctionInterface};
use fred::prelude::{Config, ConnectionConfig, PerformanceConfig, ReconnectPolicy, TcpConfig};
use fred::types::ConnectHandle;
use fred::types::InfoKind;
use fred::types::cluster::ClusterRouting;
use fred::types::config::{Options, Server, ServerConfig, TlsConnector, UnresponsiveConfig};

use super::functions::{self, Library};
use super::redirects::{Call, Redirects};
use super::tls;
use crate::config::ClusterStore;
use crate::store::StoreError;
use crate::telemetry::{Backend, Timed};

/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// After how long without an answer a connection is taken for dead.
const UNRESPONSIVE: Duration = Duration::from_secs(3);

/// How often a command may be written: once. What was in flight on a connection that broke is not written again ([`once`]), and what a
/// server sends elsewhere is made again here ([`Redirects`]).
const WRITES: u32 = 1;

/// Commands that may wait for a connection; past it they fail at once.
const WAITING_MAX: usize = 10_000;

/// The pause before a call is tried again whose slot is on its way to another server.
const AGAIN_AFTER: Duration = Duration::from_millis(20);

/// The commands that are timed besides the Functions, as metrics name them.
const COMMANDS: [&str; 4] = ["xadd", "del", "ping", "function_load"];

/// A connected Redis, of whichever kind.
#[derive(Clone)]
pub(super) struct Redis {
    client: WithOptions<Client>,
    shared: Arc<Shared>,
}

struct Shared {
    prefix: String,
    timeout: Duration,
    metrics: Backend,
    /// The series of each call.
    calls: HashMap<&'static str, Timed>,
    redirects: Redirects,
}

impl Redis {
    /// Connects. Refuses a server that would throw keys away when its memory is full.
    pub(super) async fn connect(config: &ClusterStore, metrics: Backend) -> Result<Self, StoreError> {
        let timeout = Duration::from_millis(config.redis_timeout_ms);
        let client = connect(config, timeout).await?.with_options(&once());
        let redirects = Redirects::new(config.clone());
        let names = functions::ALL.into_iter().flat_map(|library| library.functions()).chain(COMMANDS);
        let calls = names.map(|name| (name, metrics.timed(name))).collect();
        let shared = Shared { prefix: config.redis_prefix.clone(), timeout, metrics, calls, redirects };
        let redis = Self { client, shared: Arc::new(shared) };
        redis.check_eviction().await?;
        Ok(redis)
    }

    /// The key with this name.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.shared.prefix)
    }

    /// The connection, for commands other than calls. They are counted with [`Self::count`] and timed with
    /// [`Self::ended`].
    pub(super) fn client(&self) -> &WithOptions<Client> {
        &self.client
    }

    /// Counts a command.
    pub(super) fn count(&self) {
        self.shared.metrics.sent.inc();
    }

    /// Takes down what became of a call, a Function's or one of [`COMMANDS`].
    pub(super) fn ended<T, E>(&self, call: &str, begun: Instant, outcome: &Result<T, E>) {
        if let Some(timed) = self.shared.calls.get(call) {
            timed.ended(begun, outcome);
        }
    }

    /// Calls a function of a library, which is loaded first if the server does not know it. All keys are on one slot.
    pub(super) async fn call(
        &self,
        (library, function): (&Library, &str),
        keys: Vec<String>,
        arguments: Vec<String>,
    ) -> Result<Vec<String>, StoreError> {
        let begun = Instant::now();
        let answered = self.call_until(begun + self.shared.timeout, (library, function), keys, arguments).await;
        self.ended(function, begun, &answered);
        answered
    }

    /// Makes a call until something comes of it, or until `end`.
    async fn call_until(
        &self,
        end: Instant,
        (library, function): (&Library, &str),
        keys: Vec<String>,
        arguments: Vec<String>,
    ) -> Result<Vec<String>, StoreError> {
        let name = library.function(function);
        loop {
            self.count();
            // Boxed, as is what is rare below: the client library's futures have 7 KB, for which every holder would have room.
            let asked = Box::pin(self.client.fcall(name.as_str(), keys.clone(), arguments.clone()));
            let answered = match asked.await {
                Err(error) if said(&error) == Said::Elsewhere => {
                    let call = Call { library: library.text(), function: &name, keys: &keys, arguments: &arguments };
                    Box::pin(self.follow(&call, error)).await?
                }
                answered => answered,
            };
            let error = match answered {
                Ok(words) => return Ok(words),
                Err(error) => error,
            };
            if Instant::now() >= end {
                return Err(failed(&error));
            }
            match said(&error) {
                Said::NoSuchFunction => Box::pin(self.load(library)).await?,
                Said::TryAgain => tokio::time::sleep(AGAIN_AFTER).await,
                Said::NotMaster => {
                    // The server became a replica: whoever is the master now has to be asked for.
                    let _ = Box::pin(self.client.force_reconnection()).await;
                    return Err(failed(&error));
                }
                Said::Elsewhere | Said::Other => return Err(failed(&error)),
            }
        }
    }

    /// Makes a call again that was sent elsewhere. The client library knows by now who has which slot, but not who is getting it.
    async fn follow(&self, call: &Call<'_>, error: Error) -> Result<Result<Vec<String>, Error>, StoreError> {
        let slot = call.keys.first().map(|key| ClusterRouting::hash_key(key.as_bytes()));
        let state = self.client.cached_cluster_state();
        let Some(owner) = state.zip(slot).and_then(|(state, slot)| state.get_server(slot).cloned()) else {
            return Ok(Err(error));
        };
        self.count();
        self.shared.redirects.follow(owner, call).await
    }

    /// Loads a library into every master.
    async fn load(&self, library: &Library) -> Result<(), StoreError> {
        let text = library.text();
        self.count();
        let begun = Instant::now();
        let loaded: Result<(), Error> = if self.client.is_clustered() {
            self.client.function_load_cluster(true, text).await
        } else {
            self.client.function_load(true, text).await
        };
        self.ended("function_load", begun, &loaded);
        loaded.map_err(|error| failed(&error))
    }

    async fn check_eviction(&self) -> Result<(), StoreError> {
        let servers = if self.client.is_clustered() {
            let state = self.client.cached_cluster_state();
            state.map(|state| state.unique_primary_nodes()).unwrap_or_default().into_iter().map(Some).collect()
        } else {
            vec![None]
        };
        for server in servers {
            let info: Result<String, Error> = match &server {
                Some(server) => self.client.with_cluster_node(server).info(Some(InfoKind::Memory)).await,
                None => self.client.info(Some(InfoKind::Memory)).await,
            };
            let info = info.map_err(|error| failed(&error))?;
            let policy = info.lines().find_map(|line| line.strip_prefix("maxmemory_policy:")).unwrap_or("noeviction");
            if policy.trim() != "noeviction" {
                let policy = policy.trim();
                return Err(StoreError::Unavailable(format!(
                    "Redis has maxmemory-policy {policy} and would throw seqs away when it is full; set it to noeviction"
                )));
            }
        }
        Ok(())
    }

    /// Whether Redis answers.
    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        let begun = Instant::now();
        let answered = self.client.ping::<()>(None).await;
        self.ended("ping", begun, &answered);
        answered.map_err(|error| failed(&error))
    }

    /// Ends the connection.
    pub(super) async fn quit(&self) {
        // A connection that is gone already is as good.
        let _ = self.client.quit().await;
    }
}

/// A new connection, on which a command may take `timeout` (zero: as long as it likes).
pub(super) async fn connect(config: &ClusterStore, timeout: Duration) -> Result<Client, StoreError> {
    // Without end: Redis is disposable and may be away for long.
    let policy = ReconnectPolicy::new_linear(0, 1_000, 50);
    let client = client(whole(config)?, timeout, Some(policy));
    let running = client.init().await.map_err(|error| refused(&error))?;
    tokio::spawn(keep_running(client.clone(), running));
    Ok(client)
}

/// A new connection to one server of a cluster. When it breaks it is not begun anew.
pub(super) async fn connect_to(config: &ClusterStore, server: Server) -> Result<Client, StoreError> {
    let config_of_one = Config { server: ServerConfig::Centralized { server }, ..whole(config)? };
    let client = client(config_of_one, Duration::from_millis(config.redis_timeout_ms), None);
    client.init().await.map_err(|error| refused(&error))?;
    Ok(client)
}

/// What the settings say of where Redis is.
fn whole(config: &ClusterStore) -> Result<Config, StoreError> {
    let mut server = Config::from_url(&config.redis_url)
        .map_err(|error| StoreError::Unavailable(format!("store.redis_url: {}", error.details())))?;
    if server.uses_tls() {
        server.tls = Some(connector(&config.redis_ca_file)?.into());
    }
    server.fail_fast = true;
    Ok(server)
}

fn client(server: Config, timeout: Duration, policy: Option<ReconnectPolicy>) -> Client {
    let performance = PerformanceConfig { default_command_timeout: timeout, ..PerformanceConfig::default() };
    // A reader that may wait as long as it likes is not unresponsive.
    let patience = (!timeout.is_zero()).then_some(UNRESPONSIVE);
    let connection = ConnectionConfig {
        connection_timeout: CONNECT_WITHIN,
        internal_command_timeout: CONNECT_WITHIN,
        max_command_attempts: WRITES,
        max_redirections: 0,
        max_command_buffer_len: WAITING_MAX,
        reconnect_on_auth_error: true,
        tcp: TcpConfig { nodelay: Some(true), ..TcpConfig::default() },
        unresponsive: UnresponsiveConfig { max_timeout: patience, interval: UNRESPONSIVE / 3 },
        ..ConnectionConfig::default()
    };
    Client::new(server, Some(performance), Some(connection), policy)
}

/// Why there is no connection, with the setting that may be wrong. No part of the URL is in it, for that has the password.
fn refused(error: &Error) -> StoreError {
    let words = error.details();
    let sentence = if let Some(sentence) = tls::about_certificate(words, "redis_ca_file") {
        sentence
    } else if *error.kind() == ErrorKind::Auth {
        format!("{}; see the user and the password in store.redis_url", words.trim_end_matches('.'))
    } else if matches!(error.kind(), ErrorKind::IO | ErrorKind::Timeout) {
        // The client library has only the error's form for programmers.
        let reason = words.split_once("message: \"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or(words);
        format!("no connection to where store.redis_url says; TLS needs rediss there, and no TLS redis ({reason})")
    } else {
        error.to_string()
    };
    StoreError::Unavailable(format!("Redis: {sentence}"))
}

/// Commands that fail with the connection that they were written to, rather than be written to the next one too.
fn once() -> Options {
    Options { fail_fast: true, ..Options::default() }
}

/// Starts the client library again when it has given up: it does at some errors, and would then never answer again.
async fn keep_running(client: Client, mut running: ConnectHandle) {
    while let Ok(Err(error)) = running.await {
        tracing::warn!(%error, "the connection to Redis is begun anew: {error}");
        running = loop {
            match client.init().await {
                Ok(running) => break running,
                Err(_) => tokio::time::sleep(AGAIN_AFTER).await,
            }
        };
    }
}

fn connector(ca_file: &Path) -> Result<TlsConnector, StoreError> {
    Ok(TlsConnector::Rustls(tls::client(ca_file)?.into()))
}

/// What an error means for the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    NoSuchFunction,
    /// The slot is elsewhere, or on its way: where, the client library does not tell.
    Elsewhere,
    TryAgain,
    NotMaster,
    Other,
}

pub(super) fn said(error: &Error) -> Said {
    let words = error.details();
    if words.contains("Function not found") {
        Said::NoSuchFunction
    } else if words.starts_with("Too many redirections") {
        Said::Elsewhere
    } else if ["TRYAGAIN", "MOVED", "ASK"].iter().any(|word| words.starts_with(word)) {
        Said::TryAgain
    } else if words.starts_with("READONLY") {
        Said::NotMaster
    } else {
        Said::Other
    }
}

/// The error as a store's.
pub(super) fn failed(error: &Error) -> StoreError {
    match error.kind() {
        ErrorKind::Timeout => StoreError::TimedOut,
        _ => StoreError::Unavailable(format!("Redis: {error}")),
    }
}
