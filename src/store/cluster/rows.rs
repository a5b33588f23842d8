//! What the columns of several tables hold, as they are written and read.

use crate::model::{
    ConversationId, Fanout, Group, GroupFields, GroupId, GroupStatus, Member, MemberStatus, Role, UserId, Window, Windows,
};
use crate::store::StoreError;

pub(super) fn bad(what: &str) -> StoreError {
    StoreError::Corrupt(format!("a row holds no valid {what}"))
}

pub(super) fn user_id(text: &str) -> Result<UserId, StoreError> {
    UserId::parse(text).ok_or_else(|| bad("user id"))
}

pub(super) fn conversation_id(text: &str) -> Result<ConversationId, StoreError> {
    ConversationId::parse(text).ok_or_else(|| bad("conversation id"))
}

/// A column that every row of its kind has.
pub(super) fn some<T>(value: Option<T>, name: &str) -> Result<T, StoreError> {
    value.ok_or_else(|| bad(name))
}

/// Windows as a list of (after, until).
pub(super) type WindowsRow = Vec<(i64, Option<i64>)>;

pub(super) fn windows_row(windows: &Windows) -> WindowsRow {
    let seq = |seq: u64| seq.cast_signed();
    windows.stays().iter().map(|window| (seq(window.after), window.until.map(seq))).collect()
}

pub(super) fn windows(row: WindowsRow) -> Windows {
    let seq = |seq: i64| seq.cast_unsigned();
    let stays = row.into_iter().map(|(after, until)| Window { after: seq(after), until: until.map(seq) });
    Windows::from_stays(stays.collect())
}

/// The columns of [`GroupRow`], all static.
pub(super) const GROUP_COLUMNS: &str = "version, op_id, past_op_ids, group_name, introduction, avatar, status, creator, owner, \
    member_count, next_member_id, fanout, created_at_ms, updated_at_ms";

/// A group's own columns, or of one that is being made those that are there already.
#[derive(scylla::DeserializeRow)]
pub(super) struct GroupRow {
    pub(super) version: Option<i64>,
    pub(super) op_id: Option<uuid::Uuid>,
    pub(super) past_op_ids: Option<Vec<uuid::Uuid>>,
    group_name: Option<String>,
    introduction: Option<String>,
    avatar: Option<String>,
    status: Option<i8>,
    creator: Option<String>,
    owner: Option<String>,
    member_count: Option<i64>,
    next_member_id: Option<i64>,
    fanout: Option<i8>,
    created_at_ms: Option<i64>,
    updated_at_ms: Option<i64>,
}

impl GroupRow {
    /// Whether the change with this op_id is among the latest that took effect.
    pub(super) fn has_taken(&self, op_id: uuid::Uuid) -> bool {
        self.version.is_some() && (self.op_id == Some(op_id) || self.past_op_ids.iter().flatten().any(|past| *past == op_id))
    }

    pub(super) fn into_group(self, id: GroupId) -> Result<Group, StoreError> {
        Ok(Group {
            id,
            fanout: fanout(self.fanout)?,
            status: group_status(some(self.status, "group status")?)?,
            creator: user_id(&some(self.creator, "creator")?)?,
            owner: user_id(&some(self.owner, "owner")?)?,
            fields: GroupFields {
                name: some(self.group_name, "group name")?,
                introduction: some(self.introduction, "introduction")?,
                avatar: some(self.avatar, "avatar")?,
            },
            member_count: some(self.member_count, "member count")?.cast_unsigned(),
            next_member_id: some(self.next_member_id, "next member id")?.cast_unsigned(),
            created_at_ms: some(self.created_at_ms, "time")?,
            updated_at_ms: some(self.updated_at_ms, "time")?,
        })
    }
}

/// How a group's messages reach its members; a group that was never large has no such column.
pub(super) fn fanout(number: Option<i8>) -> Result<Fanout, StoreError> {
    match number {
        None | Some(0) => Ok(Fanout::Members),
        Some(1) => Ok(Fanout::Both),
        Some(2) => Ok(Fanout::Nodes),
        Some(_) => Err(bad("fan-out")),
    }
}

pub(super) fn group_status(number: i8) -> Result<GroupStatus, StoreError> {
    match number {
        1 => Ok(GroupStatus::Normal),
        2 => Ok(GroupStatus::Dismissed),
        _ => Err(bad("group status")),
    }
}

pub(super) fn member_status(number: i8) -> Result<MemberStatus, StoreError> {
    match number {
        1 => Ok(MemberStatus::Active),
        2 => Ok(MemberStatus::Quit),
        3 => Ok(MemberStatus::Kicked),
        _ => Err(bad("member status")),
    }
}

/// The columns of [`MemberRow`]: the member's own, and the group's version at that moment.
pub(super) const MEMBER_COLUMNS: &str =
    "version, fanout, name, member_id, nickname, role, member_status, joined_at_ms, inviter, windows";

/// A member's row.
#[derive(scylla::DeserializeRow)]
pub(super) struct MemberRow {
    /// `None` while the group is being made.
    pub(super) version: Option<i64>,
    pub(super) fanout: Option<i8>,
    name: String,
    member_id: Option<i64>,
    nickname: Option<String>,
    role: Option<i8>,
    member_status: Option<i8>,
    joined_at_ms: Option<i64>,
    inviter: Option<String>,
    windows: Option<WindowsRow>,
}

impl MemberRow {
    pub(super) fn into_member(self) -> Result<Member, StoreError> {
        let role = match some(self.role, "role")? {
            1 => Role::Member,
            2 => Role::Admin,
            3 => Role::Owner,
            _ => return Err(bad("role")),
        };
        Ok(Member {
            id: some(self.member_id, "member id")?.cast_unsigned(),
            user: user_id(&self.name)?,
            nickname: some(self.nickname, "nickname")?,
            role,
            status: member_status(some(self.member_status, "member status")?)?,
            joined_at_ms: some(self.joined_at_ms, "time")?,
            inviter: self.inviter.as_deref().map(user_id).transpose()?,
            windows: windows(self.windows.unwrap_or_default()),
        })
    }
}
