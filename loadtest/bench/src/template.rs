//! Bodies and frames of sends that differ only in a serial number, so that writing one is a copy.

use std::io::Write as _;
use std::sync::Arc;

use serde_json::json;

/// What is said, in turn by sender: short lines of several scripts.
const LINES: &[&str] = &[
    "See you at seven, by the north gate.",
    "你好！今天晚上一起吃饭吗？",
    "Готово, отправил отчёт в общий чат 👍",
    "了解です。明日の会議は十時からですね。",
    "شكرا جزيلا، أراك غدا إن شاء الله",
    "The build is green again, I will merge after lunch.",
];

/// Where messages go, and how large they are.
#[derive(Clone, Debug)]
pub(crate) enum To {
    User(Arc<str>),
    Group(Arc<str>),
}

/// A request with the serial number in several places.
pub(crate) struct Template {
    parts: Vec<Vec<u8>>,
    serial: u64,
    text: Vec<u8>,
}

/// Stands for the serial number while a template is made.
const SERIAL: &str = "~SERIAL~";

impl Template {
    /// Bodies of `POST /msg/send`: text messages of a short line or, if that is not 0, of so many bytes. `tag` must be fresh, or
    /// they are repeats.
    pub(crate) fn rest(tag: &str, sender: usize, to: &To, bytes: usize) -> Template {
        let line = LINES[sender % LINES.len()];
        let text = if bytes == 0 { line.to_owned() } else { "abcdefg ".repeat(bytes.div_ceil(8))[..bytes].to_owned() };
        let (session_type, user, group): (u8, &str, &str) = match to {
            To::User(user) => (1, user, ""),
            To::Group(group) => (2, "", group),
        };
        let body = json!({
            "client_msg_id": format!("{tag}-{sender}-{SERIAL}"),
            "recv_id": user,
            "group_id": group,
            "session_type": session_type,
            "msg_type": 1,
            "content": {"text": text},
        });
        Template::new(&body.to_string())
    }

    /// Frames of the op `send`, with the same bodies.
    pub(crate) fn frames(tag: &str, sender: usize, to: &To, bytes: usize) -> Template {
        let mut body = Template::rest(tag, sender, to, bytes);
        let body = String::from_utf8_lossy(body.with(SERIAL.as_bytes())).into_owned();
        Template::new(&format!(r#"{{"id":"{SERIAL}","op":"send","data":{body}}}"#))
    }

    fn new(text: &str) -> Template {
        Template {
            parts: text.split(SERIAL).map(|part| part.into()).collect(),
            serial: 0,
            text: Vec::with_capacity(text.len() + 32),
        }
    }

    /// The next request.
    pub(crate) fn next(&mut self) -> &[u8] {
        let mut digits = [0_u8; 20];
        let mut rest = &mut digits[..];
        write!(rest, "{}", self.serial).expect("20 digits hold any u64");
        let left = rest.len();
        self.serial += 1;
        let used = digits.len() - left;
        self.with(&digits[..used])
    }

    fn with(&mut self, serial: &[u8]) -> &[u8] {
        self.text.clear();
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                self.text.extend_from_slice(serial);
            }
            self.text.extend_from_slice(part);
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_frame_has_its_serial_in_both_places() {
        let mut frames = Template::frames("t", 3, &To::User("bob".into()), 0);
        frames.next();
        let text = String::from_utf8(frames.next().to_vec()).expect("UTF-8");
        assert!(text.starts_with(r#"{"id":"1","op":"send""#));
        assert!(text.contains(r#""client_msg_id":"t-3-1""#));
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value["data"]["recv_id"], "bob");
    }

    #[test]
    fn a_text_is_as_long_as_asked_for() {
        let mut bodies = Template::rest("t", 0, &To::Group("7".into()), 401);
        let value: serde_json::Value = serde_json::from_slice(bodies.next()).expect("JSON");
        assert_eq!((&value["group_id"], &value["session_type"]), (&"7".into(), &2.into()));
        assert_eq!(value["content"]["text"].as_str().map(str::len), Some(401));
    }
}
