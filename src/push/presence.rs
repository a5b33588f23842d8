//! A user who is present on this node, and the connections that it has here.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::connection::{Connection, Frame, Parcel, Queued};
use super::crowd::Crowd;
use crate::model::{ConversationId, Platform, Push, PushId, ReceiveOption, UserId};

/// Who of a user's connections is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Audience<'a> {
    /// The platform that is not told.
    pub(super) except: Option<Platform>,
    /// Whether only connections that want events are told.
    pub(super) events: bool,
    /// The crowd that is told at once, if it is one.
    pub(super) crowd: Option<&'a Crowd>,
}

/// What is known of a present user; `log` is what its bus knows of the user's log.
#[derive(Debug)]
pub(super) struct State<L> {
    pub(super) log: L,
    pub(super) connections: Vec<Arc<Connection>>,
    /// Whether the user wants no pushes of a conversation, for those where it ever said so.
    pub(super) muted: HashMap<ConversationId, bool>,
    /// Since when there is no connection.
    pub(super) gone_since_ms: i64,
    /// Removed from the roster: nobody may attach to it any more.
    pub(super) retired: bool,
}

impl<L> State<L> {
    /// Queues a parcel for the connections of the audience. Answers how many, and how many were too slow.
    pub(super) fn tell(&self, parcel: &Arc<Parcel>, id: PushId, audience: Audience<'_>) -> (u64, u64) {
        let (mut told, mut slow) = (0, 0);
        for connection in &self.connections {
            let skipped = audience.except.is_some_and(|platform| connection.is_on(platform));
            if skipped || (audience.events && !connection.wants_events()) {
                continue;
            }
            told += 1;
            match connection.push(Frame { parcel: Arc::clone(parcel), id }) {
                Queued::First => match audience.crowd {
                    Some(crowd) => crowd.add(connection),
                    None => connection.ring(),
                },
                Queued::Behind => {}
                Queued::TooSlow => slow += 1,
            }
        }
        (told, slow)
    }

    /// Whether the user wants no pushes of `conversation`.
    pub(super) fn mutes(&self, conversation: &ConversationId) -> bool {
        self.muted.get(conversation).copied().unwrap_or(false)
    }

    /// Whether the user wants this pushed.
    pub(super) fn wants(&self, push: &Push) -> bool {
        !matches!(push, Push::Message { message, .. } if self.mutes(&message.conversation))
    }

    /// Takes note of what the user wants of a conversation; `loaded` if what the store says of that is here already.
    pub(super) fn set_receive(&mut self, conversation: &ConversationId, receive: ReceiveOption, loaded: bool) {
        let muted = receive == ReceiveOption::Mute;
        // What is being read from the store may be older: until it is here, "not muted" has to be remembered too.
        if muted || !loaded {
            self.muted.insert(conversation.clone(), muted);
        } else {
            self.muted.remove(conversation);
        }
    }
}

/// A present user. Its lock orders what is known of the log and the queues of all its connections.
#[derive(Debug)]
pub(super) struct Presence<L> {
    pub(super) user: UserId,
    pub(super) state: Mutex<State<L>>,
    /// Set once the user's groups are in the roster's index.
    pub(super) subscribed: OnceCell<()>,
}

impl<L> Presence<L> {
    pub(super) fn new(user: UserId, log: L, now_ms: i64) -> Self {
        let state = State { log, connections: Vec::new(), muted: HashMap::new(), gone_since_ms: now_ms, retired: false };
        Self { user, state: Mutex::new(state), subscribed: OnceCell::new() }
    }
}
