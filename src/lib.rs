//! Nexo, a self-hosted instant-messaging backend: users, groups, one-to-one and group messages, unread counts, live pushes.
//!
//! This page is the map of the house. A room sees only the rooms below it; `tests/it/tidy.rs` keeps it so.
//!
//! | room | what it is for |
//! |---|---|
//! | [`app`] | puts a server together: the only place that names an adapter |
//! | [`http`] | the REST door: decode, call one rule, encode; every route on one page |
//! | [`ws`] | the WebSocket door: the handshake, one task for each connection, frames |
//! | [`mod@line`] | the TCP connections below both doors: who may write to them, and how they end |
//! | [`wire`] | the shapes that both doors share |
//! | [`domain`] | verbs: the rules |
//! | [`push`] | from "stored" to "in the sockets": the bus, who is present, what they missed |
//! | [`store`] | the ports, written as promises, and their adapters: `embedded` on a local disk, `cluster` over a CQL database and Redis |
//! | [`admission`], [`telemetry`], [`lifecycle`], [`config`] | room for calls, logs, metrics and traces, signals, settings |
//! | [`error`], [`clock`], [`model`] | the API's codes, time and ids, nouns |
//!
//! # The walk of a message
//!
//! `POST /msg/send` arrives in `http/messages.rs`, a frame with `"op":"send"` in `ws/session.rs`. Both decode the same body of
//! `wire/bodies.rs` and call [`domain::Sending::send`], which checks it and hands a draft to [`store::Messages::append`]. The
//! embedded store's one writer (`store/embedded/writer.rs`) runs it among whatever else waits, gives it the next seq, and
//! syncs once for all. Then it answers, which is the ack; then it calls the hook that the rule gave it, in the order of
//! commits: [`push::Bus::stored`] finds who is present, writes a reference into each one's log and a frame into each
//! connection's queue, and rings. The connection's own task (`ws/connection.rs`) encodes the message once for all and writes. Where
//! many are told at once, a few tasks write past those that are idle (`push/crowd.rs`, `line.rs`).
//!
//! # The walk of a login
//!
//! [`domain::Auth::login`] limits, verifies the password on a thread of low priority, replaces the platform's session in the
//! store, and has the bus close the sockets of the old token with 4001. A handshake that was under way with that token looks at
//! the session again once the bus knows its connection ([`domain::Live::attach`]).
//!
//! # The walk of a recovery
//!
//! A client comes back with the `push_id` of the last frame that it got. [`push::Bus::attach`] registers the connection and
//! looks into the user's log under one lock, so that nothing falls between. If the log goes back that far, the missed frames
//! are read from the store and written before anything live; else the client is told which conversations moved, and pulls.
//!
//! # What does not happen here
//!
//! - `domain` does no I/O of its own, and knows neither HTTP nor any database.
//! - Nothing is acked before it is durable, and nothing that is not durable can be read.
//! - No permission is cached: a call that starts after one was taken away is refused.
//! - No queue grows without a bound; past each bound there is a documented answer.
//! - No token, content or address is in a log line or a span.

pub mod admission;
pub mod app;
pub mod clock;
pub mod config;
pub mod domain;
pub mod error;
pub mod http;
pub mod lifecycle;
pub mod line;
pub mod model;
pub mod push;
pub mod store;
pub mod telemetry;
pub mod wire;
pub mod ws;
