//! Runs the rules on seqs (`seqs/`) against Redis and the database: grants, settling, and how far a conversation goes.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::authority::Authority;
use super::claims::{Claims, Peek};
use super::extents::Extents;
use super::message_rows::MessageRows;
use super::seqs::{Blocks, Granted, Granting, GrantingStep, Head, Need, Now, Peeked, Stamp, Watch};
use super::seqs::{has_orphan, visible, wants_fence};
use super::together::together;
use super::told::Told;
use super::watches::Remembered;
use crate::model::{ConversationId, Extent, Member};
use crate::store::StoreError;

/// How often what was sent is settled up to date.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// Conversations that are settled up to date beside each other.
const TIDIED_AT_ONCE: usize = 8;

/// For how long somebody who came or went waits for messages that are on their way, and how often it looks.
const TELL_WITHIN: Duration = Duration::from_secs(1);
const TELL_LOOKS: Duration = Duration::from_millis(10);

/// How often the highest seq given out is looked for while a key is cold, and after how many looks it is taken for lost.
const TOP_LOOKS: Duration = Duration::from_millis(100);
const TOP_PATIENCE: u32 = 4;

/// What this node remembers of a conversation.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    pub(super) watch: Watch,
    /// Something was sent here since it was last settled up to date.
    sent: bool,
    /// Both sides' rows of a pair are known to be there, and they are never deleted.
    pub(super) opened: bool,
}

/// The rules on seqs of one node.
pub(super) struct Sequencer {
    pub(super) claims: Claims,
    pub(super) authority: Authority,
    pub(super) rows: MessageRows,
    pub(super) told: Told,
    pub(super) deadline_ms: u64,
    pub(super) memory: Remembered<String, Memory>,
    settling: Mutex<HashSet<String>>,
    started: Instant,
    stop: CancellationToken,
}

impl Sequencer {
    pub(super) fn new(
        (claims, authority): (Claims, Authority),
        rows: MessageRows,
        told: Told,
        deadline_ms: u64,
        stop: CancellationToken,
    ) -> Self {
        let (memory, settling) = (Remembered::default(), Mutex::default());
        Self { claims, authority, rows, told, deadline_ms, memory, settling, started: Instant::now(), stop }
    }

    /// What time it is here.
    pub(super) fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Now { mono_ms: ms(self.started.elapsed()), wall_ms: ms(wall) }
    }

    /// Lets `look` see what this node knows of the conversation's fence.
    pub(super) fn watch<T>(&self, conversation: &str, look: impl FnOnce(&mut Watch) -> T) -> T {
        self.memory.with(&conversation.to_owned(), |memory| look(&mut memory.watch))
    }

    fn stamp(&self) -> Stamp {
        Stamp { grant_id: rand::random(), wall_ms: self.now().wall_ms }
    }

    /// Brings a block to the key that asked for one by this ticket.
    pub(super) async fn bring(&self, conversation: &str, need: Need, ticket: &str) -> Result<Granted, StoreError> {
        let mut granting = Granting::new(need, self.stamp());
        let mut step = GrantingStep::Head;
        loop {
            step = match step {
                GrantingStep::Head => granting.head(self.authority.head_serial(conversation).await?),
                GrantingStep::Change(change) => granting.changed(self.authority.change(conversation, &change).await?),
                GrantingStep::Install { from, to, fence } => {
                    self.claims.install(conversation, ticket, (from, to), fence).await?;
                    return Ok(Granted::ClaimAgain);
                }
                GrantingStep::Done(granted) => return Ok(granted),
            };
        }
    }

    /// The key, then the blocks: in this order, or what is claimed between could be passed over.
    async fn look(&self, conversation: &str) -> Result<(Peek, Blocks), StoreError> {
        let peek = self.claims.peek(conversation).await;
        let asked_ms = self.now().mono_ms;
        let blocks = self.authority.blocks(conversation).await?;
        let now_ms = self.now().mono_ms;
        self.watch(conversation, |watch| watch.saw(blocks.head.fence, asked_ms, now_ms));
        Ok((peek, blocks))
    }

    /// The same of many conversations.
    async fn look_at_each(&self, conversations: &[String]) -> Result<Vec<(Peek, Blocks)>, StoreError> {
        let peeks = self.claims.peek_each(conversations).await;
        let asked_ms = self.now().mono_ms;
        let blocks = self.authority.blocks_of(conversations).await?;
        let now_ms = self.now().mono_ms;
        for (conversation, blocks) in conversations.iter().zip(&blocks) {
            self.watch(conversation, |watch| watch.saw(blocks.head.fence, asked_ms, now_ms));
        }
        Ok(peeks.into_iter().zip(blocks).collect())
    }

    /// Settles first what need not be hidden.
    async fn far(&self, conversation: &str, looked: (Peek, Blocks)) -> Result<(Peek, Blocks), StoreError> {
        if !has_orphan(&looked.0.peeked, &looked.1.head) {
            return Ok(looked);
        }
        self.settle_now(conversation).await?;
        self.look(conversation).await
    }

    /// Raises the fence if claims may be open that no key answers for.
    async fn raise(&self, conversation: &str, head: Head) -> Result<(), StoreError> {
        let Some(change) = head.raise(self.stamp()) else { return Ok(()) };
        let applied = self.authority.change(conversation, &change).await?;
        tracing::info!(conversation, fence = change.after.fence, ?applied, "Redis lost the seqs of {conversation}");
        Ok(())
    }

    /// Notes that something was sent, so that it is settled up to date in a while.
    pub(super) fn sent(&self, conversation: &str) {
        self.memory.with(&conversation.to_owned(), |memory| memory.sent = true);
    }

    /// Has settled in the background what is abandoned in the conversation, if anything is.
    pub(super) fn settle_soon(self: &Arc<Self>, conversation: &str) {
        let mut settling = self.settling.lock();
        if !settling.insert(conversation.to_owned()) {
            return;
        }
        let (this, conversation) = (Arc::clone(self), conversation.to_owned());
        tokio::spawn(async move {
            let stop = this.stop.clone();
            let settled = stop.run_until_cancelled(this.settle_until_quiet(&conversation)).await;
            if let Some(Err(error)) = settled {
                tracing::debug!(%error, conversation, "settling {conversation} goes on when somebody reads it");
            }
            this.settling.lock().remove(&conversation);
        });
    }

    /// Raises the fence for the settler, if there is a need.
    pub(super) async fn raise_if_cold(&self, conversation: &str) -> Result<(), StoreError> {
        let (Peek { peeked, .. }, blocks) = self.look(conversation).await?;
        if wants_fence(&peeked) { self.raise(conversation, blocks.head).await } else { Ok(()) }
    }

    /// Moves `settled` up to what the key knows, so that little is hidden while Redis is lost.
    async fn tidy(&self, conversation: &str) -> Result<(), StoreError> {
        let (Peek { peeked, .. }, blocks) = self.look(conversation).await?;
        let Peeked::Warm { fence, whole_to, whole_from } = peeked else { return Ok(()) };
        let need = Need { cold: false, fence, whole_to, whole_from, size: 0 };
        match blocks.head.grant(&need, self.stamp()) {
            Some(change) if change.after.settled > change.before.settled => {
                self.authority.change(conversation, &change).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    async fn tidy_or_say(&self, conversation: String) {
        if let Err(error) = self.tidy(&conversation).await {
            tracing::debug!(%error, conversation, "{conversation} is settled up to date a minute later");
        }
    }

    /// Settles what was sent up to date, once a minute, until `stop`.
    pub(super) async fn tidy_up(self: Arc<Self>) {
        let mut rounds = tokio::time::interval(TIDY_EVERY);
        while self.stop.run_until_cancelled(rounds.tick()).await.is_some() {
            let sent = self.memory.with_all(|memory| std::mem::take(&mut memory.sent));
            let tidied: Vec<_> = sent.into_iter().map(|conversation| self.tidy_or_say(conversation)).collect();
            let tidied = stream::iter(tidied).buffer_unordered(TIDIED_AT_ONCE).collect::<()>();
            self.stop.run_until_cancelled(tidied).await;
        }
    }
}

/// The sequencer as the rest of the store sees it: looking at a conversation also begins to settle what is abandoned in it.
pub(super) struct Reader(pub(super) Arc<Sequencer>);

impl Reader {
    /// How far a conversation may be shown, by what was seen of it.
    async fn extent_of(&self, conversation: &str, looked: (Peek, Blocks)) -> Result<Extent, StoreError> {
        let (peek, Blocks { head, gaps }) = self.0.far(conversation, looked).await?;
        let open = match peek.peeked {
            Peeked::Silent => false,
            Peeked::Cold => head.settled < head.ceiling,
            Peeked::Warm { whole_to, whole_from, .. } => {
                whole_to < peek.top || head.settled < head.fence_from || head.settled + 1 < whole_from
            }
        };
        if open {
            self.0.settle_soon(conversation);
        }
        let max_seq = gaps.highest_outside(visible(&peek.peeked, &head));
        let last_at_ms = match (max_seq, peek.sent_at_ms(max_seq, &head)) {
            (0, _) => None,
            (_, Some(known)) => Some(known.cast_signed()),
            (max_seq, None) => self.0.rows.sent_at(conversation, max_seq).await?,
        };
        let gaps = gaps.ranges().into_iter().filter(|(first, _)| *first <= max_seq).collect();
        Ok(Extent { max_seq, last_at_ms: last_at_ms.unwrap_or(0), gaps })
    }
}

#[async_trait]
impl Extents for Reader {
    async fn extent(&self, conversation: &ConversationId) -> Result<Extent, StoreError> {
        let text = conversation.to_string();
        let looked = self.0.look(&text).await?;
        self.extent_of(&text, looked).await
    }

    async fn extents(&self, conversations: &[ConversationId]) -> Result<Vec<Extent>, StoreError> {
        let texts: Vec<_> = conversations.iter().map(ToString::to_string).collect();
        let looked = self.0.look_at_each(&texts).await?;
        together(texts.iter().zip(looked).map(|(text, looked)| self.extent_of(text, looked)).collect()).await
    }

    async fn top(&self, conversation: &ConversationId) -> Result<u64, StoreError> {
        let (text, until) = (conversation.to_string(), Instant::now() + Duration::from_millis(self.0.deadline_ms));
        let mut looks = tokio::time::interval(TOP_LOOKS);
        for look in 0u32.. {
            looks.tick().await;
            if Instant::now() > until {
                break;
            }
            let (Peek { peeked, top, .. }, Blocks { head, .. }) = self.0.look(&text).await?;
            match peeked {
                Peeked::Warm { fence, .. } if fence == head.fence => return Ok(top),
                // Everything that was granted is settled, so nothing is being claimed below.
                Peeked::Cold if head.settled == head.ceiling => return Ok(head.ceiling),
                // Under the fence that stands nothing was granted yet, and no more is claimed under the fences before.
                Peeked::Cold if head.fence_from == head.ceiling => return Ok(head.ceiling),
                // Not at the first look: somebody may just be bringing the key its block.
                Peeked::Cold if look >= TOP_PATIENCE => self.0.raise(&text, head).await?,
                _ => {}
            }
        }
        Err(StoreError::TimedOut)
    }

    async fn whole(&self, conversation: &ConversationId) -> Result<u64, StoreError> {
        let text = conversation.to_string();
        let looked = self.0.look(&text).await?;
        let (Peek { peeked, .. }, blocks) = self.0.far(&text, looked).await?;
        Ok(visible(&peeked, &blocks.head))
    }

    async fn tell(
        &self,
        conversation: &ConversationId,
        (first, last): (u64, u64),
        members: &[Member],
    ) -> Result<(), StoreError> {
        let until = Instant::now() + TELL_WITHIN;
        while self.whole(conversation).await? < last && Instant::now() < until {
            tokio::time::sleep(TELL_LOOKS).await;
        }
        let blocks = self.0.authority.blocks(&conversation.to_string()).await?;
        let messages = self.0.rows.page(conversation, (first, last), usize::MAX, &blocks.gaps).await?;
        for message in messages {
            let sees = |member: &&Member| member.user != message.sender && member.windows.contains(message.seq);
            let users: Vec<_> = members.iter().filter(sees).map(|member| (member.user.clone(), None)).collect();
            self.0.told.append(&message, &users).await;
        }
        Ok(())
    }

    async fn sent_at(&self, conversation: &ConversationId, seq: u64) -> Result<Option<i64>, StoreError> {
        self.0.rows.sent_at(&conversation.to_string(), seq).await
    }
}
