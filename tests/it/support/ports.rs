//! Ports that a test can leave and come back to.

use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::{LazyLock, Mutex};

use rand::Rng as _;

/// A port of 127.0.0.1 that nobody uses, and that no other call in this process gets.
///
/// It is below those that Linux gives to outgoing connections, so it is still free after its server was killed. (From
/// 20,000 on are those of `tests/services`.)
pub(crate) fn free_port() -> u16 {
    static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);
    loop {
        let port = rand::rng().random_range(10_000..20_000);
        let is_new = GIVEN.lock().expect("the ports given").insert(port);
        if is_new && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
