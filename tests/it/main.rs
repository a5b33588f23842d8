//! Every test that is not beside the code it tests: the real binary over real sockets, and the rules of the house.

mod asyncapi;
mod codes;
mod contract;
mod docs;
mod fault;
mod harness;
mod http;
mod metrics;
mod migrate;
mod openapi;
mod secured;
mod seqs;
mod support;
mod tidy;
mod traces;
mod ws;
