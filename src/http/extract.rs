//! What handlers take from a request: the caller, the body, the address.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRef, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Body as _;
use serde::de::DeserializeOwned;

use super::BodyLimits;
use super::serve::Peer;
use crate::admission::Place;
use crate::config::Proxies;
use crate::domain::Auth;
use crate::error::{Error, Result};
use crate::model::Caller;
use crate::wire;

/// The caller of a route that needs a token.
pub(super) struct Authenticated(pub(super) Caller);

impl<S> FromRequestParts<S> for Authenticated
where
    S: Send + Sync,
    Arc<Auth>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let Checked(caller) = Checked::from_request_parts(parts, state).await?;
        Arc::<Auth>::from_ref(state).authorize(&caller).await?;
        Ok(Self(caller))
    }
}

/// The caller of a route whose rule looks the token up itself, together with everything else.
pub(super) struct Checked(pub(super) Caller);

impl<S> FromRequestParts<S> for Checked
where
    S: Send + Sync,
    Arc<Auth>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        Arc::<Auth>::from_ref(state).check(wire::bearer(&parts.headers)?).map(Self)
    }
}

/// The token of a request, unchecked: for the one route that takes one that is no longer current.
pub(super) struct Token(pub(super) String);

impl<S: Sync> FromRequestParts<S> for Token {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        wire::bearer(&parts.headers).map(|token| Self(token.to_owned()))
    }
}

/// The address that the request came from, as far as proxies are trusted.
pub(super) struct Address(pub(super) IpAddr);

impl<S> FromRequestParts<S> for Address
where
    S: Send + Sync,
    Arc<Proxies>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        client(parts, &Arc::<Proxies>::from_ref(state)).map(Self)
    }
}

/// The address that a request came from.
pub(super) fn client(parts: &Parts, proxies: &Proxies) -> Result<IpAddr> {
    let peer = parts.extensions.get::<Peer>().ok_or_else(|| Error::internal("the request has no address"))?;
    let lines: Vec<&str> =
        parts.headers.get_all("x-forwarded-for").into_iter().filter_map(|line| line.to_str().ok()).collect();
    let hops = lines.iter().flat_map(|line| line.split(','));
    Ok(proxies.client(peer.0.ip(), hops))
}

/// A JSON body, bounded in bytes and in time.
pub(super) struct Json<T>(pub(super) T);

impl<T, S> FromRequest<S> for Json<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
    BodyLimits: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let limits = BodyLimits::from_ref(state);
        if let Some(kind) = request.headers().get(header::CONTENT_TYPE) {
            let essence = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
            if !essence.eq_ignore_ascii_case("application/json") {
                let refusal = Error::invalid("content-type", "expects application/json, or none");
                return Err(refusal.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
            }
        }
        let place =
            request.extensions().get::<Place>().cloned().ok_or_else(|| Error::internal("the request has no place"))?;
        let body = tokio::time::timeout(limits.time, read(request.into_body(), limits.bytes));
        let Ok(body) = place.meanwhile(body).await? else {
            return Err(Error::invalid("body", "expects to be sent faster").with_status(StatusCode::REQUEST_TIMEOUT));
        };
        wire::decode(&body?).map(Self)
    }
}

/// How much of a body that is too large is still read, and for how long, so that its client sees the answer and not a broken
/// connection.
const DISCARDED_BYTES: usize = 1 << 20;
const DISCARDED_WITHIN: Duration = Duration::from_millis(250);

/// A body of at most `max` bytes.
async fn read(mut body: Body, max: usize) -> Result<Vec<u8>> {
    let too_large =
        || Error::invalid("body", &format!("expects at most {max} bytes")).with_status(StatusCode::PAYLOAD_TOO_LARGE);
    // Said beforehand; nothing was read, so that a client that waits for "100 Continue" does not get it.
    if body.size_hint().lower() > (max + DISCARDED_BYTES) as u64 {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Error::invalid("body", "ended too early"))?;
        bytes.extend_from_slice(&frame.into_data().unwrap_or_default());
        if bytes.len() > max {
            // What comes or not in this time makes no difference to the answer.
            let _ = tokio::time::timeout(DISCARDED_WITHIN, discard(body)).await;
            return Err(too_large());
        }
    }
    Ok(bytes)
}

/// Reads on, and forgets it.
async fn discard(body: Body) {
    let mut rest = Limited::new(body, DISCARDED_BYTES);
    while let Some(Ok(_)) = rest.frame().await {}
}
