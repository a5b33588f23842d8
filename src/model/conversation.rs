//! A user's own view of a conversation.

use super::{ConversationId, Extent, Windows};

/// Which kind a conversation is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ConversationKind {
    /// Between two users, or of one with itself.
    Single = 1,
    /// Of a group.
    Group = 2,
}

/// What a user wants of a conversation's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ReceiveOption {
    /// Pushes, with a notice.
    Notify = 0,
    /// Pushes, without a notice (the client's affair).
    Silent = 1,
    /// No pushes; the messages are there all the same.
    Mute = 2,
}

impl ReceiveOption {
    /// The option with this number, 0 to 2.
    pub fn from_number(number: i64) -> Option<Self> {
        [Self::Notify, Self::Silent, Self::Mute].into_iter().find(|option| *option as i64 == number)
    }
}

/// What a user may set on its view: what is `None` stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings {
    /// Whether and how it is told of messages.
    pub receive: Option<ReceiveOption>,
    /// Whether it is listed first.
    pub is_pinned: Option<bool>,
}

/// A user's own row of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Which conversation.
    pub id: ConversationId,
    /// The seqs that the user may see.
    pub windows: Windows,
    /// Whether and how it is told of messages.
    pub receive: ReceiveOption,
    /// Whether it is listed first.
    pub is_pinned: bool,
    /// How far the user has read; only grows.
    pub read_seq: u64,
    /// When the user joined, the last time; of a single one, when it began.
    pub joined_at_ms: i64,
}

impl Conversation {
    /// A row as it begins.
    pub fn new(id: ConversationId, windows: Windows, joined_at_ms: i64) -> Self {
        Self { id, windows, receive: ReceiveOption::Notify, is_pinned: false, read_seq: 0, joined_at_ms }
    }

    /// Which kind it is of.
    pub fn kind(&self) -> ConversationKind {
        match self.id {
            ConversationId::Single { .. } => ConversationKind::Single,
            ConversationId::Group(_) => ConversationKind::Group,
        }
    }

    /// Takes over what the user sets.
    pub fn set(&mut self, settings: Settings) {
        self.receive = settings.receive.unwrap_or(self.receive);
        self.is_pinned = settings.is_pinned.unwrap_or(self.is_pinned);
    }
}

/// A user's view together with how far the conversation has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationState {
    /// The user's row.
    pub conversation: Conversation,
    /// How far the conversation has come, for everybody.
    pub extent: Extent,
    /// When the last message that this user may see was sent, if there is one.
    pub seen_at_ms: Option<i64>,
}

impl ConversationState {
    /// The highest seq that this user may see, or 0.
    pub fn max_seq(&self) -> u64 {
        self.conversation.windows.max_seq(&self.extent)
    }

    /// How far this user has read, never above [`Self::max_seq`].
    pub fn read_seq(&self) -> u64 {
        self.conversation.read_seq.min(self.max_seq())
    }

    /// How many messages this user may see above `read_seq`.
    pub fn unread_above(&self, read_seq: u64) -> u64 {
        self.conversation.windows.unread(read_seq, &self.extent)
    }

    /// How many messages this user may see and has not read.
    pub fn unread(&self) -> u64 {
        self.unread_above(self.conversation.read_seq)
    }

    /// The last message that this user may see, or its joining: what a list is sorted by.
    pub fn updated_at_ms(&self) -> i64 {
        self.seen_at_ms.unwrap_or(0).max(self.conversation.joined_at_ms)
    }
}
