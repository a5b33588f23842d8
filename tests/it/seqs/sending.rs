//! A send under way on a node.

use nexo::store::cluster::seqs::{
    Claimed, Gaps, Head, MsgId, Now, Part, Row, Send, SendAnswer, SendAsk, SendOutcome, SendStep, Watch,
};

use super::bring::Bring;
use super::database::{Late, Plain};
use super::guards::Guard;
use super::ledger::sender;
use super::world::{Job, World};

pub(super) struct Sending {
    node: usize,
    id: MsgId,
    body: MsgId,
    began: Now,
    send: Send,
    /// What it does next.
    pub(super) ask: SendAsk,
    /// Where its id was shown before it began.
    shown: Option<u64>,
    /// An answer that is there and not yet taken: the node may pause before it takes it.
    answer: Option<SendAnswer>,
    ticket: u64,
    bring: Option<Bring>,
    /// Which of the operations that run beside each other are done.
    done: [bool; 3],
    tried: Vec<u64>,
    head: Option<Head>,
    floor: Option<u64>,
    part: Part,
    /// Whether any claim was given to it, and not found pending.
    given: bool,
}

/// Hashes of bodies: repeats of an id may come with any.
pub(super) const BODIES: [&str; 2] = ["b0d1", "b0d2"];

impl Sending {
    pub(super) fn new(world: &mut World, node: usize, id: MsgId, body: &str) -> Self {
        world.ledger.begin(&id);
        let now = world.now(node);
        let deadline_ms = if world.out(Guard::Deadline) { u64::MAX / 2 } else { world.deadline_ms() };
        let mut watch = world.nodes[node].watch;
        let fence = world.nodes[node].fence;
        if world.out(Guard::FenceAge) && fence > 0 {
            watch = Watch::default();
            watch.saw(fence, now.mono_ms, now.mono_ms);
        }
        let (send, ask) = Send::start(body.into(), deadline_ms, &watch, now);
        let shown = world.ledger.places(&id).first().copied();
        Self {
            node,
            id,
            body: body.into(),
            began: now,
            send,
            ask,
            shown,
            answer: None,
            ticket: 0,
            bring: None,
            done: [false; 3],
            tried: Vec::new(),
            head: None,
            floor: None,
            part: Part::default(),
            given: false,
        }
    }

    /// Goes one step; gives how it ended, if it did.
    pub(super) fn step(&mut self, world: &mut World) -> Option<SendOutcome> {
        if self.answer.is_none() {
            self.answer = self.operate(world);
            if self.answer.is_none() || world.dice.chance(1, 4) {
                return None;
            }
        }
        let answer = self.answer.take()?;
        let refused = matches!(answer, SendAnswer::Claimed(Claimed::Other));
        let now = if refused && world.out(Guard::RefuseInTime) { self.began } else { world.now(self.node) };
        let node = &mut world.nodes[self.node];
        if let SendAnswer::LookedUp { head: Some(head), .. } = &answer {
            node.fence = node.fence.max(head.fence);
        }
        match self.send.next(answer, &mut node.watch, now) {
            SendStep::Ask(ask) => {
                self.ask = ask;
                self.done = [false; 3];
                None
            }
            SendStep::Done(outcome) => {
                world.tell(|| format!("n{} ends {} of {}: {outcome:?}", self.node, self.id, self.body));
                match outcome {
                    SendOutcome::Stored { seq, .. } => self.ack(world, seq),
                    SendOutcome::OtherBody => world.ledger.refuse((&self.id, &self.body), self.shown),
                    SendOutcome::TryAgain => {}
                    SendOutcome::Limited(_) => unreachable!("walks have no limits"),
                }
                Some(outcome)
            }
        }
    }

    /// Whoever answers for a message that another attempt stored marks it first.
    fn ack(&self, world: &mut World, seq: u64) {
        let unfinished = self.given && !matches!(self.ask, SendAsk::Finish(_));
        if self.part.is_new() || unfinished && world.out(Guard::NewIfFinished) {
            world.ledger.new_message(&self.id);
        } else {
            world.database.write(Plain::Mark(sender(&self.id), seq), true);
        }
        world.ledger.ack((&self.id, &self.body), seq, self.shown);
    }

    fn operate(&mut self, world: &mut World) -> Option<SendAnswer> {
        match self.ask.clone() {
            SendAsk::LookUp { head, floor } => self.look_up(world, head, floor),
            SendAsk::Verify(seqs) => Some(self.verify(world, &seqs)),
            SendAsk::Claim { known, candidate, settled, floor } => {
                Some(self.claim(world, [known, candidate, settled, floor]))
            }
            SendAsk::Bring(need) => {
                let new = || Bring::new(world, self.node, need, self.ticket);
                let mut bring = self.bring.take().unwrap_or_else(new);
                let end = bring.step(world);
                if end.is_none() {
                    self.bring = Some(bring);
                }
                end.map(SendAnswer::Brought)
            }
            SendAsk::Pause => Some(SendAnswer::Paused),
            SendAsk::Write { seq, send_at_ms } => self.write(world, seq, send_at_ms),
            SendAsk::Finish(seq) => {
                let answer = world.redis(self.node, "finish", &[&self.id], &[seq.to_string(), self.id.to_string()]);
                self.part.finishes(answer.as_ref().map(|words| words[0] == "finished"));
                Some(answer.map_or(SendAnswer::Failed, |_| SendAnswer::Finished))
            }
            SendAsk::Blocks => {
                let mut blocks = world.database.blocks.clone();
                if world.out(Guard::GapsAgain) {
                    blocks.gaps = Gaps::default();
                }
                Some(SendAnswer::Blocks(blocks))
            }
        }
    }

    /// The place of the next of the operations beside each other, in any order.
    fn any(&self, world: &mut World) -> usize {
        let open: Vec<usize> = (0..self.done.len()).filter(|&part| !self.done[part]).collect();
        open[world.dice.place(open.len())]
    }

    fn look_up(&mut self, world: &mut World, head: bool, floor: bool) -> Option<SendAnswer> {
        self.done = [self.done[0], self.done[1] || !head, self.done[2] || !floor];
        let part = self.any(world);
        match part {
            0 => self.tried = world.database.tried(&self.id, &mut world.dice),
            1 => {
                let mut read = world.database.blocks.head;
                if world.out(Guard::LookAgain) {
                    read.fenced_at_ms = 0;
                }
                self.head = Some(read);
            }
            _ => self.floor = Some(world.database.read_seq(sender(&self.id), &mut world.dice)),
        }
        self.done[part] = true;
        let (tried, head, floor) = (self.tried.clone(), self.head.filter(|_| head), self.floor.filter(|_| floor));
        (self.done == [true; 3]).then_some(SendAnswer::LookedUp { tried, head, floor })
    }

    fn verify(&self, world: &mut World, seqs: &[u64]) -> SendAnswer {
        let mut blocks = world.database.blocks.clone();
        let mut rows = world.database.rows_of(&self.id, seqs, &mut world.dice);
        if world.out(Guard::FoundIsFinal) {
            blocks.head.settled = u64::MAX;
        }
        if world.out(Guard::IdNeedsRow) {
            blocks.head.settled = u64::MAX;
            let body = |seq| world.ledger.body(seq).unwrap_or(&self.body).clone();
            rows = seqs.iter().map(|&seq| Row { body: body(seq), ..self.row(seq, 0) }).collect();
        }
        if world.out(Guard::FoundBody) {
            rows.iter_mut().for_each(|row| row.body = self.body.clone());
        }
        SendAnswer::Verified { blocks, rows }
    }

    fn claim(&mut self, world: &mut World, words: [u64; 4]) -> SendAnswer {
        self.ticket = world.random();
        let [known, candidate, settled, floor] = words.map(|word| word.to_string());
        let args = [self.id.to_string(), self.body.to_string(), known, candidate, settled, self.ticket.to_string(), floor];
        let Some(words) = world.redis(self.node, "claim", &[&self.id], &args) else { return SendAnswer::Failed };
        world.tell(|| format!("n{} claims for {} with {:?}: {words:?}", self.node, self.id, &args[2..]));
        let claimed = Claimed::parse(&words).unwrap_or_else(|| panic!("{words:?}"));
        let new = words[0] == "new";
        self.given |= new;
        if let Claimed::Claim { seq, send_at_ms, fence, ahead } = &claimed {
            world.ledger.claim((&self.id, &self.body), (*seq, *send_at_ms, *fence));
            if let Some(need) = ahead {
                let bring = Bring::new(world, self.node, *need, self.ticket);
                world.jobs.push(Job::Bring(bring));
            }
        }
        // An answer may be lost, and what it told of stays in the key.
        if world.faulty && world.dice.chance(1, 40) {
            return SendAnswer::Failed;
        }
        self.part.claims(&claimed, new);
        SendAnswer::Claimed(claimed)
    }

    /// Its message, as it is stored.
    pub(super) fn row(&self, seq: u64, send_at_ms: u64) -> Row {
        Row { seq, id: self.id.clone(), send_at_ms, body: self.body.clone() }
    }

    fn write(&mut self, world: &mut World, seq: u64, send_at_ms: u64) -> Option<SendAnswer> {
        let part = self.any(world);
        let plain = match part {
            0 => Plain::Row(self.row(seq, send_at_ms)),
            1 => Plain::Id(self.id.clone(), seq),
            _ => Plain::Mark(sender(&self.id), seq),
        };
        let lost = world.faulty && world.dice.chance(world.profile.lost_writes, 8);
        match lost.then(|| world.dice.below(2)) {
            Some(0) => world.database.late.push(Late::Plain(plain)),
            Some(_) => world.database.write(plain, false),
            None => {
                world.database.write(plain, true);
                world.tell(|| {
                    format!("n{} wrote {} of {} at {seq}", self.node, ["the row", "the id", "the mark"][part], self.id)
                });
                self.done[part] = true;
                return (self.done == [true; 3]).then_some(SendAnswer::Written);
            }
        }
        // Without an answer the same write is tried again, or the send gives up.
        world.dice.chance(1, 2).then_some(SendAnswer::Failed)
    }
}
