//! The port of messages and their seqs.

use std::sync::Arc;

use async_trait::async_trait;

use super::{OnCommit, StoreError};
use crate::error::Code;
use crate::model::{Appended, ConversationId, Destination, Draft, Extent, Message, Stored};

/// The rule on who may send where.
pub type Admit = fn(&Destination) -> Result<(), Code>;

/// Messages and their seqs.
#[async_trait]
pub trait Messages: Send + Sync {
    /// Stores the draft under the next seq of its conversation, once for (sender, client_msg_id). Refused (2001) if the
    /// caller's token is not the current one: that is looked up together with everything else.
    ///
    /// A limit on the sender's or the conversation's messages refuses last, with the time to wait. A repeat is answered all the
    /// same, and takes no slot of the conversation; nor does what is refused.
    ///
    /// Seqs start at 1 and are never given twice. A refused append burns none, and leaves its id free. `committed` is called for a new message only,
    /// and for messages of one sender that wait for each other in their order. The conversation comes into being for both sides with its first message, and the sender has
    /// read its own message.
    async fn append(&self, draft: Draft, admit: Admit, committed: OnCommit<Stored>) -> Result<Appended, StoreError>;

    /// The messages of `first..=last` that an extent shows which was read before, ascending, at most `limit`.
    async fn range(
        &self,
        conversation: &ConversationId,
        extent: &Extent,
        seqs: (u64, u64),
        limit: usize,
    ) -> Result<Vec<Arc<Message>>, StoreError>;

    /// The messages that are stored at `first..=last`, ascending, also those that the extent does not show yet: for somebody who
    /// was told of them.
    async fn at(&self, conversation: &ConversationId, first: u64, last: u64) -> Result<Vec<Arc<Message>>, StoreError>;

    /// How far the conversation has come, whoever may see it.
    async fn extent(&self, conversation: &ConversationId) -> Result<Extent, StoreError>;
}
