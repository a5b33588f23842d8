//! The port of messages and their seqs.

use std::sync::Arc;

use async_trait::async_trait;

use super::{OnCommit, StoreError};
use crate::error::Code;
use crate::model::{Appended, ConversationId, Destination, Draft, Extent, Message};

/// The rule on who may send where.
pub type Admit = fn(&Destination) -> Result<(), Code>;

/// Messages and their seqs.
#[async_trait]
pub trait Messages: Send + Sync {
    /// Stores the draft under the next seq of its conversation, once for (sender, client_msg_id). Refused (2001) if the
    /// caller's token is not the current one: that is looked up together with everything else.
    ///
    /// Seqs start at 1 and are never given twice. A refused append burns none. `committed` is called for a new message only,
    /// in the order of seqs. The conversation comes into being for both sides with its first message, and the sender has
    /// read its own message.
    async fn append(&self, draft: Draft, admit: Admit, committed: OnCommit<Arc<Message>>) -> Result<Appended, StoreError>;

    /// The stored messages of `first..=last`, ascending, at most `limit`. Nothing above the extent is shown.
    async fn range(
        &self,
        conversation: &ConversationId,
        first: u64,
        last: u64,
        limit: usize,
    ) -> Result<Vec<Arc<Message>>, StoreError>;

    /// How far the conversation has come, whoever may see it.
    async fn extent(&self, conversation: &ConversationId) -> Result<Extent, StoreError>;
}
