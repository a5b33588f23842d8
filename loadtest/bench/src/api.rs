//! The few calls of Nexo's API that this tool makes, and how their answers are read.

use std::borrow::Cow;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::http::{Answer, Http};

/// The password of every user that this tool registers.
const PASSWORD: &str = "nexo-bench";

/// The platform that most users of this tool log in on.
pub(crate) const IOS: u8 = 1;

/// A registered user with the token of one platform.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: Arc<str>,
    pub(crate) token: Arc<str>,
}

/// What is around every answer, on REST and on WebSocket; `id` is on WebSocket only.
#[derive(Deserialize)]
pub(crate) struct Envelope<'a> {
    #[serde(borrow, default)]
    pub(crate) id: Option<Cow<'a, str>>,
    pub(crate) code: u32,
    #[serde(borrow)]
    pub(crate) msg: Cow<'a, str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// A message as it is answered, pulled and pushed; `content` is its raw text.
#[derive(Deserialize)]
pub(crate) struct WireMessage<'a> {
    #[serde(borrow)]
    pub(crate) conversation_id: Cow<'a, str>,
    pub(crate) seq: u64,
    #[serde(borrow)]
    pub(crate) client_msg_id: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) sender_id: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) recv_id: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) group_id: Cow<'a, str>,
    pub(crate) session_type: u8,
    pub(crate) msg_type: u16,
    #[serde(borrow)]
    pub(crate) content: &'a RawValue,
    /// In pulled messages only.
    #[serde(borrow, default)]
    pub(crate) content_text: Option<Cow<'a, str>>,
    pub(crate) send_at: i64,
    /// In pushed messages only.
    #[serde(borrow, default)]
    pub(crate) push_id: Option<Cow<'a, str>>,
}

/// A page of a pull.
#[derive(Deserialize)]
pub(crate) struct Page<'a> {
    #[serde(borrow)]
    pub(crate) messages: Vec<WireMessage<'a>>,
    pub(crate) max_seq: u64,
}

/// The answer of max_seq.
#[derive(Deserialize)]
pub(crate) struct MaxSeq {
    pub(crate) max_seq: u64,
}

impl<'a> Envelope<'a> {
    /// The `data` of a success; another code is an error that names it.
    pub(crate) fn data<T: Deserialize<'a>>(&self) -> Result<T> {
        if self.code != 0 {
            bail!("code {}: {}", self.code, self.msg);
        }
        let raw = self.data.map_or("null", RawValue::get);
        serde_json::from_str(raw).with_context(|| format!("unexpected data: {raw}"))
    }
}

/// Reads the envelope of an answer.
pub(crate) fn envelope(body: &[u8]) -> Result<Envelope<'_>> {
    serde_json::from_slice(body).with_context(|| format!("no envelope: {}", String::from_utf8_lossy(body)))
}

/// The code of an answer; the one of a success is found without parsing the rest.
pub(crate) fn code_of(body: &[u8]) -> Result<u32> {
    if body.starts_with(br#"{"code":0,"#) {
        return Ok(0);
    }
    Ok(envelope(body)?.code)
}

/// The code of a WebSocket frame that answers a request; `None` if it is another frame (a push or an event).
pub(crate) fn code_of_frame(frame: &[u8]) -> Result<Option<u32>> {
    let Some(rest) = frame.strip_prefix(br#"{"id":"#) else {
        return Ok(None);
    };
    let id_ends = rest.iter().position(|byte| *byte == b',').unwrap_or(0);
    if rest[id_ends..].starts_with(br#","code":0,"#) {
        return Ok(Some(0));
    }
    Ok(Some(envelope(frame)?.code))
}

/// The `data` of a success.
pub(crate) fn data<'a, T: Deserialize<'a>>(answer: &Answer<'a>) -> Result<T> {
    envelope(answer.body)?.data()
}

/// Registers a user with the password of all.
pub(crate) async fn register(http: &mut Http, user_id: &str) -> Result<()> {
    #[derive(Serialize)]
    struct Register<'a> {
        user_id: &'a str,
        nickname: &'a str,
        password: &'static str,
    }
    let body = serde_json::to_vec(&Register { user_id, nickname: user_id, password: PASSWORD })?;
    let answer = http.post("/auth/register", "", &body).await?;
    data::<serde::de::IgnoredAny>(&answer).with_context(|| format!("registering {user_id}"))?;
    Ok(())
}

/// Logs a user in on a platform and answers the token.
pub(crate) async fn login(http: &mut Http, user_id: &str, platform_id: u8) -> Result<Arc<str>> {
    #[derive(Deserialize)]
    struct LoggedIn<'a> {
        #[serde(borrow)]
        token: Cow<'a, str>,
    }
    let body = login_body(user_id, PASSWORD, platform_id)?;
    let answer = http.post("/auth/login", "", &body).await?;
    let logged_in: LoggedIn = data(&answer).with_context(|| format!("logging {user_id} in on {platform_id}"))?;
    Ok(logged_in.token.into())
}

/// The body of a login.
pub(crate) fn login_body(user_id: &str, password: &str, platform_id: u8) -> Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Login<'a> {
        user_id: &'a str,
        password: &'a str,
        platform_id: u8,
    }
    Ok(serde_json::to_vec(&Login { user_id, password, platform_id })?)
}

/// The highest seq of a conversation that the person may see.
pub(crate) async fn max_seq(http: &mut Http, person: &Person, conversation: &str) -> Result<u64> {
    let path = format!("/msg/max_seq?conversation_id={conversation}");
    let answer = http.get(&path, &person.token).await?;
    Ok(data::<MaxSeq>(&answer)?.max_seq)
}

/// The id of the conversation of two users.
pub(crate) fn pair_id(a: &str, b: &str) -> String {
    let (low, high) = if a <= b { (a, b) } else { (b, a) };
    format!("si_{low}:{high}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_look_and_the_parser_agree_on_the_code() {
        assert_eq!(code_of(br#"{"code":0,"msg":"success","data":null}"#).ok(), Some(0));
        assert_eq!(code_of(br#"{"msg":"no","code":1002,"data":null}"#).ok(), Some(1002));
        assert!(code_of(b"<html>").is_err());
    }

    #[test]
    fn answers_are_told_from_pushes() {
        let code = |frame: &str| code_of_frame(frame.as_bytes()).expect("valid");
        assert_eq!(code(r#"{"id":"7","code":0,"msg":"success","data":null}"#), Some(0));
        assert_eq!(code(r#"{"id":"7","code":3003,"msg":"no","data":null}"#), Some(3003));
        assert_eq!(code(r#"{"conversation_id":"si_a:b","seq":1}"#), None);
    }

    #[test]
    fn a_pair_is_ordered_by_bytes() {
        assert_eq!(pair_id("b", "a"), "si_a:b");
        assert_eq!(pair_id("a", "B"), "si_B:a");
    }
}
