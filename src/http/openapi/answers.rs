//! What answers have in common: the envelope, refusals, and the headers beside them.

use std::fmt::Write;

use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{AdditionalProperties, AllOfBuilder, Object, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{Components, Content, Ref, RefOr, Response, Schema};

use crate::error::Code;
use crate::http::{edge, reply};

/// The headers that answers may have, as the document names them.
pub(super) const REQUEST_ID: &str = "RequestId";
pub(super) const NEXT_CURSOR: &str = "NextCursor";
pub(super) const RETRY_AFTER: &str = "RetryAfter";
pub(super) const RATE_LIMIT: &str = "RateLimit";
pub(super) const RATE_LIMIT_POLICY: &str = "RateLimitPolicy";

/// A status that says no for the whole service or the transport, where a route may answer it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// 408, 413, 415: of a route with a body.
    TooSlow,
    TooLarge,
    NotJson,
    /// 429: of a route with a limit.
    TooMany,
    /// 500 and 503: of every route.
    Fault,
    Unavailable,
}

impl Failure {
    const ALL: [Self; 6] = [Self::TooSlow, Self::TooLarge, Self::NotJson, Self::TooMany, Self::Fault, Self::Unavailable];

    /// Its status, its code, its name in the document, and what happened.
    fn parts(self) -> (&'static str, Code, &'static str, &'static str) {
        match self {
            Self::TooSlow => (
                "408",
                Code::InvalidParameter,
                "TooSlow",
                "The body took longer than `server.body_timeout_ms` (10 s); the connection closes.",
            ),
            Self::TooLarge => {
                ("413", Code::InvalidParameter, "TooLarge", "The body is larger than `server.body_limit_bytes` (64 KiB).")
            }
            Self::NotJson => ("415", Code::InvalidParameter, "NotJson", "A `Content-Type` other than `application/json`."),
            Self::TooMany => (
                "429",
                Code::TooManyRequests,
                "TooManyRequests",
                "Too many requests. Nothing was done: try again after `Retry-After`.",
            ),
            Self::Fault => {
                ("500", Code::Internal, "Fault", "A fault of the server. The outcome of a send is unknown: repeat it.")
            }
            Self::Unavailable => (
                "503",
                Code::Internal,
                "Unavailable",
                "The server cannot do this now: the store is away, the disk is full, or too many calls are being worked on. The \
                outcome of a send is unknown: repeat it after `Retry-After`.",
            ),
        }
    }

    /// Its status.
    pub(super) fn status(self) -> &'static str {
        self.parts().0
    }

    /// Where the document describes it.
    pub(super) fn reference(self) -> Ref {
        Ref::from_response_name(self.parts().2)
    }

    fn response(self) -> Response {
        let (_, code, _, what) = self.parts();
        let response = respond(what, refusal(&[code]));
        match self {
            Self::TooMany => response
                .header_ref("Retry-After", header(RETRY_AFTER))
                .header_ref("RateLimit-Policy", header(RATE_LIMIT_POLICY))
                .header_ref("RateLimit", header(RATE_LIMIT)),
            Self::Unavailable => response.header_ref("Retry-After", header(RETRY_AFTER)),
            _ => response,
        }
        .build()
    }
}

/// A JSON answer.
pub(super) fn respond(what: impl Into<String>, schema: impl Into<RefOr<Schema>>) -> ResponseBuilder {
    let response = ResponseBuilder::new().description(what).header_ref(edge::REQUEST_ID.as_str(), header(REQUEST_ID));
    response.content("application/json", Content::new(Some(schema)))
}

/// Where the document describes a header.
pub(super) fn header(name: &str) -> Ref {
    Ref::new(format!("#/components/headers/{name}"))
}

/// The envelope around `data`, or around a refusal with one of these codes.
pub(super) fn envelope(data: RefOr<Schema>, codes: &[Code]) -> Schema {
    let one = |value: serde_json::Value, kind| ObjectBuilder::new().schema_type(kind).enum_values(Some([value]));
    let success = ObjectBuilder::new()
        .title(Some("Success"))
        .property("code", one(Code::Success.number().into(), Type::Integer))
        .property("msg", one(Code::Success.text().into(), Type::String))
        .property("data", data)
        .required("code")
        .required("msg")
        .required("data");
    let success = closed(success);
    if codes.is_empty() {
        return success.into();
    }
    OneOfBuilder::new().item(success).item(refusal(codes)).into()
}

/// An object without other fields.
pub(super) fn closed(object: ObjectBuilder) -> ObjectBuilder {
    object.additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

/// A refusal with one of these codes.
pub(super) fn refusal(codes: &[Code]) -> Schema {
    let code = ObjectBuilder::new().schema_type(Type::Integer).enum_values(Some(numbers(codes)));
    let narrowed = ObjectBuilder::new().schema_type(Type::Object).property("code", code);
    AllOfBuilder::new().title(Some("Refusal")).item(Ref::from_schema_name("Refusal")).item(narrowed).into()
}

/// Codes with what they mean, as lines of a list.
pub(super) fn list(codes: &[Code]) -> String {
    codes.iter().fold(String::new(), |mut lines, code| {
        // Writing to a string cannot fail.
        let _ = write!(lines, "\n- `{}` {}", code.number(), code.text());
        lines
    })
}

/// What routes refer to.
pub(super) fn components() -> Components {
    let code = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .enum_values(Some(numbers(Code::ALL)))
        .description(Some(format!("0 is success, everything else a refusal:\n{}", list(Code::ALL))));
    let msg = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .description(Some("A sentence for developers; of `1001` it names the field and what is expected of it."));
    let refusal = ObjectBuilder::new()
        .description(Some("Why a call was refused."))
        .property("code", Ref::from_schema_name("Code"))
        .property("msg", msg)
        .property("data", null())
        .required("code")
        .required("msg")
        .required("data");
    let refusal = closed(refusal);
    let mut components = Components::new();
    components.schemas.extend([("Code".to_owned(), code.into()), ("Refusal".to_owned(), refusal.into())]);
    components.responses.extend(Failure::ALL.map(|failure| (failure.parts().2.to_owned(), failure.response().into())));
    components.headers.extend(headers().map(|(name, header)| (name.to_owned(), header.into())));
    components
}

/// Nothing: what most changes answer, and every refusal.
pub(super) fn null() -> Object {
    Object::with_type(Type::Null)
}

fn headers() -> [(&'static str, Header); 5] {
    let text = |what: &str, example: &str| {
        let schema = ObjectBuilder::new().schema_type(Type::String).examples([example]);
        HeaderBuilder::new().schema(Some(schema)).description(Some(what)).build()
    };
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).examples([1]);
    let retry_after = HeaderBuilder::new().schema(Some(seconds)).description(Some("When to try again, in seconds.")).build();
    let next = format!(
        "Where the next page begins, for `cursor`; without this header (`{}`) this is the last page.",
        reply::NEXT_CURSOR
    );
    [
        (
            REQUEST_ID,
            text("The request's id, in every log line about it: the one that the client sent, or a new one.", "4f1c"),
        ),
        (NEXT_CURSOR, text(&next, "1000")),
        (RETRY_AFTER, retry_after),
        (
            RATE_LIMIT_POLICY,
            text(
                "The limit: how many calls it lets through at once, and in how many seconds as many again.",
                "\"user_sends\";q=1000;w=10",
            ),
        ),
        (
            RATE_LIMIT,
            text("How many calls the limit lets through now, and after how many seconds more.", "\"user_sends\";r=0;t=1"),
        ),
    ]
}

fn numbers(codes: &[Code]) -> Vec<u16> {
    codes.iter().map(|code| code.number()).collect()
}
