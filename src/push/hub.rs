//! The hub: the whole bus of the embedded mode, where everybody is present on the one node that there is.
//!
//! Messages and changes of groups are handed over in the order of their commits. A member is told of a message if its
//! windows hold the message's seq, so a stay that ended or began meanwhile needs no further order.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::Limits;
use super::bus::{Attach, Attached, Bus};
use super::connection::{Connection, Parcel};
use super::log::Log;
use super::presence::{Audience, Presence};
use super::roster::Roster;
use super::sweep::Swept;
use crate::clock::Clock;
use crate::model::{
    Caller, CloseReason, Conversation, ConversationId, GroupUpdate, Message, Platform, Push, PushId, Stored, UserId,
};
use crate::store::{Conversations, StoreError};
use crate::telemetry::{Metrics, Trace};

/// Everybody who is present, each with its log.
pub struct Hub {
    roster: Roster<Log>,
    conversations: Arc<dyn Conversations>,
}

impl Hub {
    /// A hub with nobody in it.
    pub fn new(limits: Limits, conversations: Arc<dyn Conversations>, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        Self { roster: Roster::new(limits, clock, metrics), conversations }
    }

    /// The presence of a user, made if it is not there.
    fn presence(&self, user: &UserId) -> Arc<Presence<Log>> {
        let clock = &self.roster.clock;
        self.roster.presence(user, || Log::new(clock.random_number(), self.roster.limits.log_entries, clock.now_ms()))
    }

    /// Registers a connection with a presence that is still in the roster; `None` if it has just been forgotten.
    fn join(&self, presence: &Presence<Log>, attach: &Attach) -> Option<Result<Attached, CloseReason>> {
        let mut state = presence.state.lock();
        if state.retired {
            return None;
        }
        let connection = match self.roster.admit(&mut state, attach) {
            Ok(connection) => connection,
            Err(reason) => return Some(Err(reason)),
        };
        let position = state.log.position();
        let future = |after: &PushId| after.at_ms > self.roster.clock.now_ms();
        // A time to come says nothing: the clock was set back, or the place is made up.
        let after = attach.after.map(|after| if future(&after) { PushId { at_ms: 0, ..after } } else { after });
        let missed = after.map(|after| state.log.since(after, self.roster.limits.recovery_bytes));
        Some(Ok(Attached { connection, position, missed }))
    }

    /// Logs a parcel and queues it for the connections of the audience, unless it is a message that the user wants no pushes of.
    fn tell(&self, presence: &Presence<Log>, parcel: &Arc<Parcel>, audience: Audience<'_>) {
        let outcome = {
            let mut state = presence.state.lock();
            if !state.wants(parcel.push()) {
                return;
            }
            let id = state.log.append(parcel, self.roster.clock.now_ms());
            state.tell(parcel, id, audience)
        };
        self.roster.count(&presence.user, outcome, parcel);
    }

    fn publish(&self, message: &Arc<Message>, origin: Platform) {
        let present = match &message.conversation {
            ConversationId::Single { low, high } => self.roster.pair(low, high),
            ConversationId::Group(group) => self.roster.seated(*group, message.seq),
        };
        if present.is_empty() {
            return;
        }
        let mut span = Trace::current().stage("push");
        span.set("nexo.users", present.len() as i64);
        let push = Push::Message { message: Arc::clone(message), origin };
        let parcel = span.trace().enter(|| Parcel::new(push));
        let crowd = self.roster.crowd(present.len());
        for presence in present {
            let except = (presence.user == message.sender).then_some(origin);
            self.tell(&presence, &parcel, Audience { except, events: false, crowd: crowd.as_ref() });
        }
    }
}

#[async_trait]
impl Bus for Hub {
    fn stored(&self, stored: &Stored, origin: Platform) {
        self.publish(&stored.message, origin);
    }

    fn marked_read(&self, user: &UserId, conversation: &Conversation, origin: Platform) {
        if let Some(presence) = self.roster.find(user) {
            let (user, read_seq) = (user.clone(), conversation.read_seq);
            let push = Push::Read { user, conversation: conversation.id.clone(), read_seq, origin };
            let audience = Audience { except: Some(origin), events: true, crowd: None };
            self.tell(&presence, &Parcel::new(push), audience);
        }
    }

    fn group_changed(&self, update: &GroupUpdate) {
        self.roster.reseat(update);
        let concerned = self.roster.concerned(update.group.id, &update.change.users);
        let parcel = Parcel::new(Push::Group(Arc::new(update.change.clone())));
        let crowd = self.roster.crowd(concerned.len());
        for presence in concerned {
            self.tell(&presence, &parcel, Audience { except: None, events: true, crowd: crowd.as_ref() });
        }
    }

    fn settings_changed(&self, user: &UserId, conversation: &Conversation) {
        if let Some(presence) = self.roster.find(user) {
            let Conversation { id, receive, is_pinned, .. } = conversation;
            presence.state.lock().set_receive(id, *receive, presence.subscribed.initialized());
            let push = Push::Settings { conversation: id.clone(), receive: *receive, is_pinned: *is_pinned };
            self.tell(&presence, &Parcel::new(push), Audience { except: None, events: true, crowd: None });
        }
    }

    async fn attach(&self, attach: Attach) -> Result<Result<Attached, CloseReason>, StoreError> {
        loop {
            let user = &attach.caller.user;
            let presence = self.presence(user);
            let load = || async {
                let subscriptions = self.conversations.subscriptions(user).await?;
                self.roster.subscribe(&presence, subscriptions);
                Ok(())
            };
            presence.subscribed.get_or_try_init(load).await?;
            if let Some(joined) = self.join(&presence, &attach) {
                return Ok(joined);
            }
        }
    }

    fn detach(&self, connection: &Connection) {
        self.roster.detach(connection);
    }

    async fn end(&self, user: &UserId, jti: &str, reason: CloseReason) {
        for connection in self.roster.connections_with(user, jti) {
            connection.close(reason);
        }
    }

    async fn renew(&self, caller: &Caller, jti: &str) {
        for connection in self.roster.connections_with(&caller.user, jti) {
            connection.renew(caller);
        }
    }

    async fn close_all(&self, reason: CloseReason, time: Duration) {
        self.roster.close_all(reason, time).await;
    }
}

impl Swept for Hub {
    fn limits(&self) -> Limits {
        self.roster.limits
    }

    fn connections(&self) -> Vec<Arc<Connection>> {
        self.roster.connections()
    }

    fn forget_gone(&self, now_ms: i64) {
        self.roster.forget_gone(now_ms, self.roster.limits.log_ttl_ms);
    }
}

#[cfg(test)]
mod tests;
