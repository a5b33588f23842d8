//! Who is told of a message, and the logs that say so.

use std::sync::Arc;

use super::groups::GroupTable;
use super::logs::Logs;
use crate::model::{ConversationId, FRAME_BYTES, Logged, Message, Platform, UserId};
use crate::store::StoreError;

/// The way from a stored message to its recipients' logs.
#[derive(Clone)]
pub(super) struct Told {
    logs: Logs,
    groups: Arc<GroupTable>,
}

impl Told {
    pub(super) fn new(logs: Logs, groups: Arc<GroupTable>) -> Self {
        Self { logs, groups }
    }

    /// Who is told of a message under this seq. Of a group, read after the seq was given: whoever joined before that is among them.
    pub(super) async fn audience(&self, conversation: &ConversationId, seq: u64) -> Result<Vec<UserId>, StoreError> {
        Ok(match conversation {
            ConversationId::Single { low, high } if low == high => vec![low.clone()],
            ConversationId::Single { low, high } => vec![low.clone(), high.clone()],
            ConversationId::Group(group) => self.groups.audience(*group, seq).await?,
        })
    }

    /// Appends a message to the logs of these users, each with the platform that is not told.
    pub(super) async fn append(&self, message: &Message, users: &[(UserId, Option<Platform>)]) -> Vec<Logged> {
        let size = message.content.len() + FRAME_BYTES;
        self.logs.append_message(users, &message.conversation, message.seq, size).await
    }

    /// Tells the recipients of a message whose sender may not have done so. The sender is not among them: from which of its
    /// platforms it was sent is not known any more.
    pub(super) async fn append_late(&self, message: &Message) -> Result<(), StoreError> {
        let audience = self.audience(&message.conversation, message.seq).await?;
        let others = audience.into_iter().filter(|user| *user != message.sender).map(|user| (user, None));
        self.append(message, &others.collect::<Vec<_>>()).await;
        Ok(())
    }
}
