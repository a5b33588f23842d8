//! For balancers and operators: is it alive, is it ready, how is it doing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::error::Error;
use crate::store::Health;
use crate::telemetry::Metrics;

/// Whether the node wants traffic: not any more once it has been told to stop.
#[derive(Debug, Default)]
pub struct Readiness {
    stopping: AtomicBool,
}

impl Readiness {
    /// From now on, no.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}

/// The process runs.
pub(super) async fn health() -> Response {
    json(StatusCode::OK, "{\"status\":\"ok\"}")
}

/// The node can serve.
pub(super) async fn ready(State(readiness): State<Arc<Readiness>>, State(store): State<Arc<dyn Health>>) -> Response {
    match why_not(&readiness, &*store).await {
        None => json(StatusCode::OK, "{\"status\":\"ready\"}"),
        Some(reason) => json(StatusCode::SERVICE_UNAVAILABLE, reason),
    }
}

/// Why the node cannot serve, as the body of the answer.
async fn why_not(readiness: &Readiness, store: &dyn Health) -> Option<&'static str> {
    if readiness.is_stopping() {
        return Some("{\"status\":\"stopping\"}");
    }
    store.ready().await.err().map(|_| "{\"status\":\"store unavailable\"}")
}

/// All metrics, for Prometheus.
pub(super) async fn metrics(
    State(metrics): State<Arc<Metrics>>,
    State(readiness): State<Arc<Readiness>>,
    State(store): State<Arc<dyn Health>>,
) -> Response {
    metrics.ready.set(i64::from(why_not(&readiness, &*store).await.is_none()));
    match metrics.render() {
        Ok(text) => {
            let kind = HeaderValue::from_static("text/plain; version=0.0.4");
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => Error::internal(error).into_response(),
    }
}

fn json(status: StatusCode, body: &'static str) -> Response {
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}
