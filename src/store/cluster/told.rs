//! Who is told of a message, and the logs and nodes that say so.

use std::sync::Arc;

use super::group_nodes::GroupNodes;
use super::groups::{Audience, GroupTable, Growing};
use super::logs::Logs;
use crate::model::{ConversationId, FRAME_BYTES, Logged, Message, NodeId, Platform, UserId};
use crate::store::StoreError;

/// The way from a stored message to its recipients.
#[derive(Clone)]
pub(super) struct Told {
    logs: Logs,
    group_nodes: GroupNodes,
    groups: Arc<GroupTable>,
    growing: Growing,
}

impl Told {
    pub(super) fn new((logs, group_nodes): (Logs, GroupNodes), groups: Arc<GroupTable>, growing: Growing) -> Self {
        Self { logs, group_nodes, groups, growing }
    }

    /// Who is told of a message under this seq. Of a group, read after the seq was given: whoever joined before that is among them.
    pub(super) async fn audience(&self, conversation: &ConversationId, seq: u64) -> Result<Audience, StoreError> {
        Ok(match conversation {
            ConversationId::Single { low, high } if low == high => Audience::of(vec![low.clone()]),
            ConversationId::Single { low, high } => Audience::of(vec![low.clone(), high.clone()]),
            ConversationId::Group(group) => {
                let audience = self.groups.audience(*group, seq).await?;
                if audience.is_both() {
                    self.growing.met(*group);
                }
                audience
            }
        })
    }

    /// Appends a message to the logs of these users, each with the platform that is not told.
    pub(super) async fn append(&self, message: &Message, users: &[(UserId, Option<Platform>)]) -> Vec<Logged> {
        let size = message.content.len() + FRAME_BYTES;
        self.logs.append_message(users, &message.conversation, message.seq, size).await
    }

    /// Tells the nodes of a large group, which is at this version.
    pub(super) async fn tell_nodes(&self, nodes: &[NodeId], message: Message, origin: Option<Platform>, version: u64) {
        self.group_nodes.tell_message(nodes, message, origin, version).await;
    }

    /// Tells all whom a message concerns whose sender may not have done so. From which platform it was sent is not known any more,
    /// so that one is told too.
    pub(super) async fn append_late(&self, message: &Message) -> Result<(), StoreError> {
        let Audience { users, by_node } = self.audience(&message.conversation, message.seq).await?;
        self.append(message, &users.into_iter().map(|user| (user, None)).collect::<Vec<_>>()).await;
        if let (Some(version), Some(group)) = (by_node, message.conversation.group()) {
            let nodes = self.group_nodes.of(group).await?;
            self.tell_nodes(&nodes, message.clone(), None, version).await;
        }
        Ok(())
    }
}
