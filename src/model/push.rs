//! What is pushed to sockets, and why a socket is closed.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::{ConversationId, GroupId, Message, Platform, ReceiveOption, UserId};

/// What a frame has besides a message's content, and what it costs to keep: ids, numbers, names of fields.
pub const FRAME_BYTES: usize = 384;

/// Something that users are told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Push {
    /// A message was stored.
    Message {
        /// The message.
        message: Arc<Message>,
        /// The platform of the sender that sent it, and so is not told.
        origin: Platform,
    },
    /// A user read a conversation up to a seq.
    Read {
        /// Who read.
        user: UserId,
        /// What it read.
        conversation: ConversationId,
        /// How far.
        read_seq: u64,
        /// The platform that said so, and so is not told.
        origin: Platform,
    },
    /// A group or its members changed.
    Group(Arc<GroupChange>),
    /// A user set how it has a conversation.
    Settings {
        /// Which conversation.
        conversation: ConversationId,
        /// Whether and how it is told of messages now.
        receive: ReceiveOption,
        /// Whether it is listed first now.
        is_pinned: bool,
    },
}

/// A change of a group, as its members are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupChange {
    /// Which group.
    pub group: GroupId,
    /// What happened, a word of the API document.
    pub change: Cow<'static, str>,
    /// Who did it.
    pub operator: UserId,
    /// Whom it was done to, if anybody in particular.
    pub users: Vec<UserId>,
}

/// Why the server closes a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// A new login took the platform's place: do not come back with this token.
    Replaced,
    /// The token expired or was ended: log in first.
    TokenEnded,
    /// The client did not read fast enough: come back and recover.
    TooSlow,
    /// The user has its limit of connections.
    TooMany,
    /// The server is going down for a restart: come back after a moment.
    Restarting,
    /// Nothing was heard from the client, not even an answer to pings.
    Silent,
    /// The server had to give up on this connection: come back and recover.
    Failed,
}

impl CloseReason {
    /// The close code.
    pub fn code(self) -> u16 {
        match self {
            Self::Replaced => 4001,
            Self::TokenEnded => 4002,
            Self::TooSlow => 4008,
            Self::TooMany => 4013,
            Self::Restarting => 1012,
            Self::Silent => 1001,
            Self::Failed => 1011,
        }
    }

    /// The reason with this close code.
    pub fn from_code(code: u16) -> Option<Self> {
        use CloseReason::{Failed, Replaced, Restarting, Silent, TokenEnded, TooMany, TooSlow};
        let all = [Replaced, TokenEnded, TooSlow, TooMany, Restarting, Silent, Failed];
        all.into_iter().find(|reason| reason.code() == code)
    }

    /// The reason in words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Replaced => "replaced by a new login on this platform",
            Self::TokenEnded => "the token has ended",
            Self::TooSlow => "too slow: connect again and recover",
            Self::TooMany => "5001: too many connections of this user",
            Self::Restarting => "the server is restarting",
            Self::Silent => "nothing was heard for too long",
            Self::Failed => "the server failed: connect again and recover",
        }
    }
}

/// A place in a user's push log, opaque to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushId {
    /// Which log: one that was lost and begun again has another.
    pub epoch: u64,
    /// The entry's number in it, from 1; 0 is the place before the first.
    pub position: u64,
    /// When it was pushed, by the server's clock.
    pub at_ms: i64,
}

impl PushId {
    /// The place that `text` spells, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut next = || {
            let part = parts.next()?;
            let sane =
                (1..=16).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            sane.then(|| u64::from_str_radix(part, 16).ok()).flatten()
        };
        let id = Self { epoch: next()?, position: next()?, at_ms: i64::try_from(next()?).ok()? };
        parts.next().is_none().then_some(id)
    }
}

impl fmt::Display for PushId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{:x}-{:x}", self.epoch, self.position, self.at_ms.max(0))
    }
}

/// A process that serves clients: another one each time that it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u64);

impl NodeId {
    /// The node with this number, which must be random.
    pub fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The node that `text` spells, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        let sane = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        sane.then(|| u64::from_str_radix(text, 16).ok().map(Self)).flatten()
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A user's log that has got an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Whose log.
    pub user: UserId,
    /// The entry's place in it.
    pub id: PushId,
    /// The nodes that have connections of the user.
    pub nodes: Vec<NodeId>,
}

/// A message that was stored now, as the push path is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The message.
    pub message: Arc<Message>,
    /// The logs of its recipients that have got it. A store of one process leaves that to the push path.
    pub logged: Vec<Logged>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_push_id_survives_its_spelling(epoch: u64, position: u64, at_ms in 0i64..) {
            let id = PushId { epoch, position, at_ms };
            prop_assert_eq!(PushId::parse(&id.to_string()), Some(id));
        }

        #[test]
        fn any_text_is_a_push_id_or_refused(text in ".{0,60}") {
            PushId::parse(&text);
        }
    }

    #[test]
    fn other_spellings_of_a_push_id_are_refused() {
        for text in ["", "1", "1-2", "1-2-3-4", "+1-2-3", "g-1-1", "A-1-1", "1-1-ffffffffffffffff", "1-1-11111111111111111"]
        {
            assert_eq!(PushId::parse(text), None, "{text}");
        }
    }
}
