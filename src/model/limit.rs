//! Limits, as callers are told of them.

/// How a caller stands with a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The limit's name.
    pub limit: &'static str,
    /// How many calls it lets through at once.
    pub burst: u32,
    /// In how many seconds it lets so many through in the long run.
    pub window_s: u64,
    /// How many it would let through now.
    pub left: u32,
    /// In how many seconds it will let more through than that.
    pub more_in_s: u64,
}
