//! The conversation list, one conversation, and its settings.

use serde_json::{Value, json};

use crate::support::*;

const CONVERSATION: &str = "conversation_id conversation_type peer_user_id group_id recv_msg_opt is_pinned \
    unread_count max_seq read_seq updated_at";

fn ids(list: &[Value]) -> Vec<String> {
    list.iter().map(|entry| string(entry, "conversation_id")).collect()
}

async fn update(person: &Person, conversation: &str, body: Value) -> Reply {
    person.put(&format!("/conversation/update?conversation_id={}", enc(conversation)), body).await
}

e2e! {
    async fn the_list_is_the_one_of_the_document(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[&bob]).await;
        let in_group = ann.send_group(&group, "hello all").await.ok();
        let in_pair = ann.send(&bob, "hello you").await;
        let list = bob.conversations().await;
        let single = json!({
            "conversation_id": pair(&ann, &bob), "conversation_type": 1, "peer_user_id": ann.id, "group_id": "",
            "recv_msg_opt": 0, "is_pinned": false, "unread_count": 1, "max_seq": 1, "read_seq": 0,
            "updated_at": in_pair["send_at"],
        });
        let many = json!({
            "conversation_id": format!("sg_{group}"), "conversation_type": 2, "peer_user_id": "", "group_id": group,
            "recv_msg_opt": 0, "is_pinned": false, "unread_count": 1, "max_seq": 1, "read_seq": 0,
            "updated_at": in_group["send_at"],
        });
        assert_eq!(list.len(), 2);
        for entry in &list {
            assert_keys(entry, CONVERSATION);
            assert!([&single, &many].contains(&entry), "{entry}");
        }
        let own = ann.conversation(&pair(&ann, &bob)).await;
        assert_eq!(own["peer_user_id"], bob.id.as_str());
        assert_eq!((&own["read_seq"], &own["unread_count"]), (&json!(1), &json!(0)));
    }

    async fn info_is_the_entry_of_the_list(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[&bob]).await;
        ann.send(&bob, "one").await;
        bob.send(&ann, "two").await;
        ann.send_group(&group, "three").await.ok();
        for person in [&ann, &bob] {
            let list = person.conversations().await;
            assert_eq!(list.len(), 2);
            for entry in list {
                assert_eq!(person.conversation(&string(&entry, "conversation_id")).await, entry);
            }
        }
    }

    async fn whoever_has_none_gets_an_empty_list(world: World) {
        let [ann] = world.people().await;
        assert_eq!(ann.get("/conversation/list").await.ok(), json!([]));
    }

    async fn a_conversation_is_listed_from_its_first_message_for_both(world: World) {
        let [ann, bob, cho] = world.people().await;
        ann.send(&bob, "hi").await;
        assert_eq!(ids(&ann.conversations().await), [pair(&ann, &bob)]);
        assert_eq!(ids(&bob.conversations().await), [pair(&ann, &bob)]);
        assert!(cho.conversations().await.is_empty());
    }

    async fn a_joined_group_is_listed_with_the_time_of_joining(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[]).await;
        ann.send_group(&group, "before").await.ok();
        let before = now_ms();
        bob.join(&group).await.done();
        let entry = bob.conversation(&format!("sg_{group}")).await;
        assert!(int(&entry, "updated_at") >= before - 1_000, "{entry}");
        assert_eq!((&entry["max_seq"], &entry["read_seq"], &entry["unread_count"]), (&json!(0), &json!(0), &json!(0)));
        let said = ann.send_group(&group, "after").await.ok();
        assert_eq!(bob.conversation(&format!("sg_{group}")).await["updated_at"], said["send_at"]);
    }

    async fn pinned_ones_come_first_and_then_the_latest(world: World) {
        let [ann, bob, cho, dan, eve] = world.people().await;
        for other in [&bob, &cho, &dan, &eve] {
            let last = int(&other.send(&ann, "hi").await, "send_at");
            eventually("another millisecond", async || (now_ms() > last + 1).then_some(())).await;
        }
        let order = |people: [&Person; 4]| people.map(|other| pair(&ann, other));
        assert_eq!(ids(&ann.conversations().await), order([&eve, &dan, &cho, &bob]));
        update(&ann, &pair(&ann, &cho), json!({ "is_pinned": true })).await.done();
        assert_eq!(ids(&ann.conversations().await), order([&cho, &eve, &dan, &bob]));
        ann.send(&bob, "again").await;
        assert_eq!(ids(&ann.conversations().await), order([&cho, &bob, &eve, &dan]));
        update(&ann, &pair(&ann, &dan), json!({ "is_pinned": true })).await.done();
        assert_eq!(ids(&ann.conversations().await), order([&dan, &cho, &bob, &eve]));
        update(&ann, &pair(&ann, &cho), json!({ "is_pinned": false })).await.done();
        assert_eq!(ids(&ann.conversations().await), order([&dan, &bob, &eve, &cho]));
    }

    async fn the_list_comes_in_pages_when_asked(world: World) {
        let [ann] = world.people().await;
        let crowd = world.crowd(7).await;
        for other in &crowd {
            other.send(&ann, "hi").await;
        }
        update(&ann, &pair(&ann, &crowd[1]), json!({ "is_pinned": true })).await.done();
        let whole = ann.conversations().await;
        let mut paged = Vec::new();
        let mut cursor = String::new();
        loop {
            let more = if cursor.is_empty() { String::new() } else { format!("&cursor={}", enc(&cursor)) };
            let reply = ann.get(&format!("/conversation/list?limit=2{more}")).await;
            let page = reply.ok().as_array().expect("a page").clone();
            assert!(page.len() <= 2, "{page:?}");
            paged.extend(page);
            cursor = reply.header("x-next-cursor").to_owned();
            if cursor.is_empty() {
                break;
            }
            assert!(paged.len() < 8, "more pages than conversations");
        }
        assert_eq!(paged, whole);
        assert_eq!(whole.len(), 7);
        for bad in ["0", "-1", "x", "1.5", ""] {
            ann.get(&format!("/conversation/list?limit={bad}")).await.refused_field("limit");
        }
        ann.get("/conversation/list?limit=2&cursor=%F0%9F").await.refused_field("cursor");
        assert_eq!(ann.get("/conversation/list?limit=1000").await.ok(), json!(whole));
    }

    async fn updated_after_leaves_out_what_is_older(world: World) {
        let [ann, bob, cho] = world.people().await;
        let old = int(&bob.send(&ann, "old").await, "send_at");
        eventually("another millisecond", async || (now_ms() > old + 1).then_some(())).await;
        let new = int(&cho.send(&ann, "new").await, "send_at");
        let after = async |ms: i64| {
            ids(ann.get(&format!("/conversation/list?updated_after={ms}")).await.ok().as_array().expect("a list"))
        };
        assert_eq!(after(old).await, [pair(&ann, &cho)]);
        assert_eq!(after(0).await, [pair(&ann, &cho), pair(&ann, &bob)]);
        assert!(after(new).await.is_empty());
        for bad in ["x", "1.5", "99999999999999999999"] {
            ann.get(&format!("/conversation/list?updated_after={bad}")).await.refused_field("updated_after");
        }
    }

    async fn an_update_changes_only_the_fields_given_and_only_ones_own_view(world: World) {
        let [ann, bob] = world.people().await;
        ann.send(&bob, "hi").await;
        let conversation = pair(&ann, &bob);
        let untouched = ann.conversation(&conversation).await;
        let mut expected = bob.conversation(&conversation).await;
        for (field, value) in [
            ("is_pinned", json!(true)),
            ("recv_msg_opt", json!(1)),
            ("recv_msg_opt", json!(2)),
            ("is_pinned", json!(false)),
            ("recv_msg_opt", json!(0)),
        ] {
            expected[field] = value.clone();
            update(&bob, &conversation, json!({ field: value })).await.done();
            assert_eq!(bob.conversation(&conversation).await, expected);
        }
        update(&bob, &conversation, json!({ "is_pinned": true, "recv_msg_opt": 1 })).await.done();
        update(&bob, &conversation, json!({})).await.done();
        expected["is_pinned"] = json!(true);
        expected["recv_msg_opt"] = json!(1);
        assert_eq!(bob.conversation(&conversation).await, expected);
        assert_eq!(ann.conversation(&conversation).await, untouched);
    }

    async fn settings_are_checked(world: World) {
        let [ann, bob] = world.people().await;
        ann.send(&bob, "hi").await;
        let conversation = pair(&ann, &bob);
        for bad in [json!(3), json!(-1), json!("1"), json!(1.5), json!(true), json!([])] {
            update(&ann, &conversation, json!({ "recv_msg_opt": bad })).await.refused_field("recv_msg_opt");
        }
        for bad in [json!("true"), json!(1), json!({})] {
            update(&ann, &conversation, json!({ "is_pinned": bad })).await.refused_field("is_pinned");
        }
        ann.put("/conversation/update", json!({ "is_pinned": true })).await.refused_field("conversation_id");
        let entry = ann.conversation(&conversation).await;
        assert_eq!((&entry["is_pinned"], &entry["recv_msg_opt"]), (&json!(false), &json!(0)));
    }

    async fn a_former_member_keeps_the_conversation_and_its_settings(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[&bob]).await;
        let conversation = format!("sg_{group}");
        ann.send_group(&group, "hi").await.ok();
        update(&bob, &conversation, json!({ "is_pinned": true })).await.done();
        bob.quit(&group).await.done();
        let kept = bob.conversation(&conversation).await;
        ann.send_group(&group, "later").await.ok();
        assert_eq!(bob.conversation(&conversation).await, kept);
        assert_eq!(kept["is_pinned"], true);
        update(&bob, &conversation, json!({ "is_pinned": false })).await.done();
        assert_eq!(ids(&bob.conversations().await), [conversation]);
    }

    async fn settings_outlive_a_restart(mut world: World) {
        let [ann, bob] = world.people().await;
        ann.send(&bob, "hi").await;
        update(&bob, &pair(&ann, &bob), json!({ "is_pinned": true, "recv_msg_opt": 2 })).await.done();
        let before = bob.conversations().await;
        world.restart().await;
        assert_eq!(bob.conversations().await, before);
    }
}
