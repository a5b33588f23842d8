//! What clients get: the envelope, and the shapes inside it. Messages have a file of their own.

use serde::Serialize;

use crate::model::{ConversationState, Group, GroupId, Member, User};

/// The envelope around a success.
pub fn envelope<T: Serialize>(data: &T) -> serde_json::Result<Vec<u8>> {
    let mut json = ENVELOPE.to_vec();
    serde_json::to_writer(&mut json, data)?;
    json.push(b'}');
    Ok(json)
}

/// How the envelope around a success begins; the data and a brace follow.
pub(super) const ENVELOPE: &[u8] = br#"{"code":0,"msg":"success","data":"#;

/// A user, as others see it.
#[derive(Serialize)]
pub struct UserView {
    user_id: String,
    nickname: String,
    avatar: String,
    extra: String,
    created_at: i64,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            user_id: user.id.as_str().to_owned(),
            nickname: user.nickname,
            avatar: user.avatar,
            extra: user.extra,
            created_at: user.created_at_ms,
        }
    }
}

/// A token, after a login with whose it is.
#[derive(Serialize)]
pub struct TokenView {
    /// The token.
    pub token: String,
    /// Who logged in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_info: Option<UserView>,
}

/// A group.
#[derive(Serialize)]
pub struct GroupView {
    id: String,
    name: String,
    introduction: String,
    avatar: String,
    status: u8,
    creator_user_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    member_count: Option<u64>,
    created_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<i64>,
}

/// A group as its creation answers it.
pub fn group_new(group: Group) -> GroupView {
    let updated_at = Some(group.updated_at_ms);
    GroupView { member_count: None, updated_at, ..group_info(group) }
}

/// A group as its info answers it.
pub fn group_info(group: Group) -> GroupView {
    GroupView {
        id: group.id.to_string(),
        name: group.fields.name,
        introduction: group.fields.introduction,
        avatar: group.fields.avatar,
        status: group.status as u8,
        creator_user_id: group.creator.as_str().to_owned(),
        member_count: Some(group.member_count),
        created_at: group.created_at_ms,
        updated_at: None,
    }
}

/// A member of a group.
#[derive(Serialize)]
pub struct MemberView {
    id: u64,
    group_id: String,
    user_id: String,
    group_nickname: String,
    role_level: u8,
    status: u8,
    joined_at: i64,
    inviter_user_id: String,
}

impl MemberView {
    /// A member of `group`.
    pub fn new(group: GroupId, member: Member) -> Self {
        Self {
            id: member.id,
            group_id: group.to_string(),
            user_id: member.user.as_str().to_owned(),
            group_nickname: member.nickname,
            role_level: member.role as u8,
            status: member.status as u8,
            joined_at: member.joined_at_ms,
            inviter_user_id: member.inviter.map(|inviter| inviter.as_str().to_owned()).unwrap_or_default(),
        }
    }
}

/// A conversation.
#[derive(Serialize)]
pub struct ConversationView {
    conversation_id: String,
    conversation_type: u8,
    peer_user_id: String,
    group_id: String,
    recv_msg_opt: u8,
    is_pinned: bool,
    unread_count: u64,
    max_seq: u64,
    read_seq: u64,
    updated_at: i64,
}

impl ConversationView {
    /// The conversation as `user` sees it.
    pub fn new(state: &ConversationState, user: &crate::model::UserId) -> Self {
        let row = &state.conversation;
        Self {
            conversation_id: row.id.to_string(),
            conversation_type: row.kind() as u8,
            peer_user_id: row.id.peer_of(user).map(|peer| peer.as_str().to_owned()).unwrap_or_default(),
            group_id: row.id.group().map(|group| group.to_string()).unwrap_or_default(),
            recv_msg_opt: row.receive as u8,
            is_pinned: row.is_pinned,
            unread_count: state.unread(),
            max_seq: state.max_seq(),
            read_seq: state.read_seq(),
            updated_at: state.updated_at_ms(),
        }
    }
}

/// How far a conversation is read.
#[derive(Serialize)]
pub struct ReadState {
    max_seq: u64,
    read_seq: u64,
    unread_count: u64,
}

impl From<&ConversationState> for ReadState {
    fn from(state: &ConversationState) -> Self {
        Self { max_seq: state.max_seq(), read_seq: state.read_seq(), unread_count: state.unread() }
    }
}
