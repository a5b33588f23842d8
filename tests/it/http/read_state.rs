//! What is read and what is not.

use serde_json::{Value, json};

use crate::support::*;

async fn max_read_seq(person: &Person, conversation: &str) -> Value {
    let data = person.get(&format!("/conversation/max_read_seq?conversation_id={}", enc(conversation))).await.ok();
    assert_keys(&data, "max_seq read_seq unread_count");
    data
}

/// Asserts read_seq and unread_count by every way of looking.
async fn assert_state(person: &Person, conversation: &str, max: i64, read: i64, unread: i64) {
    let expected = json!({ "max_seq": max, "read_seq": read, "unread_count": unread });
    assert_eq!(max_read_seq(person, conversation).await, expected);
    let info = person.conversation(conversation).await;
    for (field, value) in expected.as_object().expect("an object") {
        assert_eq!(info[field], *value, "{field}");
    }
    assert_eq!(person.unread(conversation).await, unread);
}

/// The four calls about a conversation that must be there.
async fn calls(person: &Person, conversation: &str) -> Vec<Reply> {
    let id = enc(conversation);
    vec![
        person.get(&format!("/conversation/info?conversation_id={id}")).await,
        person.put(&format!("/conversation/update?conversation_id={id}"), json!({ "is_pinned": true })).await,
        person.get(&format!("/conversation/max_read_seq?conversation_id={id}")).await,
        person.get(&format!("/conversation/unread_count?conversation_id={id}")).await,
        person.mark_read(conversation, 1).await,
    ]
}

e2e! {
    async fn what_others_send_is_unread_until_marked(world: World) {
        let [ann, bob] = world.people().await;
        let conversation = pair(&ann, &bob);
        for n in 1..=5 {
            ann.send(&bob, "x").await;
            assert_state(&bob, &conversation, n, 0, n).await;
        }
        bob.mark_read(&conversation, 3).await.done();
        assert_state(&bob, &conversation, 5, 3, 2).await;
        bob.mark_read(&conversation, 5).await.done();
        assert_state(&bob, &conversation, 5, 5, 0).await;
        assert_state(&ann, &conversation, 5, 5, 0).await;
    }

    async fn a_mark_only_moves_forward_and_is_cut_at_the_top(world: World) {
        let [ann, bob] = world.people().await;
        let conversation = pair(&ann, &bob);
        for _ in 0..5 {
            ann.send(&bob, "x").await;
        }
        bob.mark_read(&conversation, 0).await.done();
        assert_state(&bob, &conversation, 5, 0, 5).await;
        bob.mark_read(&conversation, 4).await.done();
        bob.mark_read(&conversation, 2).await.done();
        assert_state(&bob, &conversation, 5, 4, 1).await;
        bob.mark_read(&conversation, i64::MAX).await.done();
        assert_state(&bob, &conversation, 5, 5, 0).await;
        ann.send(&bob, "later").await;
        assert_state(&bob, &conversation, 6, 5, 1).await;
    }

    async fn a_mark_is_an_integer_from_0_up(world: World) {
        let [ann, bob] = world.people().await;
        ann.send(&bob, "x").await;
        let conversation = pair(&ann, &bob);
        for bad in [json!(-1), json!("1"), json!(1.5), json!(null), json!([1]), json!(u64::MAX)] {
            let body = json!({ "conversation_id": conversation, "read_seq": bad });
            bob.post("/conversation/mark_read", body).await.refused_field("read_seq");
        }
        bob.post("/conversation/mark_read", json!({ "conversation_id": conversation })).await.refused_field("read_seq");
        for bad in [json!(""), json!(null), json!(5)] {
            let body = json!({ "conversation_id": bad, "read_seq": 1 });
            bob.post("/conversation/mark_read", body).await.refused_field("conversation_id");
        }
        bob.post("/conversation/mark_read", json!({ "read_seq": 1 })).await.refused_field("conversation_id");
        assert_state(&bob, &conversation, 1, 0, 1).await;
    }

    async fn sending_reads(world: World) {
        let [ann, bob] = world.people().await;
        let conversation = pair(&ann, &bob);
        for _ in 0..3 {
            bob.send(&ann, "x").await;
        }
        assert_state(&ann, &conversation, 3, 0, 3).await;
        ann.send(&bob, "y").await;
        assert_state(&ann, &conversation, 4, 4, 0).await;
        assert_state(&bob, &conversation, 4, 3, 1).await;
    }

    async fn a_group_counts_for_each_member_alone(world: World) {
        let [ann, bob, cho] = world.people().await;
        let group = ann.group(&[&bob, &cho]).await;
        let conversation = format!("sg_{group}");
        ann.send_group(&group, "1").await.ok();
        ann.send_group(&group, "2").await.ok();
        bob.send_group(&group, "3").await.ok();
        assert_state(&ann, &conversation, 3, 2, 1).await;
        assert_state(&bob, &conversation, 3, 3, 0).await;
        assert_state(&cho, &conversation, 3, 0, 3).await;
        cho.mark_read(&conversation, 2).await.done();
        assert_state(&cho, &conversation, 3, 2, 1).await;
        assert_state(&ann, &conversation, 3, 2, 1).await;
    }

    async fn an_unread_count_for_a_given_read_seq_is_cut_to_the_range(world: World) {
        let [ann, bob] = world.people().await;
        for _ in 0..5 {
            ann.send(&bob, "x").await;
        }
        let conversation = pair(&ann, &bob);
        bob.mark_read(&conversation, 4).await.done();
        let count = async |read: &str| {
            bob.get(&format!("/conversation/unread_count?conversation_id={conversation}&read_seq={read}")).await
        };
        for (read, unread) in [("0", 5), ("1", 4), ("4", 1), ("5", 0), ("6", 0), ("9223372036854775807", 0)] {
            assert_eq!(count(read).await.ok(), json!({ "unread_count": unread }), "{read}");
        }
        for bad in ["x", "1.5", "9223372036854775808"] {
            count(bad).await.refused_field("read_seq");
        }
        assert_eq!(
            bob.get(&format!("/conversation/unread_count?conversation_id={conversation}")).await.ok(),
            json!({ "unread_count": 1 })
        );
        assert_state(&bob, &conversation, 5, 4, 1).await;
    }

    // Code 4003.
    async fn a_conversation_that_could_be_but_is_not_yet_is_4003(world: World) {
        let [ann, bob] = world.people().await;
        for reply in calls(&ann, &pair(&ann, &bob)).await {
            reply.refused(4003);
        }
        assert!(ann.conversations().await.is_empty());
        assert!(bob.conversations().await.is_empty());
    }

    // Code 1007.
    async fn a_conversation_of_others_is_1007_for_every_call(world: World) {
        let [ann, bob, eve] = world.people().await;
        ann.send(&bob, "secret").await;
        let group = ann.group(&[&bob]).await;
        for id in [pair(&ann, &bob), "si_a:b".to_owned(), format!("sg_{group}"), "sg_1".to_owned()] {
            for reply in calls(&eve, &id).await {
                reply.refused(1007);
            }
        }
    }

    async fn a_malformed_conversation_id_is_1001_for_every_call(world: World) {
        let [ann] = world.people().await;
        for id in ["x", "si_", "si_b:a", "sg_", "si_a:b:c"] {
            for reply in calls(&ann, id).await {
                reply.refused_field("conversation_id");
            }
        }
        for path in ["/conversation/info", "/conversation/max_read_seq", "/conversation/unread_count"] {
            ann.get(path).await.refused_field("conversation_id");
        }
    }

    async fn read_marks_and_counts_outlive_a_restart(mut world: World) {
        let [ann, bob] = world.people().await;
        let conversation = pair(&ann, &bob);
        for _ in 0..4 {
            ann.send(&bob, "x").await;
        }
        bob.mark_read(&conversation, 3).await.done();
        world.restart().await;
        assert_state(&bob, &conversation, 4, 3, 1).await;
        assert_state(&ann, &conversation, 4, 4, 0).await;
    }
}
