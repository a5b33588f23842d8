//! The handshake: who may open a WebSocket, and which protocol it speaks.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

use super::{Sockets, connection};
use crate::error::{Code, Error, Result};
use crate::line::WriteSide;
use crate::model::{Caller, CloseReason, PushId};
use crate::push::Attach;
use crate::wire::{self, Query};

/// The subprotocol of clients that want events.
const PROTOCOL: &str = "nexo.v1";

/// What a subprotocol that carries a token begins with, for browsers, which can set no header.
const TOKEN_PROTOCOL: &str = "nexo.token.";

/// What one read takes from a socket; it is allocated for each connection at once. A usual send fits.
const READ_BUFFER_BYTES: usize = 768;

/// How much is gathered before it is written.
const WRITE_BUFFER_BYTES: usize = 8 * 1_024;

/// `GET /ws`
pub async fn upgrade(
    State(sockets): State<Arc<Sockets>>,
    writes: Option<Extension<Arc<WriteSide>>>,
    query: Query,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response> {
    let upgrade =
        upgrade.map_err(|refusal| Error::invalid("handshake", &refusal.body_text()).with_status(StatusCode::BAD_REQUEST))?;
    if sockets.stop.is_cancelled() {
        return Err(Error::unavailable("the node is stopping"));
    }
    admit(&sockets, &headers).map_err(at_handshake)?;
    let caller = authenticate(&sockets, &query, &headers).await.map_err(at_handshake)?;
    let after = after(&query).map_err(at_handshake)?;
    let upgrade = upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(WRITE_BUFFER_BYTES + sockets.answer_bytes)
        .max_message_size(sockets.frame_bytes)
        .max_frame_size(sockets.frame_bytes);
    let version = query.text("v").map_err(at_handshake)?;
    if version.is_some_and(|version| !matches!(version, "" | "1")) {
        return Err(at_handshake(Error::invalid("v", "expects 1")));
    }
    let events = upgrade.selected_protocol().is_some() || version == Some("1");
    let attach = Attach { caller, events, after };
    let attached = sockets.live.attach(attach).await?;
    match &attached {
        Err(CloseReason::Replaced | CloseReason::TokenEnded) => return Err(at_handshake(Code::TokenInvalid.into())),
        // A stop that began meanwhile may have missed it when it closed all connections.
        Ok(attached) if sockets.stop.is_cancelled() => attached.connection.close(CloseReason::Restarting),
        _ => {}
    }
    if let (Ok(attached), Some(Extension(writes))) = (&attached, writes) {
        attached.connection.set_line(&writes);
    }
    // Taken before the upgrade, so that a stop waits for this connection.
    let counted = sockets.tracker.token();
    Ok(upgrade.on_upgrade(move |socket| connection::run(socket, attached, sockets, counted)))
}

/// Refuses a page that may not connect. Who names no origin is no browser.
fn admit(sockets: &Sockets, headers: &HeaderMap) -> Result<()> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    if sockets.origins.admit(origin.to_str().unwrap_or_default(), host) {
        return Ok(());
    }
    Err(Error::new(Code::Forbidden, "pages of this origin may not connect; server.origins names those that may"))
}

/// Whose token the handshake shows: in the header, as a subprotocol, or in the URL.
async fn authenticate(sockets: &Sockets, query: &Query, headers: &HeaderMap) -> Result<Caller> {
    let protocols = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let in_protocol = protocols.flat_map(|value| value.split(',')).find_map(|name| name.trim().strip_prefix(TOKEN_PROTOCOL));
    let token = match (query.text("token")?, in_protocol) {
        _ if headers.contains_key(header::AUTHORIZATION) => wire::bearer(headers)?,
        (_, Some(token)) => token,
        (Some(token), None) if !token.is_empty() => token,
        _ => return Err(Code::TokenMissing.into()),
    };
    let caller = sockets.auth.authenticate(token).await?;
    let other_user = query.text("send_id")?.filter(|user| !user.is_empty()).is_some_and(|user| user != caller.user.as_str());
    let other_platform = query.number("platform_id")?.is_some_and(|number| number != i64::from(caller.platform.number()));
    if other_user || other_platform { Err(Code::TokenMismatch.into()) } else { Ok(caller) }
}

fn after(query: &Query) -> Result<Option<PushId>> {
    let Some(text) = query.text("after")?.filter(|text| !text.is_empty()) else { return Ok(None) };
    PushId::parse(text).map(Some).ok_or_else(|| Error::invalid("after", "expects a push_id"))
}

/// A refusal as the handshake words it: as an HTTP status, which is all that a WebSocket client can see.
fn at_handshake(error: Error) -> Error {
    match error.code() {
        Code::TokenInvalid | Code::TokenExpired | Code::TokenMissing | Code::TokenMismatch => {
            error.with_status(StatusCode::UNAUTHORIZED)
        }
        Code::InvalidParameter => error.with_status(StatusCode::BAD_REQUEST),
        Code::Forbidden => error.with_status(StatusCode::FORBIDDEN),
        _ => error,
    }
}
