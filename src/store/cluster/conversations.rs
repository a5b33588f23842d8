//! The port of conversations: users' own rows, mended where a change of a group was not copied, and how far each has come.

use std::sync::Arc;

use async_trait::async_trait;

use super::extents::Extents;
use super::groups::{GroupTable, to_the_end};
use super::together::together;
use super::turns::Turns;
use super::views::{Copied, View, Views};
use crate::model::{
    Conversation, ConversationId, ConversationState, Extent, Fanout, Member, ReceiveOption, Settings, UserId,
};
use crate::store::{Conversations, OnCommit, StoreError, Subscription};

/// The port of conversations.
pub(super) struct ClusterConversations {
    reader: Arc<Reader>,
    turns: Arc<Turns<(UserId, ConversationId)>>,
}

/// What reads conversations.
struct Reader {
    views: Arc<Views>,
    groups: Arc<GroupTable>,
    extents: Arc<dyn Extents>,
}

impl ClusterConversations {
    pub(super) fn new(views: Arc<Views>, groups: Arc<GroupTable>, extents: Arc<dyn Extents>) -> Self {
        Self { reader: Arc::new(Reader { views, groups, extents }), turns: Turns::new() }
    }
}

impl Reader {
    /// The view of a row, as the groups table decides where the row does not say; `None` if there is no conversation.
    async fn settled(&self, user: &UserId, view: View) -> Result<Option<View>, StoreError> {
        let (Copied::Pending(pending), Some(group)) = (view.copy, view.conversation.id.group()) else {
            return Ok(Some(view));
        };
        let Some((version, fanout, member)) = self.groups.member(group, user).await? else { return Ok(None) };
        // At a lower version the change is under way: it will be copied, or the next reader finds it decided.
        if version >= pending
            && let Err(error) = self.views.copy((group, fanout), &[&member], version).await
        {
            tracing::debug!(%error, "a copy of a member is left to the next reader");
        }
        let Member { windows, joined_at_ms, .. } = member;
        let by_node = (fanout != Fanout::Members).then_some(version.cast_unsigned());
        let conversation = Conversation { windows, joined_at_ms, ..view.conversation };
        Ok(Some(View { conversation, copy: Copied::Right, by_node }))
    }

    /// All conversations of a user, also pairs in which nothing can be seen yet.
    async fn all(&self, user: &UserId) -> Result<Vec<View>, StoreError> {
        let views = self.views.list(user).await?;
        let settled = together(views.into_iter().map(|view| self.settled(user, view)).collect()).await?;
        Ok(settled.into_iter().flatten().collect())
    }

    async fn one(&self, user: &UserId, conversation: &ConversationId) -> Result<Option<Conversation>, StoreError> {
        match self.views.find(user, conversation).await? {
            Some(view) => Ok(self.settled(user, view).await?.map(|view| view.conversation)),
            None => Ok(None),
        }
    }

    /// The conversation with how far it has come. A pair comes into being with its first message.
    async fn state(&self, conversation: Conversation, extent: Extent) -> Result<Option<ConversationState>, StoreError> {
        if conversation.id.group().is_none() && extent.max_seq == 0 {
            return Ok(None);
        }
        let seen_at_ms = match conversation.windows.max_seq(&extent) {
            0 => None,
            max_seq if max_seq == extent.max_seq => Some(extent.last_at_ms),
            // A former member: the last message that it may see is not the last one.
            max_seq => self.extents.sent_at(&conversation.id, max_seq).await?,
        };
        Ok(Some(ConversationState { conversation, extent, seen_at_ms }))
    }

    async fn find(&self, user: &UserId, conversation: &ConversationId) -> Result<Option<ConversationState>, StoreError> {
        match self.one(user, conversation).await? {
            Some(conversation) => {
                let extent = self.extents.extent(&conversation.id).await?;
                self.state(conversation, extent).await
            }
            None => Ok(None),
        }
    }
}

#[async_trait]
impl Conversations for ClusterConversations {
    async fn list(&self, user: &UserId) -> Result<Vec<ConversationState>, StoreError> {
        let all = self.reader.all(user).await?;
        let ids: Vec<_> = all.iter().map(|view| view.conversation.id.clone()).collect();
        let extents = self.reader.extents.extents(&ids).await?;
        let states = all.into_iter().zip(extents).map(|(view, extent)| self.reader.state(view.conversation, extent));
        let states = together(states.collect()).await?;
        Ok(states.into_iter().flatten().collect())
    }

    async fn find(&self, user: &UserId, conversation: &ConversationId) -> Result<Option<ConversationState>, StoreError> {
        self.reader.find(user, conversation).await
    }

    async fn subscriptions(&self, user: &UserId) -> Result<Vec<Subscription>, StoreError> {
        let all = self.reader.all(user).await?.into_iter();
        let subscriptions = all.filter_map(|View { conversation, by_node, .. }| {
            let Conversation { id, windows, receive, .. } = conversation;
            let muted = receive == ReceiveOption::Mute;
            let subscribed = muted || (id.group().is_some() && windows.is_open());
            subscribed.then_some(Subscription { conversation: id, windows, muted, by_node })
        });
        Ok(subscriptions.collect())
    }

    async fn update(
        &self,
        user: &UserId,
        conversation: &ConversationId,
        settings: Settings,
        committed: OnCommit<Conversation>,
    ) -> Result<Option<()>, StoreError> {
        let (reader, turns) = (Arc::clone(&self.reader), Arc::clone(&self.turns));
        let (user, id) = (user.clone(), conversation.clone());
        to_the_end(async move {
            let _turn = turns.take((user.clone(), id.clone())).await?;
            if reader.find(&user, &id).await?.is_none() {
                return Ok(None);
            }
            reader.views.set(&user, &id, settings).await?;
            // Another node may have set the rest meanwhile.
            let Some(conversation) = reader.one(&user, &id).await? else { return Ok(None) };
            committed(&conversation);
            Ok(Some(()))
        })
        .await
    }

    async fn mark_read(
        &self,
        user: &UserId,
        conversation: &ConversationId,
        read_seq: u64,
        committed: OnCommit<Conversation>,
    ) -> Result<Option<()>, StoreError> {
        let (reader, turns) = (Arc::clone(&self.reader), Arc::clone(&self.turns));
        let (user, id) = (user.clone(), conversation.clone());
        to_the_end(async move {
            let _turn = turns.take((user.clone(), id.clone())).await?;
            let Some(state) = reader.find(&user, &id).await? else { return Ok(None) };
            let read_seq = read_seq.min(state.max_seq());
            let mut conversation = state.conversation;
            if read_seq > conversation.read_seq {
                reader.views.mark_read(&user, &id, read_seq).await?;
                conversation.read_seq = read_seq;
                committed(&conversation);
            }
            Ok(Some(()))
        })
        .await
    }
}
