//! Groups whose messages come once for each node: which nodes have members of them, and what these nodes are told.

use std::collections::BTreeMap;

use super::events::{Event, LogEntry};
use super::functions::PUSH;
use super::letters::{Address, Letter};
use super::logs::{LEASE, Logs};
use super::nodes::Nodes;
use super::redis::Redis;
use super::together::together;
use crate::model::{ConversationId, GroupId, GroupUpdate, Logged, Message, NodeId, Platform, UserId};
use crate::store::StoreError;
use crate::telemetry::Trace;

/// The nodes that have members of groups.
#[derive(Clone)]
pub struct GroupNodes {
    redis: Redis,
    logs: Logs,
    nodes: Nodes,
}

/// The name of the key that lists the nodes of a group, on the slot of its conversation.
pub(super) fn nodes_key(redis: &Redis, conversation: &str) -> String {
    redis.key(&format!("gnodes:{{{conversation}}}"))
}

impl GroupNodes {
    pub(super) fn new(redis: Redis, logs: Logs, nodes: Nodes) -> Self {
        Self { redis, logs, nodes }
    }

    /// Says that this node has members of a group, for the length of a lease; answers whether that was known. May be repeated.
    pub async fn sit(&self, group: GroupId) -> Result<bool, StoreError> {
        let arguments = vec![self.nodes.own().to_string(), LEASE.as_millis().to_string()];
        let words = self.redis.call((&PUSH, "push_sit"), vec![self.key(group)], arguments).await?;
        Ok(words.first().is_some_and(|word| word == "there"))
    }

    /// The nodes that have members of a group.
    pub async fn of(&self, group: GroupId) -> Result<Vec<NodeId>, StoreError> {
        let words = self.redis.call((&PUSH, "push_seated"), vec![self.key(group)], Vec::new()).await?;
        Ok(words.iter().skip(1).filter_map(|word| NodeId::parse(word)).collect())
    }

    /// Sends a letter to nodes. Answers how many perhaps did not get it.
    pub async fn tell(&self, nodes: &[NodeId], letter: &Letter) -> Result<usize, StoreError> {
        if nodes.is_empty() {
            return Ok(0);
        }
        let bytes = letter.encode(Trace::current().point())?;
        Ok(self.nodes.send(nodes.iter().map(|node| (*node, bytes.clone())).collect()).await)
    }

    /// Tells nodes of a message. One that does not hear of it finds it when it compares what it delivered with what is stored.
    pub(super) async fn tell_message(&self, nodes: &[NodeId], message: Message, origin: Option<Platform>, version: u64) {
        let conversation = message.conversation.clone();
        let letter = Letter::GroupMessage { message: message.into(), origin, version };
        match self.tell(nodes, &letter).await {
            Ok(0) => {}
            Ok(failed) => tracing::debug!(%conversation, failed, "{failed} nodes may not have heard of a message"),
            Err(error) => {
                tracing::warn!(%error, %conversation, "the nodes of {conversation} were not told of a message: {error}")
            }
        }
    }

    /// Tells all who have to know of a change of such a group: its nodes, and those of the users who came or went.
    pub(super) async fn tell_change(&self, update: &GroupUpdate, moved: &[UserId], version: u64) -> Result<(), StoreError> {
        let group = update.group.id;
        let members = update.members.iter().map(|member| (member.user.clone(), member.windows.clone())).collect();
        self.tell(&self.of(group).await?, &Letter::Seats { group, version, members }).await?;
        self.seat(group, moved, true).await.map(drop)
    }

    /// Has the nodes of these users look at which groups they are in, since they `moved` or since the group grew. Answers how many
    /// nodes may not have heard of it before they look at the users' logs.
    pub(super) async fn seat(&self, group: GroupId, users: &[UserId], moved: bool) -> Result<usize, StoreError> {
        let event = Event::Seat { group, moved };
        let entry = LogEntry::Event(event.clone());
        let appends = users.iter().map(|user| self.logs.append(user, &entry, None)).collect();
        let mut addressed: BTreeMap<NodeId, Vec<Address>> = BTreeMap::new();
        for Logged { user, id, nodes } in together(appends).await?.into_iter().flatten() {
            for node in nodes {
                addressed.entry(node).or_default().push(Address { user: user.clone(), id, except: None });
            }
        }
        let mut letters = Vec::with_capacity(addressed.len());
        for (node, to) in addressed {
            letters.push((node, Letter::Event { event: event.clone(), to }.encode(None)?));
        }
        Ok(if letters.is_empty() { 0 } else { self.nodes.send(letters).await })
    }

    fn key(&self, group: GroupId) -> String {
        nodes_key(&self.redis, &ConversationId::Group(group).to_string())
    }
}
