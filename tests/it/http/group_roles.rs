//! What the owner and the admins of a group may do, and what is left of a dismissed one.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::*;

async fn roles(reader: &Person, group: &str) -> Vec<i64> {
    reader.members(group).await.iter().map(|member| int(member, "role_level")).collect()
}

async fn update(person: &Person, group: &str, field: &str, value: impl Into<Value>) -> Reply {
    person.put("/group/update", json!({ "group_id": group, field: value.into() })).await
}

async fn nickname(person: &Person, group: &str, name: &str) -> Reply {
    person.put("/group/nickname", json!({ "group_id": group, "group_nickname": name })).await
}

#[track_caller]
fn assert_one_of(codes: [i64; 2], reply: &Reply) {
    assert!(codes.contains(&reply.code()), "{reply:?}");
}

e2e! {
    async fn a_transfer_makes_a_member_the_owner_and_the_owner_a_member(world: World) {
        let [ann, bob, cho] = world.people().await;
        let group = ann.group(&[&bob, &cho]).await;
        ann.transfer(&group, &bob).await.done();
        assert_eq!(roles(&cho, &group).await, [1, 3, 1]);
        ann.transfer(&group, &cho).await.refused(3006);
        bob.transfer(&group, &cho).await.done();
        assert_eq!(roles(&cho, &group).await, [1, 1, 3]);
        let info = ann.group_info(&group).await;
        assert_eq!(info["creator_user_id"], ann.id.as_str(), "who created it does not change");
        assert_eq!(info["member_count"], 3);
    }

    async fn info_says_what_the_caller_is_in_the_group_now(world: World) {
        let [ann, bob, cho] = world.people().await;
        let group = ann.group(&[&bob]).await;
        let own = async || {
            let infos = join_all([&ann, &bob, &cho].map(|person| person.group_info(&group))).await;
            infos.iter().map(|info| int(info, "role_level")).collect::<Vec<_>>()
        };
        assert_eq!(own().await, [3, 1, 0]);
        ann.set_role(&group, &bob, 2).await.done();
        cho.join(&group).await.done();
        assert_eq!(own().await, [3, 2, 1]);
        ann.transfer(&group, &bob).await.done();
        bob.kick(&group, &cho).await.done();
        assert_eq!(own().await, [1, 3, 0]);
        ann.quit(&group).await.done();
        assert_eq!(own().await, [0, 3, 0], "who was in once is not in");
        bob.dismiss(&group).await.done();
        assert_eq!(own().await, [0, 3, 0], "a dismissed group keeps its members");
    }

    // Code 3006.
    async fn only_the_owner_transfers_dismisses_and_gives_roles(world: World) {
        let [ann, admin, member, stranger] = world.people().await;
        let group = ann.group(&[&admin, &member]).await;
        ann.set_role(&group, &admin, 2).await.done();
        for person in [&admin, &member] {
            person.transfer(&group, person).await.refused(3006);
            person.dismiss(&group).await.refused(3006);
            person.set_role(&group, &member, 2).await.refused(3006);
        }
        assert_one_of([3003, 3006], &stranger.transfer(&group, &member).await);
        assert_one_of([3003, 3006], &stranger.dismiss(&group).await);
        assert_one_of([3003, 3006], &stranger.set_role(&group, &member, 2).await);
        assert_eq!(roles(&member, &group).await, [3, 2, 1]);
        assert_eq!(ann.group_info(&group).await["status"], 1);
    }

    async fn whoever_is_aimed_at_must_be_a_member(world: World) {
        let [ann, bob, cho] = world.people().await;
        let group = ann.group(&[&cho]).await;
        cho.quit(&group).await.done();
        for target in [&bob, &cho] {
            ann.transfer(&group, target).await.refused(3003);
            ann.kick(&group, target).await.refused(3003);
            ann.set_role(&group, target, 2).await.refused(3003);
        }
        for path in ["/group/transfer", "/group/kick", "/group/set_role"] {
            let unknown = json!({ "group_id": group, "user_id": unique("nobody"), "role_level": 2 });
            ann.post(path, unknown).await.refused(3003);
            for body in [
                json!({ "role_level": 2 }),
                json!({ "user_id": "", "role_level": 2 }),
                json!({ "user_id": 5, "role_level": 2 }),
            ] {
                let mut body = body;
                body["group_id"] = json!(group);
                ann.post(path, body).await.refused_field("user_id");
            }
        }
    }

    async fn roles_are_1_and_2(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[&bob]).await;
        ann.set_role(&group, &bob, 2).await.done();
        assert_eq!(roles(&bob, &group).await, [3, 2]);
        ann.set_role(&group, &bob, 1).await.done();
        assert_eq!(roles(&bob, &group).await, [3, 1]);
        for bad in [json!(0), json!(3), json!(-1), json!("2"), json!(null), json!(1.5)] {
            let body = json!({ "group_id": group, "user_id": bob.id, "role_level": bad });
            ann.post("/group/set_role", body).await.refused_field("role_level");
        }
        let absent = json!({ "group_id": group, "user_id": bob.id });
        ann.post("/group/set_role", absent).await.refused_field("role_level");
        assert_eq!(roles(&bob, &group).await, [3, 1]);
    }

    // Code 3007.
    async fn a_plain_member_kicks_and_updates_nothing(world: World) {
        let [ann, bob, cho, stranger] = world.people().await;
        let group = ann.group(&[&bob, &cho]).await;
        bob.kick(&group, &cho).await.refused(3007);
        update(&bob, &group, "name", "mine").await.refused(3007);
        assert_one_of([3003, 3007], &stranger.kick(&group, &cho).await);
        assert_one_of([3003, 3007], &update(&stranger, &group, "name", "mine").await);
        assert_eq!(ann.group_info(&group).await["member_count"], 3);
    }

    async fn an_admin_kicks_members_but_neither_admins_nor_the_owner(world: World) {
        let [ann, admin, other, member] = world.people().await;
        let group = ann.group(&[&admin, &other, &member]).await;
        ann.set_role(&group, &admin, 2).await.done();
        ann.set_role(&group, &other, 2).await.done();
        admin.kick(&group, &other).await.refused(3006);
        assert_one_of([3006, 3008], &admin.kick(&group, &ann).await);
        ann.kick(&group, &ann).await.refused(3008);
        admin.kick(&group, &member).await.done();
        ann.kick(&group, &other).await.done();
        assert_eq!(ann.group_info(&group).await["member_count"], 2);
        assert_eq!(roles(&admin, &group).await, [3, 2]);
    }

    // Code 3004.
    async fn whoever_was_kicked_sends_nothing_until_joining_again(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[&bob]).await;
        ann.set_role(&group, &bob, 2).await.done();
        ann.kick(&group, &bob).await.done();
        bob.send_group(&group, "still here?").await.refused(3004);
        bob.get(&format!("/group/members?group_id={group}")).await.refused(3003);
        nickname(&bob, &group, "n").await.refused(3003);
        bob.join(&group).await.done();
        bob.send_group(&group, "back").await.ok();
        assert_eq!(roles(&bob, &group).await, [3, 1], "the role is not kept");
    }

    async fn an_update_answers_the_group_and_changes_only_the_fields_given(world: World) {
        let [ann, admin, member] = world.people().await;
        let group = ann.group(&[&admin, &member]).await;
        ann.set_role(&group, &admin, 2).await.done();
        let mut expected = ann.group_info(&group).await;
        let steps =
            [("name", "新名"), ("introduction", "新简介"), ("avatar", "b.png"), ("introduction", ""), ("avatar", "")];
        for (number, (field, value)) in steps.into_iter().enumerate() {
            expected[field] = json!(value);
            let (who, role) = if number % 2 == 0 { (&ann, 3) } else { (&admin, 2) };
            expected["role_level"] = json!(role);
            assert_eq!(update(who, &group, field, value).await.ok(), expected);
            expected["role_level"] = json!(1);
            assert_eq!(member.group_info(&group).await, expected);
        }
        expected["role_level"] = json!(3);
        assert_eq!(ann.put("/group/update", json!({ "group_id": group })).await.ok(), expected);
    }

    async fn an_update_keeps_to_the_sizes(world: World) {
        let [ann] = world.people().await;
        let group = ann.group(&[]).await;
        let bad = [
            ("name", json!("")),
            ("name", json!("群".repeat(65))),
            ("name", json!("a\u{1}")),
            ("name", json!(1)),
            ("introduction", json!("i".repeat(1025))),
            ("avatar", json!("a".repeat(1025))),
            ("avatar", json!(1)),
        ];
        let before = ann.group_info(&group).await;
        for (field, value) in bad {
            update(&ann, &group, field, value).await.refused_field(field);
        }
        assert_eq!(ann.group_info(&group).await, before);
        ann.put("/group/update", json!({ "name": "n" })).await.refused_field("group_id");
    }

    async fn a_group_nickname_is_ones_own(world: World) {
        let [ann, bob, cho] = world.people().await;
        let group = ann.group(&[&bob]).await;
        let longest = "昵".repeat(64);
        for name in ["小张", longest.as_str(), ""] {
            nickname(&bob, &group, name).await.done();
            let members = ann.members(&group).await;
            assert_eq!((&members[0]["group_nickname"], &members[1]["group_nickname"]), (&json!(""), &json!(name)));
        }
        nickname(&cho, &group, "n").await.refused(3003);
        for bad in [json!("昵".repeat(65)), json!("a\nb"), json!(5)] {
            bob.put("/group/nickname", json!({ "group_id": group, "group_nickname": bad }))
                .await
                .refused_field("group_nickname");
        }
        bob.put("/group/nickname", json!({ "group_id": group })).await.refused_field("group_nickname");
        bob.put("/group/nickname", json!({ "group_nickname": "n" })).await.refused_field("group_id");
    }

    // Code 3002.
    async fn every_change_of_a_dismissed_group_is_3002(world: World) {
        let [ann, admin, member, stranger] = world.people().await;
        let group = ann.group(&[&admin, &member]).await;
        ann.set_role(&group, &admin, 2).await.done();
        ann.dismiss(&group).await.done();
        stranger.join(&group).await.refused(3002);
        member.join(&group).await.refused(3002);
        for person in [&ann, &member] {
            person.quit(&group).await.refused(3002);
            nickname(person, &group, "n").await.refused(3002);
            person.send_group(&group, "anyone?").await.refused(3002);
        }
        ann.kick(&group, &member).await.refused(3002);
        admin.kick(&group, &member).await.refused(3002);
        ann.set_role(&group, &member, 2).await.refused(3002);
        ann.transfer(&group, &member).await.refused(3002);
        update(&ann, &group, "name", "n").await.refused(3002);
        ann.dismiss(&group).await.refused(3002);
    }

    async fn a_dismissed_group_is_still_seen_by_its_members(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[&bob]).await;
        let before = ann.group_info(&group).await;
        let said = ann.send_group(&group, "goodbye").await.ok();
        ann.dismiss(&group).await.done();
        for person in [&ann, &bob] {
            let info = person.group_info(&group).await;
            assert_eq!(info["status"], 2);
            assert_eq!((&info["name"], &info["member_count"]), (&before["name"], &before["member_count"]));
            assert_eq!(roles(person, &group).await, [3, 1]);
            let messages = person.pull(&format!("sg_{group}")).await;
            assert_eq!(seqs(&messages), [int(&said, "seq")]);
            assert_eq!(person.conversations().await.len(), 1);
        }
        assert_eq!(bob.unread(&format!("sg_{group}")).await, 1);
        bob.mark_read(&format!("sg_{group}"), 1).await.done();
        assert_eq!(bob.unread(&format!("sg_{group}")).await, 0);
    }
}
