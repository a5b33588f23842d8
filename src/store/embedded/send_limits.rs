//! How many messages users send and conversations take.

use crate::model::{ConversationId, Draft, Refusal, SendLimit, UserId};
use crate::store::{Quotas, RateLimiter};

/// The counts of messages.
pub(super) struct SendLimits {
    users: Option<RateLimiter<UserId>>,
    conversations: Option<RateLimiter<ConversationId>>,
}

impl SendLimits {
    pub(super) fn new(quotas: &Quotas) -> Self {
        Self {
            users: quotas.user_sends.map(RateLimiter::new),
            conversations: quotas.conversation_sends.map(RateLimiter::new),
        }
    }

    /// Takes a slot of the sender and one of the conversation, or none of either. Answers how many the sender has left, if they
    /// are counted.
    pub(super) fn take(&self, draft: &Draft) -> Result<Option<u32>, Refusal> {
        let (sender, now_ms) = (&draft.caller.user, draft.now_ms);
        let refused = |limit| move |retry_after_ms| Refusal::Limit { limit, retry_after_ms };
        let left = match &self.users {
            Some(users) => Some(users.take(sender.clone(), now_ms).map_err(refused(SendLimit::User))?),
            None => None,
        };
        let Some(conversations) = &self.conversations else { return Ok(left) };
        let taken = conversations.take(draft.conversation.clone(), now_ms);
        if let (Err(_), Some(users)) = (&taken, &self.users) {
            users.give_back(sender);
        }
        taken.map_err(refused(SendLimit::Conversation))?;
        Ok(left)
    }
}
