//! Reading what was sent: pull and max_seq.

use std::sync::Arc;

use super::fields;
use crate::error::{Code, Error, Result};
use crate::model::{Caller, ConversationId, ConversationState, Message, UserId};
use crate::store::{self, Stores};

/// The most messages in a page.
const PAGE: i64 = 100;

/// Which messages a client asks for.
#[derive(Debug)]
pub struct Pull {
    /// Of which conversation.
    pub conversation_id: String,
    /// From this seq on; from the first without.
    pub begin_seq: Option<i64>,
    /// Up to this seq; up to the last without.
    pub end_seq: Option<i64>,
    /// At most so many; 100 without, and never more.
    pub limit: Option<i64>,
}

/// Messages of a conversation, ascending by seq.
#[derive(Debug)]
pub struct Page {
    /// The messages.
    pub messages: Vec<Arc<Message>>,
    /// The highest seq that the caller may see.
    pub max_seq: u64,
}

/// The rules on reading messages.
pub struct History {
    conversations: Arc<dyn store::Conversations>,
    messages: Arc<dyn store::Messages>,
}

impl History {
    /// The rules on these ports.
    pub fn new(stores: &Stores) -> Self {
        Self { conversations: Arc::clone(&stores.conversations), messages: Arc::clone(&stores.messages) }
    }

    /// The most bytes that a page may have as JSON, with contents of at most `content_bytes`: each also stands as its text.
    pub fn page_bytes(content_bytes: usize) -> usize {
        PAGE as usize * (content_bytes * 2 + 1_024)
    }

    /// The messages that the caller asks for, as far as its windows hold them.
    pub async fn pull(&self, caller: &Caller, pull: &Pull) -> Result<Page> {
        let id = fields::conversation_id(&pull.conversation_id)?;
        let begin = seq("begin_seq", pull.begin_seq.unwrap_or(0))?;
        let end = seq("end_seq", pull.end_seq.unwrap_or(i64::MAX))?;
        let limit = match pull.limit.unwrap_or(PAGE) {
            limit @ 1.. => usize::try_from(limit.min(PAGE)).unwrap_or(1),
            _ => return Err(Error::invalid("limit", "expects a number from 1 to 100")),
        };
        let Some(state) = own(&*self.conversations, &caller.user, &id).await? else {
            return Ok(Page { messages: Vec::new(), max_seq: 0 });
        };
        let max_seq = state.max_seq();
        let mut messages = Vec::new();
        for seqs in state.conversation.windows.clip(begin.max(1), end.min(max_seq)) {
            messages.extend(self.messages.range(&id, &state.extent, seqs, limit - messages.len()).await?);
            if messages.len() >= limit {
                break;
            }
        }
        Ok(Page { messages, max_seq })
    }

    /// The highest seq that the caller may see.
    pub async fn max_seq(&self, caller: &Caller, conversation_id: &str) -> Result<u64> {
        let id = fields::conversation_id(conversation_id)?;
        let state = own(&*self.conversations, &caller.user, &id).await?;
        Ok(state.map_or(0, |state| state.max_seq()))
    }
}

/// The seq in `field`.
pub(super) fn seq(field: &str, number: i64) -> Result<u64> {
    u64::try_from(number).map_err(|_| Error::invalid(field, "expects a seq, 0 or above"))
}

/// A user's view of a conversation; `None` if it could have it but has not yet, 1007 if it is not its own.
pub(super) async fn own(
    conversations: &dyn store::Conversations,
    user: &UserId,
    id: &ConversationId,
) -> Result<Option<ConversationState>> {
    match conversations.find(user, id).await? {
        None if !could_have(user, id) => Err(Code::NoPermission.into()),
        found => Ok(found),
    }
}

/// Whether `user` could have the conversation, if only by sending something: a pair that it is one of.
pub(super) fn could_have(user: &UserId, id: &ConversationId) -> bool {
    id.peer_of(user).is_some()
}
