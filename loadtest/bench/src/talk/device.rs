//! A member's socket: it takes down what is pushed, and may send as well.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Result, bail};
use tokio::sync::watch;
use tokio::time::Instant;

use super::heard::Heard;
use super::said::Lane;
use super::{Ended, Shared};
use crate::api::code_of_frame;
use crate::load::micros;
use crate::ws::{Frame, Socket};

pub(super) struct Device {
    pub(super) socket: Socket,
    pub(super) heard: Heard,
    /// What it says itself, and how much of that may be unanswered.
    pub(super) voice: Option<(Lane, usize)>,
}

/// Everything of a device but its socket.
struct State {
    heard: Heard,
    voice: Option<(Lane, usize)>,
    /// When the sends without an answer were due. A server answers the frames of a socket in their order.
    asked: VecDeque<Instant>,
    silent: bool,
    ending: bool,
    shared: Arc<Shared>,
}

impl Device {
    /// Sends until its lane ends, and listens until it is told that all was said.
    pub(super) async fn run(self, shared: Arc<Shared>, mut over: watch::Receiver<bool>) -> Result<Ended> {
        let Device { mut socket, heard, voice } = self;
        let silent = voice.is_none();
        let mut state = State { heard, voice, asked: VecDeque::new(), silent, ending: false, shared };
        loop {
            let may_send = !state.silent && state.voice.as_ref().is_some_and(|(_, depth)| state.asked.len() < *depth);
            tokio::select! {
                biased;
                due = next(&mut state.voice), if may_send => state.send(&mut socket, due),
                _ = over.changed(), if !state.ending => {
                    state.ending = true;
                    socket.queue(br#"{"id":"end","op":"ping","data":{}}"#);
                }
                frame = socket.next() => match frame? {
                    Frame::Text(text) if state.take(text)? => break,
                    Frame::Text(_) => {}
                    Frame::Closed(code) => bail!("the server closed a socket with {code}"),
                },
            }
        }
        let said = state.voice.map(|(lane, _)| (lane.number, lane.said));
        Ok(Ended { said, heard: Some(state.heard) })
    }
}

async fn next(voice: &mut Option<(Lane, usize)>) -> Option<Instant> {
    match voice {
        Some((lane, _)) => lane.pace.next().await,
        None => None,
    }
}

impl State {
    fn send(&mut self, socket: &mut Socket, due: Option<Instant>) {
        match (due, &mut self.voice) {
            (Some(due), Some((lane, _))) => {
                socket.queue(lane.template.next());
                self.asked.push_back(due);
            }
            _ => self.fall_silent(),
        }
    }

    /// The lane has ended. It is over once all has been answered.
    fn fall_silent(&mut self) {
        self.silent = true;
        if self.asked.is_empty() {
            self.shared.falls_silent();
        }
    }

    /// Takes in a frame; whether that was the last.
    fn take(&mut self, text: &[u8]) -> Result<bool> {
        let Some(code) = code_of_frame(text)? else {
            self.push(text)?;
            return Ok(false);
        };
        let Some(due) = self.asked.pop_front() else { return Ok(self.ending) };
        if let Some((lane, _)) = &mut self.voice {
            lane.answered(due, code, &self.shared);
        }
        if self.silent && self.asked.is_empty() {
            self.shared.falls_silent();
        }
        Ok(false)
    }

    fn push(&mut self, text: &[u8]) -> Result<()> {
        let now = Instant::now();
        let Some((lane, nth)) = self.heard.push(text)? else { return Ok(()) };
        let due = self.shared.schedule.due(lane, nth);
        if self.shared.window.has(due.unwrap_or(now)) {
            self.shared.pushed.fetch_add(1, Ordering::Relaxed);
            if let Some(due) = due {
                self.shared.pushes.lock().saturating_record(micros(now.duration_since(due)));
            }
        }
        self.shared.heard.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}
