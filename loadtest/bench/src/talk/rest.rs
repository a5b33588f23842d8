//! A sender over REST: one connection, one request at a time.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;

use super::said::Lane;
use super::{Ended, Shared};
use crate::api::code_of;
use crate::http::Http;

pub(super) struct RestSender {
    pub(super) lane: Lane,
    pub(super) address: SocketAddr,
    pub(super) http: Http,
    pub(super) token: Arc<str>,
}

impl RestSender {
    /// Sends until its lane ends.
    pub(super) async fn run(mut self, shared: Arc<Shared>) -> Result<Ended> {
        while let Some(due) = self.lane.pace.next().await {
            let body = self.lane.template.next();
            let code = match self.http.post("/msg/send", &self.token, body).await {
                Ok(answer) => code_of(answer.body),
                Err(error) => Err(error),
            };
            match code {
                Ok(code) => self.lane.answered(due, code, &shared),
                Err(error) => {
                    self.lane.lost(&error, &shared);
                    self.http = Http::connect(self.address).await?;
                }
            }
        }
        shared.falls_silent();
        Ok(Ended { said: Some((self.lane.number, self.lane.said)), heard: None })
    }
}
