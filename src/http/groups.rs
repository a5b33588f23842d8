//! `/group`: groups and their members.

use std::sync::Arc;

use axum::extract::State;

use super::extract::{Authenticated, Json};

use super::reply::{Paged, Reply};
use crate::domain::Groups;
use crate::error::{Error, Result};
use crate::model::GroupId;
use crate::wire::{
    CreateGroup, CreatedGroup, GroupInfo, GroupNickname, GroupRef, GroupRole, GroupTarget, JoinGroup, MemberView, Query,
    UpdateGroup,
};

type Service = State<Arc<Groups>>;

pub(super) async fn create(
    State(groups): Service,
    Authenticated(caller): Authenticated,
    Json(body): Json<CreateGroup>,
) -> Result<Reply<CreatedGroup>> {
    let (fields, members) = body.into_parts();
    Ok(Reply(groups.create(&caller, fields, &members).await?.into()))
}

pub(super) async fn join(
    State(groups): Service,
    Authenticated(caller): Authenticated,
    Json(body): Json<JoinGroup>,
) -> Result<Reply<()>> {
    groups.join(&caller, &body.group_id, body.inviter_id.as_deref()).await.map(Reply)
}

pub(super) async fn quit(
    State(groups): Service,
    Authenticated(caller): Authenticated,
    Json(body): Json<GroupRef>,
) -> Result<Reply<()>> {
    groups.quit(&caller, &body.group_id).await.map(Reply)
}

pub(super) async fn info(
    State(groups): Service,
    Authenticated(caller): Authenticated,
    query: Query,
) -> Result<Reply<GroupInfo>> {
    let (group, role) = groups.info(&caller, query.required("group_id")?).await?;
    Ok(Reply(GroupInfo::new(group, role)))
}

pub(super) async fn members(
    State(groups): Service,
    Authenticated(caller): Authenticated,
    query: Query,
) -> Result<Paged<MemberView>> {
    let group_id = query.required("group_id")?;
    let after = at_least("cursor", query.number("cursor")?, 0)?.unwrap_or(0);
    let limit = at_least("limit", query.number("limit")?, 1)?;
    // A page without a limit of its own is one of this size.
    let limit = limit.or(query.text("cursor")?.map(|_| 1_000));
    let limit = limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let page = groups.members(&caller, group_id, after, limit).await?;
    let next = page.next.map(|next| next.to_string());
    let group = GroupId::parse(group_id).ok_or_else(|| Error::internal("a group without an id was found"))?;
    Ok(Paged { items: page.members.into_iter().map(|member| MemberView::new(group, member)).collect(), next })
}

fn at_least(name: &str, number: Option<i64>, min: u64) -> Result<Option<u64>> {
    let refusal = || Error::invalid(name, &format!("expects a number of at least {min}"));
    let checked = |number| u64::try_from(number).ok().filter(|number| *number >= min).ok_or_else(refusal);
    number.map(checked).transpose()
}

pub(super) async fn transfer(
    State(groups): Service,
    Authenticated(caller): Authenticated,
    Json(body): Json<GroupTarget>,
) -> Result<Reply<()>> {
    groups.transfer(&caller, &body.group_id, &body.user_id).await.map(Reply)
}

pub(super) async fn dismiss(
    State(groups): Service,
    Authenticated(caller): Authenticated,
    Json(body): Json<GroupRef>,
) -> Result<Reply<()>> {
    groups.dismiss(&caller, &body.group_id).await.map(Reply)
}

pub(super) async fn kick(
    State(groups): Service,
    Authenticated(caller): Authenticated,
    Json(body): Json<GroupTarget>,
) -> Result<Reply<()>> {
    groups.kick(&caller, &body.group_id, &body.user_id).await.map(Reply)
}

pub(super) async fn set_role(
    State(groups): Service,
    Authenticated(caller): Authenticated,
    Json(body): Json<GroupRole>,
) -> Result<Reply<()>> {
    groups.set_role(&caller, &body.group_id, &body.user_id, body.role_level).await.map(Reply)
}

pub(super) async fn update(
    State(groups): Service,
    Authenticated(caller): Authenticated,
    Json(body): Json<UpdateGroup>,
) -> Result<Reply<GroupInfo>> {
    let UpdateGroup { group_id, name, introduction, avatar } = body;
    let (group, role) = groups.update(&caller, &group_id, name, introduction, avatar).await?;
    Ok(Reply(GroupInfo::new(group, Some(role))))
}

pub(super) async fn nickname(
    State(groups): Service,
    Authenticated(caller): Authenticated,
    Json(body): Json<GroupNickname>,
) -> Result<Reply<()>> {
    groups.nickname(&caller, &body.group_id, body.group_nickname).await.map(Reply)
}
