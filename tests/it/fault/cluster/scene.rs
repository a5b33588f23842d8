//! Three nodes over the shared database and a Redis of their own.

use nexo::config::ClusterStore;

use crate::support::services::{Need, needs};
use crate::support::*;

/// The deployment, and what can be broken in it.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) redis: RedisServer,
}

impl Scene {
    /// Starts it; `None`, and said so, if a service is not there.
    pub(super) async fn start() -> Option<Scene> {
        let config = settings()?;
        let redis = RedisServer::start(&[]).await;
        let world = World::cluster(&ClusterStore { redis_url: url(&redis.address()), ..config }, &[]).await;
        Some(Scene { world, redis })
    }
}

/// The settings of a node on the shared database; what is started besides is a Redis of the test's own.
pub(super) fn settings() -> Option<ClusterStore> {
    needs([Need::RedisProgram])?;
    cluster_settings()
}

/// The URL of a Redis server, or of a proxy in front of one.
pub(super) fn url(address: &str) -> String {
    format!("redis://{address}")
}
