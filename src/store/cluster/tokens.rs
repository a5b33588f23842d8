//! Sessions: the database is the authority, Redis holds a copy.

use std::sync::Arc;

use async_trait::async_trait;

use super::functions::AUTH;
use super::limits::limited;
use super::redis::Redis;
use super::sessions::SessionTable;
use crate::model::{Caller, ConversationId, Platform, Refusal, SendLimit, Session, UserId};
use crate::store::{Quota, Sessions, StoreError};

/// What [`Tokens::admit`] found.
pub(super) enum Admitted {
    /// The token is the current one, and the id belongs to this conversation.
    Yes(Bound),
    /// The token is not the current one.
    NotCurrent,
    /// The id is being sent to another conversation.
    Elsewhere,
    /// The user sends too much, so the id is not bound.
    Limited(Refusal),
}

/// Since when an id belongs to a conversation.
#[derive(Clone, Copy, Default)]
pub(super) struct Bound {
    /// Whether since now, and not since an earlier attempt.
    pub(super) fresh: bool,
    /// How many messages the user's limit has left, if it counted this one now.
    pub(super) slots_left: Option<u32>,
}

/// Sessions with their copy.
pub(super) struct Tokens {
    table: SessionTable,
    redis: Redis,
    limit: Option<Quota>,
}

impl Tokens {
    /// Sessions in this table, with a limit on the messages of each user.
    pub(super) fn new(table: SessionTable, redis: Redis, limit: Option<Quota>) -> Self {
        Self { table, redis, limit }
    }

    /// Looks the caller's token up, and binds the id to the conversation for as long as attempts last, which takes one slot of the
    /// user's messages.
    pub(super) async fn admit(
        &self,
        caller: &Caller,
        client_msg_id: &str,
        conversation: &ConversationId,
    ) -> Result<Admitted, StoreError> {
        let (user, ticket) = (&caller.user, ticket());
        let (keys, arguments) = self.bound(caller, client_msg_id, vec![ticket.clone(), conversation.to_string()]);
        let words = self.redis.call((&AUTH, "admit"), keys, arguments).await?;
        let session = match words.get(1).map(String::as_str) {
            Some("copy") => words.get(2).and_then(|text| parse(text)),
            _ => self.read_and_fill(user, caller.platform, ticket).await?,
        };
        let bound = words.first().map(String::as_str);
        if session.is_none_or(|session| session.jti != caller.jti) {
            if bound == Some("bound") {
                // Whoever has an old token must not use up the slots of the user.
                self.unbind(caller, client_msg_id).await;
            }
            return Ok(Admitted::NotCurrent);
        }
        Ok(match bound {
            Some("elsewhere") => Admitted::Elsewhere,
            Some("limited") => {
                let retry_after_ms = words.get(3).and_then(|wait| wait.parse().ok()).unwrap_or(0);
                Admitted::Limited(Refusal::Limit { limit: SendLimit::User, retry_after_ms })
            }
            Some("bound") => {
                let slots_left = words.get(3).and_then(|left| left.parse().ok());
                Admitted::Yes(Bound { fresh: true, slots_left })
            }
            _ => Admitted::Yes(Bound::default()),
        })
    }

    /// Frees an id whose send was refused, and its slot.
    pub(super) async fn unbind(&self, caller: &Caller, client_msg_id: &str) {
        let (keys, arguments) = self.bound(caller, client_msg_id, Vec::new());
        if let Err(error) = self.redis.call((&AUTH, "unbind"), keys, arguments).await {
            tracing::debug!(%error, "a client_msg_id stays bound for two minutes");
        }
    }

    async fn read_and_fill(&self, user: &UserId, platform: Platform, ticket: String) -> Result<Option<Session>, StoreError> {
        let found = self.table.find(user, platform).await?;
        if let Some(session) = &found {
            let filled =
                self.redis.call((&AUTH, "fill_session"), vec![self.key(user, platform)], vec![ticket, text(session)]);
            if let Err(error) = filled.await {
                tracing::debug!(%error, "a session was not copied; it is read again");
            }
        }
        Ok(found)
    }

    /// Takes the copy away, after the session changed. Until that is done nobody may be told of the change.
    async fn drop_copy(&self, user: &UserId, platform: Platform) -> Result<(), StoreError> {
        self.redis.call((&AUTH, "drop_session"), vec![self.key(user, platform)], Vec::new()).await.map(drop)
    }

    /// The keys and arguments of a call about an id, which begins with these arguments.
    fn bound(&self, caller: &Caller, client_msg_id: &str, mut arguments: Vec<String>) -> (Vec<String>, Vec<String>) {
        let user = &caller.user;
        let mut keys = vec![self.key(user, caller.platform), self.bind_key(user, client_msg_id)];
        let limit_key = self.redis.key(&format!("user_sends:{{{user}}}"));
        limited(self.limit, limit_key, (&mut keys, &mut arguments));
        (keys, arguments)
    }

    fn key(&self, user: &UserId, platform: Platform) -> String {
        self.redis.key(&format!("auth:{{{user}}}:{}", platform.number()))
    }

    fn bind_key(&self, user: &UserId, client_msg_id: &str) -> String {
        self.redis.key(&format!("bind:{{{user}}}:{client_msg_id}"))
    }
}

#[async_trait]
impl Sessions for Tokens {
    async fn find(&self, user: &UserId, platform: Platform) -> Result<Option<Session>, StoreError> {
        let ticket = ticket();
        let words = self.redis.call((&AUTH, "session"), vec![self.key(user, platform)], vec![ticket.clone()]).await;
        match words {
            Ok(words) if words.first().is_some_and(|word| word == "copy") => Ok(words.get(1).and_then(|text| parse(text))),
            Ok(_) => self.read_and_fill(user, platform, ticket).await,
            // Redis is away: the authority knows.
            Err(_) => self.table.find(user, platform).await,
        }
    }

    async fn replace(&self, user: &UserId, platform: Platform, session: Session) -> Result<Option<Session>, StoreError> {
        let replaced = self.table.replace(user, platform, session).await;
        // Also after an error: the change may have happened.
        self.drop_copy(user, platform).await?;
        replaced
    }

    async fn swap(
        &self,
        user: &UserId,
        platform: Platform,
        jti: &str,
        next: Option<Session>,
    ) -> Result<Option<Session>, StoreError> {
        let current = self.table.swap(user, platform, jti, next).await;
        self.drop_copy(user, platform).await?;
        current
    }
}

/// What only this call knows.
fn ticket() -> String {
    format!("{:x}", rand::random::<u64>())
}

fn text(session: &Session) -> String {
    let Session { jti, issued_at_ms, expires_at_ms, refreshed_from } = session;
    format!("{issued_at_ms}|{expires_at_ms}|{jti}|{}", refreshed_from.as_deref().unwrap_or_default())
}

fn parse(text: &str) -> Option<Session> {
    let mut parts = text.split('|');
    let (issued_at_ms, expires_at_ms) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let (jti, from) = (parts.next()?.to_owned(), parts.next()?);
    Some(Session { jti, issued_at_ms, expires_at_ms, refreshed_from: (!from.is_empty()).then(|| from.to_owned()) })
}

/// Tokens that several parts of the store share.
pub(super) type SharedTokens = Arc<Tokens>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_survives_its_spelling() {
        for refreshed_from in [None, Some("before".to_owned())] {
            let session = Session { jti: "this".to_owned(), issued_at_ms: -5, expires_at_ms: 7, refreshed_from };
            assert_eq!(parse(&text(&session)), Some(session));
        }
        for other in ["", "1", "1|2", "x|2|3|", "1|2|3"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
