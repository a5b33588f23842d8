//! What the fault tests stand on, tested itself: a fault that does not happen would make every promise hold.

mod proxy;
mod redis;
mod services;
