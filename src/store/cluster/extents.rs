//! How far a conversation has come, as the parts of the store that are not about seqs need to know it.

use async_trait::async_trait;

use crate::model::{ConversationId, Extent, Member};
use crate::store::StoreError;

/// How far conversations have come.
#[async_trait]
pub(super) trait Extents: Send + Sync {
    /// How far it may be shown.
    async fn extent(&self, conversation: &ConversationId) -> Result<Extent, StoreError>;

    /// The same of many, in their order.
    async fn extents(&self, conversations: &[ConversationId]) -> Result<Vec<Extent>, StoreError>;

    /// The highest seq that was given out in it.
    async fn top(&self, conversation: &ConversationId) -> Result<u64, StoreError>;

    /// A seq up to which every one that was given out is stored or given up.
    async fn whole(&self, conversation: &ConversationId) -> Result<u64, StoreError>;

    /// Tells members of the messages of these seqs that they may see, once those are stored; also if they were told before.
    async fn tell(&self, conversation: &ConversationId, seqs: (u64, u64), members: &[Member]) -> Result<(), StoreError>;

    /// When the message under this seq was sent.
    async fn sent_at(&self, conversation: &ConversationId, seq: u64) -> Result<Option<i64>, StoreError>;
}
