//! Opening many sockets at once, from several addresses.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::progress::Progress;
use crate::server::Nodes;
use crate::ws::{Door, Frame, Socket};

/// Sockets come from so many loopback addresses: one address has ports for 28,000.
const SOURCES: usize = 50;

/// How fast sockets are opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    /// Handshakes at once.
    pub(crate) openers: usize,
    /// Handshakes a second; 0: as fast as they go.
    pub(crate) rate: f64,
}

impl Opening {
    /// As fast as they go, with so many handshakes at once as are good for the rate.
    pub(crate) const FAST: Opening = Opening { openers: 64, rate: 0.0 };

    /// Waits until it is the turn of the socket with this number.
    pub(crate) async fn turn(&self, began: Instant, index: usize) {
        if self.rate > 0.0 {
            sleep_until(began + Duration::from_secs_f64(index as f64 / self.rate)).await;
        }
    }
}

/// Opens a socket for each token, spread over the nodes; in the order of the tokens.
pub(crate) async fn open_all(nodes: &Nodes, tokens: Vec<Arc<str>>, opening: Opening) -> Result<Vec<Socket>> {
    let total = tokens.len();
    ensure_open_files(total)?;
    let progress = Progress::start("opening sockets", Some(total as u64));
    let queue = Arc::new((tokens, AtomicUsize::new(0)));
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    for _ in 0..opening.openers.min(total) {
        let (queue, nodes, done) = (Arc::clone(&queue), nodes.clone(), progress.counter());
        tasks.spawn(async move {
            let mut open = Vec::new();
            loop {
                let index = queue.1.fetch_add(1, Ordering::Relaxed);
                let Some(token) = queue.0.get(index) else { return anyhow::Ok(open) };
                let address = nodes.at(index);
                opening.turn(began, index).await;
                let door = Door { address, token, query: "", from: source(address, index) };
                open.push((index, Socket::open(&door).await?));
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let mut places: Vec<Option<Socket>> = (0..total).map(|_| None).collect();
    while let Some(finished) = tasks.join_next().await {
        for (index, socket) in finished?? {
            places[index] = Some(socket);
        }
    }
    places.into_iter().collect::<Option<_>>().context("a socket was not opened")
}

/// Connects so many sockets that need no handshake, from several addresses as well.
pub(crate) async fn connect_all(address: SocketAddr, count: usize) -> Result<Vec<Socket>> {
    ensure_open_files(count)?;
    let mut open = Vec::with_capacity(count);
    for index in 0..count {
        open.push(Socket::connect(address, source(address, index)).await?);
    }
    Ok(open)
}

/// Waits until the server has answered on each: from then on it knows of all of them.
pub(crate) async fn greet(sockets: &mut [Socket]) -> Result<()> {
    for socket in sockets.iter_mut() {
        socket.send(br#"{"id":"begin","op":"ping","data":{}}"#).await?;
    }
    for socket in sockets {
        let frame = socket.next().await?;
        ensure!(matches!(frame, Frame::Text(text) if text.starts_with(br#"{"id":"begin""#)), "a ping got {frame:?}");
    }
    Ok(())
}

/// A connection, from an address of its own if one is given.
pub(crate) async fn connect(address: SocketAddr, from: Option<SocketAddr>) -> Result<TcpStream> {
    let stream = match from {
        None => TcpStream::connect(address).await,
        Some(from) => {
            let socket = TcpSocket::new_v4()?;
            socket.bind(from)?;
            socket.connect(address).await
        }
    };
    let stream = stream.with_context(|| format!("cannot connect to {address}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A loopback address to come from, if the server is on one.
pub(crate) fn source(server: SocketAddr, index: usize) -> Option<SocketAddr> {
    let last = u8::try_from(2 + index % SOURCES).ok()?;
    let ip = IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
    (server.is_ipv4() && server.ip().is_loopback()).then(|| SocketAddr::new(ip, 0))
}

/// Lets this process, and the server that it starts, hold as many sockets as they may.
pub(crate) fn raise_open_files() -> Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

pub(crate) fn ensure_open_files(sockets: usize) -> Result<()> {
    let wanted = sockets as u64 + 200;
    let enough = getrlimit(Resource::Nofile).current.is_none_or(|current| current >= wanted);
    ensure!(enough, "{sockets} sockets need `ulimit -Hn {wanted}`");
    Ok(())
}
