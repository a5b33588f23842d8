//! What clients send. Unknown fields are ignored; a field that may be missing may also be null.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::contents::Content;
use super::schemas;
use crate::domain::{Login, Outgoing, Pull, Registration, Target};
use crate::model::{GroupFields, UserUpdate};

/// `POST /auth/register`
#[derive(Deserialize, ToSchema)]
pub struct Register {
    /// Absent or `""`: the server gives a UUID.
    #[schema(value_type = Option<schemas::UserIdOrEmpty>)]
    user_id: Option<String>,
    /// The name to show.
    #[schema(value_type = schemas::Name)]
    nickname: String,
    /// The password to log in with.
    #[schema(value_type = schemas::NewPassword)]
    password: String,
    /// The URL of a picture.
    #[schema(value_type = Option<schemas::Avatar>)]
    avatar: Option<String>,
}

impl From<Register> for Registration {
    fn from(body: Register) -> Self {
        let Register { user_id, nickname, password, avatar } = body;
        Self { user_id, nickname, password, avatar: avatar.unwrap_or_default() }
    }
}

/// `POST /auth/login`
#[derive(Deserialize, ToSchema)]
#[schema(as = Login)]
pub struct LoginBody {
    /// Who logs in.
    #[schema(value_type = schemas::UserId)]
    user_id: String,
    /// The password that the user registered with.
    #[schema(min_length = 1, examples("123456"))]
    password: String,
    /// On which platform: a new login there ends the token before.
    #[schema(value_type = schemas::PlatformId)]
    platform_id: i64,
}

impl From<LoginBody> for Login {
    fn from(body: LoginBody) -> Self {
        let LoginBody { user_id, password, platform_id } = body;
        Self { user_id, password, platform_id }
    }
}

/// `PUT /user/update`
#[derive(Deserialize, ToSchema)]
pub struct UpdateUser {
    /// The name to show.
    #[schema(value_type = Option<schemas::Name>)]
    nickname: Option<String>,
    /// The URL of a picture; `""` clears it.
    #[schema(value_type = Option<schemas::Avatar>)]
    avatar: Option<String>,
    /// Whatever the client keeps; `""` clears it.
    #[schema(value_type = Option<schemas::Extra>)]
    extra: Option<String>,
}

impl From<UpdateUser> for UserUpdate {
    fn from(body: UpdateUser) -> Self {
        let UpdateUser { nickname, avatar, extra } = body;
        Self { nickname, avatar, extra }
    }
}

/// `POST /group/create`
#[derive(Deserialize, ToSchema)]
pub struct CreateGroup {
    /// What it is called.
    #[schema(value_type = schemas::Name)]
    name: String,
    /// What it says of itself.
    #[schema(value_type = Option<schemas::Introduction>)]
    introduction: Option<String>,
    /// The URL of a picture.
    #[schema(value_type = Option<schemas::Avatar>)]
    avatar: Option<String>,
    /// The first members, at most 1,000 (`limits.member_ids`); doubles and the owner are dropped.
    #[schema(value_type = Option<Vec<schemas::UserId>>, max_items = 1_000)]
    member_ids: Option<Vec<String>>,
}

impl CreateGroup {
    /// The group's fields and its first members.
    pub fn into_parts(self) -> (GroupFields, Vec<String>) {
        let Self { name, introduction, avatar, member_ids } = self;
        let (introduction, avatar) = (introduction.unwrap_or_default(), avatar.unwrap_or_default());
        (GroupFields { name, introduction, avatar }, member_ids.unwrap_or_default())
    }
}

/// `POST /group/join`
#[derive(Deserialize, ToSchema)]
pub struct JoinGroup {
    /// Which group.
    #[schema(value_type = schemas::GroupId)]
    pub group_id: String,
    /// Who invited: a member.
    #[schema(value_type = Option<schemas::UserIdOrEmpty>)]
    pub inviter_id: Option<String>,
}

/// `POST /group/quit` and `/group/dismiss`
#[derive(Deserialize, ToSchema)]
pub struct GroupRef {
    /// Which group.
    #[schema(value_type = schemas::GroupId)]
    pub group_id: String,
}

/// `POST /group/kick` and `/group/transfer`
#[derive(Deserialize, ToSchema)]
pub struct GroupTarget {
    /// Which group.
    #[schema(value_type = schemas::GroupId)]
    pub group_id: String,
    /// The member whom it is about.
    #[schema(value_type = schemas::UserId)]
    pub user_id: String,
}

/// `POST /group/set_role`
#[derive(Deserialize, ToSchema)]
pub struct GroupRole {
    /// Which group.
    #[schema(value_type = schemas::GroupId)]
    pub group_id: String,
    /// Whose role changes.
    #[schema(value_type = schemas::UserId)]
    pub user_id: String,
    /// The new role.
    #[schema(value_type = schemas::NewRoleLevel)]
    pub role_level: i64,
}

/// `PUT /group/update`
#[derive(Deserialize, ToSchema)]
pub struct UpdateGroup {
    /// Which group.
    #[schema(value_type = schemas::GroupId)]
    pub group_id: String,
    /// What it is called.
    #[schema(value_type = Option<schemas::Name>)]
    pub name: Option<String>,
    /// What it says of itself; `""` clears it.
    #[schema(value_type = Option<schemas::Introduction>)]
    pub introduction: Option<String>,
    /// The URL of a picture; `""` clears it.
    #[schema(value_type = Option<schemas::Avatar>)]
    pub avatar: Option<String>,
}

/// `PUT /group/nickname`
#[derive(Deserialize, ToSchema)]
#[schema(as = NewGroupNickname)]
pub struct GroupNickname {
    /// Which group.
    #[schema(value_type = schemas::GroupId)]
    pub group_id: String,
    /// The caller's own name in the group; `""` clears it.
    #[schema(value_type = schemas::GroupNickname)]
    pub group_nickname: String,
}

/// `POST /msg/send`, and the op `send`
#[derive(Deserialize, ToSchema)]
#[schema(as = Send)]
pub struct SendBody {
    /// Given before the first try, and the same at each further one: then it is one message.
    #[schema(value_type = schemas::ClientMsgId)]
    client_msg_id: String,
    /// The receiver, with `session_type` 1; else absent or `""`.
    #[schema(value_type = Option<schemas::UserIdOrEmpty>)]
    recv_id: Option<String>,
    /// The group, with `session_type` 2; else absent or `""`.
    #[schema(value_type = Option<schemas::GroupIdOrEmpty>)]
    group_id: Option<String>,
    /// To a user or to a group.
    #[schema(value_type = schemas::SessionType)]
    session_type: i64,
    /// Of which kind the content is.
    #[schema(value_type = schemas::MsgType)]
    msg_type: i64,
    /// What the message carries.
    #[schema(value_type = Content)]
    content: Box<RawValue>,
}

impl From<SendBody> for Outgoing {
    fn from(body: SendBody) -> Self {
        let SendBody { client_msg_id, recv_id, group_id, session_type, msg_type, content } = body;
        let (recv_id, group_id) = (recv_id.unwrap_or_default(), group_id.unwrap_or_default());
        let target = Target { session_type, recv_id, group_id };
        Self { client_msg_id, target, msg_type, content: Arc::from(content.get()) }
    }
}

/// The op `pull`
#[derive(Deserialize, ToSchema)]
#[schema(as = Pull)]
pub struct PullBody {
    /// Which conversation.
    #[schema(value_type = schemas::ConversationId)]
    conversation_id: String,
    /// The first seq, inclusive; 0 without.
    #[schema(value_type = Option<schemas::Seq>)]
    begin_seq: Option<i64>,
    /// The last seq, inclusive; the highest without.
    #[schema(value_type = Option<schemas::Seq>)]
    end_seq: Option<i64>,
    /// At most so many; 100 without, and never more.
    #[schema(value_type = Option<i64>, minimum = 1)]
    limit: Option<i64>,
}

impl From<PullBody> for Pull {
    fn from(body: PullBody) -> Self {
        let PullBody { conversation_id, begin_seq, end_seq, limit } = body;
        Self { conversation_id, begin_seq, end_seq, limit }
    }
}

/// The op `max_seq`
#[derive(Deserialize, ToSchema)]
#[schema(as = ConversationRef)]
pub struct MaxSeq {
    /// Which conversation.
    #[schema(value_type = schemas::ConversationId)]
    pub conversation_id: String,
}

/// `POST /conversation/mark_read`, and the op `mark_read`
#[derive(Deserialize, ToSchema)]
pub struct MarkRead {
    /// Which conversation.
    #[schema(value_type = schemas::ConversationId)]
    pub conversation_id: String,
    /// Up to where it is read: forward only, and at most to the highest seq that the caller may see.
    #[schema(value_type = schemas::Seq)]
    pub read_seq: i64,
}

/// `PUT /conversation/update`
#[derive(Deserialize, ToSchema)]
pub struct UpdateConversation {
    /// Whether messages are pushed.
    #[schema(value_type = Option<schemas::RecvMsgOpt>)]
    pub recv_msg_opt: Option<i64>,
    /// Whether it is listed first.
    pub is_pinned: Option<bool>,
}
