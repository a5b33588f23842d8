//! A connection comes: it is registered here first, then at the user's log, so that nothing falls between.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{ClusterBus, Place, refresh::as_entry};
use crate::model::{CloseReason, ConversationId, PushId};
use crate::push::bus::{Attach, Attached};
use crate::push::connection::Connection;
use crate::push::log::Missed;
use crate::push::presence::Presence;
use crate::store::StoreError;
use crate::store::cluster::{LogEnd, LogEntry};

/// How often is looked whether what was told can be pulled.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A connection that was registered: it is forgotten again unless it is kept.
struct Registered<'a> {
    bus: &'a ClusterBus,
    connection: Arc<Connection>,
    kept: bool,
}

/// A registered connection, told of everything behind `position`.
struct Placed<'a> {
    registered: Registered<'a>,
    position: PushId,
    end: LogEnd,
    missed: Option<Missed>,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.bus.forget_connection(&self.connection);
        }
    }
}

impl ClusterBus {
    pub(super) async fn attach_here(&self, attach: Attach) -> Result<Result<Attached, CloseReason>, StoreError> {
        loop {
            let presence = self.roster.presence(&attach.caller.user, || self.new_place());
            let turn = presence.state.lock().log.turn();
            let placed = {
                let _turn = turn.lock().await;
                self.attach_to(&presence, &attach).await?
            };
            let Some(placed) = placed else { continue };
            let Placed { mut registered, position, end, missed } = match placed {
                Ok(placed) => placed,
                Err(reason) => return Ok(Err(reason)),
            };
            if !matches!(missed, Some(Missed::Whole { .. })) {
                self.can_be_pulled(&presence, position, end).await?;
            }
            registered.kept = true;
            return Ok(Ok(Attached { connection: Arc::clone(&registered.connection), position, missed }));
        }
    }

    /// Attaches in the user's turn; `None` if the presence has just been forgotten.
    async fn attach_to(
        &self,
        presence: &Arc<Presence<Place>>,
        attach: &Attach,
    ) -> Result<Option<Result<Placed<'_>, CloseReason>>, StoreError> {
        let (connection, count, known) = {
            let mut state = presence.state.lock();
            if state.retired {
                return Ok(None);
            }
            match self.roster.admit(&mut state, attach) {
                Ok(connection) => (connection, state.connections.len(), state.log.delivered()),
                Err(reason) => return Ok(Some(Err(reason))),
            }
        };
        let registered = Registered { bus: self, connection, kept: false };
        let limit = self.roster.limits.connections_per_user;
        let Some(end) = self.logs.join(&presence.user, (self.nodes.own(), count), limit).await? else {
            return Ok(Some(Err(CloseReason::TooMany)));
        };
        let load = || async {
            let subscriptions = self.conversations.subscriptions(&presence.user).await?;
            self.take_seats(presence, &subscriptions, false).await?;
            let mut state = presence.state.lock();
            for muted in subscriptions.into_iter().filter(|subscription| subscription.muted) {
                state.muted.entry(muted.conversation).or_insert(true);
            }
            Ok::<_, StoreError>(())
        };
        presence.subscribed.get_or_try_init(load).await?;
        let position = self.place_at(presence, &registered.connection, known, end);
        let missed = match attach.after {
            Some(after) => Some(self.missed(presence, after, (position, end)).await?),
            None => None,
        };
        Ok(Some(Ok(Placed { registered, position, end, missed })))
    }

    /// Waits until what was told up to `position` can be pulled: recipients are told of a message while its send is finished,
    /// and the last of them may not be. Sends that are over by now are finished, or are settled and then told of once more.
    async fn can_be_pulled(&self, presence: &Presence<Place>, position: PushId, end: LogEnd) -> Result<(), StoreError> {
        let within = self.logs.send_within();
        let (until, oldest_ms) = (tokio::time::Instant::now() + within, end.now_ms - within.as_millis() as i64);
        if position.at_ms < oldest_ms {
            return Ok(());
        }
        let mut told = BTreeMap::new();
        for recorded in self.logs.recent(&presence.user, position, oldest_ms).await? {
            if let LogEntry::Message { conversation, seq, .. } = recorded.entry {
                let highest = told.entry(conversation).or_insert(seq);
                *highest = seq.max(*highest);
            }
        }
        for (conversation, seq) in told {
            while self.messages.extent(&conversation).await?.max_seq < seq && tokio::time::Instant::now() < until {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
        Ok(())
    }

    fn new_place(&self) -> Place {
        let clock = &self.roster.clock;
        Place::new(clock.random_number(), self.roster.limits.queue_bytes, clock.steady_ms())
    }

    /// Forgets a connection, and has its route written without it.
    pub(super) fn forget_connection(&self, connection: &Connection) {
        if let Some(presence) = self.roster.detach(connection) {
            self.refreshes.now(&presence);
        }
    }

    /// From where on the new connection is told: where this node stood when it was registered, or where the log ends.
    fn place_at(
        &self,
        presence: &Arc<Presence<Place>>,
        connection: &Connection,
        known: Option<PushId>,
        end: LogEnd,
    ) -> PushId {
        match known {
            Some(known) if known.epoch == end.id.epoch && known.position <= end.id.position => {
                if known.position < end.id.position {
                    presence.state.lock().log.fall_behind();
                    self.refreshes.soon(presence);
                }
                return known;
            }
            Some(_) => self.break_chain(presence, Some(connection)),
            None => {}
        }
        let mut state = presence.state.lock();
        let ready = state.log.begin(end.id);
        self.hand_over(presence, &mut state, ready);
        end.id
    }

    /// What a client missed that knows its place; the new connection is told of everything behind `position`.
    async fn missed(
        &self,
        presence: &Presence<Place>,
        after: PushId,
        (position, end): (PushId, LogEnd),
    ) -> Result<Missed, StoreError> {
        // A time to come says nothing: a clock was set back, or the place is made up.
        let since = Missed::Since(if after.at_ms > end.now_ms { 0 } else { after.at_ms });
        if after.epoch != position.epoch || after.position > end.id.position {
            return Ok(since);
        }
        let recorded = match after.position < position.position {
            true => self.logs.entries(&presence.user, after.epoch, after.position + 1, position.position).await?,
            false => Some(Vec::new()),
        };
        let Some(mut recorded) = recorded else { return Ok(since) };
        {
            let state = presence.state.lock();
            let muted =
                |entry: &LogEntry| matches!(entry, LogEntry::Message { conversation, .. } if state.mutes(conversation));
            // What its own platform did stays: another device may have had the platform meanwhile.
            recorded.retain(|recorded| !muted(&recorded.entry));
        }
        let size = |entry: &LogEntry| match entry {
            LogEntry::Message { size, .. } => *size,
            LogEntry::Event(_) => crate::push::connection::FRAME_BYTES,
        };
        if recorded.iter().map(|recorded| size(&recorded.entry)).sum::<usize>() > self.roster.limits.recovery_bytes {
            return Ok(since);
        }
        let entries = recorded.iter().filter_map(|recorded| as_entry(presence, recorded)).collect();
        let listed = presence.state.lock().log.groups.iter().copied().map(ConversationId::Group).collect();
        Ok(Missed::Whole { entries, listed })
    }
}
