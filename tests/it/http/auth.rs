//! Registration and login.

use hyper::Method;
use serde_json::{Value, json};

use crate::support::*;

const USER: &str = "user_id nickname avatar extra created_at";

fn registration(id: &str) -> Value {
    json!({ "user_id": id, "nickname": "张三", "password": "123456" })
}

/// `registration` of a new id, with one field changed.
fn with(field: &str, value: impl Into<Value>) -> Value {
    let mut body = registration(&unique("reg"));
    body[field] = value.into();
    body
}

e2e! {
    async fn a_registration_answers_the_user_of_the_document(world: World) {
        let id = unique("user001");
        let body =
            json!({ "user_id": id, "nickname": "张三", "password": "123456", "avatar": "https://example.com/avatar.png" });
        let user = world.visitor().post("/auth/register", body).await.ok();
        assert_keys(&user, USER);
        assert_eq!(user["user_id"], id.as_str());
        assert_eq!(user["nickname"], "张三");
        assert_eq!(user["avatar"], "https://example.com/avatar.png");
        assert_eq!(user["extra"], "");
        assert_recent(&user["created_at"]);
    }

    async fn an_avatar_that_is_not_given_is_empty(world: World) {
        let user = world.visitor().post("/auth/register", registration(&unique("a"))).await.ok();
        assert_eq!(user["avatar"], "");
    }

    async fn a_user_id_that_is_absent_or_empty_becomes_a_uuid(world: World) {
        let absent = json!({ "nickname": "a", "password": "123456" });
        let empty = json!({ "user_id": "", "nickname": "a", "password": "123456" });
        let mut ids = Vec::new();
        for body in [absent, empty] {
            let id = string(&world.visitor().post("/auth/register", body).await.ok(), "user_id");
            let lengths: Vec<usize> = id.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
            assert!(id.chars().all(|c| c == '-' || c.is_ascii_hexdigit()), "{id}");
            let login = json!({ "user_id": id, "password": "123456", "platform_id": 1 });
            world.visitor().post("/auth/login", login).await.ok();
            ids.push(id);
        }
        assert_ne!(ids[0], ids[1]);
    }

    // Code 2007.
    async fn a_taken_user_id_is_2007_and_the_first_owner_keeps_it(world: World) {
        let id = unique("taken");
        world.visitor().post("/auth/register", registration(&id)).await.ok();
        let second = json!({ "user_id": id, "nickname": "thief", "password": "654321" });
        world.visitor().post("/auth/register", second).await.refused(2007);
        let login = json!({ "user_id": id, "password": "123456", "platform_id": 5 });
        let data = world.visitor().post("/auth/login", login).await.ok();
        assert_eq!(data["user_info"]["nickname"], "张三");
    }

    async fn of_many_registrations_of_one_id_at_once_one_wins(world: World) {
        let id = unique("race");
        let all = (0..16).map(|_| world.visitor().post("/auth/register", registration(&id)));
        let codes: Vec<i64> = futures_util::future::join_all(all).await.iter().map(Reply::code).collect();
        assert_eq!(codes.iter().filter(|&&code| code == 0).count(), 1, "{codes:?}");
        assert_eq!(codes.iter().filter(|&&code| code == 2007).count(), 15, "{codes:?}");
    }

    async fn user_ids_differ_by_case(world: World) {
        let id = unique("case");
        world.visitor().post("/auth/register", registration(&id)).await.ok();
        world.visitor().post("/auth/register", registration(&id.to_uppercase())).await.ok();
    }

    async fn a_user_id_has_up_to_64_letters_digits_and_signs(world: World) {
        let signs = format!("Az09_.@+-{}", unique(""));
        let longest = format!("{:x<64}", unique("l"));
        for id in [&signs, &longest] {
            let user = world.visitor().post("/auth/register", registration(id)).await.ok();
            assert_eq!(user["user_id"], id.as_str());
        }
        let too_long = format!("{longest}x");
        for id in ["a b", "a:b", "a/b", "a*b", "a#b", "张三", "é", "a\n", "a\u{0}", " ", too_long.as_str()] {
            world.visitor().post("/auth/register", registration(id)).await.refused_field("user_id");
        }
        for id in [json!(5), json!(["a"]), json!({}), json!(true)] {
            world.visitor().post("/auth/register", with("user_id", id)).await.refused_field("user_id");
        }
    }

    async fn a_nickname_has_1_to_64_characters_and_no_control_ones(world: World) {
        for good in ["a".to_owned(), "张".repeat(64), "👩‍🚀 مرحبا".to_owned(), " ".to_owned() + "x"] {
            let user = world.visitor().post("/auth/register", with("nickname", good.as_str())).await.ok();
            assert_eq!(user["nickname"], good.as_str());
        }
        let bad = [
            json!(""),
            json!(null),
            json!("张".repeat(65)),
            json!("a\nb"),
            json!("a\u{7f}"),
            json!("\u{0}"),
            json!(7),
            json!(["a"]),
        ];
        for nickname in bad {
            world.visitor().post("/auth/register", with("nickname", nickname)).await.refused_field("nickname");
        }
        let absent = json!({ "password": "123456" });
        world.visitor().post("/auth/register", absent).await.refused_field("nickname");
    }

    async fn a_password_has_6_to_128_bytes_of_anything(world: World) {
        for good in
            ["123456".to_owned(), "密码".to_owned(), "\u{0}\n\u{7}\"\\x".to_owned(), "p".repeat(128), "      ".to_owned()]
        {
            let body = with("password", good.as_str());
            world.visitor().post("/auth/register", body.clone()).await.ok();
            let login = json!({ "user_id": body["user_id"], "password": good, "platform_id": 5 });
            world.visitor().post("/auth/login", login).await.ok();
        }
        for bad in [json!(""), json!(null), json!("12345"), json!("p".repeat(129)), json!("码".repeat(43)), json!(123_456)]
        {
            world.visitor().post("/auth/register", with("password", bad)).await.refused_field("password");
        }
        let absent = json!({ "nickname": "a" });
        world.visitor().post("/auth/register", absent).await.refused_field("password");
    }

    async fn an_avatar_has_up_to_1024_bytes(world: World) {
        world.visitor().post("/auth/register", with("avatar", "a".repeat(1024))).await.ok();
        world.visitor().post("/auth/register", with("avatar", "")).await.ok();
        for bad in [json!("a".repeat(1025)), json!("像".repeat(342)), json!(1), json!({})] {
            world.visitor().post("/auth/register", with("avatar", bad)).await.refused_field("avatar");
        }
    }

    async fn a_login_answers_a_token_and_the_user_of_the_document(world: World) {
        let body = with("avatar", "https://example.com/avatar.png");
        let registered = world.visitor().post("/auth/register", body.clone()).await.ok();
        let login = json!({ "user_id": body["user_id"], "password": "123456", "platform_id": 5 });
        let data = world.visitor().post("/auth/login", login).await.ok();
        assert_keys(&data, "token expires_at user_info");
        assert_eq!(data["user_info"], registered);
        let token = Token::parse(&string(&data, "token"));
        assert_eq!(int(&data, "expires_at"), int(&token.claims, "exp") * 1_000);
    }

    // Codes 2006 and 2008.
    async fn an_unknown_user_is_2006_and_a_wrong_password_2008(world: World) {
        let [ann] = world.people().await;
        let login = |id: &str, password: &str| json!({ "user_id": id, "password": password, "platform_id": 5 });
        world.visitor().post("/auth/login", login(&unique("nobody"), "123456")).await.refused(2006);
        world.visitor().post("/auth/login", login(&ann.id, "654321")).await.refused(2008);
        world.visitor().post("/auth/login", login(&ann.id, "Correct horse")).await.refused(2008);
        world.visitor().post("/auth/login", login(&ann.id.to_uppercase(), "correct horse")).await.refused(2006);
        ann.get("/user/info").await.ok();
    }

    // Code 2005.
    with(auth.uniform_login_errors = "true")
    async fn uniform_login_errors_answer_2005_for_both(world: World) {
        let [ann] = world.people().await;
        let login = |id: &str| json!({ "user_id": id, "password": "654321", "platform_id": 5 });
        let unknown = world.visitor().post("/auth/login", login(&unique("nobody"))).await;
        let wrong = world.visitor().post("/auth/login", login(&ann.id)).await;
        unknown.refused(2005);
        wrong.refused(2005);
        assert_eq!(unknown.body, wrong.body);
    }

    async fn a_platform_is_an_integer_from_1_to_5(world: World) {
        let [ann] = world.people().await;
        for bad in [json!(0), json!(6), json!(-1), json!(1.5), json!("5"), json!(null), json!([5]), json!(1_i64 << 40)] {
            let login = json!({ "user_id": ann.id, "password": "correct horse", "platform_id": bad });
            world.visitor().post("/auth/login", login).await.refused_field("platform_id");
        }
        let absent = json!({ "user_id": ann.id, "password": "correct horse" });
        world.visitor().post("/auth/login", absent).await.refused_field("platform_id");
        ann.get("/user/info").await.ok();
    }

    async fn a_login_needs_its_user_id_and_password(world: World) {
        for (field, bad) in [
            ("user_id", json!("")),
            ("user_id", json!(null)),
            ("user_id", json!(1)),
            ("password", json!("")),
            ("password", json!(null)),
            ("password", json!({})),
        ] {
            let mut login = json!({ "user_id": "ann", "password": "123456", "platform_id": 5 });
            login[field] = bad;
            world.visitor().post("/auth/login", login.clone()).await.refused_field(field);
            login.as_object_mut().expect("an object").remove(field);
            world.visitor().post("/auth/login", login).await.refused_field(field);
        }
    }

    async fn one_user_is_logged_in_on_all_five_platforms_at_once(world: World) {
        let [web] = world.people().await;
        let mut devices = vec![web.clone()];
        for platform in 1..=4 {
            devices.push(web.on(platform).await);
        }
        for device in &devices {
            assert_eq!(device.get("/user/info").await.ok()["user_id"], web.id.as_str());
        }
    }

    // Code 2001.
    async fn a_new_login_ends_the_token_of_its_platform_only(world: World) {
        let [web] = world.people().await;
        let phone = web.on(1).await;
        let again = web.on(5).await;
        assert_ne!(again.token, web.token);
        web.get("/user/info").await.refused(2001);
        phone.get("/user/info").await.ok();
        again.get("/user/info").await.ok();
    }

    async fn of_many_logins_on_one_platform_at_once_one_token_stays(world: World) {
        let [ann] = world.people().await;
        let logins = futures_util::future::join_all((0..8).map(|_| ann.on(2))).await;
        let checks = futures_util::future::join_all(logins.iter().map(|login| login.get("/user/info"))).await;
        let codes: Vec<i64> = checks.iter().map(Reply::code).collect();
        assert_eq!(codes.iter().filter(|&&code| code == 0).count(), 1, "{codes:?}");
        assert_eq!(codes.iter().filter(|&&code| code == 2001).count(), 7, "{codes:?}");
    }

    async fn a_login_and_a_registration_need_no_token(world: World) {
        let [ann] = world.people().await;
        let login = json!({ "user_id": ann.id, "password": "correct horse", "platform_id": 3 });
        let call = world.visitor().call(Method::POST, "/auth/login").header("authorization", "Bearer nonsense");
        call.json(&login).send().await.ok();
    }
}
