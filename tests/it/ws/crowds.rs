//! Groups of which many members are online: they are written to past the tasks of their sockets.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::large_groups::large;
use crate::support::*;

/// Room for all that is sent.
const QUEUE: (&str, &str, &str) = ("ws", "queue_bytes", "16777216");

/// How many messages are sent, and what is more than the kernel keeps for a socket.
const MESSAGES: i64 = 300;
const TEXT_BYTES: usize = 15_000;

/// The seqs of the messages until the last one; answers and events are no messages.
fn seqs_of(frames: &[Value]) -> Vec<i64> {
    frames.iter().filter(|frame| frame["msg_type"].is_i64()).map(|frame| int(frame, "seq")).collect()
}

/// Reads to the last message, and asks things meanwhile, whose answers come between the pushes.
async fn hear(socket: &mut Socket) -> Vec<i64> {
    let mut frames = Vec::new();
    while frames.len() < MESSAGES as usize {
        frames.extend(socket.take(50).await);
        socket.ask_ok("ping", json!({})).await;
    }
    seqs_of(&frames)
}

/// The same for one who only reads once all is sent.
async fn hear_late(socket: &mut RawSocket) -> Vec<i64> {
    let mut frames = Vec::new();
    while frames.len() < MESSAGES as usize {
        let (opcode, payload) = socket.read().await.expect("a frame");
        if opcode == opcode::TEXT {
            frames.push(serde_json::from_slice(&payload).expect("JSON"));
        }
    }
    seqs_of(&frames)
}

async fn everybody_hears_all_in_order(world: World, is_large: bool) {
    let ann = world.person("ann").await;
    let others = world.crowd(40).await;
    let members: Vec<&Person> = others.iter().collect();
    let group = if is_large { large(&world, &ann, &members).await } else { ann.group(&members).await };
    let (quick, late) = others.split_at(36);
    let mut quick = join_all(quick.iter().map(Person::socket)).await;
    let mut late = join_all(late.iter().map(|person| RawSocket::open(person, ""))).await;
    let expected: Vec<i64> = (1..=MESSAGES).collect();
    let talk = async {
        let text = "x".repeat(TEXT_BYTES);
        for _ in 0..MESSAGES {
            ann.send_group(&group, &text).await.ok();
        }
    };
    let (heard, ()) = tokio::join!(join_all(quick.iter_mut().map(hear)), talk);
    for heard in heard {
        assert_eq!(heard, expected);
    }
    for heard in join_all(late.iter_mut().map(hear_late)).await {
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
