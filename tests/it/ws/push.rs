//! Which message is pushed to whom, and in which order.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::*;

/// Asserts that a frame is this message with a push_id.
#[track_caller]
fn assert_pushes(frame: &Value, message: &Value) {
    let push_id = string(frame, "push_id");
    assert!(!push_id.is_empty(), "{frame}");
    let mut expected = message.clone();
    expected["push_id"] = json!(push_id);
    assert_eq!(*frame, expected);
}

async fn set_option(person: &Person, conversation: &str, option: i64) {
    let path = format!("/conversation/update?conversation_id={}", enc(conversation));
    person.put(&path, json!({ "recv_msg_opt": option })).await.done();
}

e2e! {
    async fn a_push_is_the_message_of_the_document_with_a_push_id(world: World) {
        let [ann, bob] = world.people().await;
        let mut socket = bob.socket().await;
        let sent = ann.send(&bob, "你好！").await;
        let frame = socket.next().await;
        assert_keys(
            &frame,
            "conversation_id seq client_msg_id sender_id recv_id group_id session_type msg_type content send_at push_id",
        );
        assert_pushes(&frame, &sent);
        let again = ann.send(&bob, "再见").await;
        let next = socket.next().await;
        assert_pushes(&next, &again);
        assert_ne!(next["push_id"], frame["push_id"]);
    }

    async fn a_message_goes_to_every_platform_of_the_receiver(world: World) {
        let [ann, bob] = world.people().await;
        let mut sockets = vec![bob.socket().await];
        for platform in 1..=4 {
            sockets.push(bob.on(platform).await.socket().await);
        }
        let sent = ann.send(&bob, "everywhere").await;
        for socket in &mut sockets {
            assert_pushes(&socket.next().await, &sent);
        }
    }

    async fn a_message_goes_to_the_other_platforms_of_its_sender_only(world: World) {
        let [ann, bob] = world.people().await;
        let phone = ann.on(1).await;
        let (mut on_web, mut on_phone) = (ann.socket().await, phone.socket().await);
        let sent = ann.send(&bob, "from the web").await;
        assert_pushes(&on_phone.next().await, &sent);
        let marker = bob.send(&ann, "marker").await;
        assert!(on_web.before(&marker).await.is_empty(), "the sending platform knows it already");
        assert!(on_phone.before(&marker).await.is_empty());
    }

    async fn a_message_to_oneself_goes_to_the_other_platforms(world: World) {
        let [ann, bob] = world.people().await;
        let mut on_phone = ann.on(1).await.socket().await;
        let sent = ann.send(&ann, "note").await;
        assert_pushes(&on_phone.next().await, &sent);
        let marker = bob.send(&ann, "marker").await;
        assert!(on_phone.before(&marker).await.is_empty(), "once");
    }

    async fn a_group_message_goes_to_its_members_only(world: World) {
        let [ann, bob, cho, former, kicked, stranger] = world.people().await;
        let group = ann.group(&[&bob, &cho, &former, &kicked]).await;
        former.quit(&group).await.done();
        ann.kick(&group, &kicked).await.done();
        let (mut at_bob, mut at_cho) = (bob.socket().await, cho.socket().await);
        let sent = ann.send_group(&group, "members only").await.ok();
        assert_pushes(&at_bob.next().await, &sent);
        assert_pushes(&at_cho.next().await, &sent);
        for outsider in [&former, &kicked, &stranger] {
            let mut socket = outsider.socket().await;
            ann.send_group(&group, "still members only").await.ok();
            let marker = ann.send(outsider, "marker").await;
            assert!(socket.before(&marker).await.is_empty());
        }
    }

    async fn joining_begins_and_leaving_ends_the_pushes_of_a_group(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[]).await;
        let mut socket = bob.socket().await;
        ann.send_group(&group, "too early").await.ok();
        bob.join(&group).await.done();
        let first = ann.send_group(&group, "in time").await.ok();
        assert_pushes(&socket.next().await, &first);
        bob.quit(&group).await.done();
        ann.send_group(&group, "too late").await.ok();
        bob.join(&group).await.done();
        let second = ann.send_group(&group, "again in time").await.ok();
        assert_pushes(&socket.next().await, &second);
    }

    async fn messages_of_one_sender_come_in_order(world: World) {
        let [ann, bob] = world.people().await;
        let mut socket = bob.socket().await;
        for n in 0..100 {
            ann.send(&bob, &format!("{n}")).await;
        }
        let frames = socket.take(100).await;
        assert!(seqs(&frames).into_iter().eq(1..=100));
    }

    async fn of_many_senders_every_message_comes_once_and_each_in_its_order(world: World) {
        let crowd = world.crowd(6).await;
        let others: Vec<&Person> = crowd[1..].iter().collect();
        let group = crowd[0].group(&others).await;
        let mut socket = crowd[0].socket().await;
        let each = crowd[1..].iter().map(async |person| {
            for n in 0..20 {
                person.send_group(&group, &format!("{n}")).await.ok();
            }
        });
        join_all(each).await;
        let frames = socket.take(100).await;
        let all: BTreeSet<i64> = seqs(&frames).into_iter().collect();
        assert!(all.into_iter().eq(1..=100), "each once");
        for person in &crowd[1..] {
            let own: Vec<&Value> = frames.iter().filter(|frame| frame["sender_id"] == person.id.as_str()).collect();
            let texts = own.iter().map(|frame| string(&frame["content"], "text"));
            assert!(texts.eq((0..20).map(|n| n.to_string())), "{own:?}");
        }
    }

    async fn a_repeated_send_is_pushed_once(world: World) {
        let [ann, bob] = world.people().await;
        let mut socket = bob.socket().await;
        let draft = ann.draft(&bob, "once");
        let twins = join_all((0..8).map(|_| ann.post("/msg/send", draft.clone()))).await;
        assert_pushes(&socket.next().await, &twins[0].ok());
        ann.post("/msg/send", draft).await.ok();
        let marker = ann.send(&bob, "marker").await;
        assert!(socket.before(&marker).await.is_empty());
    }

    async fn option_2_stops_the_pushes_but_not_the_messages(world: World) {
        let [ann, bob, cho] = world.people().await;
        let conversation = pair(&ann, &bob);
        let mut socket = bob.socket().await;
        let first = ann.send(&bob, "heard").await;
        assert_pushes(&socket.next().await, &first);
        for muted in 0..3 {
            set_option(&bob, &conversation, 2).await;
            ann.send(&bob, "not heard").await;
            let marker = cho.send(&bob, "marker").await;
            assert!(socket.before(&marker).await.is_empty());
            set_option(&bob, &conversation, muted % 2).await;
            let heard = ann.send(&bob, "heard").await;
            assert_pushes(&socket.next().await, &heard);
        }
        assert_eq!(seqs(&bob.pull(&conversation).await), [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(bob.unread(&conversation).await, 7);
    }

    async fn option_2_of_a_group_stops_the_pushes_to_that_member_only(world: World) {
        let [ann, bob, cho] = world.people().await;
        let group = ann.group(&[&bob, &cho]).await;
        set_option(&bob, &format!("sg_{group}"), 2).await;
        let (mut at_bob, mut at_cho) = (bob.socket().await, cho.socket().await);
        let sent = ann.send_group(&group, "hello").await.ok();
        assert_pushes(&at_cho.next().await, &sent);
        let marker = ann.send(&bob, "marker").await;
        assert!(at_bob.before(&marker).await.is_empty());
    }

    async fn option_2_survives_a_restart(mut world: World) {
        let [ann, bob, cho] = world.people().await;
        ann.send(&bob, "first").await;
        set_option(&bob, &pair(&ann, &bob), 2).await;
        world.restart().await;
        let mut socket = bob.socket().await;
        ann.send(&bob, "not heard").await;
        let marker = cho.send(&bob, "marker").await;
        assert!(socket.before(&marker).await.is_empty());
    }

    async fn every_type_and_script_is_pushed_unchanged(world: World) {
        let [ann, bob] = world.people().await;
        let mut socket = bob.socket().await;
        let contents = [
            (1, json!({ "text": "مرحبا 👩‍🚀 \u{0}\u{2028}\"\\", "extra": [1, { "键": null }] })),
            (2, json!({ "image_url": "/a.png", "image_width": 1 })),
            (3, json!({ "video_url": "https://example.com/v" })),
            (4, json!({ "audio_url": "http://example.com/a", "audio_duration": 0 })),
            (5, json!({ "file_url": "f", "file_name": "документ.pdf" })),
            (100, json!({ "custom_type": "location", "custom_data": "{\"lat\":39.9,\"lng\":116.4}" })),
            (1, json!({ "text": "字".repeat(5_000) })),
        ];
        for (msg_type, content) in contents {
            let mut draft = ann.draft(&bob, "");
            draft["msg_type"] = json!(msg_type);
            draft["content"] = content;
            let sent = ann.post("/msg/send", draft).await.ok();
            assert_pushes(&socket.next().await, &sent);
        }
    }

    async fn a_message_sent_right_after_the_handshake_is_pushed(world: World) {
        let [ann, bob] = world.people().await;
        for _ in 0..20 {
            let mut socket = bob.connect("").await;
            let sent = ann.send(&bob, "are you there yet?").await;
            assert_pushes(&socket.next().await, &sent);
            socket.close().await;
        }
    }

    async fn a_socket_gets_nothing_from_before_it_was_opened(world: World) {
        let [ann, bob] = world.people().await;
        ann.send(&bob, "before").await;
        bob.caught_up().await;
        let mut socket = bob.socket().await;
        let marker = ann.send(&bob, "marker").await;
        assert!(socket.before(&marker).await.is_empty());
    }
}
