//! How a socket ends: each reason has its code.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::*;

e2e! {
    async fn a_new_login_closes_the_sockets_of_its_platform_with_4001(world: World) {
        let [ann] = world.people().await;
        let phone = ann.on(1).await;
        let mut on_web = [ann.socket().await, ann.socket_v1().await];
        let mut on_phone = phone.socket().await;
        let again = ann.on(5).await;
        for socket in &mut on_web {
            assert_eq!(socket.close_code().await, 4001);
        }
        on_phone.ask_ok("ping", json!({})).await;
        again.socket().await.ask_ok("ping", json!({})).await;
    }

    async fn a_logout_closes_the_sockets_of_its_token_with_4002(world: World) {
        let [ann] = world.people().await;
        let phone = ann.on(1).await;
        let mut on_web = [ann.socket().await, ann.socket_v1().await];
        let mut on_phone = phone.socket().await;
        ann.post("/auth/logout", json!({})).await.done();
        for socket in &mut on_web {
            assert_eq!(socket.close_code().await, 4002);
        }
        on_phone.ask_ok("ping", json!({})).await;
    }

    async fn frames_after_a_logout_or_a_login_do_nothing(world: World) {
        let [ann, bob] = world.people().await;
        let mut socket = ann.socket().await;
        ann.on(5).await;
        let frame = json!({ "id": "late", "op": "send", "data": ann.draft(&bob, "too late") });
        socket.write(tokio_tungstenite::tungstenite::Message::text(frame.to_string())).await;
        assert_eq!(socket.close_code().await, 4001);
        assert!(bob.conversations().await.is_empty());
    }

    with(auth.token_ttl_s = "1", ws.heartbeat_ms = "100")
    async fn a_token_that_runs_out_closes_its_sockets_with_4002(world: World) {
        let [ann] = world.people().await;
        let mut socket = ann.socket().await;
        assert_eq!(socket.close_code().await, 4002);
        // A clock that is a little behind is forgiven by REST.
        eventually("2002", async || (ann.get("/user/info").await.code() == 2002).then_some(())).await;
    }

    with(auth.token_ttl_s = "4", ws.heartbeat_ms = "100")
    async fn the_sockets_of_a_refreshed_token_take_the_new_expiry(world: World) {
        let [ann, bob] = world.people().await;
        let (mut kept, mut left) = (ann.socket().await, bob.socket().await);
        let old = int(&Token::parse(&ann.token).claims, "exp");
        // Times of tokens are whole seconds: refreshed late enough, the new one ends two of them later.
        eventually("two seconds to go", async || (now_ms() / 1000 >= old - 2).then_some(())).await;
        let refreshed = ann.with_token(&string(&ann.post("/auth/refresh", json!({})).await.ok(), "token"));
        assert!(int(&Token::parse(&refreshed.token).claims, "exp") >= old + 2);
        let other = async { left.close_code().await };
        let own = async {
            let sent = Instant::now();
            (kept.close_code().await, sent.elapsed())
        };
        let ((code, own), (other_code, other)) = tokio::join!(own, async {
            let sent = Instant::now();
            (other.await, sent.elapsed())
        });
        assert_eq!((code, other_code), (4002, 4002));
        assert!(own > other, "{own:?} is not longer than {other:?}");
    }

    with(limits.enabled = "true", limits.connections_per_user = "3")
    // Code 5001.
    async fn a_connection_too_many_is_closed_with_4013(world: World) {
        let [ann, bob] = world.people().await;
        let phone = ann.on(1).await;
        let mut held = vec![ann.socket().await, phone.socket().await, ann.socket_v1().await];
        for person in [&ann, &phone] {
            let mut extra = person.connect("").await;
            match extra.ended().await {
                Ended::Closed(4013, reason) => assert!(reason.contains("5001"), "{reason}"),
                other => panic!("ended with {other:?}"),
            }
        }
        for socket in &mut held {
            socket.ask_ok("ping", json!({})).await;
        }
        bob.socket().await;
        held.pop().expect("a socket").close().await;
        let marker = eventually("a free place", async || {
            let mut socket = ann.connect("").await;
            let marker = bob.send(&ann, "marker").await;
            match socket.try_next().await {
                Ok(frame) => Some((frame["client_msg_id"].clone(), marker["client_msg_id"].clone())),
                Err(_) => None,
            }
        })
        .await;
        assert_eq!(marker.0, marker.1);
    }

    with(ws.queue_bytes = "32768")
    async fn a_client_that_reads_too_slowly_is_closed_with_4008_and_others_wait_for_nobody(world: World) {
        let [ann, bob] = world.people().await;
        let mut slow = RawSocket::open(&bob, "").await;
        let mut quick = bob.on(1).await.socket().await;
        let body = "x".repeat(15_000);
        for n in 1..=300 {
            ann.send(&bob, &body).await;
            assert_eq!(quick.next().await["seq"], n);
        }
        assert_eq!(slow.close_code().await, Some(4008));
        quick.ask_ok("ping", json!({})).await;
        let mut back = bob.socket().await;
        let live = ann.send(&bob, "live").await;
        assert!(back.before(&live).await.is_empty());
    }

    with(ws.heartbeat_ms = "100", ws.silence_ms = "500")
    async fn a_silent_client_is_pinged_and_then_closed(world: World) {
        let [ann] = world.people().await;
        let mut silent = RawSocket::open(&ann, "").await;
        let opened = Instant::now();
        assert_eq!(silent.read().await.map(|(kind, _)| kind), Some(opcode::PING));
        // It may be cut without a close frame: nobody listens.
        silent.close_code().await;
        assert!(opened.elapsed().as_millis() >= 400, "{:?} is too soon", opened.elapsed());
    }

    with(ws.heartbeat_ms = "100", ws.silence_ms = "500")
    async fn a_client_that_answers_pings_stays(world: World) {
        let [ann, bob] = world.people().await;
        let mut socket = ann.socket().await;
        // Waiting for a frame answers the pings that come before it; nothing else is written.
        while socket.pings < 15 {
            let tick = async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                bob.send(&ann, "tick").await
            };
            let (sent, frame) = tokio::join!(tick, socket.next());
            assert_eq!(frame["seq"], sent["seq"]);
        }
        socket.ask_ok("ping", json!({})).await;
    }

    async fn a_close_of_the_client_is_answered(world: World) {
        let [ann] = world.people().await;
        let ended = ann.socket().await.close().await;
        assert!(matches!(ended, Ended::Closed(1000 | 1005, _)), "{ended:?}");
        let mut raw = RawSocket::open(&ann, "").await;
        raw.write(opcode::CLOSE, &[&1000_u16.to_be_bytes()[..], b"bye"].concat()).await;
        assert_eq!(raw.close_code().await, Some(1000));
        raw.0.ended().await;
    }

    with(server.drain_ms = "2000")
    async fn sigterm_closes_sockets_with_1012_and_ends_with_0(mut world: World) {
        let [ann, bob] = world.people().await;
        let mut sockets = [ann.socket().await, ann.socket_v1().await, bob.socket().await];
        let sent = ann.send(&bob, "the last one").await;
        world.signal(Signal::TERM);
        assert_eq!(sockets[2].next().await["seq"], sent["seq"]);
        for socket in &mut sockets {
            assert_eq!(socket.close_code().await, 1012);
        }
        world.ended().await;
    }

    async fn sigint_drains_as_well(mut world: World) {
        let [ann] = world.people().await;
        let mut socket = ann.socket().await;
        world.signal(Signal::INT);
        assert_eq!(socket.close_code().await, 1012);
        world.ended().await;
    }

    async fn sends_in_flight_at_sigterm_are_answered_or_not_acked(mut world: World) {
        let [ann, bob] = world.people().await;
        let acked = std::cell::RefCell::new(Vec::new());
        let talk = futures_util::future::join_all((0..8).map(async |_| {
            loop {
                let draft = ann.draft(&bob, "x");
                let call = ann.client.call(hyper::Method::POST, "/msg/send").json(&draft);
                match call.try_send().await {
                    Ok(reply) if reply.status == 200 => acked.borrow_mut().push(int(&reply.ok(), "seq")),
                    Ok(reply) => return reply.refused_with(503, 1002),
                    Err(_) => return,
                }
            }
        }));
        let stop = async {
            eventually("some sends", async || (acked.borrow().len() > 40).then_some(())).await;
            world.signal(Signal::TERM);
        };
        tokio::join!(talk, stop);
        world.ended().await;
        world.restart().await;
        let stored = seqs(&bob.pull(&pair(&ann, &bob)).await);
        let mut acked = acked.into_inner();
        acked.sort_unstable();
        assert!(acked.iter().all(|seq| stored.contains(seq)), "an ack means stored");
        assert!(stored.iter().copied().eq(1..=i64::try_from(stored.len()).expect("a count")), "{stored:?}");
    }

    with(server.drain_pause_ms = "60000")
    async fn a_draining_server_is_not_ready_and_a_second_signal_ends_it_at_once(mut world: World) {
        let [ann] = world.people().await;
        world.signal(Signal::TERM);
        let not_ready = eventually("not ready", async || {
            let reply = ann.get("/ready").await;
            (reply.status != 200).then_some(reply)
        })
        .await;
        assert_eq!(not_ready.status, 503, "{not_ready:?}");
        let health = ann.get("/health").await;
        assert_eq!((health.status, health.json()), (200, json!({ "status": "ok" })));
        ann.send(&ann, "the balancer still sends some").await;
        world.signal(Signal::TERM);
        world.servers()[0].wait_exit().await;
    }

    async fn a_client_that_never_reads_does_not_hold_up_the_end(mut world: World) {
        let [ann, bob] = world.people().await;
        let _silent = RawSocket::open(&bob, "").await;
        for _ in 0..50 {
            ann.send(&bob, &"x".repeat(15_000)).await;
        }
        let mut half = world.visitor().tcp().await;
        half.write("POST /msg/send HTTP/1.1\r\nHost: nexo\r\nContent-Length: 100\r\n\r\n{").await;
        world.signal(Signal::TERM);
        let drained = tokio::time::timeout(2 * DEADLINE, async {
            loop {
                if world.visitor().call(hyper::Method::GET, "/health").try_send().await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        drained.await.expect("the server stops listening");
        world.ended().await;
    }

    async fn the_state_of_a_socket_is_not_shared_with_the_next(world: World) {
        let [ann, bob] = world.people().await;
        for _ in 0..10 {
            let mut socket = ann.socket_v1().await;
            let answer: Value = socket.ask_ok("ping", json!({})).await;
            assert_recent(&answer["server_time"]);
            drop(socket);
        }
        let mut socket = ann.socket().await;
        let marker = bob.send(&ann, "marker").await;
        assert!(socket.before(&marker).await.is_empty());
    }
}
