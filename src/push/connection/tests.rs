//! The queue, when its frames are written past the task that owns the socket.

use super::*;
use crate::model::ConversationId;
use crate::push::fixtures;

/// A socket that takes what it is told to take, and looks at the connection meanwhile.
struct Socket {
    takes: Wrote,
    written: Mutex<Vec<u64>>,
    meanwhile: Box<dyn Fn() + Send + Sync>,
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").finish_non_exhaustive()
    }
}

impl Line for Socket {
    fn write(&self, frames: &VecDeque<Frame>) -> Wrote {
        if self.takes != Wrote::Nothing {
            self.written.lock().extend(frames.iter().map(|frame| frame.id.position));
        }
        (self.meanwhile)();
        self.takes
    }

    fn end(&self) {}
}

/// A connection whose task does nothing yet.
fn connection(takes: Wrote) -> (Arc<Connection>, Arc<Socket>) {
    connection_that(takes, |_| {})
}

/// The same; something happens to it whenever its socket is written to past the task.
fn connection_that(takes: Wrote, meanwhile: impl Fn(&Connection) + Send + Sync + 'static) -> (Arc<Connection>, Arc<Socket>) {
    let connection = fixtures::connection(1, &Attach { events: true, ..fixtures::by("ann") });
    let same = Arc::downgrade(&connection);
    let meanwhile = Box::new(move || meanwhile(&same.upgrade().expect("the connection")));
    let socket = Arc::new(Socket { takes, written: Mutex::default(), meanwhile });
    connection.set_line(&socket);
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
    socket.written.lock().clone()
}

#[tokio::test]
async fn nothing_is_written_past_a_task_that_is_still_greeting_or_writing() {
    let (connection, socket) = connection(Wrote::All);
    assert_eq!(push(&connection, 1), Queued::First);
    connection.write_past();
    assert_eq!(written(&socket), [0; 0]);
    assert_eq!(taken(&connection), [1]);
    push(&connection, 2);
    connection.write_past();
    assert_eq!(written(&socket), [0; 0]);
    assert!(connection.goes_on(), "the task finds what came while it wrote");
}

#[tokio::test]
async fn frames_are_written_past_an_idle_task_and_make_room() {
    let (connection, socket) = connection(Wrote::All);
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
    let (connection, socket) = connection_that(Wrote::Nothing, |connection| {
        push(connection, 3);
    });
    connection.take();
    push(&connection, 1);
    push(&connection, 2);
    connection.write_past();
    assert_eq!(written(&socket), [0; 0]);
    assert!(rang(&connection).await);
    assert_eq!(taken(&connection), [1, 2, 3]);
}

#[tokio::test]
async fn what_the_socket_keeps_back_takes_room_until_the_task_has_flushed() {
    let (connection, socket) = connection(Wrote::Part);
    connection.take();
    push(&connection, 1);
    let size = connection.gauge.get();
    connection.write_past();
    assert_eq!((written(&socket), connection.gauge.get()), (vec![1], size));
    assert!(size > 0 && rang(&connection).await);
    assert!(matches!(connection.take(), Taken::Flush));
    assert!(!connection.goes_on());
    assert_eq!(connection.gauge.get(), 0);
    assert!(matches!(connection.take(), Taken::Nothing));
}

#[tokio::test]
async fn the_task_waits_for_who_writes_past_it_and_is_rung_for() {
    let (connection, _socket) = connection_that(Wrote::All, |connection| {
        push(connection, 2);
        assert!(matches!(connection.take(), Taken::Nothing));
    });
    connection.take();
    push(&connection, 1);
    connection.write_past();
    assert!(rang(&connection).await);
    assert_eq!(taken(&connection), [2]);
}

#[tokio::test]
async fn nothing_is_written_past_a_close() {
    let (connection, socket) = connection(Wrote::All);
    connection.take();
    push(&connection, 1);
    connection.close(CloseReason::Replaced);
    connection.write_past();
    assert_eq!(written(&socket), [0; 0]);
    assert!(rang(&connection).await);
    assert!(matches!(connection.take(), Taken::Close(CloseReason::Replaced)));
    assert_eq!(connection.gauge.get(), 0);
}

#[tokio::test]
async fn a_close_waits_for_nobody() {
    for takes in [Wrote::All, Wrote::Part, Wrote::Nothing] {
        let (connection, _socket) = connection_that(takes, |connection| {
            connection.close(CloseReason::Restarting);
            assert!(matches!(connection.take(), Taken::Close(CloseReason::Restarting)));
        });
        connection.take();
        push(&connection, 1);
        connection.write_past();
        assert!(rang(&connection).await);
        assert_eq!(connection.gauge.get(), 0);
    }
}
