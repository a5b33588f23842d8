//! What a configuration must not say.

use super::{Auth, ClusterStore, Config, ConfigError, EmbeddedStore, Store, Traces};

/// The fewest bytes of a key: as many as the hash of HS256 has (RFC 7518, section 3.2).
const SECRET_BYTES: usize = 32;

impl Config {
    /// Refuses what cannot work, with a sentence that names the key and the mend.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let refuse = |sentence: &str| Err(ConfigError(sentence.to_owned()));
        if self.server.listen.parse::<std::net::SocketAddr>().is_err() {
            return refuse("server.listen: expects an address and a port, such as 127.0.0.1:8080");
        }
        if self.server.tls_cert_file.as_os_str().is_empty() != self.server.tls_key_file.as_os_str().is_empty() {
            return refuse("server.tls_cert_file and server.tls_key_file: expects both, or neither to speak no TLS");
        }
        match &self.store {
            Store::Embedded(store) => store.validate()?,
            Store::Cluster(store) => store.validate(&self.auth)?,
        }
        if !self.auth.secret.is_empty() && self.auth.secret.len() < SECRET_BYTES {
            return refuse("auth.secret: expects at least 32 bytes, or nothing to have one made");
        }
        if !self.auth.other_secret.is_empty() && self.auth.other_secret.len() < SECRET_BYTES {
            return refuse("auth.other_secret: expects at least 32 bytes, or nothing");
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
        self.traces.validate()?;
        above_zero(&self.positive())
    }

    /// The settings that make no sense at zero or below, and whether they are.
    fn positive(&self) -> [(&'static str, bool); 25] {
        let Self { server, auth, limits, ws, .. } = self;
        [
            ("server.max_connections", server.max_connections == 0),
            ("server.max_calls", server.max_calls == 0),
            ("server.header_timeout_ms", server.header_timeout_ms == 0),
            ("server.body_timeout_ms", server.body_timeout_ms == 0),
            ("server.drain_ms", server.drain_ms == 0),
            ("auth.token_ttl_s", auth.token_ttl_s == 0),
            ("auth.hash_queue", auth.hash_queue == 0),
            ("limits.auth_burst", limits.auth_burst == 0),
            ("limits.auth_per_second", limits.auth_per_second == 0),
            ("limits.login_failures_per_minute", limits.login_failures_per_minute == 0),
            ("limits.user_sends_burst", limits.user_sends_burst == 0),
            ("limits.user_sends_per_second", limits.user_sends_per_second == 0),
            ("limits.conversation_sends_burst", limits.conversation_sends_burst == 0),
            ("limits.conversation_sends_per_second", limits.conversation_sends_per_second == 0),
            ("limits.handshakes_burst", limits.handshakes_burst == 0),
            ("limits.handshakes_per_second", limits.handshakes_per_second == 0),
            ("limits.node_handshakes_per_second", limits.node_handshakes_per_second == 0),
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

fn above_zero(settings: &[(&str, bool)]) -> Result<(), ConfigError> {
    match settings.iter().find(|(_, zero)| *zero) {
        Some((key, _)) => Err(ConfigError(format!("{key}: expects a number above 0"))),
        None => Ok(()),
    }
}

impl Traces {
    fn validate(&self) -> Result<(), ConfigError> {
        let refuse = |sentence: &str| Err(ConfigError(sentence.to_owned()));
        if !(0.0..=1.0).contains(&self.share) {
            return refuse("traces.share: expects 0 to 1, such as 0.01 for one call in a hundred");
        }
        let host = ["http://", "https://"].into_iter().find_map(|scheme| self.endpoint.strip_prefix(scheme));
        match host.map(|host| host.trim_end_matches('/')) {
            _ if self.endpoint.is_empty() => Ok(()),
            // The settings are shown to who asks for them.
            Some(host) if host.contains('@') => refuse(
                "traces.endpoint: expects no password; OTEL_EXPORTER_OTLP_HEADERS says what the collector wants to see",
            ),
            Some(host) if !host.is_empty() && !host.contains(['?', '#', ' ']) => Ok(()),
            _ => refuse("traces.endpoint: expects an address such as http://collector:4318, or nothing"),
        }
    }
}

impl EmbeddedStore {
    fn validate(&self) -> Result<(), ConfigError> {
        if self.data.as_os_str().is_empty() {
            return Err(ConfigError("store.data: expects a folder, such as nexo-data".to_owned()));
        }
        above_zero(&[("store.cache_bytes", self.cache_bytes == 0), ("store.batch_max", self.batch_max == 0)])
    }
}

impl ClusterStore {
    /// Half a cluster would lose messages or run alone, so it is refused.
    fn validate(&self, auth: &Auth) -> Result<(), ConfigError> {
        let refuse = |sentence: &str| Err(ConfigError(sentence.to_owned()));
        if self.cql_nodes.split(',').all(|node| node.trim().is_empty()) {
            return refuse("store.cql_nodes: the mode cluster needs a database, such as 10.0.0.1:9042,10.0.0.2:9042");
        }
        if self.redis_url.is_empty() {
            return refuse("store.redis_url: the mode cluster needs Redis, such as redis://10.0.0.1:6379");
        }
        if self.redis_prefix.contains(['{', '}']) {
            return refuse("store.redis_prefix: expects no braces, which say where keys of a cluster live");
        }
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if !(1..=48).contains(&self.cql_keyspace.len()) || !self.cql_keyspace.bytes().all(word) {
            return refuse("store.cql_keyspace: expects 1 to 48 letters, digits and underscores");
        }
        if auth.secret.is_empty() {
            return refuse("auth.secret: the mode cluster needs one secret for all nodes, at least 32 bytes");
        }
        if self.redis_timeout_ms >= self.send_deadline_ms || self.cql_timeout_ms >= self.send_deadline_ms {
            return refuse(
                "store.send_deadline_ms: must be above store.cql_timeout_ms and store.redis_timeout_ms; raise it",
            );
        }
        above_zero(&[
            ("store.cql_timeout_ms", self.cql_timeout_ms == 0),
            ("store.redis_timeout_ms", self.redis_timeout_ms == 0),
        ])
    }
}
