//! What happens to every request: room for it, an id, a line in the log, its metrics, and an answer even if its handler panicked.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::Instrument;

use super::extract::client;
use super::reply::NEXT_CURSOR;
use crate::admission::{Admission, Place};
use crate::config::{Origins, Proxies};
use crate::domain::Handshakes;
use crate::error::{Code, Error, RATE_LIMIT_HEADERS};
use crate::telemetry::Metrics;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// For how long a browser need not ask again what it may call.
const PREFLIGHT_HOLDS: Duration = Duration::from_secs(3_600);

/// The longest id that a client may give a request.
const REQUEST_ID_BYTES: usize = 128;

/// Runs a request.
pub(super) async fn watch(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request.headers().get(&REQUEST_ID).filter(|id| is_sane(id)).cloned().unwrap_or_else(fresh_id);
    // The pattern, never the path itself: paths and queries hold ids and tokens.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let span =
        tracing::info_span!("request", request.id = id.to_str().unwrap_or_default(), route, method = %request.method());
    let mut response = next.run(request).instrument(span.clone()).await;
    let code = response.extensions().get::<Code>().copied().unwrap_or(Code::Success);
    let elapsed = started.elapsed();
    metrics.requests.with_label_values(&[route, code_text(code).as_str()]).inc();
    metrics.request_seconds.with_label_values(&[route]).observe(elapsed.as_secs_f64());
    let _entered = span.enter();
    tracing::debug!(
        status = response.status().as_u16(),
        code = code.number(),
        elapsed_us = elapsed.as_micros() as u64,
        "answered"
    );
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// Works on a request if there is room for it.
pub(super) async fn admit(State(admission): State<Arc<Admission>>, mut request: Request, next: Next) -> Response {
    match Place::take(admission) {
        Ok(place) => {
            request.extensions_mut().insert(place.clone());
            let response = next.run(request).await;
            drop(place);
            response
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// Who may begin a handshake.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) handshakes: Arc<Handshakes>,
    pub(super) proxies: Arc<Proxies>,
}

/// Lets a handshake in, or refuses it before anything of it is looked at.
pub(super) async fn handshake(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match client(&parts, &gate.proxies).and_then(|address| gate.handshakes.admit(address)) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// The headers by which browsers let pages of other origins call; `None` if no other may.
pub(super) fn cors(origins: &Origins) -> Option<CorsLayer> {
    let allowed = match origins {
        Origins::Own => return None,
        Origins::Listed(listed) => {
            AllowOrigin::list(listed.iter().filter_map(|origin| HeaderValue::try_from(origin.as_str()).ok()))
        }
        Origins::Any => AllowOrigin::any(),
    };
    let layer = CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST, Method::PUT])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, REQUEST_ID])
        .expose_headers(
            [REQUEST_ID, NEXT_CURSOR, header::RETRY_AFTER].into_iter().chain(RATE_LIMIT_HEADERS).collect::<Vec<_>>(),
        )
        .max_age(PREFLIGHT_HOLDS);
    Some(layer)
}

/// The answer of a handler that panicked.
pub(super) fn panicked(_: Box<dyn Any + Send>) -> Response {
    Error::internal("a handler panicked").into_response()
}

fn code_text(code: Code) -> String {
    code.number().to_string()
}

/// Whether a client's id can stand in a header and in a log line.
fn is_sane(id: &HeaderValue) -> bool {
    let sane = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    (1..=REQUEST_ID_BYTES).contains(&id.len()) && id.as_bytes().iter().all(sane)
}

fn fresh_id() -> HeaderValue {
    HeaderValue::try_from(format!("{:032x}", rand::random::<u128>())).unwrap_or_else(|_| HeaderValue::from_static("0"))
}
