//! A disk that takes no more: sends are refused, reads go on, and it ends by itself when there is room again.

use serde_json::{Value, json};

use crate::support::*;

#[test]
fn a_full_disk_refuses_sends_with_1002_until_there_is_room() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(full_disk());
}

/// Code 1002.
async fn full_disk() {
    let server = Launch::new().ignoring_full_disks().start().await;
    let mut world = World::of(vec![server]);
    let [ann, bob] = world.people().await;
    let mut socket = ann.socket().await;
    let words = "x".repeat(15_000);
    let mut acked = vec![ann.send(&bob, "room").await];
    world.servers()[0].limit_file_size(Some(200_000));
    let (draft, refused) = eventually("a refused send", async || {
        let draft = ann.draft(&bob, &words);
        let reply = ann.post("/msg/send", draft.clone()).await;
        match reply.code() {
            0 => {
                acked.push(reply.ok());
                None
            }
            _ => Some((draft, reply)),
        }
    })
    .await;
    refused.refused_with(503, 1002);
    assert!(refused.header("retry-after").parse::<u32>().is_ok(), "{refused:?}");
    let answer = socket.ask("send", ann.draft(&bob, &words)).await;
    assert_eq!((&answer["code"], &answer["data"]), (&json!(1002), &Value::Null), "{answer}");
    ann.post("/group/create", json!({ "name": "g" })).await.refused_with(503, 1002);
    assert_eq!(ann.get("/ready").await.status, 503);
    assert_eq!(ann.get("/health").await.status, 200);
    let ids = |messages: &[Value]| messages.iter().map(|message| string(message, "client_msg_id")).collect::<Vec<_>>();
    assert_eq!(ids(&bob.pull(&pair(&ann, &bob)).await), ids(&acked), "reads go on");
    world.servers()[0].limit_file_size(None);
    let again = eventually("room", async || {
        let reply = ann.post("/msg/send", draft.clone()).await;
        (reply.code() == 0).then(|| reply.ok())
    })
    .await;
    acked.push(again);
    acked.push(socket.ask_ok("send", ann.draft(&bob, "room again")).await);
    assert_eq!(ann.get("/ready").await.status, 200);
    for _ in 0..2 {
        let stored = bob.pull(&pair(&ann, &bob)).await;
        assert_eq!(ids(&stored), ids(&acked));
        assert!(seqs(&stored).is_sorted_by(|one, other| one < other), "{:?}", seqs(&stored));
        world.servers()[0].kill9();
        world.restart().await;
    }
}
