//! The cluster adapter: any number of identical nodes over a CQL database, which disposes, and Redis, which proposes.

mod attempts;
mod authority;
mod claims;
mod conversations;
mod cql;
mod events;
mod extents;
pub mod functions;
mod group_nodes;
mod groups;
mod letters;
mod limits;
mod logs;
mod message_rows;
mod messages;
mod node;
mod nodes;
mod places;
mod redirects;
mod redis;
mod rows;
pub mod schema;
pub mod seqs;
mod sequencer;
mod sessions;
mod settler;
mod tls;
mod together;
mod tokens;
mod told;
mod turns;
mod users;
mod views;
mod watches;

pub use events::{Event, LogEntry};
pub use group_nodes::GroupNodes;
pub use letters::{Address, Letter};
pub use logs::{LogEnd, LogLimits, Logs, Recorded};
pub use node::Cluster;
pub use nodes::{Kept, Nodes, Reader, Stream, is_before};

use std::time::Duration;

use crate::config::ClusterStore;
use crate::model::NodeId;
use crate::store::StoreError;
use crate::telemetry::Metrics;

/// What the push path has in Redis, on a connection of its own: users' logs, nodes' streams and groups' nodes, seen from the node `own`.
pub async fn push_path(
    config: &ClusterStore,
    limits: LogLimits,
    own: NodeId,
    metrics: &Metrics,
) -> Result<(Logs, Nodes, GroupNodes), StoreError> {
    let redis = redis::Redis::connect(config, metrics.redis.clone()).await?;
    // Nobody finishes a claim later: it is settled then.
    let send_within = Duration::from_millis(config.send_deadline_ms) + Duration::from_secs(1);
    let (logs, nodes) = (Logs::new(redis.clone(), limits, send_within), Nodes::new(redis.clone(), config.clone(), own));
    Ok((logs.clone(), nodes.clone(), GroupNodes::new(redis, logs, nodes)))
}
