//! Tokens: what they are, how they are refused, how they end and how they are renewed.

use hyper::Method;
use jsonwebtoken::Algorithm::{HS256, HS384, HS512};
use serde_json::{Value, json};

use super::AUTHENTICATED;
use crate::support::*;

fn header_of(person: &Person) -> Token {
    Token::parse(&person.token)
}

/// The person's token with one claim changed, signed with the right secret.
fn bent(person: &Person, claim: &str, value: Value) -> String {
    let mut token = Token::parse(&person.token);
    token.claims[claim] = value;
    token.signed(HS256)
}

e2e! {
    async fn a_token_is_a_jwt_with_a_key_id_and_the_claims_of_the_design(world: World) {
        let [ann] = world.people().await;
        let token = header_of(&ann);
        assert_eq!(token.header["alg"], "HS256");
        assert!(token.header["kid"].is_string(), "{}", token.header);
        assert_keys(&token.claims, "iss aud user_id platform_id jti iat exp");
        assert_eq!(token.claims["iss"], "nexo");
        assert_eq!(token.claims["aud"], "nexo");
        assert_eq!(token.claims["user_id"], ann.id.as_str());
        assert_eq!(token.claims["platform_id"], 5);
        assert_eq!(int(&token.claims, "exp") - int(&token.claims, "iat"), 604_800);
    }

    // Code 2003.
    async fn every_call_behind_the_door_is_2003_without_a_token(world: World) {
        for (method, path) in AUTHENTICATED {
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            let body = if method == Method::GET { String::new() } else { "{}".to_owned() };
            world.visitor().call(method, path).bytes(body).send().await.refused(2003);
        }
    }

    async fn a_header_that_is_no_bearer_token_is_2001(world: World) {
        let [ann] = world.people().await;
        let bare = ann.token.clone();
        let basic = format!("Basic {bare}");
        let two = format!("Bearer {bare} {bare}");
        let cut = format!("Bearer {}", &bare[..bare.len() - 5]);
        let headless = format!("Bearer {}", bare.split_once('.').expect("a dot").1);
        for header in
            ["Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Bearer ..", "é", &bare, &basic, &two, &cut, &headless]
        {
            world.visitor().call(Method::GET, "/user/info").header("authorization", header).send().await.refused(2001);
        }
    }

    with(auth.secret = crate::support::SECRET)
    async fn a_token_signed_with_the_configured_secret_is_good(world: World) {
        let [ann] = world.people().await;
        let token = header_of(&ann).signed(HS256);
        ann.with_token(&token).get("/user/info").await.ok();
    }

    with(auth.secret = crate::support::SECRET)
    async fn a_forged_or_bent_token_is_2001(world: World) {
        let [ann, bob] = world.people().await;
        let good = header_of(&ann);
        let mut none = good.clone();
        none.header["alg"] = json!("none");
        let mut stronger = good.clone();
        stronger.header["alg"] = json!("HS512");
        let mut other_kid = good.clone();
        other_kid.header["kid"] = json!("another");
        let mut bodiless = good.clone();
        bodiless.claims = json!({});
        let (_, signature) = ann.token.rsplit_once('.').expect("a signature");
        let mut stolen = good.clone();
        stolen.claims["user_id"] = json!(bob.id);
        let tokens = [
            format!("{}.", none.unsigned()),
            format!("{}.{signature}", none.unsigned()),
            none.signed(HS256),
            stronger.signed(HS512),
            good.signed(HS384),
            bodiless.signed(HS256),
            format!("{}.{signature}", stolen.unsigned()),
            stolen.signed(HS256),
            bent(&ann, "iss", json!("elsewhere")),
            bent(&ann, "aud", json!("elsewhere")),
            bent(&ann, "jti", json!("another")),
            bent(&ann, "platform_id", json!(1)),
            bent(&ann, "platform_id", json!(9)),
            bent(&ann, "user_id", json!(unique("nobody"))),
            bent(&ann, "user_id", json!(7)),
            bent(&ann, "exp", json!("tomorrow")),
        ];
        for token in tokens {
            ann.with_token(&token).get("/user/info").await.refused(2001);
        }
        ann.get("/user/info").await.ok();
    }

    // Code 2002.
    with(auth.secret = crate::support::SECRET)
    async fn a_token_past_its_time_is_2002(world: World) {
        let [ann] = world.people().await;
        let token = bent(&ann, "exp", json!(now_ms() / 1000 - 60));
        ann.with_token(&token).get("/user/info").await.refused(2002);
        ann.get("/user/info").await.ok();
    }

    with(auth.token_ttl_s = "1")
    async fn a_token_runs_out_after_its_time_to_live(world: World) {
        let [ann] = world.people().await;
        eventually("the token runs out", async || {
            let reply = ann.get("/user/info").await;
            (reply.code() != 0).then(|| reply.refused(2002))
        })
        .await;
        ann.on(5).await.get("/user/info").await.ok();
    }

    async fn a_logout_ends_the_calling_token_only(world: World) {
        let [web] = world.people().await;
        let phone = web.on(1).await;
        web.post("/auth/logout", json!({})).await.done();
        web.get("/user/info").await.refused(2001);
        web.post("/auth/logout", json!({})).await.refused(2001);
        web.post("/auth/refresh", json!({})).await.refused(2001);
        phone.get("/user/info").await.ok();
        web.on(5).await.get("/user/info").await.ok();
    }

    async fn a_logout_and_a_refresh_need_no_body(world: World) {
        let [ann] = world.people().await;
        let data = ann.client.call(Method::POST, "/auth/refresh").send().await.ok();
        let ann = ann.with_token(&string(&data, "token"));
        ann.client.call(Method::POST, "/auth/logout").send().await.done();
    }

    async fn a_refresh_answers_a_new_token_and_ends_the_old_one(world: World) {
        let [ann] = world.people().await;
        let phone = ann.on(1).await;
        let data = ann.post("/auth/refresh", json!({})).await.ok();
        assert_keys(&data, "token expires_at");
        let new = ann.with_token(&string(&data, "token"));
        assert_eq!(int(&data, "expires_at"), int(&header_of(&new).claims, "exp") * 1_000);
        assert_ne!(new.token, ann.token);
        assert_eq!(header_of(&new).claims["platform_id"], 5);
        assert_eq!(header_of(&new).claims["user_id"], ann.id.as_str());
        new.get("/user/info").await.ok();
        ann.get("/user/info").await.refused(2001);
        ann.post("/auth/logout", json!({})).await.refused(2001);
        phone.get("/user/info").await.ok();
        let newer = new.with_token(&string(&new.post("/auth/refresh", json!({})).await.ok(), "token"));
        newer.get("/user/info").await.ok();
    }

    async fn a_refresh_repeated_soon_answers_the_same_token(world: World) {
        let [ann] = world.people().await;
        let all = (0..4).map(|_| ann.post("/auth/refresh", json!({})));
        let answers = futures_util::future::join_all(all).await;
        let first = answers[0].ok();
        for answer in &answers {
            assert_eq!(answer.ok(), first);
        }
        assert_eq!(ann.post("/auth/refresh", json!({})).await.ok(), first);
        ann.with_token(&string(&first, "token")).get("/user/info").await.ok();
    }

    async fn a_token_replaced_by_a_login_cannot_be_refreshed(world: World) {
        let [ann] = world.people().await;
        let again = ann.on(5).await;
        ann.post("/auth/refresh", json!({})).await.refused(2001);
        again.get("/user/info").await.ok();
    }

    async fn a_login_after_a_refresh_ends_the_refreshed_token_and_its_repeat(world: World) {
        let [ann] = world.people().await;
        let refreshed = ann.with_token(&string(&ann.post("/auth/refresh", json!({})).await.ok(), "token"));
        let again = ann.on(5).await;
        refreshed.get("/user/info").await.refused(2001);
        ann.post("/auth/refresh", json!({})).await.refused(2001);
        again.get("/user/info").await.ok();
    }

    async fn a_restart_keeps_good_tokens_good_and_ended_ones_ended(mut world: World) {
        let [ann, bob] = world.people().await;
        let phone = ann.on(1).await;
        let again = ann.on(5).await;
        bob.post("/auth/logout", json!({})).await.done();
        world.restart().await;
        again.get("/user/info").await.ok();
        phone.get("/user/info").await.ok();
        ann.get("/user/info").await.refused(2001);
        bob.get("/user/info").await.refused(2001);
    }
}
