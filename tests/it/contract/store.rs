//! An open store of some adapter, with what it stands on.

use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use nexo::config::ClusterStore;
use nexo::model::{Caller, ConversationId, Draft, GroupId, MsgType, Platform, Session, User, UserId};
use nexo::store::cluster::{Cluster, LogLimits};
use nexo::store::embedded::{Embedded, Options, WriterThread};
use nexo::store::{Quotas, Stores};
use nexo::telemetry::Metrics;
use tempfile::TempDir;

use tokio_util::sync::CancellationToken;

use crate::support::{cluster_settings, migrated, resp, unique, within};

/// The adapters that the contract runs on.
#[derive(Clone, Copy)]
pub(super) enum Adapter {
    /// The embedded store, in a folder of its own.
    Embedded,
    /// The cluster's, on the database and the Redis that all tests share.
    Cluster,
}

/// Runs one promise on a fresh store.
pub(super) fn run<F>(adapter: Adapter, promise: impl FnOnce(Store) -> F)
where
    F: Future<Output = ()>,
{
    let config = match adapter {
        Adapter::Embedded => None,
        Adapter::Cluster => match cluster_settings() {
            Some(config) => Some(config),
            None => return,
        },
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let store = match config {
            None => Store::fresh(),
            Some(config) => {
                migrated(&config).await;
                Store::cluster(config, Quotas::default()).await
            }
        };
        let whole = tokio::time::timeout(Duration::from_secs(120), promise(store)).await;
        assert!(whole.is_ok(), "the promise was not looked at within two minutes");
    });
}

/// What an adapter keeps its data in, and what has to end before it can be opened again.
enum Base {
    Embedded { folder: TempDir, writer: WriterThread },
    Cluster { config: Box<ClusterStore>, cluster: Box<Cluster>, stop: CancellationToken },
}

/// The ports of an open store.
pub(super) struct Store {
    ports: Stores,
    base: Base,
}

impl Deref for Store {
    type Target = Stores;

    fn deref(&self) -> &Stores {
        &self.ports
    }
}

/// The bounds of logs, unless a test says otherwise.
const LOGS: LogLimits = LogLimits { entries: 512, ttl_ms: 900_000 };

impl Store {
    /// An embedded one, in a folder of its own.
    pub(super) fn fresh() -> Store {
        Store::embedded(tempfile::tempdir().expect("a folder"), Quotas::default())
    }

    /// The settings of the cluster, if it is one.
    pub(super) fn settings(&self) -> Option<&ClusterStore> {
        match &self.base {
            Base::Embedded { .. } => None,
            Base::Cluster { config, .. } => Some(config),
        }
    }

    /// Loses what the push path knows of a user, beyond what a node knows itself.
    pub(super) async fn lose_push_path_of(&self, user: &UserId) {
        if let Some(config) = self.settings() {
            let key = format!("{}push:{{{user}}}", config.redis_prefix);
            let address = config.redis_url.trim_start_matches("redis://");
            let lost = resp::ask(address, &["DEL", &key]).await.expect("Redis is there").expect("deleted");
            assert_eq!(lost, ["1"], "there was no {key}");
        }
    }

    /// One on the database and the Redis of these settings, with these limits.
    pub(super) async fn cluster(config: ClusterStore, quotas: Quotas) -> Store {
        let stop = CancellationToken::new();
        let metrics = Metrics::new().expect("metrics");
        let cluster = Cluster::open(&config, (LOGS, quotas), &metrics, stop.clone()).await.expect("the store opens");
        Store { ports: cluster.stores(), base: Base::Cluster { config: Box::new(config), cluster: Box::new(cluster), stop } }
    }

    fn embedded(folder: TempDir, quotas: Quotas) -> Store {
        let options = Options { cache_bytes: 8 << 20, recent_bytes: 1 << 20, batch_max: 64, quotas };
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        let (store, writer) = Embedded::open(folder.path(), options, metrics).expect("the store opens");
        Store { ports: store.stores(), base: Base::Embedded { folder, writer } }
    }

    /// Whether all hooks of one conversation come in the order of seqs, and not only those of messages that waited for each other.
    pub(super) fn tells_in_order(&self) -> bool {
        matches!(self.base, Base::Embedded { .. })
    }

    /// Whether `send_at_ms` is the time of a message whose draft says `now_ms`: a cluster has one clock for all nodes, in Redis.
    pub(super) fn is_time_of(&self, now_ms: i64, send_at_ms: i64) -> bool {
        match self.base {
            Base::Embedded { .. } => send_at_ms == now_ms,
            Base::Cluster { .. } => (crate::support::now_ms() - send_at_ms).abs() < 60_000,
        }
    }

    /// Ends it and opens it again on the same data. Nobody else may hold a port any more.
    pub(super) async fn reopened(self) -> Store {
        self.limited(Quotas::default()).await
    }

    /// The same, with these limits from then on.
    pub(super) async fn limited(self, quotas: Quotas) -> Store {
        let Store { ports, base } = self;
        drop(ports);
        match base {
            Base::Embedded { folder, writer } => {
                within("the end of the writer: does the test still hold a port?", writer.ended().cancelled()).await;
                writer.join();
                Store::embedded(folder, quotas)
            }
            Base::Cluster { config, cluster, stop } => {
                stop.cancel();
                cluster.close().await;
                Store::cluster(*config, quotas).await
            }
        }
    }

    /// A new registered user.
    pub(super) async fn person(&self, name: &str) -> UserId {
        let id = user_id(name);
        assert!(self.users.create(user(&id)).await.expect("stored"), "{id} is taken");
        log_in(&self.ports, &id).await;
        id
    }
}

/// An id that nobody has.
pub(super) fn user_id(name: &str) -> UserId {
    UserId::parse(&unique(name)).expect("a valid user id")
}

/// An id that no group has.
pub(super) fn group_id() -> GroupId {
    GroupId::from_number(rand::random_range(1..u64::MAX / 2))
}

/// A user with this id, as it registers.
pub(super) fn user(id: &UserId) -> User {
    User {
        id: id.clone(),
        nickname: format!("{id} 名"),
        avatar: "a.png".to_owned(),
        extra: String::new(),
        password_hash: "$argon2id$..".to_owned(),
        created_at_ms: 1_000,
        updated_at_ms: 1_000,
    }
}

/// Gives a user a token on each platform: the one that [`caller`] shows.
pub(super) async fn log_in(stores: &Stores, user: &UserId) {
    let Caller { jti, expires_at_ms, .. } = caller(user);
    for platform in (1..=5).filter_map(Platform::from_number) {
        let session = Session { jti: jti.clone(), issued_at_ms: 1_000, expires_at_ms, refreshed_from: None };
        stores.sessions.replace(user, platform, session).await.expect("stored");
    }
}

/// A user on the Web, with its token.
pub(super) fn caller(user: &UserId) -> Caller {
    Caller { user: user.clone(), platform: Platform::Web, jti: "current".to_owned(), expires_at_ms: i64::MAX }
}

/// The draft of a text with a new client_msg_id.
pub(super) fn draft(sender: &UserId, conversation: &ConversationId, words: &str) -> Draft {
    let mut fingerprint = [0; 16];
    for (at, byte) in words.bytes().enumerate() {
        fingerprint[at % 16] ^= byte.rotate_left(u32::try_from(at / 16 % 8).expect("below 8"));
    }
    Draft {
        caller: caller(sender),
        client_msg_id: unique("m").into(),
        conversation: conversation.clone(),
        msg_type: MsgType::Text,
        content: serde_json::json!({ "text": words }).to_string().into(),
        fingerprint,
        now_ms: 5_000,
    }
}

/// A hook for changes of which nobody is told.
pub(super) fn nobody<T: 'static>() -> nexo::store::OnCommit<T> {
    Box::new(|_| {})
}
