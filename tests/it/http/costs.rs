//! What a send and a list cost: commands and statements of a cluster, counted by the servers that send them, and syncs of the
//! embedded store, counted by strace.

use std::process::Stdio;
use std::time::Instant;

use futures_util::future::join_all;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::support::services::{Need, needs};
use crate::support::*;

/// How many sends are counted. The extras (a block of seqs now and then, the fence once a second, the routes of those who are
/// online) are shared by them.
const SENDS: u64 = 300;

/// A server looks whether its database answers, by a statement, whenever it is asked for its metrics.
const STATEMENTS_OF_A_LOOK: u64 = 3;

/// The Redis commands and the CQL statements of all servers so far.
async fn asked(world: &World) -> (u64, u64) {
    let metrics = world.metrics().await;
    (sum(&metrics, "nexo_redis_commands_total", ""), sum(&metrics, "nexo_cql_statements_total", ""))
}

/// What was asked between two looks.
fn between(before: (u64, u64), after: (u64, u64)) -> (u64, u64) {
    (after.0 - before.0, after.1 - before.1 - STATEMENTS_OF_A_LOOK)
}

#[test]
fn a_send_between_two_costs_at_most_7_redis_commands_and_5_cql_statements() {
    run(Mode::Cluster, &[("limits", "enabled", "true")], async |world: World| {
        let [ann, bob] = world.people().await;
        let (mut phone, mut desk) = (ann.on(1).await.socket().await, bob.socket().await);
        // The limits are on, and cost nothing. The first ones bring the conversation into being, and small blocks of seqs.
        for _ in 0..SENDS {
            ann.send(&bob, "first").await;
        }
        let before = asked(&world).await;
        let (mut last, begun) = (None, Instant::now());
        for _ in 0..SENDS {
            last = Some(ann.send(&bob, "counted").await);
        }
        let last = last.expect("a message");
        phone.until(|frame| frame["seq"] == last["seq"]).await;
        desk.until(|frame| frame["seq"] == last["seq"]).await;
        let after = asked(&world).await;
        let (redis, cql) = between(before, after);
        // The fence of the conversation is read again by each of three servers each second; a copy of the session and the routes
        // are renewed now and then; a block of 1,024 seqs takes three commands and statements.
        let extras = 2 * 3 * (begun.elapsed().as_secs() + 1) + 6;
        println!("{SENDS} sends, up to {extras} extras: {redis} Redis commands, {cql} CQL statements");
        assert!(redis <= SENDS * 7 + extras, "{redis} Redis commands for {SENDS} sends");
        assert!(cql <= SENDS * 5 + extras, "{cql} CQL statements for {SENDS} sends");
    });
}

#[test]
fn a_list_costs_a_redis_command_for_each_conversation_and_3_cql_statements() {
    run(Mode::Cluster, &[], async |world: World| {
        const CONVERSATIONS: u64 = 60;
        let [ann] = world.people().await;
        for _ in 0..CONVERSATIONS {
            let group = ann.group(&[]).await;
            ann.send_group(&group, "hello").await.ok();
        }
        let before = asked(&world).await;
        let begun = Instant::now();
        let list = ann.get("/conversation/list").await.ok();
        let after = asked(&world).await;
        let (redis, cql) = between(before, after);
        assert_eq!(list.as_array().expect("a list").len() as u64, CONVERSATIONS);
        // Each of three servers says once a second that it is there. The other command, and a third statement at times, are for the token.
        let extras = 3 * (begun.elapsed().as_secs() + 1) + 1;
        println!("a list of {CONVERSATIONS}, up to {extras} extras: {redis} Redis commands, {cql} CQL statements");
        assert!(redis <= CONVERSATIONS + extras, "{redis} Redis commands");
        assert!(cql <= 3, "{cql} CQL statements");
    });
}

/// How often a server has the kernel sync a file of its store while `work` is done. Its commit mark, synced once a second, is another one.
async fn syncs_during(strace: &str, pid: u32, work: impl Future<Output = ()>) -> usize {
    let calls = tempfile::NamedTempFile::new().expect("a file");
    let mut tracer = Command::new(strace)
        .args(["-f", "-y", "-e", "trace=fsync,fdatasync,sync_file_range,msync", "-p", &pid.to_string(), "-o"])
        .arg(calls.path())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("strace starts");
    let mut said = BufReader::new(tracer.stderr.take().expect("a pipe")).lines();
    loop {
        let line = said.next_line().await.expect("strace is heard").expect("strace attaches");
        if line.contains("attached") {
            break;
        }
    }
    work.await;
    let tracer_pid = tracer.id().and_then(|id| Pid::from_raw(id.cast_signed())).expect("it runs");
    kill_process(tracer_pid, Signal::INT).expect("strace is told to let go");
    tracer.wait().await.expect("strace ends");
    let calls = std::fs::read_to_string(calls.path()).expect("strace wrote");
    let syncs = calls.lines().filter(|line| line.contains("sync(") || line.contains("sync_file_range("));
    syncs.filter(|line| !line.contains("/commit-mark>")).count()
}

#[test]
fn a_batch_of_sends_is_synced_once_and_those_who_wait_share_it() {
    let Some([strace]) = needs([Need::Strace]) else { return };
    run(Mode::Embedded, &[("limits", "enabled", "false")], async |mut world: World| {
        let [ann, bob] = world.people().await;
        ann.send(&bob, "first").await;
        let pid = world.servers()[0].pid();
        let batches =
            async || usize::try_from(sum(&world.metrics().await, "nexo_store_batch_size_count", "")).expect("a count");
        let before = batches().await;
        let alone = async {
            for _ in 0..20 {
                ann.send(&bob, "alone").await;
            }
        };
        let syncs = syncs_during(&strace, pid, alone).await;
        assert_eq!((syncs, batches().await - before), (20, 20), "a send that nothing waits beside");
        let before = batches().await;
        let crowd = async { drop(join_all((0..200).map(|_| ann.send(&bob, "in a crowd"))).await) };
        let syncs = syncs_during(&strace, pid, crowd).await;
        println!("200 sends at once: {syncs} syncs");
        assert_eq!(syncs, batches().await - before, "one sync for each batch");
        assert!(syncs <= 100, "{syncs} syncs for 200 sends at once");
    });
}
