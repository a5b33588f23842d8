//! A real `nexo serve` process, on a port and a data folder of its own.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tempfile::TempDir;
use tokio::sync::oneshot;

use nexo::config::ClusterStore;

use super::{SECRET, within};

/// How a server is started; the same launch twice is the same data folder twice.
#[derive(Clone)]
pub(crate) struct Launch {
    home: Arc<TempDir>,
    settings: Vec<(String, String)>,
    wrapper: Vec<String>,
    /// Whether it has a data folder.
    on_disk: bool,
}

impl Launch {
    /// A new data folder, rate limits off.
    pub(crate) fn new() -> Launch {
        let home = tempfile::Builder::new().prefix("nexo-it-").tempdir().expect("a temporary folder");
        let launch = Launch { home: Arc::new(home), settings: Vec::new(), wrapper: Vec::new(), on_disk: true };
        launch.set("limits", "enabled", "false")
    }

    /// A new node of a cluster, rate limits off.
    pub(crate) fn node(config: &ClusterStore) -> Launch {
        let launch = Launch { on_disk: false, ..Launch::new() };
        [
            ("mode", "cluster"),
            ("cql_nodes", &config.cql_nodes),
            ("cql_keyspace", &config.cql_keyspace),
            ("redis_url", &config.redis_url),
            ("redis_prefix", &config.redis_prefix),
        ]
        .into_iter()
        .fold(launch.set("auth", "secret", SECRET), |launch, (field, value)| launch.set("store", field, value))
    }

    /// Sets `section.field`, through the environment.
    pub(crate) fn set(mut self, section: &str, field: &str, value: &str) -> Launch {
        let key = format!("NEXO__{}__{}", section.to_uppercase(), field.to_uppercase());
        self.settings.push((key, value.to_owned()));
        self
    }

    /// Starts the server through another command, which gets the server's words as its last ones.
    pub(crate) fn through(mut self, wrapper: &[&str]) -> Launch {
        self.wrapper = wrapper.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// A file that may not grow is an error to the server, not its death.
    pub(crate) fn ignoring_full_disks(self) -> Launch {
        self.through(&["sh", "-c", r#"trap '' XFSZ; exec "$0" "$@""#])
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// What every server on this folder wrote to stderr.
    pub(crate) fn log(&self) -> String {
        let bytes = fs::read(self.log_path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn log_path(&self) -> PathBuf {
        self.home.path().join("stderr.log")
    }

    fn command(&self) -> Command {
        // `tests/faults` strikes the release build.
        let program = std::env::var("NEXO_TEST_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_nexo").to_owned());
        let mut words = self.wrapper.iter().map(String::as_str).chain([program.as_str()]);
        let mut command = Command::new(words.next().expect("a program"));
        for (key, _) in std::env::vars_os() {
            if key.to_string_lossy().starts_with("NEXO") {
                command.env_remove(key);
            }
        }
        let log = File::options().create(true).append(true).open(self.log_path()).expect("the log file");
        command
            .args(words)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(self.on_disk.then(|| [OsString::from("--data"), self.data().into()]).into_iter().flatten())
            .envs(self.settings.iter().map(|(key, value)| (key, value)))
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        command
    }

    /// Starts a server; a server that ends before it serves is an error: its exit code and its stderr.
    pub(crate) async fn try_start(&self) -> Result<Server, (Option<i32>, String)> {
        let mut child = self.command().spawn().expect("the nexo binary starts");
        let stdout = child.stdout.take().expect("a piped stdout");
        let greeting = Arc::new(Mutex::new(Vec::new()));
        let (first, url) = oneshot::channel();
        let lines = Arc::clone(&greeting);
        std::thread::spawn(move || {
            let mut first = Some(first);
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let url = line.split_whitespace().last().unwrap_or_default().to_owned();
                lines.lock().expect("the greeting").push(line);
                if let Some(first) = first.take() {
                    // The test may have given up waiting.
                    drop(first.send(url));
                }
            }
        });
        let mut server = Server { child, url: String::new(), greeting, launch: self.clone() };
        match tokio::time::timeout(Duration::from_secs(30), url).await {
            Ok(Ok(url)) => server.url = url,
            Ok(Err(_)) => return Err((server.wait_exit().await.code(), self.log())),
            Err(_) => panic!("the server said no URL within 30 s; its stderr:\n{}", self.log()),
        }
        assert!(server.url.starts_with("http"), "no URL at the end of {:?}", server.greeting());
        Ok(server)
    }

    /// Starts a server that is expected to start.
    pub(crate) async fn start(&self) -> Server {
        match self.try_start().await {
            Ok(server) => server,
            Err((code, log)) => panic!("nexo serve ended with {code:?} instead of serving:\n{log}"),
        }
    }
}

/// A running server; dropped is killed.
pub(crate) struct Server {
    child: Child,
    url: String,
    greeting: Arc<Mutex<Vec<String>>>,
    launch: Launch,
}

impl Server {
    /// `http://127.0.0.1:<port>`, or https.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The same without the scheme: `127.0.0.1:<port>`.
    pub(crate) fn host(&self) -> &str {
        self.url.split_once("://").expect("a URL").1
    }

    /// What it wrote to stdout so far.
    pub(crate) fn greeting(&self) -> Vec<String> {
        self.greeting.lock().expect("the greeting").clone()
    }

    /// How it was started.
    pub(crate) fn launch(&self) -> &Launch {
        &self.launch
    }

    /// Lets its files grow to `bytes` and no further (`None`: as they like), which is a full disk to it. A process that did
    /// not begin with SIGXFSZ ignored is killed by that; `Launch::ignoring_full_disks` begins so.
    pub(crate) fn limit_file_size(&self, bytes: Option<u64>) {
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(Some(Pid::from_child(&self.child)), Resource::Fsize, limit).expect("the limit");
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a power cut would, and waits until it is gone.
    pub(crate) fn kill9(&mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("the killed server's end");
    }

    /// Asks it to end (SIGTERM).
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the signal");
    }

    /// Waits until it has ended.
    pub(crate) async fn wait_exit(&mut self) -> ExitStatus {
        let child = &mut self.child;
        within("the end of the server", async {
            loop {
                if let Some(status) = child.try_wait().expect("the state of the server") {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
    }

    /// Starts it again on the same folder with the same settings, ending it first if it still runs.
    pub(crate) async fn restart(&mut self) {
        if self.child.try_wait().expect("the state of the server").is_none() {
            self.terminate();
            self.wait_exit().await;
        }
        *self = self.launch.clone().start().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails if it has ended already, which is as good.
        if self.child.kill().is_ok() {
            self.child.wait().ok();
        }
    }
}
