//! Looking after those who are here: their routes are renewed, and what did not come is read from their logs.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::place::Delivery;
use super::{ClusterBus, Place};
use crate::model::{Platform, Push, PushId};
use crate::push::connection::Parcel;
use crate::push::log::Entry;
use crate::push::presence::Presence;
use crate::push::recall;
use crate::store::StoreError;
use crate::store::cluster::{Event, LogEntry, Recorded};

/// Users that wait to be looked after. One that finds no room is found again by the next round.
const WAITING_MAX: usize = 10_000;

/// How long a gap is left alone: what is missing is usually on its way.
const GAP_AFTER: Duration = Duration::from_millis(50);

/// Entries that are read from the store at once.
const CHUNK: usize = 64;

/// Where users are put who are to be looked after.
pub(super) struct Refreshes {
    due: mpsc::Sender<Arc<Presence<Place>>>,
}

impl Refreshes {
    /// Nobody yet, and where they come out.
    pub(super) fn new() -> (Self, mpsc::Receiver<Arc<Presence<Place>>>) {
        let (due, receiver) = mpsc::channel(WAITING_MAX);
        (Self { due }, receiver)
    }

    /// Has a user looked after.
    pub(super) fn now(&self, presence: &Arc<Presence<Place>>) {
        if !std::mem::replace(&mut presence.state.lock().log.queued, true) {
            put(&self.due, presence);
        }
    }

    /// Has a user looked after in a moment, if something is missing then.
    pub(super) fn soon(&self, presence: &Arc<Presence<Place>>) {
        if std::mem::replace(&mut presence.state.lock().log.queued, true) {
            return;
        }
        let (due, presence) = (self.due.clone(), Arc::clone(presence));
        tokio::spawn(async move {
            tokio::time::sleep(GAP_AFTER).await;
            let lacks = {
                let mut state = presence.state.lock();
                state.log.queued = state.log.lacks();
                state.log.queued
            };
            if lacks {
                put(&due, &presence);
            }
        });
    }

    /// Has a user looked after, when there is room.
    pub(super) async fn in_turn(&self, presence: &Arc<Presence<Place>>) {
        if !std::mem::replace(&mut presence.state.lock().log.queued, true) {
            // Nobody looks after anybody any more: the node is going down.
            let _ = self.due.send(Arc::clone(presence)).await;
        }
    }
}

fn put(due: &mpsc::Sender<Arc<Presence<Place>>>, presence: &Arc<Presence<Place>>) {
    if due.try_send(Arc::clone(presence)).is_err() {
        let mut state = presence.state.lock();
        state.log.queued = false;
        state.log.fall_behind();
    }
}

impl ClusterBus {
    /// Looks after a user: writes how many connections it has here, and reads what did not come.
    pub(super) async fn refresh(&self, presence: &Arc<Presence<Place>>) {
        let turn = presence.state.lock().log.turn();
        let _turn = turn.lock().await;
        let retired = {
            let mut state = presence.state.lock();
            state.log.attend();
            state.retired
        };
        if retired {
            return;
        }
        if let Err(error) = self.renew_route(presence).await {
            let user = &presence.user;
            tracing::debug!(user.id = %user, %error, "the log of user {user} was not reached: {error}");
            presence.state.lock().log.fall_behind();
        }
    }

    async fn renew_route(&self, presence: &Arc<Presence<Place>>) -> Result<(), StoreError> {
        let (count, known) = {
            let state = presence.state.lock();
            (state.connections.len(), state.log.delivered())
        };
        // Connections without a place are being closed, or their attach has yet to ask: the route is theirs to write.
        if count > 0 && known.is_none() {
            return Ok(());
        }
        let end = self.logs.renew(&presence.user, (self.nodes.own(), count)).await?;
        if count == 0 {
            if self.roster.forget(presence) {
                let groups = std::mem::take(&mut presence.state.lock().log.groups);
                self.seats.leave(presence, &groups, &BTreeSet::new());
            }
            return Ok(());
        }
        let (Some(known), Some(end)) = (known, end) else { return Ok(()) };
        if end.id.epoch != known.epoch || end.id.position < known.position {
            self.break_chain(presence, None);
            return Ok(());
        }
        if !end.route_was_there {
            self.metrics().between.repairs.with_label_values(&["route"]).inc();
        }
        self.catch_up(presence, end.id).await?;
        let is_look_due = presence.state.lock().log.is_look_due(self.roster.clock.steady_ms());
        if is_look_due { self.look_at_groups(presence).await } else { Ok(()) }
    }

    /// Reads the log on to `end` and delivers it, before anything that waits. `end` is of the log that the place is in.
    async fn catch_up(&self, presence: &Presence<Place>, end: PushId) -> Result<(), StoreError> {
        let from = {
            let mut state = presence.state.lock();
            state.log.hold();
            state.log.delivered()
        };
        let read = match from {
            Some(from) if from.position < end.position => self.read_gap(presence, from, end.position).await,
            _ => Ok(true),
        };
        {
            let mut state = presence.state.lock();
            if matches!(read, Ok(true)) {
                state.log.confirm(end.epoch);
            }
            let ready = state.log.release();
            self.hand_over(presence, &mut state, ready);
        }
        if !read? {
            self.break_chain(presence, None);
        }
        Ok(())
    }

    /// Delivers the entries behind `from` up to `last`; `false` if they are not all kept.
    async fn read_gap(&self, presence: &Presence<Place>, from: PushId, last: u64) -> Result<bool, StoreError> {
        self.metrics().between.repairs.with_label_values(&["gap"]).inc();
        let entries = self.logs.entries(&presence.user, from.epoch, from.position + 1, last).await?;
        let Some(mut entries) = entries else { return Ok(false) };
        while !entries.is_empty() {
            let rest = entries.split_off(entries.len().min(CHUNK));
            let chunk = std::mem::replace(&mut entries, rest);
            let wanted = chunk.iter().filter_map(|recorded| as_entry(presence, recorded)).collect();
            let recalled = recall(&*self.messages, wanted, Platform::Web).await?;
            let mut parcels: HashMap<u64, Arc<Parcel>> =
                recalled.into_iter().map(|(id, parcel)| (id.position, parcel)).collect();
            let mut state = presence.state.lock();
            for Recorded { id, except, entry } in chunk {
                let delivery = match (entry, parcels.remove(&id.position)) {
                    (LogEntry::Event(Event::Seat { moved, .. }), _) => Delivery::Seat { moved },
                    (LogEntry::Event(Event::Settings { conversation, receive, .. }), parcel) => {
                        Delivery::Settings { conversation, receive, parcel }
                    }
                    (_, Some(parcel)) => Delivery::Parcel { parcel, except },
                    (_, None) => Delivery::Nothing,
                };
                state.log.pass(id);
                self.hand_over(presence, &mut state, vec![(id, delivery)]);
            }
        }
        Ok(true)
    }
}

/// A recorded entry as recovery has it; `None` if it is not for clients.
pub(super) fn as_entry(presence: &Presence<Place>, recorded: &Recorded) -> Option<(PushId, Entry)> {
    let origin = recorded.except.unwrap_or(Platform::Web);
    let entry = match &recorded.entry {
        LogEntry::Message { conversation, seq, .. } => Entry::Message { conversation: conversation.clone(), seq: *seq },
        LogEntry::Event(Event::Read { conversation, read_seq }) => Entry::Event(Parcel::new(Push::Read {
            user: presence.user.clone(),
            conversation: conversation.clone(),
            read_seq: *read_seq,
            origin,
        })),
        LogEntry::Event(Event::Group(change)) => Entry::Event(Parcel::new(Push::Group(Arc::clone(change)))),
        LogEntry::Event(Event::Settings { conversation, receive, is_pinned: Some(is_pinned) }) => {
            let (conversation, receive, is_pinned) = (conversation.clone(), *receive, *is_pinned);
            Entry::Event(Parcel::new(Push::Settings { conversation, receive, is_pinned }))
        }
        LogEntry::Event(Event::Settings { is_pinned: None, .. } | Event::Seat { .. }) => return None,
    };
    Some((recorded.id, entry))
}
