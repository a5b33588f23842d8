//! The floor under a fan-out: a process that does nothing but write a frame to each of its sockets.
//!
//! It is this program once more, given a number of sockets and the frame's text. On standard output it says where it listens; each line
//! on standard input is a number of frames to write to every socket.

use std::ffi::OsStr;
use std::io::{BufRead as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::ffi::OsStrExt as _;
use std::process::Stdio;

use anyhow::{Context as _, Result};
use bytes::BytesMut;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::ws::put_server_frame;

/// The word that makes this program the bare writer, with a number of sockets and a frame behind it.
const WORD: &str = "bare-writer";

/// The process, as whoever measures sees it.
pub(crate) struct Bare {
    pub(crate) address: SocketAddr,
    pub(crate) pid: u32,
    orders: ChildStdin,
    _child: Child,
}

/// Is the bare writer, if the command line says so.
pub(crate) fn was_asked_for() -> Option<Result<()>> {
    let mut words = std::env::args().skip(1);
    (words.next()? == WORD).then(|| {
        let sockets = words.next().and_then(|word| word.parse().ok()).context("a number")?;
        write_bare(sockets, &words.next().context("a frame")?)
    })
}

fn write_bare(sockets: usize, text: &str) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", listener.local_addr()?);
    let mut streams = Vec::with_capacity(sockets);
    for _ in 0..sockets {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let mut frame = BytesMut::new();
    put_server_frame(&mut frame, text.as_bytes());
    for line in std::io::stdin().lock().lines() {
        for _ in 0..line?.trim().parse::<usize>()? {
            for stream in &mut streams {
                stream.write_all(&frame)?;
            }
        }
    }
    Ok(())
}

/// Starts this program once more as what the first of `words` says, which prints where it listens.
pub(crate) async fn once_more<const N: usize>(words: [&OsStr; N]) -> Result<(Child, SocketAddr)> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stdout = child.stdout.take().context("the pipe was asked for")?;
    let line = BufReader::new(stdout).lines().next_line().await?.context("it printed nothing")?;
    Ok((child, line.trim().parse()?))
}

impl Bare {
    /// Starts it; all of the sockets must connect before it writes.
    pub(crate) async fn start(sockets: usize, text: &[u8]) -> Result<Bare> {
        let sockets = sockets.to_string();
        let (mut child, address) = once_more([WORD.as_ref(), sockets.as_ref(), OsStr::from_bytes(text)]).await?;
        let orders = child.stdin.take().context("the pipe was asked for")?;
        let pid = child.id().context("it has just started")?;
        Ok(Bare { address, pid, orders, _child: child })
    }

    /// Has it write so many frames to each socket.
    pub(crate) async fn write(&mut self, frames: usize) -> Result<()> {
        Ok(self.orders.write_all(format!("{frames}\n").as_bytes()).await?)
    }
}
