//! A WebSocket client that keeps pushes and answers apart.

use std::collections::VecDeque;

use futures_util::{SinkExt, StreamExt};
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{Reply, documented, string, unique, within};

/// How a socket ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With a close frame: code and reason.
    Closed(u16, String),
    /// Without one.
    Cut,
}

/// An open WebSocket.
pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
    /// Pushes that came while an answer was awaited.
    pushes: VecDeque<Value>,
    /// Pings of the server seen so far.
    pub(crate) pings: usize,
    /// The subprotocol that the server selected, "" if none.
    pub(crate) protocol: String,
}

impl Socket {
    /// Opens a WebSocket at `host`; a refusal is the server's answer.
    pub(crate) async fn connect(host: &str, query: &str, headers: &[(&str, &str)]) -> Result<Socket, Reply> {
        match within("the handshake", Socket::dial(host, query, headers)).await {
            Ok(socket) => Ok(socket),
            Err(Error::Http(answer)) => {
                let (parts, body) = answer.into_parts();
                let body = Bytes::from(body.unwrap_or_default());
                let what = format!("ws://{host}/ws?{query}");
                let reply = Reply { what, status: parts.status.as_u16(), headers: parts.headers, body };
                documented::check("GET", "/ws", &reply);
                Err(reply)
            }
            Err(error) => panic!("the handshake failed: {error}"),
        }
    }

    /// Opens a WebSocket at `host`, where there may be nobody.
    pub(crate) async fn dial(host: &str, query: &str, headers: &[(&str, &str)]) -> Result<Socket, Error> {
        let url = format!("ws://{host}/ws?{query}");
        let mut request = url.into_client_request().expect("a valid WebSocket URL");
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
            request.headers_mut().insert(name, HeaderValue::from_str(value).expect("a header value"));
        }
        let tcp = TcpSocket::new_v4().expect("a TCP socket");
        let stream = tcp.connect(host.parse().expect("an address")).await?;
        stream.set_nodelay(true)?;
        let (stream, answer) = tokio_tungstenite::client_async(request, stream).await?;
        let protocol = answer.headers().get("sec-websocket-protocol");
        let protocol = protocol.map(|value| value.to_str().expect("a protocol").to_owned()).unwrap_or_default();
        Ok(Socket { stream, pushes: VecDeque::new(), pings: 0, protocol })
    }

    /// The next message off the wire; pings are counted and answered.
    async fn read(&mut self) -> Result<Value, Ended> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => {
                    let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
                    documented::check_frame(&value);
                    return Ok(value);
                }
                Some(Ok(Message::Ping(_))) => {
                    self.pings += 1;
                    // The pong is queued; a socket that is being closed may refuse the flush.
                    self.stream.flush().await.ok();
                }
                Some(Ok(Message::Close(frame))) => {
                    // The echo of the close frame; the server may be gone already.
                    self.stream.flush().await.ok();
                    let (code, reason) =
                        frame.map_or((1005, String::new()), |frame| (frame.code.into(), frame.reason.to_string()));
                    return Err(Ended::Closed(code, reason));
                }
                Some(Ok(other)) => panic!("the server sent {other:?}"),
                Some(Err(_)) | None => return Err(Ended::Cut),
            }
        }
    }

    /// The next frame, or the end; a push that came earlier first.
    pub(crate) async fn try_next(&mut self) -> Result<Value, Ended> {
        match self.pushes.pop_front() {
            Some(push) => Ok(push),
            None => within("a frame", self.read()).await,
        }
    }

    /// The next frame.
    pub(crate) async fn next(&mut self) -> Value {
        match self.try_next().await {
            Ok(frame) => frame,
            Err(ended) => panic!("a frame was awaited, the socket ended: {ended:?}"),
        }
    }

    /// The next `count` frames.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<Value> {
        let mut frames = Vec::with_capacity(count);
        for _ in 0..count {
            frames.push(self.next().await);
        }
        frames
    }

    /// All frames before the first one that `is_last` accepts, and that one.
    pub(crate) async fn until(&mut self, is_last: impl Fn(&Value) -> bool) -> (Vec<Value>, Value) {
        let mut before = Vec::new();
        loop {
            let frame = self.next().await;
            if is_last(&frame) {
                return (before, frame);
            }
            before.push(frame);
        }
    }

    /// All frames before the message with the client_msg_id of `message`: what a test that awaits silence looks at, since
    /// pushes to a user come in order.
    pub(crate) async fn before(&mut self, message: &Value) -> Vec<Value> {
        let id = string(message, "client_msg_id");
        self.until(|frame| frame["client_msg_id"] == id.as_str()).await.0
    }

    /// How the socket ends, whatever comes before.
    pub(crate) async fn ended(&mut self) -> Ended {
        let end = async {
            loop {
                if let Err(ended) = self.read().await {
                    return ended;
                }
            }
        };
        // A token may have to run out first.
        match tokio::time::timeout(3 * super::DEADLINE, end).await {
            Ok(ended) => ended,
            Err(_) => panic!("the socket did not end"),
        }
    }

    /// The code with which the server closes the socket, whatever comes before.
    pub(crate) async fn close_code(&mut self) -> u16 {
        match self.ended().await {
            Ended::Closed(code, _) => code,
            Ended::Cut => panic!("the socket was cut without a close frame"),
        }
    }

    /// Sends any message; false if the socket is gone.
    pub(crate) async fn write(&mut self, message: Message) -> bool {
        within("a write", self.stream.send(message)).await.is_ok()
    }

    /// Sends a text frame.
    pub(crate) async fn write_text(&mut self, text: &str) {
        assert!(self.write(Message::text(text)).await, "the socket is gone");
    }

    /// Sends a text frame and returns the answer to it: the next frame that has a `code`.
    pub(crate) async fn exchange(&mut self, text: &str) -> Value {
        self.write_text(text).await;
        self.answer().await
    }

    /// The next frame that is an answer; pushes before it wait for `next`.
    pub(crate) async fn answer(&mut self) -> Value {
        loop {
            match within("an answer", self.read()).await {
                Ok(frame) if frame.get("code").is_some() => return frame,
                Ok(push) => self.pushes.push_back(push),
                Err(ended) => panic!("an answer was awaited, the socket ended: {ended:?}"),
            }
        }
    }

    /// Asks for an operation and returns its answer, the id looked at.
    pub(crate) async fn ask(&mut self, op: &str, body: Value) -> Value {
        let id = unique("q");
        let frame = json!({ "id": id, "op": op, "data": body });
        let answer = self.exchange(&frame.to_string()).await;
        documented::check_exchange(op, &frame, &answer);
        // Only where trying again makes sense.
        let waits = answer.get("retry_after_ms").is_some();
        assert!(!waits || [1002, 1006].contains(&super::int(&answer, "code")), "{answer}");
        super::assert_keys(&answer, if waits { "id code msg data retry_after_ms" } else { "id code msg data" });
        assert_eq!(answer["id"], id.as_str(), "{answer}");
        answer
    }

    /// Asks for an operation that succeeds, and returns its data.
    pub(crate) async fn ask_ok(&mut self, op: &str, body: Value) -> Value {
        let answer = self.ask(op, body).await;
        assert!(answer["code"] == 0 && answer["msg"] == "success", "{answer}");
        answer["data"].clone()
    }

    /// Closes it as a client does, and waits for the server's answer.
    pub(crate) async fn close(mut self) -> Ended {
        assert!(self.write(Message::Close(None)).await, "the socket is gone");
        self.ended().await
    }
}
