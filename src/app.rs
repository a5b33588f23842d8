//! The composition root: the only place that knows which adapter a server runs on.

mod engine;
mod healthcheck;
mod migrate;
mod quotas;
mod secret;
mod tracer;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use healthcheck::healthcheck;
pub use migrate::migrate;

use crate::admission::Admission;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::domain::{
    Auth, AuthSettings, Conversations, GroupLimits, Groups, Handshakes, History, Keys, Live, Passwords, SendSettings,
    Sending, Signer, TokenSettings, Users,
};
use crate::http::{self, BodyLimits, Listener, Readiness, ServeLimits, Services, Tls, openapi};
use crate::lifecycle;
use crate::model::CloseReason;
use crate::push::{self, Bus, Sweeper};
use crate::store::Stores;
use crate::telemetry::{Metrics, Traces};
use crate::ws::Sockets;
use engine::{Engine, PushPath};
use tracer::Tracer;

/// A frame may be this much larger than a body: its id, its op, its braces.
const FRAME_EXTRA_BYTES: usize = 4_096;

/// Why a server could not start, or had to stop, in a sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failure(pub String);

impl Failure {
    fn of(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// Runs a server until it is told to stop.
pub async fn serve(config: Config) -> Result<(), Failure> {
    lifecycle::raise_descriptors(config.server.max_connections);
    let soft = CancellationToken::new();
    lifecycle::watch_signals(soft.clone()).await.map_err(Failure::of)?;
    let server = Server::start(&config).await?;
    server.announce(&config);
    let vital = server.vital.clone();
    let failure = tokio::select! {
        () = soft.cancelled() => None,
        sentence = server.engine.failed() => Some(sentence),
        () = vital.cancelled() => Some("a vital task ended; the log says why"),
    };
    server.stop(&config).await;
    failure.map_or(Ok(()), |sentence| Err(Failure(sentence.to_owned())))
}

struct Server {
    address: SocketAddr,
    push: PushPath,
    readiness: Arc<Readiness>,
    engine: Engine,
    tracer: Tracer,
    /// Cancelled when a task has ended that the server cannot do without.
    vital: CancellationToken,
    /// Cancelled when nothing new is accepted.
    stop: CancellationToken,
    requests: TaskTracker,
    websockets: TaskTracker,
}

impl Server {
    async fn start(config: &Config) -> Result<Self, Failure> {
        let metrics = Arc::new(Metrics::new().map_err(Failure::of)?);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        // Before the store: a start that is refused leaves nothing behind.
        let tls = tls(config)?;
        let (engine, stores) = Engine::open(config, &metrics).await?;
        let tracer = Tracer::start(config, engine.node(), &metrics.spans)?;
        let traces = tracer.traces.clone();
        let measures = (metrics.clone(), traces.clone());
        let push = engine.start_push(push_limits(config), &stores, clock.clone(), measures).await?;
        let listener = listen(config, tls.as_ref()).await?;
        let address = listener.address().map_err(Failure::of)?;
        let (requests, websockets) = (TaskTracker::new(), TaskTracker::new());
        let (stop, readiness) = (CancellationToken::new(), Arc::new(Readiness::default()));
        metrics.connections_max.set(i64::try_from(config.server.max_connections).unwrap_or(i64::MAX));
        let base = Base { stores, bus: Arc::clone(&push.bus), clock: clock.clone(), metrics, traces };
        let services = base.services(config, &readiness, (websockets.clone(), stop.clone()))?;
        let sweeper = Sweeper::new(Arc::clone(&push.swept), clock);
        let vital = CancellationToken::new();
        requests.spawn(lifecycle::vital(sweeper.run(stop.clone()), vital.clone()));
        let listening = listener.run(http::entrance(services), requests.clone(), stop.clone());
        requests.spawn(lifecycle::vital(listening, vital.clone()));
        if let Some(tls) = tls {
            requests.spawn(lifecycle::vital(tls.watch(stop.clone()), vital.clone()));
        }
        // Not among the requests: it ends after them.
        tokio::spawn(lifecycle::vital(push.ended(), vital.clone()));
        Ok(Self { address, push, readiness, engine, tracer, vital, stop, requests, websockets })
    }

    /// Says what runs, where, and what to do with it.
    fn announce(&self, config: &Config) {
        let (version, address, (store, sentence)) = (env!("CARGO_PKG_VERSION"), self.address, engine::described(config));
        let scheme = config.server.scheme();
        let text = format!(
            "nexo {version} serves on {scheme}://{address}\n\
             {sentence}\n\
             try it: curl {scheme}://{address}/health, then the tour in README.md\n\
             stop it with Ctrl-C: it finishes what it has begun\n"
        );
        // Nobody may be listening to standard output.
        let _ = std::io::stdout().write_all(text.as_bytes()).and_then(|()| std::io::stdout().flush());
        tracing::info!(version, %address, store, "nexo {version} serves on {address}");
    }

    /// Stops softly: not ready, a pause for the balancer, nothing new, what has begun finishes, sockets are closed.
    async fn stop(self, config: &Config) {
        self.readiness.stop();
        tokio::time::sleep(Duration::from_millis(config.server.drain_pause_ms)).await;
        self.stop.cancel();
        self.requests.close();
        self.websockets.close();
        let time = Duration::from_millis(config.server.drain_ms);
        let drained = async {
            self.push.bus.close_all(CloseReason::Restarting, time.mul_f64(0.7)).await;
            self.websockets.wait().await;
            self.requests.wait().await;
        };
        if tokio::time::timeout(time, drained).await.is_err() {
            tracing::warn!(
                requests = self.requests.len(),
                websockets = self.websockets.len(),
                "some clients did not finish in time and are cut off"
            );
        }
        self.push.end().await;
        self.engine.end().await;
        self.tracer.end().await;
        tracing::info!("stopped");
    }
}

fn push_limits(Config { ws, limits, .. }: &Config) -> push::Limits {
    push::Limits {
        queue_bytes: ws.queue_bytes,
        recovery_bytes: ws.recovery_bytes,
        log_entries: ws.log_entries,
        log_ttl_ms: ws.log_ttl_ms,
        connections_per_user: limits.connections_per_user,
        heartbeat_ms: ws.heartbeat_ms,
        silence_ms: ws.silence_ms,
    }
}

fn tls(config: &Config) -> Result<Option<Tls>, Failure> {
    let server = &config.server;
    let load = || Tls::load(&server.tls_cert_file, &server.tls_key_file).map_err(Failure);
    server.speaks_tls().then(load).transpose()
}

async fn listen(config: &Config, tls: Option<&Tls>) -> Result<Listener, Failure> {
    let address = &config.server.listen;
    let parsed = address.parse().map_err(|error| Failure(format!("server.listen: {address}: {error}")))?;
    let limits = ServeLimits {
        connections: config.server.max_connections,
        header_time: Duration::from_millis(config.server.header_timeout_ms),
    };
    let bound = Listener::bind(parsed, tls, limits).await;
    bound.map_err(|error| Failure(format!("cannot listen on {address}: {error}; give --listen another address")))
}

/// What the services are built on.
struct Base {
    stores: Stores,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    traces: Traces,
}

impl Base {
    fn services(
        self,
        config: &Config,
        readiness: &Arc<Readiness>,
        (tracker, stop): (TaskTracker, CancellationToken),
    ) -> Result<Services, Failure> {
        let Self { stores, bus, clock, metrics, traces } = &self;
        let group_limits = GroupLimits { member_ids: config.limits.member_ids, members: config.limits.group_members };
        let auth = Arc::new(self.auth(config)?);
        let messages = Arc::clone(&stores.messages);
        let settings = SendSettings { content_bytes: config.limits.content_bytes, quotas: quotas::of_store(&config.limits) };
        let sending = Arc::new(Sending::new(messages, bus.clone(), clock.clone(), metrics.clone(), settings));
        let [of_address, of_node] = quotas::of_handshakes(&config.limits);
        let handshakes = Arc::new(Handshakes::new(of_address, of_node, clock.clone(), metrics.clone()));
        let history = Arc::new(History::new(stores));
        let conversations = Arc::new(Conversations::new(Arc::clone(&stores.conversations), bus.clone()));
        let admission = Arc::new(Admission::new(config.server.max_calls, metrics));
        let origins = Arc::new(config.server.origins.clone());
        let sockets = Sockets {
            auth: auth.clone(),
            live: Arc::new(Live::new(auth.clone(), bus.clone(), stores)),
            sending: sending.clone(),
            history: history.clone(),
            conversations: conversations.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
            traces: traces.clone(),
            admission: admission.clone(),
            origins: origins.clone(),
            heartbeat_ms: config.ws.heartbeat_ms,
            frame_bytes: config.server.body_limit_bytes + FRAME_EXTRA_BYTES,
            answer_bytes: History::page_bytes(config.limits.content_bytes),
            tracker,
            stop,
        };
        let time = Duration::from_millis(config.server.body_timeout_ms);
        let document = || openapi().map_err(|error| Failure(format!("the API document cannot be made: {error}")));
        Ok(Services {
            auth,
            users: Arc::new(Users::new(Arc::clone(&stores.users), clock.clone())),
            groups: Arc::new(Groups::new(stores, bus.clone(), clock.clone(), group_limits)),
            sending,
            history,
            conversations,
            sockets: Arc::new(sockets),
            health: Arc::clone(&stores.health),
            readiness: Arc::clone(readiness),
            metrics: metrics.clone(),
            traces: traces.clone(),
            admission,
            handshakes,
            proxies: Arc::new(config.server.trusted_proxies.clone()),
            origins,
            body: BodyLimits { bytes: config.server.body_limit_bytes, time },
            chat: config.serves_chat(),
            api_page: config.server.api_page.then(document).transpose()?.map(Into::into),
        })
    }

    fn auth(&self, config: &Config) -> Result<Auth, Failure> {
        let secret = match (config.auth.secret.as_str(), engine::folder(config)) {
            ("", Some(folder)) => secret::load_or_make(folder)?,
            (secret, _) => secret.as_bytes().to_vec(),
        };
        let token_settings = TokenSettings {
            issuer: config.auth.issuer.clone(),
            audience: config.auth.audience.clone(),
            ttl_ms: i64::try_from(config.auth.token_ttl_s.saturating_mul(1_000)).unwrap_or(i64::MAX),
        };
        let threads = match config.auth.hash_threads {
            0 => std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)),
            threads => threads,
        };
        let passwords = Passwords::start(threads, config.auth.hash_queue, self.metrics.clone()).map_err(Failure::of)?;
        let settings = AuthSettings {
            address: quotas::of_address(&config.limits),
            login_failures: quotas::of_store(&config.limits).login_failures,
            uniform_login_errors: config.auth.uniform_login_errors,
            password_min_bytes: config.auth.password_min_bytes,
        };
        let mut signer = Signer::new(&secret, token_settings);
        if !config.auth.other_secret.is_empty() {
            signer = signer.accepting(config.auth.other_secret.as_bytes());
        }
        let keys = Keys { signer, passwords };
        Ok(Auth::new(&self.stores, self.bus.clone(), self.clock.clone(), keys, (settings, self.metrics.clone())))
    }
}
