//! Messages and their seqs in the cluster: the port, and the operations that a send asks for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::{OptionFuture, join, try_join, try_join3};
use tracing::Instrument;

use super::claims::ClaimOf;
use super::extents::Extents;
use super::groups::Audience;
use super::message_rows::{body, msg_id};
use super::places::SharedPlaces;
use super::seqs::{Claimed, Gaps, Granted, MsgId, Need, Part, Send as Sending, SendAnswer, SendAsk, SendOutcome, SendStep};
use super::sequencer::Sequencer;
use super::tokens::{Admitted, Bound, SharedTokens};
use crate::error::Code;
use crate::model::{Appended, ConversationId, Draft, Extent, Logged, Message, Refusal, SendLimit, Stored, UserId};
use crate::store::{Admit, Messages, OnCommit, StoreError};
use crate::telemetry::{Trace, stage};

/// How long a send waits for the block that another one brings.
const PAUSE: Duration = Duration::from_millis(10);

/// The part of a send's time for which other attempts at its message leave it alone: then it is told of once.
const LEFT_ALONE: u32 = 4;

/// The port of messages.
#[derive(Clone)]
pub(super) struct MessageStore {
    pub(super) sequencer: Arc<Sequencer>,
    pub(super) places: SharedPlaces,
    pub(super) tokens: SharedTokens,
    pub(super) extents: Arc<dyn Extents>,
}

/// What a send is allowed to do besides answering with what is stored already.
enum Allowed {
    /// Whatever it needs.
    All,
    /// Nothing: it may only be a repeat.
    Repeat(Refusal),
}

/// One send on its way.
struct Attempt {
    store: MessageStore,
    draft: Draft,
    conversation: String,
    id: MsgId,
    body: MsgId,
    ticket: String,
    /// What this attempt, of several at once, has done.
    part: Part,
    /// When its seq was asked for.
    claimed: Instant,
    /// When the message was sent, by the claim.
    send_at_ms: u64,
    /// Who is told.
    audience: Audience,
    /// The logs that have it.
    logged: Vec<Logged>,
}

#[async_trait]
impl Messages for MessageStore {
    async fn append(&self, draft: Draft, admit: Admit, committed: OnCommit<Stored>) -> Result<Appended, StoreError> {
        let store = self.clone();
        // To the end, even if whoever asked has gone away: a claim that nobody finishes holds up the conversation for seconds.
        let work = async move {
            let mut attempt = Attempt::new(store, draft);
            let appended = attempt.run(admit).await;
            if let Ok(Appended::New { message, .. }) = &appended {
                committed(&Stored { message: Arc::clone(message), logged: attempt.logged });
            }
            appended
        };
        let appended = tokio::spawn(Trace::current().around(work.in_current_span()));
        appended.await.unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))
    }

    async fn range(
        &self,
        conversation: &ConversationId,
        extent: &Extent,
        (first, last): (u64, u64),
        limit: usize,
    ) -> Result<Vec<Arc<Message>>, StoreError> {
        // Whatever it shows is a row or a gap for ever, so the gaps need not be read again.
        let gaps = Gaps::of(&extent.gaps);
        self.sequencer.rows.page(conversation, (first.max(1), last.min(extent.max_seq)), limit, &gaps).await
    }

    async fn at(&self, conversation: &ConversationId, first: u64, last: u64) -> Result<Vec<Arc<Message>>, StoreError> {
        let blocks = self.sequencer.authority.blocks(&conversation.to_string()).await?;
        let last = last.min(blocks.head.ceiling);
        self.sequencer.rows.page(conversation, (first.max(1), last), usize::MAX, &blocks.gaps).await
    }

    async fn extent(&self, conversation: &ConversationId) -> Result<Extent, StoreError> {
        self.extents.extent(conversation).await
    }
}

impl Attempt {
    fn new(store: MessageStore, draft: Draft) -> Self {
        Self {
            conversation: draft.conversation.to_string(),
            id: msg_id(&draft.caller.user, &draft.client_msg_id),
            body: body(&draft.fingerprint),
            ticket: ticket_word(),
            store,
            draft,
            part: Part::default(),
            claimed: Instant::now(),
            send_at_ms: 0,
            audience: Audience::default(),
            logged: Vec::new(),
        }
    }

    async fn run(&mut self, admit: Admit) -> Result<Appended, StoreError> {
        let sequencer = Arc::clone(&self.store.sequencer);
        let (deadline_ms, now) = (sequencer.deadline_ms, sequencer.now());
        let body = Arc::clone(&self.body);
        let (mut send, ask) = sequencer.watch(&self.conversation, |watch| Sending::start(body, deadline_ms, watch, now));
        let SendAsk::LookUp { head, floor } = ask else {
            return Err(StoreError::Unavailable("a send begins elsewhere".to_owned()));
        };
        let (allowed, (mut answer, elsewhere)) =
            try_join(self.allowed(admit), stage("send.look_up", self.look_up((head, floor)))).await?;
        let (bound, allowed) = match allowed {
            Some(_) if elsewhere => return Ok(Appended::OtherBody),
            Some(allowed) => allowed,
            None => return Ok(Appended::Refused(Code::TokenInvalid.into())),
        };
        loop {
            let now = sequencer.now();
            let step = sequencer.watch(&self.conversation, |watch| send.next(answer, watch, now));
            let ask = match step {
                SendStep::Ask(ask) => ask,
                SendStep::Done(outcome) => return self.ended(outcome, bound).await,
            };
            if let (SendAsk::Claim { candidate: 0, .. }, Allowed::Repeat(refusal)) = (&ask, &allowed) {
                return Ok(self.refused(*refusal, bound).await);
            }
            answer = self.operate(ask).await;
        }
    }

    /// The end of a refused send, whose id is free again if it was bound for it.
    async fn refused(&self, refusal: Refusal, bound: Bound) -> Appended {
        if bound.fresh {
            self.store.tokens.unbind(&self.draft.caller, &self.draft.client_msg_id).await;
        }
        Appended::Refused(refusal)
    }

    /// Whether the caller may send this, and since when the id is bound for it; `None` if its token is not the current one.
    async fn allowed(&self, admit: Admit) -> Result<Option<(Bound, Allowed)>, StoreError> {
        let Self { store, draft, .. } = self;
        let admitted = store.tokens.admit(&draft.caller, &draft.client_msg_id, &draft.conversation);
        let destination = stage("send.destination", store.places.destination(draft));
        let (admitted, destination) = try_join(stage("send.admit", admitted), destination).await?;
        let ruled = admit(&destination).map_err(Refusal::from);
        let (bound, ruled) = match admitted {
            Admitted::NotCurrent => return Ok(None),
            Admitted::Elsewhere => (Bound::default(), Err(Code::DuplicateMessage.into())),
            Admitted::Limited(refusal) => (Bound::default(), ruled.and(Err(refusal))),
            Admitted::Yes(bound) => (bound, ruled),
        };
        Ok(Some((bound, ruled.map_or_else(Allowed::Repeat, |()| Allowed::All))))
    }

    /// The seqs at which the id was tried here, with head and floor if they are wanted; and whether it is stored in another
    /// conversation.
    async fn look_up(&self, (head, floor): (bool, bool)) -> Result<(SendAnswer, bool), StoreError> {
        let Sequencer { rows, authority, .. } = &*self.store.sequencer;
        let Draft { caller, conversation, .. } = &self.draft;
        let head = OptionFuture::from(head.then(|| authority.head(&self.conversation)));
        let floor = OptionFuture::from(floor.then(|| self.store.places.read_seq(&caller.user, conversation)));
        let (head, floor) = (head.map(Option::transpose), floor.map(Option::transpose));
        let (tried, head, floor) = try_join3(rows.tried(&self.id), head, floor).await?;
        let (here, others): (Vec<_>, Vec<_>) = tried.into_iter().partition(|(place, _)| *place == self.conversation);
        let mut elsewhere = false;
        for (place, seq) in others {
            let blocks = authority.blocks(&place).await?;
            elsewhere |= !blocks.gaps.hold(seq) && rows.row(&place, seq, &self.id).await?.is_some();
        }
        let tried = here.into_iter().map(|(_, seq)| seq).collect();
        Ok((SendAnswer::LookedUp { tried, head, floor }, elsewhere))
    }

    async fn operate(&mut self, ask: SendAsk) -> SendAnswer {
        let _stage = Trace::current().stage(stage_of(&ask));
        let done = match ask {
            SendAsk::LookUp { head, floor } => self.look_up((head, floor)).await.map(|(answer, _)| answer),
            SendAsk::Verify(seqs) => self.verify(&seqs).await,
            SendAsk::Claim { known, candidate, settled, floor } => self.claim([known, candidate, settled, floor]).await,
            SendAsk::Bring(need) => self.bring(need).await.map(SendAnswer::Brought),
            SendAsk::Pause => {
                tokio::time::sleep(PAUSE).await;
                Ok(SendAnswer::Paused)
            }
            SendAsk::Write { seq, send_at_ms } => self.write(seq, send_at_ms).await,
            SendAsk::Finish(seq) => self.finish(seq).await,
            SendAsk::Blocks => self.store.sequencer.authority.blocks(&self.conversation).await.map(SendAnswer::Blocks),
        };
        done.unwrap_or_else(|error| {
            tracing::debug!(%error, conversation = self.conversation, "a step of a send failed");
            SendAnswer::Failed
        })
    }

    /// The blocks, then the rows: a gap that is settled between hides a row, and never the other way round.
    async fn verify(&self, seqs: &[u64]) -> Result<SendAnswer, StoreError> {
        let sequencer = &self.store.sequencer;
        let blocks = sequencer.authority.blocks(&self.conversation).await?;
        let rows = sequencer.rows.rows_at(&self.conversation, seqs, &self.id).await?;
        Ok(SendAnswer::Verified { blocks, rows })
    }

    /// Claims a seq. What is another attempt's is left to that for a while, so that it is the one to tell of it.
    async fn claim(&mut self, [known, candidate, settled, floor]: [u64; 4]) -> Result<SendAnswer, StoreError> {
        let sequencer = &self.store.sequencer;
        let of = ClaimOf { id: &self.id, body: &self.body, known, candidate, settled, floor };
        if !self.part.is_own() {
            self.claimed = Instant::now();
        }
        let claimed = loop {
            let (claimed, new) = sequencer.claims.claim(&self.conversation, &of, &self.ticket).await?;
            self.part.claims(&claimed, new);
            let others = matches!(claimed, Claimed::Claim { .. }) && !self.part.is_own();
            if !others || !self.is_left_alone() {
                break claimed;
            }
            tokio::time::sleep(PAUSE).await;
        };
        if let Claimed::Claim { ahead: Some(need), .. } = claimed {
            let (sequencer, conversation, ticket) = (Arc::clone(sequencer), self.conversation.clone(), self.ticket.clone());
            // Beside the send: the next one finds it there.
            tokio::spawn(async move {
                if let Err(error) = sequencer.bring(&conversation, need, &ticket).await {
                    tracing::debug!(%error, conversation, "a block ahead for {conversation} was not brought");
                }
            });
            // The ticket is used up.
            self.ticket = ticket_word();
        }
        Ok(SendAnswer::Claimed(claimed))
    }

    fn is_left_alone(&self) -> bool {
        self.claimed.elapsed() < Duration::from_millis(self.store.sequencer.deadline_ms) / LEFT_ALONE
    }

    async fn bring(&self, need: Need) -> Result<Granted, StoreError> {
        self.store.sequencer.bring(&self.conversation, need, &self.ticket).await
    }

    async fn write(&mut self, seq: u64, send_at_ms: u64) -> Result<SendAnswer, StoreError> {
        let (sequencer, places) = (&self.store.sequencer, &self.store.places);
        let message = self.message(seq, send_at_ms);
        let row = sequencer.rows.write(&message, &self.body);
        let id = sequencer.rows.write_id(&self.conversation, &self.id, seq);
        let mark = places.mark(&message.sender, &message.conversation, seq);
        let open = async {
            let opened = sequencer.memory.with(&self.conversation, |memory| memory.opened);
            if !opened {
                places.open(&message.conversation, message.send_at_ms).await?;
                sequencer.memory.with(&self.conversation, |memory| memory.opened = true);
            }
            Ok(())
        };
        let told = sequencer.told.audience(&self.draft.conversation, seq);
        let (_, (), audience) = try_join3(try_join3(row, id, mark), open, told).await?;
        (self.send_at_ms, self.audience) = (send_at_ms, audience);
        Ok(SendAnswer::Written)
    }

    /// Finishes the claim and tells the recipients: at once, if nobody else can have done so, or else only if nobody did.
    async fn finish(&mut self, seq: u64) -> Result<SendAnswer, StoreError> {
        let Sequencer { claims, told, .. } = &*self.store.sequencer;
        let by_node = self.audience.by_node;
        let finish = claims.finish(&self.conversation, (seq, &self.id), by_node.is_some());
        let finished = if self.part.is_own() && self.is_left_alone() {
            let (finished, logged) = join(finish, self.log(seq)).await;
            self.logged = logged;
            self.part.finishes(finished.as_ref().ok().map(|(first, _)| *first));
            finished
        } else {
            let finished = finish.await;
            self.part.finishes(finished.as_ref().ok().map(|(first, _)| *first));
            if !self.part.is_new() {
                return Ok(SendAnswer::Finished);
            }
            self.logged = self.log(seq).await;
            finished
        };
        let (_, nodes) = finished?;
        if let Some(version) = by_node {
            let message = self.message(seq, self.send_at_ms);
            told.tell_nodes(&nodes, message, Some(self.draft.caller.platform), version).await;
        }
        Ok(SendAnswer::Finished)
    }

    /// Writes into the recipients' logs. Of the sender, the platform that sends is not told.
    async fn log(&self, seq: u64) -> Vec<Logged> {
        let (sender, platform) = (&self.draft.caller.user, self.draft.caller.platform);
        let except = |user: &UserId| (user == sender).then_some(platform);
        let users: Vec<_> = self.audience.users.iter().map(|user| (user.clone(), except(user))).collect();
        self.store.sequencer.told.append(&self.message(seq, self.send_at_ms), &users).await
    }

    fn message(&self, seq: u64, send_at_ms: u64) -> Message {
        Message {
            conversation: self.draft.conversation.clone(),
            seq,
            client_msg_id: Arc::clone(&self.draft.client_msg_id),
            sender: self.draft.caller.user.clone(),
            msg_type: self.draft.msg_type,
            content: Arc::clone(&self.draft.content),
            send_at_ms: i64::try_from(send_at_ms).unwrap_or(i64::MAX),
        }
    }

    async fn ended(&self, outcome: SendOutcome, bound: Bound) -> Result<Appended, StoreError> {
        let sequencer = &self.store.sequencer;
        match outcome {
            SendOutcome::Stored { seq, send_at_ms } if self.part.is_new() => {
                sequencer.sent(&self.conversation);
                let message = Arc::new(self.message(seq, send_at_ms));
                Ok(Appended::New { message, slots_left: bound.slots_left })
            }
            SendOutcome::Stored { seq, .. } => {
                let Draft { caller, conversation, .. } = &self.draft;
                let none = Gaps::default();
                let found = sequencer.rows.page(conversation, (seq, seq), usize::MAX, &none);
                // Whoever stored it may have died before it marked it, and every ack says that its sender has read it.
                let mark = self.store.places.mark(&caller.user, conversation, seq);
                let (found, ()) = try_join(found, mark).await?;
                let mine = found
                    .into_iter()
                    .find(|message| message.sender == caller.user && message.client_msg_id == self.draft.client_msg_id);
                let missing = || StoreError::Corrupt(format!("{} lacks message {seq}", self.conversation));
                mine.map(Appended::Repeat).ok_or_else(missing)
            }
            SendOutcome::OtherBody => Ok(Appended::OtherBody),
            SendOutcome::Limited(retry_after_ms) => {
                let limit = SendLimit::Conversation;
                Ok(self.refused(Refusal::Limit { limit, retry_after_ms }, bound).await)
            }
            SendOutcome::TryAgain => {
                sequencer.settle_soon(&self.conversation);
                Err(StoreError::TimedOut)
            }
        }
    }
}

/// What a trace calls an operation.
fn stage_of(ask: &SendAsk) -> &'static str {
    match ask {
        SendAsk::LookUp { .. } => "send.look_up",
        SendAsk::Verify(_) => "send.verify",
        SendAsk::Claim { .. } => "send.claim",
        SendAsk::Bring(_) => "send.bring",
        SendAsk::Pause => "send.pause",
        SendAsk::Write { .. } => "send.write",
        SendAsk::Finish(_) => "send.finish",
        SendAsk::Blocks => "send.blocks",
    }
}

/// What only one claim knows: the right to bring the block that it asked for.
fn ticket_word() -> String {
    format!("{:x}", rand::random::<u64>())
}
