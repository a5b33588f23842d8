//! What the end-to-end tests stand on: real servers, real sockets, people who talk to each other.
//!
//! A test asks for a [`World`] and never learns how many servers are behind it:
//!
//! ```ignore
//! e2e! {
//!     async fn a_message_reaches_its_receiver(world: World) {
//!         let [ann, bob] = world.people().await;
//!         let mut socket = bob.socket().await;
//!         let sent = ann.send(&bob, "hello").await;
//!         assert_eq!(socket.next().await["seq"], sent["seq"]);
//!     }
//!
//!     with(ws.queue_bytes = 16384)
//!     async fn a_setting_is_given_like_this(world: World) { .. }
//! }
//! ```

mod authority;
mod balancer;
mod client;
mod cluster;
mod collector;
mod documented;
mod person;
mod ports;
mod proxy;
mod raw;
mod redis;
mod redis_cluster;
pub(crate) mod resp;
mod server;
pub(crate) mod services;
mod socket;
mod three_nodes;
mod tls_door;
mod token;
mod world;

pub(crate) use authority::Authority;
pub(crate) use balancer::Balancer;
pub(crate) use client::{Client, Reply, enc};
pub(crate) use cluster::{cluster_settings, migrated};
pub(crate) use collector::{Collector, Told, Tree};
pub(crate) use documented::{ASYNCAPI, OPENAPI, violations};
pub(crate) use person::{CAUGHT_UP, PASSWORD, Person, pair, text};
pub(crate) use proxy::Proxy;
pub(crate) use raw::{RawSocket, RawTcp, opcode};
pub(crate) use redis::RedisServer;
pub(crate) use redis_cluster::RedisCluster;
pub(crate) use server::{Launch, Server};
pub(crate) use socket::{Ended, Socket};
pub(crate) use three_nodes::ThreeNodes;
pub(crate) use tls_door::TlsDoor;
pub(crate) use token::{SECRET, Token};
pub(crate) use world::{Mode, World, run, sum};

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{StreamExt, stream};
use serde_json::Value;

/// How long a test waits for anything before it fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Waits for `future`, and fails with `what` at the deadline.
pub(crate) async fn within<T>(what: impl Debug, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("not within {DEADLINE:?}: {what:?}"),
    }
}

/// Asks again and again until `look` sees something, and fails with `what` at twice the deadline.
pub(crate) async fn eventually<T>(what: impl Debug, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = tokio::time::Instant::now() + 2 * DEADLINE;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(tokio::time::Instant::now() < end, "never seen: {what:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What each of `work` gives, in that order. A few go on at a time: all at once would be a test of how much a database takes that has
/// just started.
pub(crate) async fn a_few_at_once<F: Future>(work: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    stream::iter(work).buffered(16).collect().await
}

/// A name that nothing else has, also not in another test process on the same database.
pub(crate) fn unique(name: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{name}-{}-{number}", std::process::id())
}

/// The time now, in milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    i64::try_from(since.as_millis()).expect("the clock is before the year 292,000,000")
}

/// Asserts that `object` is a JSON object with exactly these keys (separated by spaces).
#[track_caller]
pub(crate) fn assert_keys(object: &Value, keys: &str) {
    let have: BTreeSet<&str> =
        object.as_object().unwrap_or_else(|| panic!("not an object: {object}")).keys().map(String::as_str).collect();
    let want: BTreeSet<&str> = keys.split_whitespace().collect();
    assert_eq!(have, want, "the keys of {object}");
}

/// Asserts that `ms` is a time within a minute of now.
#[track_caller]
pub(crate) fn assert_recent(ms: &Value) {
    let ms = ms.as_i64().unwrap_or_else(|| panic!("not a time: {ms}"));
    assert!((now_ms() - ms).abs() < 60_000, "{ms} is not about now");
}

/// The `seq`s of a list of messages.
pub(crate) fn seqs(messages: &[Value]) -> Vec<i64> {
    messages.iter().map(|message| int(message, "seq")).collect()
}

/// An integer field.
#[track_caller]
pub(crate) fn int(object: &Value, field: &str) -> i64 {
    object[field].as_i64().unwrap_or_else(|| panic!("no integer {field} in {object}"))
}

/// A string field.
#[track_caller]
pub(crate) fn string(object: &Value, field: &str) -> String {
    object[field].as_str().unwrap_or_else(|| panic!("no string {field} in {object}")).to_owned()
}

/// One `#[test]` per mode out of each `async fn name(world: World)`; `with(section.field = value, ..)` before it sets the
/// server up.
macro_rules! e2e {
    ($(
        $(#[$meta:meta])*
        $(with($($section:ident . $field:ident = $value:expr),+ $(,)?))?
        async fn $name:ident($($world:tt)*) $body:block
    )+) => {$(
        $(#[$meta])*
        async fn $name($($world)*) $body

        mod $name {
            const SETTINGS: &[(&str, &str, &str)] =
                &[$($((stringify!($section), stringify!($field), $value)),+)?];

            #[test]
            fn embedded() {
                $crate::support::run($crate::support::Mode::Embedded, SETTINGS, super::$name);
            }

            #[test]
            fn cluster() {
                $crate::support::run($crate::support::Mode::Cluster, SETTINGS, super::$name);
            }
        }
    )+};
}
pub(crate) use e2e;

/// As `e2e!`, for what is about one server: its disk, its memory, its end. What a cluster does then is in `fault/cluster/`.
macro_rules! alone {
    ($(
        $(#[$meta:meta])*
        $(with($($section:ident . $field:ident = $value:expr),+ $(,)?))?
        async fn $name:ident($($world:tt)*) $body:block
    )+) => {$(
        $(#[$meta])*
        async fn $name($($world)*) $body

        mod $name {
            const SETTINGS: &[(&str, &str, &str)] =
                &[$($((stringify!($section), stringify!($field), $value)),+)?];

            #[test]
            fn embedded() {
                $crate::support::run($crate::support::Mode::Embedded, SETTINGS, super::$name);
            }
        }
    )+};
}
pub(crate) use alone;
