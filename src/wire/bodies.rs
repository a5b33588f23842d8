//! What clients send. Unknown fields are ignored; a field that may be missing may also be null.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::{Login, Outgoing, Pull, Registration, Target};
use crate::model::{GroupFields, UserUpdate};

/// `POST /auth/register`
#[derive(Deserialize)]
pub struct Register {
    user_id: Option<String>,
    nickname: String,
    password: String,
    avatar: Option<String>,
}

impl From<Register> for Registration {
    fn from(body: Register) -> Self {
        let Register { user_id, nickname, password, avatar } = body;
        Self { user_id, nickname, password, avatar: avatar.unwrap_or_default() }
    }
}

/// `POST /auth/login`
#[derive(Deserialize)]
pub struct LoginBody {
    user_id: String,
    password: String,
    platform_id: i64,
}

impl From<LoginBody> for Login {
    fn from(body: LoginBody) -> Self {
        let LoginBody { user_id, password, platform_id } = body;
        Self { user_id, password, platform_id }
    }
}

/// `PUT /user/update`
#[derive(Deserialize)]
pub struct UpdateUser {
    nickname: Option<String>,
    avatar: Option<String>,
    extra: Option<String>,
}

impl From<UpdateUser> for UserUpdate {
    fn from(body: UpdateUser) -> Self {
        let UpdateUser { nickname, avatar, extra } = body;
        Self { nickname, avatar, extra }
    }
}

/// `POST /group/create`
#[derive(Deserialize)]
pub struct CreateGroup {
    name: String,
    introduction: Option<String>,
    avatar: Option<String>,
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
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the API document has them")]
pub struct JoinGroup {
    pub group_id: String,
    pub inviter_id: Option<String>,
}

/// `POST /group/quit` and `/group/dismiss`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the API document has them")]
pub struct GroupRef {
    pub group_id: String,
}

/// `POST /group/kick` and `/group/transfer`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the API document has them")]
pub struct GroupTarget {
    pub group_id: String,
    pub user_id: String,
}

/// `POST /group/set_role`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the API document has them")]
pub struct GroupRole {
    pub group_id: String,
    pub user_id: String,
    pub role_level: i64,
}

/// `PUT /group/update`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the API document has them")]
pub struct UpdateGroup {
    pub group_id: String,
    pub name: Option<String>,
    pub introduction: Option<String>,
    pub avatar: Option<String>,
}

/// `PUT /group/nickname`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the API document has them")]
pub struct GroupNickname {
    pub group_id: String,
    pub group_nickname: String,
}

/// `POST /msg/send`, and the op `send`
#[derive(Deserialize)]
pub struct SendBody {
    client_msg_id: String,
    recv_id: Option<String>,
    group_id: Option<String>,
    session_type: i64,
    msg_type: i64,
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
#[derive(Deserialize)]
pub struct PullBody {
    conversation_id: String,
    begin_seq: Option<i64>,
    end_seq: Option<i64>,
    limit: Option<i64>,
}

impl From<PullBody> for Pull {
    fn from(body: PullBody) -> Self {
        let PullBody { conversation_id, begin_seq, end_seq, limit } = body;
        Self { conversation_id, begin_seq, end_seq, limit }
    }
}

/// The op `max_seq`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the API document has them")]
pub struct MaxSeq {
    pub conversation_id: String,
}

/// `POST /conversation/mark_read`, and the op `mark_read`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the API document has them")]
pub struct MarkRead {
    pub conversation_id: String,
    pub read_seq: i64,
}

/// `PUT /conversation/update`
#[derive(Deserialize)]
#[expect(missing_docs, reason = "the API document has them")]
pub struct UpdateConversation {
    pub recv_msg_opt: Option<i64>,
    pub is_pinned: Option<bool>,
}
