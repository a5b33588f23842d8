//! The seq of a send in the cluster: one call of `claim` and one of `finish`, in a Redis of its own.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use criterion::Criterion;
use nexo::store::cluster::functions;
use redis::Connection;
use tempfile::TempDir;

/// The largest block: one is brought for so many claims.
const BLOCK: u64 = 1_024;

/// A Redis that ends with this.
struct Server {
    process: Child,
    socket: String,
    _folder: TempDir,
}

impl Server {
    /// `None` if there is no program.
    fn start() -> Option<Server> {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("redis.sock").display().to_string();
        let arguments = ["--port", "0", "--unixsocket", &socket, "--save", ""];
        let process = Command::new("redis-server").args(arguments).stdout(Stdio::null()).spawn().ok()?;
        Some(Server { process, socket, _folder: folder })
    }

    fn connect(&self) -> Connection {
        let client = redis::Client::open(format!("unix:{}", self.socket)).expect("an address");
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            match client.get_connection() {
                Ok(connection) => return connection,
                Err(error) => assert!(Instant::now() < until, "Redis does not listen: {error}"),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What has ended by itself needs no end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One conversation and whoever asks for its seqs.
struct Conversation {
    redis: Connection,
    claimed: u64,
    granted: u64,
}

impl Conversation {
    fn call(&mut self, function: &str, keys: &[&str], arguments: &[&str]) -> Vec<String> {
        let mut call = redis::cmd("FCALL");
        call.arg(functions::function(function)).arg(keys.len()).arg(keys).arg(arguments);
        call.query(&mut self.redis).expect("Redis answers")
    }

    /// A block, as the one who is asked for it grants and brings it.
    fn install(&mut self) {
        let [from, to] = [self.granted + 1, self.granted + BLOCK].map(|seq| seq.to_string());
        let answer = self.call("install", &["seq:{c}"], &["t", &from, &to, "1"]);
        assert_eq!(answer, ["installed"]);
        self.granted += BLOCK;
    }

    /// The next message of somebody: its seq, and that it is stored.
    fn send(&mut self) {
        self.claimed += 1;
        let id = format!("m{}", self.claimed);
        let claim_key = format!("claim:{{c}}:{id}");
        let keys = ["seq:{c}", claim_key.as_str()];
        let seq = loop {
            let answer = self.call("claim", &keys, &[&id, "body", "1", "0", "0", "t", "0"]);
            match answer[0].as_str() {
                "need" => self.install(),
                "new" => {
                    // The block is running out, and this is the one to bring the next.
                    if answer.len() > 4 {
                        self.install();
                    }
                    break answer[1].clone();
                }
                other => panic!("claim answered {other}"),
            }
        };
        self.call("finish", &keys, &[&seq, &id]);
    }
}

pub(crate) fn measure(criterion: &mut Criterion) {
    let Some(server) = Server::start() else {
        println!("claim and finish: left out, there is no redis-server");
        return;
    };
    let mut conversation = Conversation { redis: server.connect(), claimed: 0, granted: 0 };
    let loaded: String =
        redis::cmd("FUNCTION").arg("LOAD").arg(functions::library()).query(&mut conversation.redis).expect("loaded");
    assert!(!loaded.is_empty());
    criterion.bench_function("claim and finish, two round trips to Redis", |bench| bench.iter(|| conversation.send()));
}
