//! The examples of the API document, done as they stand there: requests are made, answers and frames are alike.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Section, sections};
use crate::support::{Mode, Person, Reply, World, run, string};

/// The password of the document's users.
const PASSWORD: &str = "123456";

/// The group of the document, in whose place stands the one that the server gave.
const GROUP: &str = "1234567890";

/// What no document can foresee.
const GIVEN: [&str; 2] = ["token", "push_id"];

/// The document's examples, in which the group is a real one.
struct Document {
    sections: Vec<Section>,
    group: String,
}

impl Document {
    fn read() -> Self {
        Self { sections: sections("api.md"), group: GROUP.to_owned() }
    }

    fn section(&self, title: &str) -> &Section {
        let its = self.sections.iter().find(|section| section.title == title);
        its.unwrap_or_else(|| panic!("the document has no \"{title}\""))
    }

    /// The examples under a heading, in order.
    fn examples(&self, title: &str) -> Vec<Value> {
        let text = json!(self.section(title).examples()).to_string().replace(GROUP, &self.group);
        serde_json::from_str(&text).expect("examples")
    }

    /// The one example under a heading that is as `wanted`.
    fn example(&self, title: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let found: Vec<_> = self.examples(title).into_iter().filter(wanted).collect();
        assert_eq!(found.len(), 1, "examples of that kind under \"{title}\"");
        found[0].clone()
    }

    /// Makes the request of an endpoint's section, and looks whether the answer is alike.
    async fn tried(&self, person: &Person, endpoint: &str, query: &str) -> Reply {
        let (method, path) = endpoint.split_once(' ').expect("a method and a path");
        let (path, _) = path.split_once(':').unwrap_or((path, ""));
        let examples = self.examples(endpoint);
        let path = format!("{path}{query}");
        let reply = match (method, &examples[..]) {
            ("GET", [_]) => person.get(&path).await,
            ("POST", [_]) => person.client.call("POST".parse().expect("a method"), &path).send().await,
            ("POST", [body, _]) => person.post(&path, body.clone()).await,
            ("PUT", [body, _]) => person.put(&path, body.clone()).await,
            _ => panic!("{} examples under \"{endpoint}\"", examples.len()),
        };
        assert_alike(examples.last().expect("an answer"), &reply.envelope(), endpoint);
        reply
    }
}

/// Asserts that an answer has the fields of the example, no others, of the same types, and its texts.
#[track_caller]
fn assert_alike(example: &Value, real: &Value, at: &str) {
    match (example, real) {
        (Value::Object(fields), Value::Object(found)) => {
            assert_eq!(names(fields), names(found), "the fields of {at}");
            for (name, value) in fields {
                if !GIVEN.contains(&name.as_str()) {
                    assert_alike(value, &found[name], &format!("{at} {name}"));
                }
            }
        }
        (Value::Array(items), Value::Array(found)) => {
            assert!(found.len() >= items.len(), "{at} has {} items", found.len());
            for (item, found) in items.iter().zip(found) {
                assert_alike(item, found, at);
            }
        }
        (Value::String(want), Value::String(have)) => assert_eq!(want, have, "{at}"),
        (Value::Number(_), Value::Number(_)) | (Value::Bool(_), Value::Bool(_)) | (Value::Null, Value::Null) => {}
        _ => panic!("{at} is {real}, in the document {example}"),
    }
}

fn names(object: &Map<String, Value>) -> BTreeSet<&String> {
    object.keys().collect()
}

/// Registers a user of the document other than the first, and logs in.
async fn user(world: &World, id: &str, nickname: &str) -> Person {
    let avatar = format!("https://example.com/avatar{}.png", id.trim_start_matches("user00"));
    let body = json!({ "user_id": id, "nickname": nickname, "password": PASSWORD, "avatar": avatar });
    world.visitor().post("/auth/register", body).await.ok();
    login(world, id, 5).await
}

async fn login(world: &World, id: &str, platform: i64) -> Person {
    let body = json!({ "user_id": id, "password": PASSWORD, "platform_id": platform });
    let token = string(&world.visitor().post("/auth/login", body).await.ok(), "token");
    Person { id: id.to_owned(), client: world.visitor().with_token(&token), token }
}

/// The first user, registered and logged in as the document does it.
async fn first_user(world: &World, document: &Document) -> Person {
    let nobody = Person { id: String::new(), token: String::new(), client: world.visitor().clone() };
    document.tried(&nobody, "POST /auth/register", "").await;
    let token = string(&document.tried(&nobody, "POST /auth/login", "").await.ok(), "token");
    let first = Person { id: "user001".to_owned(), ..nobody.with_token(&token) };
    let token = string(&document.tried(&first, "POST /auth/refresh", "").await.ok(), "token");
    first.with_token(&token)
}

/// Everything about a group, until it is no more.
async fn group_life(world: &World, document: &mut Document, first: &Person, second: &Person) {
    let created = first.post("/group/create", document.examples("POST /group/create")[0].clone()).await;
    document.group = string(&created.ok(), "id");
    assert_alike(&document.examples("POST /group/create")[1], &created.envelope(), "POST /group/create");
    let query = format!("?group_id={}", document.group);
    // Ten members are in the document, and here are three: numbers may differ.
    document.tried(first, "GET /group/info", &query).await;
    document.tried(first, "GET /group/members", &query).await;
    document.tried(first, "POST /group/set_role", "").await;
    document.tried(first, "PUT /group/update", "").await;
    document.tried(first, "PUT /group/nickname", "").await;
    let fourth = user(world, "user004", "Zhao Liu").await;
    document.tried(&fourth, "POST /group/join", "").await;
    document.tried(&fourth, "POST /group/quit", "").await;
    let mut socket = second.socket_v1().await;
    document.tried(first, "POST /group/kick", "").await;
    let told = document.example("Events", |frame| frame["event"] == "group_changed");
    assert_alike(&told, &socket.next().await, "group_changed");
    message_in_group(document, first).await;
    document.tried(first, "POST /group/transfer", "").await;
    document.tried(second, "POST /group/dismiss", "").await;
}

async fn message_in_group(document: &Document, first: &Person) {
    let body = document.example("POST /msg/send", |body| body["session_type"] == 2);
    let sent = first.post("/msg/send", body.clone()).await.ok();
    assert_alike(&body["content"], &sent["content"], "the content");
}

/// Each content of the document is one that a message may have.
async fn contents(document: &Document, first: &Person) {
    let examples = document.examples("POST /msg/send");
    let contents = examples.iter().filter(|example| example.get("code").is_none() && example.get("content").is_none());
    let mut types = 0;
    for (content, msg_type) in contents.zip([1, 2, 3, 4, 5, 100]) {
        let body = json!({
            "client_msg_id": format!("content {msg_type}"), "recv_id": "user002", "session_type": 1, "msg_type": msg_type,
            "content": content,
        });
        assert_eq!(&first.post("/msg/send", body).await.ok()["content"], content);
        types += 1;
    }
    assert_eq!(types, 6, "the document has an example of each type");
}

/// Messages between two, as answers, pages and frames have them.
async fn messages(document: &Document, first: &Person, second: &Person) {
    let mut socket = second.socket().await;
    let body = document.example("POST /msg/send", |body| body["session_type"] == 1);
    let answer = document.example("POST /msg/send", |body| body.get("code").is_some());
    let sent = first.post("/msg/send", body).await;
    assert_alike(&answer, &sent.envelope(), "POST /msg/send");
    assert_alike(&document.examples("Pushed messages")[0], &socket.next().await, "a pushed message");
    let request = document.section("GET /msg/pull").fences("http").concat();
    let query = request.trim().strip_prefix("GET /msg/pull").expect("a request");
    document.tried(second, "GET /msg/pull", query).await;
    document.tried(second, "GET /msg/max_seq", "?conversation_id=si_user001:user002").await;
    contents(document, first).await;
}

/// The conversations of the first user, who has the group pinned.
async fn conversations(world: &World, document: &Document, first: &Person) {
    let single = "?conversation_id=si_user001:user002";
    let group = format!("?conversation_id=sg_{}", document.group);
    let phone = login(world, "user001", 1).await;
    let mut socket = phone.socket_v1().await;
    document.tried(first, "PUT /conversation/update", &group).await;
    let told = document.example("Events", |frame| frame["event"] == "conversation_changed");
    assert_alike(&told, &socket.next().await, "conversation_changed");
    document.tried(first, "GET /conversation/list", "").await;
    document.tried(first, "GET /conversation/info", single).await;
    login(world, "user002", 2).await.post("/msg/send", json!({
        "client_msg_id": "a reply", "recv_id": "user001", "session_type": 1, "msg_type": 1, "content": { "text": "Hi" },
    })).await.ok();
    assert_eq!(socket.next().await["client_msg_id"], "a reply");
    document.tried(first, "POST /conversation/mark_read", "").await;
    let told = document.example("Events", |frame| frame["event"] == "conversation_read");
    assert_alike(&told, &socket.next().await, "conversation_read");
    document.tried(first, "GET /conversation/max_read_seq", single).await;
    document.tried(first, "GET /conversation/unread_count", single).await;
}

/// The frames of the client, and what the server answers.
async fn client_frames(document: &Document, first: &Person) {
    let mut socket = first.socket().await;
    let frames = document.examples("Client frames");
    let pairs = [(&frames[0], &frames[1]), (&frames[2], &frames[3])];
    for (frame, answer) in pairs {
        let answered = socket.exchange(&frame.to_string()).await;
        assert_alike(answer, &answered, "an answer over the WebSocket");
    }
    assert_alike(&frames[4], &socket.exchange("no JSON").await, "the refusal of a frame");
}

/// A recovery that is whole, and one that is not, for the log is gone with the server's memory.
async fn recoveries(world: &mut World, document: &Document, first: &Person) {
    let hello = document.example("Events", |frame| frame["event"] == "hello");
    let mut after = String::new();
    for whole in [false, true] {
        if !whole {
            after = string(&first.connect("&v=1").await.next().await, "push_id");
            world.restart().await;
        }
        let mut socket = first.socket_after(&after, "&v=1").await;
        assert_alike(&hello, &socket.next().await, "hello");
        let recovered = socket.next().await;
        assert_alike(&document.example("Recovery", |frame| frame["whole"] == whole), &recovered, "recovered");
        after = string(&recovered, "push_id");
    }
}

#[test]
fn every_example_of_the_document_can_be_done_as_it_stands_there() {
    run(Mode::Embedded, &[], async |mut world| {
        let mut document = Document::read();
        let first = first_user(&world, &document).await;
        let second = user(&world, "user002", "Li Si").await;
        user(&world, "user003", "Wang Wu").await;
        document.tried(&first, "GET /user/info", "").await;
        document.tried(&first, "GET /user/profile/:user_id", "user002").await;
        document.tried(&first, "PUT /user/update", "").await;
        messages(&document, &first, &second).await;
        group_life(&world, &mut document, &first, &second).await;
        conversations(&world, &document, &first).await;
        client_frames(&document, &first).await;
        recoveries(&mut world, &document, &first).await;
        let health = world.visitor().get("/health").await.json();
        assert_alike(&document.examples("GET /health")[0], &health, "GET /health");
        document.tried(&first, "POST /auth/logout", "").await;
    });
}

/// Settings by which the second message of a user is one too many.
const LIMITED: [(&str, &str, &str); 3] =
    [("limits", "enabled", "true"), ("limits", "user_sends_burst", "1"), ("limits", "user_sends_per_second", "1")];

#[test]
fn a_frame_past_a_limit_is_answered_as_the_document_says() {
    run(Mode::Embedded, &LIMITED, async |world| {
        let document = Document::read();
        let first = first_user(&world, &document).await;
        user(&world, "user002", "Li Si").await;
        let mut socket = first.socket().await;
        let frames = document.examples("Client frames");
        for number in 0..2 {
            let mut frame = frames[0].clone();
            frame["data"]["client_msg_id"] = json!(format!("limited {number}"));
            socket.write_text(&frame.to_string()).await;
        }
        socket.next().await;
        assert_alike(&frames[5], &socket.next().await, "the refusal of a limit");
    });
}
