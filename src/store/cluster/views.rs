//! Users' own rows of conversations: plain writes only.
//!
//! Of a group, a row has a copy of the member's windows. The groups table decides: before a change is decided there, `pending`
//! says in the row that the copy is about to be old; whoever meets that asks the groups table, and mends the copy.

use scylla::statement::prepared::PreparedStatement;
use scylla::value::MaybeUnset;

use super::cql::{Kind, SharedCql};
use super::rows::{self, WindowsRow};
use super::together::together;
use crate::model::{Conversation, ConversationId, Fanout, GroupId, Member, ReceiveOption, Settings, UserId, Windows};
use crate::store::StoreError;

/// The table of users' conversations.
pub(super) struct Views {
    cql: SharedCql,
    list: PreparedStatement,
    find: PreparedStatement,
    pending: PreparedStatement,
    copy: PreparedStatement,
    set: PreparedStatement,
    read_seq: PreparedStatement,
    mark_read: PreparedStatement,
    by_node: PreparedStatement,
}

const LIST: &str = "SELECT conversation_id, joined_at_ms, windows, copied, pending, by_node, receive, is_pinned, read_seq \
    FROM conversations WHERE user_id = ?";
const PENDING: &str = "UPDATE conversations USING TIMESTAMP ? SET pending = ? WHERE user_id = ? AND conversation_id = ?";
const COPY: &str = "UPDATE conversations USING TIMESTAMP ? SET windows = ?, joined_at_ms = ?, copied = ?, by_node = ? \
    WHERE user_id = ? AND conversation_id = ?";
const SET: &str = "UPDATE conversations SET receive = ?, is_pinned = ? WHERE user_id = ? AND conversation_id = ?";
const BY_NODE: &str = "UPDATE conversations SET by_node = true WHERE user_id = ? AND conversation_id = ?";
const READ_SEQ: &str = "SELECT read_seq FROM conversations WHERE user_id = ? AND conversation_id = ?";
const MARK_READ: &str = "UPDATE conversations USING TIMESTAMP ? SET read_seq = ? WHERE user_id = ? AND conversation_id = ?";

#[derive(scylla::DeserializeRow)]
struct ViewRow {
    conversation_id: String,
    joined_at_ms: Option<i64>,
    windows: Option<WindowsRow>,
    copied: Option<i64>,
    pending: Option<i64>,
    by_node: Option<bool>,
    receive: Option<i8>,
    is_pinned: Option<bool>,
    read_seq: Option<i64>,
}

/// A user's row of a conversation.
pub(super) struct View {
    /// As it is, but for what `copy` says.
    pub(super) conversation: Conversation,
    /// Whether windows and joined_at_ms are right.
    pub(super) copy: Copied,
    /// If its messages come by node: the group's version of the copy.
    pub(super) by_node: Option<u64>,
}

/// What is known of the group's part of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Copied {
    /// It is right.
    Right,
    /// A change of this version was about to be decided, and what became of it is not written.
    Pending(i64),
}

impl ViewRow {
    /// The view, if the row is more than a mark that came before the conversation.
    fn into_view(self) -> Result<Option<View>, StoreError> {
        let id = rows::conversation_id(&self.conversation_id)?;
        let pending = self.pending.unwrap_or(0);
        let copy = match (id.group(), self.copied) {
            (None, _) if self.joined_at_ms.is_none() => return Ok(None),
            (None, _) => Copied::Right,
            (Some(_), Some(copied)) if copied >= pending => Copied::Right,
            (Some(_), _) => Copied::Pending(pending),
        };
        let windows = if id.group().is_none() { Windows::whole() } else { rows::windows(self.windows.unwrap_or_default()) };
        let receive = ReceiveOption::from_number(self.receive.unwrap_or(0).into());
        let conversation = Conversation {
            receive: receive.ok_or_else(|| rows::bad("receive option"))?,
            is_pinned: self.is_pinned.unwrap_or(false),
            read_seq: self.read_seq.unwrap_or(0).cast_unsigned(),
            ..Conversation::new(id, windows, self.joined_at_ms.unwrap_or(0))
        };
        let by_node = self.copied.filter(|_| self.by_node == Some(true)).map(i64::cast_unsigned);
        Ok(Some(View { conversation, copy, by_node }))
    }
}

impl Views {
    pub(super) async fn open(cql: SharedCql) -> Result<Self, StoreError> {
        Ok(Self {
            list: cql.prepare(LIST, Kind::Read).await?,
            find: cql.prepare(&format!("{LIST} AND conversation_id = ?"), Kind::Read).await?,
            pending: cql.prepare(PENDING, Kind::Write).await?,
            copy: cql.prepare(COPY, Kind::Write).await?,
            set: cql.prepare(SET, Kind::Write).await?,
            read_seq: cql.prepare(READ_SEQ, Kind::Read).await?,
            mark_read: cql.prepare(MARK_READ, Kind::Write).await?,
            by_node: cql.prepare(BY_NODE, Kind::Write).await?,
            cql,
        })
    }

    /// All rows of a user.
    pub(super) async fn list(&self, user: &UserId) -> Result<Vec<View>, StoreError> {
        let rows = self.cql.paged::<ViewRow>(&self.list, (user.as_str(),)).await?;
        rows.into_iter().filter_map(|row| row.into_view().transpose()).collect()
    }

    /// One row of a user.
    pub(super) async fn find(&self, user: &UserId, conversation: &ConversationId) -> Result<Option<View>, StoreError> {
        let row = self.cql.row::<ViewRow>(&self.find, (user.as_str(), conversation.to_string())).await?;
        row.map_or(Ok(None), ViewRow::into_view)
    }

    /// Says in the members' rows that a change of the group is about to be decided, which will have this version.
    pub(super) async fn announce(&self, group: GroupId, members: &[&Member], version: i64) -> Result<(), StoreError> {
        let id = ConversationId::Group(group).to_string();
        let mut writes = Vec::new();
        for member in members {
            let values = (version, version, member.user.as_str(), id.as_str());
            writes.push(async move { self.cql.write(&self.pending, &values).await });
        }
        together(writes).await.map(drop)
    }

    /// Copies the members, as they are in this version of the group, to their rows. A later version stays.
    pub(super) async fn copy(
        &self,
        (group, fanout): (GroupId, Fanout),
        members: &[&Member],
        version: i64,
    ) -> Result<(), StoreError> {
        let id = ConversationId::Group(group).to_string();
        let by_node = MaybeUnset::from_option((fanout != Fanout::Members).then_some(true));
        let mut writes = Vec::new();
        for member in members {
            let windows = rows::windows_row(&member.windows);
            let values = (version, windows, member.joined_at_ms, version, &by_node, member.user.as_str(), id.as_str());
            writes.push(async move { self.cql.write(&self.copy, &values).await });
        }
        together(writes).await.map(drop)
    }

    /// Says that the messages of a group come by node to this member.
    pub(super) async fn set_by_node(&self, user: &UserId, group: GroupId) -> Result<(), StoreError> {
        self.cql.write(&self.by_node, &(user.as_str(), ConversationId::Group(group).to_string())).await
    }

    /// Sets what `settings` names.
    pub(super) async fn set(
        &self,
        user: &UserId,
        conversation: &ConversationId,
        settings: Settings,
    ) -> Result<(), StoreError> {
        if settings == Settings::default() {
            return Ok(());
        }
        let receive = settings.receive.map(|receive| (receive as u8).cast_signed());
        let (receive, pinned) = (MaybeUnset::from_option(receive), MaybeUnset::from_option(settings.is_pinned));
        self.cql.write(&self.set, &(receive, pinned, user.as_str(), conversation.to_string())).await
    }

    /// A user's read_seq; 0 if there is none.
    pub(super) async fn read_seq(&self, user: &UserId, conversation: &ConversationId) -> Result<u64, StoreError> {
        let row: Option<(Option<i64>,)> = self.cql.row(&self.read_seq, (user.as_str(), conversation.to_string())).await?;
        Ok(row.and_then(|(read_seq,)| read_seq).unwrap_or(0).cast_unsigned())
    }

    /// Raises read_seq; a higher one that is there stays.
    pub(super) async fn mark_read(
        &self,
        user: &UserId,
        conversation: &ConversationId,
        read_seq: u64,
    ) -> Result<(), StoreError> {
        let read_seq = read_seq.cast_signed();
        self.cql.write(&self.mark_read, &(read_seq, read_seq, user.as_str(), conversation.to_string())).await
    }
}
