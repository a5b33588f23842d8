//! Messages and their seqs in the embedded store.

use std::sync::Arc;

use async_trait::async_trait;

use super::Embedded;
use super::batch::Tx;
use super::conversations::extent;
use super::keys::{self, Table};
use super::rows::{self, ConversationRow, GroupRow, HeadRow, MemberRow, MessageIdRow, MessageRow, SessionRow};
use super::send_limits::SendLimits;
use crate::error::Code;
use crate::model::{
    Appended, Caller, Conversation, ConversationId, Destination, Draft, Extent, GroupId, Message, Session, Stored, UserId,
    Windows,
};
use crate::store::{Admit, Messages, OnCommit, StoreError};

#[async_trait]
impl Messages for Embedded {
    async fn append(&self, draft: Draft, admit: Admit, committed: OnCommit<Stored>) -> Result<Appended, StoreError> {
        let core = Arc::clone(&self.core);
        let limited = Arc::clone(&self.core);
        let hook = move |appended: &Appended| {
            if let Appended::New { message, .. } = appended {
                core.recent.push(message);
                committed(&Stored { message: Arc::clone(message), logged: Vec::new() });
            }
        };
        self.writer
            .change(move |tx: &mut Tx<'_>| append(tx, &draft, admit, &limited.send_limits), Some(Box::new(hook)))
            .await
    }

    async fn range(
        &self,
        conversation: &ConversationId,
        extent: &Extent,
        (first, last): (u64, u64),
        limit: usize,
    ) -> Result<Vec<Arc<Message>>, StoreError> {
        self.stored(conversation, (first, last.min(extent.max_seq)), limit).await
    }

    async fn at(&self, conversation: &ConversationId, first: u64, last: u64) -> Result<Vec<Arc<Message>>, StoreError> {
        // What is stored here is shown.
        self.stored(conversation, (first, last), usize::MAX).await
    }

    async fn extent(&self, conversation: &ConversationId) -> Result<Extent, StoreError> {
        extent(self.core.view().await?.get(&keys::head(conversation))?.as_deref())
    }
}

impl Embedded {
    /// The messages that are stored at `first..=last`, ascending, at most `limit`.
    async fn stored(
        &self,
        conversation: &ConversationId,
        (first, last): (u64, u64),
        limit: usize,
    ) -> Result<Vec<Arc<Message>>, StoreError> {
        if first > last {
            return Ok(Vec::new());
        }
        if let Some(found) = self.core.recent.range(conversation, first, last, limit) {
            return Ok(found);
        }
        let view = self.core.view().await?;
        let range = keys::message(conversation, first).bytes..=keys::message(conversation, last).bytes;
        let mut found = Vec::new();
        for row in view.range(Table::Messages, range).take(limit) {
            let (key, row) = row?;
            let seq = key.last_chunk().map(|seq| u64::from_be_bytes(*seq));
            let seq = seq.ok_or_else(|| StoreError::Corrupt("a message has no seq".to_owned()))?;
            let message = rows::decode::<MessageRow<'_>>(&row)?.into_message(conversation.clone(), seq)?;
            found.push(Arc::new(message));
        }
        Ok(found)
    }
}

fn append(tx: &mut Tx<'_>, draft: &Draft, admit: Admit, limits: &SendLimits) -> Result<Appended, StoreError> {
    if !is_current(tx, &draft.caller)? {
        return Ok(Appended::Refused(Code::TokenInvalid.into()));
    }
    let id_key = keys::message_id(&draft.caller.user, &draft.client_msg_id);
    if let Some(row) = tx.get(&id_key)? {
        return repeat(tx, draft, rows::decode(&row)?);
    }
    let view_key = keys::conversation(&draft.caller.user, &draft.conversation);
    let view = tx.get(&view_key)?;
    let destination = match &draft.conversation {
        // Whoever has talked to the sender is registered, and users are never deleted.
        ConversationId::Single { .. } => Destination::Single { exists: view.is_some() || receiver_exists(tx, draft)? },
        ConversationId::Group(group) => group_destination(tx, *group, &draft.caller.user)?,
    };
    if let Err(code) = admit(&destination) {
        return Ok(Appended::Refused(code.into()));
    }
    let slots_left = match limits.take(draft) {
        Ok(left) => left,
        Err(refusal) => return Ok(Appended::Refused(refusal)),
    };
    let message = next_message(tx, draft)?;
    let mut view = match view {
        Some(row) => rows::decode::<ConversationRow>(&row)?.into_conversation(draft.conversation.clone())?,
        None => open_views(tx, draft, message.send_at_ms)?,
    };
    view.read_seq = message.seq;
    tx.put(view_key, &ConversationRow::of(&view))?;
    let id_row =
        MessageIdRow { conversation: draft.conversation.to_string(), seq: message.seq, fingerprint: draft.fingerprint };
    tx.put(id_key, &id_row)?;
    Ok(Appended::New { message: Arc::new(message), slots_left })
}

/// Whether the caller's token is the current one of its platform.
fn is_current(tx: &Tx<'_>, caller: &Caller) -> Result<bool, StoreError> {
    let session = tx.get(&keys::session(&caller.user, caller.platform))?;
    let session = session.map(|row| rows::decode::<SessionRow>(&row)).transpose()?.map(Session::from);
    Ok(session.is_some_and(|session| session.jti == caller.jti))
}

/// Gives the next seq and writes the message under it.
fn next_message(tx: &mut Tx<'_>, draft: &Draft) -> Result<Message, StoreError> {
    let head_key = keys::head(&draft.conversation);
    let head = extent(tx.get(&head_key)?.as_deref())?;
    let message = Message {
        conversation: draft.conversation.clone(),
        seq: head.max_seq + 1,
        client_msg_id: Arc::clone(&draft.client_msg_id),
        sender: draft.caller.user.clone(),
        msg_type: draft.msg_type,
        content: Arc::clone(&draft.content),
        send_at_ms: draft.now_ms.max(head.last_at_ms),
    };
    tx.put(head_key, &HeadRow { max_seq: message.seq, last_at_ms: message.send_at_ms })?;
    tx.put(keys::message(&message.conversation, message.seq), &MessageRow::of(&message))?;
    Ok(message)
}

/// What a repeat of an id is answered with.
fn repeat(tx: &Tx<'_>, draft: &Draft, first: MessageIdRow) -> Result<Appended, StoreError> {
    let conversation = rows::conversation_id(first.conversation.as_bytes())?;
    if conversation != draft.conversation || first.fingerprint != draft.fingerprint {
        return Ok(Appended::OtherBody);
    }
    let row = tx.get(&keys::message(&conversation, first.seq))?;
    let row = row.ok_or_else(|| StoreError::Corrupt(format!("{conversation} lacks message {}", first.seq)))?;
    let message = rows::decode::<MessageRow<'_>>(&row)?.into_message(conversation, first.seq)?;
    Ok(Appended::Repeat(Arc::new(message)))
}

fn receiver_exists(tx: &Tx<'_>, draft: &Draft) -> Result<bool, StoreError> {
    match draft.conversation.peer_of(&draft.caller.user) {
        Some(receiver) => Ok(tx.get(&keys::user(receiver))?.is_some()),
        None => Ok(false),
    }
}

fn group_destination(tx: &Tx<'_>, group: GroupId, sender: &UserId) -> Result<Destination, StoreError> {
    let status = tx.get(&keys::group(group))?.map(|row| rows::decode::<GroupRow>(&row)?.status()).transpose()?;
    let member = tx.get(&keys::member(group, sender))?;
    let sender = member.map(|row| rows::decode::<MemberRow>(&row)?.status()).transpose()?;
    Ok(Destination::Group { group: status, sender })
}

/// Brings a single conversation into being for both sides and answers the sender's view.
fn open_views(tx: &mut Tx<'_>, draft: &Draft, now_ms: i64) -> Result<Conversation, StoreError> {
    let view = Conversation::new(draft.conversation.clone(), Windows::whole(), now_ms);
    if let Some(receiver) = draft.conversation.peer_of(&draft.caller.user) {
        tx.put(keys::conversation(receiver, &draft.conversation), &ConversationRow::of(&view))?;
    }
    Ok(view)
}
