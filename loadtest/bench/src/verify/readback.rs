//! Pulling everything back as every participant, and comparing lists and unread counts.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, bail};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::plan::{Room, Stay};
use super::pushes::{Order, rooms_of};
use super::trial::Trial;
use crate::api::{self, Page, envelope};
use crate::http::Http;
use crate::ws::{Door, Frame, Socket};

/// Messages of a page.
const LIMIT: u64 = 100;

/// A conversation in a list.
#[derive(Deserialize)]
struct Listed {
    conversation_id: String,
    unread_count: u64,
    max_seq: u64,
    read_seq: u64,
}

/// The answer of max_read_seq.
#[derive(Deserialize, Debug, PartialEq, Eq)]
struct Counts {
    max_seq: u64,
    read_seq: u64,
    unread_count: u64,
}

#[derive(Deserialize)]
struct Unread {
    unread_count: u64,
}

/// Reads everything back as one member.
pub(super) struct Reader {
    pub(super) trial: Arc<Trial>,
    pub(super) order: Arc<Order>,
    pub(super) who: usize,
    http: Http,
    /// Every second member pulls over WebSocket.
    socket: Option<Socket>,
    pulled: Arc<AtomicU64>,
}

impl Reader {
    pub(super) async fn open(
        trial: &Arc<Trial>,
        order: &Arc<Order>,
        address: SocketAddr,
        (who, pulled): (usize, Arc<AtomicU64>),
    ) -> Result<Reader> {
        let door = Door { address, token: &trial.plan.members[who].web, query: "", from: None };
        let socket = match who % 2 {
            0 => None,
            _ => Some(Socket::open(&door).await?),
        };
        Ok(Reader {
            trial: Arc::clone(trial),
            order: Arc::clone(order),
            who,
            http: Http::connect(address).await?,
            socket,
            pulled,
        })
    }

    /// Lists, pulls and counts, then moves some read marks and counts again.
    pub(super) async fn run(mut self) -> Result<()> {
        let trial = Arc::clone(&self.trial);
        self.compare_list().await?;
        for (index, room, stay) in rooms_of(&trial, self.who) {
            if self.order[index].is_empty() && !room.conversation_id.starts_with("sg_") {
                // A pair without a message is no conversation yet.
                continue;
            }
            self.compare_pages(index, room, stay).await?;
            let expected = self.expected_counts(index, stay);
            self.compare_counts(room, stay, &expected).await?;
            if (self.who + index).is_multiple_of(3) {
                self.read_on(room, stay, expected).await?;
            }
        }
        Ok(())
    }

    /// Sending reads: the read mark is at the member's last own message.
    fn expected_counts(&self, room: usize, stay: &Stay) -> Counts {
        let (mut top, mut read) = (0, 0);
        for (seq, message) in (1..).zip(&self.order[room]) {
            if stay.sees(seq) {
                top = seq;
                if self.trial.plan.messages[*message].sender == self.who {
                    read = seq;
                }
            }
        }
        Counts { max_seq: top, read_seq: read, unread_count: unread(stay, top, read) }
    }

    async fn compare_list(&mut self) -> Result<()> {
        let trial = Arc::clone(&self.trial);
        let token = Arc::clone(&trial.plan.members[self.who].web);
        let answer = self.http.get("/conversation/list", &token).await?;
        let listed: Vec<Listed> = api::data(&answer)?;
        let name = &trial.plan.members[self.who].id;
        let mut rows: HashMap<&str, &Listed> = listed.iter().map(|row| (row.conversation_id.as_str(), row)).collect();
        let check = &trial.checks.lists;
        check.equal(rows.len(), listed.len(), || format!("{name} has rows"));
        for (index, room, stay) in rooms_of(&trial, self.who) {
            let place = &room.conversation_id;
            if self.order[index].is_empty() && !place.starts_with("sg_") {
                continue;
            }
            let Some(row) = rows.remove(place.as_str()) else {
                check.compare(Err(format!("{name} does not list {place}")));
                continue;
            };
            let expected = self.expected_counts(index, stay);
            let got = Counts {
                max_seq: row.max_seq,
                read_seq: read_seq_to_compare(stay, row.read_seq, &expected),
                unread_count: row.unread_count,
            };
            check.equal(got, expected, || format!("{name} lists {place}"));
        }
        let extra: Vec<&str> = rows.into_keys().collect();
        check.equal(extra, Vec::new(), || format!("{name} lists too much"));
        Ok(())
    }

    async fn compare_pages(&mut self, index: usize, room: &Room, stay: &Stay) -> Result<()> {
        let trial = Arc::clone(&self.trial);
        let order = Arc::clone(&self.order);
        let name = &trial.plan.members[self.who].id;
        let place = &room.conversation_id;
        let mut due = (1..).zip(&order[index]).filter(|(seq, _)| stay.sees(*seq));
        let top = self.expected_counts(index, stay).max_seq;
        let mut begin = 1;
        loop {
            let body = self.page(place, begin).await?;
            let page: Page = envelope(&body)?.data()?;
            trial.checks.counts.equal(page.max_seq, top, || format!("{name}, max_seq of {place}"));
            let Some(last) = page.messages.last() else {
                break;
            };
            begin = last.seq + 1;
            for wire in &page.messages {
                trial.checks.pulls.compare(compare_pulled(&trial, due.next(), wire));
            }
            self.pulled.fetch_add(page.messages.len() as u64, Ordering::Relaxed);
        }
        let missing = due.count();
        trial.checks.pulls.equal(missing, 0, || format!("{name} lacks messages of {place}"));
        Ok(())
    }

    /// The answer to one pull, over whichever way this member uses.
    async fn page(&mut self, place: &str, begin: u64) -> Result<Vec<u8>> {
        let Some(socket) = &mut self.socket else {
            let token = &self.trial.plan.members[self.who].web;
            let path = format!("/msg/pull?conversation_id={place}&begin_seq={begin}&limit={LIMIT}");
            return Ok(self.http.get(&path, token).await?.body.to_vec());
        };
        let request = format!(
            r#"{{"id":"p","op":"pull","data":{{"conversation_id":"{place}","begin_seq":{begin},"limit":{LIMIT}}}}}"#
        );
        socket.send(request.as_bytes()).await?;
        loop {
            match socket.next().await? {
                Frame::Text(text) if text.starts_with(br#"{"id":"#) => return Ok(text.to_vec()),
                // A push that was still under way.
                Frame::Text(_) => {}
                Frame::Closed(code) => bail!("a pulling socket was closed with {code}"),
            }
        }
    }

    async fn compare_counts(&mut self, room: &Room, stay: &Stay, expected: &Counts) -> Result<()> {
        let trial = Arc::clone(&self.trial);
        let place = &room.conversation_id;
        let token = Arc::clone(&trial.plan.members[self.who].web);
        let name = &trial.plan.members[self.who].id;
        let check = &trial.checks.counts;

        let path = format!("/conversation/max_read_seq?conversation_id={place}");
        let mut got: Counts = api::data(&self.http.get(&path, &token).await?)?;
        got.read_seq = read_seq_to_compare(stay, got.read_seq, expected);
        check.equal(&got, expected, || format!("{name}, max_read_seq of {place}"));

        for read in [None, Some(0), Some(expected.max_seq / 2)] {
            let given = read.map_or(String::new(), |read| format!("&read_seq={read}"));
            let path = format!("/conversation/unread_count?conversation_id={place}{given}");
            let got: Unread = api::data(&self.http.get(&path, &token).await?)?;
            let due = read.map_or(expected.unread_count, |r| unread(stay, expected.max_seq, r));
            check.equal(got.unread_count, due, || format!("{name}, unread of {place}{given}"));
        }
        Ok(())
    }

    /// Marks half of it read, tries to move the mark back, and counts again.
    async fn read_on(&mut self, room: &Room, stay: &Stay, mut expected: Counts) -> Result<()> {
        let half = stay.after + (expected.max_seq.saturating_sub(stay.after)) / 2;
        let token = Arc::clone(&self.trial.plan.members[self.who].web);
        for read_seq in [half, 1] {
            let place = &room.conversation_id;
            let body = format!(r#"{{"conversation_id":"{place}","read_seq":{read_seq}}}"#);
            let answer = self.http.post("/conversation/mark_read", &token, body.as_bytes()).await?;
            api::data::<IgnoredAny>(&answer)?;
        }
        expected.read_seq = expected.read_seq.max(half).min(expected.max_seq);
        expected.unread_count = unread(stay, expected.max_seq, expected.read_seq);
        self.compare_counts(room, stay, &expected).await
    }
}

/// Messages that a member sees above a read mark.
fn unread(stay: &Stay, top: u64, read: u64) -> u64 {
    top.saturating_sub(read.max(stay.after))
}

/// Where the read mark of one who joined late and has not read yet stands is the server's choice, below the joining.
fn read_seq_to_compare(stay: &Stay, got: u64, expected: &Counts) -> u64 {
    if expected.read_seq <= stay.after && got <= stay.after { expected.read_seq } else { got }
}

fn compare_pulled(trial: &Trial, due: Option<(u64, &usize)>, wire: &api::WireMessage<'_>) -> Result<(), String> {
    let id = &wire.client_msg_id;
    let Some((seq, message)) = due else {
        return Err(format!("{id} was pulled, and should not be seen"));
    };
    let send_at = trial.fate(*message).map(|fate| fate.send_at);
    if wire.seq != seq || Some(wire.send_at) != send_at {
        return Err(format!("{id} was pulled with another seq or time"));
    }
    let text = &*trial.plan.messages[*message].content.text;
    if wire.content_text.as_deref() != Some(text) {
        return Err(format!("{id} has another content_text"));
    }
    trial.same(*message, wire)
}
