//! The bus: what the rules and the sockets need of the push path, whichever nodes it spans.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::connection::Connection;
use super::log::Missed;
use crate::model::{Caller, CloseReason, Conversation, GroupUpdate, Platform, PushId, Stored, UserId};
use crate::store::StoreError;

/// A connection that asks to be told.
#[derive(Debug)]
pub struct Attach {
    /// Whose it is.
    pub caller: Caller,
    /// Whether it wants frames with `event`, or messages only.
    pub events: bool,
    /// The last place in the log that the client knows, if it asks for what it missed.
    pub after: Option<PushId>,
}

/// A connection that will be told of everything from now on.
#[derive(Debug)]
pub struct Attached {
    /// The connection.
    pub connection: Arc<Connection>,
    /// Where its user's log stands now: everything later comes through the connection.
    pub position: PushId,
    /// What it missed, if it asked.
    pub missed: Option<Missed>,
}

/// The push path. What it is handed must be stored already; what cannot be delivered is recovered by the client, never lost.
///
/// The hand-over never waits for a socket, and keeps the order in which it is called for each conversation and group.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Tells everybody whom a message concerns, but for the platform `origin` that sent it.
    fn stored(&self, stored: &Stored, origin: Platform);

    /// Tells a user how far it has read a conversation, but for the platform `origin` that said so.
    fn marked_read(&self, user: &UserId, conversation: &Conversation, origin: Platform);

    /// Takes note of a group's new members and windows, then tells its members and those who changed.
    fn group_changed(&self, update: &GroupUpdate);

    /// Takes note of a user's settings of a conversation, such as whether it wants pushes of it, and tells all its connections.
    fn settings_changed(&self, user: &UserId, conversation: &Conversation);

    /// Registers a connection; it is told of everything that is stored after this answers. `Err(reason)` inside if the user
    /// may have no more connections, on all nodes together.
    async fn attach(&self, attach: Attach) -> Result<Result<Attached, CloseReason>, StoreError>;

    /// Forgets a connection. Its user's log is kept for a while.
    fn detach(&self, connection: &Connection);

    /// Closes the connections of a user that showed the token `jti`; they take no frame of what is stored after this answers.
    async fn end(&self, user: &UserId, jti: &str, reason: CloseReason);

    /// Lets the connections that showed the token `jti` live on with the new one.
    async fn renew(&self, caller: &Caller, jti: &str);

    /// Closes every connection of this node, spread over about `time` at most, so that the clients do not all come back at once.
    async fn close_all(&self, reason: CloseReason, time: Duration);
}
