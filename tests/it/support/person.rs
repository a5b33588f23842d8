//! A user on one platform: what people do, in one line each.

use serde_json::{Value, json};

use super::{Client, Reply, Socket, enc, int, string, unique};

/// The password of everyone.
pub(crate) const PASSWORD: &str = "correct horse";

/// What a note says that tells that a user has caught up.
pub(crate) const CAUGHT_UP: &str = "caught up?";

/// A text content.
pub(crate) fn text(text: &str) -> Value {
    json!({ "text": text })
}

/// The id of the conversation of two users.
pub(crate) fn pair(a: &Person, b: &Person) -> String {
    let (low, high) = if a.id <= b.id { (&a.id, &b.id) } else { (&b.id, &a.id) };
    format!("si_{low}:{high}")
}

/// A user, logged in on one platform.
#[derive(Clone)]
pub(crate) struct Person {
    /// The user id.
    pub(crate) id: String,
    /// The token of this platform.
    pub(crate) token: String,
    /// A client that has the token.
    pub(crate) client: Client,
}

impl Person {
    /// Registers this id and logs in on the Web (5).
    pub(crate) async fn register(visitor: &Client, id: &str) -> Person {
        let body = json!({ "user_id": id, "nickname": id, "password": PASSWORD });
        visitor.post("/auth/register", body).await.ok();
        Person::login(visitor, id, 5).await
    }

    /// Logs in on a platform.
    pub(crate) async fn login(visitor: &Client, id: &str, platform: i64) -> Person {
        let body = json!({ "user_id": id, "password": PASSWORD, "platform_id": platform });
        let token = string(&visitor.post("/auth/login", body).await.ok(), "token");
        Person { id: id.to_owned(), client: visitor.with_token(&token), token }
    }

    /// The same user on another platform (or again on this one, which ends this token).
    pub(crate) async fn on(&self, platform: i64) -> Person {
        Person::login(&self.client, &self.id, platform).await
    }

    /// The same user with another token.
    pub(crate) fn with_token(&self, token: &str) -> Person {
        Person { id: self.id.clone(), token: token.to_owned(), client: self.client.with_token(token) }
    }

    /// `GET path`.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.client.get(path).await
    }

    /// `POST path` with a JSON body.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.client.post(path, body).await
    }

    /// `PUT path` with a JSON body.
    pub(crate) async fn put(&self, path: &str, body: Value) -> Reply {
        self.client.put(path, body).await
    }

    /// Sends a text to a user, and returns the message.
    pub(crate) async fn send(&self, to: &Person, words: &str) -> Value {
        self.post("/msg/send", self.draft(to, words)).await.ok()
    }

    /// The body of a send of a text to a user, with a new client_msg_id.
    pub(crate) fn draft(&self, to: &Person, words: &str) -> Value {
        json!({ "client_msg_id": unique("m"), "recv_id": to.id, "session_type": 1, "msg_type": 1, "content": text(words) })
    }

    /// The body of a send of a text to a group, with a new client_msg_id.
    pub(crate) fn draft_group(&self, group: &str, words: &str) -> Value {
        json!({ "client_msg_id": unique("m"), "group_id": group, "session_type": 2, "msg_type": 1, "content": text(words) })
    }

    /// Sends a text to a group.
    pub(crate) async fn send_group(&self, group: &str, words: &str) -> Reply {
        self.post("/msg/send", self.draft_group(group, words)).await
    }

    /// Creates a group with these members, and returns its id.
    pub(crate) async fn group(&self, members: &[&Person]) -> String {
        let ids: Vec<&str> = members.iter().map(|member| member.id.as_str()).collect();
        let body = json!({ "name": unique("group"), "member_ids": ids });
        string(&self.post("/group/create", body).await.ok(), "id")
    }

    /// Joins a group.
    pub(crate) async fn join(&self, group: &str) -> Reply {
        self.post("/group/join", json!({ "group_id": group })).await
    }

    /// Quits a group.
    pub(crate) async fn quit(&self, group: &str) -> Reply {
        self.post("/group/quit", json!({ "group_id": group })).await
    }

    /// Kicks somebody out of a group.
    pub(crate) async fn kick(&self, group: &str, who: &Person) -> Reply {
        self.post("/group/kick", json!({ "group_id": group, "user_id": who.id })).await
    }

    /// Gives somebody a role in a group.
    pub(crate) async fn set_role(&self, group: &str, who: &Person, role: i64) -> Reply {
        self.post("/group/set_role", json!({ "group_id": group, "user_id": who.id, "role_level": role })).await
    }

    /// Makes somebody the owner of a group.
    pub(crate) async fn transfer(&self, group: &str, to: &Person) -> Reply {
        self.post("/group/transfer", json!({ "group_id": group, "user_id": to.id })).await
    }

    /// Dismisses a group.
    pub(crate) async fn dismiss(&self, group: &str) -> Reply {
        self.post("/group/dismiss", json!({ "group_id": group })).await
    }

    /// The group as `/group/info` shows it.
    pub(crate) async fn group_info(&self, group: &str) -> Value {
        self.get(&format!("/group/info?group_id={group}")).await.ok()
    }

    /// All members of a group.
    pub(crate) async fn members(&self, group: &str) -> Vec<Value> {
        let data = self.get(&format!("/group/members?group_id={group}")).await.ok();
        data.as_array().expect("a list of members").clone()
    }

    /// Every message of a conversation that this user may see, page by page.
    pub(crate) async fn pull(&self, conversation: &str) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let begin = all.last().map_or(0, |last| int(last, "seq") + 1);
            let path = format!("/msg/pull?conversation_id={}&begin_seq={begin}", enc(conversation));
            let page = self.get(&path).await.ok();
            let messages = page["messages"].as_array().expect("a list of messages");
            if messages.is_empty() {
                return all;
            }
            all.extend(messages.iter().cloned());
        }
    }

    /// The highest seq that this user may see.
    pub(crate) async fn max_seq(&self, conversation: &str) -> i64 {
        int(&self.get(&format!("/msg/max_seq?conversation_id={}", enc(conversation))).await.ok(), "max_seq")
    }

    /// The conversation list.
    pub(crate) async fn conversations(&self) -> Vec<Value> {
        self.get("/conversation/list").await.ok().as_array().expect("a list of conversations").clone()
    }

    /// The conversation as `/conversation/info` shows it.
    pub(crate) async fn conversation(&self, conversation: &str) -> Value {
        self.get(&format!("/conversation/info?conversation_id={}", enc(conversation))).await.ok()
    }

    /// Marks a conversation read.
    pub(crate) async fn mark_read(&self, conversation: &str, seq: i64) -> Reply {
        let body = json!({ "conversation_id": conversation, "read_seq": seq });
        self.post("/conversation/mark_read", body).await
    }

    /// The unread count of a conversation.
    pub(crate) async fn unread(&self, conversation: &str) -> i64 {
        let path = format!("/conversation/unread_count?conversation_id={}", enc(conversation));
        int(&self.get(&path).await.ok(), "unread_count")
    }

    /// A WebSocket as a client that knows only the spec opens it; it has answered once.
    pub(crate) async fn socket(&self) -> Socket {
        let mut socket = self.connect("").await;
        socket.ask_ok("ping", json!({})).await;
        socket
    }

    /// Waits until all that was acked for this user so far was pushed, so that a socket that is opened afterwards hears none
    /// of it: a note to oneself, heard on the platform 3, comes after everything else.
    pub(crate) async fn caught_up(&self) {
        let mut desk = self.on(3).await.socket().await;
        let note = self.send(self, CAUGHT_UP).await;
        desk.before(&note).await;
        desk.close().await;
    }

    /// A WebSocket of the protocol `nexo.v1`, its hello already read.
    pub(crate) async fn socket_v1(&self) -> Socket {
        let mut socket = self.connect("&v=1").await;
        let hello = socket.next().await;
        assert_eq!(hello["event"], "hello", "{hello}");
        socket
    }

    /// A WebSocket that comes back after this push.
    pub(crate) async fn socket_after(&self, push_id: &str, more: &str) -> Socket {
        self.connect(&format!("&after={}{more}", enc(push_id))).await
    }

    /// A WebSocket with more behind `?token=..` (`"&v=1"`).
    pub(crate) async fn connect(&self, more: &str) -> Socket {
        match self.client.connect(&format!("token={}{more}", self.token), &[]).await {
            Ok(socket) => socket,
            Err(reply) => panic!("the handshake was refused: {reply:?}"),
        }
    }
}
