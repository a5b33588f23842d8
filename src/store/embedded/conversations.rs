//! Users' conversations in the embedded store.

use async_trait::async_trait;

use super::batch::Tx;
use super::keys::Table;
use super::rows::{self, ConversationRow, HeadRow, MessageRow};
use super::tables::View;
use super::{Embedded, keys};
use crate::model::{Conversation, ConversationId, ConversationState, Extent, ReceiveOption, Settings, UserId};
use crate::store::{Conversations, OnCommit, StoreError, Subscription};

#[async_trait]
impl Conversations for Embedded {
    async fn list(&self, user: &UserId) -> Result<Vec<ConversationState>, StoreError> {
        let user = user.clone();
        self.read_much(move |view| rows_of(view, &user).map(|row| state(view, row?)).collect()).await
    }

    async fn find(&self, user: &UserId, conversation: &ConversationId) -> Result<Option<ConversationState>, StoreError> {
        let view = self.core.view().await?;
        let Some(row) = view.get(&keys::conversation(user, conversation))? else { return Ok(None) };
        let conversation = rows::decode::<ConversationRow>(&row)?.into_conversation(conversation.clone())?;
        state(&view, conversation).map(Some)
    }

    async fn subscriptions(&self, user: &UserId) -> Result<Vec<Subscription>, StoreError> {
        let user = user.clone();
        let read = move |view: &View| {
            let mut found = Vec::new();
            for row in rows_of(view, &user) {
                let Conversation { id, windows, receive, .. } = row?;
                let muted = receive == ReceiveOption::Mute;
                if muted || (id.group().is_some() && windows.is_open()) {
                    found.push(Subscription { conversation: id, windows, muted, by_node: None });
                }
            }
            Ok(found)
        };
        self.read_much(read).await
    }

    async fn update(
        &self,
        user: &UserId,
        conversation: &ConversationId,
        settings: Settings,
        committed: OnCommit<Conversation>,
    ) -> Result<Option<()>, StoreError> {
        self.change_row(user, conversation, committed, move |_, row| {
            row.set(settings);
            Ok(true)
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
        self.change_row(user, conversation, committed, move |tx, row| {
            let head = tx.get(&keys::head(&row.id))?;
            let extent = extent(head.as_deref())?;
            let read_seq = read_seq.min(row.windows.max_seq(&extent));
            let moves = read_seq > row.read_seq;
            row.read_seq = row.read_seq.max(read_seq);
            Ok(moves)
        })
        .await
    }
}

impl Embedded {
    /// Lets `edit` change a row of `user`; it says whether there is anything to store.
    async fn change_row(
        &self,
        user: &UserId,
        conversation: &ConversationId,
        committed: OnCommit<Conversation>,
        edit: impl FnOnce(&Tx<'_>, &mut Conversation) -> Result<bool, StoreError> + Send + 'static,
    ) -> Result<Option<()>, StoreError> {
        let (key, id) = (keys::conversation(user, conversation), conversation.clone());
        let change = move |tx: &mut Tx<'_>| {
            let Some(row) = tx.get(&key)? else { return Ok(None) };
            let mut conversation = rows::decode::<ConversationRow>(&row)?.into_conversation(id)?;
            if !edit(tx, &mut conversation)? {
                return Ok(Some(None));
            }
            tx.put(key, &ConversationRow::of(&conversation))?;
            Ok(Some(Some(conversation)))
        };
        let hook = |changed: &Option<Option<Conversation>>| {
            if let Some(Some(conversation)) = changed {
                committed(conversation);
            }
        };
        Ok(self.writer.change(change, Some(Box::new(hook))).await?.map(|_| ()))
    }
}

/// The rows of one user's conversations.
fn rows_of<'a>(view: &'a View, user: &UserId) -> impl Iterator<Item = Result<Conversation, StoreError>> + use<'a> {
    view.prefix(Table::Conversations, keys::conversations_of(user)).map(|row| {
        let (key, row) = row?;
        let id = rows::conversation_id(keys::rest(&key).unwrap_or_default())?;
        rows::decode::<ConversationRow>(&row)?.into_conversation(id)
    })
}

/// How far a conversation with this head has come. Seqs are given as messages are stored, so there are no gaps.
pub(super) fn extent(head: Option<&[u8]>) -> Result<Extent, StoreError> {
    let head = head.map(rows::decode::<HeadRow>).transpose()?.unwrap_or_default();
    Ok(Extent { max_seq: head.max_seq, last_at_ms: head.last_at_ms, gaps: Vec::new() })
}

fn state(view: &View, conversation: Conversation) -> Result<ConversationState, StoreError> {
    let extent = extent(view.get(&keys::head(&conversation.id))?.as_deref())?;
    let max_seq = conversation.windows.max_seq(&extent);
    let seen_at_ms = match max_seq {
        0 => None,
        max_seq if max_seq == extent.max_seq => Some(extent.last_at_ms),
        // A former member: the last message that it may see is not the last one.
        max_seq => {
            let row = view.get(&keys::message(&conversation.id, max_seq))?;
            row.map(|row| rows::decode::<MessageRow<'_>>(&row).map(|row| row.send_at_ms())).transpose()?
        }
    };
    Ok(ConversationState { conversation, extent, seen_at_ms })
}
