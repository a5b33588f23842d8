//! People on an embedded store, with the bus of one node and without doors.

use std::sync::Arc;

use nexo::clock::{Clock, SystemClock};
use nexo::domain::{GroupLimits, Groups, Outgoing, SendSettings, Sending, Target};
use nexo::model::{Caller, ConversationId, GroupFields, GroupId, Message, MsgType, Platform, Session, User, UserId};
use nexo::push::{Attach, Bus, Connection, Hub, Limits};
use nexo::store::embedded::{Embedded, Options};
use nexo::store::{Quotas, Stores};
use nexo::telemetry::Metrics;
use tempfile::TempDir;

const LIMITS: Limits = Limits {
    queue_bytes: 256 << 10,
    recovery_bytes: 1 << 20,
    log_entries: 512,
    log_ttl_ms: 900_000,
    connections_per_user: 10,
    heartbeat_ms: 30_000,
    silence_ms: 75_000,
};

/// What a client sends as a content of 400 bytes.
pub(crate) fn content() -> Arc<str> {
    format!(r#"{{"text":"{}"}}"#, "abcdefg ".repeat(49)).into()
}

/// A user's id, with or without a user.
pub(crate) fn user(name: &str) -> UserId {
    UserId::parse(name).expect("an id")
}

/// A stored message.
pub(crate) fn message() -> Message {
    let [ann, bob] = ["ann", "bob"].map(user);
    Message {
        conversation: ConversationId::single(&ann, &bob),
        seq: 1_234_567,
        client_msg_id: "9b2e4c64-8d0a-4a3e-9f0e-1f6f0a5f8e11".into(),
        sender: ann,
        msg_type: MsgType::Text,
        content: content(),
        send_at_ms: 1_700_000_000_000,
    }
}

/// Everything below the doors of an embedded server.
pub(crate) struct Scene {
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) sending: Sending,
    groups: Groups,
    stores: Stores,
    _folder: TempDir,
}

impl Scene {
    pub(crate) fn new() -> Scene {
        let folder = tempfile::tempdir().expect("a folder");
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        let options = Options { cache_bytes: 64 << 20, recent_bytes: 64 << 20, batch_max: 512, quotas: Quotas::default() };
        let (embedded, _) = Embedded::open(folder.path(), options, Arc::clone(&metrics)).expect("a store");
        let stores = embedded.stores();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let hub = Hub::new(LIMITS, Arc::clone(&stores.conversations), Arc::clone(&clock), Arc::clone(&metrics));
        let bus: Arc<dyn Bus> = Arc::new(hub);
        let settings = SendSettings { content_bytes: 16_384, quotas: Quotas::default() };
        let sending = Sending::new(Arc::clone(&stores.messages), Arc::clone(&bus), Arc::clone(&clock), metrics, settings);
        let limits = GroupLimits { member_ids: 1_000, members: 100_000 };
        let groups = Groups::new(&stores, Arc::clone(&bus), clock, limits);
        Scene { bus, sending, groups, stores, _folder: folder }
    }

    /// A user who is logged in.
    pub(crate) async fn person(&self, name: &str) -> Caller {
        let caller = Caller { user: user(name), platform: Platform::Web, jti: format!("{name}'s"), expires_at_ms: i64::MAX };
        let text = String::new;
        let known = User {
            id: caller.user.clone(),
            nickname: text(),
            avatar: text(),
            extra: text(),
            password_hash: text(),
            created_at_ms: 0,
            updated_at_ms: 0,
        };
        assert!(self.stores.users.create(known).await.expect("stored"));
        let session = Session { jti: caller.jti.clone(), issued_at_ms: 0, expires_at_ms: i64::MAX, refreshed_from: None };
        self.stores.sessions.replace(&caller.user, Platform::Web, session).await.expect("stored");
        caller
    }

    /// A group of the owner and these.
    pub(crate) async fn group(&self, owner: &Caller, members: &[Caller]) -> GroupId {
        let ids: Vec<String> = members.iter().map(|member| member.user.to_string()).collect();
        let fields = GroupFields { name: "group".to_owned(), ..GroupFields::default() };
        self.groups.create(owner, fields, &ids).await.expect("a group").id
    }

    /// A connection without a socket.
    pub(crate) async fn connection(&self, caller: &Caller) -> Arc<Connection> {
        let attach = Attach { caller: caller.clone(), events: false, after: None };
        self.bus.attach(attach).await.expect("the bus answers").expect("a place").connection
    }

    /// Sends a text to a user under a new id.
    pub(crate) async fn send(&self, sender: &Caller, receiver: &UserId, id: u64) -> Arc<Message> {
        let target = Target { session_type: 1, recv_id: receiver.to_string(), ..Target::default() };
        let outgoing = Outgoing { client_msg_id: format!("m{id}"), target, msg_type: 1, content: content() };
        self.sending.send(sender, outgoing).await.expect("stored").message
    }
}
