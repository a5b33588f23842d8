//! Two writers on one connection, and its end.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Semaphore;

use super::*;
use crate::model::{ConversationId, Platform, Push, PushId, UserId};
use crate::push::Parcel;

/// Both ends of a connection whose buffers are small, and how many places there are.
async fn pair() -> (TcpLine, TcpStream, Arc<Semaphore>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("SO_RCVBUF");
    let address = listener.local_addr().expect("an address");
    let (client, accepted) = tokio::join!(socket.connect(address), listener.accept());
    let (server, _) = accepted.expect("a connection");
    let places = Arc::new(Semaphore::new(1));
    let place = Arc::clone(&places).acquire_owned().await.expect("a place");
    (TcpLine::new(server, place), client.expect("a connection"), places)
}

/// Frames of about this many bytes in all, and what they are on the wire.
fn frames(bytes: usize) -> (VecDeque<Frame>, Vec<u8>) {
    let user = UserId::parse("ann").expect("valid");
    let conversation = ConversationId::single(&user, &user);
    let one = |position| Frame {
        parcel: Parcel::new(Push::Read {
            user: user.clone(),
            conversation: conversation.clone(),
            read_seq: position,
            origin: Platform::Web,
        }),
        id: PushId { epoch: 1, position, at_ms: 0 },
    };
    let count = bytes.div_ceil(encoded(&VecDeque::from([one(1)])).len());
    let frames = (1..).map(one).take(count).collect();
    let bytes = encoded(&frames);
    (frames, bytes)
}

/// More than the kernel keeps of a connection.
const MUCH: usize = 6 << 20;

#[tokio::test]
async fn the_rest_goes_before_what_is_written_next() {
    let (mut line, mut client, _) = pair().await;
    let (much, mut expected) = frames(MUCH);
    let (little, _) = frames(1);
    line.writable_now().await;
    assert_eq!(line.writes.write(&much), Wrote::Part);
    assert_eq!(line.writes.write(&little), Wrote::Nothing, "something waits before them");
    expected.extend_from_slice(b"an answer");
    let mut got = vec![0; expected.len()];
    let answer = async {
        line.write_all(b"an answer").await.expect("written");
    };
    let (_, read) = tokio::join!(answer, client.read_exact(&mut got));
    read.expect("read");
    assert!(got == expected);
    assert_eq!(line.writes.write(&little), Wrote::All);
}

#[tokio::test]
async fn nobody_writes_between_two_pieces_of_an_answer() {
    let (mut line, mut client, _) = pair().await;
    let (little, pushed) = frames(1);
    let answer = vec![b'a'; MUCH];
    let written = line.write(&answer).await.expect("a piece");
    assert!(written < MUCH);
    assert_eq!(line.writes.write(&little), Wrote::Nothing);
    let mut got = vec![0; MUCH];
    let (_, read) = tokio::join!(line.write_all(&answer[written..]), client.read_exact(&mut got));
    read.expect("read");
    assert_eq!(line.writes.write(&little), Wrote::All);
    let mut got = vec![0; pushed.len()];
    client.read_exact(&mut got).await.expect("read");
    assert!(got == pushed);
}

#[tokio::test]
async fn nothing_is_written_past_the_end() {
    let (line, mut client, _) = pair().await;
    line.writable_now().await;
    line.writes.end();
    assert_eq!(line.writes.write(&frames(1).0), Wrote::Nothing);
    drop(line);
    assert_eq!(client.read(&mut [0]).await.expect("the end"), 0);
}

#[tokio::test]
async fn what_was_written_reaches_a_client_that_still_sends_and_the_place_is_free_then() {
    let (line, mut client, places) = pair().await;
    let (much, expected) = frames(MUCH);
    line.writable_now().await;
    assert_eq!(line.writes.write(&much), Wrote::Part);
    client.write_all(&[0; 1_000]).await.expect("written");
    drop(line);
    let mut got = Vec::new();
    let (mut reads, mut writes) = client.into_split();
    let sends = async { while writes.write_all(&[0; 1_000]).await.is_ok() {} };
    tokio::select! {
        () = sends => panic!("it was cut off"),
        read = reads.read_to_end(&mut got) => assert_eq!(read.expect("no reset"), expected.len()),
    }
    assert!(got == expected);
    assert_eq!(places.available_permits(), 0, "it lingers as long as the client sends");
    drop((reads, writes));
    drop(places.acquire().await.expect("a place"));
}

#[tokio::test]
async fn a_place_is_free_at_once_when_the_client_has_gone() {
    let (line, client, places) = pair().await;
    drop(client);
    line.reads.as_ref().expect("open").0.readable().await.expect("the end");
    drop(line);
    assert_eq!(places.available_permits(), 1);
}

impl TcpLine {
    /// Waits until the runtime knows that the socket takes something.
    async fn writable_now(&self) {
        let writable = std::future::poll_fn(|cx| self.writes.0.lock().poll_writable(cx));
        writable.await;
    }
}

impl Half {
    fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.socket).poll_write(cx, b"").map(|written| assert_eq!(written.expect("open"), 0))
    }
}
