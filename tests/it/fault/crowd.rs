//! Two hundred connections that behave badly: others are served, and the server's memory stays bounded.

use std::cell::Cell;

use serde_json::Value;

use crate::support::*;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// How many connections misbehave: ten of each of twenty users.
const USERS: usize = 20;
const EACH: usize = 10;
const CROWD: u64 = (USERS * EACH) as u64;

/// The resident memory of a process, in bytes.
fn rss(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("KiB") * KIB
}

/// A metric, the sum over its labels that contain `label`.
async fn metric(world: &World, name: &str, label: &str) -> u64 {
    sum(&world.metrics().await, name, label)
}

/// Ten WebSockets of everybody.
async fn sockets(people: &[Person]) -> Vec<RawSocket> {
    let mut sockets = Vec::new();
    for person in people {
        for _ in 0..EACH {
            sockets.push(RawSocket::open(person, "").await);
        }
    }
    sockets
}

/// Sends a message to a group and waits until it is pushed.
async fn say(sender: &Person, group: &str, words: &str, listener: &mut Socket) -> Value {
    let sent = sender.send_group(group, words).await.ok();
    let pushed = listener.next().await;
    assert_eq!(pushed["client_msg_id"], sent["client_msg_id"]);
    sent
}

alone! {
    with(ws.queue_bytes = "65536")
    async fn two_hundred_that_never_read_cost_their_queues_and_are_closed(world: World) {
        let mut world = world;
        let [ann, quick] = world.people().await;
        let slow = world.crowd(USERS).await;
        let members: Vec<&Person> = slow.iter().chain([&quick]).collect();
        let group = ann.group(&members).await;
        // What hashing the passwords took is not what is looked at.
        world.restart().await;
        let mut listener = quick.socket().await;
        let held = sockets(&slow).await;
        say(&ann, &group, "warm up", &mut listener).await;
        let pid = world.servers()[0].pid();
        let (before, mut highest) = (rss(pid), 0);
        let words = "x".repeat(10_000);
        let mut sent = 0;
        while metric(&world, "nexo_ws_closes_total", "4008").await < CROWD {
            for _ in 0..20 {
                say(&ann, &group, &words, &mut listener).await;
                highest = rss(pid).max(highest);
            }
            sent += 20;
            assert!(sent < 2_000, "some are not closed though they never read");
        }
        // Each connection: its queue, and in its socket what is gathered (8 KiB) and the frame being written (16 KiB). All
        // messages: what the store keeps in memory of them, rows and index, and the heap's own slack.
        let bound = CROWD * (64 + 8 + 16) * KIB + 2 * sent * 10 * KIB + 16 * MIB;
        let grown = highest.saturating_sub(before);
        println!("{sent} messages: grown by {} KiB, bound {} KiB", grown / KIB, bound / KIB);
        assert!(grown <= bound, "grown by {grown} bytes, bound {bound}");
        // They come back and are served.
        drop(held);
        let mut back = slow[0].socket().await;
        say(&ann, &group, "again", &mut listener).await;
        assert_eq!(back.next().await["content"]["text"], "again");
        let pulled = slow[0].pull(&format!("sg_{group}")).await;
        assert_eq!(pulled.len() as u64, sent + 2);
    }

    with(ws.heartbeat_ms = "500", ws.silence_ms = "4000", server.header_timeout_ms = "4000", server.body_timeout_ms = "4000")
    async fn two_hundred_that_send_half_a_frame_cost_a_frame_and_are_closed_in_time(world: World) {
        let mut world = world;
        let [ann, quick] = world.people().await;
        let slow = world.crowd(USERS).await;
        let group = ann.group(&[&quick]).await;
        world.restart().await;
        let mut listener = quick.socket().await;
        let pid = world.servers()[0].pid();
        let mut halves = sockets(&slow).await;
        let before = rss(pid);
        let frame = RawSocket::frame(opcode::TEXT, true, &vec![b'x'; 60_000]);
        for half in &mut halves {
            half.0.write(&frame[..40_000]).await;
        }
        let mut requests = Vec::new();
        for n in 0..CROWD {
            let mut tcp = ann.client.tcp().await;
            let head = format!("POST /msg/send HTTP/1.1\r\nHost: nexo\r\nAuthorization: Bearer {}\r\n", ann.token);
            tcp.write(head).await;
            if n % 2 == 0 {
                tcp.write("Content-Length: 60000\r\n\r\n").await;
                tcp.write(vec![b' '; 40_000]).await;
            }
            requests.push(tcp);
        }
        let mut highest = 0;
        for n in 0..50 {
            say(&ann, &group, &format!("meanwhile {n}"), &mut listener).await;
            highest = rss(pid).max(highest);
        }
        // Each half frame and each half body is at most what a whole one may be: 64 KiB and 4 KiB; a head is 16 KiB.
        let bound = CROWD * (68 + 64 + 16) * KIB + 16 * MIB;
        let grown = highest.saturating_sub(before);
        println!("grown by {} KiB, bound {} KiB", grown / KIB, bound / KIB);
        assert!(grown <= bound, "grown by {grown} bytes, bound {bound}");
        let over = Cell::new(false);
        let closing = async {
            for request in &mut requests {
                request.ended().await;
            }
            for half in &mut halves {
                half.0.ended().await;
            }
            over.set(true);
        };
        let serving = async {
            while !over.get() {
                say(&ann, &group, "all the time", &mut listener).await;
            }
        };
        tokio::join!(closing, serving);
        eventually("one WebSocket left", async || (metric(&world, "nexo_ws_connections", "").await == 1).then_some(())).await;
        say(&ann, &group, "after all", &mut listener).await;
    }

    async fn two_hundred_that_open_and_vanish_leave_nothing_behind(world: World) {
        let mut world = world;
        let [ann, quick] = world.people().await;
        let slow = world.crowd(USERS).await;
        let members: Vec<&Person> = slow.iter().chain([&quick]).collect();
        let group = ann.group(&members).await;
        // What hashing the passwords took is not what is looked at.
        world.restart().await;
        let mut listener = quick.socket().await;
        let pid = world.servers()[0].pid();
        let mut after_first = 0;
        for round in 0..10 {
            let opened = sockets(&slow).await;
            say(&ann, &group, "now you see them", &mut listener).await;
            drop(opened);
            say(&ann, &group, "now you do not", &mut listener).await;
            // Everybody's ten places are free again, or the next round would be refused.
            let gone = async || (metric(&world, "nexo_ws_connections", "").await == 1).then_some(());
            eventually("one WebSocket left", gone).await;
            if round == 0 {
                after_first = rss(pid);
            }
        }
        // 2,000 connections later: nothing of any of them is kept, so what 200 would cost is far too much.
        let (grown, bound) = (rss(pid).saturating_sub(after_first), 8 * MIB);
        println!("grown by {} KiB, bound {} KiB", grown / KIB, bound / KIB);
        assert!(grown <= bound, "grown by {grown} bytes, bound {bound}");
        assert_eq!(metric(&world, "nexo_ws_queue_bytes", "").await, 0);
    }
}
