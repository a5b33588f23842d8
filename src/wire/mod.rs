//! The shapes of the API: what both doors, REST and WebSocket, decode and encode.

mod answers;
mod bearer;
mod bodies;
pub mod contents;
mod decode;
mod frames;
mod messages;
mod query;
pub mod schemas;

pub use answers::{
    ConversationView, CreatedGroup, GroupInfo, LoggedIn, MemberView, ReadState, Refreshed, UnreadView, UserView, envelope,
};
pub use bearer::bearer;
pub use bodies::{
    CreateGroup, GroupNickname, GroupRef, GroupRole, GroupTarget, JoinGroup, LoginBody, MarkRead, MaxSeq, PullBody,
    Register, SendBody, UpdateConversation, UpdateGroup, UpdateUser,
};
pub use decode::decode;
pub use frames::{FrameIn, OP_EXPECTED, answered, hello, push_frame, push_text, recovered, refused};
pub use messages::{MaxSeqView, MessageView, PageView, max_seq, page, sent};
pub use query::Query;
