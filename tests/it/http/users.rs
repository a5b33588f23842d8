//! Users: oneself, others, and changing oneself.

use serde_json::{Value, json};

use crate::support::*;

const USER: &str = "user_id nickname avatar extra created_at";

e2e! {
    async fn info_is_the_user_who_calls(world: World) {
        let [ann] = world.people().await;
        let user = ann.get("/user/info").await.ok();
        assert_keys(&user, USER);
        assert_eq!(user["user_id"], ann.id.as_str());
        assert_eq!(user["nickname"], ann.id.as_str());
        assert_eq!(user["avatar"], "");
        assert_eq!(user["extra"], "");
        assert_recent(&user["created_at"]);
    }

    async fn a_profile_is_the_same_user_seen_by_another(world: World) {
        let [ann, bob] = world.people().await;
        let own = bob.get("/user/info").await.ok();
        assert_eq!(ann.get(&format!("/user/profile/{}", bob.id)).await.ok(), own);
        assert_eq!(bob.get(&format!("/user/profile/{}", bob.id)).await.ok(), own);
    }

    async fn a_profile_of_an_id_with_signs_is_found_by_its_encoded_path(world: World) {
        let [ann] = world.people().await;
        let sign = Person::register(world.visitor(), &format!("{}+x@nexo.example", unique("sign"))).await;
        let profile = ann.get(&format!("/user/profile/{}", enc(&sign.id))).await.ok();
        assert_eq!(profile["user_id"], sign.id.as_str());
        // In a path, a plus is a plus.
        let plain = ann.get(&format!("/user/profile/{}", sign.id)).await.ok();
        assert_eq!(plain["user_id"], sign.id.as_str());
    }

    async fn a_profile_of_an_unknown_user_is_2006(world: World) {
        let [ann] = world.people().await;
        ann.get(&format!("/user/profile/{}", unique("nobody"))).await.refused(2006);
        for never in ["a%20b", "%E5%BC%A0", "a%2Fb", &"x".repeat(65)] {
            let reply = ann.get(&format!("/user/profile/{never}")).await;
            assert!([1001, 2006].contains(&reply.code()), "{reply:?}");
        }
    }

    async fn an_update_answers_the_whole_user_and_everyone_sees_it(world: World) {
        let [ann, bob] = world.people().await;
        let before = ann.get("/user/info").await.ok();
        let change =
            json!({ "nickname": "张三丰", "avatar": "https://example.com/new-avatar.png", "extra": "{\"mood\":\"好\"}" });
        let after = ann.put("/user/update", change).await.ok();
        assert_keys(&after, USER);
        assert_eq!(after["user_id"], ann.id.as_str());
        assert_eq!(after["nickname"], "张三丰");
        assert_eq!(after["avatar"], "https://example.com/new-avatar.png");
        assert_eq!(after["extra"], "{\"mood\":\"好\"}");
        assert_eq!(after["created_at"], before["created_at"]);
        assert_eq!(ann.get("/user/info").await.ok(), after);
        assert_eq!(bob.get(&format!("/user/profile/{}", ann.id)).await.ok(), after);
    }

    async fn an_update_changes_only_the_fields_given(world: World) {
        let [ann] = world.people().await;
        let full = json!({ "nickname": "n", "avatar": "a", "extra": "e" });
        let mut expected = ann.put("/user/update", full).await.ok();
        for (field, value) in [("nickname", "n2"), ("avatar", "a2"), ("extra", "e2"), ("avatar", ""), ("extra", "")] {
            expected[field] = json!(value);
            assert_eq!(ann.put("/user/update", json!({ field: value })).await.ok(), expected);
        }
        assert_eq!(ann.put("/user/update", json!({})).await.ok(), expected);
        assert_eq!(ann.put("/user/update", json!({ "user_id": "x", "created_at": 1 })).await.ok(), expected);
    }

    async fn an_update_keeps_to_the_sizes(world: World) {
        let [ann] = world.people().await;
        let extra = "e".repeat(8192);
        let user = ann
            .put("/user/update", json!({ "nickname": "名".repeat(64), "avatar": "a".repeat(1024), "extra": extra }))
            .await
            .ok();
        assert_eq!(user["extra"], extra.as_str());
        let bad = [
            ("nickname", json!("")),
            ("nickname", json!("名".repeat(65))),
            ("nickname", json!("a\tb")),
            ("nickname", json!(5)),
            ("avatar", json!("a".repeat(1025))),
            ("avatar", json!(5)),
            ("extra", json!("e".repeat(8193))),
            ("extra", json!({ "an": "object" })),
        ];
        for (field, value) in bad {
            ann.put("/user/update", json!({ field: value })).await.refused_field(field);
        }
        assert_eq!(ann.get("/user/info").await.ok(), user);
    }

    async fn of_two_updates_of_different_fields_at_once_none_is_lost(world: World) {
        let [ann] = world.people().await;
        for round in 0..8 {
            let value = |field: &str| Value::from(format!("{field} {round}"));
            let (a, b, c) = tokio::join!(
                ann.put("/user/update", json!({ "nickname": value("nickname") })),
                ann.put("/user/update", json!({ "avatar": value("avatar") })),
                ann.put("/user/update", json!({ "extra": value("extra") })),
            );
            for reply in [a, b, c] {
                reply.ok();
            }
            let user = ann.get("/user/info").await.ok();
            for field in ["nickname", "avatar", "extra"] {
                assert_eq!(user[field], value(field));
            }
        }
    }

    async fn a_user_outlives_a_restart(mut world: World) {
        let [ann] = world.people().await;
        let user = ann.put("/user/update", json!({ "nickname": "张三丰", "extra": "e" })).await.ok();
        world.restart().await;
        assert_eq!(ann.get("/user/info").await.ok(), user);
    }
}
