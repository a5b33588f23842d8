//! The rows of the embedded store and their encoding: a version byte, then postcard.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{
    Conversation, ConversationId, Fanout, Group, GroupFields, GroupId, GroupStatus, Member, MemberStatus, Message, MsgType,
    ReceiveOption, Role, Session, User, UserId, Window, Windows,
};
use crate::store::StoreError;

/// The version that every row starts with. A row of another one is damaged, or of a newer schema.
const VERSION: u8 = 1;

/// The bytes of a row.
pub(super) fn encode<R: Serialize>(row: &R) -> Result<Vec<u8>, StoreError> {
    postcard::to_extend(row, vec![VERSION]).map_err(|error| StoreError::Corrupt(format!("a row cannot be encoded: {error}")))
}

/// The row that `bytes` hold.
pub(super) fn decode<'a, R: Deserialize<'a>>(bytes: &'a [u8]) -> Result<R, StoreError> {
    match bytes.split_first() {
        Some((&VERSION, row)) => {
            postcard::from_bytes(row).map_err(|error| StoreError::Corrupt(format!("a row cannot be read: {error}")))
        }
        Some((version, _)) => Err(StoreError::Corrupt(format!("a row has version {version}, not {VERSION}"))),
        None => Err(StoreError::Corrupt("a row is empty".to_owned())),
    }
}

fn bad(what: &str) -> StoreError {
    StoreError::Corrupt(format!("a row holds no valid {what}"))
}

fn user_id(text: &str) -> Result<UserId, StoreError> {
    UserId::parse(text).ok_or_else(|| bad("user id"))
}

pub(super) fn conversation_id(bytes: &[u8]) -> Result<ConversationId, StoreError> {
    std::str::from_utf8(bytes).ok().and_then(ConversationId::parse).ok_or_else(|| bad("conversation id"))
}

#[derive(Serialize, Deserialize)]
pub(super) struct UserRow {
    nickname: String,
    avatar: String,
    extra: String,
    password_hash: String,
    created_at_ms: i64,
    updated_at_ms: i64,
}

impl UserRow {
    pub(super) fn of(user: &User) -> Self {
        Self {
            nickname: user.nickname.clone(),
            avatar: user.avatar.clone(),
            extra: user.extra.clone(),
            password_hash: user.password_hash.clone(),
            created_at_ms: user.created_at_ms,
            updated_at_ms: user.updated_at_ms,
        }
    }

    pub(super) fn into_user(self, id: UserId) -> User {
        User {
            id,
            nickname: self.nickname,
            avatar: self.avatar,
            extra: self.extra,
            password_hash: self.password_hash,
            created_at_ms: self.created_at_ms,
            updated_at_ms: self.updated_at_ms,
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct SessionRow {
    jti: String,
    issued_at_ms: i64,
    expires_at_ms: i64,
    refreshed_from: Option<String>,
}

impl From<Session> for SessionRow {
    fn from(session: Session) -> Self {
        let Session { jti, issued_at_ms, expires_at_ms, refreshed_from } = session;
        Self { jti, issued_at_ms, expires_at_ms, refreshed_from }
    }
}

impl From<SessionRow> for Session {
    fn from(row: SessionRow) -> Self {
        let SessionRow { jti, issued_at_ms, expires_at_ms, refreshed_from } = row;
        Self { jti, issued_at_ms, expires_at_ms, refreshed_from }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct GroupRow {
    name: String,
    introduction: String,
    avatar: String,
    status: u8,
    creator: String,
    owner: String,
    member_count: u64,
    next_member_id: u64,
    created_at_ms: i64,
    updated_at_ms: i64,
}

impl GroupRow {
    pub(super) fn of(group: &Group) -> Self {
        Self {
            name: group.fields.name.clone(),
            introduction: group.fields.introduction.clone(),
            avatar: group.fields.avatar.clone(),
            status: group.status as u8,
            creator: group.creator.as_str().to_owned(),
            owner: group.owner.as_str().to_owned(),
            member_count: group.member_count,
            next_member_id: group.next_member_id,
            created_at_ms: group.created_at_ms,
            updated_at_ms: group.updated_at_ms,
        }
    }

    pub(super) fn status(&self) -> Result<GroupStatus, StoreError> {
        match self.status {
            1 => Ok(GroupStatus::Normal),
            2 => Ok(GroupStatus::Dismissed),
            _ => Err(bad("group status")),
        }
    }

    pub(super) fn into_group(self, id: GroupId) -> Result<Group, StoreError> {
        Ok(Group {
            id,
            // Everybody is on the one node that there is.
            fanout: Fanout::Members,
            status: self.status()?,
            creator: user_id(&self.creator)?,
            owner: user_id(&self.owner)?,
            fields: GroupFields { name: self.name, introduction: self.introduction, avatar: self.avatar },
            member_count: self.member_count,
            next_member_id: self.next_member_id,
            created_at_ms: self.created_at_ms,
            updated_at_ms: self.updated_at_ms,
        })
    }
}

type WindowsRow = Vec<(u64, Option<u64>)>;

fn windows_row(windows: &Windows) -> WindowsRow {
    windows.stays().iter().map(|window| (window.after, window.until)).collect()
}

fn windows(row: WindowsRow) -> Windows {
    Windows::from_stays(row.into_iter().map(|(after, until)| Window { after, until }).collect())
}

#[derive(Serialize, Deserialize)]
pub(super) struct MemberRow {
    id: u64,
    nickname: String,
    role: u8,
    status: u8,
    joined_at_ms: i64,
    inviter: Option<String>,
    windows: WindowsRow,
}

impl MemberRow {
    pub(super) fn of(member: &Member) -> Self {
        Self {
            id: member.id,
            nickname: member.nickname.clone(),
            role: member.role as u8,
            status: member.status as u8,
            joined_at_ms: member.joined_at_ms,
            inviter: member.inviter.as_ref().map(|inviter| inviter.as_str().to_owned()),
            windows: windows_row(&member.windows),
        }
    }

    pub(super) fn status(&self) -> Result<MemberStatus, StoreError> {
        match self.status {
            1 => Ok(MemberStatus::Active),
            2 => Ok(MemberStatus::Quit),
            3 => Ok(MemberStatus::Kicked),
            _ => Err(bad("member status")),
        }
    }

    pub(super) fn into_member(self, user: UserId) -> Result<Member, StoreError> {
        let role = match self.role {
            1 => Role::Member,
            2 => Role::Admin,
            3 => Role::Owner,
            _ => return Err(bad("role")),
        };
        Ok(Member {
            id: self.id,
            user,
            role,
            status: self.status()?,
            nickname: self.nickname,
            joined_at_ms: self.joined_at_ms,
            inviter: self.inviter.as_deref().map(user_id).transpose()?,
            windows: windows(self.windows),
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct ConversationRow {
    windows: WindowsRow,
    receive: u8,
    is_pinned: bool,
    read_seq: u64,
    joined_at_ms: i64,
}

impl ConversationRow {
    pub(super) fn of(conversation: &Conversation) -> Self {
        Self {
            windows: windows_row(&conversation.windows),
            receive: conversation.receive as u8,
            is_pinned: conversation.is_pinned,
            read_seq: conversation.read_seq,
            joined_at_ms: conversation.joined_at_ms,
        }
    }

    pub(super) fn into_conversation(self, id: ConversationId) -> Result<Conversation, StoreError> {
        Ok(Conversation {
            id,
            windows: windows(self.windows),
            receive: ReceiveOption::from_number(self.receive.into()).ok_or_else(|| bad("receive option"))?,
            is_pinned: self.is_pinned,
            read_seq: self.read_seq,
            joined_at_ms: self.joined_at_ms,
        })
    }
}

#[derive(Serialize, Deserialize, Default)]
pub(super) struct HeadRow {
    pub(super) max_seq: u64,
    pub(super) last_at_ms: i64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct MessageRow<'a> {
    sender: &'a str,
    client_msg_id: &'a str,
    msg_type: u8,
    content: &'a str,
    send_at_ms: i64,
}

impl<'a> MessageRow<'a> {
    pub(super) fn of(message: &'a Message) -> Self {
        Self {
            sender: message.sender.as_str(),
            client_msg_id: &message.client_msg_id,
            msg_type: message.msg_type as u8,
            content: &message.content,
            send_at_ms: message.send_at_ms,
        }
    }

    /// When it was sent.
    pub(super) fn send_at_ms(&self) -> i64 {
        self.send_at_ms
    }

    pub(super) fn into_message(self, conversation: ConversationId, seq: u64) -> Result<Message, StoreError> {
        // Of most messages the sender is one of a pair whose ids are at hand.
        let sender = match &conversation {
            ConversationId::Single { low, .. } if low.as_str() == self.sender => low.clone(),
            ConversationId::Single { high, .. } if high.as_str() == self.sender => high.clone(),
            _ => user_id(self.sender)?,
        };
        Ok(Message {
            conversation,
            seq,
            client_msg_id: Arc::from(self.client_msg_id),
            sender,
            msg_type: MsgType::from_number(self.msg_type.into()).ok_or_else(|| bad("message type"))?,
            content: Arc::from(self.content),
            send_at_ms: self.send_at_ms,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct MessageIdRow {
    pub(super) conversation: String,
    pub(super) seq: u64,
    pub(super) fingerprint: [u8; 16],
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn damaged_rows_are_refused_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let id = || UserId::parse("a").expect("valid");
            let _ = decode::<UserRow>(&bytes).map(|row| row.into_user(id()));
            let _ = decode::<GroupRow>(&bytes).and_then(|row| row.into_group(GroupId::from_number(1)));
            let _ = decode::<MemberRow>(&bytes).and_then(|row| row.into_member(id()));
            let conversation = ConversationId::single(&id(), &id());
            let _ = decode::<ConversationRow>(&bytes).and_then(|row| row.into_conversation(conversation.clone()));
            let _ = decode::<MessageRow<'_>>(&bytes).and_then(|row| row.into_message(conversation, 1));
            let _ = decode::<SessionRow>(&bytes).map(Session::from);
        }
    }
}
