//! A database of three nodes, of which one is killed, falls silent, or all are away.

use std::time::Duration;

use nexo::config::ClusterStore;
use tokio::time::sleep;

use super::run;
use super::scene::{settings, url};
use super::talk::Talk;
use crate::support::*;

/// Three nodes of Nexo over the three of the database and a Redis of their own.
struct Scene {
    world: World,
    database: ThreeNodes,
    _redis: RedisServer,
}

impl Scene {
    async fn start() -> Option<Scene> {
        let database = ThreeNodes::alone().await?;
        let config = settings()?;
        let redis = RedisServer::start(&[]).await;
        let config = ClusterStore {
            cql_nodes: [1, 2, 3].map(|node| database.address(node)).join(","),
            cql_replication: "{'class': 'SimpleStrategy', 'replication_factor': 3}".to_owned(),
            redis_url: url(&redis.address()),
            ..config
        };
        Some(Scene { world: World::cluster(&config, &[]).await, database, _redis: redis })
    }

    /// All nodes of the database fall silent.
    fn pause(&self) {
        for node in 1..=3 {
            self.database.pause(node);
        }
    }

    fn resume(&self) {
        for node in 1..=3 {
            self.database.resume(node);
        }
    }
}

#[test]
fn one_of_three_database_nodes_is_killed_and_comes_back() {
    run(async {
        let Some(mut scene) = Scene::start().await else { return };
        let talk = Talk::begin(&scene.world).await;
        talk.through(async {
            talk.go_on(5).await;
            scene.database.kill9(2);
            talk.back().await;
            talk.go_on(5).await;
            scene.database.start_again(2).await;
            talk.back().await;
        })
        .await;
    });
}

/// What it was sent while it was silent is done when it goes on: writes of which nobody heard, long after their sends were
/// given up, tried again elsewhere and settled.
#[test]
fn one_of_three_database_nodes_is_silent_and_its_writes_land_late() {
    run(async {
        let Some(scene) = Scene::start().await else { return };
        let talk = Talk::begin(&scene.world).await;
        talk.through(async {
            talk.go_on(5).await;
            scene.database.pause(3);
            talk.back().await;
            sleep(Duration::from_secs(5)).await;
            scene.database.resume(3);
            talk.back().await;
        })
        .await;
    });
}

#[test]
fn the_whole_database_is_away_for_ten_seconds() {
    run(async {
        let Some(scene) = Scene::start().await else { return };
        let talk = Talk::begin(&scene.world).await;
        talk.through(async {
            talk.go_on(5).await;
            scene.pause();
            sleep(Duration::from_secs(10)).await;
            scene.resume();
            talk.back().await;
        })
        .await;
    });
}

impl Scene {
    /// The database answers in bursts for a while, so that a statement takes up to two seconds.
    async fn is_slow(&self, talk: &Talk) {
        talk.go_on(5).await;
        for _ in 0..6 {
            self.pause();
            sleep(Duration::from_millis(1_900)).await;
            self.resume();
            sleep(Duration::from_millis(100)).await;
        }
        talk.back().await;
    }
}

#[test]
fn a_slow_database_slows_and_loses_nothing() {
    run(async {
        let Some(scene) = Scene::start().await else { return };
        let talk = Talk::begin(&scene.world).await;
        talk.during(scene.is_slow(&talk), async {}).await;
        talk.recount().await;
    });
}

#[test]
fn what_is_acked_by_a_slow_database_is_heard() {
    run(async {
        let Some(scene) = Scene::start().await else { return };
        let talk = Talk::begin(&scene.world).await;
        talk.through(scene.is_slow(&talk)).await;
    });
}
