//! A REST client that looks at every answer: the envelope, its headers, its code.

use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request};
use hyper_util::client::legacy::{Client as Hyper, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::world::Nodes;
use super::{RawTcp, Socket, assert_keys, documented, within};

type Http = Hyper<HttpConnector, Full<Bytes>>;

pub(super) fn http() -> Http {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Hyper::builder(TokioExecutor::new()).build(connector)
}

/// Percent-encodes a value for a path or a query.
pub(crate) fn enc(value: &str) -> String {
    value.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

/// Calls any server of the world, with a token or without one.
#[derive(Clone)]
pub(crate) struct Client {
    nodes: Arc<Nodes>,
    http: Http,
    token: Option<String>,
}

impl Client {
    pub(super) fn new(nodes: Arc<Nodes>, http: Http) -> Client {
        Client { nodes, http, token: None }
    }

    /// The same client with this token.
    pub(crate) fn with_token(&self, token: &str) -> Client {
        Client { token: Some(token.to_owned()), ..self.clone() }
    }

    /// `GET path`.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path).send().await
    }

    /// `POST path` with a JSON body.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.call(Method::POST, path).json(&body).send().await
    }

    /// `PUT path` with a JSON body.
    pub(crate) async fn put(&self, path: &str, body: Value) -> Reply {
        self.call(Method::PUT, path).json(&body).send().await
    }

    /// A request of which the test says more.
    pub(crate) fn call(&self, method: Method, path: &str) -> Call<'_> {
        let call = Call { client: self, method, path: path.to_owned(), headers: HeaderMap::new(), body: Vec::new() };
        match &self.token {
            Some(token) => call.header("authorization", &format!("Bearer {token}")),
            None => call,
        }
    }

    /// A TCP connection to any server.
    pub(crate) async fn tcp(&self) -> RawTcp {
        RawTcp::connect(&self.nodes.any()).await
    }

    /// A WebSocket of any server, with this query and these headers (and no token of its own).
    pub(crate) async fn connect(&self, query: &str, headers: &[(&str, &str)]) -> Result<Socket, Reply> {
        Socket::connect(&self.nodes.any(), query, headers).await
    }

    /// A WebSocket of any server with this query, if that server is there and takes it.
    pub(crate) async fn dial(&self, query: &str) -> Option<Socket> {
        Socket::dial(&self.nodes.any(), query, &[]).await.ok()
    }
}

/// A request on its way to be sent.
pub(crate) struct Call<'a> {
    client: &'a Client,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Call<'_> {
    /// Sets a header; a second value of one name replaces the first.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header value");
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    /// A JSON body, with its content type.
    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").bytes(body.to_string())
    }

    /// Any bytes as the body, without a content type.
    pub(crate) fn bytes(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it; the test fails if there is no answer.
    pub(crate) async fn send(self) -> Reply {
        let what = format!("{} {}", self.method, self.path);
        match self.try_send().await {
            Ok(reply) => reply,
            Err(error) => panic!("no answer to {what}: {error}"),
        }
    }

    /// Sends it; a connection that breaks before the answer is an error.
    pub(crate) async fn try_send(self) -> Result<Reply, String> {
        let (what, method) = (format!("{} {}", self.method, self.path), self.method.clone());
        let uri = format!("http://{}{}", self.client.nodes.any(), self.path);
        let mut request =
            Request::builder().method(self.method).uri(uri).body(Full::from(self.body)).expect("a valid request");
        *request.headers_mut() = self.headers;
        within(what.clone(), async {
            let response = self.client.http.request(request).await.map_err(|error| format!("{error:?}"))?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| format!("{error:?}"))?.to_bytes();
            let reply = Reply { what, status: parts.status.as_u16(), headers: parts.headers, body };
            documented::check(method.as_str(), &self.path, &reply);
            Ok(reply)
        })
        .await
    }
}

/// An answer.
pub(crate) struct Reply {
    /// The request that it answers.
    pub(crate) what: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// The HTTP headers.
    pub(crate) headers: HeaderMap,
    /// The body as it came.
    pub(crate) body: Bytes,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = String::from_utf8_lossy(&self.body);
        let body: String = body.chars().take(500).collect();
        write!(f, "{:.200} -> {} {:?} {body}", self.what, self.status, self.headers)
    }
}

impl Reply {
    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// A header as text, "" if it is absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The envelope, after a look at its form.
    #[track_caller]
    pub(crate) fn envelope(&self) -> Value {
        let envelope = self.json();
        assert_keys(&envelope, "code msg data");
        assert!(envelope["code"].is_u64(), "code in {self:?}");
        let msg = envelope["msg"].as_str().unwrap_or_else(|| panic!("msg in {self:?}"));
        assert_eq!(msg == "success", envelope["code"] == 0, "msg in {self:?}");
        assert!(!msg.is_empty(), "msg in {self:?}");
        assert!(self.header("content-type").starts_with("application/json"), "content-type of {self:?}");
        assert!(!self.header("x-request-id").is_empty(), "x-request-id of {self:?}");
        envelope
    }

    /// The code.
    #[track_caller]
    pub(crate) fn code(&self) -> i64 {
        self.envelope()["code"].as_i64().expect("code was looked at")
    }

    /// The msg.
    #[track_caller]
    pub(crate) fn msg(&self) -> String {
        self.envelope()["msg"].as_str().expect("msg was looked at").to_owned()
    }

    /// The data of a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        let envelope = self.envelope();
        assert!(envelope["code"] == 0 && self.status == 200, "not a success: {self:?}");
        envelope["data"].clone()
    }

    /// A success that has no data.
    #[track_caller]
    pub(crate) fn done(&self) {
        assert_eq!(self.ok(), Value::Null, "data of {self:?}");
    }

    /// A business refusal: HTTP 200 and this code.
    #[track_caller]
    pub(crate) fn refused(&self, code: i64) {
        self.refused_with(200, code);
    }

    /// A refusal with a status of its own.
    #[track_caller]
    pub(crate) fn refused_with(&self, status: u16, code: i64) {
        let envelope = self.envelope();
        assert_eq!((self.status, envelope["code"].as_i64()), (status, Some(code)), "{self:?}");
        assert_eq!(envelope["data"], Value::Null, "data of {self:?}");
    }

    /// 1001 with a msg that names the field.
    #[track_caller]
    pub(crate) fn refused_field(&self, field: &str) {
        self.refused(1001);
        assert!(self.msg().contains(field), "{:?} does not name {field}: {self:?}", self.msg());
    }
}
