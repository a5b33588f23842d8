//! A disk without room: sends are refused, everything else goes on, and nothing acked is lost.
//!
//! There are two such disks. A small tmpfs in a mount namespace of its own is full as a whole; where namespaces are
//! forbidden, that test says so and does nothing. A limit on the size of files makes every file full at once, the log
//! included, and works everywhere.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;

use super::ledger::Ledger;
use super::run;
use crate::support::*;

/// How much the small disk holds: one journal of the store, its copy at a start, and some tables.
const DISK: &str = "size=256m";

/// Where a server keeps its data.
enum Disk {
    /// On a tmpfs that this process keeps mounted.
    Tmpfs(Child),
    /// On a real one, with a limit on the size of files.
    Limited,
}

impl Disk {
    /// A small tmpfs as the data folder; `None` if this machine lets nobody have one.
    fn tmpfs(launch: Launch) -> Option<(Disk, Launch)> {
        fs::create_dir(launch.data()).expect("a new data folder");
        let script = "mount -t tmpfs -o \"$1\" tmpfs \"$0\" && echo mounted && exec sleep 600";
        let holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
            .arg(launch.data())
            .arg(DISK)
            .stdout(Stdio::piped())
            .spawn();
        let mut holder = holder.ok()?;
        let mut line = String::new();
        BufReader::new(holder.stdout.take().expect("a pipe")).read_line(&mut line).expect("the pipe");
        if line.trim() != "mounted" {
            holder.wait().expect("its end");
            return None;
        }
        let pid = holder.id().to_string();
        let launch = launch.through(&["nsenter", "--user", "--mount", "--preserve-credentials", "--target", &pid]);
        Some((Disk::Tmpfs(holder), launch))
    }

    /// A disk on which files can be made full.
    fn limited(launch: Launch) -> (Disk, Launch) {
        (Disk::Limited, launch.ignoring_full_disks())
    }

    /// A file that takes the room on a tmpfs, as it is seen from outside.
    fn filler(&self, launch: &Launch) -> Option<PathBuf> {
        match self {
            Disk::Tmpfs(holder) => Some(format!("/proc/{}/root{}/filler", holder.id(), launch.data().display()).into()),
            Disk::Limited => None,
        }
    }

    /// Leaves no room.
    fn fill(&self, server: &Server) {
        match self.filler(server.launch()) {
            Some(path) => {
                let mut file = File::create(path).expect("a filler");
                for size in [1 << 20, 4096] {
                    while file.write_all(&vec![0xff; size]).is_ok() {}
                }
            }
            None => server.limit_file_size(Some(4096)),
        }
    }

    /// Makes room again.
    fn free(&self, server: &Server) {
        match self.filler(server.launch()) {
            Some(path) => fs::remove_file(path).expect("the filler"),
            None => server.limit_file_size(None),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Disk::Tmpfs(holder) = self {
            holder.kill().expect("it sleeps");
            holder.wait().expect("its end");
        }
    }
}

/// Waits until `/ready` says so.
async fn ready(world: &World, status: u16) {
    eventually(format!("/ready {status}"), async || (world.visitor().get("/ready").await.status == status).then_some(()))
        .await;
}

/// Fills the disk while messages are sent, looks at what goes on and what does not, and makes room.
async fn full_for_a_while(world: &mut World, disk: &Disk, ledger: &Ledger) {
    let [ann, bob] = [&ledger.people()[0], &ledger.people()[1]];
    let mut socket = ann.socket().await;
    let goal = ledger.acks() + 100;
    let fill = async {
        eventually("enough acks", async || (ledger.acks() >= goal).then_some(())).await;
        disk.fill(&world.servers()[0]);
    };
    tokio::join!(fill, ledger.write_until_refused(12));
    ready(world, 503).await;
    assert_eq!(world.visitor().get("/health").await.status, 200);
    for _ in 0..20 {
        let refused = ann.post("/msg/send", ann.draft(bob, "no room")).await;
        refused.refused_with(503, 1002);
        assert!(!refused.header("retry-after").is_empty(), "{refused:?}");
        assert_eq!(socket.ask("send", ann.draft(bob, "no room")).await["code"], 1002);
        // Reads and pulls go on.
        ann.get("/user/info").await.ok();
        socket.ask_ok("max_seq", json!({ "conversation_id": ledger.conversations()[0] })).await;
    }
    ledger.check().await;
    disk.free(&world.servers()[0]);
    ready(world, 200).await;
    ledger.retry().await;
    ledger.check().await;
    ledger.repeat(50).await;
}

async fn out_of_room_and_back(disk: Disk, launch: Launch) {
    let mut world = World::of(vec![launch.start().await]);
    let ledger = Ledger::new(&world).await;
    for _ in 0..3 {
        full_for_a_while(&mut world, &disk, &ledger).await;
    }
    world.restart().await;
    ledger.check().await;
    full_for_a_while(&mut world, &disk, &ledger).await;
    world.servers()[0].kill9();
    world.restart().await;
    ledger.check().await;
    assert!(!world.logs().contains("panicked"), "{}", world.logs());
}

#[test]
fn on_a_full_disk_sends_are_503_and_1002_reads_go_on_and_nothing_acked_is_lost() {
    match Disk::tmpfs(Launch::new()) {
        Some((disk, launch)) => run(out_of_room_and_back(disk, launch)),
        None => eprintln!("no mount namespaces here: the limit on file sizes stands in for the full disk"),
    }
}

#[test]
fn with_files_that_cannot_grow_sends_are_503_and_1002_reads_go_on_and_nothing_acked_is_lost() {
    let (disk, launch) = Disk::limited(Launch::new());
    run(out_of_room_and_back(disk, launch));
}

#[test]
fn a_start_on_a_full_disk_serves_or_is_refused_and_loses_nothing() {
    let Some((disk, launch)) = Disk::tmpfs(Launch::new()) else { return };
    run(async {
        let mut world = World::of(vec![launch.start().await]);
        let ledger = Ledger::new(&world).await;
        let fill = async {
            eventually("enough acks", async || (ledger.acks() >= 200).then_some(())).await;
            disk.fill(&world.servers()[0]);
        };
        tokio::join!(fill, ledger.write_until_refused(12));
        world.servers()[0].kill9();
        for _ in 0..3 {
            match tokio::time::timeout(Duration::from_secs(20), launch.try_start()).await.expect("a start or its end") {
                Ok(server) => drop(server),
                Err((code, log)) => {
                    assert_eq!(code, Some(1), "{log}");
                    assert!(log.lines().last().is_some_and(|line| line.starts_with("nexo: ")), "{log}");
                    assert!(!log.contains("panicked"), "{log}");
                }
            }
        }
        fs::remove_file(disk.filler(&launch).expect("a tmpfs")).expect("the filler");
        world.restart().await;
        ledger.check().await;
        ledger.retry().await;
        ledger.check().await;
    });
}
