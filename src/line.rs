//! The TCP connection below a WebSocket or an HTTP connection, to whose client two may write: the one who serves it, and those who
//! tell a crowd.

mod linger;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::push::{Frame, Line, Wrote};
use crate::wire;

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
        let half = Half { socket, rest: Bytes::new(), is_torn: false, has_ended: false };
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
        let client_may_send = match reads.try_read(&mut [0]) {
            Ok(read) => read > 0,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        };
        // Without a runtime the process is at its end.
        if (client_may_send || !self.writes.is_clear())
            && let Ok(runtime) = Handle::try_current()
        {
            let writes = self.write_side();
            runtime.spawn(async move {
                linger::linger(reads, &writes).await;
                drop(place);
            });
        }
    }
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
        self.poll_write_vectored(cx, &[io::IoSlice::new(buf)])
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.writes.0.lock().poll_write(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writes.0.lock().poll_rest(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writes.poll_shutdown(cx)
    }
}

/// The writing side of a connection.
pub struct WriteSide(Mutex<Half>);

struct Half {
    socket: OwnedWriteHalf,
    /// What the socket did not take of frames that were written past the one who serves it. It goes before everything else.
    rest: Bytes,
    /// The one who serves it is between two pieces of what it writes. It always offers all that it has, which is whole frames.
    is_torn: bool,
    /// Nothing more is written past the one who serves it.
    has_ended: bool,
}

impl Half {
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.rest.is_empty() {
            let written = ready!(Pin::new(&mut self.socket).poll_write(cx, &self.rest))?;
            self.took(written);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        ready!(self.poll_rest(cx))?;
        let written = ready!(Pin::new(&mut self.socket).poll_write_vectored(cx, bufs))?;
        self.is_torn = written < bufs.iter().map(|buf| buf.len()).sum();
        Poll::Ready(Ok(written))
    }

    /// Writes what the socket takes at once, and keeps the rest.
    fn write_now(&mut self, bytes: Vec<u8>) -> Wrote {
        // Whether it does not take more or is broken, the one who serves it finds out when it writes the rest.
        let written = self.socket.try_write(&bytes).unwrap_or(0);
        self.rest = Bytes::from(bytes);
        self.took(written);
        if self.rest.is_empty() { Wrote::All } else { Wrote::Part }
    }

    fn took(&mut self, written: usize) {
        // An empty one holds no memory.
        self.rest = if written < self.rest.len() { self.rest.slice(written..) } else { Bytes::new() };
    }
}

impl WriteSide {
    fn is_clear(&self) -> bool {
        self.0.lock().rest.is_empty()
    }

    /// Writes the rest, then ends this side.
    fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut half = self.0.lock();
        ready!(half.poll_rest(cx))?;
        Pin::new(&mut half.socket).poll_shutdown(cx)
    }
}

impl Line for WriteSide {
    fn write(&self, frames: &VecDeque<Frame>) -> Wrote {
        let bytes = encoded(frames);
        let mut half = self.0.lock();
        if half.has_ended || half.is_torn || !half.rest.is_empty() { Wrote::Nothing } else { half.write_now(bytes) }
    }

    fn end(&self) {
        self.0.lock().has_ended = true;
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

#[cfg(test)]
mod tests;
