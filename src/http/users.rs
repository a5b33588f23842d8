//! `/user`: profiles.

use std::sync::Arc;

use axum::extract::{Path, State};

use super::extract::{Authenticated, Json};
use super::reply::Reply;
use crate::domain::Users;
use crate::error::{Code, Result};
use crate::wire::{UpdateUser, UserView};

pub(super) async fn info(State(users): State<Arc<Users>>, Authenticated(caller): Authenticated) -> Result<Reply<UserView>> {
    Ok(Reply(users.info(&caller).await?.into()))
}

pub(super) async fn profile(
    State(users): State<Arc<Users>>,
    Authenticated(_): Authenticated,
    user_id: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<Reply<UserView>> {
    // A path that is not UTF-8 names nobody.
    let Path(user_id) = user_id.map_err(|_| Code::UserNotFound)?;
    Ok(Reply(users.profile(&user_id).await?.into()))
}

pub(super) async fn update(
    State(users): State<Arc<Users>>,
    Authenticated(caller): Authenticated,
    Json(body): Json<UpdateUser>,
) -> Result<Reply<UserView>> {
    Ok(Reply(users.update(&caller, body.into()).await?.into()))
}
