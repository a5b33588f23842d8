//! Sending: to whom, under which id, and once.

use serde_json::{Value, json};

use crate::support::*;

const MESSAGE: &str = "conversation_id seq client_msg_id sender_id recv_id group_id session_type msg_type content send_at";

async fn send(person: &Person, draft: &Value) -> Reply {
    person.post("/msg/send", draft.clone()).await
}

/// The draft with one field changed.
fn with(draft: &Value, field: &str, value: impl Into<Value>) -> Value {
    let mut draft = draft.clone();
    draft[field] = value.into();
    draft
}

/// The draft without a field.
fn without(draft: &Value, field: &str) -> Value {
    let mut draft = draft.clone();
    draft.as_object_mut().expect("an object").remove(field);
    draft
}

e2e! {
    async fn a_message_to_a_user_is_the_one_of_the_document(world: World) {
        let [ann, bob] = world.people().await;
        let draft = ann.draft(&bob, "你好！");
        let message = send(&ann, &draft).await.ok();
        assert_keys(&message, MESSAGE);
        assert_eq!(message["conversation_id"], pair(&ann, &bob).as_str());
        assert_eq!(message["seq"], 1);
        assert_eq!(message["client_msg_id"], draft["client_msg_id"]);
        assert_eq!(message["sender_id"], ann.id.as_str());
        assert_eq!(message["recv_id"], bob.id.as_str());
        assert_eq!(message["group_id"], "");
        assert_eq!(message["session_type"], 1);
        assert_eq!(message["msg_type"], 1);
        assert_eq!(message["content"], json!({ "text": "你好！" }));
        assert_recent(&message["send_at"]);
    }

    async fn a_message_to_a_group_is_the_one_of_the_document(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[&bob]).await;
        let draft = bob.draft_group(&group, "大家好！");
        let message = send(&bob, &draft).await.ok();
        assert_keys(&message, MESSAGE);
        assert_eq!(message["conversation_id"], format!("sg_{group}"));
        assert_eq!(message["seq"], 1);
        assert_eq!(message["client_msg_id"], draft["client_msg_id"]);
        assert_eq!(message["sender_id"], bob.id.as_str());
        assert_eq!(message["recv_id"], "");
        assert_eq!(message["group_id"], group.as_str());
        assert_eq!(message["session_type"], 2);
        assert_eq!(message["msg_type"], 1);
        assert_eq!(message["content"], json!({ "text": "大家好！" }));
        assert_recent(&message["send_at"]);
    }

    async fn seqs_start_at_1_and_are_contiguous_in_each_conversation(world: World) {
        let [ann, bob, cho] = world.people().await;
        for seq in 1..=5 {
            assert_eq!(ann.send(&bob, "to bob").await["seq"], seq);
            assert_eq!(cho.send(&ann, "to ann").await["seq"], seq);
        }
        assert_eq!(bob.send(&ann, "back").await["seq"], 6);
    }

    async fn send_at_never_goes_back(world: World) {
        let [ann, bob] = world.people().await;
        let mut last = 0;
        for _ in 0..10 {
            let at = int(&ann.send(&bob, "tick").await, "send_at");
            assert!(at >= last);
            last = at;
        }
    }

    async fn the_two_users_of_a_conversation_stand_in_the_order_of_their_bytes(world: World) {
        let name = unique("");
        let mut people = Vec::new();
        for prefix in ["Zoe", "adam", "a", "a+b", "a-", "_x", "9", "@", "."] {
            people.push(Person::register(world.visitor(), &format!("{prefix}{name}")).await);
        }
        for (number, person) in people.iter().enumerate() {
            for other in &people[number + 1..] {
                let (low, high) = if person.id.as_bytes() < other.id.as_bytes() { (person, other) } else { (other, person) };
                let expected = format!("si_{}:{}", low.id, high.id);
                assert_eq!(person.send(other, "hi").await["conversation_id"], expected.as_str());
                assert_eq!(other.send(person, "hi").await["conversation_id"], expected.as_str());
                assert_eq!(seqs(&person.pull(&expected).await), [1, 2]);
            }
        }
    }

    async fn a_user_may_write_to_oneself(world: World) {
        let [ann] = world.people().await;
        let message = ann.send(&ann, "remember the milk").await;
        let conversation = format!("si_{}:{}", ann.id, ann.id);
        assert_eq!(message["conversation_id"], conversation.as_str());
        assert_eq!(seqs(&ann.pull(&conversation).await), [1]);
        let list = ann.conversations().await;
        assert_eq!(list.len(), 1);
        assert_eq!((&list[0]["peer_user_id"], &list[0]["unread_count"]), (&json!(ann.id), &json!(0)));
    }

    async fn an_unknown_receiver_is_2006(world: World) {
        let [ann, bob] = world.people().await;
        let draft = with(&ann.draft(&bob, "hello?"), "recv_id", unique("nobody"));
        send(&ann, &draft).await.refused(2006);
        assert!(ann.conversations().await.is_empty());
    }

    // Codes 3001, 3002, 3003 and 3004.
    async fn a_group_refuses_whoever_may_not_write_to_it(world: World) {
        let [ann, bob, cho] = world.people().await;
        let group = ann.group(&[&bob]).await;
        cho.send_group(&group, "never in").await.refused(3003);
        bob.quit(&group).await.done();
        bob.send_group(&group, "once in").await.refused(3004);
        ann.send_group("1", "no group").await.refused(3001);
        ann.send_group(&group, "alone").await.ok();
        ann.dismiss(&group).await.done();
        ann.send_group(&group, "over").await.refused(3002);
        assert_eq!(ann.max_seq(&format!("sg_{group}")).await, 1, "what is refused takes no seq");
    }

    async fn the_session_type_says_which_receiver_must_be_there(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[&bob]).await;
        let single = ann.draft(&bob, "x");
        let many = ann.draft_group(&group, "x");
        for (draft, own, other, value) in [(&single, "recv_id", "group_id", &group), (&many, "group_id", "recv_id", &bob.id)]
        {
            send(&ann, &without(draft, own)).await.refused_field(own);
            send(&ann, &with(draft, own, "")).await.refused_field(own);
            send(&ann, &with(draft, own, Value::Null)).await.refused_field(own);
            send(&ann, &with(draft, own, 5)).await.refused_field(own);
            send(&ann, &with(draft, other, value.as_str())).await.refused_field(other);
            send(&ann, &with(draft, other, "")).await.ok();
        }
    }

    async fn types_are_the_integers_of_the_document(world: World) {
        let [ann, bob] = world.people().await;
        let draft = ann.draft(&bob, "x");
        for bad in [json!(0), json!(3), json!(-1), json!("1"), json!(null), json!(1.5), json!([1])] {
            send(&ann, &with(&draft, "session_type", bad)).await.refused_field("session_type");
        }
        for bad in [json!(0), json!(6), json!(99), json!(101), json!(-1), json!("1"), json!(null), json!(true)] {
            send(&ann, &with(&draft, "msg_type", bad)).await.refused_field("msg_type");
        }
        for field in ["session_type", "msg_type", "content", "client_msg_id"] {
            send(&ann, &without(&draft, field)).await.refused_field(field);
        }
        assert!(ann.conversations().await.is_empty());
    }

    async fn a_client_msg_id_has_1_to_128_printable_bytes(world: World) {
        let [ann, bob] = world.people().await;
        let draft = ann.draft(&bob, "x");
        for good in ["!".to_owned(), "x".repeat(128), "{\"~\\}:/?#".to_owned()] {
            let message = send(&ann, &with(&draft, "client_msg_id", good.as_str())).await.ok();
            assert_eq!(message["client_msg_id"], good.as_str());
        }
        for bad in [
            json!(""),
            json!(null),
            json!("x".repeat(129)),
            json!("消息"),
            json!("a\nb"),
            json!("\u{7f}"),
            json!("\u{0}"),
            json!(1),
        ] {
            send(&ann, &with(&draft, "client_msg_id", bad)).await.refused_field("client_msg_id");
        }
    }

    async fn a_repeated_client_id_answers_as_the_first_did(world: World) {
        let [ann, bob] = world.people().await;
        let draft = ann.draft(&bob, "once");
        let first = send(&ann, &draft).await.ok();
        ann.send(&bob, "between").await;
        eventually("another millisecond", async || (now_ms() > int(&first, "send_at") + 2).then_some(())).await;
        for _ in 0..3 {
            assert_eq!(send(&ann, &draft).await.ok(), first);
        }
        assert_eq!(send(&ann.on(1).await, &draft).await.ok(), first, "from another platform too");
        assert_eq!(seqs(&bob.pull(&pair(&ann, &bob)).await), [1, 2]);
    }

    async fn the_order_of_keys_does_not_make_another_message(world: World) {
        let [ann, bob] = world.people().await;
        let id = unique("m");
        let rest = format!(r#""client_msg_id":"{id}","recv_id":"{}","session_type":1,"msg_type":1"#, bob.id);
        let bodies = [
            format!(r#"{{{rest},"content":{{"text":"x","a":{{"b":1,"c":[2,3]}}}}}}"#),
            format!(r#"{{"content": {{"a": {{"c": [2, 3], "b": 1}}, "text": "\u0078"}}, "group_id":"", "more":1, {rest}}}"#),
        ];
        let mut answers = Vec::new();
        for body in bodies {
            answers.push(ann.client.call(hyper::Method::POST, "/msg/send").bytes(body).send().await.ok());
        }
        assert_eq!(answers[0], answers[1]);
        let reordered = format!(r#"{{{rest},"content":{{"text":"x","a":{{"b":1,"c":[3,2]}}}}}}"#);
        ann.client.call(hyper::Method::POST, "/msg/send").bytes(reordered).send().await.refused(4002);
    }

    // Code 4002.
    async fn a_client_id_with_another_message_is_4002(world: World) {
        let [ann, bob, cho] = world.people().await;
        let group = ann.group(&[&bob]).await;
        let draft = ann.draft(&bob, "first");
        send(&ann, &draft).await.ok();
        let mut to_group = with(&without(&draft, "recv_id"), "group_id", group.as_str());
        to_group["session_type"] = json!(2);
        let mut custom = with(&draft, "content", json!({ "text": "first", "custom_type": "a", "custom_data": "b" }));
        custom["msg_type"] = json!(100);
        let others = [
            with(&draft, "content", text("second")),
            with(&draft, "content", json!({ "text": "first", "more": null })),
            with(&draft, "recv_id", cho.id.as_str()),
            with(&draft, "recv_id", ann.id.as_str()),
            to_group,
            custom,
        ];
        for other in others {
            send(&ann, &other).await.refused(4002);
        }
        assert_eq!(seqs(&bob.pull(&pair(&ann, &bob)).await), [1]);
        assert_eq!(ann.max_seq(&format!("sg_{group}")).await, 0);
    }

    async fn a_client_id_belongs_to_its_sender(world: World) {
        let [ann, bob] = world.people().await;
        let from_ann = ann.draft(&bob, "a");
        let from_bob = with(&bob.draft(&ann, "b"), "client_msg_id", from_ann["client_msg_id"].clone());
        assert_eq!(send(&ann, &from_ann).await.ok()["seq"], 1);
        assert_eq!(send(&bob, &from_bob).await.ok()["seq"], 2);
    }

    async fn a_refused_send_does_not_use_up_its_client_id(world: World) {
        let [ann, bob] = world.people().await;
        let draft = ann.draft(&bob, "x");
        send(&ann, &with(&draft, "recv_id", unique("nobody"))).await.refused(2006);
        send(&ann, &with(&draft, "content", text(""))).await.refused(1001);
        assert_eq!(send(&ann, &draft).await.ok()["seq"], 1);
    }

    async fn an_ack_outlives_a_server_that_is_killed(mut world: World) {
        let [ann, bob] = world.people().await;
        let mut acked = Vec::new();
        for round in 0..3 {
            for n in 0..10 {
                acked.push(ann.send(&bob, &format!("{round} {n}")).await);
            }
            world.kill9();
            world.restart().await;
            let stored = bob.pull(&pair(&ann, &bob)).await;
            let ids =
                |messages: &[Value]| messages.iter().map(|message| string(message, "client_msg_id")).collect::<Vec<_>>();
            assert_eq!((ids(&stored), seqs(&stored)), (ids(&acked), seqs(&acked)));
        }
    }

    async fn a_restart_keeps_messages_ids_and_seqs(mut world: World) {
        let [ann, bob] = world.people().await;
        let draft = ann.draft(&bob, "before");
        let first = send(&ann, &draft).await.ok();
        let before = bob.pull(&pair(&ann, &bob)).await;
        world.restart().await;
        assert_eq!(send(&ann, &draft).await.ok(), first);
        send(&ann, &with(&draft, "content", text("other"))).await.refused(4002);
        assert_eq!(bob.pull(&pair(&ann, &bob)).await, before);
        assert_eq!(ann.send(&bob, "after").await["seq"], 2);
    }
}
