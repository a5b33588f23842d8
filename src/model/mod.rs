//! Nouns: plain data and the arithmetic that belongs to it. No I/O, no wire shape.

mod conversation;
mod group;
mod ids;
mod limit;
mod message;
mod push;
mod session;
mod user;
mod window;

pub use conversation::{Conversation, ConversationKind, ConversationState, ReceiveOption, Settings};
pub use group::{Fanout, Group, GroupFields, GroupState, GroupStatus, GroupUpdate, Member, MemberStatus, Role};
pub use ids::{ConversationId, GroupId, Platform, UserId};
pub use limit::Standing;
pub use message::{Appended, Destination, Draft, Message, MsgType, Refusal, SendLimit};
pub use push::{CloseReason, FRAME_BYTES, GroupChange, Logged, NodeId, Push, PushId, Stored};
pub use session::{Caller, Session};
pub use user::{User, UserUpdate};
pub use window::{Extent, Window, Windows};
