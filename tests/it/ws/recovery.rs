//! Coming back with the last push_id: whole, or saying that it is not.

use serde_json::{Value, json};

use crate::support::*;

/// Opens a socket, lets one message arrive, and closes it: the push_id of that message.
async fn visit(person: &Person, from: &Person) -> String {
    let mut socket = person.socket().await;
    from.send(person, "seen").await;
    let push_id = string(&socket.next().await, "push_id");
    socket.close().await;
    push_id
}

/// Reads up to `recovered`, asserts that it is whole, and returns the frames before it and its push_id; but no note of `caught_up`.
async fn whole(socket: &mut Socket) -> (Vec<Value>, String) {
    let (mut missed, recovered) = socket.until(|frame| frame["event"] == "recovered").await;
    assert_keys(&recovered, "event whole push_id");
    assert_eq!(recovered["whole"], true, "{recovered}");
    missed.retain(|frame| frame["content"]["text"] != CAUGHT_UP);
    (missed, string(&recovered, "push_id"))
}

/// Asserts that the next frame says that recovery is not whole, and returns its conversations.
async fn not_whole(socket: &mut Socket) -> Vec<Value> {
    let recovered = socket.next().await;
    assert_keys(&recovered, "event whole conversations push_id");
    assert_eq!((&recovered["event"], &recovered["whole"]), (&json!("recovered"), &json!(false)));
    assert!(!string(&recovered, "push_id").is_empty());
    let conversations = recovered["conversations"].as_array().expect("conversations").clone();
    for conversation in &conversations {
        assert_keys(conversation, "conversation_id max_seq");
    }
    conversations
}

e2e! {
    async fn whoever_comes_back_gets_what_was_missed_in_order_and_then_the_live(world: World) {
        let [ann, bob, cho] = world.people().await;
        let after = visit(&bob, &ann).await;
        let group = ann.group(&[&bob]).await;
        let mut expected = Vec::new();
        for _ in 0..5 {
            expected.push(ann.send(&bob, "to bob").await);
            expected.push(cho.send(&bob, "to bob too").await);
            expected.push(ann.send_group(&group, "to all").await.ok());
            expected.push(bob.on(1).await.send(&ann, "from the phone").await);
        }
        bob.caught_up().await;
        let mut socket = bob.socket_after(&after, "").await;
        let (missed, _) = whole(&mut socket).await;
        let ids = |frames: &[Value]| frames.iter().map(|frame| string(frame, "client_msg_id")).collect::<Vec<_>>();
        assert_eq!(ids(&missed), ids(&expected));
        for (frame, message) in missed.iter().zip(&expected) {
            let mut message = message.clone();
            message["push_id"] = json!(string(frame, "push_id"));
            assert_eq!(*frame, message);
        }
        let live = ann.send(&bob, "live").await;
        assert!(socket.before(&live).await.is_empty());
    }

    async fn what_another_device_did_on_the_same_platform_was_missed_too(world: World) {
        let [ann, bob] = world.people().await;
        let after = visit(&bob, &ann).await;
        let other_device = bob.on(5).await;
        // First, for who sends has read.
        other_device.mark_read(&pair(&ann, &bob), 1).await.ok();
        let sent = other_device.send(&ann, "from another device").await;
        let back = bob.on(5).await;
        eventually("both in the log", async || {
            let (missed, _) = whole(&mut back.socket_after(&after, "&v=1").await).await;
            let missed: Vec<_> = missed.into_iter().filter(|frame| frame["event"] != "hello").collect();
            let read = missed.iter().any(|frame| frame["event"] == "conversation_read");
            let message = missed.iter().any(|frame| frame["client_msg_id"] == sent["client_msg_id"]);
            (missed.len() == 2 && read && message).then_some(())
        })
        .await;
    }

    async fn whoever_missed_nothing_is_told_so(world: World) {
        let [ann, bob] = world.people().await;
        let after = visit(&bob, &ann).await;
        for _ in 0..3 {
            let mut socket = bob.socket_after(&after, "").await;
            let (missed, push_id) = whole(&mut socket).await;
            assert!(missed.is_empty(), "{missed:?}");
            let (missed, _) = whole(&mut bob.socket_after(&push_id, "").await).await;
            assert!(missed.is_empty(), "the push_id of recovered is good too");
        }
    }

    async fn every_push_id_is_a_place_to_come_back_to(world: World) {
        let [ann, bob] = world.people().await;
        let mut socket = bob.connect("&v=1").await;
        let mut places = vec![string(&socket.next().await, "push_id")];
        for n in 0..6 {
            ann.send(&bob, &format!("{n}")).await;
            places.push(string(&socket.next().await, "push_id"));
        }
        socket.close().await;
        for (number, place) in places.iter().enumerate() {
            let (missed, end) = whole(&mut bob.socket_after(place, "").await).await;
            let from = i64::try_from(number).expect("a place") + 1;
            assert!(seqs(&missed).into_iter().eq(from..=6), "after {number}: {missed:?}");
            let again: Vec<&str> = missed.iter().map(|frame| frame["push_id"].as_str().expect("a push_id")).collect();
            assert_eq!(again, places[number + 1..], "the same push_ids as live");
            let (nothing, _) = whole(&mut bob.socket_after(&end, "").await).await;
            assert!(nothing.is_empty());
        }
    }

    async fn a_client_of_the_protocol_is_greeted_then_recovers_events_too(world: World) {
        let [ann, bob] = world.people().await;
        let phone = bob.on(1).await;
        let after = visit(&bob, &ann).await;
        // Events are told after the answer: only what was heard already is in the log before what is told next.
        let mut desk = bob.on(3).await.socket_v1().await;
        let group = ann.group(&[&bob]).await;
        assert_eq!(desk.next().await["event"], "group_changed");
        let sent = ann.send(&bob, "hi").await;
        assert_eq!(desk.next().await["client_msg_id"], sent["client_msg_id"]);
        phone.mark_read(&pair(&ann, &bob), int(&sent, "seq")).await.done();
        assert_eq!(desk.next().await["event"], "conversation_read");
        bob.put(&format!("/conversation/update?conversation_id=sg_{group}"), json!({ "is_pinned": true })).await.done();
        assert_eq!(desk.next().await["event"], "conversation_changed");
        let mut socket = bob.socket_after(&after, "&v=1").await;
        assert_eq!(socket.next().await["event"], "hello");
        let (missed, _) = whole(&mut socket).await;
        assert_eq!(missed.len(), 4, "{missed:?}");
        assert_eq!((&missed[0]["event"], &missed[0]["group_id"]), (&json!("group_changed"), &json!(group)));
        assert_eq!(missed[1]["client_msg_id"], sent["client_msg_id"]);
        assert_eq!((&missed[2]["event"], &missed[2]["read_seq"]), (&json!("conversation_read"), &sent["seq"]));
        assert_eq!((&missed[3]["event"], &missed[3]["is_pinned"]), (&json!("conversation_changed"), &json!(true)));
        let (plain, _) = whole(&mut bob.socket_after(&after, "").await).await;
        assert_eq!(plain.len(), 1, "a plain client recovers messages only: {plain:?}");
    }

    async fn what_was_muted_is_not_recovered(world: World) {
        let [ann, bob, cho] = world.people().await;
        let after = visit(&bob, &ann).await;
        let path = format!("/conversation/update?conversation_id={}", pair(&ann, &bob));
        bob.put(&path, json!({ "recv_msg_opt": 2 })).await.done();
        ann.send(&bob, "muted").await;
        let heard = cho.send(&bob, "heard").await;
        bob.caught_up().await;
        let (missed, _) = whole(&mut bob.socket_after(&after, "").await).await;
        assert_eq!(missed.len(), 1, "{missed:?}");
        assert_eq!(missed[0]["client_msg_id"], heard["client_msg_id"]);
    }

    with(ws.log_entries = "4")
    async fn more_than_the_log_holds_is_not_whole_and_names_what_to_pull(world: World) {
        let [ann, bob, cho] = world.people().await;
        cho.send(&bob, "long ago").await;
        let after = visit(&bob, &ann).await;
        for _ in 0..10 {
            ann.send(&bob, "missed").await;
        }
        bob.caught_up().await;
        let mut socket = bob.socket_after(&after, "").await;
        let conversations = not_whole(&mut socket).await;
        let own = json!({ "conversation_id": pair(&ann, &bob), "max_seq": 11 });
        assert!(conversations.contains(&own), "{conversations:?}");
        let live = ann.send(&bob, "live").await;
        assert!(socket.before(&live).await.is_empty(), "no missed frames then");
        assert!(seqs(&bob.pull(&pair(&ann, &bob)).await).into_iter().eq(1..=12));
    }

    with(ws.recovery_bytes = "4096")
    async fn more_than_recovery_may_carry_is_not_whole(world: World) {
        let [ann, bob] = world.people().await;
        let after = visit(&bob, &ann).await;
        for _ in 0..8 {
            ann.send(&bob, &"x".repeat(1000)).await;
        }
        bob.caught_up().await;
        let conversations = not_whole(&mut bob.socket_after(&after, "").await).await;
        assert!(conversations.contains(&json!({ "conversation_id": pair(&ann, &bob), "max_seq": 9 })), "{conversations:?}");
    }

    async fn recovery_is_larger_than_the_queue_of_a_connection(world: World) {
        let [ann, bob] = world.people().await;
        let after = visit(&bob, &ann).await;
        for _ in 0..50 {
            ann.send(&bob, &"x".repeat(12_000)).await;
        }
        bob.caught_up().await;
        let (missed, _) = whole(&mut bob.socket_after(&after, "").await).await;
        assert!(seqs(&missed).into_iter().eq(2..=51));
    }

    async fn a_restart_loses_nothing_and_says_so_if_the_chain_is_broken(mut world: World) {
        let [ann, bob] = world.people().await;
        let after = visit(&bob, &ann).await;
        ann.send(&bob, "before the restart").await;
        world.restart().await;
        ann.send(&bob, "after the restart").await;
        bob.caught_up().await;
        let mut socket = bob.socket_after(&after, "&v=1").await;
        assert_eq!(socket.next().await["event"], "hello");
        if world.has_redis() {
            let (missed, _) = whole(&mut socket).await;
            // The note by which it is known that all was pushed comes last.
            assert_eq!(seqs(&missed)[..2], [2, 3], "{missed:?}");
            return;
        }
        let conversations = not_whole(&mut socket).await;
        assert!(conversations.contains(&json!({ "conversation_id": pair(&ann, &bob), "max_seq": 3 })), "{conversations:?}");
        let live = ann.send(&bob, "live").await;
        let push_id = {
            assert!(socket.before(&live).await.is_empty());
            let next = ann.send(&bob, "one more").await;
            let frame = socket.next().await;
            assert_eq!(frame["seq"], next["seq"]);
            string(&frame, "push_id")
        };
        let (missed, _) = whole(&mut bob.socket_after(&push_id, "").await).await;
        assert!(missed.is_empty());
    }

    with(ws.log_ttl_ms = "1", ws.heartbeat_ms = "100")
    async fn a_log_is_forgotten_some_time_after_the_last_connection(world: World) {
        let [ann, bob] = world.people().await;
        let after = visit(&bob, &ann).await;
        eventually("a recovery that is not whole", async || {
            let mut socket = bob.socket_after(&after, "").await;
            let recovered = socket.until(|frame| frame["event"] == "recovered").await.1;
            socket.close().await;
            (recovered["whole"] == false).then_some(())
        })
        .await;
    }

    async fn the_push_id_of_another_user_shows_nothing_of_theirs(world: World) {
        let [ann, bob, eve] = world.people().await;
        let stolen = visit(&bob, &ann).await;
        ann.send(&bob, "secret").await;
        let own = ann.send(&eve, "for eve").await;
        match eve.client.connect(&format!("token={}&after={}", eve.token, enc(&stolen)), &[]).await {
            Err(reply) => reply.refused_with(400, 1001),
            Ok(mut socket) => {
                let marker = ann.send(&eve, "marker").await;
                for frame in socket.before(&marker).await {
                    let others = frame["event"] != "recovered" && frame["client_msg_id"] != own["client_msg_id"];
                    assert!(!others && !frame.to_string().contains(&pair(&ann, &bob)), "{frame}");
                }
            }
        }
    }

    async fn nothing_is_lost_over_many_reconnects_while_messages_come(world: World) {
        let [ann, bob] = world.people().await;
        let mut after = visit(&bob, &ann).await;
        let talk = async {
            for n in 0..300 {
                ann.send(&bob, &format!("{n}")).await;
            }
        };
        let listen = async {
            let mut last = 1;
            while last < 301 {
                let mut socket = bob.socket_after(&after, "").await;
                let (missed, push_id) = whole(&mut socket).await;
                after = push_id;
                let mut frames = missed;
                while frames.len() < 20 && last + i64::try_from(frames.len()).expect("a count") < 301 {
                    let frame = socket.next().await;
                    after = string(&frame, "push_id");
                    frames.push(frame);
                }
                for frame in &frames {
                    assert_eq!(int(frame, "seq"), last + 1, "no hole, no repeat");
                    last += 1;
                }
            }
        };
        tokio::join!(talk, listen);
    }

    async fn two_sockets_recover_alone(world: World) {
        let [ann, bob] = world.people().await;
        let first = visit(&bob, &ann).await;
        let second = visit(&bob, &ann).await;
        let sent = ann.send(&bob, "missed by both").await;
        bob.caught_up().await;
        let (long, _) = whole(&mut bob.socket_after(&first, "").await).await;
        let (short, _) = whole(&mut bob.socket_after(&second, "").await).await;
        assert_eq!((seqs(&long), seqs(&short)), (vec![2, 3], vec![int(&sent, "seq")]));
    }
}
