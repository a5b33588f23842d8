//! The client's frames: the REST calls over the socket, one by one, in order.

use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::*;

#[track_caller]
fn assert_refused(answer: &Value, code: i64) {
    assert_keys(answer, "id code msg data");
    assert_eq!((&answer["code"], &answer["data"]), (&json!(code), &Value::Null), "{answer}");
    let msg = string(answer, "msg");
    assert!(!msg.is_empty() && msg != "success", "{answer}");
}

e2e! {
    async fn a_ping_answers_the_time(world: World) {
        let [ann] = world.people().await;
        let mut socket = ann.socket().await;
        let data = socket.ask_ok("ping", json!({})).await;
        assert_keys(&data, "server_time");
        assert_recent(&data["server_time"]);
    }

    async fn an_id_is_a_string_or_an_integer_and_comes_back(world: World) {
        let [ann] = world.people().await;
        let mut socket = ann.socket().await;
        let longest = "x".repeat(64);
        for id in [json!("1"), json!(longest), json!("消息 \"\\\n"), json!(0), json!(-5), json!(9_007_199_254_740_993_i64)]
        {
            let answer = socket.exchange(&json!({ "id": id, "op": "ping", "data": {} }).to_string()).await;
            assert_eq!((&answer["id"], &answer["code"]), (&id, &json!(0)));
        }
    }

    // Code 5003.
    async fn what_is_not_json_or_not_known_is_5003(world: World) {
        let [ann] = world.people().await;
        let mut socket = ann.socket().await;
        let longer = "x".repeat(65);
        let without_id = [
            "",
            " ",
            "hello",
            "{",
            "[]",
            "5",
            "null",
            "\"ping\"",
            "{}",
            "{\"op\":\"ping\",\"data\":{}}",
            "{\"id\":null,\"op\":\"ping\"}",
            "{\"id\":\"\",\"op\":\"ping\"}",
            "{\"id\":1.5,\"op\":\"ping\"}",
            "{\"id\":{},\"op\":\"ping\"}",
            "{\"id\":[1],\"op\":\"ping\"}",
            "{\"id\":true,\"op\":\"ping\"}",
            &json!({ "id": longer, "op": "ping" }).to_string(),
        ];
        for frame in without_id {
            let answer = socket.exchange(frame).await;
            assert_refused(&answer, 5003);
            assert_eq!(answer["id"], Value::Null, "{frame}");
        }
        for frame in [
            json!({ "id": "a" }),
            json!({ "id": "a", "op": "shout" }),
            json!({ "id": "a", "op": "" }),
            json!({ "id": "a", "op": null }),
            json!({ "id": "a", "op": 5 }),
            json!({ "id": "a", "op": "SEND" }),
            json!({ "id": "a", "op": "/msg/send" }),
        ] {
            let answer = socket.exchange(&frame.to_string()).await;
            assert_refused(&answer, 5003);
            assert_eq!(answer["id"], "a", "{frame}");
        }
        assert!(socket.write(Message::Binary(Bytes::from_static(b"{\"id\":\"1\",\"op\":\"ping\",\"data\":{}}"))).await);
        assert_refused(&socket.answer().await, 5003);
        socket.ask_ok("ping", json!({})).await;
    }

    async fn a_send_is_the_send_of_rest(world: World) {
        let [ann, bob] = world.people().await;
        let (mut from, mut to) = (ann.socket().await, bob.socket().await);
        let draft = ann.draft(&bob, "你好");
        let sent = from.ask_ok("send", draft.clone()).await;
        assert_keys(
            &sent,
            "conversation_id seq client_msg_id sender_id recv_id group_id session_type msg_type content send_at",
        );
        assert_eq!((&sent["seq"], &sent["content"]), (&json!(1), &draft["content"]));
        assert_eq!(to.next().await["client_msg_id"], draft["client_msg_id"]);
        assert_eq!(ann.post("/msg/send", draft.clone()).await.ok(), sent, "a repeat by the other door");
        assert_eq!(from.ask_ok("send", draft.clone()).await, sent);
        let mut other = draft;
        other["content"] = text("other");
        assert_refused(&from.ask("send", other).await, 4002);
        let group = ann.group(&[&bob]).await;
        let said = from.ask_ok("send", ann.draft_group(&group, "all")).await;
        assert_eq!(said["group_id"], group.as_str());
        assert_eq!(seqs(&bob.pull(&pair(&ann, &bob)).await), [1]);
    }

    async fn a_send_goes_to_the_other_platforms_and_not_back(world: World) {
        let [ann, bob] = world.people().await;
        let phone = ann.on(1).await;
        let (mut on_web, mut also_web, mut on_phone) = (ann.socket().await, ann.socket().await, phone.socket().await);
        let sent = on_web.ask_ok("send", ann.draft(&bob, "x")).await;
        assert_eq!(on_phone.next().await["seq"], sent["seq"]);
        let marker = bob.send(&ann, "marker").await;
        assert!(on_web.before(&marker).await.is_empty());
        assert!(also_web.before(&marker).await.is_empty());
    }

    async fn a_pull_is_the_pull_of_rest(world: World) {
        let [ann, bob] = world.people().await;
        for n in 0..5 {
            ann.send(&bob, &format!("{n}")).await;
        }
        let conversation = pair(&ann, &bob);
        let mut socket = bob.socket().await;
        let whole = bob.get(&format!("/msg/pull?conversation_id={conversation}")).await.ok();
        assert_eq!(socket.ask_ok("pull", json!({ "conversation_id": conversation })).await, whole);
        let part = bob.get(&format!("/msg/pull?conversation_id={conversation}&begin_seq=2&end_seq=4&limit=2")).await.ok();
        let body = json!({ "conversation_id": conversation, "begin_seq": 2, "end_seq": 4, "limit": 2 });
        assert_eq!(socket.ask_ok("pull", body).await, part);
        assert_eq!(seqs(part["messages"].as_array().expect("messages")), [2, 3]);
        let more = json!({ "conversation_id": conversation, "limit": 1000 });
        assert_eq!(socket.ask_ok("pull", more).await, whole);
        let empty = json!({ "conversation_id": conversation, "begin_seq": 5, "end_seq": 4 });
        assert_eq!(socket.ask_ok("pull", empty).await, json!({ "messages": [], "max_seq": 5 }));
        for (field, bad) in [
            ("begin_seq", json!("1")),
            ("begin_seq", json!(-1)),
            ("end_seq", json!(1.5)),
            ("limit", json!(0)),
            ("limit", json!("5")),
        ] {
            let mut body = json!({ "conversation_id": conversation });
            body[field] = bad;
            let answer = socket.ask("pull", body).await;
            assert_refused(&answer, 1001);
            assert!(string(&answer, "msg").contains(field), "{answer}");
        }
    }

    async fn max_seq_and_mark_read_are_those_of_rest(world: World) {
        let [ann, bob] = world.people().await;
        for _ in 0..4 {
            ann.send(&bob, "x").await;
        }
        let conversation = pair(&ann, &bob);
        let mut socket = bob.socket().await;
        assert_eq!(socket.ask_ok("max_seq", json!({ "conversation_id": conversation })).await, json!({ "max_seq": 4 }));
        let mark = json!({ "conversation_id": conversation, "read_seq": 3 });
        assert_eq!(socket.ask_ok("mark_read", mark).await, Value::Null);
        assert_eq!(bob.unread(&conversation).await, 1);
        let answer = socket.ask("mark_read", json!({ "conversation_id": conversation, "read_seq": -1 })).await;
        assert_refused(&answer, 1001);
    }

    async fn refusals_have_the_codes_of_rest(world: World) {
        let [ann, bob, eve] = world.people().await;
        let group = ann.group(&[&bob]).await;
        bob.quit(&group).await.done();
        let mut socket = eve.socket().await;
        let mut unknown = eve.draft(&ann, "x");
        unknown["recv_id"] = json!(unique("nobody"));
        let mut empty = eve.draft(&ann, "");
        empty["content"] = text("");
        let cases = [
            ("send", unknown, 2006),
            ("send", empty, 1001),
            ("send", json!({}), 1001),
            ("send", eve.draft_group("1", "x"), 3001),
            ("send", eve.draft_group(&group, "x"), 3003),
            ("pull", json!({ "conversation_id": pair(&ann, &bob) }), 1007),
            ("pull", json!({ "conversation_id": "x" }), 1001),
            ("pull", json!({}), 1001),
            ("max_seq", json!({ "conversation_id": format!("sg_{group}") }), 1007),
            ("max_seq", json!({ "conversation_id": 5 }), 1001),
            ("mark_read", json!({ "conversation_id": pair(&ann, &bob), "read_seq": 1 }), 1007),
            ("mark_read", json!({ "conversation_id": pair(&ann, &eve), "read_seq": 1 }), 4003),
            ("mark_read", json!({ "conversation_id": pair(&ann, &eve) }), 1001),
        ];
        for (op, body, code) in cases {
            assert_refused(&socket.ask(op, body).await, code);
        }
        let mut former = bob.socket().await;
        assert_refused(&former.ask("send", bob.draft_group(&group, "x")).await, 3004);
        ann.dismiss(&group).await.done();
        let mut owner = ann.socket().await;
        assert_refused(&owner.ask("send", ann.draft_group(&group, "x")).await, 3002);
    }

    async fn frames_are_answered_one_by_one_in_order(world: World) {
        let [ann, bob] = world.people().await;
        let mut socket = ann.socket().await;
        let conversation = pair(&ann, &bob);
        for n in 0..60 {
            let frame = match n % 3 {
                0 => json!({ "id": n, "op": "send", "data": ann.draft(&bob, "x") }),
                1 => json!({ "id": n, "op": "max_seq", "data": { "conversation_id": conversation } }),
                _ => json!({ "id": n, "op": "ping", "data": {} }),
            };
            socket.write_text(&frame.to_string()).await;
        }
        for n in 0..60 {
            let answer = socket.answer().await;
            assert_eq!((&answer["id"], &answer["code"]), (&json!(n), &json!(0)), "{answer}");
            match n % 3 {
                0 => assert_eq!(answer["data"]["seq"], n / 3 + 1),
                1 => assert_eq!(answer["data"]["max_seq"], n / 3 + 1),
                _ => {}
            }
        }
    }

    async fn a_message_in_fragments_is_one_frame(world: World) {
        let [ann] = world.people().await;
        let mut socket = RawSocket::open(&ann, "").await;
        let frame = br#"{"id":"frag","op":"ping","data":{}}"#;
        socket.0.write(RawSocket::frame(opcode::TEXT, false, &frame[..10])).await;
        socket.write(opcode::PING, b"between").await;
        socket.0.write(RawSocket::frame(opcode::CONTINUATION, false, &frame[10..20])).await;
        socket.0.write(RawSocket::frame(opcode::CONTINUATION, true, &frame[20..])).await;
        let pong = socket.read_past_pings().await.expect("a pong");
        assert_eq!(pong, (opcode::PONG, b"between".to_vec()));
        let (kind, answer) = socket.read_past_pings().await.expect("an answer");
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        assert_eq!((kind, &answer["id"], &answer["code"]), (opcode::TEXT, &json!("frag"), &json!(0)));
    }

    async fn an_ended_membership_holds_for_the_next_frame(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[&bob]).await;
        let mut socket = bob.socket().await;
        socket.ask_ok("send", bob.draft_group(&group, "in")).await;
        ann.kick(&group, &bob).await.done();
        assert_refused(&socket.ask("send", bob.draft_group(&group, "out")).await, 3004);
    }
}
