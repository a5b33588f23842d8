//! Live connections: who may have one, and what one that comes back has missed.

use std::ops::Deref;
use std::sync::Arc;

use super::auth::Auth;
use crate::error::Result;
use crate::model::{CloseReason, ConversationId, Platform, PushId, UserId};
use crate::push::{self, Attach, Attached, Bus, Connection, Entry, Missed, Parcel};
use crate::store::{self, Stores};

/// Messages that are read from the store at once.
const CHUNK: usize = 64;

/// Clocks may differ between pushes and stores; what changed so long before counts as missed too.
const SLACK_MS: i64 = 60_000;

/// Conversations that are listed after a recovery that is not whole.
const LISTED: usize = 1_000;

/// What a client has to pull, because a recovery could not bring it.
#[derive(Debug, Default)]
pub struct Moved {
    /// Conversations that may have new messages, the latest first, with their max_seq.
    pub conversations: Vec<(ConversationId, u64)>,
    /// Whether there are more: then the client goes through its whole list.
    pub more: bool,
}

/// A registered connection: it is forgotten when this is dropped, however that comes about.
pub struct Registered {
    connection: Arc<Connection>,
    bus: Arc<dyn Bus>,
}

impl Deref for Registered {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.bus.detach(&self.connection);
    }
}

/// A connection that is told of everything from now on.
pub struct Connected {
    /// The connection.
    pub connection: Registered,
    /// Where its user's log stood when it was registered.
    pub position: PushId,
    /// What it missed, if it asked.
    pub missed: Option<Missed>,
}

/// The rules on live connections.
pub struct Live {
    auth: Arc<Auth>,
    bus: Arc<dyn Bus>,
    conversations: Arc<dyn store::Conversations>,
    messages: Arc<dyn store::Messages>,
}

impl Live {
    /// The rules on these ports.
    pub fn new(auth: Arc<Auth>, bus: Arc<dyn Bus>, stores: &Stores) -> Self {
        let (conversations, messages) = (Arc::clone(&stores.conversations), Arc::clone(&stores.messages));
        Self { auth, bus, conversations, messages }
    }

    /// Registers a connection. `Err` inside is why it must be closed instead.
    pub async fn attach(&self, attach: Attach) -> Result<Result<Connected, CloseReason>> {
        let Attached { connection, position, missed } = match self.bus.attach(attach).await? {
            Ok(attached) => attached,
            Err(reason) => return Ok(Err(reason)),
        };
        let connection = Registered { connection, bus: Arc::clone(&self.bus) };
        // A login may have ended the token after it was checked and before the bus knew of the connection.
        match self.ended(&connection).await? {
            None => Ok(Ok(Connected { connection, position, missed })),
            Some(reason) => Ok(Err(reason)),
        }
    }

    /// Why the connection's token is not good any more, if it is not.
    pub async fn ended(&self, connection: &Connection) -> Result<Option<CloseReason>> {
        self.auth.ended(&connection.caller()).await
    }

    /// The first of the missed entries with what they stand for; the rest is for the next call.
    pub async fn recover(&self, missed: &mut Vec<(PushId, Entry)>, origin: Platform) -> Result<Vec<(PushId, Arc<Parcel>)>> {
        let rest = missed.split_off(missed.len().min(CHUNK));
        let chunk = std::mem::replace(missed, rest);
        Ok(push::recall(&*self.messages, chunk, origin).await?)
    }

    /// The conversations of `user` among `listed`, with their max_seq.
    pub async fn tops(&self, user: &UserId, listed: Vec<ConversationId>) -> Result<Moved> {
        let mut conversations = Vec::with_capacity(listed.len());
        for id in listed {
            let state = self.conversations.find(user, &id).await?;
            conversations.extend(state.map(|state| (id, state.max_seq())));
        }
        Ok(Moved { conversations, more: false })
    }

    /// The conversations of `user` that may have moved since a time.
    pub async fn moved_since(&self, user: &UserId, at_ms: i64) -> Result<Moved> {
        let mut states = self.conversations.list(user).await?;
        states.retain(|state| state.updated_at_ms() >= at_ms.saturating_sub(SLACK_MS));
        states.sort_by_key(|state| std::cmp::Reverse(state.updated_at_ms()));
        let more = states.len() > LISTED;
        states.truncate(LISTED);
        let conversations = states.into_iter().map(|state| (state.conversation.id.clone(), state.max_seq())).collect();
        Ok(Moved { conversations, more })
    }
}
