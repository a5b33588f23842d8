//! `/conversation`: a user's own view of its conversations.

use std::sync::Arc;

use axum::extract::State;

use super::extract::{Authenticated, Json};

use super::reply::{Paged, Reply};
use crate::domain::{Conversations, Cursor};
use crate::error::Result;
use crate::wire::{ConversationView, MarkRead, Query, ReadState, UnreadView, UpdateConversation};

type Service = State<Arc<Conversations>>;

pub(super) async fn list(
    State(conversations): Service,
    Authenticated(caller): Authenticated,
    query: Query,
) -> Result<Paged<ConversationView>> {
    let (cursor, limit) = (query.text("cursor")?, query.number("limit")?);
    let page = conversations.list(&caller, cursor, limit, query.number("updated_after")?).await?;
    let items = page.conversations.iter().map(|state| ConversationView::new(state, &caller.user)).collect();
    Ok(Paged { items, next: page.next.as_ref().map(Cursor::spell) })
}

pub(super) async fn info(
    State(conversations): Service,
    Authenticated(caller): Authenticated,
    query: Query,
) -> Result<Reply<ConversationView>> {
    let state = conversations.info(&caller, query.required("conversation_id")?).await?;
    Ok(Reply(ConversationView::new(&state, &caller.user)))
}

pub(super) async fn update(
    State(conversations): Service,
    Authenticated(caller): Authenticated,
    query: Query,
    Json(body): Json<UpdateConversation>,
) -> Result<Reply<()>> {
    let id = query.required("conversation_id")?;
    conversations.update(&caller, id, body.recv_msg_opt, body.is_pinned).await.map(Reply)
}

pub(super) async fn mark_read(
    State(conversations): Service,
    Authenticated(caller): Authenticated,
    Json(body): Json<MarkRead>,
) -> Result<Reply<()>> {
    conversations.mark_read(&caller, &body.conversation_id, body.read_seq).await.map(Reply)
}

pub(super) async fn max_read_seq(
    State(conversations): Service,
    Authenticated(caller): Authenticated,
    query: Query,
) -> Result<Reply<ReadState>> {
    let state = conversations.info(&caller, query.required("conversation_id")?).await?;
    Ok(Reply(ReadState::from(&state)))
}

pub(super) async fn unread_count(
    State(conversations): Service,
    Authenticated(caller): Authenticated,
    query: Query,
) -> Result<Reply<UnreadView>> {
    let (id, read_seq) = (query.required("conversation_id")?, query.number("read_seq")?);
    Ok(Reply(UnreadView { unread_count: conversations.unread(&caller, id, read_seq).await? }))
}
