//! `/auth`: accounts and tokens.

use std::sync::Arc;

use axum::extract::State;

use super::extract::{Address, Authenticated, Json, Token};
use super::reply::Reply;
use crate::domain::Auth;
use crate::error::Result;
use crate::wire::{LoggedIn, LoginBody, Refreshed, Register, UserView};

pub(super) async fn register(
    State(auth): State<Arc<Auth>>,
    Address(address): Address,
    Json(body): Json<Register>,
) -> Result<Reply<UserView>> {
    Ok(Reply(auth.register(body.into(), address).await?.into()))
}

pub(super) async fn login(
    State(auth): State<Arc<Auth>>,
    Address(address): Address,
    Json(body): Json<LoginBody>,
) -> Result<Reply<LoggedIn>> {
    let (token, user) = auth.login(body.into(), address).await?;
    Ok(Reply(LoggedIn::new(token, user)))
}

pub(super) async fn logout(State(auth): State<Arc<Auth>>, Authenticated(caller): Authenticated) -> Result<Reply<()>> {
    auth.logout(&caller).await.map(Reply)
}

pub(super) async fn refresh(State(auth): State<Arc<Auth>>, Token(token): Token) -> Result<Reply<Refreshed>> {
    Ok(Reply(auth.refresh(&token).await?.into()))
}
