//! Groups of which many members are online: they are written to past the tasks of their sockets.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::large_groups::large;
use crate::support::*;

/// Room for all that is sent.
const QUEUE: (&str, &str, &str) = ("ws", "queue_bytes", "16777216");

/// How many members have a socket: on one of three nodes there are twenty of them at least, which is a crowd.
const MEMBERS: usize = 60;

/// How many of them read late.
const LATE: usize = 5;

/// Messages in all, of more bytes than the kernel keeps for a socket.
const MESSAGES: i64 = 200;
const TEXT_BYTES: usize = 15_000;

/// What everybody is sent in the end.
const LAST: i64 = MESSAGES + 1;

/// The seqs of the messages among frames.
fn seqs_of(frames: &[Value]) -> Vec<i64> {
    frames.iter().filter(|frame| frame["msg_type"].is_i64()).map(|frame| int(frame, "seq")).collect()
}

/// Reads up to the last message, and asks things meanwhile, whose answers come between the pushes.
async fn hear(socket: &mut Socket) -> Vec<i64> {
    let mut frames = Vec::new();
    loop {
        frames.push(socket.next().await);
        match frames.last().map(|frame| int(frame, "seq")) {
            Some(LAST) => return seqs_of(&frames),
            Some(seq) if seq % 20 == 0 => drop(socket.ask_ok("ping", json!({})).await),
            _ => {}
        }
    }
}

/// The same for one who asked before it began to read, when all was sent.
async fn hear_late(socket: &mut RawSocket) -> Vec<i64> {
    let mut frames: Vec<Value> = Vec::new();
    while frames.iter().all(|frame| frame["seq"] != LAST) || frames.iter().all(|frame| frame["id"] != "late") {
        let (opcode, payload) = socket.read().await.expect("a frame");
        if opcode == opcode::TEXT {
            frames.push(serde_json::from_slice(&payload).expect("JSON"));
        }
    }
    seqs_of(&frames)
}

async fn everybody_hears_all_in_order(world: World, is_large: bool) {
    let ann = world.person("ann").await;
    let others = world.crowd(MEMBERS).await;
    let members: Vec<&Person> = others.iter().collect();
    let group = if is_large { large(&world, &ann, &members).await } else { ann.group(&members).await };
    let (late, quick) = others.split_at(LATE);
    let mut quick = join_all(quick.iter().map(Person::socket)).await;
    let mut late = join_all(late.iter().map(|person| RawSocket::open(person, ""))).await;
    let talk = async {
        let text = "x".repeat(TEXT_BYTES);
        for _ in 0..MESSAGES {
            ann.send_group(&group, &text).await.ok();
        }
        for socket in &mut late {
            socket.write(opcode::TEXT, br#"{"op":"ping","id":"late","data":{}}"#).await;
        }
        ann.send_group(&group, "the last one").await.ok();
    };
    let (heard, ()) = tokio::join!(join_all(quick.iter_mut().map(hear)), talk);
    let heard_late = join_all(late.iter_mut().map(hear_late)).await;
    let expected: Vec<i64> = (1..=LAST).collect();
    for heard in heard.into_iter().chain(heard_late) {
        assert_eq!(heard, expected);
    }
}

#[test]
fn everybody_hears_all_in_order_also_who_reads_late_embedded() {
    run(Mode::Embedded, &[QUEUE], |world| everybody_hears_all_in_order(world, false));
}

#[test]
fn everybody_hears_all_in_order_also_who_reads_late_cluster() {
    let settings = [QUEUE, ("store", "big_group_members", "2")];
    run(Mode::Cluster, &settings, |world| everybody_hears_all_in_order(world, true));
}
