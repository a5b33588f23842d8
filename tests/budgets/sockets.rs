//! What an idle WebSocket takes of the heap, from the listener to the hub: a whole server in this process, and clients that have
//! nothing there but a file descriptor.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use dhat::HeapStats;
use nexo::config::{Config, EmbeddedStore, Store};

use crate::counted;

/// Sockets that are opened before it is counted, for what grows by doubling, and those that are counted.
const FIRST: usize = 600;
const COUNTED: usize = 600;

/// Sockets of one user.
const EACH: usize = 10;

const PATIENCE: Duration = Duration::from_secs(30);

struct Client {
    address: SocketAddr,
    token: String,
}

impl Client {
    fn connect(&self) -> TcpStream {
        let until = Instant::now() + PATIENCE;
        loop {
            match TcpStream::connect(self.address) {
                Ok(stream) => break stream,
                Err(error) => assert!(Instant::now() < until, "the server does not listen: {error}"),
            }
        }
    }

    /// Posts a body and answers the one that comes.
    fn post(&self, path: &str, body: &str) -> serde_json::Value {
        let mut stream = self.connect();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: nexo\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.token,
            body.len()
        );
        stream.write_all((head + body).as_bytes()).expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
        let answer: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(answer["code"], 0, "{path}: {answer}");
        answer["data"].clone()
    }

    /// A socket that is open.
    fn socket(&self) -> TcpStream {
        let mut stream = self.connect();
        let head = format!(
            "GET /ws HTTP/1.1\r\nhost: nexo\r\nauthorization: Bearer {}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: bmV4by1iZW5jaC1uZXhvIQ==\r\n\r\n",
            self.token
        );
        stream.write_all(head.as_bytes()).expect("written");
        let mut reader = BufReader::with_capacity(1, &stream);
        let mut line = String::new();
        reader.read_line(&mut line).expect("answered");
        assert!(line.starts_with("HTTP/1.1 101"), "{line}");
        while line.trim_end() != "" {
            line.clear();
            reader.read_line(&mut line).expect("answered");
        }
        stream
    }

    fn log_in(address: SocketAddr, user: &str) -> Client {
        let nobody = Client { address, token: String::new() };
        let body = serde_json::json!({ "user_id": user, "nickname": user, "password": "password", "platform_id": 5 });
        nobody.post("/auth/register", &body.to_string());
        let token = nobody.post("/auth/login", &body.to_string())["token"].as_str().expect("a token").to_owned();
        Client { token, ..nobody }
    }
}

/// An empty ping, final and not masked.
const PING: [u8; 2] = [0x89, 0];

/// Reads one push, which is short, and the pings before it.
fn frame(stream: &mut TcpStream) {
    let mut head = PING;
    while head == PING {
        stream.read_exact(&mut head).expect("a frame");
    }
    assert_eq!(head[1], 126, "a push has some hundred bytes");
    let mut length = [0; 2];
    stream.read_exact(&mut length).expect("a frame");
    let mut text = [0; 1_024];
    stream.read_exact(&mut text[..usize::from(u16::from_be_bytes(length))]).expect("a frame");
}

fn open(users: &[Client]) -> Vec<TcpStream> {
    users.iter().flat_map(|user| (0..EACH).map(|_| user.socket())).collect()
}

/// One message to each user, read on each of its sockets.
fn push(sender: &Client, users: usize, sockets: &mut [TcpStream]) {
    for user in 0..users {
        let body = format!(
            r#"{{"client_msg_id":"m{user}-{}","recv_id":"u{user}","session_type":1,"msg_type":1,"content":{{"text":"hello"}}}}"#,
            sockets.len()
        );
        sender.post("/msg/send", &body);
    }
    sockets.iter_mut().for_each(frame);
}

fn count(address: SocketAddr) -> [usize; 2] {
    let sender = Client::log_in(address, "sender");
    let users: Vec<Client> =
        (0..(FIRST + COUNTED) / EACH).map(|number| Client::log_in(address, &format!("u{number}"))).collect();
    let (first, later) = users.split_at(FIRST / EACH);
    let mut sockets = open(first);
    push(&sender, first.len(), &mut sockets);
    let before = HeapStats::get().curr_bytes;
    let mut more = open(later);
    let opened = HeapStats::get().curr_bytes;
    sockets.append(&mut more);
    push(&sender, users.len(), &mut sockets);
    let pushed = HeapStats::get().curr_bytes;
    [opened, pushed].map(|bytes| bytes.saturating_sub(before) / COUNTED)
}

#[test]
fn an_idle_socket_takes_at_most_4_5_kib_of_the_heap_after_it_was_written_to() {
    counted(async || {
        let folder = tempfile::tempdir().expect("a folder");
        // Free until a moment ago.
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let mut config = Config::default();
        config.server.listen = address.to_string();
        config.limits.enabled = false;
        config.store = Store::Embedded(EmbeddedStore { data: folder.path().join("data"), ..EmbeddedStore::default() });
        tokio::spawn(nexo::app::serve(config));
        let counted = tokio::task::spawn_blocking(move || count(address)).await.expect("counted");
        let [opened, pushed] = counted;
        println!("{opened} bytes for an idle socket, {pushed} after it was written to");
        assert!(pushed <= 4_608, "{opened} bytes for an idle socket, {pushed} after it was written to");
    });
}
