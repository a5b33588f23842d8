//! The authority on seqs: the table `seq_blocks`.

use std::collections::HashMap;

use scylla::statement::prepared::PreparedStatement;

use super::cql::{Applied, Kind, SharedCql};
use super::seqs::{Blocks, Change, Head, Settlement};
use crate::store::StoreError;

/// The table and its statements.
pub(super) struct Authority {
    cql: SharedCql,
    head: PreparedStatement,
    head_serial: PreparedStatement,
    blocks: PreparedStatement,
    blocks_of: PreparedStatement,
    change: PreparedStatement,
    settle: PreparedStatement,
    gap: PreparedStatement,
}

/// The static columns as they are selected.
type HeadColumns = (Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<i64>);

/// A row: the static columns of its partition, and a gap if it is the row of one.
#[derive(scylla::DeserializeRow)]
struct BlockRow {
    conversation_id: String,
    ceiling: Option<i64>,
    settled: Option<i64>,
    fence: Option<i64>,
    fence_from: Option<i64>,
    fenced_at_ms: Option<i64>,
    grant_id: Option<i64>,
    gap_from: Option<i64>,
    gap_to: Option<i64>,
}

impl BlockRow {
    /// Adds it to what the other rows of its partition say.
    fn add_to(&self, blocks: &mut Blocks) {
        let Self { ceiling, settled, fence, fence_from, fenced_at_ms, grant_id, .. } = *self;
        blocks.head = head((ceiling, settled, fence, fence_from, fenced_at_ms, grant_id));
        if let (Some(from), Some(to)) = (self.gap_from, self.gap_to) {
            blocks.gaps.add((seq(Some(from)), seq(Some(to))));
        }
    }
}

impl Authority {
    pub(super) async fn prepare(cql: SharedCql) -> Result<Self, StoreError> {
        const HEAD: &str = "SELECT ceiling, settled, fence, fence_from, fenced_at_ms, grant_id FROM seq_blocks \
                            WHERE conversation_id = ? LIMIT 1";
        const BLOCKS: &str = "SELECT conversation_id, ceiling, settled, fence, fence_from, fenced_at_ms, grant_id, gap_from, gap_to \
             FROM seq_blocks WHERE conversation_id";
        Ok(Self {
            head: cql.prepare(HEAD, Kind::Read).await?,
            head_serial: cql.prepare(HEAD, Kind::ReadSerial).await?,
            blocks: cql.prepare(&format!("{BLOCKS} = ?"), Kind::Read).await?,
            blocks_of: cql.prepare(&format!("{BLOCKS} IN ?"), Kind::Read).await?,
            change: cql
                .prepare(
                    "UPDATE seq_blocks SET ceiling = ?, settled = ?, fence = ?, fence_from = ?, fenced_at_ms = ?, grant_id = ? \
                     WHERE conversation_id = ? IF ceiling = ? AND settled = ? AND fence = ?",
                    Kind::Lwt,
                )
                .await?,
            settle: cql
                .prepare(
                    "UPDATE seq_blocks SET settled = ? WHERE conversation_id = ? IF settled = ? AND fence = ?",
                    Kind::Lwt,
                )
                .await?,
            gap: cql
                .prepare("INSERT INTO seq_blocks (conversation_id, gap_from, gap_to) VALUES (?, ?, ?)", Kind::Lwt)
                .await?,
            cql,
        })
    }

    /// The head, as a quorum has it.
    pub(super) async fn head(&self, conversation: &str) -> Result<Head, StoreError> {
        let row = self.cql.row::<HeadColumns>(&self.head, (conversation,)).await?;
        Ok(row.map(head).unwrap_or_default())
    }

    /// The head, after whatever change was being agreed on.
    pub(super) async fn head_serial(&self, conversation: &str) -> Result<Head, StoreError> {
        let row = self.cql.row::<HeadColumns>(&self.head_serial, (conversation,)).await?;
        Ok(row.map(head).unwrap_or_default())
    }

    /// The head with its gaps, read at once.
    pub(super) async fn blocks(&self, conversation: &str) -> Result<Blocks, StoreError> {
        let mut blocks = Blocks::default();
        for row in self.cql.rows::<BlockRow>(&self.blocks, (conversation,)).await? {
            row.add_to(&mut blocks);
        }
        Ok(blocks)
    }

    /// The same of many conversations, in their order.
    pub(super) async fn blocks_of(&self, conversations: &[String]) -> Result<Vec<Blocks>, StoreError> {
        let mut found: HashMap<String, Blocks> = HashMap::with_capacity(conversations.len());
        for row in self.cql.rows_of_keys::<BlockRow>((&self.blocks, &self.blocks_of), conversations).await? {
            row.add_to(found.entry(row.conversation_id.clone()).or_default());
        }
        Ok(conversations.iter().map(|conversation| found.remove(conversation).unwrap_or_default()).collect())
    }

    /// Applies a change of the head; `None` if its outcome is unknown.
    pub(super) async fn change(&self, conversation: &str, change: &Change) -> Result<Option<bool>, StoreError> {
        let Change { before, after } = change;
        // A conversation without a row has no columns, which equal null and not 0.
        let exists = before.fence > 0;
        let old = |number: u64| exists.then(|| column(number));
        let new = (column(after.ceiling), column(after.settled), column(after.fence), column(after.fence_from));
        let values = (
            (new.0, new.1, new.2, new.3, column(after.fenced_at_ms), column(after.grant_id)),
            (conversation, old(before.ceiling), old(before.settled), old(before.fence)),
        );
        let ((a, b, c, d, e, f), (g, h, i, j)) = values;
        Ok(outcome(self.cql.lwt(&self.change, (a, b, c, d, e, f, g, h, i, j)).await?))
    }

    /// Applies a settlement, whose gaps are few enough for a batch; `None` if its outcome is unknown.
    pub(super) async fn settle(&self, conversation: &str, settlement: &Settlement) -> Result<Option<bool>, StoreError> {
        let Settlement { from, to, fence, gaps } = settlement;
        let settle = (column(*to), conversation, column(*from), column(*fence));
        if gaps.is_empty() {
            return Ok(outcome(self.cql.lwt(&self.settle, settle).await?));
        }
        let mut statements = vec![&self.settle];
        let mut values: Vec<Vec<scylla::value::CqlValue>> = vec![vec![
            scylla::value::CqlValue::BigInt(settle.0),
            scylla::value::CqlValue::Text(conversation.to_owned()),
            scylla::value::CqlValue::BigInt(settle.2),
            scylla::value::CqlValue::BigInt(settle.3),
        ]];
        for (first, last) in gaps {
            statements.push(&self.gap);
            values.push(vec![
                scylla::value::CqlValue::Text(conversation.to_owned()),
                scylla::value::CqlValue::BigInt(column(*first)),
                scylla::value::CqlValue::BigInt(column(*last)),
            ]);
        }
        Ok(outcome(self.cql.lwt_batch(statements, values).await?))
    }
}

fn outcome(applied: Applied) -> Option<bool> {
    match applied {
        Applied::Yes => Some(true),
        Applied::No => Some(false),
        Applied::Unknown => None,
    }
}

fn head((ceiling, settled, fence, fence_from, fenced_at_ms, grant_id): HeadColumns) -> Head {
    Head {
        ceiling: seq(ceiling),
        settled: seq(settled),
        fence: seq(fence),
        fence_from: seq(fence_from),
        fenced_at_ms: seq(fenced_at_ms),
        grant_id: seq(grant_id),
    }
}

/// A number as the database has it, whose integers are signed; nothing here comes near the sign but random ids, which survive it.
pub(super) fn column(number: u64) -> i64 {
    number.cast_signed()
}

/// The number of a column; 0 where there is none.
pub(super) fn seq(column: Option<i64>) -> u64 {
    column.unwrap_or(0).cast_unsigned()
}
