//! A node of the cluster: its connections, and the ports on them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scylla::statement::prepared::PreparedStatement;
use tokio_util::sync::CancellationToken;

use super::authority::Authority;
use super::claims::Claims;
use super::conversations::ClusterConversations;
use super::cql::{Cql, Kind, SharedCql};
use super::extents::Extents;
use super::group_nodes::GroupNodes;
use super::groups::{ClusterGroups, GroupTable, Growing};
use super::limits::SharedLoginFailures;
use super::logs::{LogLimits, Logs};
use super::message_rows::MessageRows;
use super::messages::MessageStore;
use super::nodes::Nodes;
use super::places::Places;
use super::redis::Redis;
use super::schema::{self, SchemaError};
use super::sequencer::{Reader, Sequencer};
use super::sessions::SessionTable;
use super::tokens::Tokens;
use super::told::Told;
use super::users::UserTable;
use super::views::Views;
use crate::config::ClusterStore;
use crate::model::NodeId;
use crate::store::{Health, Quotas, StoreError, Stores};
use crate::telemetry::Metrics;

/// How long a backend may take to say that it is there.
const READY_WITHIN: Duration = Duration::from_secs(1);

/// The connections of one node.
pub struct Cluster {
    stores: Stores,
    redis: Redis,
    push: (Logs, Nodes, GroupNodes),
}

impl Cluster {
    /// Connects to the database and to Redis. Refuses a schema that this program cannot work on. Background work ends with
    /// `stop`.
    pub async fn open(
        config: &ClusterStore,
        (limits, quotas): (LogLimits, Quotas),
        metrics: &Metrics,
        stop: CancellationToken,
    ) -> Result<Self, SchemaError> {
        schema::check(config).await?;
        let cql = Cql::connect(config, Some(&config.cql_keyspace)).await?;
        let cql: SharedCql = Arc::new(cql.counted(&metrics.cql));
        let redis = Redis::connect(config, metrics.redis.clone()).await?;
        let (authority, rows) = (Authority::prepare(cql.clone()).await?, MessageRows::prepare(cql.clone()).await?);
        let claims = Claims::new(redis.clone(), quotas.conversation_sends);
        let sessions = SessionTable::open(cql.clone()).await?;
        let tokens = Arc::new(Tokens::new(sessions, redis.clone(), quotas.user_sends));
        let (groups, views) = (
            Arc::new(GroupTable::open(cql.clone(), config.big_group_members).await?),
            Arc::new(Views::open(cql.clone()).await?),
        );
        let push = super::push_path(config, limits, NodeId::from_number(rand::random()), metrics).await?;
        let (growing, grown) = Growing::new();
        let told = Told::new((push.0.clone(), push.2.clone()), groups.clone(), growing.clone());
        let sequencer = Arc::new(Sequencer::new((claims, authority), rows, told, config.send_deadline_ms, stop.clone()));
        tokio::spawn(Arc::clone(&sequencer).tidy_up());
        let extents: Arc<dyn Extents> = Arc::new(Reader(sequencer.clone()));
        let places = Arc::new(Places::prepare(cql.clone(), views.clone()).await?);
        let health = Backends {
            ready: cql.prepare("SELECT key FROM system.local", Kind::Read).await?,
            cql: cql.clone(),
            redis: redis.clone(),
        };
        let stores = Stores {
            users: Arc::new(UserTable::open(cql.clone()).await?),
            sessions: tokens.clone(),
            groups: Arc::new(ClusterGroups::new(
                cql.clone(),
                (groups.clone(), views.clone(), extents.clone()),
                push.2.clone(),
                (growing, grown),
                stop,
            )),
            conversations: Arc::new(ClusterConversations::new(views, groups, extents.clone())),
            messages: Arc::new(MessageStore { sequencer, places, tokens, extents }),
            login_failures: Arc::new(SharedLoginFailures::new(redis.clone(), quotas.login_failures)),
            health: Arc::new(health),
        };
        Ok(Self { stores, redis, push })
    }

    /// What the push path has in Redis.
    pub fn push_path(&self) -> (Logs, Nodes, GroupNodes) {
        self.push.clone()
    }

    /// The ports.
    pub fn stores(&self) -> Stores {
        self.stores.clone()
    }

    /// Ends the connections.
    pub async fn close(self) {
        self.redis.quit().await;
    }
}

/// Whether both backends answer.
struct Backends {
    cql: SharedCql,
    redis: Redis,
    ready: PreparedStatement,
}

#[async_trait]
impl Health for Backends {
    async fn ready(&self) -> Result<(), StoreError> {
        let answers = async {
            self.redis.ping().await?;
            self.cql.rows::<(String,)>(&self.ready, ()).await.map(drop)
        };
        tokio::time::timeout(READY_WITHIN, answers).await.unwrap_or(Err(StoreError::TimedOut))
    }
}
