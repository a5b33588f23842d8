//! The one configuration: defaults, then a TOML file, then the environment.
//!
//! Each setting stands once, in `sections!`: its name, type, default and what it means. The reference page and the checks
//! of the environment are made from that.

mod load;
mod origins;
mod proxies;
mod reference;
mod validate;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use load::{ConfigError, load};
pub use origins::Origins;
pub use proxies::Proxies;
pub use reference::{reference, render};

/// The settings that nobody may see, which can also come from a file: section and name.
const SECRETS: [(&str, &str); 4] =
    [("auth", "secret"), ("auth", "other_secret"), ("store", "cql_password"), ("store", "redis_url")];

/// What the reference page says of one setting.
struct Setting {
    name: &'static str,
    kind: &'static str,
    doc: &'static [&'static str],
}

/// The whole configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "each section documents itself")]
pub struct Config {
    pub server: Server,
    pub store: Store,
    pub auth: Auth,
    pub limits: Limits,
    pub ws: Ws,
    pub log: Log,
    pub traces: Traces,
}

/// Where the data is kept. Each mode has settings of its own, and those of the other are unknown to it: an address of Redis
/// given without the mode must not leave every node running alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "lowercase")]
pub enum Store {
    /// In a folder of this machine, by this process alone.
    Embedded(EmbeddedStore),
    /// In a CQL database and Redis, by any number of identical nodes.
    Cluster(Box<ClusterStore>),
}

impl Default for Store {
    fn default() -> Self {
        Self::Embedded(EmbeddedStore::default())
    }
}

/// Declares the sections of the configuration, each with its settings, their defaults and their documentation. A section may
/// stand more than once, for each mode that it has.
macro_rules! sections {
    ($($(#[doc = $section_doc:literal])+ $section:ident: $type:ident {
        $($(#[doc = $doc:literal])+ $field:ident: $kind:ty = $default:expr,)+
    })+) => {
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

/// How an LWT is agreed on: within this data centre, or across all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Serial {
    /// Among the replicas of one data centre: right if the keyspace is in one only.
    #[serde(rename = "LOCAL_SERIAL")]
    Local,
    /// Among all replicas.
    #[serde(rename = "SERIAL")]
    Everywhere,
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
        /// A PEM file with the certificate to speak TLS with, followed by those that lead to its authority; empty: no TLS, which
        /// is then the balancer's work. Both files are looked at every 5 s, and new connections see what they hold.
        tls_cert_file: PathBuf = PathBuf::new(),
        /// A PEM file with the private key of that certificate.
        tls_key_file: PathBuf = PathBuf::new(),
        /// Connections that may be open at once, WebSockets included; further ones wait to be accepted.
        max_connections: usize = 20_000,
        /// Calls that are worked on at once, requests and frames; further ones are answered 1002 with 503 at once. At the sustainable
        /// rate, the longest wait is this number divided by that rate.
        max_calls: usize = 4_096,
        /// Addresses and networks of the proxies in front of this server, separated by commas, such as `10.0.0.0/8`. They are
        /// believed when they say by `X-Forwarded-For` for whom they ask; nobody else is.
        trusted_proxies: Proxies = Proxies::default(),
        /// Origins of the pages that may call from a browser, besides the server's own, separated by commas, such as
        /// `https://chat.example.com`; `*` for all. Requests get CORS headers for them; a handshake from elsewhere is refused.
        origins: Origins = Origins::Own,
        /// Whether the chat is served at `/`.
        chat: Option<bool> = None,
        /// Whether `/docs`, a page to try the API, and `/openapi.json`, the document behind it, are there for everybody.
        api_page: bool = true,
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
    /// The store, with `mode = "embedded"` (the default): in a folder of this machine, by this process alone.
    store: EmbeddedStore {
        /// The data folder.
        data: PathBuf = PathBuf::from("nexo-data"),
        /// Memory for data that was read, in bytes.
        cache_bytes: u64 = 64 << 20,
        /// Memory for the last messages of conversations that are being talked in, in bytes.
        recent_bytes: usize = 32 << 20,
        /// The most changes that share one sync to disk.
        batch_max: usize = 512,
    }
    /// The store, with `mode = "cluster"`: in a CQL database (ScyllaDB, Apache Cassandra) and Redis, by any number of identical
    /// nodes. `nexo migrate` prepares the database.
    store: ClusterStore {
        /// Some nodes of the database to begin with, as `host:port`, separated by commas.
        cql_nodes: String = String::new(),
        /// The keyspace.
        cql_keyspace: String = "nexo".to_owned(),
        /// How `nexo migrate` replicates a keyspace that it creates, as CQL has it.
        cql_replication: String = "{'class': 'NetworkTopologyStrategy', 'replication_factor': 3}".to_owned(),
        /// The data centre that this node asks first and whose quorum counts. Empty: the keyspace is in one only.
        cql_datacenter: String = String::new(),
        /// How conditional writes are agreed on: `LOCAL_SERIAL`, or `SERIAL` for a keyspace in several data centres.
        cql_serial: Serial = Serial::Local,
        /// The user of the database; empty for one that asks for none.
        cql_user: String = String::new(),
        /// That user's password.
        cql_password: String = String::new(),
        /// Whether connections to the database are encrypted (TLS).
        cql_tls: bool = false,
        /// A PEM file with the authorities that signed the database's certificate. Empty: those of the system.
        cql_ca_file: PathBuf = PathBuf::new(),
        /// How long one statement may take, in milliseconds.
        cql_timeout_ms: u64 = 2_000,
        /// Where Redis is: `redis://`, `redis-sentinel://` or `redis-cluster://`, with `rediss` in place of `redis` for TLS, and
        /// the user and password in the URL, percent-encoded.
        redis_url: String = String::new(),
        /// A PEM file with the authorities that signed the certificate of Redis. Empty: those of the system.
        redis_ca_file: PathBuf = PathBuf::new(),
        /// How long one command may take, in milliseconds.
        redis_timeout_ms: u64 = 1_000,
        /// What every key in Redis begins with, so that several deployments can share it.
        redis_prefix: String = "nexo:".to_owned(),
        /// How long a send may take from its start to its ack, in milliseconds. All nodes must have the same value.
        send_deadline_ms: u64 = 3_000,
        /// A group that ever had more members than this is told of messages once for each node, rather than through the log of
        /// each member.
        big_group_members: u64 = 100,
    }
    /// Tokens and passwords.
    auth: Auth {
        /// The key that signs tokens, at least 32 bytes. Empty: made once and kept in the data folder.
        secret: String = String::new(),
        /// A second key: tokens that it signed are taken too, and none is signed with it. A key is replaced so that nobody is
        /// logged out in three steps, each on all nodes before the next: the new one here; the new one in `secret` and the old
        /// one here; once the last old token is over (`token_ttl_s`), nothing here.
        other_secret: String = String::new(),
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
        /// Threads that hash passwords, at low priority. 0: half as many as the machine has cores, so that messages keep the rest.
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
        /// Messages that one user may send at once, on all its platforms together: so many may a device have queued while it was
        /// offline.
        user_sends_burst: u32 = 1_000,
        /// Messages that one user may send each second, in the long run. Nobody writes more than a few; the rest is for programs.
        user_sends_per_second: u32 = 100,
        /// Messages that one conversation may take at once.
        conversation_sends_burst: u32 = 5_000,
        /// Messages that one conversation may take each second, in the long run. Nobody reads along with more than a few; this is
        /// a thousand people who write one every two seconds.
        conversation_sends_per_second: u32 = 500,
        /// WebSocket handshakes that one address may make at once: offices share an address, and all of one come back together.
        handshakes_burst: u32 = 2_000,
        /// WebSocket handshakes that one address may make each second, in the long run.
        handshakes_per_second: u32 = 500,
        /// WebSocket handshakes that this node takes each second, of all addresses, so that a crowd that comes back at once slows
        /// nobody who is here. Further ones are answered 1002 with 503 at once, and when to try again.
        node_handshakes_per_second: u32 = 3_000,
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
        filter: String = "info,fjall=warn,lsm_tree=warn,scylla=warn,fred=warn".to_owned(),
    }
    /// Traces of single calls, sent to a collector by OTLP over HTTP; docs/operations.md says what is in them.
    traces: Traces {
        /// The address of the collector, such as `http://collector:4318`; `/v1/traces` is added. Empty: no traces.
        endpoint: String = String::new(),
        /// The share of calls that are traced, 0 to 1. What a trusted proxy says of a call by `traceparent` goes before.
        share: f64 = 0.01,
    }
}

impl Config {
    /// Whether the chat is served: by default of a node that is all there is, for a cluster serves the users of somebody's product.
    pub fn serves_chat(&self) -> bool {
        self.server.chat.unwrap_or(matches!(self.store, Store::Embedded(_)))
    }

    /// With the defaults that depend on the mode filled in.
    fn settled(mut self) -> Self {
        self.server.chat = Some(self.serves_chat());
        self
    }
}

impl Server {
    /// Whether it speaks TLS itself.
    pub fn speaks_tls(&self) -> bool {
        !self.tls_cert_file.as_os_str().is_empty()
    }

    /// What its URLs begin with.
    pub fn scheme(&self) -> &'static str {
        if self.speaks_tls() { "https" } else { "http" }
    }
}
