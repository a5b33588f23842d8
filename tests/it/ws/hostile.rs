//! Frames that no decent client sends: a documented answer or close code, and others are served.

use hyper::body::Bytes;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::{
    Frame,
    coding::{Data, OpCode},
};

use crate::support::*;

/// The largest frame: body_limit_bytes and 4 KiB.
const LARGEST: usize = 65_536 + 4_096;

/// A ping frame of exactly `size` bytes.
fn ping_of(size: usize) -> String {
    let around = json!({ "id": "big", "op": "ping", "data": {}, "more": "" }).to_string().len();
    json!({ "id": "big", "op": "ping", "data": {}, "more": "x".repeat(size - around) }).to_string()
}

/// Bytes that look like frames to different degrees.
fn any_frame() -> impl Strategy<Value = String> {
    let op = prop::sample::select(vec!["send", "pull", "max_seq", "mark_read", "ping", "x", ""]);
    let value = prop_oneof![
        Just(json!(null)),
        Just(json!({})),
        Just(json!([])),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,10}".prop_map(Value::from),
        Just(json!("si_a:b")),
        Just(json!({ "text": 5 })),
    ];
    let key = prop::sample::select(vec![
        "conversation_id",
        "begin_seq",
        "end_seq",
        "limit",
        "read_seq",
        "client_msg_id",
        "recv_id",
        "group_id",
        "session_type",
        "msg_type",
        "content",
    ]);
    let body = prop::collection::vec((key, value), 0..8);
    let sane = (op, body, any::<i32>()).prop_map(|(op, body, id)| {
        let body: serde_json::Map<String, Value> = body.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        json!({ "id": id, "op": op, "data": body }).to_string()
    });
    let cut = (sane.clone(), 0_usize..60).prop_map(|(frame, cut)| frame.chars().take(cut).collect());
    prop_oneof![3 => sane, 1 => ".{0,40}", 1 => cut]
}

/// Opens a raw socket, writes bytes, and asserts that the server ends it with this code (or by cutting it).
async fn assert_ends(person: &Person, bytes: Vec<u8>, code: u16) {
    let mut socket = RawSocket::open(person, "").await;
    socket.0.write(&bytes).await;
    let end = socket.close_code().await;
    assert!(end.is_none_or(|end| end == code), "closed with {end:?} after {bytes:02x?}");
}

e2e! {
    async fn a_frame_over_the_limit_closes_with_1009(world: World) {
        let [ann] = world.people().await;
        let mut socket = ann.socket().await;
        let answer = socket.exchange(&ping_of(LARGEST)).await;
        assert_eq!((&answer["id"], &answer["code"]), (&json!("big"), &json!(0)));
        socket.write_text(&ping_of(LARGEST + 1)).await;
        assert_eq!(socket.close_code().await, 1009);
        let mut fragments = RawSocket::open(&ann, "").await;
        fragments.0.write(RawSocket::frame(opcode::TEXT, false, &vec![b'x'; LARGEST])).await;
        fragments.0.write(RawSocket::frame(opcode::CONTINUATION, true, b"x")).await;
        assert_eq!(fragments.close_code().await, Some(1009));
        ann.get("/user/info").await.ok();
    }

    async fn who_still_writes_hears_the_close_code(world: World) {
        let [ann] = world.people().await;
        let mut socket = RawSocket::open(&ann, "").await;
        socket.write(opcode::TEXT, &vec![b'x'; 8 << 20]).await;
        assert_eq!(socket.close_code().await, Some(1009));
    }

    async fn a_frame_that_only_says_it_is_huge_closes_with_1009(world: World) {
        let [ann] = world.people().await;
        let mut socket = RawSocket::open(&ann, "").await;
        let mut head = vec![0x81, 0x80 | 127];
        head.extend_from_slice(&(1_u64 << 40).to_be_bytes());
        head.extend_from_slice(&[1, 2, 3, 4, 5]);
        socket.0.write(head).await;
        assert_eq!(socket.close_code().await, Some(1009));
    }

    async fn text_that_is_not_utf_8_closes_with_1007(world: World) {
        let [ann] = world.people().await;
        for bytes in [&b"\xff\xfe"[..], b"{\"id\":\"\xed\xa0\x80\"}", b"\xc3"] {
            let mut socket = ann.socket().await;
            let frame = Frame::message(Bytes::copy_from_slice(bytes), OpCode::Data(Data::Text), true);
            assert!(socket.write(Message::Frame(frame)).await);
            assert_eq!(socket.close_code().await, 1007);
        }
    }

    async fn a_broken_frame_ends_its_socket_only(world: World) {
        let [ann, bob] = world.people().await;
        let mut other = bob.socket().await;
        let ping = RawSocket::frame(opcode::TEXT, true, b"{}");
        let mut reserved = ping.clone();
        reserved[0] |= 0x70;
        let mut unknown = ping.clone();
        unknown[0] = 0x80 | 5;
        let mut unmasked = vec![0x81, 2];
        unmasked.extend_from_slice(b"{}");
        assert_ends(&ann, reserved, 1002).await;
        assert_ends(&ann, unknown, 1002).await;
        assert_ends(&ann, unmasked, 1002).await;
        assert_ends(&ann, RawSocket::frame(opcode::CONTINUATION, true, b"{}"), 1002).await;
        assert_ends(&ann, RawSocket::frame(opcode::PING, true, &[0; 126]), 1002).await;
        assert_ends(&ann, RawSocket::frame(opcode::PING, false, b"x"), 1002).await;
        assert_ends(&ann, b"GET / HTTP/1.1\r\n\r\n".to_vec(), 1002).await;
        let sent = ann.send(&bob, "still there?").await;
        assert_eq!(other.next().await["seq"], sent["seq"]);
    }

    async fn half_a_frame_and_a_vanished_client_disturb_nobody(world: World) {
        let [ann, bob] = world.people().await;
        let mut other = bob.socket().await;
        for _ in 0..5 {
            let mut half = RawSocket::open(&ann, "").await;
            half.0.write(&RawSocket::frame(opcode::TEXT, true, b"{\"id\":\"1\",\"op\":\"ping\"}")[..9]).await;
        }
        let sent = ann.send(&bob, "still there?").await;
        assert_eq!(other.next().await["seq"], sent["seq"]);
    }

    async fn deep_json_is_refused_and_the_socket_stays(world: World) {
        let [ann, bob] = world.people().await;
        let mut socket = ann.socket().await;
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            for depth in [200, 10_000] {
                let deep = [open.repeat(depth), "1".to_owned(), close.repeat(depth)].concat();
                let whole = socket.exchange(&deep).await;
                assert_eq!(whole["code"], 5003);
                let inside = format!(r#"{{"id":"d","op":"ping","data":{deep}}}"#);
                let answer = socket.exchange(&inside).await;
                assert!([0, 1001, 5003].map(Value::from).contains(&answer["code"]), "{answer}");
                let content = format!(r#"{{"text":"x","deep":{deep}}}"#);
                let draft = ann.draft(&bob, "").to_string().replace(r#"{"text":""}"#, &content);
                let send = format!(r#"{{"id":"d","op":"send","data":{draft}}}"#);
                let answer = socket.exchange(&send).await;
                assert!([0, 1001, 5003].map(Value::from).contains(&answer["code"]), "{answer}");
            }
        }
        socket.ask_ok("ping", json!({})).await;
    }

    async fn random_frames_are_answered_with_a_documented_code(world: World) {
        let [ann] = world.people().await;
        let mut socket = ann.socket().await;
        let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        for _ in 0..500 {
            let frame = any_frame().new_tree(&mut runner).expect("a frame").current();
            let answer = socket.exchange(&frame).await;
            assert_keys(&answer, "id code msg data");
            let code = int(&answer, "code");
            assert!(code != 1002 && (0..6000).contains(&code), "{frame} was answered {answer}");
        }
        socket.ask_ok("ping", json!({})).await;
    }
}
