//! The server that is measured: started here in a folder of its own, or running already, as one node or as several.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::http::Http;
use crate::options::Options;
use crate::proc::{Memory, Processes};
use crate::progress::say;

/// A start or a stop that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// The `f_type` of tmpfs in statfs(2), where a sync costs nothing and figures mean nothing.
const TMPFS: i64 = 0x0102_1994;

/// The server under measurement. A started one is killed when this is dropped, also on the way out of a failure.
pub(crate) struct Server {
    pub(crate) nodes: Nodes,
    /// Itself, and what it stands on.
    pub(crate) processes: Processes,
    own: Option<Own>,
}

/// Where the nodes listen, all of which serve everybody alike.
#[derive(Clone)]
pub(crate) struct Nodes(Arc<[SocketAddr]>);

impl Nodes {
    /// One of them: connections are spread over all by their number.
    pub(crate) fn at(&self, number: usize) -> SocketAddr {
        self.0[number % self.0.len()]
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}

/// What belongs to a server that was started here.
struct Own {
    binary: PathBuf,
    folder: TempDir,
    child: Child,
    took: Duration,
}

impl Server {
    /// Starts a server, or attaches to the nodes at `--url`.
    pub(crate) async fn from_options(options: &Options) -> Result<Server> {
        if options.text("url").is_empty() {
            return Server::start(options).await;
        }
        let nodes: Result<Vec<SocketAddr>> = options.list("url").map(address_of).collect();
        let (server, redis) = (options.numbers("pid")?, options.numbers("redis-pid")?);
        let processes = Processes { server, redis, database: options.numbers("database-pid")? };
        Ok(Server { nodes: Nodes(nodes?.into()), processes, own: None })
    }

    async fn start(options: &Options) -> Result<Server> {
        let binary = match options.path("server") {
            // The server runs in a folder of its own.
            Some(path) => std::path::absolute(path)?,
            None => std::env::current_exe()?.with_file_name("nexo"),
        };
        if !binary.is_file() {
            let path = binary.display();
            bail!("there is no server at {path}: build it (cargo build --release) or give --server or --url");
        }
        let parent = options.path("tmp").unwrap_or_else(std::env::temp_dir);
        warn_about_memory_disks(&parent);
        let folder = tempfile::Builder::new()
            .prefix("nexo-bench-")
            .tempdir_in(&parent)
            .with_context(|| format!("cannot make a folder in {}", parent.display()))?;
        let (child, address, took) = launch(&binary, folder.path()).await?;
        let processes = Processes { server: child.id().into_iter().collect(), ..Processes::default() };
        Ok(Server { nodes: Nodes([address].into()), processes, own: Some(Own { binary, folder, child, took }) })
    }

    /// From starting the process to `/ready` answering 200, if it was started here.
    pub(crate) fn start_took(&self) -> Option<Duration> {
        self.own.as_ref().map(|own| own.took)
    }

    /// Whether this tool may stop it.
    pub(crate) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// Ends the process with the signal, waits for its end, and starts it again on the same data.
    pub(crate) async fn restart(&mut self, signal: Signal) -> Result<()> {
        let own = self.own.as_mut().context("a server at --url is not restarted by this tool")?;
        end(&mut own.child, signal).await?;
        let (child, address, took) = launch(&own.binary, own.folder.path()).await?;
        self.nodes = Nodes([address].into());
        self.processes.server = child.id().into_iter().collect();
        own.child = child;
        own.took = took;
        Ok(())
    }

    /// Stops a started server in the polite way; a foreign one goes on.
    pub(crate) async fn stop(mut self) -> Result<()> {
        match &mut self.own {
            Some(own) => end(&mut own.child, Signal::TERM).await,
            None => Ok(()),
        }
    }

    /// Whether it is the mode of many nodes, whose figures are others.
    pub(crate) fn is_cluster(&self) -> bool {
        self.nodes.count() > 1
    }

    /// Memory of all nodes now, where their process ids are known.
    pub(crate) fn memory(&self) -> Result<Option<Memory>> {
        Ok(self.processes.memory()?.server)
    }
}

impl Drop for Own {
    /// Kills what still runs, and waits for its end: the folder is removed after this.
    fn drop(&mut self) {
        if self.child.start_kill().is_err() {
            // It has ended, and was waited for.
            return;
        }
        for _ in 0..200 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Starts the binary and waits until it is ready.
async fn launch(binary: &Path, folder: &Path) -> Result<(Child, SocketAddr, Duration)> {
    let log = folder.join("server.log");
    let began = Instant::now();
    let mut child = Command::new(binary)
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.join("data"))
        .env("NEXO__LIMITS__ENABLED", "false")
        .env("NEXO__LOG__FILTER", "warn")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(&log)?)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {}", binary.display()))?;
    let stdout = child.stdout.take().context("the pipe was asked for")?;
    let ready = async {
        let address = address_of(&first_url(stdout).await?)?;
        wait_until_ready(address).await?;
        Ok::<_, anyhow::Error>(address)
    };
    match timeout(PATIENCE, ready).await {
        Ok(Ok(address)) => Ok((child, address, began.elapsed())),
        Ok(Err(error)) => Err(error.context(format!("the server did not start: {}", tail(&log)))),
        Err(_) => bail!("the server was not ready in {PATIENCE:?}: {}", tail(&log)),
    }
}

/// The URL at the end of the first line. The lines behind it are read and dropped, so that the pipe never fills.
async fn first_url(stdout: ChildStdout) -> Result<String> {
    let mut lines = BufReader::new(stdout).lines();
    let line = lines.next_line().await?.context("it printed nothing")?;
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    let url = line.rsplit(' ').next().unwrap_or_default();
    Ok(url.to_owned())
}

async fn wait_until_ready(address: SocketAddr) -> Result<()> {
    let mut http = Http::connect(address).await?;
    while http.get("/ready", "").await?.status != 200 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// Sends the signal and waits; one that does not end in time is killed.
async fn end(child: &mut Child, signal: Signal) -> Result<()> {
    let pid = child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    let Some(pid) = pid else {
        bail!("the server has ended by itself");
    };
    kill_process(pid, signal)?;
    if timeout(PATIENCE, child.wait()).await.is_err() {
        child.kill().await?;
        bail!("the server did not end within {PATIENCE:?} of the signal and was killed");
    }
    Ok(())
}

fn address_of(url: &str) -> Result<SocketAddr> {
    let rest = url.strip_prefix("http://").with_context(|| format!("`{url}` is not a URL that begins with http://"))?;
    let host = rest.split('/').next().unwrap_or_default();
    let mut addresses = host.to_socket_addrs().with_context(|| format!("`{host}` is not HOST:PORT"))?;
    addresses.next().with_context(|| format!("`{host}` has no address"))
}

/// The last lines of the server's log, for an error message.
fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join(" | ")
}

fn warn_about_memory_disks(folder: &Path) {
    if let Ok(found) = rustix::fs::statfs(folder)
        && found.f_type == TMPFS
    {
        say("warning: the data folder is on tmpfs, where a sync is free: give --tmp on a real disk");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_gives_its_address() {
        let address = address_of("http://127.0.0.1:8080/").expect("valid");
        assert_eq!(address.port(), 8080);
        assert!(address_of("ws://127.0.0.1:8080").is_err());
        assert!(address_of("http://127.0.0.1").is_err());
    }
}
