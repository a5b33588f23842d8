//! What is bounded, and what is said past a bound.

use std::time::Instant;

use futures_util::future::join_all;
use hyper::Method;
use serde_json::{Value, json};

use crate::support::*;

fn login(id: &str, password: &str) -> Value {
    json!({ "user_id": id, "password": password, "platform_id": 5 })
}

/// 429 with 1006, and in how many seconds to come back.
#[track_caller]
fn assert_too_many(reply: &Reply) {
    reply.refused_with(429, 1006);
    let seconds: u64 = reply.header("retry-after").parse().unwrap_or_else(|_| panic!("retry-after of {reply:?}"));
    assert!((1..=60).contains(&seconds), "{seconds}");
}

/// That the headers say which limit refused, what it allows, and for how long it is used up.
#[track_caller]
fn assert_told(reply: &Reply, limit: &str, allows: &str) {
    assert_eq!(reply.header("ratelimit-policy"), format!("\"{limit}\";{allows}"), "{reply:?}");
    let expected = format!("\"{limit}\";r=0;t={}", reply.header("retry-after"));
    assert_eq!(reply.header("ratelimit"), expected, "{reply:?}");
}

/// That a refused frame says when to try again.
#[track_caller]
fn assert_told_when(answer: &Value) {
    assert!((1..=60_000).contains(&int(answer, "retry_after_ms")), "{answer}");
}

/// Sends until one is refused; answers that with how many were not.
async fn sends_until_refused(mut send: impl AsyncFnMut() -> Reply) -> (Reply, u64) {
    let mut sent = 0;
    let refused = eventually("a refusal", async || {
        let reply = send().await;
        sent += u64::from(reply.code() == 0);
        (reply.code() != 0).then_some(reply)
    });
    (refused.await, sent)
}

/// That a limit of three, and one each second, refused; answers how many messages it let through.
#[track_caller]
fn assert_limited((refused, sent): &(Reply, u64), begun: Instant) -> u64 {
    assert_too_many(refused);
    let most = 3 + begun.elapsed().as_secs();
    assert!((1..=most).contains(sent), "{sent} messages within {:?}", begun.elapsed());
    *sent
}

/// Sends a message again until it is taken, and answers it.
async fn goes_through(sender: &Person, draft: &Value) -> Value {
    let taken = eventually("the end of the limit", async || {
        let reply = sender.post("/msg/send", draft.clone()).await;
        (reply.code() != 1006).then_some(reply)
    });
    taken.await.ok()
}

e2e! {
    // Code 1006.
    with(limits.enabled = "true", limits.login_failures_per_minute = "3")
    async fn too_many_wrong_passwords_for_one_account_are_1006(world: World) {
        let [ann, bob] = world.people().await;
        let visitor = world.visitor();
        for _ in 0..3 {
            visitor.post("/auth/login", login(&ann.id, "wrong password")).await.refused(2008);
        }
        let refused = visitor.post("/auth/login", login(&ann.id, "wrong password")).await;
        assert_too_many(&refused);
        assert_told(&refused, "login_failures", "q=3;w=60");
        visitor.post("/auth/login", login(&bob.id, "wrong password")).await.refused(2008);
        bob.on(5).await.get("/user/info").await.ok();
        ann.get("/user/info").await.ok();
    }

    with(limits.enabled = "true", limits.user_sends_burst = "3", limits.user_sends_per_second = "1")
    async fn too_many_messages_of_one_user_are_1006_for_a_moment(world: World) {
        let [ann, bob] = world.people().await;
        let phone = ann.on(1).await;
        let begun = Instant::now();
        let refused = sends_until_refused(async || {
            let sender = if rand::random() { &ann } else { &phone };
            sender.post("/msg/send", sender.draft(&bob, "hello")).await
        })
        .await;
        let sent = assert_limited(&refused, begun);
        assert_told(&refused.0, "user_sends", "q=3;w=3");
        bob.send(&ann, "I am not limited").await;
        let mut socket = ann.socket().await;
        eventually("a refusal over the WebSocket", async || {
            let answer = socket.ask("send", ann.draft(&ann, "a note")).await;
            (answer["code"] == 1006).then(|| assert_told_when(&answer))
        })
        .await;
        ann.get("/user/info").await.ok();
        assert_eq!(goes_through(&ann, &ann.draft(&bob, "hello at last")).await["seq"], sent + 2);
    }

    with(limits.enabled = "true", limits.user_sends_burst = "5", limits.user_sends_per_second = "1")
    async fn whoever_sends_hears_how_many_messages_are_left(world: World) {
        let [ann, bob] = world.people().await;
        let first = ann.draft(&bob, "first");
        let begun = Instant::now();
        for sent in 1..=4 {
            let reply = match sent {
                1 => ann.post("/msg/send", first.clone()).await,
                _ => ann.post("/msg/send", ann.draft(&bob, "hello")).await,
            };
            reply.ok();
            assert_eq!(reply.header("ratelimit-policy"), "\"user_sends\";q=5;w=5");
            let told: Vec<&str> = reply.header("ratelimit").split(';').collect();
            let left: u64 = told[1].trim_start_matches("r=").parse().unwrap_or_else(|_| panic!("{reply:?}"));
            let most = (5 - sent + begun.elapsed().as_secs() + 1).min(4);
            assert!((5 - sent..=most).contains(&left), "{left} left after {sent}");
            assert_eq!((told[0], told[2]), ("\"user_sends\"", "t=1"));
        }
        let repeat = ann.post("/msg/send", first).await;
        repeat.ok();
        assert_eq!(repeat.header("ratelimit"), "", "a repeat is not counted");
    }

    with(limits.enabled = "true", limits.conversation_sends_burst = "3", limits.conversation_sends_per_second = "1")
    async fn too_many_messages_in_one_conversation_are_1006_for_a_moment(world: World) {
        let [ann, bob, cho] = world.people().await;
        let group = ann.group(&[&bob, &cho]).await;
        let first = ann.draft_group(&group, "first");
        ann.post("/msg/send", first.clone()).await.ok();
        let begun = Instant::now();
        let refused = sends_until_refused(async || {
            let sender = if rand::random() { &ann } else { &bob };
            sender.send_group(&group, "hello").await
        })
        .await;
        let mut sent = assert_limited(&refused, begun) + 1;
        assert_told(&refused.0, "conversation_sends", "q=3;w=3");
        assert_eq!(ann.post("/msg/send", first).await.ok()["seq"], 1, "a repeat is answered");
        ann.send(&bob, "elsewhere").await;
        let mut socket = cho.socket().await;
        eventually("a refusal over the WebSocket", async || {
            let answer = socket.ask("send", cho.draft_group(&group, "me too")).await;
            sent += u64::from(answer["code"] == 0);
            (answer["code"] == 1006).then(|| assert_told_when(&answer))
        })
        .await;
        assert_eq!(goes_through(&cho, &cho.draft_group(&group, "at last")).await["seq"], sent + 1);
    }

    with(limits.enabled = "true", limits.auth_burst = "6", limits.auth_per_second = "1")
    async fn too_many_registrations_from_one_address_are_1006_for_a_moment(world: World) {
        let [ann, bob] = world.people().await;
        let register = async || {
            let body = json!({ "nickname": "n", "password": "123456" });
            world.visitor().post("/auth/register", body).await
        };
        let refused = eventually("a refusal", async || {
            let reply = register().await;
            (reply.code() != 0).then_some(reply)
        })
        .await;
        assert_too_many(&refused);
        assert_told(&refused, "address", "q=6;w=6");
        ann.send(&bob, "messages go on").await;
        eventually("the end of the limit", async || (register().await.code() == 0).then_some(())).await;
    }

    with(limits.enabled = "true")
    async fn the_default_limits_let_200_registrations_through_at_once(world: World) {
        let body = |n: usize| json!({ "nickname": format!("n{n}"), "password": "123456" });
        // In waves, for the hashes that a slow machine makes for them; the limit counts them all the same.
        for wave in 0..5 {
            let replies = join_all((0..40).map(|n| world.visitor().post("/auth/register", body(wave * 40 + n)))).await;
            assert!(replies.iter().all(|reply| reply.code() == 0), "{:?}", replies.iter().find(|reply| reply.code() != 0));
        }
    }

    with(limits.auth_burst = "1", limits.auth_per_second = "1", limits.login_failures_per_minute = "1")
    async fn limits_that_are_off_refuse_nobody(world: World) {
        let [ann] = world.people().await;
        for _ in 0..5 {
            world.visitor().post("/auth/login", login(&ann.id, "wrong password")).await.refused(2008);
        }
        world.crowd(5).await;
    }

    with(auth.hash_threads = "1", auth.hash_queue = "1")
    async fn logins_past_the_hash_queue_are_1006_and_messages_go_on(world: World) {
        let [ann] = world.people().await;
        let logins = join_all((0..32).map(|_| world.visitor().post("/auth/login", login(&ann.id, "wrong password"))));
        let (logins, message) = tokio::join!(logins, ann.post("/msg/send", ann.draft(&ann, "meanwhile")));
        message.ok();
        assert!(logins.iter().any(|reply| reply.code() == 2008), "somebody is served");
        let refused: Vec<&Reply> = logins.iter().filter(|reply| reply.code() != 2008).collect();
        assert!(!refused.is_empty(), "nobody was refused");
        refused.into_iter().for_each(assert_too_many);
    }

    with(limits.member_ids = "3")
    async fn more_member_ids_than_the_setting_are_1001(world: World) {
        let [ann] = world.people().await;
        let crowd = world.crowd(4).await;
        let ids: Vec<&str> = crowd.iter().map(|person| person.id.as_str()).collect();
        ann.post("/group/create", json!({ "name": "g", "member_ids": ids })).await.refused_field("member_ids");
        ann.post("/group/create", json!({ "name": "g", "member_ids": ids[..3] })).await.ok();
    }

    with(limits.group_members = "3")
    async fn a_full_group_takes_nobody_more_and_answers_1004(world: World) {
        let [ann, bob, cho, dan] = world.people().await;
        let ids = [&bob.id, &cho.id, &dan.id];
        let body = json!({ "name": "g", "member_ids": ids });
        assert_eq!(ann.post("/group/create", body).await.code(), 1004);
        assert!(bob.conversations().await.is_empty());
        let group = ann.group(&[&bob, &cho]).await;
        assert_eq!(dan.join(&group).await.code(), 1004);
        assert_eq!(ann.group_info(&group).await["member_count"], 3);
        assert!(dan.conversations().await.is_empty());
        cho.quit(&group).await.done();
        dan.join(&group).await.done();
    }

    with(limits.content_bytes = "100")
    async fn a_content_over_the_setting_is_1001(world: World) {
        let [ann, bob] = world.people().await;
        ann.send(&bob, &"x".repeat(80)).await;
        ann.post("/msg/send", ann.draft(&bob, &"x".repeat(100))).await.refused_field("content");
    }

    with(server.body_limit_bytes = "1024", limits.content_bytes = "512")
    async fn a_body_over_the_setting_is_413(world: World) {
        let [ann] = world.people().await;
        let body = json!({ "extra": "x".repeat(1024) });
        ann.put("/user/update", body).await.refused_with(413, 1001);
        ann.put("/user/update", json!({ "extra": "x".repeat(900) })).await.ok();
    }

    with(auth.password_min_bytes = "10")
    async fn a_password_under_the_setting_is_1001(world: World) {
        let body = |password: &str| json!({ "nickname": "n", "password": password });
        world.visitor().post("/auth/register", body("123456789")).await.refused_field("password");
        world.visitor().post("/auth/register", body("1234567890")).await.ok();
    }

    with(server.max_connections = "20")
    async fn connections_over_the_setting_wait_or_end_and_come_back(world: World) {
        let mut held = Vec::new();
        for _ in 0..40 {
            held.push(world.visitor().tcp().await);
        }
        drop(held);
        eventually("a free connection", async || {
            let reply = world.visitor().call(Method::GET, "/health").try_send().await;
            reply.is_ok_and(|reply| reply.status == 200).then_some(())
        })
        .await;
    }
}
