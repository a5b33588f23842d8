//! The port of conversations, as each user sees its own.

use async_trait::async_trait;

use super::{OnCommit, StoreError};
use crate::model::{Conversation, ConversationId, ConversationState, Settings, UserId, Windows};

/// What the push path needs to know of a user's conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Which conversation.
    pub conversation: ConversationId,
    /// The seqs that the user may see.
    pub windows: Windows,
    /// Whether the user wants no pushes of it.
    pub muted: bool,
    /// If it is a group whose messages come once for each node: the group's version at which the windows were so.
    pub by_node: Option<u64>,
}

/// Conversations, as each user sees its own. A row comes with the first message (single) or with joining (group), and stays.
#[async_trait]
pub trait Conversations: Send + Sync {
    /// All conversations of `user`, in no order.
    async fn list(&self, user: &UserId) -> Result<Vec<ConversationState>, StoreError>;

    /// One conversation of `user`.
    async fn find(&self, user: &UserId, conversation: &ConversationId) -> Result<Option<ConversationState>, StoreError>;

    /// The groups that `user` is in and the conversations that it muted.
    async fn subscriptions(&self, user: &UserId) -> Result<Vec<Subscription>, StoreError>;

    /// Sets what `settings` names; `None` if `user` has no such conversation.
    async fn update(
        &self,
        user: &UserId,
        conversation: &ConversationId,
        settings: Settings,
        committed: OnCommit<Conversation>,
    ) -> Result<Option<()>, StoreError>;

    /// Raises read_seq to `read_seq`, cut at the highest seq that the user may see; a lower one changes nothing. `committed`
    /// is called only if it moved. `None` if `user` has no such conversation.
    async fn mark_read(
        &self,
        user: &UserId,
        conversation: &ConversationId,
        read_seq: u64,
        committed: OnCommit<Conversation>,
    ) -> Result<Option<()>, StoreError>;
}
