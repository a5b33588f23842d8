//! WebSocket frames: what clients ask, what they are answered, and what they are told.

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::messages::write_open;
use crate::domain::Moved;
use crate::error::{Code, Error};
use crate::model::{Push, PushId};

/// What an op must be, in words.
pub const OP_EXPECTED: &str = "op: expects send, pull, max_seq, mark_read or ping";

/// The longest id of a frame, in bytes.
const ID_BYTES: usize = 64;

/// A frame from a client.
#[derive(Debug)]
pub struct FrameIn<'a> {
    /// The client's id of it, as JSON, to be echoed.
    pub id: String,
    /// What it asks for.
    pub op: String,
    /// The body, as JSON.
    pub data: &'a str,
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    op: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

impl<'a> FrameIn<'a> {
    /// The frame that `text` spells. Otherwise 5003, with the id as JSON if there was a good one.
    pub fn parse(text: &'a str) -> Result<Self, (String, Error)> {
        let refuse = |id: Option<String>, why: &'static str| {
            Err((id.unwrap_or_else(|| "null".to_owned()), Error::new(Code::ProtocolInvalid, why)))
        };
        if !text.trim_ascii_start().starts_with('{') {
            return refuse(None, "a frame is a JSON object");
        }
        let Ok(Raw { id, op, data }) = serde_json::from_str(text) else {
            return refuse(None, "a frame is a JSON object with id, op and data");
        };
        let Some(id) = id.filter(|id| is_sane_id(id.get())) else {
            return refuse(None, "id: expects a string of 1 to 64 bytes, or an integer");
        };
        let id = id.get().to_owned();
        match op.and_then(|op| serde_json::from_str(op.get()).ok()) {
            Some(op) => Ok(Self { id, op, data: data.map_or("{}", RawValue::get) }),
            None => refuse(Some(id), OP_EXPECTED),
        }
    }
}

fn is_sane_id(json: &str) -> bool {
    let string = serde_json::from_str::<String>(json);
    string.is_ok_and(|id| (1..=ID_BYTES).contains(&id.len())) || serde_json::from_str::<i64>(json).is_ok()
}

/// The answer to a frame, around the envelope of the same REST call.
pub fn answered(id: &str, envelope: &[u8]) -> String {
    let inner = std::str::from_utf8(envelope).unwrap_or_default().trim_start_matches('{');
    format!("{{\"id\":{id},{inner}")
}

/// The refusal of a frame, with the time to wait before it may be tried again where that is known.
pub fn refused(id: &str, error: &Error) -> String {
    let msg = serde_json::to_string(error.detail()).unwrap_or_default();
    let wait = error.wait_ms().map(|ms| format!(",\"retry_after_ms\":{ms}")).unwrap_or_default();
    format!("{{\"id\":{id},\"code\":{},\"msg\":{msg},\"data\":null{wait}}}", error.code().number())
}

/// The first frame to a client that speaks the protocol.
pub fn hello(server_time_ms: i64, heartbeat_ms: i64, position: PushId) -> String {
    format!(
        "{{\"event\":\"hello\",\"version\":1,\"server_time\":{server_time_ms},\"heartbeat_ms\":{heartbeat_ms},\"push_id\":\"{position}\"}}"
    )
}

/// The end of a recovery: whether it brought everything, and the conversations to pull all the same.
pub fn recovered(whole: bool, moved: &Moved, position: PushId) -> String {
    let mut json = format!("{{\"event\":\"recovered\",\"whole\":{whole}");
    if !whole || !moved.conversations.is_empty() {
        json.push_str(",\"conversations\":[");
        for (index, (conversation, max_seq)) in moved.conversations.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            // Writing to a string cannot fail.
            let _ = write!(json, "{comma}{{\"conversation_id\":\"{conversation}\",\"max_seq\":{max_seq}}}");
        }
        json.push(']');
    }
    let more = if moved.more { ",\"more\":true" } else { "" };
    let _ = write!(json, "{more},\"push_id\":\"{position}\"}}");
    json
}

#[derive(Serialize)]
struct GroupChanged<'a> {
    event: &'static str,
    group_id: String,
    change: &'a str,
    operator_id: &'a str,
    user_ids: Vec<&'a str>,
}

/// A push without its push_id and closing brace: the part that all sockets share.
pub fn push_text(push: &Push) -> Box<str> {
    let json = match push {
        Push::Message { message, .. } => {
            let mut json = Vec::with_capacity(message.content.len() + 384);
            write_open(&mut json, message);
            json
        }
        Push::Read { conversation, read_seq, .. } => {
            format!("{{\"event\":\"conversation_read\",\"conversation_id\":\"{conversation}\",\"read_seq\":{read_seq}")
                .into_bytes()
        }
        Push::Settings { conversation, receive, is_pinned } => format!(
            "{{\"event\":\"conversation_changed\",\"conversation_id\":\"{conversation}\",\"recv_msg_opt\":{},\
             \"is_pinned\":{is_pinned}",
            *receive as u8
        )
        .into_bytes(),
        Push::Group(change) => {
            let changed = GroupChanged {
                event: "group_changed",
                group_id: change.group.to_string(),
                change: &change.change,
                operator_id: change.operator.as_str(),
                user_ids: change.users.iter().map(|user| user.as_str()).collect(),
            };
            let mut json = serde_json::to_vec(&changed).unwrap_or_default();
            json.pop();
            json
        }
    };
    // Everything above is text; the content was checked to be.
    String::from_utf8(json).unwrap_or_default().into()
}

/// The frame of a push: the shared part with the push_id of one user's log.
pub fn push_frame(shared: &str, id: PushId) -> String {
    let mut frame = String::with_capacity(shared.len() + 72);
    frame.push_str(shared);
    // Writing to a string cannot fail.
    let _ = write!(frame, ",\"push_id\":\"{id}\"}}");
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_frame_has_an_id_and_an_op() {
        let frame = FrameIn::parse(r#" {"id":"1","op":"send","data":{"a":1},"more":2}"#).expect("a frame");
        assert_eq!((frame.id.as_str(), frame.op.as_str(), frame.data), ("\"1\"", "send", "{\"a\":1}"));
        assert_eq!(FrameIn::parse(r#"{"id":-7,"op":"ping"}"#).expect("a frame").id, "-7");
        for (text, id) in [
            ("", "null"),
            ("[]", "null"),
            ("null", "null"),
            (r#"["1","send",{}]"#, "null"),
            (r#"{"op":"ping"}"#, "null"),
            (r#"{"id":"","op":"ping"}"#, "null"),
            (r#"{"id":1.5,"op":"ping"}"#, "null"),
            (r#"{"id":{},"op":"ping"}"#, "null"),
            (r#"{"id":"1"}"#, "\"1\""),
            (r#"{"id":"1","op":5}"#, "\"1\""),
        ] {
            let (echoed, error) = FrameIn::parse(text).expect_err(text);
            assert_eq!((echoed.as_str(), error.code()), (id, Code::ProtocolInvalid), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_frame_or_refused(text in "\\PC{0,200}", inner in "\\PC{0,100}") {
            let _ = FrameIn::parse(&text);
            let _ = FrameIn::parse(&format!("{{\"id\":{inner},\"op\":\"send\"}}"));
        }
    }
}
