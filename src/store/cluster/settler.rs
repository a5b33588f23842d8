//! Runs a settling: says of claims that nobody finished which are rows and which are gaps.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::seqs::{Gaps, Head, MsgId, SettleAnswer, SettleAsk, SettleStep, Settling, Tried};
use super::sequencer::Sequencer;
use crate::model::ConversationId;
use crate::store::StoreError;

/// How long an abandoned claim may look like one under way before its settling begins.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// Settlements of one conversation in a row; then whoever reads it next goes on.
const ROUNDS: usize = 16;

/// Ids that are looked up or written beside each other.
const AT_ONCE: usize = 16;

/// Whether a round of settling waits for what may still be under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// As long as that takes.
    Whole,
    /// It ends where it would have to.
    None,
}

/// What a round of settling left.
struct Round {
    /// Whether anything was settled or told to the key.
    moved: bool,
    head: Head,
}

impl Sequencer {
    /// Settles until nothing of the conversation is open that has been so for longer than a send takes.
    pub(super) async fn settle_until_quiet(&self, conversation: &str) -> Result<(), StoreError> {
        tokio::time::sleep(LOOK_AGAIN).await;
        self.raise_if_cold(conversation).await?;
        for _ in 0..ROUNDS {
            let Round { moved, head } = self.settle_once(conversation, Patience::Whole).await?;
            if moved {
                continue;
            }
            if head.settled >= head.fence_from {
                return Ok(());
            }
            // Sends under the fence before may still be writing.
            let known_ms = self.watch(conversation, |watch| watch.known_for_ms(head.fence, self.now().mono_ms));
            let wait_ms = (self.deadline_ms + 2_000).saturating_sub(known_ms).max(100);
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        }
        Ok(())
    }

    /// Settles what need not be waited for.
    pub(super) async fn settle_now(&self, conversation: &str) -> Result<(), StoreError> {
        self.settle_once(conversation, Patience::None).await.map(drop)
    }

    async fn settle_once(&self, conversation: &str, patience: Patience) -> Result<Round, StoreError> {
        let mut settling = Settling::start(self.deadline_ms, self.now());
        let (mut ask, mut round) = (SettleAsk::Blocks, Round { moved: false, head: Head::default() });
        loop {
            let tells = matches!(ask, SettleAsk::Resolve { .. });
            let answer = match self.operate(conversation, ask).await {
                Ok(answer) => {
                    round.moved |= tells;
                    answer
                }
                Err(error) => {
                    tracing::debug!(%error, conversation, "a step of settling {conversation} failed");
                    SettleAnswer::Failed
                }
            };
            match &answer {
                SettleAnswer::Blocks(blocks) => round.head = blocks.head,
                SettleAnswer::Applied => round.moved = true,
                _ => {}
            }
            let now = self.now();
            match self.watch(conversation, |watch| settling.next(answer, watch, now)) {
                SettleStep::Ask(SettleAsk::Pause(_)) if patience == Patience::None => return Ok(round),
                SettleStep::Ask(next) => ask = next,
                SettleStep::Done => return Ok(round),
            }
        }
    }

    async fn operate(&self, conversation: &str, ask: SettleAsk) -> Result<SettleAnswer, StoreError> {
        Ok(match ask {
            SettleAsk::Blocks => SettleAnswer::Blocks(self.authority.blocks(conversation).await?),
            SettleAsk::Close { settled, fence, count } => {
                SettleAnswer::Closed(self.claims.close(conversation, (settled, fence, count)).await?)
            }
            SettleAsk::Pause(ms) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                SettleAnswer::Paused
            }
            SettleAsk::Rows(first, last) => SettleAnswer::Rows(self.rows.heads(conversation, first, last).await?),
            SettleAsk::Tried(ids) => SettleAnswer::Tried(self.tried(conversation, ids).await?),
            SettleAsk::WriteIds(ids) => {
                let writes: Vec<_> = ids.iter().map(|(seq, id)| self.rows.write_id(conversation, id, *seq)).collect();
                stream::iter(writes).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
                SettleAnswer::WrittenIds
            }
            SettleAsk::Apply(settlement) => match self.authority.settle(conversation, &settlement).await? {
                Some(true) => {
                    let (to, gaps) = (settlement.to, settlement.gaps.len());
                    tracing::info!(conversation, to, gaps, "settled {conversation} up to {to}");
                    SettleAnswer::Applied
                }
                // Another was first, or it is not known: whoever looks next sees.
                Some(false) | None => SettleAnswer::Failed,
            },
            SettleAsk::Resolve { upto, keep } => {
                let unfinished = self.claims.resolve(conversation, upto, &keep).await?;
                self.tell_late(conversation, &unfinished).await?;
                SettleAnswer::Resolved
            }
        })
    }

    /// Tells of messages that were stored by somebody who then fell silent.
    async fn tell_late(&self, conversation: &str, seqs: &[u64]) -> Result<(), StoreError> {
        let Some(id) = ConversationId::parse(conversation) else { return Ok(()) };
        for &seq in seqs {
            for message in self.rows.page(&id, (seq, seq), usize::MAX, &Gaps::default()).await? {
                self.told.append_late(&message).await?;
            }
        }
        Ok(())
    }

    /// Where these ids were tried in this conversation, and whether they are stored there.
    async fn tried(&self, conversation: &str, ids: Vec<MsgId>) -> Result<Vec<Tried>, StoreError> {
        let looks: Vec<_> = ids.into_iter().map(|id| self.tried_of(conversation, id)).collect();
        let found: Vec<Vec<Tried>> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
        Ok(found.concat())
    }

    async fn tried_of(&self, conversation: &str, id: MsgId) -> Result<Vec<Tried>, StoreError> {
        let places = self.rows.tried(&id).await?;
        let seqs: Vec<u64> = places.into_iter().filter(|(place, _)| place == conversation).map(|(_, seq)| seq).collect();
        let rows = self.rows.rows_at(conversation, &seqs, &id).await?;
        let stored = |seq| rows.iter().any(|row| row.seq == seq);
        Ok(seqs.into_iter().map(|seq| Tried { id: id.clone(), seq, stored: stored(seq) }).collect())
    }
}
