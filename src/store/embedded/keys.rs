//! The key layout of the embedded store: every table, its key and its row, in one place.
//!
//! | table | key | row |
//! |---|---|---|
//! | meta | name | `schema` and `00 commit`, each a u64 in big-endian |
//! | users | user | [`super::rows::UserRow`] |
//! | sessions | user 00 platform | [`super::rows::SessionRow`] |
//! | groups | group | [`super::rows::GroupRow`] |
//! | members | group user | [`super::rows::MemberRow`], of all who ever were in |
//! | roster | group member-id | user, of those who are in: the order of a member list |
//! | conversations | user 00 conversation | [`super::rows::ConversationRow`] |
//! | heads | conversation | [`super::rows::HeadRow`] |
//! | messages | conversation 00 seq | [`super::rows::MessageRow`]: one ordered range per conversation |
//! | message_ids | sender 00 client_msg_id | [`super::rows::MessageIdRow`] |
//!
//! Numbers in keys are big-endian, so that the order of bytes is theirs. Ids are text; none can hold a zero byte.

use crate::model::{ConversationId, GroupId, Platform, UserId};

/// A table; the numbers index the open keyspaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Table {
    Meta,
    Users,
    Sessions,
    Groups,
    Members,
    Roster,
    Conversations,
    Heads,
    Messages,
    MessageIds,
}

impl Table {
    /// Every table, in the order of their numbers.
    pub(super) const ALL: [Self; 10] = [
        Self::Meta,
        Self::Users,
        Self::Sessions,
        Self::Groups,
        Self::Members,
        Self::Roster,
        Self::Conversations,
        Self::Heads,
        Self::Messages,
        Self::MessageIds,
    ];

    /// The keyspace's name on disk.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Users => "users",
            Self::Sessions => "sessions",
            Self::Groups => "groups",
            Self::Members => "members",
            Self::Roster => "roster",
            Self::Conversations => "conversations",
            Self::Heads => "heads",
            Self::Messages => "messages",
            Self::MessageIds => "message_ids",
        }
    }
}

/// A place in a table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) table: Table,
    pub(super) bytes: Vec<u8>,
}

/// The schema version of the data.
pub(super) fn schema() -> Key {
    Key { table: Table::Meta, bytes: b"schema".to_vec() }
}

/// The number of the last commit. No key of another table is the same, so that it is found in a journal.
pub(super) fn commit() -> Key {
    Key { table: Table::Meta, bytes: b"\0commit".to_vec() }
}

pub(super) fn user(user: &UserId) -> Key {
    Key { table: Table::Users, bytes: user.as_str().into() }
}

pub(super) fn session(user: &UserId, platform: Platform) -> Key {
    Key { table: Table::Sessions, bytes: join(user.as_str(), &[platform.number()]) }
}

pub(super) fn group(group: GroupId) -> Key {
    Key { table: Table::Groups, bytes: group.number().to_be_bytes().into() }
}

pub(super) fn member(group: GroupId, user: &UserId) -> Key {
    let bytes = [&group.number().to_be_bytes(), user.as_str().as_bytes()].concat();
    Key { table: Table::Members, bytes }
}

pub(super) fn roster(group: GroupId, member_id: u64) -> Key {
    let bytes = [group.number().to_be_bytes(), member_id.to_be_bytes()].concat();
    Key { table: Table::Roster, bytes }
}

pub(super) fn conversation(user: &UserId, conversation: &ConversationId) -> Key {
    Key { table: Table::Conversations, bytes: join(user.as_str(), conversation.to_string().as_bytes()) }
}

/// What all keys of `user`'s conversations begin with.
pub(super) fn conversations_of(user: &UserId) -> Vec<u8> {
    join(user.as_str(), &[])
}

pub(super) fn head(conversation: &ConversationId) -> Key {
    Key { table: Table::Heads, bytes: conversation.to_string().into() }
}

pub(super) fn message(conversation: &ConversationId, seq: u64) -> Key {
    Key { table: Table::Messages, bytes: join(&conversation.to_string(), &seq.to_be_bytes()) }
}

pub(super) fn message_id(sender: &UserId, client_msg_id: &str) -> Key {
    Key { table: Table::MessageIds, bytes: join(sender.as_str(), client_msg_id.as_bytes()) }
}

fn join(id: &str, rest: &[u8]) -> Vec<u8> {
    [id.as_bytes(), &[0], rest].concat()
}

/// The part of a key behind the id that it begins with.
pub(super) fn rest(key: &[u8]) -> Option<&[u8]> {
    let zero = key.iter().position(|&byte| byte == 0)?;
    key.get(zero + 1..)
}
