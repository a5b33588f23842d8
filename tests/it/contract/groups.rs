//! The port of groups and their members.

use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use nexo::error::{Code, Error};
use nexo::model::{
    ConversationId, Fanout, Group, GroupChange, GroupFields, GroupId, GroupState, GroupStatus, GroupUpdate, Member,
    MemberStatus, Role, UserId, Windows,
};
use nexo::store::{GroupRule, OnCommit};

use super::contract;
use super::store::{Store, draft, group_id, nobody, user_id};
use crate::support::eventually;

fn member(id: u64, user: &UserId, windows: Windows) -> Member {
    Member {
        id,
        user: user.clone(),
        nickname: String::new(),
        role: if id == 1 { Role::Owner } else { Role::Member },
        status: MemberStatus::Active,
        joined_at_ms: 1_000,
        inviter: None,
        windows,
    }
}

/// A new group of these users, the first of whom owns it.
fn founded(id: GroupId, users: &[UserId]) -> GroupUpdate {
    let members: Vec<Member> = users.iter().zip(1..).map(|(user, id)| member(id, user, Windows::whole())).collect();
    let count = members.len() as u64;
    let group = Group {
        id,
        fanout: Fanout::default(),
        fields: GroupFields { name: "first".to_owned(), ..GroupFields::default() },
        status: GroupStatus::Normal,
        creator: users[0].clone(),
        owner: users[0].clone(),
        member_count: count,
        next_member_id: count + 1,
        created_at_ms: 1_000,
        updated_at_ms: 1_000,
    };
    let change = GroupChange { group: id, change: "created".into(), operator: users[0].clone(), users: Vec::new() };
    GroupUpdate { group, members, change }
}

fn update(group: Group, members: Vec<Member>) -> GroupUpdate {
    let change = GroupChange { group: group.id, change: "updated".into(), operator: group.owner.clone(), users: Vec::new() };
    GroupUpdate { group, members, change }
}

/// `user` comes in.
fn joins(user: &UserId) -> GroupRule {
    let user = user.clone();
    Box::new(move |state: &GroupState| {
        let mut group = state.group.clone();
        let mut windows = state.members[0].as_ref().map_or_else(Windows::none, |before| before.windows.clone());
        windows.open(state.top);
        let id = state.members[0].as_ref().map_or(group.next_member_id, |before| before.id);
        group.next_member_id = group.next_member_id.max(id + 1);
        group.member_count += 1;
        Ok(update(group, vec![member(id, &user, windows)]))
    })
}

/// The first of the users that are asked for goes.
fn leaves() -> GroupRule {
    Box::new(|state: &GroupState| {
        let mut group = state.group.clone();
        let Some(mut member) = state.members[0].clone() else { return Err(Code::NotGroupMember.into()) };
        member.windows.close(state.top);
        member.status = MemberStatus::Quit;
        group.member_count -= 1;
        Ok(update(group, vec![member]))
    })
}

/// Puts a letter behind the name.
fn appends(letter: char) -> GroupRule {
    Box::new(move |state: &GroupState| {
        let mut group = state.group.clone();
        group.fields.name.push(letter);
        Ok(update(group, Vec::new()))
    })
}

/// A group of new users.
async fn group_of(store: &Store, count: usize) -> (GroupId, Vec<UserId>) {
    let mut users = Vec::new();
    for _ in 0..count {
        users.push(store.person("one").await);
    }
    let id = group_id();
    assert!(store.groups.create(founded(id, &users), nobody()).await.expect("stored"));
    (id, users)
}

async fn change(store: &Store, id: GroupId, user: &UserId, rule: GroupRule) -> Group {
    let changed = store.groups.change(id, vec![user.clone()], rule, nobody()).await.expect("stored");
    changed.expect("a group").expect("no refusal")
}

async fn send(store: &Store, id: GroupId, sender: &UserId) {
    let draft = draft(sender, &ConversationId::Group(id), "to all");
    store.messages.append(draft, |_| Ok(()), nobody()).await.expect("stored");
}

contract! {
    async fn a_group_is_created_once_with_all_its_members_and_in_their_lists(store: Store) {
        let (id, users) = group_of(&store, 3).await;
        let expected = founded(id, &users);
        assert_eq!(store.groups.find(id).await.expect("read"), Some(expected.group));
        assert_eq!(store.groups.members(id, 0, usize::MAX).await.expect("read"), expected.members);
        for user in &users {
            let listed = store.conversations.list(user).await.expect("read");
            assert_eq!(listed.len(), 1);
            assert_eq!(listed[0].conversation.id, ConversationId::Group(id));
            assert_eq!(listed[0].conversation.joined_at_ms, 1_000);
        }
    }

    async fn a_taken_group_id_is_told_so_and_nothing_is_written(store: Store) {
        let (id, users) = group_of(&store, 2).await;
        let stranger = store.person("dan").await;
        let hook: OnCommit<GroupUpdate> = Box::new(|_| panic!("nothing was stored"));
        let mut second = founded(id, std::slice::from_ref(&stranger));
        second.group.fields.name = "second".to_owned();
        assert!(!store.groups.create(second, hook).await.expect("answered"));
        assert_eq!(store.groups.find(id).await.expect("read"), Some(founded(id, &users).group));
        assert_eq!(store.groups.member(id, &stranger).await.expect("read"), None);
        assert!(store.conversations.list(&stranger).await.expect("read").is_empty());
    }

    async fn a_group_that_is_not_there_is_none_and_no_rule_is_asked(store: Store) {
        let (id, ann) = (group_id(), user_id("ann"));
        assert_eq!(store.groups.find(id).await.expect("read"), None);
        assert_eq!(store.groups.member(id, &ann).await.expect("read"), None);
        assert!(store.groups.members(id, 0, 10).await.expect("read").is_empty());
        let rule: GroupRule = Box::new(|_| panic!("there is no state"));
        assert!(store.groups.change(id, vec![ann], rule, nobody()).await.expect("answered").is_none());
    }

    async fn changes_at_once_lose_nothing(store: Store) {
        let (id, owner) = group_of(&store, 1).await;
        let mut newcomers = Vec::new();
        for _ in 0..40 {
            newcomers.push(store.person("new").await);
        }
        let joins = newcomers.iter().map(async |user| drop(change(&store, id, user, joins(user)).await));
        let names = (0..20).map(async |_| drop(change(&store, id, &owner[0], appends('x')).await));
        tokio::join!(join_all(joins), join_all(names));
        let group = store.groups.find(id).await.expect("read").expect("a group");
        assert_eq!((group.member_count, group.next_member_id), (41, 42));
        assert_eq!(group.fields.name, format!("first{}", "x".repeat(20)));
        let members = store.groups.members(id, 0, usize::MAX).await.expect("read");
        assert!(members.iter().map(|member| member.id).eq(1..=41));
        let leaves = newcomers.iter().map(async |user| drop(change(&store, id, user, leaves()).await));
        join_all(leaves).await;
        assert_eq!(store.groups.find(id).await.expect("read").expect("a group").member_count, 1);
        assert_eq!(store.groups.members(id, 0, usize::MAX).await.expect("read").len(), 1);
    }

    async fn the_hooks_of_changes_come_in_the_order_in_which_they_took_effect(store: Store) {
        let (id, owner) = group_of(&store, 1).await;
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let changes = (0..40).map(|_| {
            let heard = Arc::clone(&heard);
            let hook = Box::new(move |update: &GroupUpdate| {
                heard.lock().expect("the names").push(update.group.fields.name.clone());
            });
            store.groups.change(id, vec![owner[0].clone()], appends('x'), hook)
        });
        join_all(changes).await;
        eventually("40 calls", async || (heard.lock().expect("the names").len() == 40).then_some(())).await;
        let lengths: Vec<usize> = heard.lock().expect("the names").iter().map(|name| name.len() - 5).collect();
        assert!(lengths.iter().copied().eq(1..=40), "{lengths:?}");
    }

    async fn a_refused_rule_writes_nothing(store: Store) {
        let (id, users) = group_of(&store, 2).await;
        let rule: GroupRule = Box::new(|_| Err(Error::new(Code::NotGroupOwner, "no, said the rule")));
        let hook: OnCommit<GroupUpdate> = Box::new(|_| panic!("nothing was stored"));
        let refused = store.groups.change(id, vec![users[1].clone()], rule, hook).await.expect("answered");
        let error = refused.expect("a group").expect_err("a refusal");
        assert_eq!((error.code(), error.detail()), (Code::NotGroupOwner, "no, said the rule"));
        assert_eq!(store.groups.find(id).await.expect("read"), Some(founded(id, &users).group));
        assert_eq!(store.groups.members(id, 0, 10).await.expect("read"), founded(id, &users).members);
    }

    async fn a_rule_sees_the_rows_that_it_asked_for_in_their_order_and_the_top(store: Store) {
        let (id, users) = group_of(&store, 2).await;
        let stranger = user_id("dan");
        for _ in 0..3 {
            send(&store, id, &users[0]).await;
        }
        let seen: Arc<Mutex<Vec<GroupState>>> = Arc::default();
        let rule: GroupRule = Box::new({
            let seen = Arc::clone(&seen);
            move |state| {
                seen.lock().expect("the states").push(state.clone());
                Err(Code::Forbidden.into())
            }
        });
        let asked = vec![users[1].clone(), stranger, users[0].clone()];
        let refused = store.groups.change(id, asked, rule, nobody()).await.expect("answered").expect("a group");
        assert!(refused.is_err());
        let seen = seen.lock().expect("the states");
        let state = seen.last().expect("a state");
        let expected = founded(id, &users);
        assert_eq!((&state.group, state.top), (&expected.group, 3));
        assert_eq!(state.members, [Some(expected.members[1].clone()), None, Some(expected.members[0].clone())]);
    }

    async fn members_come_by_id_and_in_pages_and_those_who_left_do_not(store: Store) {
        let (id, users) = group_of(&store, 7).await;
        change(&store, id, &users[2], leaves()).await;
        let page = async |after, limit| {
            let members = store.groups.members(id, after, limit).await.expect("read");
            members.iter().map(|member| member.id).collect::<Vec<u64>>()
        };
        assert_eq!(page(0, 100).await, [1, 2, 4, 5, 6, 7]);
        assert_eq!(page(0, 3).await, [1, 2, 4]);
        assert_eq!(page(3, 2).await, [4, 5]);
        assert_eq!(page(6, 2).await, [7]);
        assert!(page(7, 2).await.is_empty() && page(u64::MAX, 2).await.is_empty() && page(0, 0).await.is_empty());
        let left = store.groups.member(id, &users[2]).await.expect("read").expect("was a member");
        assert_eq!((left.id, left.status), (3, MemberStatus::Quit));
        change(&store, id, &users[2], joins(&users[2])).await;
        assert_eq!(page(0, 100).await, [1, 2, 3, 4, 5, 6, 7]);
    }

    async fn groups_are_apart(store: Store) {
        let (first, of_first) = group_of(&store, 2).await;
        let next = GroupId::from_number(first.number() + 1);
        assert!(store.groups.create(founded(next, &of_first[..1]), nobody()).await.expect("stored"));
        assert_eq!(store.groups.members(first, 0, usize::MAX).await.expect("read").len(), 2);
        assert_eq!(store.groups.members(next, 0, usize::MAX).await.expect("read").len(), 1);
        assert_eq!(store.groups.member(next, &of_first[1]).await.expect("read"), None);
    }

    async fn windows_are_copied_to_the_conversations(store: Store) {
        let (id, users) = group_of(&store, 2).await;
        let (ann, bob) = (&users[0], &users[1]);
        let windows = async |user| {
            let state = store.conversations.find(user, &ConversationId::Group(id)).await.expect("read").expect("listed");
            let member = store.groups.member(id, user).await.expect("read").expect("was a member");
            assert_eq!(state.conversation.windows, member.windows);
            state
        };
        send(&store, id, ann).await;
        change(&store, id, bob, leaves()).await;
        assert_eq!(windows(bob).await.max_seq(), 1);
        send(&store, id, ann).await;
        assert_eq!((windows(bob).await.max_seq(), windows(bob).await.unread()), (1, 1));
        change(&store, id, bob, joins(bob)).await;
        assert_eq!((windows(bob).await.max_seq(), windows(bob).await.unread()), (1, 1));
        send(&store, id, ann).await;
        let last = windows(bob).await;
        assert_eq!((last.max_seq(), last.unread()), (3, 2));
        assert!(last.conversation.windows.contains(1) && !last.conversation.windows.contains(2));
        assert_eq!(windows(ann).await.unread(), 0);
    }

    async fn changes_and_sends_at_once_leave_every_window_at_a_seq_that_was_the_top(store: Store) {
        let (id, users) = group_of(&store, 4).await;
        let sends = (0..60).map(async |n: usize| send(&store, id, &users[n % 2]).await);
        let moves = users[2..].iter().map(async |user| {
            for _ in 0..8 {
                let left = change(&store, id, user, leaves()).await;
                assert!(left.member_count >= 2);
                change(&store, id, user, joins(user)).await;
            }
        });
        tokio::join!(join_all(sends), join_all(moves));
        assert_eq!(store.messages.extent(&ConversationId::Group(id)).await.expect("read").max_seq, 60);
        for user in &users {
            let member = store.groups.member(id, user).await.expect("read").expect("a member");
            let stays = member.windows.stays();
            assert!(stays.iter().all(|stay| stay.after <= 60 && stay.until.is_none_or(|until| until > stay.after)), "{stays:?}");
            assert!(stays.windows(2).all(|two| two[0].until.is_some_and(|until| until < two[1].after)), "{stays:?}");
            assert!(member.windows.is_open());
        }
        assert_eq!(store.groups.find(id).await.expect("read").expect("a group").member_count, 4);
    }

    async fn a_group_is_there_when_the_store_is_opened_again(store: Store) {
        let (id, users) = group_of(&store, 3).await;
        change(&store, id, &users[1], leaves()).await;
        let before = store.groups.find(id).await.expect("read");
        let store = store.reopened().await;
        assert_eq!(store.groups.find(id).await.expect("read"), before);
        let members = store.groups.members(id, 0, usize::MAX).await.expect("read");
        assert_eq!(members.iter().map(|member| member.id).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(store.groups.member(id, &users[1]).await.expect("read").map(|member| member.status), Some(MemberStatus::Quit));
    }
}
