//! What happens to every request: room for it, an id, a line in the log, its metrics, and an answer even if its handler panicked.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use prometheus::IntCounter;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::Instrument;

use super::extract::client;
use super::reply::NEXT_CURSOR;
use super::serve::Peer;
use crate::admission::{Admission, Place};
use crate::config::{Origins, Proxies};
use crate::domain::Handshakes;
use crate::error::{Code, Error, RATE_LIMIT_HEADERS};
use crate::telemetry::{Metrics, Parent, Span, Traces};

const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

/// Routes that are answered however much there is to do.
pub(super) const ALWAYS_ANSWERED: [&str; 3] = ["/health", "/ready", "/metrics"];

/// What metrics call the route of a request that has none.
pub(super) const NO_ROUTE: &str = "none";

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// For how long a browser need not ask again what it may call.
const PREFLIGHT_HOLDS: Duration = Duration::from_secs(3_600);

/// The longest id that a client may give a request.
const REQUEST_ID_BYTES: usize = 128;

/// What every request is counted and traced by.
#[derive(Clone)]
pub(super) struct Watch {
    pub(super) metrics: Arc<Metrics>,
    pub(super) traces: Traces,
    pub(super) proxies: Arc<Proxies>,
}

impl Watch {
    /// Begins the trace of a request, if that is to be traced.
    fn trace(&self, request: &Request, route: &str) -> Span {
        // These calls come from machines, and all the time.
        if ALWAYS_ANSWERED.contains(&route) {
            return Span::none();
        }
        let parent = || {
            let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip());
            let header = request.headers().get(&TRACE_PARENT)?.to_str().ok()?;
            Parent::parse(header, peer.is_some_and(|peer| self.proxies.trusts(peer)))
        };
        self.traces.begin(parent, || format!("{} {route}", method(request)))
    }
}

/// Runs a request.
pub(super) async fn watch(State(watch): State<Watch>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = id_of(request.headers());
    // The pattern, never the path itself: paths and queries hold ids and tokens.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    let mut traced = watch.trace(&request, route);
    let span = tracing::info_span!(
        "request",
        request.id = id.to_str().unwrap_or_default(),
        route,
        method = %request.method(),
        trace_id = tracing::field::Empty,
        span_id = tracing::field::Empty
    );
    traced.name_in(&span);
    let mut response = traced.trace().around(next.run(request).instrument(span.clone())).await;
    let code = response.extensions().get::<Code>().copied().unwrap_or(Code::Success);
    let elapsed = started.elapsed();
    traced.set("http.response.status_code", i64::from(response.status().as_u16()));
    traced.answered(code.number(), response.status().is_server_error());
    counted(&watch.metrics, route, code).inc();
    watch.metrics.request_seconds.with_label_values(&[route]).observe(elapsed.as_secs_f64());
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

/// The count of a route's requests that were answered with `code`.
pub(super) fn counted(metrics: &Metrics, route: &str, code: Code) -> IntCounter {
    metrics.requests.with_label_values(&[route, code.number().to_string().as_str()])
}

/// A request's id: its client's, if that can stand in a header and in a log line, or a new one.
pub(super) fn id_of(headers: &HeaderMap) -> HeaderValue {
    headers.get(&REQUEST_ID).filter(|id| is_sane(id)).cloned().unwrap_or_else(fresh_id)
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

/// The method, as spans name it; clients may make up others.
fn method(request: &Request) -> &'static str {
    match *request.method() {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        _ => "other",
    }
}

fn is_sane(id: &HeaderValue) -> bool {
    let sane = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    (1..=REQUEST_ID_BYTES).contains(&id.len()) && id.as_bytes().iter().all(sane)
}

fn fresh_id() -> HeaderValue {
    HeaderValue::try_from(format!("{:032x}", rand::random::<u128>())).unwrap_or_else(|_| HeaderValue::from_static("0"))
}
