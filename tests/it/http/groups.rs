//! Groups: creating, looking, joining, quitting.

use serde_json::{Value, json};

use crate::support::*;

const CREATED: &str = "id name introduction avatar status creator_user_id role_level created_at updated_at";
const INFO: &str = "id name introduction avatar status creator_user_id member_count role_level created_at";
const MEMBER: &str = "id group_id user_id group_nickname role_level status joined_at inviter_user_id";

/// The user ids of a list of members.
fn ids(members: &[Value]) -> Vec<String> {
    members.iter().map(|member| string(member, "user_id")).collect()
}

async fn create(person: &Person, body: Value) -> Reply {
    person.post("/group/create", body).await
}

e2e! {
    async fn a_new_group_is_the_one_of_the_document(world: World) {
        let [ann, bob, cho] = world.people().await;
        let body = json!({
            "name": "技术交流群",
            "introduction": "讨论技术问题",
            "avatar": "https://example.com/group-avatar.png",
            "member_ids": [bob.id, cho.id],
        });
        let group = create(&ann, body).await.ok();
        assert_keys(&group, CREATED);
        let id = string(&group, "id");
        assert!(!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()), "{id}");
        assert_eq!(group["name"], "技术交流群");
        assert_eq!(group["introduction"], "讨论技术问题");
        assert_eq!(group["avatar"], "https://example.com/group-avatar.png");
        assert_eq!(group["status"], 1);
        assert_eq!(group["creator_user_id"], ann.id.as_str());
        assert_eq!(group["role_level"], 3);
        assert_recent(&group["created_at"]);
        assert_eq!(group["updated_at"], group["created_at"]);
    }

    async fn what_a_new_group_is_not_given_is_empty(world: World) {
        let [ann] = world.people().await;
        let group = create(&ann, json!({ "name": "g" })).await.ok();
        assert_eq!(group["introduction"], "");
        assert_eq!(group["avatar"], "");
        let info = ann.group_info(&string(&group, "id")).await;
        assert_eq!(info["member_count"], 1);
        let two = create(&ann, json!({ "name": "g", "member_ids": [] })).await.ok();
        assert_ne!(two["id"], group["id"]);
    }

    async fn info_is_the_one_of_the_document_for_anyone_with_a_token(world: World) {
        let [ann, bob, cho] = world.people().await;
        let body = json!({ "name": "技术交流群", "introduction": "讨论", "avatar": "a.png", "member_ids": [bob.id] });
        let created = create(&ann, body).await.ok();
        let id = string(&created, "id");
        for reader in [&ann, &bob, &cho] {
            let info = reader.group_info(&id).await;
            assert_keys(&info, INFO);
            for field in ["id", "name", "introduction", "avatar", "status", "creator_user_id", "created_at"] {
                assert_eq!(info[field], created[field], "{field}");
            }
            assert_eq!(info["member_count"], 2);
        }
    }

    async fn members_are_those_of_the_document_in_the_order_of_their_ids(world: World) {
        let [ann, bob, cho] = world.people().await;
        let group = ann.group(&[&bob, &cho]).await;
        let members = bob.members(&group).await;
        assert_eq!(members.len(), 3);
        for (number, member) in (1..).zip(&members) {
            assert_keys(member, MEMBER);
            assert_eq!(member["id"], number);
            assert_eq!(member["group_id"], group.as_str());
            assert_eq!(member["group_nickname"], "");
            assert_eq!(member["status"], 1);
            assert_recent(&member["joined_at"]);
        }
        assert_eq!(ids(&members), [ann.id.clone(), bob.id.clone(), cho.id.clone()]);
        let roles: Vec<i64> = members.iter().map(|member| int(member, "role_level")).collect();
        assert_eq!(roles, [3, 1, 1]);
        let inviters: Vec<&Value> = members.iter().map(|member| &member["inviter_user_id"]).collect();
        assert_eq!(inviters, ["", &ann.id, &ann.id]);
    }

    async fn initial_members_are_unique_and_without_the_owner(world: World) {
        let [ann, bob] = world.people().await;
        let body = json!({ "name": "g", "member_ids": [bob.id, ann.id, bob.id] });
        let group = string(&create(&ann, body).await.ok(), "id");
        assert_eq!(ids(&ann.members(&group).await), [ann.id.clone(), bob.id.clone()]);
        assert_eq!(ann.group_info(&group).await["member_count"], 2);
        assert_eq!(ann.members(&group).await[0]["role_level"], 3);
    }

    // Code 2006.
    async fn one_unknown_initial_member_is_2006_and_nothing_is_created(world: World) {
        let [ann, bob] = world.people().await;
        let body = json!({ "name": "g", "member_ids": [bob.id, unique("nobody")] });
        create(&ann, body).await.refused(2006);
        assert!(ann.conversations().await.is_empty());
        assert!(bob.conversations().await.is_empty());
    }

    async fn a_group_is_in_the_list_of_every_member_at_once(world: World) {
        let [ann, bob, cho] = world.people().await;
        let group = ann.group(&[&bob, &cho]).await;
        for member in [&ann, &bob, &cho] {
            let list = member.conversations().await;
            assert_eq!(list.len(), 1);
            assert_eq!(list[0]["conversation_id"], format!("sg_{group}"));
        }
    }

    async fn a_group_keeps_to_the_sizes(world: World) {
        let [ann] = world.people().await;
        let largest = json!({ "name": "群".repeat(64), "introduction": "i".repeat(1024), "avatar": "a".repeat(1024) });
        create(&ann, largest).await.ok();
        let bad = [
            ("name", json!("")),
            ("name", json!(null)),
            ("name", json!("群".repeat(65))),
            ("name", json!("a\nb")),
            ("name", json!(5)),
            ("introduction", json!("i".repeat(1025))),
            ("introduction", json!(5)),
            ("avatar", json!("a".repeat(1025))),
            ("avatar", json!([])),
            ("member_ids", json!("ann")),
            ("member_ids", json!({ "a": 1 })),
            ("member_ids", json!(["ann", 5])),
            ("member_ids", json!(["ann", null])),
        ];
        for (field, value) in bad {
            let mut body = json!({ "name": "g" });
            body[field] = value;
            create(&ann, body).await.refused_field(field);
        }
        create(&ann, json!({})).await.refused_field("name");
        assert_eq!(ann.conversations().await.len(), 1);
    }

    async fn a_call_about_a_group_needs_its_id(world: World) {
        let [ann] = world.people().await;
        for path in ["/group/join", "/group/quit", "/group/dismiss"] {
            for body in [json!({}), json!({ "group_id": "" }), json!({ "group_id": null }), json!({ "group_id": 5 })] {
                ann.post(path, body).await.refused_field("group_id");
            }
        }
        for path in ["/group/info", "/group/members", "/group/info?group_id=", "/group/members?group_id="] {
            ann.get(path).await.refused_field("group_id");
        }
    }

    // Code 3001.
    async fn an_unknown_group_is_3001_everywhere(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[]).await;
        for id in ["1", "0", "99999999999999999999999", "abc", "-1", " ", "群", &format!("0{group}"), &format!("{group} ")]
        {
            ann.get(&format!("/group/info?group_id={}", enc(id))).await.refused(3001);
            ann.get(&format!("/group/members?group_id={}", enc(id))).await.refused(3001);
            bob.join(id).await.refused(3001);
            ann.quit(id).await.refused(3001);
            ann.kick(id, &bob).await.refused(3001);
            ann.set_role(id, &bob, 2).await.refused(3001);
            ann.transfer(id, &bob).await.refused(3001);
            ann.dismiss(id).await.refused(3001);
            ann.put("/group/update", json!({ "group_id": id, "name": "n" })).await.refused(3001);
            ann.put("/group/nickname", json!({ "group_id": id, "group_nickname": "n" })).await.refused(3001);
            ann.send_group(id, "hello").await.refused(3001);
        }
    }

    async fn whoever_joins_is_a_member_with_the_inviter_that_was_given(world: World) {
        let [ann, bob, cho] = world.people().await;
        let group = ann.group(&[]).await;
        bob.join(&group).await.done();
        cho.post("/group/join", json!({ "group_id": group, "inviter_id": bob.id })).await.done();
        let members = cho.members(&group).await;
        assert_eq!(ids(&members), [ann.id.clone(), bob.id.clone(), cho.id.clone()]);
        assert_eq!(members[1]["inviter_user_id"], "");
        assert_eq!(members[2]["inviter_user_id"], bob.id.as_str());
        assert_eq!(members[2]["role_level"], 1);
        assert_eq!(ann.group_info(&group).await["member_count"], 3);
        assert_eq!(bob.conversations().await[0]["group_id"], group.as_str());
    }

    // Code 3005.
    async fn a_member_that_joins_again_is_3005(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[&bob]).await;
        ann.join(&group).await.refused(3005);
        bob.join(&group).await.refused(3005);
        assert_eq!(ann.group_info(&group).await["member_count"], 2);
    }

    async fn an_inviter_who_is_no_member_is_3003(world: World) {
        let [ann, bob, cho] = world.people().await;
        let group = ann.group(&[&cho]).await;
        cho.quit(&group).await.done();
        for inviter in [&cho.id, &bob.id, &unique("nobody")] {
            bob.post("/group/join", json!({ "group_id": group, "inviter_id": inviter })).await.refused(3003);
        }
        bob.post("/group/join", json!({ "group_id": group, "inviter_id": 5 })).await.refused_field("inviter_id");
        assert_eq!(ann.group_info(&group).await["member_count"], 1);
        bob.post("/group/join", json!({ "group_id": group, "inviter_id": "" })).await.done();
    }

    // Code 3003.
    async fn whoever_quits_is_a_member_no_more(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[&bob]).await;
        bob.quit(&group).await.done();
        assert_eq!(ids(&ann.members(&group).await), vec![ann.id.clone()]);
        assert_eq!(bob.group_info(&group).await["member_count"], 1);
        bob.get(&format!("/group/members?group_id={group}")).await.refused(3003);
        bob.quit(&group).await.refused(3003);
        bob.join(&group).await.done();
        assert_eq!(ann.group_info(&group).await["member_count"], 2);
        let members = bob.members(&group).await;
        assert_eq!(ids(&members), [ann.id.clone(), bob.id.clone()]);
        assert_eq!(members[1]["status"], 1);
    }

    async fn who_was_never_a_member_may_not_see_the_members(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[]).await;
        bob.get(&format!("/group/members?group_id={group}")).await.refused(3003);
        bob.quit(&group).await.refused(3003);
    }

    // Code 3008.
    async fn the_owner_cannot_quit(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[&bob]).await;
        ann.quit(&group).await.refused(3008);
        assert_eq!(ann.group_info(&group).await["member_count"], 2);
        ann.transfer(&group, &bob).await.done();
        ann.quit(&group).await.done();
        bob.quit(&group).await.refused(3008);
    }

    async fn members_come_in_pages_when_asked(world: World) {
        let crowd = world.crowd(7).await;
        let others: Vec<&Person> = crowd[1..].iter().collect();
        let group = crowd[0].group(&others).await;
        let whole = crowd[0].members(&group).await;
        let mut paged = Vec::new();
        let mut cursor = String::new();
        loop {
            let more = if cursor.is_empty() { String::new() } else { format!("&cursor={}", enc(&cursor)) };
            let reply = crowd[1].get(&format!("/group/members?group_id={group}&limit=3{more}")).await;
            let page = reply.ok().as_array().expect("a page").clone();
            assert!(page.len() <= 3, "{page:?}");
            paged.extend(page);
            cursor = reply.header("x-next-cursor").to_owned();
            if cursor.is_empty() {
                break;
            }
            assert!(paged.len() < 8, "more pages than members");
        }
        assert_eq!(paged, whole);
        assert_eq!(whole.len(), 7);
        for bad in ["limit=0", "limit=-1", "limit=x", "limit=1.5", "limit=99999999999999999999"] {
            crowd[0].get(&format!("/group/members?group_id={group}&{bad}")).await.refused_field("limit");
        }
        crowd[0].get(&format!("/group/members?group_id={group}&cursor=%F0%9F&limit=2")).await.refused_field("cursor");
    }

    async fn a_group_outlives_a_restart(mut world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[&bob]).await;
        let info = ann.group_info(&group).await;
        let members = ann.members(&group).await;
        world.restart().await;
        assert_eq!(ann.group_info(&group).await, info);
        assert_eq!(bob.members(&group).await, members);
    }
}
