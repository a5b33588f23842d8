//! From "stored" to "in the sockets": who is told of what, in which order, and what is kept for those who come back.

mod bus;
mod cluster;
mod connection;
mod crowd;
#[cfg(test)]
mod fixtures;
mod hub;
mod log;
mod presence;
mod recall;
mod roster;
mod sweep;

pub use bus::{Attach, Attached, Bus};
pub use cluster::{ClusterBus, ClusterTasks};
pub use connection::{Connection, Frame, Line, Parcel, Taken, Wrote};
pub use hub::Hub;
pub use log::{Entry, Missed};
pub use recall::recall;
pub use sweep::{Sweeper, Swept};

/// The bounds of the push path.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes that may wait for one connection; past it, it is closed as too slow.
    pub queue_bytes: usize,
    /// Bytes that one recovery may bring; past it, it is not whole.
    pub recovery_bytes: usize,
    /// Entries of one user's log.
    pub log_entries: usize,
    /// How long a user's log outlives its last connection.
    pub log_ttl_ms: i64,
    /// Connections of one user.
    pub connections_per_user: usize,
    /// How often each connection is pinged.
    pub heartbeat_ms: i64,
    /// After how much silence a connection is closed.
    pub silence_ms: i64,
}
