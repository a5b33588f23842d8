//! A Redis Cluster: slots that move, and a master that comes back empty.

use nexo::config::ClusterStore;

use super::run;
use super::scene::settings;
use super::talk::Talk;
use crate::support::*;

async fn start() -> Option<(World, RedisCluster)> {
    let config = settings()?;
    let cluster = RedisCluster::start().await;
    let world = World::cluster(&ClusterStore { redis_url: cluster.url(), ..config }, &[]).await;
    Some((world, cluster))
}

#[test]
fn slots_move_under_load_and_nothing_is_lost() {
    run(async {
        let Some((world, cluster)) = start().await else { return };
        let talk = Talk::begin(&world).await;
        talk.through(async {
            talk.go_on(5).await;
            for room in &talk.rooms {
                let (slot, from) = cluster.place(&format!("{{{}}}", room.conversation)).await;
                let to = (from + 1) % cluster.nodes.len();
                cluster.begin_move(&slot, from, to).await;
                // Key by key: in between some are here and some there.
                while cluster.move_keys(&slot, from, to, 1).await > 0 {
                    talk.go_on(0).await;
                }
                cluster.end_move(&slot, to).await;
                talk.go_on(1).await;
            }
            talk.back().await;
        })
        .await;
    });
}

#[test]
fn each_master_comes_back_empty_while_the_others_keep_what_they_have() {
    run(async {
        let Some((world, mut cluster)) = start().await else { return };
        let talk = Talk::begin(&world).await;
        talk.through(async {
            talk.go_on(5).await;
            for master in &mut cluster.nodes {
                master.kill9();
                master.start_empty().await;
                talk.back().await;
            }
        })
        .await;
    });
}
