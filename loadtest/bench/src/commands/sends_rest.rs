//! `sends-rest`: durable sends over REST to receivers who are offline.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use tokio::task::JoinSet;

use crate::api::code_of;
use crate::bench::Bench;
use crate::fill::pairs;
use crate::http::Http;
use crate::load::{Operation, SECONDS, WARM_UP, closed_loop, measure};
use crate::options::{Command, Options, opt};
use crate::report::Report;
use crate::template::Template;

pub(crate) const COMMAND: Command = Command {
    name: "sends-rest",
    about: "durable 1:1 text sends over REST, receivers offline, one sender a connection, closed loop",
    options: &[opt("connections", "64", "connections, each with its own sender and receiver"), SECONDS, WARM_UP],
};

struct Send {
    address: SocketAddr,
    http: Http,
    token: Arc<str>,
    template: Template,
}

impl Operation for Send {
    async fn once(&mut self) -> Result<u32> {
        let body = self.template.next();
        let answer = self.http.post("/msg/send", &self.token, body).await?;
        code_of(answer.body)
    }

    async fn reconnect(&mut self) -> Result<()> {
        self.http = Http::connect(self.address).await?;
        Ok(())
    }
}

pub(crate) async fn run(bench: &mut Bench, options: &Options) -> Result<Report> {
    let tag = bench.fresh_tag();
    let pairs = pairs(bench, options.count("connections")?).await?;
    let address = bench.server.address;
    let mut sends = Vec::with_capacity(pairs.len());
    for (index, (sender, receiver)) in pairs.into_iter().enumerate() {
        sends.push(Send {
            address,
            http: Http::connect(address).await?,
            token: sender.token,
            template: Template::rest(&tag, index, &receiver),
        });
    }
    let measured = measure(&bench.server, options, |window, count| {
        let mut tasks = JoinSet::new();
        for send in sends {
            tasks.spawn(closed_loop(send, window, Arc::clone(&count)));
        }
        tasks
    })
    .await?;
    let mut report = Report::default();
    measured.add_to(&mut report, "sends", (8000.0, Some(100.0)));
    Ok(report)
}
