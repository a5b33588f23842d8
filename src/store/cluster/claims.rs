//! The calls of the Functions of seqs (`functions.lua`).

use futures_util::{StreamExt, stream};

use super::functions::SEQS;
use super::group_nodes::nodes_key;
use super::limits::limited;
use super::redis::Redis;
use super::seqs::{Claimed, Closed, Head, MsgId, Peeked};
use crate::model::NodeId;
use crate::store::{Quota, StoreError};

/// Keys that are asked at once.
const AT_ONCE: usize = 128;

/// The keys of conversations in Redis.
#[derive(Clone)]
pub(super) struct Claims {
    redis: Redis,
    limit: Option<Quota>,
}

/// What a claim says of itself.
pub(super) struct ClaimOf<'a> {
    pub(super) id: &'a MsgId,
    pub(super) body: &'a MsgId,
    pub(super) known: u64,
    pub(super) candidate: u64,
    pub(super) settled: u64,
    pub(super) floor: u64,
}

/// What a key said of itself.
pub(super) struct Peek {
    pub(super) peeked: Peeked,
    /// The highest seq that was claimed in it; 0 if it is cold.
    pub(super) top: u64,
    /// When the last claim was made, if it was in this key.
    pub(super) claimed_at_ms: u64,
}

impl Peek {
    const SILENT: Self = Self { peeked: Peeked::Silent, top: 0, claimed_at_ms: 0 };

    fn parse(words: &[String]) -> Self {
        let number = |place: usize| words.get(place).and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
        let peeked = Peeked::parse(words).unwrap_or(Peeked::Silent);
        Self { peeked, top: number(4).saturating_sub(1), claimed_at_ms: number(5) }
    }

    /// When the message at the end of what may be shown was sent, if the key knows that: the last of its own claims is that one.
    pub(super) fn sent_at_ms(&self, max_seq: u64, head: &Head) -> Option<u64> {
        let Peeked::Warm { fence, whole_from, .. } = self.peeked else { return None };
        (fence == head.fence && max_seq == self.top && max_seq >= whole_from).then_some(self.claimed_at_ms)
    }
}

impl Claims {
    /// The keys, with a limit on the messages of each conversation.
    pub(super) fn new(redis: Redis, limit: Option<Quota>) -> Self {
        Self { redis, limit }
    }

    /// Claims a seq; also says whether it was given now, and not found pending.
    pub(super) async fn claim(
        &self,
        conversation: &str,
        of: &ClaimOf<'_>,
        ticket: &str,
    ) -> Result<(Claimed, bool), StoreError> {
        let mut keys = vec![self.seq_key(conversation), self.claim_key(conversation, of.id)];
        let numbers = [of.known, of.candidate, of.settled, of.floor].map(|number| number.to_string());
        let [known, candidate, settled, floor] = numbers;
        let mut arguments = vec![of.id.to_string(), of.body.to_string(), known, candidate, settled];
        arguments.extend([ticket.to_owned(), floor]);
        let limit_key = self.redis.key(&format!("conversation_sends:{{{conversation}}}"));
        limited(self.limit, limit_key, (&mut keys, &mut arguments));
        let words = self.redis.call((&SEQS, "claim"), keys, arguments).await?;
        let new = words.first().is_some_and(|word| word == "new");
        Claimed::parse(&words).map(|claimed| (claimed, new)).ok_or_else(|| strange("claim", &words))
    }

    pub(super) async fn install(
        &self,
        conversation: &str,
        ticket: &str,
        (from, to): (u64, u64),
        fence: u64,
    ) -> Result<(), StoreError> {
        let arguments = vec![ticket.to_owned(), from.to_string(), to.to_string(), fence.to_string()];
        self.redis.call((&SEQS, "install"), vec![self.seq_key(conversation)], arguments).await.map(drop)
    }

    /// Whether this call finished the claim: `false` if it was finished or settled before. If its group is told by node, also
    /// which nodes that are.
    pub(super) async fn finish(
        &self,
        conversation: &str,
        (seq, id): (u64, &MsgId),
        by_node: bool,
    ) -> Result<(bool, Vec<NodeId>), StoreError> {
        let mut keys = vec![self.seq_key(conversation), self.claim_key(conversation, id)];
        keys.extend(by_node.then(|| nodes_key(&self.redis, conversation)));
        let words = self.redis.call((&SEQS, "finish"), keys, vec![seq.to_string(), id.to_string()]).await?;
        let nodes = words.iter().skip(1).filter_map(|word| NodeId::parse(word)).collect();
        Ok((words.first().is_some_and(|word| word == "finished"), nodes))
    }

    /// What the key knows; silence if Redis does not answer.
    pub(super) async fn peek(&self, conversation: &str) -> Peek {
        let words = self.redis.call((&SEQS, "peek"), vec![self.seq_key(conversation)], Vec::new()).await;
        words.map_or(Peek::SILENT, |words| Peek::parse(&words))
    }

    /// The same of many keys, on their way at once.
    pub(super) async fn peek_each(&self, conversations: &[String]) -> Vec<Peek> {
        let peeks: Vec<_> = conversations.iter().map(|conversation| self.peek(conversation)).collect();
        stream::iter(peeks).buffered(AT_ONCE).collect().await
    }

    pub(super) async fn close(
        &self,
        conversation: &str,
        (settled, fence, count): (u64, u64, u64),
    ) -> Result<Closed, StoreError> {
        let arguments = [settled, fence, count].map(|number| number.to_string()).to_vec();
        let words = self.redis.call((&SEQS, "close"), vec![self.seq_key(conversation)], arguments).await?;
        Closed::parse(&words).ok_or_else(|| strange("close", &words))
    }

    /// Says that everything up to `upto` is settled, and what of it stays. Answers the seqs of it that nobody had finished.
    pub(super) async fn resolve(
        &self,
        conversation: &str,
        upto: u64,
        keep: &[(u64, MsgId)],
    ) -> Result<Vec<u64>, StoreError> {
        let mut keys = vec![self.seq_key(conversation)];
        let mut arguments = vec![upto.to_string()];
        for (seq, id) in keep {
            keys.push(self.claim_key(conversation, id));
            arguments.push(seq.to_string());
        }
        let words = self.redis.call((&SEQS, "resolve"), keys, arguments).await?;
        Ok(words.iter().skip(1).filter_map(|word| word.parse().ok()).collect())
    }

    fn seq_key(&self, conversation: &str) -> String {
        self.redis.key(&format!("seq:{{{conversation}}}"))
    }

    fn claim_key(&self, conversation: &str, id: &str) -> String {
        self.redis.key(&format!("claim:{{{conversation}}}:{id}"))
    }
}

fn strange(function: &str, words: &[String]) -> StoreError {
    StoreError::Corrupt(format!("{function} was answered with {words:?}"))
}
