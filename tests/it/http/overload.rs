//! More calls at once than there is room for.

use futures_util::future::join_all;
use hyper::Method;
use serde_json::{Value, json};

use crate::support::*;

/// Whether a call was let in: if not, it was refused at once and says when to come back.
#[track_caller]
fn is_let_in(reply: &Reply) -> bool {
    if reply.status == 200 {
        return true;
    }
    reply.refused_with(503, 1002);
    assert_eq!(reply.header("retry-after"), "1");
    false
}

e2e! {
    with(server.max_calls = "1")
    async fn a_call_too_many_is_refused_at_once_and_the_rest_is_served(world: World) {
        let [ann] = world.people().await;
        let login = json!({ "user_id": ann.id, "password": PASSWORD, "platform_id": 1 });
        let visitor = world.visitor();
        let replies = join_all((0..30).map(|_| visitor.post("/auth/login", login.clone()))).await;
        let let_in = replies.iter().filter(|reply| is_let_in(reply)).count();
        assert!((1..30).contains(&let_in), "{let_in} of 30");
        let health = join_all((0..30).map(|_| visitor.get("/health"))).await;
        assert!(health.iter().all(|reply| reply.status == 200), "who asks how it is is always answered");
        ann.get("/user/info").await.ok();
        assert!(world.metrics().await.contains("nexo_limited_total{limit=\"calls\"}"));
    }

    with(server.max_calls = "1", server.origins = "https://chat.example.com")
    async fn a_refusal_has_its_id_and_pages_can_read_it(world: World) {
        let [ann] = world.people().await;
        let login = json!({ "user_id": ann.id, "password": PASSWORD, "platform_id": 1 });
        let ask = async |origin: Option<&str>| {
            let call = world.visitor().call(Method::POST, "/auth/login").header("x-request-id", "mine");
            let call = origin.into_iter().fold(call, |call, origin| call.header("origin", origin));
            call.json(&login).send().await
        };
        for origin in [None, Some("https://chat.example.com")] {
            let replies = join_all((0..30).map(|_| ask(origin))).await;
            assert!(replies.iter().filter(|reply| is_let_in(reply)).count() < 30, "{origin:?}");
            for reply in replies {
                assert_eq!(reply.header("x-request-id"), "mine", "{reply:?}");
                assert_eq!(reply.header("access-control-allow-origin"), origin.unwrap_or_default(), "{reply:?}");
            }
        }
    }

    with(server.max_calls = "1", server.body_timeout_ms = "60000")
    async fn a_body_on_its_way_keeps_nobody_out(world: World) {
        let [ann] = world.people().await;
        let mut slow = Vec::new();
        for _ in 0..9 {
            let mut tcp = ann.client.tcp().await;
            tcp.write(b"POST /auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 60\r\n\r\n{").await;
            slow.push(tcp);
        }
        for _ in 0..9 {
            // They may still be arriving.
            eventually("room", async || is_let_in(&ann.get("/user/info").await).then_some(())).await;
        }
        drop(slow);
    }

    with(server.max_calls = "2")
    async fn a_frame_too_many_is_refused_and_what_is_acked_is_stored(world: World) {
        let [ann, bob] = world.people().await;
        let mut sockets = Vec::new();
        for _ in 0..8 {
            sockets.push(ann.socket().await);
        }
        let say = async |mut socket: Socket| {
            let mut answers: Vec<Value> = Vec::new();
            for _ in 0..20 {
                answers.push(socket.ask("send", ann.draft(&bob, "hello")).await);
            }
            answers
        };
        let answers: Vec<Value> = join_all(sockets.into_iter().map(say)).await.concat();
        let refused: Vec<&Value> = answers.iter().filter(|answer| answer["code"] == 1002).collect();
        assert!(refused.iter().all(|answer| answer["retry_after_ms"] == 1_000), "{refused:?}");
        let refused = refused.len();
        let acked = answers.iter().filter(|answer| answer["code"] == 0).count();
        assert!(refused > 0 && acked > 0 && refused + acked == answers.len(), "{refused} refused, {acked} acked");
        assert_eq!(bob.pull(&pair(&ann, &bob)).await.len(), acked);
    }
}
