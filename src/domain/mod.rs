//! Verbs: the rules of the API, whichever door they are called through and whichever store they run on.
//!
//! A service takes the ports that it uses; it does no I/O of its own.

mod auth;
mod content;
mod conversations;
mod fields;
mod group_rules;
mod groups;
mod handshakes;
mod history;
mod limits;
mod live;
mod passwords;
mod send;
mod tokens;
mod users;

pub use auth::{Auth, AuthSettings, Keys, Login, PASSWORD_BYTES, Registration};
pub use conversations::{ConversationPage, Conversations, Cursor};
pub use fields::{AVATAR_BYTES, EXTRA_BYTES, INTRODUCTION_BYTES};
pub use groups::{GroupLimits, Groups, MemberPage};
pub use handshakes::Handshakes;
pub use history::{History, Page, Pull};
pub use live::{Connected, Live, Moved, Registered};
pub use passwords::Passwords;
pub use send::{Outgoing, SendSettings, Sending, Sent, Target};
pub use tokens::{Signer, Token, TokenSettings};
pub use users::Users;
