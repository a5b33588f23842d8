//! A Redis server of a test's own, to be killed, paused, emptied and rolled back.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::{Authority, eventually, ports, resp};

/// A file in the folder of each server.
const CONFIGURATION: &str = "redis.conf";

/// A server on a port and in a folder of its own; dropped is killed, and so is one whose test was killed.
///
/// It saves nothing by itself. Start it on the test's own thread: a server ends with the thread that started it.
pub(crate) struct RedisServer {
    home: TempDir,
    port: u16,
    /// What the port is for: `--port`, or `--tls-port`.
    listens: &'static str,
    arguments: Vec<String>,
    child: Child,
}

impl RedisServer {
    /// Starts an empty one, with more arguments, such as `--maxmemory 10mb`.
    pub(crate) async fn start(arguments: &[&str]) -> RedisServer {
        let own =
            ["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction", "--repl-diskless-sync-delay", "0"];
        let arguments = own.iter().chain(arguments).map(|&word| word.to_owned()).collect();
        RedisServer::launch("--port", arguments).await
    }

    /// Starts an empty one that speaks only TLS, with more arguments. Commands are not for it: they speak no TLS.
    pub(crate) async fn over_tls(authority: &Authority, arguments: &[&str]) -> RedisServer {
        let (authorities, certificate, key) = (authority.file(), authority.certificate(), authority.key());
        let own = ["--port", "0", "--tls-auth-clients", "no", "--tls-ca-cert-file", &authorities, "--tls-cert-file"];
        let own = own.into_iter().chain([certificate.as_str(), "--tls-key-file", &key, "--save", ""]);
        RedisServer::launch("--tls-port", own.chain(arguments.iter().copied()).map(str::to_owned).collect()).await
    }

    /// Starts a Sentinel that watches `master` under the name `nexo`, and waits until it knows its replicas.
    pub(crate) async fn sentinel(master: &RedisServer, replicas: usize) -> RedisServer {
        let sentinel = RedisServer::launch("--port", vec!["--sentinel".to_owned()]).await;
        let port = master.port.to_string();
        sentinel.command(&["SENTINEL", "MONITOR", "nexo", "127.0.0.1", &port, "1"]).await;
        for (option, value) in [("down-after-milliseconds", "1000"), ("failover-timeout", "5000")] {
            sentinel.command(&["SENTINEL", "SET", "nexo", option, value]).await;
        }
        let known = format!("slaves={replicas},");
        sentinel.until("its replicas", &["INFO", "sentinel"], |answer| answer.contains(&known)).await;
        sentinel
    }

    async fn launch(listens: &'static str, arguments: Vec<String>) -> RedisServer {
        let home = tempfile::Builder::new().prefix("nexo-redis-").tempdir().expect("a temporary folder");
        let port = ports::free_port();
        // A Sentinel does not start without a file that it can write to.
        fs::write(home.path().join(CONFIGURATION), "").expect("the configuration file");
        let child = spawn(home.path(), (listens, port), &arguments);
        let mut server = RedisServer { home, port, listens, arguments, child };
        server.answers().await;
        server
    }

    /// Its port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where to connect to: `127.0.0.1:<port>`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Ends it as a power cut would, and waits until it is gone.
    pub(crate) fn kill9(&mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("the killed server's end");
    }

    /// Starts it again after `kill9`, on the same port and with the same arguments: with what `save` wrote, else empty.
    pub(crate) async fn start_again(&mut self) {
        self.child = spawn(self.home.path(), (self.listens, self.port), &self.arguments);
        self.answers().await;
    }

    /// Starts it again after `kill9`, empty whatever was saved.
    pub(crate) async fn start_empty(&mut self) {
        fs::remove_file(self.home.path().join("dump.rdb")).ok();
        self.start_again().await;
    }

    /// Writes a snapshot, which `start_again` will load.
    pub(crate) async fn save(&self) {
        self.command(&["SAVE"]).await;
    }

    /// It keeps its connections and answers nothing, until `resume`.
    pub(crate) fn pause(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).expect("SIGSTOP");
    }

    /// It goes on after `pause`.
    pub(crate) fn resume(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).expect("SIGCONT");
    }

    /// The leaves of the answer to a command, one a line, or the error that the server answered.
    pub(crate) async fn try_command(&self, words: &[&str]) -> Result<String, String> {
        let answer = resp::ask(&self.address(), words).await;
        let answer = answer.unwrap_or_else(|error| panic!("{words:?} to {}: {error}", self.address()));
        answer.map(|leaves| leaves.join("\n"))
    }

    /// The leaves of the answer to a command that succeeds, one a line.
    pub(crate) async fn command(&self, words: &[&str]) -> String {
        self.try_command(words).await.unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// Asks a command again until `is_it` accepts the answer.
    pub(crate) async fn until(&self, what: &str, words: &[&str], is_it: impl Fn(&str) -> bool) {
        eventually(what, async || is_it(&self.command(words).await).then_some(())).await;
    }

    /// Makes it a replica of `master`, and waits until it has what that has.
    pub(crate) async fn replicate(&self, master: &RedisServer) {
        self.replicate_at(&master.address()).await;
    }

    /// Makes it a replica of the master at `address` (`host:port`), which may be a proxy, and waits until it has what that has.
    pub(crate) async fn replicate_at(&self, address: &str) {
        let (host, port) = address.split_once(':').expect("host:port");
        self.command(&["REPLICAOF", host, port]).await;
        self.until("the link to the master", &["INFO", "replication"], |info| info.contains("master_link_status:up")).await;
    }

    /// Makes a replica a master; the one before is not told.
    pub(crate) async fn promote(&self) {
        self.command(&["REPLICAOF", "NO", "ONE"]).await;
    }

    async fn answers(&mut self) {
        let address = self.address();
        eventually("an answer of Redis", async || {
            let ended = self.child.try_wait().expect("the state of the server");
            assert!(ended.is_none(), "redis-server ended:\n{}", self.log());
            if self.listens == "--tls-port" {
                return TcpStream::connect(&address).await.ok().map(drop);
            }
            // While it loads its snapshot it answers with an error.
            matches!(resp::ask(&address, &["PING"]).await, Ok(Ok(_))).then_some(())
        })
        .await;
    }

    fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // Fails if it has ended already, which is as good.
        if self.child.kill().is_ok() {
            self.child.wait().ok();
        }
    }
}

fn spawn(home: &Path, (listens, port): (&str, u16), arguments: &[String]) -> Child {
    let log = File::options().create(true).append(true).open(home.join("log")).expect("the log file");
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "redis-server"])
        .arg(home.join(CONFIGURATION))
        .args(arguments)
        .args(["--bind", "127.0.0.1", listens, &port.to_string(), "--dir"])
        .arg(home)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("the log file"))
        .stderr(log)
        .spawn()
        .expect("setpriv and Redis start")
}
