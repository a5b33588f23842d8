//! The rules of groups: each looks at a group's state and answers the change, or why there is none.
//!
//! They are pure, so that a store may ask them again when it lost a race.

use crate::error::{Code, Error, OrCode, Result};
use crate::model::{
    Fanout, Group, GroupChange, GroupFields, GroupId, GroupState, GroupStatus, GroupUpdate, Member, MemberStatus, Role,
    UserId, Windows,
};

/// The change of a group by one of its members (or one who becomes one), at a time.
#[derive(Debug, Clone)]
pub(super) struct By {
    pub(super) user: UserId,
    pub(super) now_ms: i64,
}

/// A new group with its members. Nobody has sent anything yet, so all see everything.
pub(super) fn create(id: GroupId, by: &By, fields: GroupFields, users: Vec<UserId>) -> GroupUpdate {
    let owner = new_member(1, by.user.clone(), Role::Owner, by.now_ms);
    let others = users
        .into_iter()
        .zip(2..)
        .map(|(user, id)| Member { inviter: Some(by.user.clone()), ..new_member(id, user, Role::Member, by.now_ms) });
    let members: Vec<_> = std::iter::once(owner).chain(others).collect();
    let count = members.len() as u64;
    let group = Group {
        id,
        fanout: Fanout::default(),
        fields,
        status: GroupStatus::Normal,
        creator: by.user.clone(),
        owner: by.user.clone(),
        member_count: count,
        next_member_id: count + 1,
        created_at_ms: by.now_ms,
        updated_at_ms: by.now_ms,
    };
    GroupUpdate { change: change(id, "created", by, vec![]), group, members }
}

fn new_member(id: u64, user: UserId, role: Role, now_ms: i64) -> Member {
    Member {
        id,
        user,
        nickname: String::new(),
        role,
        status: MemberStatus::Active,
        joined_at_ms: now_ms,
        inviter: None,
        windows: Windows::whole(),
    }
}

/// `by` joins; `state` has its row, and that of the inviter if there is one.
pub(super) fn join(state: &GroupState, by: &By, inviter: Option<&UserId>, max_members: u64) -> Result<GroupUpdate> {
    let mut group = alive(state, by)?;
    let before = state.members.first().cloned().flatten();
    if before.as_ref().is_some_and(Member::is_active) {
        return Err(Code::AlreadyGroupMember.into());
    }
    if inviter.is_some() {
        active(state, 1)?;
    }
    if group.member_count >= max_members {
        return Err(Error::new(Code::Forbidden, "the group is full"));
    }
    let mut member = match before {
        Some(before) if before.windows.has_room(state.top) => before,
        Some(_) => return Err(Error::new(Code::Forbidden, "joined and left too often")),
        None => {
            group.next_member_id += 1;
            let fresh = new_member(group.next_member_id - 1, by.user.clone(), Role::Member, by.now_ms);
            Member { windows: Windows::none(), ..fresh }
        }
    };
    member.windows.open(state.top);
    member.status = MemberStatus::Active;
    member.role = Role::Member;
    member.joined_at_ms = by.now_ms;
    member.inviter = inviter.cloned();
    group.member_count += 1;
    Ok(GroupUpdate { change: change(group.id, "joined", by, vec![by.user.clone()]), group, members: vec![member] })
}

/// `by` leaves; `state` has its row.
pub(super) fn quit(state: &GroupState, by: &By) -> Result<GroupUpdate> {
    let group = alive(state, by)?;
    let member = active(state, 0)?;
    if member.role == Role::Owner {
        return Err(Code::OwnerStays.into());
    }
    Ok(leave(state, group, member, MemberStatus::Quit, change(state.group.id, "quit", by, vec![by.user.clone()])))
}

/// `by` removes somebody; `state` has both rows.
pub(super) fn kick(state: &GroupState, by: &By) -> Result<GroupUpdate> {
    let group = alive(state, by)?;
    let role = at_least(state, Role::Admin)?;
    let target = active(state, 1)?;
    match target.role {
        Role::Owner => return Err(Code::OwnerStays.into()),
        Role::Admin if role < Role::Owner => return Err(Code::NotGroupOwner.into()),
        _ => {}
    }
    let change = change(group.id, "kicked", by, vec![target.user.clone()]);
    Ok(leave(state, group, target, MemberStatus::Kicked, change))
}

/// `by` makes somebody the owner and becomes an ordinary member; `state` has both rows.
pub(super) fn transfer(state: &GroupState, by: &By) -> Result<GroupUpdate> {
    let mut group = alive(state, by)?;
    at_least(state, Role::Owner)?;
    let (mut before, mut after) = (active(state, 0)?, active(state, 1)?);
    if before.user == after.user {
        return Err(Error::invalid("user_id", "expects somebody else than the owner"));
    }
    before.role = Role::Member;
    after.role = Role::Owner;
    group.owner = after.user.clone();
    let change = change(group.id, "transferred", by, vec![after.user.clone()]);
    Ok(GroupUpdate { group, members: vec![before, after], change })
}

/// `by` gives somebody a role; `state` has both rows.
pub(super) fn set_role(state: &GroupState, by: &By, role: Role) -> Result<GroupUpdate> {
    let group = alive(state, by)?;
    at_least(state, Role::Owner)?;
    let mut target = active(state, 1)?;
    if target.role == Role::Owner {
        return Err(Error::invalid("user_id", "expects somebody else than the owner, who can only transfer the group"));
    }
    target.role = role;
    let change = change(group.id, "role", by, vec![target.user.clone()]);
    Ok(GroupUpdate { group, members: vec![target], change })
}

/// `by` ends the group; `state` has its row. The members keep what they have seen.
pub(super) fn dismiss(state: &GroupState, by: &By) -> Result<GroupUpdate> {
    let mut group = alive(state, by)?;
    at_least(state, Role::Owner)?;
    group.status = GroupStatus::Dismissed;
    Ok(GroupUpdate { change: change(group.id, "dismissed", by, vec![]), group, members: vec![] })
}

/// What an update of a group names; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub(super) struct FieldsUpdate {
    pub(super) name: Option<String>,
    pub(super) introduction: Option<String>,
    pub(super) avatar: Option<String>,
}

/// `by` edits the group; `state` has its row.
pub(super) fn update(state: &GroupState, by: &By, update: &FieldsUpdate) -> Result<GroupUpdate> {
    let mut group = alive(state, by)?;
    at_least(state, Role::Admin)?;
    let edit = |field: &mut String, new: &Option<String>| {
        if let Some(new) = new {
            field.clone_from(new);
        }
    };
    edit(&mut group.fields.name, &update.name);
    edit(&mut group.fields.introduction, &update.introduction);
    edit(&mut group.fields.avatar, &update.avatar);
    Ok(GroupUpdate { change: change(group.id, "updated", by, vec![]), group, members: vec![] })
}

/// What somebody is whose [`update`] was let through.
pub(super) fn editor_role(group: &Group, editor: &UserId) -> Role {
    if group.owner == *editor { Role::Owner } else { Role::Admin }
}

/// `by` is called something else in the group; `state` has its row.
pub(super) fn nickname(state: &GroupState, by: &By, nickname: &str) -> Result<GroupUpdate> {
    let group = alive(state, by)?;
    let mut member = active(state, 0)?;
    nickname.clone_into(&mut member.nickname);
    let change = change(group.id, "nickname", by, vec![by.user.clone()]);
    Ok(GroupUpdate { group, members: vec![member], change })
}

/// The group, touched now, if it may change at all.
fn alive(state: &GroupState, by: &By) -> Result<Group> {
    match state.group.status {
        GroupStatus::Normal => Ok(Group { updated_at_ms: by.now_ms.max(state.group.updated_at_ms), ..state.group.clone() }),
        GroupStatus::Dismissed => Err(Code::GroupDismissed.into()),
    }
}

/// The member that was asked for as number `index`, if it is in.
fn active(state: &GroupState, index: usize) -> Result<Member> {
    state.members.get(index).cloned().flatten().filter(Member::is_active).or_code(Code::NotGroupMember)
}

/// The caller's role, if it is `role` or a higher one.
fn at_least(state: &GroupState, role: Role) -> Result<Role> {
    let refusal = if role == Role::Owner { Code::NotGroupOwner } else { Code::NotGroupAdmin };
    let caller = active(state, 0)?.role;
    if caller >= role { Ok(caller) } else { Err(refusal.into()) }
}

/// Ends a member's stay at the top of the conversation.
fn leave(
    state: &GroupState,
    mut group: Group,
    mut member: Member,
    status: MemberStatus,
    change: GroupChange,
) -> GroupUpdate {
    member.windows.close(state.top);
    member.status = status;
    member.role = Role::Member;
    group.member_count -= 1;
    GroupUpdate { group, members: vec![member], change }
}

fn change(group: GroupId, what: &'static str, by: &By, users: Vec<UserId>) -> GroupChange {
    GroupChange { group, change: what.into(), operator: by.user.clone(), users }
}
