//! Where a message may go: the rows that a send is allowed by.

use std::sync::Arc;

use scylla::statement::prepared::PreparedStatement;

use super::authority::column;
use super::cql::{Kind, SharedCql, corrupt};
use super::views::Views;
use super::watches::Remembered;
use crate::model::{ConversationId, Destination, Draft, GroupId, GroupStatus, MemberStatus, UserId};
use crate::store::StoreError;

/// The statements that look at destinations.
pub(super) struct Places {
    cql: SharedCql,
    user: PreparedStatement,
    member: PreparedStatement,
    group: PreparedStatement,
    open: PreparedStatement,
    views: Arc<Views>,
    /// Users that exist: they are never deleted. That one does not exist is never remembered.
    users: Remembered<UserId, ()>,
}

impl Places {
    pub(super) async fn prepare(cql: SharedCql, views: Arc<Views>) -> Result<Self, StoreError> {
        Ok(Self {
            user: cql.prepare("SELECT created_at_ms FROM users WHERE user_id = ?", Kind::Read).await?,
            member: cql
                .prepare(
                    "SELECT version, status, member_status FROM groups WHERE group_id = ? AND kind = 'member' AND name = ?",
                    Kind::Read,
                )
                .await?,
            group: cql.prepare("SELECT version, status FROM groups WHERE group_id = ? LIMIT 1", Kind::Read).await?,
            open: cql
                .prepare(
                    "INSERT INTO conversations (user_id, conversation_id, joined_at_ms) VALUES (?, ?, ?) USING TIMESTAMP ?",
                    Kind::Write,
                )
                .await?,
            views,
            users: Remembered::default(),
            cql,
        })
    }

    /// What a rule decides on.
    pub(super) async fn destination(&self, draft: &Draft) -> Result<Destination, StoreError> {
        match &draft.conversation {
            ConversationId::Single { .. } => {
                let receiver = draft.conversation.peer_of(&draft.caller.user);
                let receiver = receiver.ok_or_else(|| corrupt("the sender is none of the pair"))?;
                Ok(Destination::Single { exists: self.exists(receiver).await? })
            }
            ConversationId::Group(group) => self.group(*group, &draft.caller.user).await,
        }
    }

    async fn exists(&self, user: &UserId) -> Result<bool, StoreError> {
        if self.users.has(user) {
            return Ok(true);
        }
        let found: Option<(Option<i64>,)> = self.cql.row(&self.user, (user.as_str(),)).await?;
        if found.is_some() {
            self.users.with(user, |()| ());
        }
        Ok(found.is_some())
    }

    async fn group(&self, group: GroupId, sender: &UserId) -> Result<Destination, StoreError> {
        type Member = (Option<i64>, Option<i8>, Option<i8>);
        let row: Option<Member> = self.cql.row(&self.member, (column(group.number()), sender.as_str())).await?;
        let (version, status, member) = match row {
            Some(row) => row,
            // Static columns come with a row only.
            None => {
                let row: Option<(Option<i64>, Option<i8>)> = self.cql.row(&self.group, (column(group.number()),)).await?;
                row.map_or((None, None, None), |(version, status)| (version, status, None))
            }
        };
        let status = version.and(status).map(group_status).transpose()?;
        let sender = member.filter(|_| status.is_some()).map(member_status).transpose()?;
        Ok(Destination::Group { group: status, sender })
    }

    /// Brings a pair's rows into being for both sides: of several times, the earliest stays.
    pub(super) async fn open(&self, conversation: &ConversationId, at_ms: i64) -> Result<(), StoreError> {
        let ConversationId::Single { low, high } = conversation else { return Ok(()) };
        let text = conversation.to_string();
        let row = |user: &UserId| {
            let values = (user.as_str().to_owned(), text.clone(), at_ms, EARLIEST - at_ms);
            async move { self.cql.write(&self.open, &values).await }
        };
        futures_util::future::try_join(row(low), row(high)).await.map(drop)
    }

    /// The highest seq that a user saw, or sent and had acked.
    pub(super) async fn read_seq(&self, user: &UserId, conversation: &ConversationId) -> Result<u64, StoreError> {
        self.views.read_seq(user, conversation).await
    }

    /// Raises a user's mark.
    pub(super) async fn mark(&self, user: &UserId, conversation: &ConversationId, seq: u64) -> Result<(), StoreError> {
        self.views.mark_read(user, conversation, seq).await
    }
}

/// Timestamps that fall as times grow count down from here.
pub(super) const EARLIEST: i64 = 1 << 60;

fn group_status(number: i8) -> Result<GroupStatus, StoreError> {
    match number {
        1 => Ok(GroupStatus::Normal),
        2 => Ok(GroupStatus::Dismissed),
        _ => Err(corrupt("a group has no valid status")),
    }
}

fn member_status(number: i8) -> Result<MemberStatus, StoreError> {
    match number {
        1 => Ok(MemberStatus::Active),
        2 => Ok(MemberStatus::Quit),
        3 => Ok(MemberStatus::Kicked),
        _ => Err(corrupt("a member has no valid status")),
    }
}

/// The places that several parts of the store share.
pub(super) type SharedPlaces = Arc<Places>;
