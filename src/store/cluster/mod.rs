//! What there is of the cluster adapter, any number of nodes over a CQL database, which disposes, and Redis, which proposes: the
//! rules on seqs. No server runs on them yet.

pub mod functions;
pub mod seqs;
