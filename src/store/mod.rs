//! The ports: what the rules need of a store, written as promises, one trait a file.
//!
//! Everything that a port answers is durable and stays so; what it has not answered may or may not have happened. Absence is
//! `None`, failure is a [`StoreError`].

pub mod cluster;
mod conversations;
pub mod embedded;
mod groups;
mod limits;
mod login_failures;
mod messages;
mod sessions;
mod users;

use std::sync::Arc;

pub use conversations::{Conversations, Subscription};
pub use groups::{GroupRule, Groups};
pub use limits::{Quota, Quotas, RateLimiter};
pub use login_failures::{Counted, LoginFailures, OwnLoginFailures};
pub use messages::{Admit, Messages};
pub use sessions::Sessions;
pub use users::Users;

/// Called once with what a change stored, after it is durable, even if whoever asked for it has gone away.
///
/// Calls for one group come in the order in which its changes took effect, those for one sender in the order in which it waited
/// for its messages. It must not wait.
pub type OnCommit<T> = Box<dyn FnOnce(&T) + Send>;

/// Why a store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be used now. A change that was asked for may or may not have happened.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// No answer in time. A change that was asked for may or may not have happened.
    #[error("the store did not answer in time")]
    TimedOut,
    /// What is stored cannot be read.
    #[error("damaged data: {0}")]
    Corrupt(String),
}

impl From<StoreError> for crate::error::Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::TimedOut => Self::unavailable(error),
            StoreError::Corrupt(_) => Self::internal(error),
        }
    }
}

/// One adapter's ports.
#[derive(Clone)]
#[expect(missing_docs, reason = "each port documents itself")]
pub struct Stores {
    pub users: Arc<dyn Users>,
    pub sessions: Arc<dyn Sessions>,
    pub groups: Arc<dyn Groups>,
    pub conversations: Arc<dyn Conversations>,
    pub messages: Arc<dyn Messages>,
    pub login_failures: Arc<dyn LoginFailures>,
    pub health: Arc<dyn Health>,
}

/// Whether an adapter can serve.
#[async_trait::async_trait]
pub trait Health: Send + Sync {
    /// `Ok` if changes would be taken now.
    async fn ready(&self) -> Result<(), StoreError>;
}
