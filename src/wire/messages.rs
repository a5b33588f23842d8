//! Messages as clients get them. They are most of all traffic, so they are written field by field around the content, which
//! passes through as it came.

use std::io::Write;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::answers::ENVELOPE;
use crate::domain::Page;
use crate::model::{ConversationKind, Message, MsgType};

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
