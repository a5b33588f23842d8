//! `/msg`: sending and reading messages.

use std::sync::Arc;

use axum::extract::State;

use super::extract::{Authenticated, Checked, Json};

use super::reply::{Encoded, Standing};
use crate::domain::{History, Pull, Sending};
use crate::error::Result;
use crate::wire::{self, Query, SendBody};

pub(super) async fn send(
    State(sending): State<Arc<Sending>>,
    Checked(caller): Checked,
    Json(body): Json<SendBody>,
) -> Result<(Standing, Encoded)> {
    let sent = sending.send(&caller, body.into()).await?;
    Ok((Standing(sent.standing), Encoded(wire::sent(&sent.message))))
}

pub(super) async fn pull(
    State(history): State<Arc<History>>,
    Authenticated(caller): Authenticated,
    query: Query,
) -> Result<Encoded> {
    let pull = Pull {
        conversation_id: query.required("conversation_id")?.to_owned(),
        begin_seq: query.number("begin_seq")?,
        end_seq: query.number("end_seq")?,
        limit: query.number("limit")?,
    };
    Ok(Encoded(wire::page(&history.pull(&caller, &pull).await?)))
}

pub(super) async fn max_seq(
    State(history): State<Arc<History>>,
    Authenticated(caller): Authenticated,
    query: Query,
) -> Result<Encoded> {
    let max_seq = history.max_seq(&caller, query.required("conversation_id")?).await?;
    Ok(Encoded(wire::max_seq(max_seq)))
}
