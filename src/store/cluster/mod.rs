//! The cluster adapter: any number of nodes over a CQL database, which disposes, and Redis, which proposes.

pub mod functions;
pub mod seqs;
