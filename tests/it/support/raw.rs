//! Bytes on a TCP connection, for what no decent client sends: half requests, broken frames, silence.

use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::{DEADLINE, Person, Reply, within};

/// A TCP connection to a server.
pub(crate) struct RawTcp {
    stream: TcpStream,
    /// What was read and not yet used.
    buffer: Vec<u8>,
}

impl RawTcp {
    /// Connects with a small receive buffer, so that a reader that stops is soon noticed.
    pub(crate) async fn connect(host: &str) -> RawTcp {
        let socket = TcpSocket::new_v4().expect("a TCP socket");
        socket.set_recv_buffer_size(4096).expect("SO_RCVBUF");
        let address = host.parse().expect("an address");
        let stream = within("a connection", socket.connect(address)).await.expect("a connection");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        RawTcp { stream, buffer: Vec::new() }
    }

    /// Writes bytes; a server that has closed its side may make that fail, which the next read shows.
    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        within("a write", self.stream.write_all(bytes.as_ref())).await.ok();
    }

    /// Reads more into the buffer; false at the end of the connection.
    async fn fill(&mut self) -> bool {
        let mut chunk = [0; 4096];
        let read = tokio::time::timeout(2 * DEADLINE, self.stream.read(&mut chunk)).await;
        match read.expect("bytes, or the end of the connection, within the deadline") {
            Ok(0) | Err(_) => false,
            Ok(length) => {
                self.buffer.extend_from_slice(&chunk[..length]);
                true
            }
        }
    }

    /// Takes `length` bytes; `None` at the end of the connection.
    async fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < length {
            if !self.fill().await {
                return None;
            }
        }
        Some(self.buffer.drain(..length).collect())
    }

    /// Reads one HTTP answer (with a content-length); `None` if the connection ends before.
    pub(crate) async fn reply(&mut self) -> Option<Reply> {
        let end = loop {
            match self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(at) => break at + 4,
                None if self.fill().await => {}
                None => return None,
            }
        };
        let head = String::from_utf8(self.take(end).await?).expect("a head in UTF-8");
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|word| word.parse().ok());
        let mut headers = HeaderMap::new();
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
            headers.insert(name, HeaderValue::from_str(value.trim()).expect("a header value"));
        }
        let length = headers.get("content-length").and_then(|value| value.to_str().ok()?.parse().ok());
        let body = Bytes::from(self.take(length.unwrap_or(0)).await?);
        Some(Reply { what: "raw bytes".to_owned(), status: status.expect("a status"), headers, body })
    }

    /// Waits until the server ends the connection.
    pub(crate) async fn ended(&mut self) {
        while self.fill().await {}
    }
}

/// A WebSocket by hand: it answers nothing by itself.
pub(crate) struct RawSocket(pub(crate) RawTcp);

/// Opcodes of RFC 6455.
pub(crate) mod opcode {
    pub(crate) const CONTINUATION: u8 = 0;
    pub(crate) const TEXT: u8 = 1;
    pub(crate) const CLOSE: u8 = 8;
    pub(crate) const PING: u8 = 9;
    pub(crate) const PONG: u8 = 10;
}

impl RawSocket {
    /// Opens a WebSocket of this person, with more behind `?token=..`.
    pub(crate) async fn open(person: &Person, more: &str) -> RawSocket {
        let mut tcp = person.client.tcp().await;
        let request = format!(
            "GET /ws?token={}{more} HTTP/1.1\r\nHost: nexo\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            person.token
        );
        tcp.write(request).await;
        let reply = tcp.reply().await.expect("an answer to the handshake");
        assert_eq!(reply.status, 101, "{reply:?}");
        assert_eq!(reply.header("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        RawSocket(tcp)
    }

    /// The bytes of a masked frame.
    pub(crate) fn frame(opcode: u8, is_final: bool, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![opcode | if is_final { 0x80 } else { 0 }];
        match payload.len() {
            length @ 0..126 => frame.push(0x80 | length.to_be_bytes()[7]),
            length @ 126..65_536 => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&length.to_be_bytes()[6..]);
            }
            length => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&length.to_be_bytes());
            }
        }
        let mask = [0x11, 0x22, 0x33, 0x44];
        frame.extend_from_slice(&mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    }

    /// Writes a whole frame.
    pub(crate) async fn write(&mut self, opcode: u8, payload: &[u8]) {
        self.0.write(RawSocket::frame(opcode, true, payload)).await;
    }

    /// Reads one frame, control frames included: opcode and payload; `None` at the end of the connection.
    pub(crate) async fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        let head = self.0.take(2).await?;
        let length = match head[1] & 0x7f {
            126 => self.0.take(2).await?.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)),
            127 => self.0.take(8).await?.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)),
            short => usize::from(short),
        };
        assert_eq!(head[1] & 0x80, 0, "a server never masks");
        Some((head[0] & 0x0f, self.0.take(length).await?))
    }

    /// Reads one frame that is no ping, and the pings before it.
    pub(crate) async fn read_past_pings(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            match self.read().await {
                Some((opcode::PING, _)) => {}
                other => return other,
            }
        }
    }

    /// Reads to the end: the code of the close frame, `None` if the connection was cut without one.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        loop {
            match self.read().await {
                Some((opcode::CLOSE, payload)) if payload.len() >= 2 => {
                    return Some(u16::from_be_bytes([payload[0], payload[1]]));
                }
                Some((opcode::CLOSE, _)) => return Some(1005),
                Some(_) => {}
                None => return None,
            }
        }
    }
}
