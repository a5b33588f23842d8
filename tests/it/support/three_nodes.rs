//! The CQL database of three nodes, of which a test may kill or pause one.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::{Mutex, MutexGuard};

use super::services::{self, Need};

/// Two tests that each kill a node would leave no quorum to either.
static ALONE: Mutex<()> = Mutex::const_new(());

/// The three nodes, one test's at a time; dropped, all of them run again.
pub(crate) struct ThreeNodes {
    addresses: String,
    folder: PathBuf,
    /// Those that were killed and not started again.
    dead: BTreeSet<usize>,
    _alone: MutexGuard<'static, ()>,
}

impl ThreeNodes {
    /// Waits until no other test has them; `None` if they are not there, the test is left out then.
    pub(crate) async fn alone() -> Option<ThreeNodes> {
        let [addresses] = services::needs([Need::ThreeNodes])?;
        let folder = std::env::var_os("NEXO_SERVICES").expect("the folder of the services: tests/services sets it");
        let folder = PathBuf::from(folder).join("three");
        Some(ThreeNodes { addresses, folder, dead: BTreeSet::new(), _alone: ALONE.lock().await })
    }

    /// The address of node 1, 2 or 3.
    pub(crate) fn address(&self, node: usize) -> &str {
        self.addresses.split(',').nth(node - 1).expect("three nodes")
    }

    /// Ends a node as a power cut would.
    pub(crate) fn kill9(&mut self, node: usize) {
        self.signal(node, Signal::KILL);
        self.dead.insert(node);
    }

    /// A node keeps its connections and answers nothing, until `resume`.
    pub(crate) fn pause(&self, node: usize) {
        self.signal(node, Signal::STOP);
    }

    /// A node goes on after `pause`.
    pub(crate) fn resume(&self, node: usize) {
        self.signal(node, Signal::CONT);
    }

    /// Starts a node again after `kill9`, with what it had; it answers, and if all three run, each sees all of them.
    pub(crate) async fn start_again(&mut self, node: usize) {
        let mut command = tokio::process::Command::from(again(node));
        assert!(command.status().await.expect("tests/services starts").success(), "node {node} did not start again");
        self.dead.remove(&node);
    }

    fn signal(&self, node: usize, signal: Signal) {
        let pid = self.pid(node).expect("the pid of a node");
        kill_process(pid, signal).expect("the signal to a node");
    }

    fn pid(&self, node: usize) -> Option<Pid> {
        let text = fs::read_to_string(self.folder.join(node.to_string()).join("pid")).ok()?;
        Pid::from_raw(text.split(' ').next()?.parse().ok()?)
    }
}

impl Drop for ThreeNodes {
    fn drop(&mut self) {
        for node in 1..=3 {
            // What fails here is the next test's trouble, and it says so itself.
            if self.dead.contains(&node) {
                again(node).status().ok();
            } else if let Some(pid) = self.pid(node) {
                kill_process(pid, Signal::CONT).ok();
            }
        }
    }
}

/// The command that starts a node again.
fn again(node: usize) -> Command {
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/services"));
    command.args(["node", &node.to_string()]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
