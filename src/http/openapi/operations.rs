//! The routes that answer in their own way: the WebSocket's handshake, and those for operators.

use utoipa::PartialSchema;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterIn};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, RefOr, Required, Schema};

use super::answers::{self, Failure, header};
use super::route::{Described, operation, parameter};
use super::{NO_SCOPES, TOKEN, TOKEN_IN_QUERY};
use crate::error::Code;
use crate::http::edge;
use crate::wire::schemas::{PlatformId, UserIdOrEmpty};

/// All of them.
pub(super) fn all() -> Vec<Described> {
    vec![websocket(), health(), ready(), metrics(), document()]
}

fn websocket() -> Described {
    let text = |values: &[&str]| {
        let text = ObjectBuilder::new().schema_type(Type::String);
        if values.is_empty() { text } else { text.enum_values(Some(values.iter().copied())) }
    };
    let named =
        |name: &str, what: &str, schema: RefOr<Schema>| parameter(name, ParameterIn::Query, Required::False, (what, schema));
    let refused =
        |what: &str, codes: &[Code]| answers::respond(format!("{what}\n{}", answers::list(codes)), answers::refusal(codes));
    let no_upgrade = "The request is no upgrade, or a field of its query is malformed or given twice.";
    let switched = ResponseBuilder::new().description("The connection is a WebSocket now: see `docs/asyncapi.yaml`.");
    let tokens = [Code::TokenInvalid, Code::TokenExpired, Code::TokenMissing, Code::TokenMismatch];
    let summary =
        ("Opens the live connection.", "A WebSocket handshake, with the token in its header, its query or a subprotocol.");
    let operation = operation("/ws", "WebSocket", summary)
        .parameter(named(
            "v",
            "`1` asks for the frames with `event`, as the subprotocol `nexo.v1` does.",
            text(&["", "1"]).into(),
        ))
        .parameter(named("after", "The last `push_id` that the client has: asks for recovery.", text(&[]).into()))
        .parameter(named("send_id", "If given, must be the token's user (`2004`).", UserIdOrEmpty::schema()))
        .parameter(named("platform_id", "If given, must be the token's platform (`2004`).", PlatformId::schema()))
        .response("101", switched)
        .response("400", refused(no_upgrade, &[Code::InvalidParameter]))
        .response("401", refused("The token does not open a connection.", &tokens))
        .response("403", refused("A page of another origin that `server.origins` does not list.", &[Code::Forbidden]))
        .response(Failure::TooMany.status(), Failure::TooMany.reference())
        .response(Failure::Fault.status(), Failure::Fault.reference())
        .response(Failure::Unavailable.status(), Failure::Unavailable.reference())
        .security(SecurityRequirement::new(TOKEN, NO_SCOPES))
        .security(SecurityRequirement::new(TOKEN_IN_QUERY, NO_SCOPES));
    described("/ws", operation)
}

fn health() -> Described {
    let operation = public("/health", ("The process is alive.", "")).response("200", status("It is.", &["ok"]));
    described("/health", operation)
}

fn ready() -> Described {
    let operation = public("/ready", ("Whether the server can take work.", "For load balancers."))
        .response("200", status("It can.", &["ready"]))
        .response("503", status("The store is away, or the server is stopping.", &["store unavailable", "stopping"]));
    described("/ready", operation)
}

fn metrics() -> Described {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let page = ResponseBuilder::new()
        .description("All metrics; `docs/metrics.md` explains them.")
        .header_ref(edge::REQUEST_ID.as_str(), header(answers::REQUEST_ID))
        .content("text/plain", Content::new(Some(text)));
    let operation = public("/metrics", ("Metrics in the text format of Prometheus.", ""))
        .response("200", page)
        .response(Failure::Fault.status(), Failure::Fault.reference());
    described("/metrics", operation)
}

fn document() -> Described {
    let object = ObjectBuilder::new().schema_type(Type::Object);
    let operation = public("/openapi.json", ("This document.", "Unless `server.api_page` is off."))
        .response("200", answers::respond("OpenAPI 3.1.", object))
        .response("404", answers::respond("`server.api_page` is off.", answers::refusal(&[Code::NotFound])))
        .response(Failure::Fault.status(), Failure::Fault.reference())
        .response(Failure::Unavailable.status(), Failure::Unavailable.reference());
    described("/openapi.json", operation)
}

fn public(path: &str, words: (&str, &str)) -> OperationBuilder {
    operation(path, "Operations", words).securities(Some::<[SecurityRequirement; 0]>([]))
}

/// An answer that says one of these words.
fn status(what: &str, words: &[&'static str]) -> ResponseBuilder {
    let word = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words.iter().copied()));
    answers::respond(what, answers::closed(ObjectBuilder::new().property("status", word).required("status")))
}

fn described(path: &'static str, operation: OperationBuilder) -> Described {
    Described { path, method: HttpMethod::Get, operation: operation.build(), schemas: Vec::new() }
}
