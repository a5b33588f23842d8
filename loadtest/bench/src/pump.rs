//! Sends over one WebSocket with several in flight.

use std::collections::VecDeque;

use anyhow::{Result, bail};
use tokio::time::Instant;

use crate::api::code_of_frame;
use crate::template::Template;
use crate::ws::{Frame, Socket};

/// A socket, what is sent over it, and how many answers may be outstanding.
pub(crate) struct Pump {
    pub(crate) socket: Socket,
    pub(crate) template: Template,
    pub(crate) depth: usize,
}

impl Pump {
    /// Sends while `more` says so. `answered` gets the time of asking and the code of each answer.
    pub(crate) async fn run(
        mut self,
        mut more: impl FnMut() -> bool,
        mut answered: impl FnMut(Instant, u32) -> Result<()>,
    ) -> Result<()> {
        // A server answers the frames of a socket in their order.
        let mut asked: VecDeque<Instant> = VecDeque::with_capacity(self.depth);
        loop {
            while asked.len() < self.depth && more() {
                self.socket.queue(self.template.next());
                asked.push_back(Instant::now());
            }
            if asked.is_empty() {
                return Ok(());
            }
            let code = match self.socket.next().await? {
                Frame::Text(text) => code_of_frame(text)?,
                Frame::Closed(code) => bail!("the server closed a sender's socket with {code}"),
            };
            if let Some(code) = code
                && let Some(asked) = asked.pop_front()
            {
                answered(asked, code)?;
            }
        }
    }
}
