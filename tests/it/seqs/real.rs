//! A redis-server of this test's own.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A server without a port, in a folder of its own. It ends with the thread that started it, whatever happens.
pub(super) struct Real {
    child: Child,
    stream: BufReader<UnixStream>,
    _folder: TempDir,
}

impl Drop for Real {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a program is there.
fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

impl Real {
    /// A started server; `None` if none is installed, which is said, and is a failure where nothing may be left out.
    pub(super) fn start(test: &str) -> Option<Self> {
        if !["redis-server", "setpriv"].into_iter().all(is_installed) {
            let left_out = format!("left out: {test} needs redis-server and setpriv");
            assert!(std::env::var_os("NEXO_TEST_ALL").is_none(), "{left_out}");
            println!("{left_out}");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("socket");
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "redis-server", "--port", "0", "--save", "", "--appendonly", "no"]);
        command.args(["--enable-debug-command", "yes", "--dir"]).arg(folder.path()).arg("--unixsocket").arg(&socket);
        let mut child = command.stdout(Stdio::null()).spawn().expect("setpriv starts");
        let given_up = Instant::now() + Duration::from_secs(20);
        let stream = loop {
            match UnixStream::connect(&socket) {
                Ok(stream) => break BufReader::new(stream),
                Err(error) => assert!(Instant::now() < given_up, "redis-server does not listen: {error}"),
            }
            assert_eq!(child.try_wait().expect("a child"), None, "redis-server ended");
            thread::sleep(Duration::from_millis(5));
        };
        Some(Self { child, stream, _folder: folder })
    }

    /// What a command answers, as a flat list: nothing for nil, numbers in decimal.
    pub(super) fn run(&mut self, words: &[&str]) -> Vec<String> {
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.stream.get_mut().write_all(request.as_bytes()).expect("redis-server reads");
        let mut answer = Vec::new();
        self.read(&mut answer);
        answer
    }

    fn read(&mut self, answer: &mut Vec<String>) {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("an answer");
        let (kind, rest) = line.trim_end().split_at(1);
        match kind {
            "+" | ":" => answer.push(rest.to_owned()),
            "$" | "*" if rest == "-1" => {}
            "$" => {
                let mut text = vec![0; rest.parse::<usize>().expect("a length") + 2];
                self.stream.read_exact(&mut text).expect("a string");
                text.truncate(text.len() - 2);
                answer.push(String::from_utf8(text).expect("text"));
            }
            "*" => (0..rest.parse().expect("a length")).for_each(|_: usize| self.read(answer)),
            _ => panic!("redis-server answers {line}"),
        }
    }

    /// Its replication id.
    pub(super) fn replid(&mut self) -> String {
        let info = self.run(&["INFO", "replication"]).concat();
        let line = info.lines().find_map(|line| line.strip_prefix("master_replid:"));
        line.expect("a replication id").to_owned()
    }

    /// Its time in milliseconds.
    pub(super) fn time_ms(&mut self) -> u64 {
        let words = self.run(&["TIME"]);
        let [seconds, micros]: [u64; 2] = [0, 1].map(|at: usize| words[at].parse().expect("a number"));
        seconds * 1000 + micros / 1000
    }
}
