//! The roster: who is present on this node, with which connections, and which seats they have in groups. The buses share it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::Limits;
use super::bus::Attach;
use super::connection::{Connection, Parcel};
use super::crowd::Crowd;
use super::presence::{Presence, State};
use crate::clock::Clock;
use crate::model::{CloseReason, GroupId, GroupUpdate, Push, UserId, Windows};
use crate::store::Subscription;
use crate::telemetry::Metrics;

/// The longest time between two closes when all are closed.
const CLOSE_STEP: Duration = Duration::from_millis(5);

/// A present member of a group, and what it may see of it.
pub(super) struct Seat<L> {
    pub(super) presence: Arc<Presence<L>>,
    pub(super) windows: Windows,
}

struct Index<L> {
    users: HashMap<UserId, Arc<Presence<L>>>,
    groups: HashMap<GroupId, HashMap<UserId, Seat<L>>>,
}

/// Everybody who is present on this node.
pub(super) struct Roster<L> {
    index: Mutex<Index<L>>,
    pub(super) limits: Limits,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Arc<Metrics>,
    runtime: Option<Handle>,
    numbers: AtomicU64,
}

impl<L> Roster<L> {
    /// A roster with nobody in it.
    pub(super) fn new(limits: Limits, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        let index = Index { users: HashMap::new(), groups: HashMap::new() };
        // Messages are told of by threads that are none of a runtime's.
        let runtime = Handle::try_current().ok();
        Self { index: Mutex::new(index), limits, clock, metrics, runtime, numbers: AtomicU64::new(1) }
    }

    /// So many users who are told at once, if they are a crowd.
    pub(super) fn crowd(&self, users: usize) -> Option<Crowd> {
        Crowd::of(users, self.runtime.as_ref())
    }

    /// Everybody.
    pub(super) fn everybody(&self) -> Vec<Arc<Presence<L>>> {
        self.index.lock().users.values().cloned().collect()
    }

    /// Every connection there is.
    pub(super) fn connections(&self) -> Vec<Arc<Connection>> {
        self.everybody().iter().flat_map(|presence| presence.state.lock().connections.clone()).collect()
    }

    /// Closes every connection, spread over about `time` at most, so that the clients do not all come back at once.
    pub(super) async fn close_all(&self, reason: CloseReason, time: Duration) {
        let connections = self.connections();
        let step = CLOSE_STEP.min(time / u32::try_from(connections.len().max(1)).unwrap_or(u32::MAX));
        let mut steps = tokio::time::interval(step.max(Duration::from_micros(1)));
        for connection in connections {
            steps.tick().await;
            connection.close(reason);
        }
    }

    /// Forgets those who were gone for `ttl_ms` and longer.
    pub(super) fn forget_gone(&self, now_ms: i64, ttl_ms: i64) {
        let mut index = self.index.lock();
        let Index { users, groups } = &mut *index;
        let kept = |presence: &Arc<Presence<L>>| {
            let mut state = presence.state.lock();
            state.retired = state.connections.is_empty() && now_ms - state.gone_since_ms >= ttl_ms;
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

    /// The presence of a user, if it is there.
    pub(super) fn find(&self, user: &UserId) -> Option<Arc<Presence<L>>> {
        self.index.lock().users.get(user).cloned()
    }

    /// The presence of a user, with a new `log` if it is not there.
    pub(super) fn presence(&self, user: &UserId, log: impl FnOnce() -> L) -> Arc<Presence<L>> {
        let mut index = self.index.lock();
        let make = || Arc::new(Presence::new(user.clone(), log(), self.clock.steady_ms()));
        Arc::clone(index.users.entry(user.clone()).or_insert_with(make))
    }

    /// The presences of up to two users.
    pub(super) fn pair(&self, low: &UserId, high: &UserId) -> Vec<Arc<Presence<L>>> {
        let index = self.index.lock();
        let (low_end, high_end) = (index.users.get(low), index.users.get(high).filter(|_| low != high));
        low_end.into_iter().chain(high_end).cloned().collect()
    }

    /// The presences of the members of a group that may see `seq`.
    pub(super) fn seated(&self, group: GroupId, seq: u64) -> Vec<Arc<Presence<L>>> {
        let index = self.index.lock();
        let seats = index.groups.get(&group).into_iter().flat_map(HashMap::values);
        seats.filter(|seat| seat.windows.contains(seq)).map(|seat| Arc::clone(&seat.presence)).collect()
    }

    /// The presences of a group's members and of `users`.
    pub(super) fn concerned(&self, group: GroupId, users: &[UserId]) -> Vec<Arc<Presence<L>>> {
        let index = self.index.lock();
        let seats = index.groups.get(&group);
        let open = seats.into_iter().flat_map(HashMap::values).filter(|seat| seat.windows.is_open());
        let mut present: Vec<_> = open.map(|seat| Arc::clone(&seat.presence)).collect();
        for user in users {
            let seated = seats.and_then(|seats| seats.get(user)).is_some_and(|seat| seat.windows.is_open());
            present.extend(index.users.get(user).filter(|_| !seated).cloned());
        }
        present
    }

    /// Puts a user's groups into the index. Changes that came in since its presence was made are newer, and stay.
    pub(super) fn subscribe(&self, presence: &Arc<Presence<L>>, subscriptions: Vec<Subscription>) {
        let mut index = self.index.lock();
        let mut state = presence.state.lock();
        for Subscription { conversation, windows, muted, .. } in subscriptions {
            if let Some(group) = conversation.group().filter(|_| windows.is_open()) {
                let seat = Seat { presence: Arc::clone(presence), windows };
                index.groups.entry(group).or_default().entry(presence.user.clone()).or_insert(seat);
            }
            if muted {
                state.muted.entry(conversation).or_insert(true);
            }
        }
    }

    /// Takes note of a group's new members and windows.
    pub(super) fn reseat(&self, update: &GroupUpdate) {
        let mut index = self.index.lock();
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

    /// A new connection of a user whose `state` this is.
    pub(super) fn admit(&self, state: &mut State<L>, attach: &Attach) -> Result<Arc<Connection>, CloseReason> {
        if state.connections.len() >= self.limits.connections_per_user {
            return Err(CloseReason::TooMany);
        }
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let gauge = self.metrics.queue_bytes.clone();
        let connection = Connection::new(number, attach, self.limits.queue_bytes, gauge, self.clock.steady_ms());
        let connection = Arc::new(connection);
        state.connections.push(Arc::clone(&connection));
        self.metrics.connections.inc();
        Ok(connection)
    }

    /// Forgets a connection. Answers its user's presence, if it was one of it.
    pub(super) fn detach(&self, connection: &Connection) -> Option<Arc<Presence<L>>> {
        let presence = self.find(&connection.caller().user)?;
        {
            let mut state = presence.state.lock();
            let before = state.connections.len();
            state.connections.retain(|other| other.number() != connection.number());
            let gone = before - state.connections.len();
            self.metrics.connections.sub(gone as i64);
            state.gone_since_ms = self.clock.steady_ms();
        }
        Some(presence)
    }

    /// Forgets a user who has no connection any more. `false` if it has one again.
    pub(super) fn forget(&self, presence: &Arc<Presence<L>>) -> bool {
        let mut index = self.index.lock();
        let mut state = presence.state.lock();
        state.retired = state.connections.is_empty();
        if state.retired && index.users.get(&presence.user).is_some_and(|known| Arc::ptr_eq(known, presence)) {
            index.users.remove(&presence.user);
        }
        state.retired
    }

    /// The connections of a user that showed this token.
    pub(super) fn connections_with(&self, user: &UserId, jti: &str) -> Vec<Arc<Connection>> {
        let presence = self.find(user);
        let connections = presence.map(|presence| presence.state.lock().connections.clone()).unwrap_or_default();
        connections.into_iter().filter(|connection| connection.caller().jti == jti).collect()
    }

    /// Counts the frames of a parcel that were queued, and says whose sockets were too slow.
    pub(super) fn count(&self, user: &UserId, (told, slow): (u64, u64), parcel: &Parcel) {
        let pushes = &self.metrics.pushes;
        let of_kind = match parcel.push() {
            Push::Message { .. } => &pushes.messages,
            Push::Read { .. } => &pushes.reads,
            Push::Group(_) => &pushes.group_changes,
            Push::Settings { .. } => &pushes.settings,
        };
        of_kind.inc_by(told);
        if slow > 0 {
            tracing::info!(user.id = %user, slow, "closed {slow} slow WebSockets of user {user}");
        }
    }
}
