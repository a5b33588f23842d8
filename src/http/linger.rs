//! A connection whose end the client hears of.
//!
//! A socket that is closed while bytes of the client wait unread is reset, and a reset takes from the client what it had not read
//! yet: the 413, or the close code, that ended it. So the server ends its own side first and reads on for a while (RFC 9112, section
//! 9.6).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

/// For how long a client may send nothing before it is cut off.
const SILENCE: Duration = Duration::from_secs(1);

/// For how long it may go on sending.
const AT_MOST: Duration = Duration::from_secs(30);

/// What is thrown away at once.
const BYTES: usize = 16 * 1_024;

/// A connection, and its place among those that may be open at once. Dropped, it lingers until the client has ended its side too.
pub(super) struct Lingering(Option<(TcpStream, OwnedSemaphorePermit)>);

impl Lingering {
    /// A connection that holds `place` until it is closed.
    pub(super) fn new(stream: TcpStream, place: OwnedSemaphorePermit) -> Self {
        Self(Some((stream, place)))
    }

    fn stream(self: Pin<&mut Self>) -> io::Result<Pin<&mut TcpStream>> {
        // Only the end takes it.
        let (stream, _) = self.get_mut().0.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        Ok(Pin::new(stream))
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let Some((stream, place)) = self.0.take() else { return };
        let open = match stream.try_read(&mut [0]) {
            Ok(read) => read > 0,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        };
        // Without a runtime the process is at its end.
        if open && let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                // However that ends, it ends.
                let _ = timeout(AT_MOST, read_on(stream)).await;
                drop(place);
            });
        }
    }
}

/// Ends the server's side, and throws away what comes until the client ends its own or falls silent.
async fn read_on(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut thrown_away = vec![0; BYTES];
    while timeout(SILENCE, stream.read(&mut thrown_away)).await?? > 0 {}
    Ok(())
}

impl AsyncRead for Lingering {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_read(cx, buf)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(cx, buf)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(cx)
    }
}
