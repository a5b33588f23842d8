//! The TCP connection below a WebSocket or an HTTP connection: two may write to it, and its end is one that the client hears of.
//!
//! A socket that is closed while bytes of the client wait unread is reset, and a reset takes from the client what it had not read
//! yet: the 413, or the close code, that ended it. So the server ends its own side first and reads on for a while (RFC 9112, section
//! 9.6).

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::push::{Frame, Line};
use crate::wire;

/// For how long a client may send nothing before it is cut off.
const SILENCE: Duration = Duration::from_secs(1);

/// For how long it may go on sending.
const AT_MOST: Duration = Duration::from_secs(30);

/// What is thrown away at once.
const BYTES: usize = 16 * 1_024;

/// The most that the header of a server's frame takes.
const HEADER_BYTES: usize = 10;

/// A connection, and its place among those that may be open at once. Dropped, it lingers until the client has ended its side too.
pub struct TcpLine {
    reads: Option<(OwnedReadHalf, OwnedSemaphorePermit)>,
    writes: Arc<WriteSide>,
}

impl TcpLine {
    /// A connection that holds `place` until it is closed.
    pub fn new(stream: TcpStream, place: OwnedSemaphorePermit) -> Self {
        let (reads, socket) = stream.into_split();
        let half = Half { socket, rest: Bytes::new(), ended: false };
        Self { reads: Some((reads, place)), writes: Arc::new(WriteSide(Mutex::new(half))) }
    }

    /// Its writing side, for frames that are written past the one who serves it.
    pub fn write_side(&self) -> Arc<WriteSide> {
        Arc::clone(&self.writes)
    }
}

impl Drop for TcpLine {
    fn drop(&mut self) {
        let Some((reads, place)) = self.reads.take() else { return };
        let is_open = match reads.try_read(&mut [0]) {
            Ok(read) => read > 0,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        };
        // Without a runtime the process is at its end.
        if is_open && let Ok(runtime) = Handle::try_current() {
            let writes = self.write_side();
            runtime.spawn(async move {
                // However that ends, it ends.
                let _ = timeout(AT_MOST, read_on(reads, &writes)).await;
                drop(place);
            });
        }
    }
}

/// Ends the server's side, and throws away what comes until the client ends its own or falls silent.
async fn read_on(mut reads: OwnedReadHalf, writes: &WriteSide) -> io::Result<()> {
    poll_fn(|cx| writes.lock().poll_shutdown(cx)).await?;
    let mut thrown_away = vec![0; BYTES];
    while timeout(SILENCE, reads.read(&mut thrown_away)).await?? > 0 {}
    Ok(())
}

impl AsyncRead for TcpLine {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // Only the end takes it.
        let (reads, _) = self.get_mut().reads.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        Pin::new(reads).poll_read(cx, buf)
    }
}

impl AsyncWrite for TcpLine {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.writes.lock().poll_write(cx, buf)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut half = self.writes.lock();
        ready!(half.poll_rest(cx))?;
        Pin::new(&mut half.socket).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writes.lock().poll_rest(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writes.lock().poll_shutdown(cx)
    }
}

/// The writing side of a connection. Whoever writes, writes whole frames.
pub struct WriteSide(Mutex<Half>);

struct Half {
    socket: OwnedWriteHalf,
    /// What the socket did not take at once. It goes before everything else.
    rest: Bytes,
    /// Nothing more is written past the one who serves the connection.
    ended: bool,
}

impl Half {
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.rest.is_empty() {
            let written = ready!(Pin::new(&mut self.socket).poll_write(cx, &self.rest))?;
            self.took(written);
        }
        Poll::Ready(Ok(()))
    }

    /// Writes all of `buf`, or nothing yet: it holds whole frames, between whose halves nobody else may write.
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_rest(cx))?;
        let written = ready!(Pin::new(&mut self.socket).poll_write(cx, buf))?;
        self.rest = Bytes::copy_from_slice(&buf[written..]);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_rest(cx))?;
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    /// Writes what the socket takes at once, and keeps the rest.
    fn write_now(&mut self, bytes: Vec<u8>) {
        let written = match self.socket.try_write(&bytes) {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            // Whoever serves the connection finds it broken too.
            Err(_) => bytes.len(),
        };
        self.rest = Bytes::from(bytes);
        self.took(written);
    }

    fn took(&mut self, written: usize) {
        // An empty one holds no memory.
        self.rest = if written < self.rest.len() { self.rest.slice(written..) } else { Bytes::new() };
    }
}

impl WriteSide {
    /// A lock whose holder panicked still guards consistent data: nothing here panics halfway.
    fn lock(&self) -> MutexGuard<'_, Half> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line for WriteSide {
    fn is_clear(&self) -> bool {
        self.lock().rest.is_empty()
    }

    fn write(&self, frames: &VecDeque<Frame>) -> bool {
        let bytes = encoded(frames);
        let mut half = self.lock();
        let is_free = !half.ended && half.rest.is_empty();
        if is_free {
            half.write_now(bytes);
        }
        is_free
    }

    fn end(&self) {
        self.lock().ended = true;
    }
}

impl fmt::Debug for WriteSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteSide").finish_non_exhaustive()
    }
}

/// Frames as they are on the wire.
fn encoded(frames: &VecDeque<Frame>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let header = FrameHeader { opcode: OpCode::Data(Data::Text), ..FrameHeader::default() };
    for frame in frames {
        let text = wire::push_frame(frame.parcel.encoded(wire::push_text), frame.id);
        bytes.reserve(HEADER_BYTES + text.len());
        // A vector takes all.
        let _ = header.format(text.len() as u64, &mut bytes);
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}
