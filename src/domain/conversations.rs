//! A user's conversations: the list, settings, and how far it has read.

use std::cmp::Reverse;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::fields;
use super::history::{could_have, own, seq};
use crate::error::{Code, Error, OrCode, Result};
use crate::model::{Caller, ConversationId, ConversationState, ReceiveOption, Settings};
use crate::push::Bus;
use crate::store::{self, OnCommit};

/// The most conversations in a page.
const PAGE: i64 = 1_000;

/// A place in a list: behind this conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    is_pinned: bool,
    updated_at_ms: i64,
    id: ConversationId,
}

impl Cursor {
    /// The place behind a conversation.
    pub fn behind(state: &ConversationState) -> Self {
        Self {
            is_pinned: state.conversation.is_pinned,
            updated_at_ms: state.updated_at_ms(),
            id: state.conversation.id.clone(),
        }
    }

    /// Its spelling, opaque to clients.
    pub fn spell(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{} {} {}", u8::from(self.is_pinned), self.updated_at_ms, self.id))
    }

    /// The place that `text` spells.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let mut parts = std::str::from_utf8(&bytes).ok()?.splitn(3, ' ');
        let is_pinned = match parts.next()? {
            "0" => false,
            "1" => true,
            _ => return None,
        };
        let updated_at_ms = parts.next()?.parse().ok()?;
        Some(Self { is_pinned, updated_at_ms, id: ConversationId::parse(parts.next()?)? })
    }

    /// What a list is sorted by: pinned first, then the latest; the id decides between equals.
    fn order(&self) -> impl Ord + use<> {
        (Reverse(self.is_pinned), Reverse(self.updated_at_ms), self.id.clone())
    }
}

/// A page of a list.
#[derive(Debug)]
pub struct ConversationPage {
    /// The conversations, in order.
    pub conversations: Vec<ConversationState>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

/// The rules on a user's conversations.
pub struct Conversations {
    conversations: Arc<dyn store::Conversations>,
    bus: Arc<dyn Bus>,
}

impl Conversations {
    /// The rules on this port.
    pub fn new(conversations: Arc<dyn store::Conversations>, bus: Arc<dyn Bus>) -> Self {
        Self { conversations, bus }
    }

    /// The caller's conversations: those behind `cursor` that changed after `updated_after_ms`, at most `limit`.
    pub async fn list(
        &self,
        caller: &Caller,
        cursor: Option<&str>,
        limit: Option<i64>,
        updated_after_ms: Option<i64>,
    ) -> Result<ConversationPage> {
        let bad_cursor = || Error::invalid("cursor", "expects what x-next-cursor said");
        let cursor = cursor.map(|text| Cursor::parse(text).ok_or_else(bad_cursor)).transpose()?;
        let limit = match limit.unwrap_or(PAGE) {
            limit @ 1.. => usize::try_from(limit.min(PAGE)).unwrap_or(1),
            _ => return Err(Error::invalid("limit", "expects a number from 1 to 1000")),
        };
        let behind = cursor.map(|cursor| cursor.order());
        let mut found: Vec<_> = self
            .conversations
            .list(&caller.user)
            .await?
            .into_iter()
            .map(|state| {
                let place = Cursor::behind(&state).order();
                (place, state)
            })
            .collect();
        found.retain(|(place, state)| {
            let changed = updated_after_ms.is_none_or(|after| state.updated_at_ms() > after);
            changed && behind.as_ref().is_none_or(|behind| place > behind)
        });
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        let more = found.len() > limit;
        found.truncate(limit);
        let conversations: Vec<_> = found.into_iter().map(|(_, state)| state).collect();
        let next = conversations.last().filter(|_| more).map(Cursor::behind);
        Ok(ConversationPage { conversations, next })
    }

    /// One conversation of the caller.
    pub async fn info(&self, caller: &Caller, conversation_id: &str) -> Result<ConversationState> {
        let id = fields::conversation_id(conversation_id)?;
        own(&*self.conversations, &caller.user, &id).await?.or_code(Code::ConversationNotFound)
    }

    /// Sets what is given on the caller's view.
    pub async fn update(
        &self,
        caller: &Caller,
        conversation_id: &str,
        recv_msg_opt: Option<i64>,
        is_pinned: Option<bool>,
    ) -> Result<()> {
        let option =
            |number| ReceiveOption::from_number(number).ok_or_else(|| Error::invalid("recv_msg_opt", "expects 0, 1 or 2"));
        let settings = Settings { receive: recv_msg_opt.map(option).transpose()?, is_pinned };
        let id = fields::conversation_id(conversation_id)?;
        let (bus, user) = (Arc::clone(&self.bus), caller.user.clone());
        let tell: OnCommit<_> = Box::new(move |conversation| bus.settings_changed(&user, conversation));
        self.conversations.update(&caller.user, &id, settings, tell).await?.ok_or_else(|| absent(caller, &id))
    }

    /// Marks everything up to `read_seq` as read; only ever forward.
    pub async fn mark_read(&self, caller: &Caller, conversation_id: &str, read_seq: i64) -> Result<()> {
        let read_seq = seq("read_seq", read_seq)?;
        let id = fields::conversation_id(conversation_id)?;
        let (bus, user, origin) = (Arc::clone(&self.bus), caller.user.clone(), caller.platform);
        let tell: OnCommit<_> = Box::new(move |conversation| bus.marked_read(&user, conversation, origin));
        self.conversations.mark_read(&caller.user, &id, read_seq, tell).await?.ok_or_else(|| absent(caller, &id))
    }

    /// How many messages of a conversation are unread: above `read_seq`, or above what the caller has read.
    pub async fn unread(&self, caller: &Caller, conversation_id: &str, read_seq: Option<i64>) -> Result<u64> {
        let read_seq = read_seq.map(|read_seq| u64::try_from(read_seq).unwrap_or(0));
        let state = self.info(caller, conversation_id).await?;
        Ok(read_seq.map_or_else(|| state.unread(), |read_seq| state.unread_above(read_seq)))
    }
}

/// Why the caller has no such conversation: not yet, or not its own.
fn absent(caller: &Caller, id: &ConversationId) -> Error {
    if could_have(&caller.user, id) { Code::ConversationNotFound.into() } else { Code::NoPermission.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_survives_its_spelling(is_pinned: bool, updated_at_ms: i64, group in 1u64..) {
            let id = ConversationId::Group(crate::model::GroupId::from_number(group));
            let cursor = Cursor { is_pinned, updated_at_ms, id };
            prop_assert_eq!(Cursor::parse(&cursor.spell()), Some(cursor));
        }

        #[test]
        fn any_text_is_a_cursor_or_refused(text in ".{0,80}") {
            let _ = Cursor::parse(&text);
        }
    }
}
