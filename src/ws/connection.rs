//! A connection: the loop that owns a socket. It reads one frame at a time, so the client's order is kept, and writes what the
//! push path queued.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::SinkExt;

use super::{Sockets, session};
use crate::domain::{Connected, Registered};
use crate::model::{CloseReason, PushId};
use crate::push::{Connection, Entry, Frame, Missed, Taken};
use crate::wire;

/// How long a client gets to take what was written last and to answer a close.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// A write that takes so long had to wait for the client.
const SLOW_WRITE_MS: i64 = 1_000;

/// The answer to a frame, in the making.
type Answer = Pin<Box<dyn Future<Output = String> + Send>>;

/// Why a connection's loop ended.
enum End {
    /// The server closes.
    Close(CloseReason),
    /// The client sent what is no WebSocket frame, or too large a one: the close code of RFC 6455, section 7.4.1.
    Broken(u16),
    /// The client closed; what answers it is written already, but perhaps not out.
    Closed,
    /// The client vanished.
    Gone,
}

/// Serves a connection until it ends, or tells the client why there is none; `held` is let go of then.
///
/// While a client is idle, this future is most of what it costs. A future has room for each of its values wherever they are moved
/// to, so the socket stays where it is and is borrowed; what happens once in a connection's life is boxed.
pub(super) async fn run(
    mut socket: WebSocket,
    connected: Result<Connected, CloseReason>,
    sockets: Arc<Sockets>,
    held: impl Send,
) {
    let end = match connected {
        Ok(Connected { connection, position, missed }) => {
            let mut serving = Serving { socket: &mut socket, connection, sockets: &sockets };
            let end = match Box::pin(serving.greet(position, missed)).await {
                Ok(()) => serving.serve().await,
                Err(end) => end,
            };
            // Nothing may follow a close.
            serving.connection.end_line();
            end
        }
        Err(reason) => End::Close(reason),
    };
    Box::pin(part(&mut socket, end, &sockets)).await;
    drop(held);
}

/// Tells the client why, and gives it a moment to hear it.
async fn part(socket: &mut WebSocket, end: End, sockets: &Sockets) {
    let close = match end {
        End::Close(reason) => Some((reason.code(), reason.text())),
        End::Broken(code) => Some((code, "")),
        End::Closed => None,
        End::Gone => return,
    };
    if let Some((code, _)) = close {
        sockets.metrics.closes.with_label_values(&[code.to_string().as_str()]).inc();
    }
    goodbye(socket, close).await;
}

/// Writes a close, if one is to be written, and waits a moment for the client to end the connection.
async fn goodbye(socket: &mut WebSocket, close: Option<(u16, &'static str)>) {
    let leave = async {
        let frame = close.map(|(code, text)| CloseFrame { code, reason: Utf8Bytes::from_static(text) });
        let written = match frame {
            Some(frame) => socket.send(Message::Close(Some(frame))).await,
            None => socket.flush().await,
        };
        // A client that does not take it is cut off all the same.
        if written.is_ok() {
            // Read on, or the close may be lost with what the client still sends.
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    if tokio::time::timeout(CLOSE_WITHIN, leave).await.is_err() {
        tracing::debug!("a client did not answer the close");
    }
}

/// What a client is told whose frame could not be read; `None` if it vanished.
fn broken(error: axum::Error) -> End {
    use tungstenite::Error as Cause;
    match error.into_inner().downcast_ref::<Cause>() {
        Some(Cause::Capacity(_)) => End::Broken(1009),
        Some(Cause::Utf8(_)) => End::Broken(1007),
        Some(Cause::Protocol(cause))
            if !matches!(cause, tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) =>
        {
            End::Broken(1002)
        }
        _ => End::Gone,
    }
}

struct Serving<'a> {
    socket: &'a mut WebSocket,
    connection: Registered,
    sockets: &'a Arc<Sockets>,
}

impl Serving<'_> {
    /// What a new connection is told before anything live.
    async fn greet(&mut self, position: PushId, missed: Option<Missed>) -> Result<(), End> {
        if self.connection.wants_events() {
            let now_ms = self.sockets.clock.now_ms();
            self.write(wire::hello(now_ms, self.sockets.heartbeat_ms, position)).await?;
        }
        let Some(missed) = missed else { return Ok(()) };
        let whole = matches!(missed, Missed::Whole { .. });
        self.sockets.metrics.recoveries.with_label_values(&[if whole { "true" } else { "false" }]).inc();
        let user = self.connection.caller().user;
        let moved = match missed {
            Missed::Whole { entries, listed } => {
                self.recover(entries).await?;
                self.sockets.live.tops(&user, listed).await
            }
            Missed::Since(at_ms) => self.sockets.live.moved_since(&user, at_ms).await,
        };
        self.write(wire::recovered(whole, &moved.map_err(|error| failed(&error))?, position)).await
    }

    /// Writes what was missed, as fast as the socket takes it.
    async fn recover(&mut self, mut missed: Vec<(PushId, Entry)>) -> Result<(), End> {
        let begun_ms = self.sockets.clock.steady_ms();
        let origin = self.connection.caller().platform;
        while !missed.is_empty() {
            let parcels = self.sockets.live.recover(&mut missed, origin).await;
            for (id, parcel) in parcels.map_err(|error| failed(&error))? {
                let event = !matches!(parcel.push(), crate::model::Push::Message { .. });
                if !event || self.connection.wants_events() {
                    self.write(wire::push_frame(parcel.encoded(wire::push_text), id)).await?;
                }
            }
            self.heard_if_slow(begun_ms);
        }
        Ok(())
    }

    async fn serve(&mut self) -> End {
        let mut answer: Option<Answer> = None;
        loop {
            let more = match self.write_queued().await {
                Ok(more) => more,
                Err(end) => return end,
            };
            tokio::select! {
                // What came meanwhile is written in the next turn, so that the client is heard in between.
                () = std::future::ready(()), if more => {}
                text = async { answer.as_mut()?.as_mut().await.into() }, if answer.is_some() => {
                    answer = None;
                    if let Some(text) = text && let Err(end) = self.write(text).await {
                        return end;
                    }
                }
                heard = self.socket.recv(), if answer.is_none() => {
                    let message = match heard {
                        Some(Ok(message)) => message,
                        Some(Err(error)) => return broken(error),
                        None => return End::Gone,
                    };
                    self.connection.heard(self.sockets.clock.steady_ms());
                    match message {
                        Message::Text(text) => answer = Some(self.answer(text.as_str())),
                        Message::Binary(_) => {
                            if let Err(end) = self.write(session::refuse_binary()).await {
                                return end;
                            }
                        }
                        // Pings are answered by the protocol's own code.
                        Message::Ping(_) | Message::Pong(_) => {}
                        Message::Close(_) => return End::Closed,
                    }
                }
                () = self.connection.rung() => {}
            }
        }
    }

    fn answer(&self, text: &str) -> Answer {
        Box::pin(session::answer(Arc::clone(self.sockets), self.connection.caller(), text.to_owned()))
    }

    /// Writes what waits now. Answers whether more came meanwhile.
    async fn write_queued(&mut self) -> Result<bool, End> {
        let begun_ms = self.sockets.clock.steady_ms();
        match self.connection.take() {
            Taken::Nothing => return Ok(false),
            Taken::Close(reason) => return Err(End::Close(reason)),
            Taken::Ping => self.ping().await?,
            Taken::Flush => self.flush().await?,
            Taken::Frames(frames) => {
                let mut traced = Vec::new();
                for frame in frames {
                    self.feed(&frame).await?;
                    if frame.parcel.is_traced() {
                        traced.push(frame.parcel);
                    }
                }
                self.flush().await?;
                traced.iter().for_each(|parcel| parcel.reached_socket());
            }
        }
        self.heard_if_slow(begun_ms);
        // The bell that rang for it may have been heard while a write was waited for.
        Ok(self.connection.goes_on())
    }

    /// Pings the client, if its token is still good.
    async fn ping(&mut self) -> Result<(), End> {
        match self.sockets.live.ended(&self.connection).await {
            Ok(Some(reason)) => return Err(End::Close(reason)),
            Ok(None) => {}
            // The store is away: that ends nobody's session.
            Err(error) => tracing::debug!(%error, "a token could not be looked at again"),
        }
        self.feed_message(Message::Ping(Default::default())).await?;
        self.flush().await
    }

    /// A client that was so slow to take what was written could not be heard meanwhile, and yet is alive.
    fn heard_if_slow(&self, begun_ms: i64) {
        let now_ms = self.sockets.clock.steady_ms();
        if now_ms - begun_ms >= SLOW_WRITE_MS {
            self.connection.heard(now_ms);
        }
    }

    async fn feed(&mut self, frame: &Frame) -> Result<(), End> {
        let text = wire::push_frame(frame.parcel.encoded(wire::push_text), frame.id);
        let fed = self.feed_message(Message::Text(text.into())).await;
        self.connection.wrote(frame);
        fed
    }

    async fn write(&mut self, text: String) -> Result<(), End> {
        self.feed_message(Message::Text(text.into())).await?;
        self.flush().await
    }

    async fn feed_message(&mut self, message: Message) -> Result<(), End> {
        unless_closing(&self.connection, pin!(self.socket.feed(message))).await
    }

    async fn flush(&mut self) -> Result<(), End> {
        unless_closing(&self.connection, pin!(self.socket.flush())).await
    }
}

/// Waits for a write, but not on a connection that is being closed: its client may never read again.
async fn unless_closing<W>(connection: &Connection, mut write: Pin<&mut W>) -> Result<(), End>
where
    W: Future<Output = Result<(), axum::Error>>,
{
    loop {
        tokio::select! {
            biased;
            written = &mut write => return written.map_err(|_| End::Gone),
            () = connection.rung() => {
                if let Some(reason) = connection.closing() {
                    return Err(End::Close(reason));
                }
            }
        }
    }
}

/// The end of a connection whose recovery failed.
fn failed(error: &crate::error::Error) -> End {
    error.log();
    End::Close(CloseReason::Failed)
}
