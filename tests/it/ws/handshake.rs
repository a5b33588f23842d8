//! Who gets in, by which way, and who is refused how.

use hyper::Method;
use jsonwebtoken::Algorithm::HS256;
use serde_json::{Value, json};

use crate::support::*;

/// The refusal of a handshake.
async fn refusal(person: &Person, query: &str, headers: &[(&str, &str)]) -> Reply {
    match person.client.connect(query, headers).await {
        Ok(_) => panic!("the handshake with {query} and {headers:?} was not refused"),
        Err(reply) => reply,
    }
}

async fn open(person: &Person, query: &str, headers: &[(&str, &str)]) -> Socket {
    match person.client.connect(query, headers).await {
        Ok(socket) => socket,
        Err(reply) => panic!("the handshake was refused: {reply:?}"),
    }
}

e2e! {
    async fn a_token_in_the_query_opens_a_socket_that_says_nothing(world: World) {
        let [ann, bob] = world.people().await;
        let mut socket = ann.socket().await;
        assert_eq!(socket.protocol, "");
        let marker = bob.send(&ann, "marker").await;
        assert!(socket.before(&marker).await.is_empty());
    }

    async fn a_token_in_the_header_opens_a_socket(world: World) {
        let [ann, bob] = world.people().await;
        let mut socket = open(&ann, "", &[("authorization", &format!("Bearer {}", ann.token))]).await;
        let marker = bob.send(&ann, "marker").await;
        assert!(socket.before(&marker).await.is_empty());
    }

    async fn a_token_in_the_subprotocol_opens_a_socket_of_the_protocol(world: World) {
        let [ann] = world.people().await;
        let token = format!("nexo.token.{}", ann.token);
        for offer in [format!("nexo.v1, {token}"), format!("{token},nexo.v1")] {
            let mut socket = open(&ann, "", &[("sec-websocket-protocol", &offer)]).await;
            assert_eq!(socket.protocol, "nexo.v1");
            assert_eq!(socket.next().await["event"], "hello");
        }
    }

    async fn the_subprotocol_alone_asks_for_the_protocol(world: World) {
        let [ann] = world.people().await;
        let query = format!("token={}", ann.token);
        let mut socket = open(&ann, &query, &[("sec-websocket-protocol", "nexo.v1")]).await;
        assert_eq!(socket.protocol, "nexo.v1");
        assert_eq!(socket.next().await["event"], "hello");
    }

    with(ws.heartbeat_ms = "12345")
    async fn a_client_of_the_protocol_is_greeted_first(world: World) {
        let [ann] = world.people().await;
        let mut socket = ann.connect("&v=1").await;
        let hello = socket.next().await;
        assert_keys(&hello, "event version server_time heartbeat_ms push_id");
        assert_eq!(
            (&hello["event"], &hello["version"], &hello["heartbeat_ms"]),
            (&json!("hello"), &json!(1), &json!(12_345))
        );
        assert_recent(&hello["server_time"]);
        assert!(hello["push_id"].as_str().is_some_and(|id| !id.is_empty()), "{hello}");
    }

    async fn a_handshake_without_a_token_is_401_and_2003(world: World) {
        let [ann] = world.people().await;
        refusal(&ann, "", &[]).await.refused_with(401, 2003);
        refusal(&ann, "v=1", &[("sec-websocket-protocol", "nexo.v1")]).await.refused_with(401, 2003);
    }

    with(auth.secret = crate::support::SECRET)
    async fn a_handshake_with_a_bad_token_is_401_with_its_code(world: World) {
        let [ann, bob, cho] = world.people().await;
        bob.on(5).await;
        cho.post("/auth/logout", json!({})).await.done();
        let mut late = Token::parse(&ann.token);
        late.claims["exp"] = json!(now_ms() / 1000 - 60);
        let late = late.signed(HS256);
        let cases = [("nonsense", 2001), ("a.b.c", 2001), (&bob.token, 2001), (&cho.token, 2001), (&late, 2002)];
        for (token, code) in cases {
            refusal(&ann, &format!("token={token}"), &[]).await.refused_with(401, code);
            refusal(&ann, "", &[("authorization", &format!("Bearer {token}"))]).await.refused_with(401, code);
            let offer = format!("nexo.v1, nexo.token.{token}");
            refusal(&ann, "", &[("sec-websocket-protocol", &offer)]).await.refused_with(401, code);
        }
    }

    // Code 2004.
    async fn a_handshake_that_contradicts_its_token_is_401_and_2004(world: World) {
        let [ann, bob] = world.people().await;
        let query = |more: &str| format!("token={}{more}", ann.token);
        for more in [
            format!("&send_id={}", bob.id),
            "&platform_id=1".to_owned(),
            format!("&send_id={}&platform_id=4", ann.id),
            format!("&send_id={}&platform_id=5", bob.id),
        ] {
            refusal(&ann, &query(&more), &[]).await.refused_with(401, 2004);
        }
        for more in
            [format!("&send_id={}", ann.id), "&platform_id=5".to_owned(), format!("&platform_id=5&send_id={}", ann.id)]
        {
            open(&ann, &query(&more), &[]).await;
        }
    }

    async fn a_request_that_is_no_upgrade_is_400_and_1001(world: World) {
        let [ann] = world.people().await;
        ann.get(&format!("/ws?token={}", ann.token)).await.refused_with(400, 1001);
        let half = ann.client.call(Method::GET, &format!("/ws?token={}", ann.token)).header("upgrade", "websocket");
        half.send().await.refused_with(400, 1001);
    }

    async fn a_malformed_push_id_is_400_and_1001(world: World) {
        let [ann] = world.people().await;
        for after in ["x", "%00", "%FF", "-1", "a.b.c", "%7B%7D", &"9".repeat(300), "1-2-3-4", "0x10", "%20"] {
            let reply = refusal(&ann, &format!("token={}&after={after}", ann.token), &[]).await;
            reply.refused_with(400, 1001);
            assert!(reply.msg().contains("after"), "{reply:?}");
        }
    }

    with(
        limits.enabled = "true",
        limits.handshakes_burst = "3",
        limits.handshakes_per_second = "1",
        server.trusted_proxies = "127.0.0.1",
    )
    async fn too_many_handshakes_of_one_address_are_429_before_their_token_is_looked_at(world: World) {
        let [ann] = world.people().await;
        let storm = &[("x-forwarded-for", "1.2.3.4")];
        let refused = eventually("a refusal of the limit", async || {
            let reply = refusal(&ann, "token=nonsense", storm).await;
            (reply.status != 401).then_some(reply)
        })
        .await;
        refused.refused_with(429, 1006);
        assert_eq!(refused.header("ratelimit-policy"), "\"handshakes\";q=3;w=3");
        assert_eq!((refused.header("ratelimit"), refused.header("retry-after")), ("\"handshakes\";r=0;t=1", "1"));
        assert!(world.metrics().await.contains("nexo_limited_total{limit=\"handshakes\"}"));
        let query = format!("token={}", ann.token);
        open(&ann, &query, &[("x-forwarded-for", "5.6.7.8")]).await;
        let again = async || ann.client.connect(&query, storm).await.ok();
        eventually("the end of the limit", again).await;
    }

    with(limits.enabled = "true", limits.node_handshakes_per_second = "2")
    async fn too_many_handshakes_of_all_are_503_before_their_token_is_looked_at(world: World) {
        let [ann, bob] = world.people().await;
        let refused = eventually("a refusal of the limit", async || {
            let reply = refusal(&ann, "token=nonsense", &[]).await;
            (reply.status != 401).then_some(reply)
        })
        .await;
        refused.refused_with(503, 1002);
        let seconds: u64 = refused.header("retry-after").parse().expect("a Retry-After in seconds");
        assert!((1..=6).contains(&seconds), "{seconds}");
        assert!(world.metrics().await.contains("nexo_limited_total{limit=\"node_handshakes\"}"));
        ann.send(&bob, "who is here is served").await;
        let query = format!("token={}", ann.token);
        eventually("the end of the limit", async || ann.client.connect(&query, &[]).await.ok()).await;
    }

    async fn several_sockets_may_share_one_token(world: World) {
        let [ann, bob] = world.people().await;
        let mut sockets = [ann.socket().await, ann.socket().await, ann.socket_v1().await];
        let marker = bob.send(&ann, "to all").await;
        for socket in &mut sockets {
            assert!(socket.before(&marker).await.is_empty());
        }
    }

    with(log.filter = "trace", log.format = "json")
    async fn a_token_is_in_no_log_line(world: World) {
        let [ann, bob] = world.people().await;
        let mut sockets = vec![ann.socket().await, ann.socket_v1().await];
        sockets.push(open(&ann, "", &[("authorization", &format!("Bearer {}", ann.token))]).await);
        sockets.push(open(&ann, "", &[("sec-websocket-protocol", &format!("nexo.v1, nexo.token.{}", ann.token))]).await);
        refusal(&ann, &format!("token={}&after=x", ann.token), &[]).await.refused_with(400, 1001);
        refusal(&ann, &format!("token={}&platform_id=1", ann.token), &[]).await.refused_with(401, 2004);
        ann.get(&format!("/ws?token={}", ann.token)).await.refused_with(400, 1001);
        let secret = "a content that is nobody's business";
        bob.send(&ann, secret).await;
        let refreshed = string(&ann.post("/auth/refresh", json!({})).await.ok(), "token");
        let ann = ann.with_token(&refreshed);
        ann.socket().await;
        ann.post("/auth/logout", json!({})).await.done();
        let log = world.logs();
        let signature = |token: &str| token.rsplit('.').next().expect("a signature").to_owned();
        for hidden in [
            signature(&ann.token),
            signature(&refreshed),
            signature(&bob.token),
            secret.to_owned(),
            "correct horse".to_owned(),
        ] {
            let line = log.lines().find(|line| line.contains(&hidden));
            assert!(line.is_none(), "{hidden} was logged: {line:?}");
        }
        let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        assert!(!lines.is_empty(), "with the filter at trace, something is logged");
    }
}
