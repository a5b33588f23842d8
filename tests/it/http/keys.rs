//! A signing key that is replaced while people are logged in, node by node.

use serde_json::json;

use crate::support::*;

const OLD: &str = "the key that everybody has signed with";
const NEW: &str = "the key that is to take the place of it";

/// The nodes, of which one after the other is started again.
struct Nodes {
    launches: Vec<Launch>,
    servers: Vec<Server>,
}

impl Nodes {
    async fn start(launches: Vec<Launch>) -> Nodes {
        let mut servers = Vec::new();
        for launch in &launches {
            servers.push(launch.clone().set("auth", "secret", OLD).start().await);
        }
        Nodes { launches, servers }
    }

    fn client(&self, node: usize) -> Client {
        World::through(self.servers[node].host())
    }

    /// Gives every node these keys. Whoever is logged in then stays so at every node meanwhile, and whoever logs in does too.
    async fn step(&mut self, secret: &str, other_secret: &str, tokens: &mut Vec<String>) {
        for node in 0..self.servers.len() {
            self.servers[node].terminate();
            self.servers[node].wait_exit().await;
            let launch = self.launches[node].clone().set("auth", "secret", secret).set("auth", "other_secret", other_secret);
            self.servers[node] = launch.start().await;
            tokens.push(Person::register(&self.client(node), &unique("rotated")).await.token);
            for other in 0..self.servers.len() {
                for token in &*tokens {
                    self.client(other).with_token(token).get("/user/info").await.ok();
                }
            }
        }
    }
}

/// The three steps of `auth.other_secret`.
async fn rotate(launches: Vec<Launch>) {
    let mut nodes = Nodes::start(launches).await;
    let forgotten = Person::register(&nodes.client(0), &unique("rotated")).await.token;
    let mut tokens = vec![forgotten.clone()];
    nodes.step(OLD, NEW, &mut tokens).await;
    nodes.step(NEW, OLD, &mut tokens).await;
    // Before the last step a token's life has to pass, in which clients refresh theirs. One did not.
    let mut refreshed = Vec::new();
    for token in &tokens[1..] {
        let data = nodes.client(0).with_token(token).post("/auth/refresh", json!({})).await.ok();
        refreshed.push(string(&data, "token"));
    }
    nodes.step(NEW, "", &mut refreshed).await;
    nodes.client(0).with_token(&forgotten).get("/user/info").await.refused(2001);
}

#[tokio::test]
async fn a_signing_key_is_replaced_and_nobody_is_logged_out() {
    rotate(vec![Launch::new()]).await;
}

#[tokio::test]
async fn a_signing_key_is_replaced_on_all_nodes_and_nobody_is_logged_out() {
    let Some(config) = cluster_settings() else { return };
    migrated(&config).await;
    rotate(vec![Launch::node(&config), Launch::node(&config)]).await;
}
