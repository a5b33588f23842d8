//! The queue, when its frames are written past the task that owns the socket.

use std::sync::atomic::AtomicBool;

use super::*;
use crate::model::{ConversationId, UserId};

/// A socket that takes what it is told to take.
#[derive(Debug, Default)]
struct Socket {
    is_free: AtomicBool,
    holds_back: AtomicBool,
    written: Mutex<Vec<u64>>,
}

impl Line for Socket {
    fn write(&self, frames: &VecDeque<Frame>) -> bool {
        let is_free = self.is_free.load(Ordering::Relaxed);
        if is_free {
            lock(&self.written).extend(frames.iter().map(|frame| frame.id.position));
        }
        is_free
    }

    fn is_clear(&self) -> bool {
        !self.holds_back.load(Ordering::Relaxed)
    }

    fn end(&self) {
        self.is_free.store(false, Ordering::Relaxed);
    }
}

fn connection() -> (Connection, Arc<Socket>) {
    let user = UserId::parse("ann").expect("valid");
    let caller = Caller { user, platform: Platform::Web, jti: "token".to_owned(), expires_at_ms: i64::MAX };
    let gauge = prometheus::IntGauge::new("bytes", "that wait").expect("a gauge");
    let connection = Connection::new(1, &Attach { caller, events: true, after: None }, 1 << 20, gauge, 0);
    let socket = Arc::new(Socket { is_free: AtomicBool::new(true), ..Socket::default() });
    connection.set_line(socket.clone());
    (connection, socket)
}

fn push(connection: &Connection, position: u64) -> Queued {
    let user = connection.caller().user;
    let conversation = ConversationId::single(&user, &user);
    let parcel = Parcel::new(Push::Read { user, conversation, read_seq: position, origin: Platform::Ios });
    connection.push(Frame { parcel, id: PushId { epoch: 1, position, at_ms: 0 } })
}

fn taken(connection: &Connection) -> Vec<u64> {
    match connection.take() {
        Taken::Frames(frames) => frames.iter().map(|frame| frame.id.position).collect(),
        other => panic!("{other:?}"),
    }
}

/// Whether the bell rang.
async fn rang(connection: &Connection) -> bool {
    tokio::select! {
        biased;
        () = connection.rung() => true,
        () = std::future::ready(()) => false,
    }
}

fn written(socket: &Socket) -> Vec<u64> {
    lock(&socket.written).clone()
}

#[tokio::test]
async fn nothing_is_written_past_a_task_that_is_still_greeting_or_writing() {
    let (connection, socket) = connection();
    assert_eq!(push(&connection, 1), Queued::First);
    connection.write_past();
    assert_eq!(written(&socket), [0; 0]);
    assert_eq!(taken(&connection), [1]);
    push(&connection, 2);
    connection.write_past();
    assert_eq!(written(&socket), [0; 0]);
    assert!(connection.has_more(), "the task finds what came while it wrote");
}

#[tokio::test]
async fn frames_are_written_past_an_idle_task_and_make_room() {
    let (connection, socket) = connection();
    assert!(matches!(connection.take(), Taken::Nothing));
    assert_eq!([push(&connection, 1), push(&connection, 2)], [Queued::First, Queued::Behind]);
    connection.write_past();
    assert_eq!(written(&socket), [1, 2]);
    assert!(!rang(&connection).await);
    assert_eq!(connection.gauge.get(), 0);
    assert!(matches!(connection.take(), Taken::Nothing));
}

#[tokio::test]
async fn what_the_socket_does_not_take_stays_for_the_task_in_order() {
    let (connection, socket) = connection();
    connection.take();
    socket.is_free.store(false, Ordering::Relaxed);
    push(&connection, 1);
    push(&connection, 2);
    connection.write_past();
    assert!(rang(&connection).await);
    push(&connection, 3);
    assert_eq!(taken(&connection), [1, 2, 3]);
    assert!(connection.gauge.get() > 0);
}

#[tokio::test]
async fn the_task_is_rung_for_when_the_socket_holds_something_back() {
    let (connection, socket) = connection();
    connection.take();
    socket.holds_back.store(true, Ordering::Relaxed);
    push(&connection, 1);
    connection.write_past();
    assert_eq!(written(&socket), [1]);
    assert!(rang(&connection).await && !connection.is_clear());
}

#[tokio::test]
async fn nothing_is_written_past_a_close() {
    let (connection, socket) = connection();
    connection.take();
    push(&connection, 1);
    connection.close(CloseReason::Replaced);
    connection.write_past();
    assert_eq!(written(&socket), [0; 0]);
    assert!(rang(&connection).await);
    assert!(matches!(connection.take(), Taken::Close(CloseReason::Replaced)));
    assert_eq!(connection.gauge.get(), 0);
}
