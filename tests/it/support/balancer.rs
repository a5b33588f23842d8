//! A real balancer (HAProxy) in front of a test's servers, which looks at their `/ready` and takes new addresses while it runs.

use std::fmt::Write as _;
use std::fs;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::services::{Need, needs};
use super::{Server, eventually, ports};

/// A running HAProxy; dropped is killed.
pub(crate) struct Balancer {
    home: TempDir,
    port: u16,
    child: Child,
}

impl Balancer {
    /// Starts one in front of these servers, and waits until it has found each of them ready; `None` if there is no HAProxy, the test
    /// is left out then.
    pub(crate) async fn start(servers: &[Server]) -> Option<Balancer> {
        let [program] = needs([Need::HaProxy])?;
        let home = tempfile::Builder::new().prefix("nexo-balancer-").tempdir().expect("a temporary folder");
        let port = ports::free_port();
        let file = home.path().join("haproxy.cfg");
        fs::write(&file, configuration(port, &home.path().join("admin").display().to_string(), servers)).expect("writable");
        let mut command = Command::new(program);
        command.arg("-db").arg("-f").arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let balancer = Balancer { home, port, child: command.spawn().expect("haproxy") };
        for number in 0..servers.len() {
            balancer.finds_ready(number).await;
        }
        Some(balancer)
    }

    /// Where clients come: `127.0.0.1:<port>`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A server was started again, on another port: waits until it gets requests again.
    pub(crate) async fn finds_again(&self, number: usize, server: &Server) {
        let (_, port) = server.host().rsplit_once(':').expect("a port");
        let set = format!("set server nodes/node{number} addr 127.0.0.1 port {port}");
        self.command(&set).await.expect("an answer of haproxy");
        self.finds_ready(number).await;
    }

    async fn finds_ready(&self, number: usize) {
        let name = format!("nodes,node{number},");
        eventually(("ready", number), async || {
            let states = self.command("show stat").await?;
            let line = states.lines().find(|line| line.starts_with(&name))?.to_owned();
            line.contains(",UP,").then_some(())
        })
        .await;
    }

    async fn command(&self, words: &str) -> Option<String> {
        let mut socket = UnixStream::connect(self.home.path().join("admin")).await.ok()?;
        socket.write_all(format!("{words}\n").as_bytes()).await.ok()?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.ok()?;
        Some(answer)
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            self.child.wait().ok();
        }
    }
}

/// As `deploy/haproxy.cfg`, but for the addresses, and for looking more often.
fn configuration(port: u16, admin: &str, servers: &[Server]) -> String {
    let mut text = format!(
        "global\n  stats socket {admin} level admin\n\
         defaults\n  mode http\n  retries 3\n  option redispatch\n  retry-on conn-failure\n  timeout connect 1s\n  timeout queue 5s\n\
         \x20 timeout client 30s\n  timeout server 30s\n  timeout tunnel 2m\n  option httpchk GET /ready\n\
         \x20 http-check expect status 200\n  default-server check inter 200ms fall 2 rise 2\n\
         frontend public\n  bind 127.0.0.1:{port}\n  default_backend nodes\n\
         backend nodes\n  balance leastconn\n"
    );
    for (number, server) in servers.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  server node{number} {}", server.host());
    }
    text
}
