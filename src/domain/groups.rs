//! Groups: making, joining, leaving and running them.

use std::collections::HashSet;
use std::sync::Arc;

use super::fields;
use super::group_rules::{self as rules, By, FieldsUpdate};
use crate::clock::Clock;
use crate::error::{Code, Error, OrCode, Result};
use crate::model::{Caller, Group, GroupFields, GroupId, GroupState, GroupUpdate, Member, Role, UserId};
use crate::push::Bus;
use crate::store::{self, OnCommit, Stores};

/// How large groups may be.
#[derive(Debug, Clone, Copy)]
pub struct GroupLimits {
    /// Members that one may be created with.
    pub member_ids: usize,
    /// Members that one may have.
    pub members: u64,
}

/// A page of a group's members.
#[derive(Debug)]
pub struct MemberPage {
    /// The members, by id.
    pub members: Vec<Member>,
    /// Where the next page begins, if there is one.
    pub next: Option<u64>,
}

/// The rules on groups.
pub struct Groups {
    groups: Arc<dyn store::Groups>,
    users: Arc<dyn store::Users>,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    limits: GroupLimits,
}

/// How often a fresh id is tried before giving up: two random ones meet once in some 10^15.
const ID_TRIES: usize = 4;

impl Groups {
    /// The rules on these ports.
    pub fn new(stores: &Stores, bus: Arc<dyn Bus>, clock: Arc<dyn Clock>, limits: GroupLimits) -> Self {
        Self { groups: Arc::clone(&stores.groups), users: Arc::clone(&stores.users), bus, clock, limits }
    }

    /// Makes a group of the caller, who owns it, and `member_ids`. 2006 if one of them does not exist; then there is no group.
    pub async fn create(&self, caller: &Caller, group: GroupFields, member_ids: &[String]) -> Result<Group> {
        check_fields(Some(&group.name), &group.introduction, &group.avatar)?;
        if member_ids.len() > self.limits.member_ids {
            return Err(Error::invalid("member_ids", &format!("expects at most {} ids", self.limits.member_ids)));
        }
        let mut seen = HashSet::from([caller.user.clone()]);
        let mut members = Vec::new();
        for id in member_ids {
            let id = fields::user_id("member_ids", id)?;
            if seen.insert(id.clone()) {
                members.push(id);
            }
        }
        if members.len() as u64 >= self.limits.members {
            return Err(Error::new(Code::Forbidden, "the group is full"));
        }
        if let Some(unknown) = self.users.first_unknown(&members).await? {
            return Err(Error::new(Code::UserNotFound, format!("no such user: {unknown}")));
        }
        for _ in 0..ID_TRIES {
            let update = rules::create(self.fresh_id(), &self.by(caller), group.clone(), members.clone());
            let group = update.group.clone();
            if self.groups.create(update, self.tell()).await? {
                return Ok(group);
            }
        }
        Err(Error::internal("no free group id was found"))
    }

    /// The caller joins. `inviter`, if there is one, must be a member.
    pub async fn join(&self, caller: &Caller, group_id: &str, inviter: Option<&str>) -> Result<()> {
        let by = self.by(caller);
        let mut users = vec![caller.user.clone()];
        let inviter = match inviter.filter(|inviter| !inviter.is_empty()) {
            Some(inviter) => Some(UserId::parse(inviter).or_code(Code::NotGroupMember)?),
            None => None,
        };
        users.extend(inviter.clone());
        let max_members = self.limits.members;
        let rule = move |state: &GroupState| rules::join(state, &by, inviter.as_ref(), max_members);
        self.change(group_id, users, rule).await.map(drop)
    }

    /// The caller leaves.
    pub async fn quit(&self, caller: &Caller, group_id: &str) -> Result<()> {
        let by = self.by(caller);
        self.change(group_id, vec![caller.user.clone()], move |state| rules::quit(state, &by)).await.map(drop)
    }

    /// The caller removes somebody.
    pub async fn kick(&self, caller: &Caller, group_id: &str, user_id: &str) -> Result<()> {
        let by = self.by(caller);
        let users = vec![caller.user.clone(), fields::user_id("user_id", user_id)?];
        self.change(group_id, users, move |state| rules::kick(state, &by)).await.map(drop)
    }

    /// The caller makes somebody else the owner.
    pub async fn transfer(&self, caller: &Caller, group_id: &str, user_id: &str) -> Result<()> {
        let by = self.by(caller);
        let users = vec![caller.user.clone(), fields::user_id("user_id", user_id)?];
        self.change(group_id, users, move |state| rules::transfer(state, &by)).await.map(drop)
    }

    /// The caller makes somebody an admin, or an ordinary member.
    pub async fn set_role(&self, caller: &Caller, group_id: &str, user_id: &str, role_level: i64) -> Result<()> {
        let role = match role_level {
            1 => Role::Member,
            2 => Role::Admin,
            _ => return Err(Error::invalid("role_level", "expects 1 (member) or 2 (admin)")),
        };
        let by = self.by(caller);
        let users = vec![caller.user.clone(), fields::user_id("user_id", user_id)?];
        self.change(group_id, users, move |state| rules::set_role(state, &by, role)).await.map(drop)
    }

    /// The caller ends the group.
    pub async fn dismiss(&self, caller: &Caller, group_id: &str) -> Result<()> {
        let by = self.by(caller);
        self.change(group_id, vec![caller.user.clone()], move |state| rules::dismiss(state, &by)).await.map(drop)
    }

    /// The caller edits the group: what is `None` stays. Answers the group and the caller's role.
    pub async fn update(
        &self,
        caller: &Caller,
        group_id: &str,
        name: Option<String>,
        introduction: Option<String>,
        avatar: Option<String>,
    ) -> Result<(Group, Role)> {
        check_fields(name.as_deref(), introduction.as_deref().unwrap_or_default(), avatar.as_deref().unwrap_or_default())?;
        let by = self.by(caller);
        let update = FieldsUpdate { name, introduction, avatar };
        let rule = move |state: &GroupState| rules::update(state, &by, &update);
        let group = self.change(group_id, vec![caller.user.clone()], rule).await?;
        let role = rules::editor_role(&group, &caller.user);
        Ok((group, role))
    }

    /// The caller is called something else in the group; empty goes back to its own nickname.
    pub async fn nickname(&self, caller: &Caller, group_id: &str, nickname: String) -> Result<()> {
        fields::name("group_nickname", &nickname, 0)?;
        let by = self.by(caller);
        let rule = move |state: &GroupState| rules::nickname(state, &by, &nickname);
        self.change(group_id, vec![caller.user.clone()], rule).await.map(drop)
    }

    /// A group, for anybody: one must be able to look before joining. With the caller's role, if it is in.
    pub async fn info(&self, caller: &Caller, group_id: &str) -> Result<(Group, Option<Role>)> {
        let id = fields::group_id(group_id)?;
        let (group, own) = tokio::try_join!(self.groups.find(id), self.groups.member(id, &caller.user))?;
        let role = own.filter(Member::is_active).map(|own| own.role);
        Ok((group.or_code(Code::GroupNotFound)?, role))
    }

    /// The members of the caller's group by id, those above `after`; all of them without a limit.
    pub async fn members(&self, caller: &Caller, group_id: &str, after: u64, limit: Option<usize>) -> Result<MemberPage> {
        let id = fields::group_id(group_id)?;
        self.groups.find(id).await?.or_code(Code::GroupNotFound)?;
        let own = self.groups.member(id, &caller.user).await?;
        own.filter(Member::is_active).or_code(Code::NotGroupMember)?;
        let Some(limit) = limit else {
            return Ok(MemberPage { members: self.groups.members(id, after, usize::MAX).await?, next: None });
        };
        let mut members = self.groups.members(id, after, limit.saturating_add(1)).await?;
        let more = members.len() > limit;
        members.truncate(limit);
        let next = members.last().map(|last| last.id).filter(|_| more);
        Ok(MemberPage { members, next })
    }

    async fn change(
        &self,
        group_id: &str,
        users: Vec<UserId>,
        rule: impl Fn(&GroupState) -> Result<GroupUpdate> + Send + Sync + 'static,
    ) -> Result<Group> {
        let id = fields::group_id(group_id)?;
        self.groups.change(id, users, Box::new(rule), self.tell()).await?.or_code(Code::GroupNotFound)?
    }

    fn by(&self, caller: &Caller) -> By {
        By { user: caller.user.clone(), now_ms: self.clock.now_ms() }
    }

    /// Tells the members, once the change is stored.
    fn tell(&self) -> OnCommit<GroupUpdate> {
        let bus = Arc::clone(&self.bus);
        Box::new(move |update| bus.group_changed(update))
    }

    fn fresh_id(&self) -> GroupId {
        const LOWEST: u64 = 1_000_000_000;
        const COUNT: u64 = 9_000_000_000_000_000;
        GroupId::from_number(LOWEST + self.clock.random_number() % COUNT)
    }
}

fn check_fields(name: Option<&str>, introduction: &str, avatar: &str) -> Result<()> {
    if let Some(name) = name {
        fields::name("name", name, 1)?;
    }
    fields::at_most("introduction", introduction, fields::INTRODUCTION_BYTES)?;
    fields::at_most("avatar", avatar, fields::AVATAR_BYTES)
}
