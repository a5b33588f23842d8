//! What the push path allocates, counted exactly: budgets, not speeds. The counting allocator is for this program alone.

#[path = "../../benches/hot/scene.rs"]
mod scene;
mod sockets;

use std::sync::Arc;

use dhat::{HeapStats, Profiler};
use nexo::model::{Caller, ConversationId, Message, Platform, Stored};
use nexo::push::{Connection, Taken};
use nexo::telemetry::{Trace, Traces, stage};
use nexo::wire;
use parking_lot::Mutex;
use scene::{Scene, message};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const MEMBERS: u64 = 200;

/// Runs what is counted, alone.
fn counted(test: impl AsyncFnOnce()) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock();
    let _profiler = Profiler::builder().testing().build();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(test());
}

async fn people(scene: &Scene, count: u64) -> Vec<Caller> {
    let mut people = Vec::new();
    for number in 0..count {
        people.push(scene.person(&format!("m{number}")).await);
    }
    people
}

/// Takes and encodes what waits, as each connection's task does.
fn write_all(connections: &[Arc<Connection>]) -> usize {
    let mut bytes = 0;
    for connection in connections {
        let Taken::Frames(frames) = connection.take() else { panic!("a member was not told") };
        for frame in frames {
            bytes += wire::push_frame(frame.parcel.encoded(wire::push_text), frame.id).len();
            connection.wrote(&frame);
        }
    }
    bytes
}

#[test]
fn a_pushed_frame_takes_two_allocations() {
    counted(async || {
        let scene = Scene::new();
        let owner = scene.person("owner").await;
        let people = people(&scene, MEMBERS).await;
        let group = scene.group(&owner, &people).await;
        let mut connections = Vec::new();
        for person in &people {
            connections.push(scene.connection(person).await);
        }
        let push = |seq| {
            let message = Message { conversation: ConversationId::Group(group), seq, ..message() };
            scene.bus.stored(&Stored { message: message.into(), logged: Vec::new() }, Platform::Web);
            write_all(&connections)
        };
        // The first ones find no room made for them.
        (1..=20).for_each(|seq| assert!(push(seq) > 0));
        let before = HeapStats::get().total_blocks;
        assert!(push(21) > 0);
        let blocks = HeapStats::get().total_blocks - before;
        println!("{blocks} allocations for {MEMBERS} frames");
        // The queue's, and the frame's own text; a list and a task for each share of 32; and some for the message, shared by all.
        assert!(blocks <= 2 * MEMBERS + 2 * MEMBERS.div_ceil(32) + 30, "{blocks} allocations for {MEMBERS} frames");
    });
}

#[test]
fn an_idle_connection_takes_at_most_256_bytes_besides_its_socket_and_task() {
    counted(async || {
        let scene = Scene::new();
        let people = people(&scene, MEMBERS).await;
        let mut connections = Vec::with_capacity(people.len() * 5);
        for person in &people {
            connections.push(scene.connection(person).await);
        }
        let before = HeapStats::get().curr_bytes;
        for person in &people {
            for _ in 0..4 {
                connections.push(scene.connection(person).await);
            }
        }
        let each = (HeapStats::get().curr_bytes - before) / (people.len() * 4);
        println!("{each} bytes for each connection");
        assert!(each <= 256, "{each} bytes for each connection");
    });
}

#[test]
fn a_send_between_two_takes_at_most_80_allocations_below_the_doors() {
    const SENDS: u64 = 200;
    counted(async || {
        let scene = Scene::new();
        let [ann, bob] = [scene.person("ann").await, scene.person("bob").await];
        for number in 0..SENDS {
            scene.send(&ann, &bob.user, number).await;
        }
        let before = HeapStats::get().total_blocks;
        for number in SENDS..2 * SENDS {
            scene.send(&ann, &bob.user, number).await;
        }
        let each = (HeapStats::get().total_blocks - before) / SENDS;
        println!("{each} allocations for each send");
        // Each is a batch of its own here. Those of the store's own threads are among them.
        assert!(each <= 80, "{each} allocations for each send");
    });
}

#[test]
fn a_call_that_is_not_traced_allocates_nothing_for_its_stages() {
    const CALLS: u64 = 1_000;
    counted(async || {
        let traces = Traces::default();
        let before = HeapStats::get().total_blocks;
        for _ in 0..CALLS {
            let span = traces.begin(|| None, || "a call".to_owned());
            let stages = async {
                stage("a stage", std::future::ready(())).await;
                Trace::current().enter(|| drop(Trace::current().stage("another")));
                Trace::current().point()
            };
            assert_eq!(span.trace().around(stages).await, None);
        }
        // The test harness allocates some for the tests that wait for their turn; one in each call would be a thousand.
        let blocks = HeapStats::get().total_blocks - before;
        assert!(blocks < CALLS / 10, "{blocks} allocations for {CALLS} calls");
    });
}
