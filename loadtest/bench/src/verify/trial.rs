//! What is known while the messages go in: what was answered, and what was wrong with it.

use std::collections::VecDeque;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use serde_json::Value;

use super::content::reworded;
use super::plan::{Plan, Repeat};
use crate::api::{Envelope, WireMessage};
use crate::report::Report;

/// Wrong things that are shown of each check.
const EXAMPLES: usize = 5;

/// One kind of comparison: how many were made, how many failed, and how.
pub(super) struct Check {
    name: &'static str,
    compared: AtomicU64,
    wrong: AtomicU64,
    examples: Mutex<Vec<String>>,
}

impl Check {
    fn new(name: &'static str) -> Check {
        Check { name, compared: AtomicU64::new(0), wrong: AtomicU64::new(0), examples: Mutex::default() }
    }

    /// Counts a comparison.
    pub(super) fn compare(&self, outcome: Result<(), String>) {
        self.compared.fetch_add(1, Ordering::Relaxed);
        if let Err(what) = outcome {
            self.wrong.fetch_add(1, Ordering::Relaxed);
            let mut examples = self.examples.lock();
            if examples.len() < EXAMPLES {
                examples.push(what);
            }
        }
    }

    /// Counts a comparison of two values.
    pub(super) fn equal<T: PartialEq + std::fmt::Debug>(&self, got: T, expected: T, what: impl FnOnce() -> String) {
        let outcome = if got == expected { Ok(()) } else { Err(format!("{}: {got:?}, expected {expected:?}", what())) };
        self.compare(outcome);
    }

    /// Adds it to the report, and shows the examples.
    pub(super) fn add_to(&self, report: &mut Report) {
        let compared = self.compared.load(Ordering::Relaxed);
        report.add(self.name, compared as f64, "");
        let wrong = self.wrong.load(Ordering::Relaxed);
        report.must_be_none(&format!("{}: wrong", self.name), wrong);
        let examples = self.examples.lock();
        for example in examples.iter() {
            eprintln!("{}: {example}", self.name);
        }
    }
}

/// Every check, in the order of the table.
pub(super) struct Checks {
    pub(super) acks: Check,
    pub(super) repeats: Check,
    pub(super) seqs: Check,
    pub(super) pushes: Check,
    pub(super) pulls: Check,
    pub(super) lists: Check,
    pub(super) counts: Check,
}

impl Checks {
    pub(super) fn all(&self) -> [&Check; 7] {
        [&self.acks, &self.repeats, &self.seqs, &self.pushes, &self.pulls, &self.lists, &self.counts]
    }
}

/// What the first ack of a message said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) seq: u64,
    pub(super) send_at: i64,
}

/// One sending of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) message: usize,
    /// Not the first sending.
    pub(super) again: bool,
}

/// The plan, and what has come of it so far.
pub(super) struct Trial {
    pub(super) plan: Plan,
    /// Messages of different senders may be pushed in another order than that of their seqs.
    pub(super) is_cluster: bool,
    pub(super) checks: Checks,
    fates: Vec<OnceLock<Fate>>,
    /// Sendings over WebSocket that are not answered yet.
    pub(super) left: AtomicU64,
    /// Devices that the server has said hello to: from then on they are pushed everything.
    pub(super) greeted: AtomicU64,
    /// Messages that each member's socket was pushed.
    pub(super) heard: Vec<AtomicU64>,
    /// Sendings answered, for the progress line.
    pub(super) answers: std::sync::Arc<AtomicU64>,
}

impl Trial {
    pub(super) fn new(plan: Plan, is_cluster: bool) -> Trial {
        Trial {
            is_cluster,
            checks: Checks {
                acks: Check::new("acks compared"),
                repeats: Check::new("answers to repeats compared"),
                seqs: Check::new("seqs compared"),
                pushes: Check::new("pushes compared"),
                pulls: Check::new("pulled messages compared"),
                lists: Check::new("conversation lists compared"),
                counts: Check::new("unread counts and tops compared"),
            },
            fates: plan.messages.iter().map(|_| OnceLock::new()).collect(),
            left: AtomicU64::new(0),
            greeted: AtomicU64::new(0),
            heard: plan.members.iter().map(|_| AtomicU64::new(0)).collect(),
            answers: std::sync::Arc::default(),
            plan,
        }
    }

    /// What the first ack of a message said, if it was acked.
    pub(super) fn fate(&self, message: usize) -> Option<Fate> {
        self.fates[message].get().copied()
    }

    /// The body of a sending. A later repeat has other bytes of an equal JSON value.
    pub(super) fn body(&self, job: Job) -> String {
        let raw = &self.plan.messages[job.message].content.raw;
        match job.again.then(|| reworded(raw)) {
            Some(Ok(other)) => self.plan.body(job.message, &other),
            _ => self.plan.body(job.message, raw),
        }
    }

    /// Takes the answer to a sending. False if the server was busy, and it has to be sent once more.
    pub(super) fn answered(&self, job: Job, envelope: &Envelope<'_>) -> bool {
        const BUSY: [u32; 2] = [1002, 1006];
        if BUSY.contains(&envelope.code) {
            return false;
        }
        self.answers.fetch_add(1, Ordering::Relaxed);
        let twin = self.plan.messages[job.message].repeat == Repeat::Twin;
        let check = if job.again || twin { &self.checks.repeats } else { &self.checks.acks };
        let message = envelope.data::<WireMessage>();
        let outcome = message.map_err(|error| {
            let id = self.plan.client_msg_id(job.message);
            format!("{id} was not acked: {error}")
        });
        check.compare(outcome.and_then(|wire| self.acked(job.message, &wire)));
        true
    }

    fn acked(&self, message: usize, wire: &WireMessage<'_>) -> Result<(), String> {
        let fate = Fate { seq: wire.seq, send_at: wire.send_at };
        let first = *self.fates[message].get_or_init(|| fate);
        if first != fate {
            let id = &wire.client_msg_id;
            return Err(format!("{id} was acked with {first:?}, then with {fate:?}"));
        }
        self.same(message, wire)
    }

    /// Compares a message as the server gives it with what was sent, its content byte for byte.
    pub(super) fn same(&self, message: usize, wire: &WireMessage<'_>) -> Result<(), String> {
        let sent = &self.plan.messages[message];
        let (recv_id, group_id) = self.plan.address(sent);
        let session_type = if group_id.is_empty() { 1 } else { 2 };
        let same = wire.conversation_id == self.plan.rooms[sent.room].conversation_id
            && self.plan.index_of(&wire.client_msg_id) == Some(message)
            && *wire.sender_id == *self.plan.members[sent.sender].id
            && wire.recv_id == recv_id
            && wire.group_id == group_id
            && wire.session_type == session_type
            && wire.msg_type == sent.content.msg_type;
        let id = &wire.client_msg_id;
        if !same {
            let place = &wire.conversation_id;
            return Err(format!("{id} in {place} has other fields than were sent"));
        }
        if wire.content.get() == &*sent.content.raw {
            return Ok(());
        }
        let value = |raw: &str| serde_json::from_str::<Value>(raw).ok();
        let equal = value(wire.content.get()) == value(&sent.content.raw);
        let how = if equal { "an equal JSON value in other bytes" } else { "another content" };
        Err(format!("{id} has {how}: {}", shortened(wire.content.get())))
    }

    /// The sendings of an act that a member makes one way.
    pub(super) fn jobs(&self, who: usize, act: Act, websocket: bool) -> VecDeque<Job> {
        use super::plan::Way;
        let range = match act {
            Act::First => 0..self.plan.first_act,
            Act::Second => self.plan.first_act..self.plan.messages.len(),
        };
        let mine = range.filter(|index| {
            let message = &self.plan.messages[*index];
            let this_way = (message.way == Way::WebSocket) == websocket;
            message.sender == who && (this_way || message.repeat == Repeat::Twin)
        });
        let job = |message| Job { message, again: false };
        mine.map(job).collect()
    }

    /// The sending that follows one that was answered, if the message is repeated later.
    pub(super) fn next_job(&self, job: Job) -> Option<Job> {
        let later = self.plan.messages[job.message].repeat == Repeat::Later;
        (later && !job.again).then_some(Job { again: true, ..job })
    }
}

/// The messages before and after the turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    First,
    Second,
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(120) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::envelope;
    use crate::verify::plan::tests::small_plan;

    fn answer(trial: &Trial, index: usize, content: &str) -> String {
        let message = &trial.plan.messages[index];
        let (recv_id, group_id) = trial.plan.address(message);
        let room = &trial.plan.rooms[message.room];
        let body = serde_json::json!({
            "conversation_id": room.conversation_id, "seq": 1,
            "client_msg_id": trial.plan.client_msg_id(index),
            "sender_id": *trial.plan.members[message.sender].id,
            "recv_id": recv_id, "group_id": group_id,
            "session_type": if group_id.is_empty() { 1 } else { 2 },
            "msg_type": message.content.msg_type, "send_at": 5, "content": "~",
        });
        let body = body.to_string().replace("\"~\"", content);
        format!(r#"{{"code":0,"msg":"success","data":{body}}}"#)
    }

    fn wrong(trial: &Trial) -> u64 {
        let checks = trial.checks.all();
        checks.iter().map(|c| c.wrong.load(Ordering::Relaxed)).sum()
    }

    #[test]
    fn the_same_bytes_pass_and_others_do_not() {
        let trial = Trial::new(small_plan(4), false);
        let job = Job { message: 0, again: false };
        let raw = trial.plan.messages[0].content.raw.to_string();
        let good = answer(&trial, 0, &raw);
        assert!(trial.answered(job, &envelope(good.as_bytes()).expect("an envelope")));
        assert_eq!(wrong(&trial), 0);
        let bad = answer(&trial, 0, &raw.replacen('{', "{ ", 1));
        assert!(trial.answered(job, &envelope(bad.as_bytes()).expect("an envelope")));
        assert_eq!(wrong(&trial), 1);
    }

    #[test]
    fn a_busy_server_is_asked_again() {
        let trial = Trial::new(small_plan(4), false);
        let busy = br#"{"code":1002,"msg":"busy","data":null}"#;
        let job = Job { message: 1, again: false };
        assert!(!trial.answered(job, &envelope(busy).expect("an envelope")));
        assert_eq!(trial.fate(1), None);
    }
}
