//! The WebSocket door, end to end.

mod closing;
mod crowds;
mod events;
mod frames;
mod handshake;
mod hostile;
mod large_groups;
mod pages;
mod push;
mod recovery;
