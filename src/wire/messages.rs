//! Messages as clients get them. They are most of all traffic, so they are written field by field around the content, which
//! passes through as it came.

use std::borrow::Cow;
use std::io::Write;

use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::answers::ENVELOPE;
use super::contents::Content;
use super::schemas;
use crate::domain::Page;
use crate::model::{ConversationKind, Message, MsgType};

/// A message.
///
/// It is written by `write_open`; this is its shape in the API document, as those that follow are.
#[derive(ToSchema)]
#[schema(as = Message, description = "A message.")]
pub struct MessageView {
    /// Which conversation it is in.
    #[schema(value_type = schemas::ConversationId)]
    pub conversation_id: String,
    /// Its position in the conversation, from 1, growing; with `conversation_id` it names the message.
    #[schema(minimum = 1, examples(1))]
    pub seq: u64,
    /// As the sender gave it.
    #[schema(value_type = schemas::ClientMsgId)]
    pub client_msg_id: String,
    /// Who sent it.
    #[schema(value_type = schemas::UserId)]
    pub sender_id: String,
    /// Who receives it, or `""` in a group.
    #[schema(value_type = schemas::UserIdOrEmpty)]
    pub recv_id: String,
    /// The group, or `""` in a single conversation.
    #[schema(value_type = schemas::GroupIdOrEmpty)]
    pub group_id: String,
    /// To a user or to a group.
    #[schema(value_type = schemas::SessionType)]
    pub session_type: u8,
    /// Of which kind the content is.
    #[schema(value_type = schemas::MsgType)]
    pub msg_type: u8,
    /// As it was sent.
    #[schema(value_type = Content)]
    pub content: Box<RawValue>,
    /// When the server accepted it.
    #[schema(value_type = schemas::Time)]
    pub send_at: i64,
}

/// A message of a page: with its text.
pub struct PulledView;

impl PartialSchema for PulledView {
    fn schema() -> RefOr<Schema> {
        let RefOr::T(Schema::Object(mut message)) = MessageView::schema() else { return MessageView::schema() };
        let text =
            ObjectBuilder::new().schema_type(Type::String).description(Some("The text of a text message, else `\"\"`."));
        message.properties.insert("content_text".to_owned(), text.examples(["Hello!"]).into());
        message.required.push("content_text".to_owned());
        message.description = Some("A message of a page.".to_owned());
        Schema::Object(message).into()
    }
}

impl ToSchema for PulledView {
    fn name() -> Cow<'static, str> {
        "PulledMessage".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        MessageView::schemas(schemas);
    }
}

/// A page of messages.
#[derive(ToSchema)]
#[schema(as = Page)]
pub struct PageView {
    /// The messages, ascending by `seq`: only what the caller may see.
    #[schema(value_type = Vec<PulledView>, max_items = 100)]
    pub messages: Vec<PulledView>,
    /// The highest seq that the caller may see, or 0; always that of a stored message.
    #[schema(value_type = schemas::Seq)]
    pub max_seq: u64,
}

/// How far a conversation goes.
#[derive(ToSchema)]
#[schema(as = MaxSeq)]
pub struct MaxSeqView {
    /// The highest seq that the caller may see, or 0.
    #[schema(value_type = schemas::Seq)]
    pub max_seq: u64,
}

/// The answer to a send.
pub fn sent(message: &Message) -> Vec<u8> {
    let mut json = Vec::with_capacity(message.content.len() + 384);
    json.extend_from_slice(ENVELOPE);
    write_open(&mut json, message);
    json.extend_from_slice(b"}}");
    json
}

/// The answer to a pull.
pub fn page(page: &Page) -> Vec<u8> {
    let size: usize = page.messages.iter().map(|message| message.content.len() * 2 + 384).sum();
    let mut json = Vec::with_capacity(size + 64);
    json.extend_from_slice(ENVELOPE);
    json.extend_from_slice(b"{\"messages\":[");
    for (index, message) in page.messages.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        write_open(&mut json, message);
        json.extend_from_slice(b",\"content_text\":");
        write_text(&mut json, message);
        json.push(b'}');
    }
    write(&mut json, format_args!("],\"max_seq\":{}}}}}", page.max_seq));
    json
}

/// The answer to max_seq.
pub fn max_seq(max_seq: u64) -> Vec<u8> {
    let mut json = ENVELOPE.to_vec();
    write(&mut json, format_args!("{{\"max_seq\":{max_seq}}}}}"));
    json
}

/// The message's object without its closing brace, so that a place can add to it.
pub(super) fn write_open(json: &mut Vec<u8>, message: &Message) {
    let kind = match message.conversation.group() {
        Some(_) => ConversationKind::Group,
        None => ConversationKind::Single,
    };
    // Ids need no escapes: their characters are checked where they are made.
    write(
        json,
        format_args!("{{\"conversation_id\":\"{}\",\"seq\":{},\"client_msg_id\":", message.conversation, message.seq),
    );
    write_string(json, &message.client_msg_id);
    let receiver = message.receiver().map(|receiver| receiver.as_str()).unwrap_or_default();
    write(json, format_args!(",\"sender_id\":\"{}\",\"recv_id\":\"{receiver}\",\"group_id\":\"", message.sender));
    if let Some(group) = message.conversation.group() {
        write(json, format_args!("{group}"));
    }
    let (session_type, msg_type) = (kind as u8, message.msg_type as u8);
    write(json, format_args!("\",\"session_type\":{session_type},\"msg_type\":{msg_type},\"content\":"));
    json.extend_from_slice(message.content.as_bytes());
    write(json, format_args!(",\"send_at\":{}", message.send_at_ms));
}

#[derive(Deserialize)]
struct Text<'a> {
    #[serde(borrow)]
    text: &'a RawValue,
}

/// The text of a text message as it was spelled, else an empty string.
fn write_text(json: &mut Vec<u8>, message: &Message) {
    if message.msg_type != MsgType::Text {
        return json.extend_from_slice(b"\"\"");
    }
    match serde_json::from_str::<Text<'_>>(&message.content) {
        Ok(content) => json.extend_from_slice(content.text.get().as_bytes()),
        // A text given twice: the last one counts, as it did when the content was checked.
        Err(_) => {
            let content: serde_json::Value = serde_json::from_str(&message.content).unwrap_or_default();
            write_string(json, content.get("text").and_then(|text| text.as_str()).unwrap_or_default());
        }
    }
}

fn write_string(json: &mut Vec<u8>, text: &str) {
    // Writing to memory cannot fail.
    let _ = serde_json::to_writer(json, text);
}

fn write(json: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to memory cannot fail.
    let _ = json.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ConversationId, UserId};
    use serde_json::{Value, json};

    fn message(content: &str) -> Message {
        let (sender, receiver) = (UserId::parse("user002").expect("valid"), UserId::parse("user001").expect("valid"));
        Message {
            conversation: ConversationId::single(&sender, &receiver),
            seq: 7,
            client_msg_id: "a\"b\\c".into(),
            sender,
            msg_type: MsgType::Text,
            content: content.into(),
            send_at_ms: 1_706_688_000_000,
        }
    }

    #[test]
    fn a_message_has_every_field_and_its_content_as_it_came() {
        let content = r#"{"more": 1.50, "text" : "\u4f60好 \"x\"" }"#;
        let answer: Value = serde_json::from_slice(&sent(&message(content))).expect("JSON");
        let fields: Value = serde_json::from_str(content).expect("JSON");
        let expected = json!({
            "conversation_id": "si_user001:user002", "seq": 7, "client_msg_id": "a\"b\\c", "sender_id": "user002",
            "recv_id": "user001", "group_id": "", "session_type": 1, "msg_type": 1,
            "content": {"more": fields["more"], "text": "你好 \"x\""}, "send_at": 1_706_688_000_000_i64,
        });
        assert_eq!(answer, json!({"code": 0, "msg": "success", "data": expected}));
        assert!(String::from_utf8(sent(&message(content))).expect("UTF-8").contains(content));
    }

    #[test]
    fn a_page_also_has_the_text() {
        let pulled = Page {
            messages: vec![message(r#"{"text":"你好"}"#).into(), message(r#"{"text":"a","text":"b"}"#).into()],
            max_seq: 9,
        };
        let answer: Value = serde_json::from_slice(&page(&pulled)).expect("JSON");
        assert_eq!(answer["data"]["max_seq"], 9);
        assert_eq!(answer["data"]["messages"][0]["content_text"], "你好");
        assert_eq!(answer["data"]["messages"][1]["content_text"], "b");
    }
}
