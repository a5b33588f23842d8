//! A user who is present: online, or gone for less than the log lives.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;

use super::connection::{Connection, Frame, Parcel, lock};
use super::log::Log;
use crate::model::{ConversationId, Platform, PushId, UserId};

/// Who of a user's connections is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Audience {
    /// The platform that is not told.
    pub(super) except: Option<Platform>,
    /// Whether only connections that want events are told.
    pub(super) events: bool,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) log: Log,
    pub(super) connections: Vec<Arc<Connection>>,
    /// Whether the user wants no pushes of a conversation, for those where it ever said so.
    pub(super) muted: HashMap<ConversationId, bool>,
    /// Since when there is no connection.
    pub(super) gone_since_ms: i64,
    /// Removed from the hub: nobody may attach to it any more.
    pub(super) retired: bool,
}

/// A present user. Its lock orders the log and the queues of all its connections.
#[derive(Debug)]
pub(super) struct Presence {
    pub(super) user: UserId,
    pub(super) state: Mutex<State>,
    /// Set once the user's groups are in the hub's index.
    pub(super) subscribed: OnceCell<()>,
}

impl Presence {
    pub(super) fn new(user: UserId, log: Log, now_ms: i64) -> Self {
        let state = State { log, connections: Vec::new(), muted: HashMap::new(), gone_since_ms: now_ms, retired: false };
        Self { user, state: Mutex::new(state), subscribed: OnceCell::new() }
    }

    /// Logs a parcel and queues it for the connections of the audience. Answers how many, and how many were too slow.
    pub(super) fn deliver(&self, parcel: &Arc<Parcel>, audience: Audience, now_ms: i64) -> (u64, u64) {
        let mut state = lock(&self.state);
        let id: PushId = state.log.append(parcel, audience.except, now_ms);
        let (mut told, mut slow) = (0, 0);
        for connection in &state.connections {
            let skipped = audience.except.is_some_and(|platform| connection.is_on(platform));
            if skipped || (audience.events && !connection.wants_events()) {
                continue;
            }
            told += 1;
            if !connection.push(Frame { parcel: Arc::clone(parcel), id }) {
                slow += 1;
            }
        }
        (told, slow)
    }

    /// Whether the user wants no pushes of `conversation`.
    pub(super) fn mutes(&self, conversation: &ConversationId) -> bool {
        lock(&self.state).muted.get(conversation).copied().unwrap_or(false)
    }
}
