//! The way of spans to the collector: OTLP over HTTP. What it does not take in time is lost, and said so once a minute.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Traces, Tracing};
use crate::config;
use crate::telemetry::Spans;

/// Spans that may wait for the collector; past it, they are lost.
const QUEUE: usize = 8_192;

/// Spans that go together, and how long the first of them waits for the others.
const BATCH: usize = 512;
const GATHER: Duration = Duration::from_millis(500);

/// How long the collector may take for one batch, all tries together.
const SEND_WITHIN: Duration = Duration::from_secs(5);

/// How long the last spans may take when the server stops.
const FLUSH_WITHIN: Duration = Duration::from_secs(2);

/// How often is said that spans are lost.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// What is read of an answer: it says little.
const ANSWER_BYTES: usize = 65_536;

/// Where a collector takes traces, below its address.
const PATH: &str = "/v1/traces";

/// Sends spans to the collector.
pub struct Export {
    spans: mpsc::Receiver<SpanData>,
    exporter: SpanExporter,
    counts: Spans,
    /// How many are on their way to the collector.
    sending: u64,
    /// When was last said that spans are lost, and how many were by then.
    warned: Option<(Instant, u64)>,
}

impl Export {
    /// What traces calls of the process `node`, and what sends that away and counts it; the latter is nothing if no collector is set.
    pub fn prepare(settings: &config::Traces, node: &str, counts: &Spans) -> Result<(Traces, Option<Self>), String> {
        if settings.endpoint.is_empty() {
            return Ok((Traces::default(), None));
        }
        let exporter = exporter(&settings.endpoint, node).map_err(|error| format!("traces.endpoint: {error}"))?;
        let (sender, spans) = mpsc::channel(QUEUE);
        let scope = InstrumentationScope::builder("nexo").build();
        let tracing = Tracing { share: settings.share, scope, spans: sender, counts: counts.clone() };
        let traces = Traces(Some(Arc::new(tracing)));
        Ok((traces, Some(Self { spans, exporter, counts: counts.clone(), sending: 0, warned: None })))
    }

    /// Runs until `stop`, which must come after the last span; then sends what is left, within two seconds.
    pub async fn run(mut self, stop: CancellationToken) {
        let late = async {
            stop.cancelled().await;
            tokio::time::sleep(FLUSH_WITHIN).await;
        };
        let all = async {
            while let Some(batch) = self.gather(&stop).await {
                self.send(batch).await;
            }
        };
        tokio::select! {
            () = all => {}
            () = late => {
                self.counts.refused.inc_by(self.sending + self.spans.len() as u64);
                tracing::warn!("the last spans were not taken in time and are lost; see traces.endpoint");
            }
        }
    }

    /// The next spans; `None` if there are no more.
    async fn gather(&mut self, stop: &CancellationToken) -> Option<Vec<SpanData>> {
        let mut batch = Vec::new();
        let fill = async {
            self.spans.recv_many(&mut batch, BATCH).await;
            let until = tokio::time::Instant::now() + GATHER;
            while batch.len() < BATCH {
                let room = BATCH - batch.len();
                match tokio::time::timeout_at(until, self.spans.recv_many(&mut batch, room)).await {
                    Ok(1..) => {}
                    Ok(0) | Err(_) => break,
                }
            }
        };
        tokio::select! {
            () = fill => {}
            () = stop.cancelled() => {}
        }
        while batch.len() < BATCH
            && let Ok(span) = self.spans.try_recv()
        {
            batch.push(span);
        }
        (!batch.is_empty()).then_some(batch)
    }

    async fn send(&mut self, batch: Vec<SpanData>) {
        self.sending = batch.len() as u64;
        let cause = match tokio::time::timeout(SEND_WITHIN, self.exporter.export(batch)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("no answer in time".to_owned()),
        };
        let fate = if cause.is_none() { &self.counts.sent } else { &self.counts.refused };
        fate.inc_by(std::mem::take(&mut self.sending));
        self.warn(cause);
    }

    fn warn(&mut self, cause: Option<String>) {
        let all = self.counts.lost();
        let (is_time, told) = self.warned.map_or((true, 0), |(at, told)| (at.elapsed() >= WARN_EVERY, told));
        if is_time && all > told {
            let (lost, cause) = (all - told, cause.unwrap_or_else(|| "too many at once".to_owned()));
            tracing::warn!(lost, cause, "{lost} spans did not reach the collector of traces.endpoint: {cause}");
            self.warned = Some((Instant::now(), all));
        }
    }
}

fn exporter(endpoint: &str, node: &str) -> Result<SpanExporter, String> {
    let builder = SpanExporter::builder().with_http();
    let builder = builder
        .with_http_client(Collector::new(endpoint.starts_with("https:"))?)
        .with_headers(HashMap::from([("user-agent".to_owned(), concat!("nexo/", env!("CARGO_PKG_VERSION")).to_owned())]))
        .with_endpoint(format!("{}{PATH}", endpoint.trim_end_matches('/')))
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(SEND_WITHIN);
    let mut exporter = builder.build().map_err(|error| error.to_string())?;
    let resource = Resource::builder_empty().with_service_name("nexo").with_attributes([
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", node.to_owned()),
    ]);
    exporter.set_resource(&resource.build());
    Ok(exporter)
}

/// The client of the collector, on the HTTP and TLS that the rest of the server uses.
#[derive(Debug)]
enum Collector {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Collector {
    /// A client that trusts the authorities of the system.
    fn new(is_tls: bool) -> Result<Self, String> {
        let client = Client::builder(TokioExecutor::new());
        if !is_tls {
            return Ok(Self::Plain(client.build_http()));
        }
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let connector = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider);
        let connector = connector.map_err(|error| error.to_string())?.https_only().enable_http1().build();
        Ok(Self::Tls(client.build(connector)))
    }

    async fn ask(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, HttpError> {
        let answer = match self {
            Self::Plain(client) => client.request(request).await?,
            Self::Tls(client) => client.request(request).await?,
        };
        let (head, body) = answer.into_parts();
        Ok(Response::from_parts(head, Limited::new(body, ANSWER_BYTES).collect().await?.to_bytes()))
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.ask(request.map(Full::new)).await;
        // What the exporter makes of a failure says no more than that it was one.
        answer.inspect_err(|error| {
            let cause = error.source().map(ToString::to_string);
            tracing::debug!(%error, cause, "the collector of traces.endpoint gave no answer: {error}");
        })
    }
}
