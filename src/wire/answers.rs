//! What clients get: the envelope, and the shapes inside it. Messages have a file of their own.

use serde::Serialize;
use utoipa::ToSchema;

use super::schemas;
use crate::domain::Token;
use crate::model::{ConversationState, Group, GroupId, Member, Role, User};

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
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserView {
    /// Who it is.
    #[schema(value_type = schemas::UserId)]
    user_id: String,
    /// The name to show.
    #[schema(value_type = schemas::Name)]
    nickname: String,
    /// The URL of a picture, or `""`.
    #[schema(value_type = schemas::Avatar)]
    avatar: String,
    /// Whatever clients keep with the user, or `""`.
    #[schema(value_type = schemas::Extra)]
    extra: String,
    /// When the user registered.
    #[schema(value_type = schemas::Time)]
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

/// A login: the token, and whose it is.
#[derive(Serialize, ToSchema)]
pub struct LoggedIn {
    /// The token: good for seven days (`auth.token_ttl_s`).
    #[schema(examples("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..."))]
    token: String,
    /// When it ends.
    #[schema(value_type = schemas::Time)]
    expires_at: i64,
    /// Who logged in.
    user_info: UserView,
}

impl LoggedIn {
    /// The login of `user`.
    pub fn new(token: Token, user: User) -> Self {
        Self { token: token.text, expires_at: token.expires_at_ms, user_info: user.into() }
    }
}

/// The token in place of another.
#[derive(Serialize, ToSchema)]
pub struct Refreshed {
    /// The token: good for seven days (`auth.token_ttl_s`).
    #[schema(examples("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..."))]
    token: String,
    /// When it ends.
    #[schema(value_type = schemas::Time)]
    expires_at: i64,
}

impl From<Token> for Refreshed {
    fn from(token: Token) -> Self {
        Self { token: token.text, expires_at: token.expires_at_ms }
    }
}

// What both have is written twice: `serde(flatten)` would make it an `allOf`, which the client's types are not made of.

/// A group that was just created.
#[derive(Serialize, ToSchema)]
pub struct CreatedGroup {
    /// The `group_id` of other calls.
    #[schema(value_type = schemas::GroupId)]
    id: String,
    /// What it is called.
    #[schema(value_type = schemas::Name)]
    name: String,
    /// What it says of itself, or `""`.
    #[schema(value_type = schemas::Introduction)]
    introduction: String,
    /// The URL of a picture, or `""`.
    #[schema(value_type = schemas::Avatar)]
    avatar: String,
    /// Whether it lives.
    #[schema(value_type = schemas::GroupStatus)]
    status: u8,
    /// Who created it: the caller.
    #[schema(value_type = schemas::UserId)]
    creator_user_id: String,
    /// What the caller may do: it is the owner.
    #[schema(value_type = schemas::RoleLevelOrNone)]
    role_level: u8,
    /// When it was created.
    #[schema(value_type = schemas::Time)]
    created_at: i64,
    /// When it or its members last changed.
    #[schema(value_type = schemas::Time)]
    updated_at: i64,
}

impl From<Group> for CreatedGroup {
    fn from(group: Group) -> Self {
        Self {
            id: group.id.to_string(),
            name: group.fields.name,
            introduction: group.fields.introduction,
            avatar: group.fields.avatar,
            status: group.status as u8,
            creator_user_id: group.creator.as_str().to_owned(),
            role_level: Role::Owner as u8,
            created_at: group.created_at_ms,
            updated_at: group.updated_at_ms,
        }
    }
}

/// A group, and what the caller is in it.
#[derive(Serialize, ToSchema)]
pub struct GroupInfo {
    /// The `group_id` of other calls.
    #[schema(value_type = schemas::GroupId)]
    id: String,
    /// What it is called.
    #[schema(value_type = schemas::Name)]
    name: String,
    /// What it says of itself, or `""`.
    #[schema(value_type = schemas::Introduction)]
    introduction: String,
    /// The URL of a picture, or `""`.
    #[schema(value_type = schemas::Avatar)]
    avatar: String,
    /// Whether it lives.
    #[schema(value_type = schemas::GroupStatus)]
    status: u8,
    /// Who created it.
    #[schema(value_type = schemas::UserId)]
    creator_user_id: String,
    /// How many members are in.
    #[schema(value_type = schemas::Count)]
    member_count: u64,
    /// What the caller may do.
    #[schema(value_type = schemas::RoleLevelOrNone)]
    role_level: u8,
    /// When it was created.
    #[schema(value_type = schemas::Time)]
    created_at: i64,
}

impl GroupInfo {
    /// A group as one sees it who has this role in it, if any.
    pub fn new(group: Group, role: Option<Role>) -> Self {
        Self {
            id: group.id.to_string(),
            name: group.fields.name,
            introduction: group.fields.introduction,
            avatar: group.fields.avatar,
            status: group.status as u8,
            creator_user_id: group.creator.as_str().to_owned(),
            member_count: group.member_count,
            role_level: role.map_or(0, |role| role as u8),
            created_at: group.created_at_ms,
        }
    }
}

/// A member of a group.
#[derive(Serialize, ToSchema)]
#[schema(as = Member)]
pub struct MemberView {
    /// The number of the member within its group, from 1, in the order of first joining; kept by one who comes back.
    #[schema(minimum = 1, examples(1))]
    id: u64,
    /// Which group.
    #[schema(value_type = schemas::GroupId)]
    group_id: String,
    /// Who it is.
    #[schema(value_type = schemas::UserId)]
    user_id: String,
    /// Its own name in the group, or `""`.
    #[schema(value_type = schemas::GroupNickname)]
    group_nickname: String,
    /// What it may do.
    #[schema(value_type = schemas::RoleLevel)]
    role_level: u8,
    /// Whether it is in the group.
    #[schema(value_type = schemas::MemberStatus)]
    status: u8,
    /// When it joined last.
    #[schema(value_type = schemas::Time)]
    joined_at: i64,
    /// Who invited it, or `""`.
    #[schema(value_type = schemas::UserIdOrEmpty)]
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
#[derive(Serialize, ToSchema)]
#[schema(as = Conversation)]
pub struct ConversationView {
    /// Which conversation.
    #[schema(value_type = schemas::ConversationId)]
    conversation_id: String,
    /// Between two users, or of a group.
    #[schema(value_type = schemas::SessionType)]
    conversation_type: u8,
    /// The other user, or `""` in a group.
    #[schema(value_type = schemas::UserIdOrEmpty)]
    peer_user_id: String,
    /// The group, or `""` in a single conversation.
    #[schema(value_type = schemas::GroupIdOrEmpty)]
    group_id: String,
    /// Whether messages are pushed.
    #[schema(value_type = schemas::RecvMsgOpt)]
    recv_msg_opt: u8,
    /// Whether it is listed first.
    is_pinned: bool,
    /// How many messages the caller may see and has not read; exact.
    #[schema(value_type = schemas::Count)]
    unread_count: u64,
    /// The highest seq that the caller may see, or 0.
    #[schema(value_type = schemas::Seq)]
    max_seq: u64,
    /// Up to where the caller has read; never above `max_seq`.
    #[schema(value_type = schemas::Seq)]
    read_seq: u64,
    /// When the last message was sent, or the caller joined.
    #[schema(value_type = schemas::Time)]
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
#[derive(Serialize, ToSchema)]
#[schema(as = ReadState)]
pub struct ReadState {
    /// The highest seq that the caller may see, or 0.
    #[schema(value_type = schemas::Seq)]
    max_seq: u64,
    /// Up to where the caller has read; never above `max_seq`.
    #[schema(value_type = schemas::Seq)]
    read_seq: u64,
    /// How many messages the caller may see and has not read; exact.
    #[schema(value_type = schemas::Count)]
    unread_count: u64,
}

impl From<&ConversationState> for ReadState {
    fn from(state: &ConversationState) -> Self {
        Self { max_seq: state.max_seq(), read_seq: state.read_seq(), unread_count: state.unread() }
    }
}

/// How many messages are unread.
#[derive(Serialize, ToSchema)]
#[schema(as = Unread)]
pub struct UnreadView {
    /// How many messages the caller may see above a seq; exact.
    #[schema(value_type = schemas::Count)]
    pub unread_count: u64,
}
