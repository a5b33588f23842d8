//! Redis of several servers: a Cluster, one of whose slots moves, and a master whose place a replica takes.

use nexo::model::ConversationId;

use super::across_nodes;
use super::client::Client;
use super::deployment::Deployment;
use crate::support::{RedisCluster, RedisServer, a_few_at_once};

across_nodes! {
    async fn a_redis_cluster_does_as_well_and_whoever_is_on_a_slot_that_moves_recovers(deployment: Deployment) {
        let cluster = RedisCluster::start().await;
        let deployment = deployment.at(cluster.url());
        let nodes = [deployment.node().await, deployment.node().await];
        let [ann, bob] = [nodes[0].person("ann").await, nodes[0].person("bob").await];
        let conversation = ConversationId::single(&ann.user, &bob.user).to_string();
        let mut client = Client::new(&bob, &conversation);
        let (slot, from) = cluster.place(&format!("nexo:push:{{{}}}", bob.user)).await;
        let to = (from + 1) % 3;
        let sending = async {
            for n in 0..60 {
                match n {
                    20 => cluster.begin_move(&slot, from, to).await,
                    30 => while cluster.move_keys(&slot, from, to, 10).await > 0 {},
                    40 => cluster.end_move(&slot, to).await,
                    _ => {}
                }
                nodes[n % 2].send_to(&ann, &bob.user, "on").await.expect("sent");
            }
        };
        tokio::join!(sending, client.until(&nodes[1], 60));
        client.seqs.sort_unstable();
        assert!(client.seqs.iter().copied().eq(1..=60), "{:?}", client.seqs);
        // On another server a log begins again, for it might be an old copy.
        assert_eq!(client.pulls, 1);
    }

    async fn a_long_list_is_whole_on_servers_that_forgot_the_functions_while_a_slot_moves(deployment: Deployment) {
        let cluster = RedisCluster::start().await;
        let node = deployment.at(cluster.url()).node().await;
        let bob = node.person("bob").await;
        let begin = async || {
            let ann = node.person("ann").await;
            node.send_to(&ann, &bob.user, "hello").await.expect("sent");
            ConversationId::single(&ann.user, &bob.user)
        };
        let mut begun = a_few_at_once((0..300).map(|_| begin())).await;
        begun.sort();
        let (slot, from) = cluster.place(&format!("nexo:seq:{{{}}}", begun[7])).await;
        cluster.begin_move(&slot, from, (from + 1) % 3).await;
        while cluster.move_keys(&slot, from, (from + 1) % 3, 10).await > 0 {}
        for server in &cluster.nodes {
            server.command(&["FUNCTION", "FLUSH"]).await;
        }
        let mut list = node.conversations.list(&bob, None, None, None).await.expect("read").conversations;
        list.sort_by(|one, other| one.conversation.id.cmp(&other.conversation.id));
        let found: Vec<_> = list.iter().map(|state| (&state.conversation.id, state.unread())).collect();
        assert_eq!(found, begun.iter().map(|id| (id, 1)).collect::<Vec<_>>());
    }

    async fn a_replica_takes_over_and_whoever_was_here_recovers(deployment: Deployment) {
        let (mut master, replica) = (RedisServer::start(&[]).await, RedisServer::start(&[]).await);
        replica.replicate(&master).await;
        let sentinel = RedisServer::sentinel(&master, 1).await;
        let url = format!("redis-sentinel://{}?sentinelServiceName=nexo", sentinel.address());
        let deployment = deployment.at(url);
        let nodes = [deployment.node().await, deployment.node().await];
        let [ann, bob] = [nodes[0].person("ann").await, nodes[0].person("bob").await];
        let conversation = ConversationId::single(&ann.user, &bob.user).to_string();
        let mut client = Client::new(&bob, &conversation);
        let sending = async {
            for n in 0..30 {
                if n == 10 {
                    master.kill9();
                }
                nodes[n % 2].send_to(&ann, &bob.user, "on").await.expect("sent");
            }
        };
        tokio::join!(sending, client.until(&nodes[1], 30));
        client.seqs.sort_unstable();
        assert!(client.seqs.iter().copied().eq(1..=30), "{:?}", client.seqs);
        // And it goes on, live.
        nodes[0].send_to(&ann, &bob.user, "live again").await.expect("sent");
        client.until(&nodes[1], 31).await;
    }
}
