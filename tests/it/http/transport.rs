//! The envelope, the statuses, the headers, and how a body is read.

use hyper::Method;
use serde_json::{Value, json};

use crate::support::*;

/// A registration of a new id as text.
fn registration() -> Value {
    json!({ "user_id": unique("t"), "nickname": "n", "password": "123456" })
}

async fn register(world: &World, body: impl Into<Vec<u8>>) -> Reply {
    world.visitor().call(Method::POST, "/auth/register").bytes(body).send().await
}

e2e! {
    async fn health_is_the_one_of_the_document(world: World) {
        let reply = world.visitor().get("/health").await;
        assert_eq!((reply.status, reply.json()), (200, json!({ "status": "ok" })));
        assert!(reply.header("content-type").starts_with("application/json"));
    }

    async fn a_server_that_serves_is_ready(world: World) {
        let reply = world.visitor().get("/ready").await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }

    async fn metrics_tell_the_route_and_the_code_of_requests(world: World) {
        let [ann] = world.people().await;
        ann.get("/user/profile/nobody-at-all").await.refused(2006);
        let text = world.metrics().await;
        let line = text.lines().find(|line| line.contains("/user/profile/") && line.contains("2006"));
        assert!(line.is_some(), "no line of that route and code in:\n{text}");
        assert!(!text.contains("nobody-at-all"), "an id is no label");
    }

    async fn a_start_says_four_lines_and_the_url_in_the_first(mut world: World) {
        let server = &world.servers()[0];
        let greeting = eventually("four lines", async || {
            let lines = server.greeting();
            (lines.len() >= 4).then_some(lines)
        })
        .await;
        let first = format!("nexo {} serves on {}", env!("CARGO_PKG_VERSION"), server.url());
        assert_eq!((greeting.len(), &greeting[0]), (4, &first), "{greeting:?}");
    }

    // Code 0.
    async fn a_success_is_code_0(world: World) {
        let [ann] = world.people().await;
        let reply = ann.get("/user/info").await;
        let envelope = reply.envelope();
        assert_eq!((reply.status, &envelope["code"], &envelope["msg"]), (200, &json!(0), &json!("success")));
    }

    // Code 1005.
    async fn an_unknown_route_is_404_and_1005(world: World) {
        let [ann] = world.people().await;
        for path in [
            "/nothing",
            "/user",
            "/user/info/",
            "/user/profile",
            "/user/profile/a/b",
            "/auth/register/x",
            "//",
            "/%00",
            "/health/x",
        ] {
            ann.get(path).await.refused_with(404, 1005);
            ann.post(path, json!({})).await.refused_with(404, 1005);
            world.visitor().get(path).await.refused_with(404, 1005);
        }
    }

    async fn a_wrong_method_is_405_and_1001(world: World) {
        let [ann] = world.people().await;
        for (method, path) in super::AUTHENTICATED {
            let wrong = if method == "GET" { Method::DELETE } else { Method::GET };
            ann.client.call(wrong, path).send().await.refused_with(405, 1001);
        }
        for path in ["/auth/register", "/auth/login"] {
            ann.get(path).await.refused_with(405, 1001);
        }
        for path in ["/health", "/ready", "/metrics", "/ws"] {
            ann.post(path, json!({})).await.refused_with(405, 1001);
        }
    }

    async fn a_body_over_the_limit_is_413_and_1001(world: World) {
        let mut body = registration();
        let around = body.to_string().len() + r#","more":"""#.len();
        body["more"] = json!("x".repeat(65_536 - around));
        assert_eq!(body.to_string().len(), 65_536);
        register(&world, body.to_string()).await.ok();
        let [ann] = world.people().await;
        // By hand: the answer may come, and the connection end, while the body is still being written.
        for (route, size) in
            [("POST /auth/register", 65_537), ("POST /auth/register", 1_000_000), ("PUT /user/update", 65_537)]
        {
            let mut tcp = world.visitor().tcp().await;
            let head = format!("{route} HTTP/1.1\r\nHost: nexo\r\nAuthorization: Bearer {}\r\n", ann.token);
            tcp.write(format!("{head}Content-Length: {size}\r\n\r\n{}", "[".repeat(size))).await;
            tcp.reply().await.expect("an answer").refused_with(413, 1001);
        }
    }

    async fn a_chunked_body_over_the_limit_is_413_and_1001(world: World) {
        let mut tcp = world.visitor().tcp().await;
        tcp.write("POST /auth/register HTTP/1.1\r\nHost: nexo\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(4096));
        for _ in 0..17 {
            tcp.write(&chunk).await;
        }
        tcp.reply().await.expect("an answer before the body ends").refused_with(413, 1001);
    }

    // A connection that is closed with bytes unread is reset, and a reset takes the answer with it.
    async fn who_still_writes_hears_the_refusal(world: World) {
        const REST: usize = 8 << 20;
        let body = format!("POST /auth/login HTTP/1.1\r\nHost: nexo\r\nContent-Length: {REST}\r\n\r\n");
        for (begin, status) in [(body.as_str(), 413), ("GET /health HTTP/1.1\r\nHost: nexo\r\nX-Long: ", 431)] {
            let mut tcp = world.visitor().tcp().await;
            tcp.write(begin).await;
            tcp.write(vec![b'x'; REST]).await;
            assert_eq!(tcp.reply().await.expect("an answer").status, status);
        }
    }

    async fn another_content_type_is_415_and_1001(world: World) {
        for good in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
            let call = world.visitor().call(Method::POST, "/auth/register").header("content-type", good);
            call.bytes(registration().to_string()).send().await.ok();
        }
        register(&world, registration().to_string()).await.ok();
        for bad in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/jsonp",
            "json",
            "é",
        ] {
            let call = world.visitor().call(Method::POST, "/auth/register").header("content-type", bad);
            call.bytes(registration().to_string()).send().await.refused_with(415, 1001);
        }
    }

    with(server.body_timeout_ms = "300")
    async fn a_body_that_does_not_come_is_408_and_the_connection_ends(world: World) {
        let mut tcp = world.visitor().tcp().await;
        tcp.write("POST /auth/register HTTP/1.1\r\nHost: nexo\r\nContent-Length: 100\r\n\r\n{\"user_id\":").await;
        tcp.reply().await.expect("an answer to half a body").refused_with(408, 1001);
        tcp.ended().await;
        world.visitor().post("/auth/register", registration()).await.ok();
    }

    with(server.header_timeout_ms = "300")
    async fn a_head_that_does_not_come_ends_the_connection(world: World) {
        let mut tcp = world.visitor().tcp().await;
        tcp.write("GET /health HTTP/1.1\r\nHost: ne").await;
        tcp.ended().await;
        let mut silent = world.visitor().tcp().await;
        silent.ended().await;
        assert_eq!(world.visitor().get("/health").await.status, 200);
    }

    async fn every_answer_has_a_request_id_of_its_own(world: World) {
        let [ann] = world.people().await;
        let mut ids = std::collections::BTreeSet::new();
        for path in ["/user/info", "/user/info", "/nothing", "/user/profile/nobody", "/ws"] {
            let reply = ann.get(path).await;
            reply.envelope();
            ids.insert(reply.header("x-request-id").to_owned());
        }
        assert_eq!(ids.len(), 5, "{ids:?}");
    }

    async fn a_sane_request_id_of_the_client_is_kept(world: World) {
        let ask = async |id: &str| {
            let reply = world.visitor().call(Method::GET, "/user/info").header("x-request-id", id).send().await;
            reply.refused(2003);
            reply.header("x-request-id").to_owned()
        };
        for sane in ["7f3a", "0b5c2a52-6a0e-4f0e-9d6c-2f8f2a1c9d11", "trace_1.2-3"] {
            assert_eq!(ask(sane).await, sane);
        }
        for insane in ["", " ", "a b", "{\"a\":1}", "é", &"x".repeat(1000)] {
            let given = ask(insane).await;
            assert!(!given.is_empty() && given != insane, "{insane:?} became {given:?}");
        }
    }

    with(log.format = "json", log.filter = "nexo=debug")
    async fn every_log_line_of_a_request_has_its_id(world: World) {
        let id = unique("request");
        world.visitor().call(Method::GET, "/user/info").header("x-request-id", &id).send().await.refused(2003);
        let line = eventually("a line of the request", async || {
            world.logs().lines().find(|line| line.contains("/user/info")).map(str::to_owned)
        })
        .await;
        assert!(line.contains(&id), "{line}");
        for line in world.logs().lines() {
            let parsed: Result<Value, _> = serde_json::from_str(line);
            assert!(parsed.is_ok(), "a log line is a JSON object: {line}");
        }
    }

    // Code 1001.
    async fn a_body_is_a_json_object(world: World) {
        for bad in [
            "",
            " ",
            "{",
            "{}}",
            "null",
            "5",
            "\"a\"",
            "[]",
            "[{}]",
            "{'a':1}",
            "{\"a\":}",
            "{\"a\" 1}",
            "user_id=a&nickname=b",
            "{\"a\":1,}",
            "\u{feff}{}",
            "{\"a\":NaN}",
            "<xml/>",
        ] {
            register(&world, bad).await.refused(1001);
        }
    }

    async fn a_refused_field_is_named_with_what_it_expects(world: World) {
        let [ann] = world.people().await;
        let cases = [
            ("/auth/register", json!({ "nickname": 5, "password": "123456" }), "nickname"),
            ("/auth/register", json!({ "nickname": "n" }), "password"),
            ("/auth/login", json!({ "user_id": "a", "password": "b", "platform_id": "5" }), "platform_id"),
            ("/group/create", json!({ "name": "g", "member_ids": "a" }), "member_ids"),
            ("/group/join", json!({}), "group_id"),
            ("/msg/send", json!({ "client_msg_id": "m", "recv_id": "a", "session_type": 1, "msg_type": 1 }), "content"),
            ("/conversation/mark_read", json!({ "conversation_id": "si_a:b" }), "read_seq"),
        ];
        for (path, body, field) in cases {
            let reply = ann.post(path, body).await;
            reply.refused_field(field);
            assert!(reply.msg().len() > field.len() + 5, "{:?} does not say what is expected", reply.msg());
        }
    }

    async fn unknown_fields_are_ignored(world: World) {
        let mut body = registration();
        body["created_at"] = json!(1);
        body["role"] = json!({ "admin": true });
        let user = world.visitor().post("/auth/register", body).await.ok();
        assert_keys(&user, "user_id nickname avatar extra created_at");
        assert_recent(&user["created_at"]);
        let [ann] = world.people().await;
        ann.get("/conversation/list?nothing=x&limit=5").await.ok();
    }

    async fn a_connection_serves_on_after_refusals(world: World) {
        let mut tcp = world.visitor().tcp().await;
        for _ in 0..3 {
            tcp.write("GET /nothing HTTP/1.1\r\nHost: nexo\r\n\r\n").await;
            tcp.reply().await.expect("an answer").refused_with(404, 1005);
            tcp.write("POST /auth/login HTTP/1.1\r\nHost: nexo\r\nContent-Length: 2\r\n\r\n{]").await;
            tcp.reply().await.expect("an answer").refused(1001);
        }
        tcp.write("GET /health HTTP/1.1\r\nHost: nexo\r\n\r\n").await;
        assert_eq!(tcp.reply().await.expect("an answer").status, 200);
    }

    async fn requests_in_a_row_on_one_connection_are_answered_in_order(world: World) {
        let mut tcp = world.visitor().tcp().await;
        let two = "GET /health HTTP/1.1\r\nHost: nexo\r\n\r\nGET /nothing HTTP/1.1\r\nHost: nexo\r\n\r\n";
        tcp.write(two.repeat(5)).await;
        for _ in 0..5 {
            assert_eq!(tcp.reply().await.expect("an answer").status, 200);
            assert_eq!(tcp.reply().await.expect("an answer").status, 404);
        }
    }
}
