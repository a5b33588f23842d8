//! `lists`: a user's whole conversation list.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Result, ensure};
use serde::de::IgnoredAny;

use crate::api::{self, Person, code_of};
use crate::bench::Bench;
use crate::fill::fill;
use crate::http::Http;
use crate::load::{Operation, SECONDS, WARM_UP, measure};
use crate::options::{Command, Options, opt};
use crate::progress::Progress;
use crate::report::{Reach, Report};
use crate::server::Nodes;
use crate::template::{Template, To};

pub(crate) const COMMAND: Command = Command {
    name: "lists",
    about: "the conversation list of users with many conversations, over REST, closed loop",
    options: &[
        opt("conversations", "1000", "conversations of each user, one message in each"),
        opt("users", "1", "users who list at once, a connection each"),
        opt("stored", "0", "messages to store first, in other conversations"),
        SECONDS,
        WARM_UP,
    ],
};

struct List {
    nodes: Nodes,
    number: usize,
    http: Http,
    person: Person,
    path: String,
    conversations: usize,
    lists: u64,
}

impl Operation for List {
    async fn once(&mut self) -> Result<u32> {
        let answer = self.http.get(&self.path, &self.person.token).await?;
        if self.lists == 0 {
            let list: Vec<IgnoredAny> = api::data(&answer)?;
            ensure!(list.len() == self.conversations, "{} of {} are listed", list.len(), self.conversations);
        }
        self.lists += 1;
        code_of(answer.body)
    }

    async fn reconnect(&mut self) -> Result<()> {
        self.http = Http::connect(self.nodes.at(self.number)).await?;
        Ok(())
    }
}

pub(crate) async fn run(bench: &mut Bench, options: &Options) -> Result<Report> {
    fill(bench, options.number("stored")?).await?;
    let (users, conversations) = (options.count("users")?, options.count("conversations")?);
    ensure!(conversations <= 1_000, "--conversations must be at most 1,000: more are no one page");
    let lists = begin(bench, users, conversations).await?;
    let measured = measure(&bench.server.processes, options, lists).await?;
    let mut report = Report::default();
    measured.add_to(&mut report, "lists");
    let p50 = if bench.server.is_cluster() { 100.0 } else { 15.0 };
    report.set_reach("latency p50", Reach::AtMost(p50));
    Ok(report)
}

/// Users who wrote one message to each of as many others.
async fn begin(bench: &mut Bench, users: usize, conversations: usize) -> Result<Vec<List>> {
    let (people, others) = (bench.people(users).await?, bench.absent(conversations).await?);
    let tag = bench.fresh_tag();
    let progress = Progress::start("beginning conversations", Some((users * conversations) as u64));
    let mut lists = Vec::new();
    for (number, person) in people.into_iter().enumerate() {
        let nodes = bench.server.nodes.clone();
        let mut http = Http::connect(nodes.at(number)).await?;
        for (place, other) in others.iter().enumerate() {
            let mut template = Template::rest(&tag, number * conversations + place, &To::User(Arc::clone(other)), 0);
            let answer = http.post("/msg/send", &person.token, template.next()).await?;
            let code = code_of(answer.body)?;
            ensure!(code == 0, "a send was refused with {code}");
            progress.counter().fetch_add(1, Ordering::Relaxed);
        }
        let path = format!("/conversation/list?limit={conversations}");
        lists.push(List { nodes, number, http, person, path, conversations, lists: 0 });
    }
    Ok(lists)
}
