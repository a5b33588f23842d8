//! What a message may contain: six types, checked, kept as they are.

use hyper::Method;
use serde_json::{Value, json};

use crate::support::*;

/// The six examples of the document.
fn examples() -> [(i64, Value); 6] {
    [
        (1, json!({ "text": "消息内容" })),
        (
            2,
            json!({ "image_url": "https://example.com/image.png", "image_width": 800,
                "image_height": 600, "image_size": 102_400 }),
        ),
        (
            3,
            json!({ "video_url": "https://example.com/video.mp4", "video_duration": 120,
                "video_size": 10_240_000, "thumbnail_url": "https://example.com/thumb.png" }),
        ),
        (4, json!({ "audio_url": "https://example.com/audio.mp3", "audio_duration": 60, "audio_size": 1_024_000 })),
        (5, json!({ "file_url": "https://example.com/file.pdf", "file_name": "document.pdf", "file_size": 2_048_000 })),
        (100, json!({ "custom_type": "location", "custom_data": "{\"lat\":39.9,\"lng\":116.4}" })),
    ]
}

async fn send(from: &Person, to: &Person, msg_type: i64, content: Value) -> Reply {
    let mut draft = from.draft(to, "");
    draft["msg_type"] = json!(msg_type);
    draft["content"] = content;
    from.post("/msg/send", draft).await
}

/// Sends the text of a content as it stands, and returns the text of the answer and of the pull.
async fn roundtrip(from: &Person, to: &Person, content: &str) -> [String; 2] {
    let body = format!(
        r#"{{"client_msg_id":"{}","recv_id":"{}","session_type":1,"msg_type":1,"content":{content}}}"#,
        unique("m"),
        to.id
    );
    let sent = from.client.call(Method::POST, "/msg/send").bytes(body).send().await;
    let seq = int(&sent.ok(), "seq");
    let path = format!("/msg/pull?conversation_id={}&begin_seq={seq}", enc(&pair(from, to)));
    let pulled = to.get(&path).await;
    pulled.ok();
    [sent, pulled].map(|reply| String::from_utf8(reply.body.to_vec()).expect("UTF-8"))
}

e2e! {
    async fn the_six_examples_arrive_as_they_were_sent(world: World) {
        let [ann, bob] = world.people().await;
        for (msg_type, content) in examples() {
            let message = send(&ann, &bob, msg_type, content.clone()).await.ok();
            assert_eq!((&message["msg_type"], &message["content"]), (&json!(msg_type), &content));
        }
        let pulled = bob.pull(&pair(&ann, &bob)).await;
        assert_eq!(pulled.len(), 6);
        for (message, (msg_type, content)) in pulled.iter().zip(examples()) {
            assert_eq!((&message["msg_type"], &message["content"]), (&json!(msg_type), &content));
            assert_eq!(message["content_text"], if msg_type == 1 { "消息内容" } else { "" });
        }
    }

    async fn each_type_needs_its_own_fields(world: World) {
        let [ann, bob] = world.people().await;
        let needed = [
            (1, "text"),
            (2, "image_url"),
            (3, "video_url"),
            (4, "audio_url"),
            (5, "file_url"),
            (100, "custom_type"),
            (100, "custom_data"),
        ];
        for (msg_type, field) in needed {
            let (_, example) = examples().into_iter().find(|(example, _)| *example == msg_type).expect("an example");
            for bad in [json!(null), json!(5), json!({}), json!(["a"]), json!(false)] {
                let mut content = example.clone();
                content[field] = bad;
                send(&ann, &bob, msg_type, content).await.refused_field(field);
            }
            if field != "custom_data" {
                let mut content = example.clone();
                content[field] = json!("");
                send(&ann, &bob, msg_type, content).await.refused_field(field);
            }
            let mut content = example;
            content.as_object_mut().expect("an object").remove(field);
            send(&ann, &bob, msg_type, content).await.refused_field(field);
        }
        assert!(bob.conversations().await.is_empty());
    }

    async fn a_url_is_http_https_or_a_relative_path(world: World) {
        let [ann, bob] = world.people().await;
        for (msg_type, field) in [(2, "image_url"), (3, "video_url"), (4, "audio_url"), (5, "file_url")] {
            for good in ["http://example.com/a", "https://example.com/a?b=c#d", "/files/a.png", "files/图.png"] {
                send(&ann, &bob, msg_type, json!({ field: good })).await.ok();
            }
            for bad in ["ftp://example.com/a", "javascript:alert(1)", "data:image/png;base64,AA==", "file:///etc/passwd", ""]
            {
                send(&ann, &bob, msg_type, json!({ field: bad })).await.refused_field(field);
            }
        }
    }

    async fn known_numbers_are_integers_from_0_up(world: World) {
        let [ann, bob] = world.people().await;
        let numbers = [
            (2, "image_url", "image_width"),
            (2, "image_url", "image_height"),
            (2, "image_url", "image_size"),
            (3, "video_url", "video_duration"),
            (3, "video_url", "video_size"),
            (4, "audio_url", "audio_duration"),
            (4, "audio_url", "audio_size"),
            (5, "file_url", "file_size"),
        ];
        for (msg_type, url, number) in numbers {
            send(&ann, &bob, msg_type, json!({ url: "/a", number: 0 })).await.ok();
            for bad in [json!(-1), json!("12"), json!({}), json!(true)] {
                send(&ann, &bob, msg_type, json!({ url: "/a", number: bad })).await.refused_field(number);
            }
        }
    }

    async fn further_fields_are_kept_as_they_are(world: World) {
        let [ann, bob] = world.people().await;
        let content = json!({
            "text": "see this", "mentions": ["x", { "deep": [1, [2, [3, null]]] }], "": "", "键": "值",
            "image_width": 5, "seq": "mine", "n": [0, -1, 1.5, 1e-7, 9_007_199_254_740_993_i64],
        });
        assert_eq!(send(&ann, &bob, 1, content.clone()).await.ok()["content"], content);
        assert_eq!(bob.pull(&pair(&ann, &bob)).await[0]["content"], content);
    }

    async fn a_custom_message_may_have_empty_data(world: World) {
        let [ann, bob] = world.people().await;
        send(&ann, &bob, 100, json!({ "custom_type": "poke", "custom_data": "" })).await.ok();
    }

    async fn numbers_are_delivered_with_every_digit(world: World) {
        let [ann, bob] = world.people().await;
        for number in ["123456789012345678901234567890", "0.1234567890123456789", "18446744073709551615", "1.50"] {
            for text in roundtrip(&ann, &bob, &format!(r#"{{"text":"x","n":{number}}}"#)).await {
                assert!(text.contains(number), "{number} is not in {text}");
            }
        }
    }

    async fn texts_of_every_script_arrive_unchanged(world: World) {
        let [ann, bob] = world.people().await;
        let words = [
            "a",
            " ",
            "\n",
            "\u{0}",
            "\u{1}\u{1f}\u{7f}",
            "\"quoted\" \\ /slashed/",
            "</script><b>&amp;",
            "\u{2028}\u{2029}\u{feff}",
            "Ünïcödé",
            "שלום עולם",
            "مرحبا بالعالم",
            "こんにちは世界",
            "안녕하세요",
            "नमस्ते",
            "👩‍👩‍👧‍👦🏳️‍🌈",
            "e\u{301} é",
            "\u{10ffff}\u{e000}",
        ];
        for word in words {
            ann.send(&bob, word).await;
        }
        let pulled = bob.pull(&pair(&ann, &bob)).await;
        let texts: Vec<&str> = pulled.iter().map(|message| message["content_text"].as_str().expect("a text")).collect();
        assert_eq!(texts, words);
    }

    async fn a_text_is_escaped_or_not_but_the_same(world: World) {
        let [ann, bob] = world.people().await;
        let content = r#"{"text":"\u4f60\ud83d\ude00\u0000\/"}"#;
        roundtrip(&ann, &bob, content).await;
        assert_eq!(bob.pull(&pair(&ann, &bob)).await[0]["content_text"], "你😀\u{0}/");
    }

    async fn a_content_is_an_object(world: World) {
        let [ann, bob] = world.people().await;
        for bad in [json!("hello"), json!(["text"]), json!(5), json!(null), json!(true), json!("{\"text\":\"x\"}")] {
            send(&ann, &bob, 1, bad).await.refused_field("content");
        }
        send(&ann, &bob, 1, json!({})).await.refused_field("text");
        send(&ann, &bob, 1, json!({ "text": "" })).await.refused_field("text");
    }

    async fn a_content_has_up_to_16_kib(world: World) {
        let [ann, bob] = world.people().await;
        let around = json!({ "text": "" }).to_string().len();
        let longest = "x".repeat(16_384 - around);
        let message = send(&ann, &bob, 1, text(&longest)).await.ok();
        assert_eq!(message["content"]["text"], longest.as_str());
        send(&ann, &bob, 1, text(&format!("{longest}x"))).await.refused_field("content");
        send(&ann, &bob, 1, text(&"字".repeat(6000))).await.refused_field("content");
    }
}
