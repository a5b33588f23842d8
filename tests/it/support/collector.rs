//! A collector of traces that keeps what it is told, for a test to look at.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::serve::Listener;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use prost::Message;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{Authority, eventually};

/// A span as it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) trace: String,
    pub(crate) id: String,
    /// "" for the first of its trace.
    pub(crate) parent: String,
    pub(crate) name: String,
    /// From its beginning to its end.
    pub(crate) nanos: (u64, u64),
    pub(crate) attributes: BTreeMap<String, String>,
    /// What is said of the process: its service, version and id.
    pub(crate) process: BTreeMap<String, String>,
}

/// A running collector.
pub(crate) struct Collector {
    spans: Arc<Mutex<Vec<Told>>>,
    address: String,
}

impl Collector {
    /// Starts it; it ends with the test's runtime.
    pub(crate) async fn start() -> Collector {
        Collector::on("http", TcpListener::bind("127.0.0.1:0").await.expect("a free port"))
    }

    /// Starts one that speaks TLS, with the certificate that the authority signed.
    pub(crate) async fn with_tls(authority: &Authority) -> Collector {
        let chain = CertificateDer::pem_file_iter(authority.certificate()).expect("the certificate");
        let chain = chain.collect::<Result<_, _>>().expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(authority.key()).expect("its key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = builder.expect("TLS").with_no_client_auth().with_single_cert(chain, key).expect("they fit");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Collector::on("https", TlsListener { listener, acceptor: Arc::new(config).into() })
    }

    fn on(scheme: &str, listener: impl Listener<Addr = SocketAddr>) -> Collector {
        let spans = Arc::<Mutex<Vec<Told>>>::default();
        let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&spans));
        let address = listener.local_addr().expect("its address");
        tokio::spawn(async move { axum::serve(listener, router).await.expect("the collector serves") });
        Collector { spans, address: format!("{scheme}://{address}") }
    }

    /// Where servers find it.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// All that was told so far.
    pub(crate) fn told(&self) -> Vec<Told> {
        self.spans.lock().expect("the spans").clone()
    }

    /// Waits for a span that `is_it`, and for those of its trace that `names` says.
    pub(crate) async fn trace(&self, is_it: impl Fn(&Told) -> bool, names: &[&str]) -> Tree {
        eventually(names, async || {
            let told = self.told();
            let first = told.iter().find(|span| is_it(span))?.clone();
            let spans: Vec<Told> = told.into_iter().filter(|span| span.trace == first.trace).collect();
            let is_whole = names.iter().all(|name| spans.iter().any(|span| span.name == *name));
            is_whole.then_some(Tree { first, spans })
        })
        .await
    }
}

/// A listener whose clients come by TLS; those who turn back are none.
struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// The spans of one trace.
#[derive(Debug)]
pub(crate) struct Tree {
    /// The one that was asked for.
    pub(crate) first: Told,
    pub(crate) spans: Vec<Told>,
}

impl Tree {
    /// The spans of this name: at least one.
    #[track_caller]
    pub(crate) fn all(&self, name: &str) -> Vec<&Told> {
        let found: Vec<&Told> = self.spans.iter().filter(|span| span.name == name).collect();
        assert!(!found.is_empty(), "no span called {name} in {:#?}", self.spans);
        found
    }

    /// The name of the span that another one is a stage of.
    pub(crate) fn above(&self, span: &Told) -> &str {
        self.spans.iter().find(|above| above.id == span.parent).map_or("", |above| &above.name)
    }
}

async fn take(State(spans): State<Arc<Mutex<Vec<Told>>>>, body: Bytes) -> StatusCode {
    let request = ExportTraceServiceRequest::decode(body).expect("a request of OTLP");
    for resource in request.resource_spans {
        let process = attributes(&resource.resource.expect("a resource").attributes);
        for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            let told = Told {
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                name: span.name,
                nanos: (span.start_time_unix_nano, span.end_time_unix_nano),
                attributes: attributes(&span.attributes),
                process: process.clone(),
            };
            spans.lock().expect("the spans").push(told);
        }
    }
    StatusCode::OK
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attributes(said: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: Option<&Value>| match value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("an attribute {other:?}"),
    };
    let pair = |said: &KeyValue| (said.key.clone(), text(said.value.as_ref().and_then(|value| value.value.as_ref())));
    said.iter().map(pair).collect()
}
