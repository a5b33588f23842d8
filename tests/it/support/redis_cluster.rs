//! A Redis Cluster of a test's own: three masters, between which slots can be moved.

use super::{RedisServer, ports};

const SLOTS: usize = 16_384;

/// Three masters with a third of the slots each, and no replicas.
pub(crate) struct RedisCluster {
    /// The servers, in the order of the slots that they have at first.
    pub(crate) nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts it, and waits until each node knows it whole.
    pub(crate) async fn start() -> RedisCluster {
        let (mut nodes, mut buses) = (Vec::new(), Vec::new());
        for number in 0..3 {
            let bus = ports::free_port().to_string();
            // The bus is at the port plus 10,000 unless it is told otherwise: another test may have that.
            let node = RedisServer::start(&["--cluster-enabled", "yes", "--cluster-port", &bus]).await;
            let (first, last) = (number * SLOTS / 3, (number + 1) * SLOTS / 3 - 1);
            node.command(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]).await;
            node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]).await;
            nodes.push(node);
            buses.push(bus);
        }
        for number in 1..3 {
            let port = nodes[number].port().to_string();
            nodes[0].command(&["CLUSTER", "MEET", "127.0.0.1", &port, &buses[number]]).await;
        }
        for node in &nodes {
            node.until("a whole cluster", &["CLUSTER", "INFO"], |info| info.contains("cluster_state:ok")).await;
        }
        RedisCluster { nodes }
    }

    /// Its URL, with every node.
    pub(crate) fn url(&self) -> String {
        let [first, second, third] = [0, 1, 2].map(|number| self.nodes[number].address());
        format!("redis-cluster://{first}?node={second}&node={third}")
    }

    /// The slot of a key, and the number of the node that has it.
    pub(crate) async fn place(&self, key: &str) -> (String, usize) {
        let slot = self.nodes[0].command(&["CLUSTER", "KEYSLOT", key]).await;
        for (number, node) in self.nodes.iter().enumerate() {
            // Who has not got the slot says who has.
            match node.try_command(&["EXISTS", key]).await {
                Err(error) if error.starts_with("MOVED") => {}
                _ => return (slot, number),
            }
        }
        unreachable!("some node has slot {slot}")
    }

    async fn id(&self, node: usize) -> String {
        self.nodes[node].command(&["CLUSTER", "MYID"]).await
    }

    /// Begins to move a slot: from now on `from` sends callers with ASK for the keys that it has no more.
    pub(crate) async fn begin_move(&self, slot: &str, from: usize, to: usize) {
        let (sender, receiver) = (self.id(from).await, self.id(to).await);
        self.nodes[to].command(&["CLUSTER", "SETSLOT", slot, "IMPORTING", &sender]).await;
        self.nodes[from].command(&["CLUSTER", "SETSLOT", slot, "MIGRATING", &receiver]).await;
    }

    /// Moves up to `count` keys of a slot that is on its way; how many it moved.
    pub(crate) async fn move_keys(&self, slot: &str, from: usize, to: usize, count: usize) -> usize {
        let keys = self.nodes[from].command(&["CLUSTER", "GETKEYSINSLOT", slot, &count.to_string()]).await;
        let keys: Vec<&str> = keys.lines().collect();
        let port = self.nodes[to].port().to_string();
        for key in &keys {
            self.nodes[from].command(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]).await;
        }
        keys.len()
    }

    /// Ends the move: the slot is the receiver's.
    pub(crate) async fn end_move(&self, slot: &str, to: usize) {
        let receiver = self.id(to).await;
        // The receiver first: were it the last one to know, both would send callers to each other.
        self.nodes[to].command(&["CLUSTER", "SETSLOT", slot, "NODE", &receiver]).await;
        for node in &self.nodes {
            node.command(&["CLUSTER", "SETSLOT", slot, "NODE", &receiver]).await;
        }
    }
}
