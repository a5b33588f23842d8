//! The one configuration: defaults, then a TOML file, then the environment.
//!
//! Each setting stands once, in `sections!`: its name, type, default and what it means. The reference page and the checks
//! of the environment are made from that.

mod load;
mod reference;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use load::{ConfigError, load};
pub use reference::{reference, render};

/// What the reference page says of one setting.
struct Setting {
    name: &'static str,
    kind: &'static str,
    doc: &'static [&'static str],
}

/// Declares the sections of the configuration, each with its settings, their defaults and their documentation.
macro_rules! sections {
    ($($(#[doc = $section_doc:literal])+ $section:ident: $type:ident {
        $($(#[doc = $doc:literal])+ $field:ident: $kind:ty = $default:expr,)+
    })+) => {
        /// The whole configuration.
        #[derive(Debug, Clone, Default, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Config {
            $($(#[doc = $section_doc])+ pub $section: $type,)+
        }

        $(
            $(#[doc = $section_doc])+
            #[derive(Debug, Clone, Serialize, Deserialize)]
            #[serde(default, deny_unknown_fields)]
            pub struct $type {
                $($(#[doc = $doc])+ pub $field: $kind,)+
            }

            impl Default for $type {
                fn default() -> Self {
                    Self { $($field: $default,)+ }
                }
            }
        )+

        /// Every section with its documentation and its settings, in order.
        const SECTIONS: &[(&str, &[&str], &[Setting])] = &[
            $((stringify!($section), &[$($section_doc),+], &[
                $(Setting { name: stringify!($field), kind: stringify!($kind), doc: &[$($doc),+] }),+
            ]),)+
        ];
    };
}

/// Where the data is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// In a folder of this machine, by this process alone.
    Embedded,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For a person on a terminal, JSON elsewhere.
    Auto,
    /// For a person.
    Human,
    /// One JSON object a line.
    Json,
}

sections! {
    /// The HTTP server.
    server: Server {
        /// Address and port to listen on; port 0 takes a free one.
        listen: String = "127.0.0.1:8080".to_owned(),
        /// Connections that may be open at once, WebSockets included; further ones wait to be accepted.
        max_connections: usize = 20_000,
        /// How long a client may take to send the head of a request, and how long it may keep an idle connection, in
        /// milliseconds.
        header_timeout_ms: u64 = 30_000,
        /// How long a client may take to send a body, in milliseconds.
        body_timeout_ms: u64 = 10_000,
        /// The largest body of a request, in bytes; also the largest WebSocket frame, with 4 KiB for its wrapping.
        body_limit_bytes: usize = 65_536,
        /// After a signal to stop: how long to serve on as not ready, for a balancer to notice, in milliseconds.
        drain_pause_ms: u64 = 0,
        /// After that pause: how long requests may finish and WebSockets are closed, spread out, in milliseconds.
        drain_ms: u64 = 10_000,
    }
    /// The store.
    store: Store {
        /// `embedded`: in a folder of this machine, by this process alone.
        mode: Mode = Mode::Embedded,
        /// The data folder.
        data: PathBuf = PathBuf::from("nexo-data"),
        /// Memory for data that was read, in bytes.
        cache_bytes: u64 = 64 << 20,
        /// Memory for the last messages of conversations that are being talked in, in bytes.
        recent_bytes: usize = 32 << 20,
        /// The most changes that share one sync to disk.
        batch_max: usize = 512,
    }
    /// Tokens and passwords.
    auth: Auth {
        /// The key that signs tokens, at least 32 bytes. Empty: made once and kept in the data folder.
        secret: String = String::new(),
        /// The `iss` of tokens; others are refused.
        issuer: String = "nexo".to_owned(),
        /// The `aud` of tokens; others are refused.
        audience: String = "nexo".to_owned(),
        /// How long a token lives, in seconds.
        token_ttl_s: u64 = 604_800,
        /// Whether an unknown user and a wrong password get the same answer (2005) in the same time.
        uniform_login_errors: bool = false,
        /// The shortest password, in bytes.
        password_min_bytes: usize = 6,
        /// Threads that hash passwords, at low priority. 0: as many as the machine has cores.
        hash_threads: usize = 0,
        /// Password hashes that may wait; past it, the answer is 1006.
        hash_queue: usize = 256,
    }
    /// Limits on callers.
    limits: Limits {
        /// Whether the rates below hold. The other bounds hold always.
        enabled: bool = true,
        /// Registrations and logins that one address may make at once.
        auth_burst: u32 = 200,
        /// Registrations and logins that one address may make each second, in the long run.
        auth_per_second: u32 = 20,
        /// Wrong passwords that one account may be tried with each minute.
        login_failures_per_minute: u32 = 10,
        /// The largest content of a message, in bytes.
        content_bytes: usize = 16_384,
        /// The most members that a group may be created with.
        member_ids: usize = 1_000,
        /// The most members that a group may have.
        group_members: u64 = 100_000,
        /// The most WebSockets that a user may have.
        connections_per_user: usize = 10,
    }
    /// WebSockets and what is pushed over them.
    ws: Ws {
        /// How often each connection is pinged and its token looked at again, in milliseconds.
        heartbeat_ms: i64 = 30_000,
        /// After how much silence a connection is closed, in milliseconds; above heartbeat_ms.
        silence_ms: i64 = 75_000,
        /// Bytes that may wait for one connection; past it, it is closed with 4008.
        queue_bytes: usize = 262_144,
        /// Bytes that one recovery may bring; past it, it is not whole.
        recovery_bytes: usize = 1_048_576,
        /// Pushes that are kept for each user, for recovery.
        log_entries: usize = 512,
        /// How long they are kept after the user's last connection, in milliseconds.
        log_ttl_ms: i64 = 900_000,
    }
    /// Logs, on standard error.
    log: Log {
        /// `auto` (for a person on a terminal, JSON elsewhere), `human` or `json`.
        format: LogFormat = LogFormat::Auto,
        /// A level (error, warn, info, debug, trace), or directives such as these.
        filter: String = "info,fjall=warn,lsm_tree=warn".to_owned(),
    }
}

impl Config {
    /// Refuses what cannot work, with a sentence that names the key and the mend.
    fn validate(&self) -> Result<(), ConfigError> {
        let refuse = |sentence: &str| Err(ConfigError(sentence.to_owned()));
        if self.server.listen.parse::<std::net::SocketAddr>().is_err() {
            return refuse("server.listen: expects an address and a port, such as 127.0.0.1:8080");
        }
        if self.store.data.as_os_str().is_empty() {
            return refuse("store.data: expects a folder, such as nexo-data");
        }
        if !self.auth.secret.is_empty() && self.auth.secret.len() < 32 {
            return refuse("auth.secret: expects at least 32 bytes, or nothing to have one made");
        }
        if self.ws.silence_ms <= self.ws.heartbeat_ms {
            return refuse("ws.silence_ms: must be above ws.heartbeat_ms, or every connection is closed; raise it");
        }
        if self.limits.content_bytes >= self.server.body_limit_bytes {
            return refuse("limits.content_bytes: must be below server.body_limit_bytes, which holds it; raise that");
        }
        if self.ws.queue_bytes < self.limits.content_bytes * 2 {
            return refuse("ws.queue_bytes: must hold at least two contents of limits.content_bytes; raise it");
        }
        if !(1..=128).contains(&self.auth.password_min_bytes) {
            return refuse("auth.password_min_bytes: expects 1 to 128");
        }
        if self.auth.token_ttl_s > 3_200_000_000 {
            return refuse("auth.token_ttl_s: expects at most 3200000000, a hundred years");
        }
        for (key, zero) in self.positive() {
            if zero {
                return Err(ConfigError(format!("{key}: expects a number above 0")));
            }
        }
        Ok(())
    }

    /// The settings that make no sense at zero or below, and whether they are.
    fn positive(&self) -> [(&'static str, bool); 19] {
        let Self { server, store, auth, limits, ws, .. } = self;
        [
            ("server.max_connections", server.max_connections == 0),
            ("server.header_timeout_ms", server.header_timeout_ms == 0),
            ("server.body_timeout_ms", server.body_timeout_ms == 0),
            ("server.drain_ms", server.drain_ms == 0),
            ("store.cache_bytes", store.cache_bytes == 0),
            ("store.batch_max", store.batch_max == 0),
            ("auth.token_ttl_s", auth.token_ttl_s == 0),
            ("auth.hash_queue", auth.hash_queue == 0),
            ("limits.auth_burst", limits.auth_burst == 0),
            ("limits.auth_per_second", limits.auth_per_second == 0),
            ("limits.login_failures_per_minute", limits.login_failures_per_minute == 0),
            ("limits.content_bytes", limits.content_bytes == 0),
            ("limits.member_ids", limits.member_ids == 0),
            ("limits.group_members", limits.group_members == 0),
            ("limits.connections_per_user", limits.connections_per_user == 0),
            ("ws.heartbeat_ms", ws.heartbeat_ms <= 0),
            ("ws.log_entries", ws.log_entries == 0),
            ("ws.recovery_bytes", ws.recovery_bytes == 0),
            ("ws.log_ttl_ms", ws.log_ttl_ms < 0),
        ]
    }
}
