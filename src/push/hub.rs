//! The hub: who is present on this node, and what each is told. It is the whole bus of the embedded mode.
//!
//! Messages and changes of groups are handed over in the order of their commits. A member is told of a message if its
//! windows hold the message's seq, so a stay that ended or began meanwhile needs no further order.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use super::Limits;
use super::bus::{Attach, Attached, Bus};
use super::connection::{Connection, Parcel, lock};
use super::log::Log;
use super::presence::{Audience, Presence};
use crate::clock::Clock;
use crate::model::{
    Caller, CloseReason, Conversation, ConversationId, GroupId, GroupUpdate, Message, Platform, Push, PushId, ReceiveOption,
    UserId, Windows,
};
use crate::store::{Conversations, StoreError, Subscription};
use crate::telemetry::Metrics;

/// The longest time between two closes when all are closed.
const CLOSE_STEP: Duration = Duration::from_millis(5);

/// A present member of a group, and what it may see of it.
struct Seat {
    presence: Arc<Presence>,
    windows: Windows,
}

#[derive(Default)]
struct Index {
    users: HashMap<UserId, Arc<Presence>>,
    groups: HashMap<GroupId, HashMap<UserId, Seat>>,
}

/// Everybody who is present on this node.
pub struct Hub {
    index: Mutex<Index>,
    pub(super) limits: Limits,
    conversations: Arc<dyn Conversations>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    numbers: AtomicU64,
}

impl Hub {
    /// A hub with nobody in it.
    pub fn new(limits: Limits, conversations: Arc<dyn Conversations>, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        Self { index: Mutex::default(), limits, conversations, clock, metrics, numbers: AtomicU64::new(1) }
    }

    /// Every connection there is.
    pub fn connections(&self) -> Vec<Arc<Connection>> {
        let present: Vec<_> = lock(&self.index).users.values().cloned().collect();
        present.iter().flat_map(|presence| lock(&presence.state).connections.clone()).collect()
    }

    /// Closes every connection, spread over about `time` at most, so that the clients do not all come back at once.
    pub async fn close_all(&self, reason: CloseReason, time: Duration) {
        let connections = self.connections();
        let step = CLOSE_STEP.min(time / u32::try_from(connections.len().max(1)).unwrap_or(u32::MAX));
        let mut steps = tokio::time::interval(step.max(Duration::from_micros(1)));
        for connection in connections {
            steps.tick().await;
            connection.close(reason);
        }
    }

    /// Forgets those who were gone for longer than their logs live.
    pub(super) fn forget_gone(&self, now_ms: i64) {
        let mut index = lock(&self.index);
        let Index { users, groups } = &mut *index;
        let kept = |presence: &Arc<Presence>| {
            let mut state = lock(&presence.state);
            state.retired = state.connections.is_empty() && now_ms - state.gone_since_ms >= self.limits.log_ttl_ms;
            !state.retired
        };
        let before = users.len();
        users.retain(|_, presence| kept(presence));
        if users.len() < before {
            groups.retain(|_, seats| {
                seats.retain(|user, _| users.contains_key(user));
                !seats.is_empty()
            });
        }
    }

    /// The presence of a user, made if it is not there.
    fn presence(&self, user: &UserId) -> Arc<Presence> {
        let mut index = lock(&self.index);
        let make = || {
            let log = Log::new(self.clock.random_number(), self.limits.log_entries, self.clock.now_ms());
            Arc::new(Presence::new(user.clone(), log, self.clock.steady_ms()))
        };
        Arc::clone(index.users.entry(user.clone()).or_insert_with(make))
    }

    /// Puts a user's groups into the index. Changes that came in since its presence was made are newer, and stay.
    fn subscribe(&self, presence: &Arc<Presence>, subscriptions: Vec<Subscription>) {
        let mut index = lock(&self.index);
        let mut state = lock(&presence.state);
        for Subscription { conversation, windows, muted } in subscriptions {
            if let Some(group) = conversation.group().filter(|_| windows.is_open()) {
                let seat = Seat { presence: Arc::clone(presence), windows };
                index.groups.entry(group).or_default().entry(presence.user.clone()).or_insert(seat);
            }
            if muted {
                state.muted.entry(conversation).or_insert(true);
            }
        }
    }

    /// Registers a connection with a presence that is still in the hub; `None` if it has just been forgotten.
    fn join(&self, presence: &Presence, attach: &Attach) -> Option<Result<Attached, CloseReason>> {
        let now_ms = self.clock.steady_ms();
        let mut state = lock(&presence.state);
        if state.retired {
            return None;
        }
        if state.connections.len() >= self.limits.connections_per_user {
            return Some(Err(CloseReason::TooMany));
        }
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let gauge = self.metrics.queue_bytes.clone();
        let connection = Arc::new(Connection::new(number, attach, self.limits.queue_bytes, gauge, now_ms));
        state.connections.push(Arc::clone(&connection));
        self.metrics.connections.inc();
        let position = state.log.position();
        let future = |after: &PushId| after.at_ms > self.clock.now_ms();
        // A time to come says nothing: the clock was set back, or the place is made up.
        let after = attach.after.map(|after| if future(&after) { PushId { at_ms: 0, ..after } } else { after });
        let missed = after.map(|after| state.log.since(after, attach.caller.platform, self.limits.recovery_bytes));
        Some(Ok(Attached { connection, position, missed }))
    }

    /// The connections of a user that showed this token.
    fn connections_with(&self, user: &UserId, jti: &str) -> Vec<Arc<Connection>> {
        let presence = lock(&self.index).users.get(user).cloned();
        let connections = presence.map(|presence| lock(&presence.state).connections.clone()).unwrap_or_default();
        connections.into_iter().filter(|connection| connection.caller().jti == jti).collect()
    }

    fn tell(&self, presence: &Presence, parcel: &Arc<Parcel>, audience: Audience, kind: &str) {
        let (told, slow) = presence.deliver(parcel, audience, self.clock.now_ms());
        self.metrics.pushes.with_label_values(&[kind]).inc_by(told);
        if slow > 0 {
            tracing::info!(user.id = %presence.user, slow, "closed {slow} slow WebSockets of user {}", presence.user);
        }
    }

    fn publish_message(&self, message: &Arc<Message>, origin: Platform) {
        let present: Vec<_> = {
            let index = lock(&self.index);
            match &message.conversation {
                ConversationId::Single { low, high } => {
                    let low_end = index.users.get(low);
                    let high_end = index.users.get(high).filter(|_| low != high);
                    low_end.into_iter().chain(high_end).cloned().collect()
                }
                ConversationId::Group(group) => {
                    let seats = index.groups.get(group).into_iter().flat_map(HashMap::values);
                    seats.filter(|seat| seat.windows.contains(message.seq)).map(|seat| Arc::clone(&seat.presence)).collect()
                }
            }
        };
        if present.is_empty() {
            return;
        }
        let parcel = Parcel::new(Push::Message { message: Arc::clone(message), origin });
        for presence in present {
            if presence.mutes(&message.conversation) {
                continue;
            }
            let except = (presence.user == message.sender).then_some(origin);
            self.tell(&presence, &parcel, Audience { except, events: false }, "message");
        }
    }

    /// The presences of a group's members and of `users`.
    fn concerned(&self, group: GroupId, users: &[UserId]) -> Vec<Arc<Presence>> {
        let index = lock(&self.index);
        let seats = index.groups.get(&group);
        let open = seats.into_iter().flat_map(HashMap::values).filter(|seat| seat.windows.is_open());
        let mut present: Vec<_> = open.map(|seat| Arc::clone(&seat.presence)).collect();
        for user in users {
            let seated = seats.and_then(|seats| seats.get(user)).is_some_and(|seat| seat.windows.is_open());
            present.extend(index.users.get(user).filter(|_| !seated).cloned());
        }
        present
    }
}

#[async_trait]
impl Bus for Hub {
    fn publish(&self, push: Push) {
        match push {
            Push::Message { message, origin } => self.publish_message(&message, origin),
            Push::Read { ref user, origin, .. } => {
                let presence = lock(&self.index).users.get(user).cloned();
                if let Some(presence) = presence {
                    let audience = Audience { except: Some(origin), events: true };
                    self.tell(&presence, &Parcel::new(push), audience, "conversation_read");
                }
            }
            Push::Group(ref change) => {
                let concerned = self.concerned(change.group, &change.users);
                let parcel = Parcel::new(push);
                for presence in concerned {
                    self.tell(&presence, &parcel, Audience { except: None, events: true }, "group_changed");
                }
            }
        }
    }

    fn group_changed(&self, update: &GroupUpdate) {
        {
            let mut index = lock(&self.index);
            let Index { users, groups } = &mut *index;
            for member in &update.members {
                let Some(presence) = users.get(&member.user) else { continue };
                let seats = groups.entry(update.group.id).or_default();
                // What is being read from the store may be older: until it is here, an end has to be remembered too.
                if member.windows.is_open() || !presence.subscribed.initialized() {
                    let seat = Seat { presence: Arc::clone(presence), windows: member.windows.clone() };
                    seats.insert(member.user.clone(), seat);
                } else {
                    seats.remove(&member.user);
                }
            }
            if groups.get(&update.group.id).is_some_and(HashMap::is_empty) {
                groups.remove(&update.group.id);
            }
        }
        self.publish(Push::Group(Arc::new(update.change.clone())));
    }

    fn settings_changed(&self, user: &UserId, conversation: &Conversation) {
        let presence = lock(&self.index).users.get(user).cloned();
        if let Some(presence) = presence {
            let (muted, loaded) = (conversation.receive == ReceiveOption::Mute, presence.subscribed.initialized());
            let mut state = lock(&presence.state);
            // What is being read from the store may be older: until it is here, "not muted" has to be remembered too.
            if muted || !loaded {
                state.muted.insert(conversation.id.clone(), muted);
            } else {
                state.muted.remove(&conversation.id);
            }
        }
    }

    async fn attach(&self, attach: Attach) -> Result<Result<Attached, CloseReason>, StoreError> {
        loop {
            let user = &attach.caller.user;
            let presence = self.presence(user);
            let load = || async {
                let subscriptions = self.conversations.subscriptions(user).await?;
                self.subscribe(&presence, subscriptions);
                Ok(())
            };
            presence.subscribed.get_or_try_init(load).await?;
            if let Some(joined) = self.join(&presence, &attach) {
                return Ok(joined);
            }
        }
    }

    fn detach(&self, connection: &Connection) {
        let caller = connection.caller();
        let presence = lock(&self.index).users.get(&caller.user).cloned();
        if let Some(presence) = presence {
            let mut state = lock(&presence.state);
            let before = state.connections.len();
            state.connections.retain(|other| other.number() != connection.number());
            self.metrics.connections.sub((before - state.connections.len()) as i64);
            state.gone_since_ms = self.clock.steady_ms();
        }
    }

    async fn end(&self, user: &UserId, jti: &str, reason: CloseReason) {
        for connection in self.connections_with(user, jti) {
            connection.close(reason);
        }
    }

    async fn renew(&self, caller: &Caller, jti: &str) {
        for connection in self.connections_with(&caller.user, jti) {
            connection.renew(caller);
        }
    }
}

#[cfg(test)]
mod tests;
