//! A WebSocket client (RFC 6455) that does only what this tool needs, cheaply: it shares the cores with the server.
//!
//! Its frames carry a masking key of zero, which is a valid one and spares the work of masking.

use std::net::SocketAddr;
use std::ops::Range;

use anyhow::{Result, bail};
use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::sockets;

const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;

/// What the server sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    Text(&'a [u8]),
    /// The server closed; 1005 is "without a code", 1006 "without a close frame".
    Closed(u16),
}

/// How a socket is opened.
pub(crate) struct Door<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) token: &'a str,
    /// What follows `/ws?`, for example `v=1`.
    pub(crate) query: &'a str,
    /// The local address to connect from, where it matters.
    pub(crate) from: Option<SocketAddr>,
}

/// An open WebSocket.
pub(crate) struct Socket {
    stream: TcpStream,
    input: BytesMut,
    /// Length of the frame that was handed out last, to be dropped at the next call.
    lent: usize,
    out: BytesMut,
}

/// A whole frame in the input buffer.
struct Parsed {
    opcode: u8,
    payload: Range<usize>,
}

impl Socket {
    /// Connects and does the handshake.
    pub(crate) async fn open(door: &Door<'_>) -> Result<Socket> {
        let mut socket = Socket::connect(door.address, door.from).await?;
        socket.shake_hands(door).await?;
        Ok(socket)
    }

    /// Connects without a handshake.
    pub(crate) async fn connect(address: SocketAddr, from: Option<SocketAddr>) -> Result<Socket> {
        let stream = sockets::connect(address, from).await?;
        Ok(Socket { stream, input: BytesMut::new(), lent: 0, out: BytesMut::new() })
    }

    async fn shake_hands(&mut self, door: &Door<'_>) -> Result<()> {
        let request = format!(
            "GET /ws?{} HTTP/1.1\r\nhost: nexo\r\nauthorization: Bearer {}\r\nconnection: Upgrade\r\n\
             upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: bmV4by1iZW5jaC1uZXhvIQ==\r\n\r\n",
            door.query, door.token
        );
        self.stream.write_all(request.as_bytes()).await?;
        loop {
            if self.read().await? == 0 {
                bail!("the server closed the connection during the handshake");
            }
            let mut headers = [httparse::EMPTY_HEADER; 32];
            let mut response = httparse::Response::new(&mut headers);
            if let httparse::Status::Complete(bytes) = response.parse(&self.input)? {
                if response.code != Some(101) {
                    let body = String::from_utf8_lossy(&self.input[bytes..]);
                    bail!("the handshake was refused with {:?}: {body}", response.code.unwrap_or(0));
                }
                self.input.advance(bytes);
                return Ok(());
            }
        }
    }

    /// Sends one text frame.
    pub(crate) async fn send(&mut self, text: &[u8]) -> Result<()> {
        self.queue(text);
        Ok(self.flush().await?)
    }

    /// Puts a text frame where the next [`Socket::next`] takes it, before it waits.
    pub(crate) fn queue(&mut self, text: &[u8]) {
        put_frame(&mut self.out, TEXT, text);
    }

    /// Writes what is queued. May be cancelled, and called again.
    async fn flush(&mut self) -> std::io::Result<()> {
        while !self.out.is_empty() {
            let written = self.stream.write(&self.out).await?;
            self.out.advance(written);
        }
        Ok(())
    }

    /// The next text frame or the end; pings are answered on the way. May be cancelled, and called again.
    pub(crate) async fn next(&mut self) -> Result<Frame<'_>> {
        self.input.advance(self.lent);
        self.lent = 0;
        let parsed = self.next_parsed().await?;
        let Some(Parsed { opcode, payload }) = parsed else {
            return Ok(Frame::Closed(1006));
        };
        self.lent = payload.end;
        let payload = &self.input[payload];
        match (opcode, payload) {
            (TEXT, text) => Ok(Frame::Text(text)),
            (_, [high, low, ..]) => Ok(Frame::Closed(u16::from_be_bytes([*high, *low]))),
            _ => Ok(Frame::Closed(1005)),
        }
    }

    /// The next frame that is text or close, `None` at the end of the stream. Writes what is queued before it waits.
    async fn next_parsed(&mut self) -> Result<Option<Parsed>> {
        loop {
            match parse(&self.input)? {
                Some(frame) if matches!(frame.opcode, TEXT | CLOSE) => return Ok(Some(frame)),
                Some(frame) => {
                    if frame.opcode == PING {
                        put_frame(&mut self.out, PONG, &self.input[frame.payload.clone()]);
                    }
                    self.input.advance(frame.payload.end);
                    continue;
                }
                None => {}
            }
            let outcome = async {
                self.flush().await?;
                self.read().await
            };
            match outcome.await {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(error) if is_gone(&error) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn read(&mut self) -> std::io::Result<usize> {
        // Small at first: thousands of idle sockets should cost this client little.
        let room = if self.input.capacity() == 0 { 512 } else { 4096 };
        if self.input.capacity() == self.input.len() {
            self.input.reserve(room);
        }
        self.stream.read_buf(&mut self.input).await
    }
}

/// The other side closed without the closing handshake.
fn is_gone(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
    matches!(error.kind(), ConnectionReset | BrokenPipe)
}

/// A text frame as a server writes it.
pub(crate) fn put_server_frame(out: &mut BytesMut, text: &[u8]) {
    put_head(out, TEXT, text.len(), 0);
    out.extend_from_slice(text);
}

fn put_frame(out: &mut BytesMut, opcode: u8, payload: &[u8]) {
    put_head(out, opcode, payload.len(), 0x80);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

fn put_head(out: &mut BytesMut, opcode: u8, length: usize, masked: u8) {
    out.extend_from_slice(&[0x80 | opcode]);
    if length < 126 {
        out.extend_from_slice(&[masked | length as u8]);
    } else if let Ok(length) = u16::try_from(length) {
        out.extend_from_slice(&[masked | 126]);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.extend_from_slice(&[masked | 127]);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
}

/// The first frame of the buffer, or `None` if it is not whole yet.
fn parse(input: &[u8]) -> Result<Option<Parsed>> {
    let [first, second, rest @ ..] = input else {
        return Ok(None);
    };
    if first & 0xF0 != 0x80 || second & 0x80 != 0 {
        bail!("a frame in parts, with reserved bits or masked: this server sends none");
    }
    let (begin, length) = match (second & 0x7F, rest) {
        (126, [a, b, ..]) => (4, usize::from(u16::from_be_bytes([*a, *b]))),
        (127, [a, b, c, d, e, f, g, h, ..]) => {
            let length = u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
            (10, usize::try_from(length)?)
        }
        (126 | 127, _) => return Ok(None),
        (length, _) => (2, usize::from(length)),
    };
    let end = begin + length;
    Ok((input.len() >= end).then_some(Parsed { opcode: first & 0x0F, payload: begin..end }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_the_three_forms_of_the_protocol() {
        for (length, head) in [(0, 6), (125, 6), (126, 8), (65_535, 8), (65_536, 14)] {
            let mut out = BytesMut::new();
            put_frame(&mut out, TEXT, &vec![b'x'; length]);
            assert_eq!(out.len(), head + length);
        }
    }

    #[test]
    fn a_frame_is_parsed_once_it_is_whole() {
        let mut input = vec![0x81, 126, 0, 130];
        input.extend_from_slice(&[b'x'; 129]);
        assert!(parse(&input).expect("valid").is_none());
        input.push(b'x');
        let frame = parse(&input).expect("valid").expect("whole");
        assert_eq!((frame.opcode, frame.payload), (TEXT, 4..134));
    }

    #[test]
    fn a_frame_in_parts_is_refused() {
        assert!(parse(&[0x01, 1, b'x']).is_err());
    }
}
