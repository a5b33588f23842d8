//! Messages: drafted, stored, and where they go.

use std::sync::Arc;

use super::{Caller, ConversationId, GroupStatus, MemberStatus, UserId};
use crate::error::Code;

/// What a message carries; the discriminants are the numbers of the API document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum MsgType {
    Text = 1,
    Image = 2,
    Video = 3,
    Audio = 4,
    File = 5,
    Custom = 100,
}

impl MsgType {
    /// The type with this number.
    pub fn from_number(number: i64) -> Option<Self> {
        [Self::Text, Self::Image, Self::Video, Self::Audio, Self::File, Self::Custom]
            .into_iter()
            .find(|kind| *kind as i64 == number)
    }
}

/// A message that a client asks to send: checked, not yet stored.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Who sends, by which token. Its platform gets no push of it.
    pub caller: Caller,
    /// The client's id: with the sender, one message for ever.
    pub client_msg_id: Arc<str>,
    /// Where it goes.
    pub conversation: ConversationId,
    /// What it carries.
    pub msg_type: MsgType,
    /// The content as JSON text, as it was sent.
    pub content: Arc<str>,
    /// A hash of type and content as JSON values: repeats of an id must agree on it.
    pub fingerprint: [u8; 16],
    /// When the server got it.
    pub now_ms: i64,
}

/// A stored message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The conversation that it belongs to.
    pub conversation: ConversationId,
    /// Its place there, from 1.
    pub seq: u64,
    /// The client's id.
    pub client_msg_id: Arc<str>,
    /// Who sent it.
    pub sender: UserId,
    /// What it carries.
    pub msg_type: MsgType,
    /// The content as JSON text, as it was sent.
    pub content: Arc<str>,
    /// When it was stored; never below that of an earlier message of the conversation.
    pub send_at_ms: i64,
}

impl Message {
    /// Who it was sent to, if it was sent to a user.
    pub fn receiver(&self) -> Option<&UserId> {
        self.conversation.peer_of(&self.sender)
    }
}

/// What a send is allowed by: the state of where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// To a user.
    Single {
        /// Whether that user is registered.
        exists: bool,
    },
    /// To a group.
    Group {
        /// The group's status, if there is such a group.
        group: Option<GroupStatus>,
        /// The sender's status in it, if it ever was a member.
        sender: Option<MemberStatus>,
    },
}

/// What became of an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// Stored now, under a new seq.
    New {
        /// It.
        message: Arc<Message>,
        /// How many messages the limit on the sender has left, if it counted this one just now.
        slots_left: Option<u32>,
    },
    /// Stored before: this is what the first append of the id stored.
    Repeat(Arc<Message>),
    /// The id belongs to a message with another destination or body; nothing was written.
    OtherBody,
    /// The token is not current, or the rule or a limit refused; nothing was written.
    Refused(Refusal),
}

/// Why an append was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The token is not current, or the rule refused: the code that the sender gets.
    Rule(Code),
    /// There were too many messages.
    Limit {
        /// Whose.
        limit: SendLimit,
        /// In how many milliseconds it may be tried again.
        retry_after_ms: i64,
    },
}

/// Whose messages are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendLimit {
    /// The sender's, on all its platforms.
    User,
    /// The conversation's.
    Conversation,
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self::Rule(code)
    }
}
