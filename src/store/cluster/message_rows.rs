//! The tables `messages` and `message_ids`.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use scylla::statement::prepared::PreparedStatement;

use super::authority::{column, seq};
use super::cql::{Kind, SharedCql, corrupt};
use super::seqs::{Gaps, MsgId, Row};
use crate::model::{ConversationId, Message, MsgType, UserId};
use crate::store::StoreError;

/// Seqs in one partition of `messages`.
const BUCKET: u64 = 10_000;

/// Reads that run beside each other where many rows are looked for one by one.
const AT_ONCE: usize = 32;

/// The tables and their statements.
pub(super) struct MessageRows {
    cql: SharedCql,
    insert: PreparedStatement,
    insert_id: PreparedStatement,
    one: PreparedStatement,
    heads: PreparedStatement,
    page: PreparedStatement,
    sent_at: PreparedStatement,
    ids: PreparedStatement,
}

/// A row of `messages` with all that a message is made of: seq, msg_id, msg_type, content, send_at_ms.
type Whole = (i64, String, i8, String, i64);

/// What stands for (sender, client_msg_id). A user's id has no colon, so it can be taken apart again.
pub(super) fn msg_id(sender: &UserId, client_msg_id: &str) -> MsgId {
    format!("{sender}:{client_msg_id}").into()
}

/// A hash of a body as the rows have it.
pub(super) fn body(fingerprint: &[u8; 16]) -> MsgId {
    fingerprint.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

impl MessageRows {
    pub(super) async fn prepare(cql: SharedCql) -> Result<Self, StoreError> {
        const WHOLE: &str = "SELECT seq, msg_id, msg_type, content, send_at_ms FROM messages";
        let page = format!(
            "{WHOLE} WHERE conversation_id = ? AND bucket = ? AND seq >= ? AND seq <= ? ORDER BY seq ASC, msg_id DESC LIMIT ?"
        );
        Ok(Self {
            insert: cql
                .prepare(
                    "INSERT INTO messages (conversation_id, bucket, seq, msg_id, msg_type, content, body, send_at_ms) \
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    Kind::Write,
                )
                .await?,
            insert_id: cql
                .prepare(
                    "INSERT INTO message_ids (sender_id, client_msg_id, conversation_id, seq) VALUES (?, ?, ?, ?)",
                    Kind::Write,
                )
                .await?,
            one: cql
                .prepare(
                    "SELECT send_at_ms, body FROM messages WHERE conversation_id = ? AND bucket = ? AND seq = ? AND msg_id = ?",
                    Kind::Read,
                )
                .await?,
            heads: cql
                .prepare(
                    "SELECT seq, msg_id, send_at_ms, body FROM messages \
                     WHERE conversation_id = ? AND bucket = ? AND seq >= ? AND seq <= ?",
                    Kind::Read,
                )
                .await?,
            page: cql.prepare(&page, Kind::Read).await?,
            sent_at: cql
                .prepare(
                    "SELECT send_at_ms FROM messages WHERE conversation_id = ? AND bucket = ? AND seq = ? LIMIT 1",
                    Kind::Read,
                )
                .await?,
            ids: cql
                .prepare(
                    "SELECT conversation_id, seq FROM message_ids WHERE sender_id = ? AND client_msg_id = ?",
                    Kind::Read,
                )
                .await?,
            cql,
        })
    }

    /// Writes a message under its seq.
    pub(super) async fn write(&self, message: &Message, body: &MsgId) -> Result<(), StoreError> {
        let id = msg_id(&message.sender, &message.client_msg_id);
        let values = (
            message.conversation.to_string(),
            column(message.seq / BUCKET),
            column(message.seq),
            id.as_ref(),
            message.msg_type as i8,
            message.content.as_ref(),
            body.as_ref(),
            message.send_at_ms,
        );
        self.cql.write(&self.insert, &values).await
    }

    /// Notes that an id was tried at a seq.
    pub(super) async fn write_id(&self, conversation: &str, id: &MsgId, at: u64) -> Result<(), StoreError> {
        let (sender, client_msg_id) = split(id)?;
        self.cql.write(&self.insert_id, &(sender, client_msg_id, conversation, column(at))).await
    }

    /// Where an id was tried: conversations and seqs.
    pub(super) async fn tried(&self, id: &MsgId) -> Result<Vec<(String, u64)>, StoreError> {
        let rows: Vec<(String, i64)> = self.cql.rows(&self.ids, split(id)?).await?;
        Ok(rows.into_iter().map(|(conversation, at)| (conversation, seq(Some(at)))).collect())
    }

    /// The row of an id at a seq.
    pub(super) async fn row(&self, conversation: &str, at: u64, id: &MsgId) -> Result<Option<Row>, StoreError> {
        let values = (conversation, column(at / BUCKET), column(at), id.as_ref());
        let row: Option<(i64, String)> = self.cql.row(&self.one, values).await?;
        Ok(row.map(|(send_at_ms, body)| Row {
            seq: at,
            id: Arc::clone(id),
            send_at_ms: seq(Some(send_at_ms)),
            body: body.into(),
        }))
    }

    /// The rows of an id at these seqs.
    pub(super) async fn rows_at(&self, conversation: &str, seqs: &[u64], id: &MsgId) -> Result<Vec<Row>, StoreError> {
        let reads: Vec<_> = seqs.iter().map(|at| self.row(conversation, *at, id)).collect();
        let found: Vec<Option<Row>> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// All rows of `first..=last`, without their contents, ascending.
    pub(super) async fn heads(&self, conversation: &str, first: u64, last: u64) -> Result<Vec<Row>, StoreError> {
        let mut found = Vec::new();
        for bucket in first / BUCKET..=last / BUCKET {
            let values = (conversation, column(bucket), column(first), column(last));
            let rows: Vec<(i64, String, i64, String)> = self.cql.paged(&self.heads, values).await?;
            found.extend(rows.into_iter().map(|(at, id, send_at_ms, body)| Row {
                seq: seq(Some(at)),
                id: id.into(),
                send_at_ms: seq(Some(send_at_ms)),
                body: body.into(),
            }));
        }
        found.sort_by_key(|row| row.seq);
        Ok(found)
    }

    /// The messages of `first..=last` that are in no gap, ascending, at most `limit`.
    pub(super) async fn page(
        &self,
        conversation: &ConversationId,
        (first, last): (u64, u64),
        limit: usize,
        gaps: &Gaps,
    ) -> Result<Vec<Arc<Message>>, StoreError> {
        let (text, mut found, mut from) = (conversation.to_string(), Vec::new(), first);
        while from <= last && found.len() < limit {
            let bucket = from / BUCKET;
            let to = last.min(bucket * BUCKET + BUCKET - 1);
            let wanted = i32::try_from(limit - found.len()).unwrap_or(i32::MAX).min(1_000);
            let values = (text.as_str(), column(bucket), column(from), column(to), wanted);
            let rows: Vec<Whole> = self.cql.rows(&self.page, values).await?;
            // Fewer than wanted: the bucket has no more.
            from = match rows.last() {
                Some((at, ..)) if rows.len() >= wanted.unsigned_abs() as usize => seq(Some(*at)) + 1,
                _ => to + 1,
            };
            for row in rows.into_iter().filter(|(at, ..)| !gaps.hold(seq(Some(*at)))) {
                found.push(Arc::new(message(conversation, row)?));
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    /// When the message at a seq was sent.
    pub(super) async fn sent_at(&self, conversation: &str, at: u64) -> Result<Option<i64>, StoreError> {
        let row: Option<(i64,)> = self.cql.row(&self.sent_at, (conversation, column(at / BUCKET), column(at))).await?;
        Ok(row.map(|(send_at_ms,)| send_at_ms))
    }
}

/// The sender and the client's id.
pub(super) fn split(id: &str) -> Result<(&str, &str), StoreError> {
    id.split_once(':').ok_or_else(|| corrupt("a msg_id has no colon"))
}

fn message(conversation: &ConversationId, (at, id, msg_type, content, send_at_ms): Whole) -> Result<Message, StoreError> {
    let (sender, client_msg_id) = split(&id)?;
    Ok(Message {
        conversation: conversation.clone(),
        seq: seq(Some(at)),
        client_msg_id: client_msg_id.into(),
        sender: UserId::parse(sender).ok_or_else(|| corrupt("a message has no valid sender"))?,
        msg_type: MsgType::from_number(msg_type.into()).ok_or_else(|| corrupt("a message has no valid type"))?,
        content: content.into(),
        send_at_ms,
    })
}
