//! The WebSocket door, end to end.

mod closing;
mod events;
mod frames;
mod handshake;
mod hostile;
mod push;
mod recovery;
