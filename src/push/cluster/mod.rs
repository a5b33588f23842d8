//! The bus of any number of nodes: users' logs and nodes' streams in Redis, sockets on this node.
//!
//! A push is an entry in the log of each user that it concerns; what goes into the streams of their nodes only tells of it. A node
//! delivers to a user strictly in the order of the user's log ([`place`]), and reads from the log what did not come. So a lost
//! letter, a stream that was trimmed or a lease that lapsed costs seconds; and a log that was lost closes the user's connections,
//! whose clients recover from the store.
//!
//! Messages of large groups are in no log: they come once for each node ([`groups`]), which knows its members ([`seats`]).

mod attach;
mod events;
mod groups;
mod outbox;
mod place;
mod refresh;
mod seats;
mod tasks;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::Limits;
use super::bus::{Attach, Attached, Bus};
use super::connection::{Connection, Parcel};
use super::presence::{Audience, Presence, State};
use super::roster::Roster;
use super::sweep::Swept;
use crate::clock::Clock;
use crate::model::{
    Caller, CloseReason, Conversation, ConversationId, Fanout, GroupUpdate, Platform, Push, PushId, Stored, UserId,
};
use crate::store::cluster::{Address, Event, GroupNodes, Letter, Logs, Nodes};
use crate::store::{Conversations, Groups, Messages, StoreError, Stores};
use crate::telemetry::{Metrics, Point, Trace, Traces};
use events::{Events, Job, Recipients};
use outbox::Outbox;
use place::{Delivery, Place, Ready};
use refresh::Refreshes;
use seats::{Seats, Told};

pub use tasks::ClusterTasks;

/// Everybody who is present on this node, and the way to the others.
pub struct ClusterBus {
    roster: Roster<Place>,
    logs: Logs,
    nodes: Nodes,
    group_nodes: GroupNodes,
    seats: Seats,
    conversations: Arc<dyn Conversations>,
    groups: Arc<dyn Groups>,
    messages: Arc<dyn Messages>,
    outbox: Outbox,
    events: Events,
    refreshes: Refreshes,
    traces: Traces,
}

impl ClusterBus {
    /// A bus with nobody in it, whose node can be told things from now on; and its tasks, without which it does nothing.
    pub async fn start(
        limits: Limits,
        stores: &Stores,
        (logs, nodes, group_nodes): (Logs, Nodes, GroupNodes),
        clock: Arc<dyn Clock>,
        (metrics, traces): (Arc<Metrics>, Traces),
    ) -> Result<(Arc<Self>, ClusterTasks), StoreError> {
        let (outbox, letters) = Outbox::new(Arc::clone(&metrics));
        let (events, jobs) = Events::new(Arc::clone(&metrics));
        let (refreshes, due) = Refreshes::new();
        let bus = Arc::new(Self {
            roster: Roster::new(limits, clock, metrics),
            logs,
            nodes,
            group_nodes,
            seats: Seats::default(),
            conversations: Arc::clone(&stores.conversations),
            groups: Arc::clone(&stores.groups),
            messages: Arc::clone(&stores.messages),
            outbox,
            events,
            refreshes,
            traces,
        });
        let tasks = ClusterTasks::start(Arc::clone(&bus), letters, jobs, due).await?;
        Ok((bus, tasks))
    }

    fn metrics(&self) -> &Metrics {
        &self.roster.metrics
    }

    /// Takes a letter that came in this node's stream.
    fn take_in(self: &Arc<Self>, bytes: &[u8]) {
        match Letter::decode(bytes) {
            Some((letter, from)) => self.take_letter(letter, from),
            // What it told of is in the logs, and read from there.
            None => tracing::warn!("a letter of another release was not understood"),
        }
    }

    /// Takes a letter that belongs to a trace, perhaps.
    fn take_letter(self: &Arc<Self>, letter: Letter, from: Option<Point>) {
        let span = self.traces.go_on(from, "push.deliver");
        let trace = span.trace();
        trace.enter(|| self.act_on(letter));
    }

    fn act_on(self: &Arc<Self>, letter: Letter) {
        match letter {
            Letter::Message { message, to } => {
                let parcel = Parcel::new(Push::Message { message, origin: Platform::Web });
                self.deliver_all(&to, |_| parcel.clone());
            }
            // What finds no room here is found by the next comparison.
            Letter::GroupMessage { message, origin, version } => {
                self.take_group_message(Told { message, origin, version, trace: Trace::current() });
            }
            Letter::GroupEvent { change } => self.tell_group_event(&change),
            Letter::Seats { group, version, members } => self.seats.change(group, version, &members),
            Letter::Event { event: Event::Seat { moved, .. }, to } => {
                to.iter().for_each(|address| self.deliver(&address.user, address.id, Delivery::Seat { moved }));
            }
            Letter::Event { event: Event::Settings { conversation, receive, is_pinned }, to } => {
                for address in to {
                    let settings = Delivery::settings(conversation.clone(), receive, is_pinned);
                    self.deliver(&address.user, address.id, settings);
                }
            }
            Letter::Event { event: Event::Group(change), to } => {
                let parcel = Parcel::new(Push::Group(change));
                self.deliver_all(&to, |_| parcel.clone());
            }
            Letter::Event { event: Event::Read { conversation, read_seq }, to } => {
                self.deliver_all(&to, |address| read_parcel(address, &conversation, read_seq));
            }
            Letter::End { user, jti, reason } => self.end_here(&user, &jti, reason),
            Letter::Renew { caller, jti } => self.renew_here(&caller, &jti),
        }
    }

    fn deliver_all(&self, to: &[Address], parcel: impl Fn(&Address) -> Arc<Parcel>) {
        if let Some(first) = to.first() {
            let lag_ms = (self.roster.clock.now_ms() - first.id.at_ms).max(0);
            self.metrics().between.lag.observe(lag_ms as f64 / 1_000.0);
        }
        for address in to {
            self.deliver(&address.user, address.id, Delivery::Parcel { parcel: parcel(address), except: address.except });
        }
    }

    /// Delivers an entry of a user's log in its turn, if the user is here.
    fn deliver(&self, user: &UserId, id: PushId, delivery: Delivery) {
        let Some(presence) = self.roster.find(user) else { return };
        let lacks = {
            let mut state = presence.state.lock();
            let ready = state.log.offer(id, delivery);
            self.hand_over(&presence, &mut state, ready);
            state.log.lacks() && state.log.delivered().is_some()
        };
        if lacks {
            self.refreshes.soon(&presence);
        }
    }

    /// Gives what is ready to the connections.
    fn hand_over(&self, presence: &Presence<Place>, state: &mut State<Place>, ready: Ready) {
        for (id, delivery) in ready {
            let (parcel, except) = match delivery {
                Delivery::Parcel { parcel, except } => (Some(parcel), except),
                Delivery::Settings { conversation, receive, parcel } => {
                    state.set_receive(&conversation, receive, presence.subscribed.initialized());
                    (parcel, None)
                }
                Delivery::Seat { moved } => {
                    state.log.must_look(moved);
                    (None, None)
                }
                Delivery::Nothing => (None, None),
            };
            if let Some(parcel) = parcel.filter(|parcel| state.wants(parcel.push())) {
                let audience = Audience { except, events: !matches!(parcel.push(), Push::Message { .. }), crowd: None };
                self.roster.count(&presence.user, state.tell(&parcel, id, audience), &parcel);
            }
        }
    }

    /// Closes all connections of a user but `kept`: entries of its log were lost. Their clients come back and recover.
    fn break_chain(&self, presence: &Presence<Place>, kept: Option<&Connection>) {
        self.metrics().between.broken.inc();
        let connections = {
            let mut state = presence.state.lock();
            state.log.lose();
            state.connections.clone()
        };
        let others = connections.iter().filter(|other| kept.is_none_or(|kept| kept.number() != other.number()));
        others.for_each(|connection| connection.close(CloseReason::Failed));
    }

    fn end_here(&self, user: &UserId, jti: &str, reason: CloseReason) {
        for connection in self.roster.connections_with(user, jti) {
            connection.close(reason);
        }
    }

    fn renew_here(&self, caller: &Caller, jti: &str) {
        for connection in self.roster.connections_with(&caller.user, jti) {
            connection.renew(caller);
        }
    }

    /// Tells the other nodes of a user; when it answers, all that is told later comes behind it.
    async fn tell_others(&self, user: &UserId, letter: &Letter) -> Result<(), StoreError> {
        let bytes = letter.encode(None)?;
        // Both may be repeated: a token ends once.
        for last in [false, true] {
            let nodes = match self.logs.nodes(user).await {
                Err(_) if !last => continue,
                nodes => nodes?,
            };
            let others = nodes.into_iter().filter(|node| *node != self.nodes.own());
            let failed = self.nodes.send(others.map(|node| (node, bytes.clone())).collect()).await;
            if failed == 0 {
                return Ok(());
            }
        }
        Err(StoreError::TimedOut)
    }
}

/// A parcel of a read mark, which is told to one user only.
fn read_parcel(address: &Address, conversation: &ConversationId, read_seq: u64) -> Arc<Parcel> {
    let (user, conversation) = (address.user.clone(), conversation.clone());
    Parcel::new(Push::Read { user, conversation, read_seq, origin: address.except.unwrap_or(Platform::Web) })
}

#[async_trait]
impl Bus for ClusterBus {
    fn stored(&self, stored: &Stored, origin: Platform) {
        let message = &stored.message;
        let except = |user: &UserId| (*user == message.sender).then_some(origin);
        let span = Trace::current().stage("push").hands_over();
        span.trace().enter(|| {
            self.outbox.post(&stored.logged, except, |to| Letter::Message { message: Arc::clone(message), to });
        });
    }

    fn marked_read(&self, user: &UserId, conversation: &Conversation, origin: Platform) {
        let event = Event::Read { conversation: conversation.id.clone(), read_seq: conversation.read_seq };
        self.events.hand_over(&conversation.id, Job { event, to: Recipients::User(user.clone(), Some(origin)) });
    }

    fn group_changed(&self, update: &GroupUpdate) {
        let conversation = ConversationId::Group(update.group.id);
        let changed = update.members.iter().map(|member| member.user.clone()).chain(update.change.users.iter().cloned());
        let change = Arc::new(update.change.clone());
        let to = match update.group.fanout {
            Fanout::Nodes => Recipients::Nodes(Arc::clone(&change)),
            Fanout::Members | Fanout::Both => Recipients::Members(update.group.id, changed.collect()),
        };
        self.events.hand_over(&conversation, Job { event: Event::Group(change), to });
    }

    fn settings_changed(&self, user: &UserId, conversation: &Conversation) {
        let Conversation { id, receive, is_pinned, .. } = conversation;
        let event = Event::Settings { conversation: id.clone(), receive: *receive, is_pinned: Some(*is_pinned) };
        self.events.hand_over(id, Job { event, to: Recipients::User(user.clone(), None) });
    }

    async fn attach(&self, attach: Attach) -> Result<Result<Attached, CloseReason>, StoreError> {
        self.attach_here(attach).await
    }

    fn detach(&self, connection: &Connection) {
        self.forget_connection(connection);
    }

    async fn end(&self, user: &UserId, jti: &str, reason: CloseReason) {
        self.end_here(user, jti, reason);
        let letter = Letter::End { user: user.clone(), jti: jti.to_owned(), reason };
        if let Err(error) = self.tell_others(user, &letter).await {
            // The other nodes look at the token again with their next ping.
            tracing::warn!(user.id = %user, %error, "an ended token of user {user} was not told to all nodes: {error}");
        }
    }

    async fn renew(&self, caller: &Caller, jti: &str) {
        self.renew_here(caller, jti);
        let letter = Letter::Renew { caller: caller.clone(), jti: jti.to_owned() };
        if let Err(error) = self.tell_others(&caller.user, &letter).await {
            let user = &caller.user;
            tracing::warn!(user.id = %user, %error, "a renewed token of user {user} was not told to all nodes: {error}");
        }
    }

    async fn close_all(&self, reason: CloseReason, time: Duration) {
        self.roster.close_all(reason, time).await;
    }
}

impl Swept for ClusterBus {
    fn limits(&self) -> Limits {
        self.roster.limits
    }

    fn connections(&self) -> Vec<Arc<Connection>> {
        self.roster.connections()
    }

    /// Nobody stays here without a connection: the logs are in Redis.
    fn forget_gone(&self, _: i64) {}
}
