//! A keep-alive HTTP/1.1 connection that does only what this tool needs, cheaply: it shares the cores with the server.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// No answer for so long is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer; its body lives in the connection's buffer until the next call.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

/// One connection, one request at a time.
pub(crate) struct Http {
    stream: TcpStream,
    out: Vec<u8>,
    input: BytesMut,
    /// Length of the body that was handed out last, to be dropped at the next call.
    lent: usize,
}

/// Where the parts of an answer are in the buffer.
struct Head {
    status: u16,
    head_bytes: usize,
    body_bytes: usize,
}

impl Http {
    pub(crate) async fn connect(address: SocketAddr) -> Result<Http> {
        let stream = TcpStream::connect(address).await;
        let stream = stream.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Http { stream, out: Vec::with_capacity(2048), input: BytesMut::with_capacity(8192), lent: 0 })
    }

    /// GET of a path with its query.
    pub(crate) async fn get(&mut self, path: &str, token: &str) -> Result<Answer<'_>> {
        self.call("GET", path, token, b"").await
    }

    /// POST of a JSON body.
    pub(crate) async fn post(&mut self, path: &str, token: &str, body: &[u8]) -> Result<Answer<'_>> {
        self.call("POST", path, token, body).await
    }

    /// One request and its answer. `token` may be empty. After an error the connection is of no more use.
    async fn call(&mut self, method: &str, path: &str, token: &str, body: &[u8]) -> Result<Answer<'_>> {
        self.input.advance(self.lent);
        self.lent = 0;
        write_request(&mut self.out, [method, path, token], body);
        self.stream.write_all(&self.out).await?;
        let answer = timeout(PATIENCE, self.answer()).await;
        let head = answer.with_context(|| format!("no answer to {method} {path}"))??;
        self.input.advance(head.head_bytes);
        self.lent = head.body_bytes;
        Ok(Answer { status: head.status, body: &self.input[..head.body_bytes] })
    }

    /// Reads until one whole answer is in the buffer.
    async fn answer(&mut self) -> Result<Head> {
        let mut head: Option<Head> = None;
        loop {
            if head.is_none() {
                head = parse_head(&self.input)?;
            }
            match head {
                Some(head) if self.input.len() >= head.head_bytes + head.body_bytes => {
                    return Ok(head);
                }
                _ => {}
            }
            self.input.reserve(4096);
            if self.stream.read_buf(&mut self.input).await? == 0 {
                bail!("the server closed the connection");
            }
        }
    }
}

fn write_request(out: &mut Vec<u8>, [method, path, token]: [&str; 3], body: &[u8]) {
    out.clear();
    for part in [method, " ", path, " HTTP/1.1\r\nhost: nexo\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    if !token.is_empty() {
        for part in ["authorization: Bearer ", token, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    if method != "GET" {
        let length = body.len();
        write!(out, "content-type: application/json\r\ncontent-length: {length}\r\n").expect("a Vec takes it");
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
}

/// The head of an answer, or `None` if it is not whole yet.
fn parse_head(input: &[u8]) -> Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head_bytes) = response.parse(input)? else {
        return Ok(None);
    };
    let length = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .and_then(|header| std::str::from_utf8(header.value).ok()?.parse().ok());
    Ok(Some(Head {
        status: response.code.context("an answer without a status")?,
        head_bytes,
        body_bytes: length.context("an answer without content-length")?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_written_with_its_length() {
        let mut out = Vec::new();
        write_request(&mut out, ["POST", "/msg/send", "t"], b"{}");
        let text = String::from_utf8(out).expect("ASCII");
        assert!(text.starts_with("POST /msg/send HTTP/1.1\r\n"));
        assert!(text.contains("authorization: Bearer t\r\n"));
        assert!(text.ends_with("content-length: 2\r\n\r\n{}"));
    }

    #[test]
    fn an_answer_is_parsed_once_its_head_is_whole() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        assert!(parse_head(&whole[..20]).expect("valid").is_none());
        let head = parse_head(whole).expect("valid").expect("whole");
        assert_eq!((head.status, head.body_bytes), (200, 2));
        assert_eq!(&whole[head.head_bytes..], b"{}");
    }
}
