//! Pulling messages and asking how far a conversation goes.

use serde_json::{Value, json};

use crate::support::*;

const PULLED: &str =
    "conversation_id seq client_msg_id sender_id recv_id group_id session_type msg_type content content_text send_at";

/// A page: the seqs in it, and its max_seq.
async fn page(person: &Person, conversation: &str, more: &str) -> (Vec<i64>, i64) {
    let data = person.get(&path(conversation, more)).await.ok();
    assert_keys(&data, "messages max_seq");
    (seqs(data["messages"].as_array().expect("messages")), int(&data, "max_seq"))
}

fn path(conversation: &str, more: &str) -> String {
    format!("/msg/pull?conversation_id={}{more}", enc(conversation))
}

/// A conversation of two with `count` messages.
async fn talk(world: &World, count: i64) -> (Person, Person, String) {
    let [ann, bob] = world.people().await;
    for n in 1..=count {
        ann.send(&bob, &format!("{n}")).await;
    }
    let conversation = pair(&ann, &bob);
    (ann, bob, conversation)
}

e2e! {
    async fn a_page_is_the_one_of_the_document_and_has_both_contents(world: World) {
        let [ann, bob] = world.people().await;
        let sent = ann.send(&bob, "你好！").await;
        let data = bob.get(&path(&pair(&ann, &bob), "&begin_seq=1&end_seq=100&limit=50")).await.ok();
        assert_keys(&data, "messages max_seq");
        assert_eq!(data["max_seq"], 1);
        let message = &data["messages"][0];
        assert_keys(message, PULLED);
        assert_eq!(message["content_text"], "你好！");
        let mut expected = sent;
        expected["content_text"] = json!("你好！");
        assert_eq!(*message, expected);
        assert_eq!(data["messages"].as_array().map(Vec::len), Some(1));
        assert_eq!(ann.get(&path(&pair(&ann, &bob), "")).await.ok(), data);
    }

    async fn begin_and_end_are_inclusive_and_pages_ascend(world: World) {
        let (ann, bob, conversation) = talk(&world, 10).await;
        let cases: [(&str, Vec<i64>); 12] = [
            ("", (1..=10).collect()),
            ("&begin_seq=0", (1..=10).collect()),
            ("&begin_seq=3&end_seq=5", vec![3, 4, 5]),
            ("&begin_seq=10&end_seq=10", vec![10]),
            ("&begin_seq=8", vec![8, 9, 10]),
            ("&end_seq=2", vec![1, 2]),
            ("&begin_seq=4&limit=2", vec![4, 5]),
            ("&begin_seq=6&end_seq=5", vec![]),
            ("&begin_seq=11", vec![]),
            ("&end_seq=0", vec![]),
            ("&begin_seq=9223372036854775807", vec![]),
            ("&end_seq=9223372036854775807&limit=1", vec![1]),
        ];
        for (more, expected) in cases {
            for person in [&ann, &bob] {
                assert_eq!(page(person, &conversation, more).await, (expected.clone(), 10), "{more}");
            }
        }
    }

    async fn a_page_has_at_most_100(world: World) {
        let (_, bob, conversation) = talk(&world, 103).await;
        for more in ["", "&limit=100", "&limit=101", "&limit=2147483647"] {
            let (seqs, max) = page(&bob, &conversation, more).await;
            assert!(seqs.into_iter().eq(1..=100), "{more}");
            assert_eq!(max, 103);
        }
        assert_eq!(page(&bob, &conversation, "&begin_seq=101").await, (vec![101, 102, 103], 103));
    }

    async fn numbers_of_a_query_are_decimal_integers_in_range(world: World) {
        let (ann, _, conversation) = talk(&world, 1).await;
        for field in ["begin_seq", "end_seq", "limit"] {
            for bad in ["-1", "x", "1.5", "1e3", "0x10", "%201", "", "9223372036854775808", "99999999999999999999999", "１"]
            {
                ann.get(&path(&conversation, &format!("&{field}={}", if bad == "１" { enc(bad) } else { bad.to_owned() })))
                    .await
                    .refused_field(field);
            }
        }
        ann.get(&path(&conversation, "&limit=0")).await.refused_field("limit");
    }

    async fn a_conversation_id_is_needed(world: World) {
        let [ann] = world.people().await;
        for path in ["/msg/pull", "/msg/pull?conversation_id=", "/msg/max_seq", "/msg/max_seq?conversation_id="] {
            ann.get(path).await.refused_field("conversation_id");
        }
    }

    async fn max_seq_is_the_one_of_the_document(world: World) {
        let (ann, bob, conversation) = talk(&world, 3).await;
        for person in [&ann, &bob] {
            let data = person.get(&format!("/msg/max_seq?conversation_id={conversation}")).await.ok();
            assert_eq!(data, json!({ "max_seq": 3 }));
        }
    }

    async fn a_malformed_conversation_id_is_1001(world: World) {
        let [ann, bob] = world.people().await;
        let (a, b) = (&ann.id, &bob.id);
        let backwards = if a < b { format!("si_{b}:{a}") } else { format!("si_{a}:{b}") };
        let three = format!("si_{a}:{b}:{b}");
        let bad = [
            "x",
            "si_",
            "sg_",
            "si_:",
            "si",
            "SI_a:b",
            "xx_1",
            " ",
            &format!("si_{a}"),
            &format!("si_{a}:"),
            &format!("si_:{a}"),
            &backwards,
            &three,
            "si_a b:c",
            "si_张:李",
            "\u{0}",
        ];
        for id in bad {
            ann.get(&path(id, "")).await.refused_field("conversation_id");
            ann.get(&format!("/msg/max_seq?conversation_id={}", enc(id))).await.refused_field("conversation_id");
        }
    }

    // Code 1007.
    async fn a_conversation_of_others_is_1007_whether_or_not_it_exists(world: World) {
        let (ann, bob, conversation) = talk(&world, 1).await;
        let [eve, fay] = world.people().await;
        let group = ann.group(&[&bob]).await;
        ann.send_group(&group, "secret").await.ok();
        let not_there = unique("z");
        for id in [
            conversation,
            pair(&ann, &fay),
            format!("si_a{not_there}:z{not_there}"),
            format!("sg_{group}"),
            "sg_1".to_owned(),
        ] {
            eve.get(&path(&id, "")).await.refused(1007);
            eve.get(&format!("/msg/max_seq?conversation_id={}", enc(&id))).await.refused(1007);
        }
    }

    async fn ones_own_pair_without_a_message_is_an_empty_page(world: World) {
        let [ann, bob] = world.people().await;
        let conversation = pair(&ann, &bob);
        assert_eq!(ann.get(&path(&conversation, "")).await.ok(), json!({ "messages": [], "max_seq": 0 }));
        assert_eq!(ann.max_seq(&conversation).await, 0);
    }

    async fn a_new_group_is_an_empty_page_for_its_members(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[&bob]).await;
        for person in [&ann, &bob] {
            assert_eq!(person.get(&path(&format!("sg_{group}"), "")).await.ok(), json!({ "messages": [], "max_seq": 0 }));
        }
    }

    async fn a_plus_of_an_id_is_written_percent_2b(world: World) {
        let one = Person::register(world.visitor(), &format!("a+{}", unique("p"))).await;
        let two = Person::register(world.visitor(), &format!("b+{}", unique("p"))).await;
        one.send(&two, "plus").await;
        let conversation = pair(&one, &two);
        let encoded = conversation.replace('+', "%2B");
        assert_eq!(two.get(&format!("/msg/max_seq?conversation_id={encoded}")).await.ok(), json!({ "max_seq": 1 }));
        two.get(&format!("/msg/max_seq?conversation_id={conversation}")).await.refused_field("conversation_id");
    }

    async fn pages_tile_a_long_conversation(world: World) {
        let (_, bob, conversation) = talk(&world, 57).await;
        let whole = bob.pull(&conversation).await;
        let mut tiled: Vec<Value> = Vec::new();
        while tiled.len() < 57 {
            let more = format!("&begin_seq={}&limit=10", tiled.len() + 1);
            let data = bob.get(&path(&conversation, &more)).await.ok();
            tiled.extend(data["messages"].as_array().expect("messages").iter().cloned());
        }
        assert_eq!(tiled, whole);
        let texts: Vec<String> = whole.iter().map(|message| string(message, "content_text")).collect();
        assert!(texts.into_iter().eq((1..=57).map(|n| n.to_string())));
    }
}
