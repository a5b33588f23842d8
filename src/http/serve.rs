//! The listener: accepts connections, bounds them, and lets them finish at the end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::entrance::Entrance;
use super::tls::Tls;
use crate::line::{TcpLine, WriteSide};

/// Where a request came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

/// Bytes that the head of a request may have, and that are read ahead.
const HEAD_BYTES: usize = 16 * 1_024;

/// For how long a client may leave unacknowledged what was written to it (TCP_USER_TIMEOUT, RFC 5482), in milliseconds.
const UNACKNOWLEDGED_MS: u32 = 60_000;

/// Bounds of the listener.
#[derive(Debug, Clone, Copy)]
pub struct ServeLimits {
    /// Connections at once.
    pub connections: usize,
    /// How long the head of a request may take, and so may a TLS handshake.
    pub header_time: Duration,
}

/// Accepts connections and serves them.
pub struct Listener {
    socket: TcpListener,
    tls: Option<TlsAcceptor>,
    limits: ServeLimits,
}

impl Listener {
    /// Listens on `address`, for clients that speak TLS if there is one to speak, else for those that do not.
    pub async fn bind(address: SocketAddr, tls: Option<&Tls>, limits: ServeLimits) -> std::io::Result<Self> {
        Ok(Self { socket: TcpListener::bind(address).await?, tls: tls.map(Tls::acceptor), limits })
    }

    /// The address, with the port that it really has.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until `stop`; then accepts nothing more and lets requests that have begun finish. `tracker` counts the
    /// connections, except those that became WebSockets.
    pub async fn run(self, entrance: Entrance, tracker: TaskTracker, stop: CancellationToken) {
        let room = Arc::new(Semaphore::new(self.limits.connections));
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = accept(&self.socket, &room) => accepted,
            };
            if let Some((stream, peer)) = accepted {
                let serving = Serving { entrance: entrance.clone(), peer: Peer(peer), limits: self.limits };
                match &self.tls {
                    Some(tls) => tracker.spawn(serving.run_tls(stream, tls.clone(), stop.clone())),
                    None => {
                        let writes = stream.write_side();
                        tracker.spawn(serving.run(stream, Some(writes), stop.clone()))
                    }
                };
            }
        }
    }
}

/// The next connection, once there is room for one.
async fn accept(socket: &TcpListener, room: &Arc<Semaphore>) -> Option<(TcpLine, SocketAddr)> {
    // The semaphore is never closed.
    let place = Arc::clone(room).acquire_owned().await.ok()?;
    match socket.accept().await {
        Ok((stream, peer)) => {
            // Without the first, small answers wait for acknowledgements; without the second, a client that never takes its
            // answer keeps its place for ever. A socket that refuses is closed already.
            let _ = stream.set_nodelay(true);
            let _ = rustix::net::sockopt::set_tcp_user_timeout(&stream, UNACKNOWLEDGED_MS);
            Some((TcpLine::new(stream, place), peer))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            // Out of file descriptors, most likely: give others time to close.
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

/// One connection.
struct Serving {
    entrance: Entrance,
    peer: Peer,
    limits: ServeLimits,
}

impl Serving {
    async fn run_tls(self, stream: TcpLine, tls: TlsAcceptor, stop: CancellationToken) {
        let handshake = tokio::select! {
            ended = tokio::time::timeout(self.limits.header_time, tls.accept(stream)) => ended,
            () = stop.cancelled() => return,
        };
        match handshake {
            // What is written to it has to be encrypted first.
            Ok(Ok(stream)) => self.run(stream, None, stop).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }

    /// Serves the requests of a connection; `writes` is its writing side, for a WebSocket that it may become.
    async fn run(
        self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        writes: Option<Arc<WriteSide>>,
        stop: CancellationToken,
    ) {
        let Self { entrance, peer, limits } = self;
        let answer = move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            if let Some(writes) = &writes {
                request.extensions_mut().insert(Arc::clone(writes));
            }
            entrance.answer(request)
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_time)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service_fn(answer))
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            // A client that vanished, sent no HTTP or was too slow: its affair.
            tracing::debug!(%error, "a connection broke");
        }
    }
}
