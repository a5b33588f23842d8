//! `pull`: pages of 50 messages from the recent part of filled conversations.

use std::net::SocketAddr;

use anyhow::{Result, ensure};

use crate::api::{self, Page, Person, code_of};
use crate::bench::Bench;
use crate::dice::Dice;
use crate::fill::{PAIRS, fill, pairs};
use crate::http::Http;
use crate::load::{Operation, SECONDS, WARM_UP, measure};
use crate::options::{Command, Options, opt};
use crate::report::Report;

pub(crate) const COMMAND: Command = Command {
    name: "pull",
    about: "pages of 50 messages from the recent part of 64 conversations, over REST, closed loop",
    options: &[
        opt("stored", "10000", "messages to store first, over all conversations"),
        opt("connections", "64", "connections, each on its own conversation"),
        opt("recent", "150", "pull from so many last messages of a conversation, 0 is all"),
        SECONDS,
        WARM_UP,
    ],
};

const PAGE: u64 = 50;

/// Every so many pulls the page is parsed and looked through.
const LOOK_EVERY: u64 = 64;

struct Pull {
    address: SocketAddr,
    http: Http,
    person: Person,
    conversation: String,
    /// The seqs that pages begin at.
    from: std::ops::RangeInclusive<u64>,
    dice: Dice,
    pulls: u64,
}

impl Operation for Pull {
    async fn once(&mut self) -> Result<u32> {
        let begin = self.dice.between(*self.from.start(), *self.from.end());
        let end = begin + PAGE - 1;
        let path = format!("/msg/pull?conversation_id={}&begin_seq={begin}&end_seq={end}&limit={PAGE}", self.conversation);
        let answer = self.http.get(&path, &self.person.token).await?;
        self.pulls += 1;
        if self.pulls % LOOK_EVERY == 1 {
            let page: Page = api::data(&answer)?;
            let seqs = page.messages.iter().map(|message| message.seq);
            ensure!(seqs.eq(begin..=end), "a page lacks messages");
        }
        code_of(answer.body)
    }

    async fn reconnect(&mut self) -> Result<()> {
        self.http = Http::connect(self.address).await?;
        Ok(())
    }
}

pub(crate) async fn run(bench: &mut Bench, options: &Options) -> Result<Report> {
    fill(bench, options.number("stored")?).await?;
    let recent: u64 = options.number("recent")?;
    let pairs = pairs(bench, PAIRS).await?;
    let mut pulls = Vec::new();
    for index in 0..options.count("connections")? {
        let (person, receiver) = &pairs[index % PAIRS];
        let conversation = api::pair_id(&person.id, receiver);
        let address = bench.server.nodes.at(index);
        let mut http = Http::connect(address).await?;
        let top = api::max_seq(&mut http, person, &conversation).await?;
        ensure!(top >= PAGE, "{conversation} holds less than a page: raise --stored");
        let lowest = if recent == 0 { 0 } else { top.saturating_sub(recent) };
        let last = top - PAGE + 1;
        pulls.push(Pull {
            address,
            http,
            person: person.clone(),
            conversation,
            from: (lowest + 1).min(last)..=last,
            dice: Dice::new(index as u64),
            pulls: 0,
        });
    }
    let measured = measure(&bench.server.processes, options, pulls).await?;
    let mut report = Report::default();
    measured.add_to(&mut report, "pulls");
    Ok(report)
}
