//! Blocks of seqs that a node took from the database and did not bring.

use nexo::config::ClusterStore;

use crate::support::services::{Need, needs};
use crate::support::*;

#[tokio::test]
async fn a_block_that_was_lost_with_its_node_hides_nothing_that_is_acked_later() {
    let (Some(config), Some(_)) = (cluster_settings(), needs([Need::RedisProgram])) else { return };
    let redis = RedisServer::start(&[]).await;
    let config = ClusterStore { redis_url: format!("redis://{}", redis.address()), ..config };
    let world = World::cluster(&config, &[]).await;
    let [ann, bob] = world.people().await;
    let conversation = pair(&ann, &bob);
    let key = format!("nexo:seq:{{{conversation}}}");
    let mut acked = Vec::new();
    for n in 0..12 {
        acked.push(ann.send(&bob, &format!("{n}")).await);
    }
    redis.until("a block ahead", &["HGET", &key, "ahead_from"], |from| from == "17").await;
    // As if the node that took it had died before it brought it here.
    redis.command(&["HSET", &key, "ahead_from", "0", "ahead_to", "0", "top", "16"]).await;
    for n in 12..24 {
        acked.push(ann.send(&bob, &format!("{n}")).await);
        assert_eq!(seqs(&bob.pull(&conversation).await), seqs(&acked));
    }
    assert!(seqs(&acked).into_iter().eq((1..=16).chain(49..=56)), "{acked:?}");
    assert_eq!(bob.unread(&conversation).await, 24);
}
