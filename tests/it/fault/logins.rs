//! A storm of logins while messages flow.

use std::cell::Cell;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::*;

/// How many log in at once. Hashes have the lowest priority: beside other tests a machine of two cores takes a tenth of a second for
/// one, and no call may take more than ten seconds.
const STORM: usize = 40;

/// Lets the logins loose; answers them, and how many sends were acked one by one before the last login was answered.
async fn storm(ann: &Person, bob: &Person) -> (Vec<Reply>, usize) {
    let over = Cell::new(false);
    let login = json!({ "user_id": bob.id, "password": "correct horse", "platform_id": 1 });
    let logins = async {
        let replies = join_all((0..STORM).map(|_| ann.client.post("/auth/login", login.clone()))).await;
        over.set(true);
        replies
    };
    let sends = async {
        let mut acked = 0;
        while !over.get() {
            // Each is answered within the deadline of every call, or the test fails.
            ann.send(bob, "meanwhile").await;
            acked += 1;
        }
        acked
    };
    tokio::join!(logins, sends)
}

alone! {
    async fn a_storm_of_logins_does_not_hold_up_messages(world: World) {
        let [ann, bob] = world.people().await;
        let (replies, acked) = storm(&ann, &bob).await;
        for reply in &replies {
            reply.ok();
        }
        // One hash takes 20 ms of a core at low priority, a send far less: it never waits for a login.
        assert!(acked >= STORM / 4, "{acked} sends were acked during {STORM} logins");
        assert_eq!(seqs(&bob.pull(&pair(&ann, &bob)).await).len(), acked);
    }

    with(auth.hash_queue = "4")
    async fn past_the_queue_of_hashes_logins_are_429_and_1006_and_messages_flow(world: World) {
        let [ann, bob] = world.people().await;
        let (replies, acked) = storm(&ann, &bob).await;
        let (served, refused): (Vec<&Reply>, Vec<&Reply>) = replies.iter().partition(|reply| reply.status == 200);
        assert!(served.len() >= 4 && refused.len() >= STORM / 2, "{} served, {} refused", served.len(), refused.len());
        for reply in refused {
            reply.refused_with(429, 1006);
            let retry_after: u64 = reply.header("retry-after").parse().expect("a Retry-After in seconds");
            assert!((1..=60).contains(&retry_after), "{retry_after}");
        }
        assert!(acked > 0);
        // The one who got in last is in, and the next one is served again.
        bob.on(1).await.get("/user/info").await.ok();
    }
}
