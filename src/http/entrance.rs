//! The way in: what there is no room for is answered here, before anything is spent on it.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::future::Either;
use hyper::body::Incoming;
use prometheus::IntCounter;
use tower::ServiceExt;

use super::edge::{self, ALWAYS_ANSWERED};
use crate::admission::Admission;
use crate::error::Code;
use crate::telemetry::Metrics;

/// Every route, behind the question whether there is room.
#[derive(Clone)]
pub struct Entrance {
    router: Router,
    admission: Arc<Admission>,
    refused: IntCounter,
}

impl Entrance {
    pub(super) fn new(router: Router, admission: Arc<Admission>, metrics: &Metrics) -> Self {
        let refused = edge::counted(metrics, edge::NO_ROUTE, Code::Internal);
        Self { router, admission, refused }
    }

    /// The answer to a request.
    pub(super) fn answer(
        &self,
        request: hyper::Request<Incoming>,
    ) -> impl Future<Output = Result<Response, Infallible>> + use<> {
        match self.turn_away(&request) {
            Some(refusal) => Either::Left(ready(Ok(refusal))),
            None => Either::Right(self.router.clone().oneshot(request.map(Body::new))),
        }
    }

    /// The refusal of a call too many. It is made without a route and without a span: of the calls of twice the peak most get no
    /// further, and what they cost is taken from those that do.
    fn turn_away(&self, request: &hyper::Request<Incoming>) -> Option<Response> {
        // A page can read only answers with its own headers, which the router adds.
        if ALWAYS_ANSWERED.contains(&request.uri().path()) || request.headers().contains_key(header::ORIGIN) {
            return None;
        }
        let refusal = self.admission.full()?;
        self.refused.inc();
        let mut response = refusal.into_response();
        response.headers_mut().insert(edge::REQUEST_ID, edge::id_of(request.headers()));
        Some(response)
    }
}
