//! The one error of the API: a documented code, a sentence for the caller, a cause for the log.

use std::borrow::Cow;
use std::fmt;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::model::Standing;

/// What a fallible rule or handler answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Declares the codes: the number that clients see, and the code in words.
macro_rules! codes {
    ($($name:ident = $number:literal: $text:literal,)+) => {
        /// The codes of the API; the discriminants are the numbers that clients see.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u16)]
        #[expect(missing_docs, reason = "`text` says each in words")]
        pub enum Code {
            $($name = $number,)+
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The code in words, the `msg` of an answer that has nothing more precise to say.
            pub fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

codes! {
    Success = 0: "success",
    InvalidParameter = 1001: "invalid parameter",
    Internal = 1002: "internal server error",
    Unauthorized = 1003: "unauthorized",
    Forbidden = 1004: "forbidden",
    NotFound = 1005: "no such resource",
    TooManyRequests = 1006: "too many requests",
    NoPermission = 1007: "no permission for this resource",
    TokenInvalid = 2001: "the token is not valid",
    TokenExpired = 2002: "the token has expired",
    TokenMissing = 2003: "the token is missing",
    TokenMismatch = 2004: "the token belongs to another user or platform",
    LoginFailed = 2005: "login failed",
    UserNotFound = 2006: "no such user",
    UserExists = 2007: "the user id is taken",
    WrongPassword = 2008: "wrong password",
    GroupNotFound = 3001: "no such group",
    GroupDismissed = 3002: "the group is dismissed",
    NotGroupMember = 3003: "not a member of the group",
    MemberStatus = 3004: "no longer a member of the group",
    AlreadyGroupMember = 3005: "already a member of the group",
    NotGroupOwner = 3006: "only the owner may do this",
    NotGroupAdmin = 3007: "only the owner or an admin may do this",
    OwnerStays = 3008: "the owner can neither leave nor be kicked",
    MessageNotFound = 4001: "no such message",
    DuplicateMessage = 4002: "the client_msg_id was used for another message",
    ConversationNotFound = 4003: "no such conversation yet",
    SeqAllocationFailed = 4004: "no seq could be allocated",
    SendFailed = 4005: "the message could not be sent",
    PullFailed = 4006: "the messages could not be read",
    TooManyConnections = 5001: "too many connections",
    ConnectionClosed = 5002: "the connection is closed",
    ProtocolInvalid = 5003: "not a frame of the protocol",
    PushFailed = 5004: "the message could not be pushed",
}

impl Code {
    /// The number that clients see.
    pub fn number(self) -> u16 {
        self as u16
    }

    fn status(self) -> StatusCode {
        match self {
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::OK,
        }
    }
}

/// What a limit allows, and how the caller stands with it: draft-ietf-httpapi-ratelimit-headers-11, sections 3 and 4.
pub const RATE_LIMIT_HEADERS: [HeaderName; 2] =
    [HeaderName::from_static("ratelimit-policy"), HeaderName::from_static("ratelimit")];

/// Tells a client over HTTP how it stands with a limit.
pub fn write_standing(headers: &mut HeaderMap, standing: &Standing) {
    let Standing { limit, burst, window_s, left, more_in_s } = standing;
    let texts = [format!("\"{limit}\";q={burst};w={window_s}"), format!("\"{limit}\";r={left};t={more_in_s}")];
    for (name, text) in RATE_LIMIT_HEADERS.into_iter().zip(texts) {
        // Names and numbers, which a header can hold.
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    }
}

/// A refusal or a failure, on its way to the caller.
#[derive(Debug)]
pub struct Error {
    code: Code,
    detail: Cow<'static, str>,
    status: StatusCode,
    retry_after_ms: Option<u64>,
    standing: Option<Box<Standing>>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// `code`, with a sentence of its own in place of the code's.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into(), status: code.status(), retry_after_ms: None, standing: None, source: None }
    }

    /// 1005 with 404: nothing is at this path.
    pub fn no_such_route() -> Self {
        Self::new(Code::NotFound, "no such route").with_status(StatusCode::NOT_FOUND)
    }

    /// 1001: `field` is not what it should be; `expected` says what that is.
    pub fn invalid(field: &str, expected: &str) -> Self {
        Self::new(Code::InvalidParameter, format!("{field}: {expected}"))
    }

    /// 1002 with 503: a backend is away or busy; the caller may try again.
    pub fn unavailable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let mut error = Self::try_again("temporarily unavailable, try again");
        error.source = Some(source.into());
        error
    }

    /// 1002 with 503: there is too much to do; the caller may try again.
    pub fn overloaded() -> Self {
        Self::try_again("too busy, try again")
    }

    fn try_again(detail: &'static str) -> Self {
        let mut error = Self::new(Code::Internal, detail);
        error.status = StatusCode::SERVICE_UNAVAILABLE;
        error.retry_after_ms(1_000)
    }

    /// 1002 with 500: something that must not happen did.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let mut error = Self::from(Code::Internal);
        error.source = Some(source.into());
        error
    }

    /// 1006 with 429, to be tried again after `retry_after_ms`.
    pub fn too_many(detail: &'static str, retry_after_ms: i64) -> Self {
        Self::new(Code::TooManyRequests, detail).retry_after_ms(u64::try_from(retry_after_ms).unwrap_or(0).max(1))
    }

    /// The same error, to be tried again after so long; HTTP rounds it up to seconds.
    #[must_use]
    pub fn retry_after_ms(mut self, ms: u64) -> Self {
        self.retry_after_ms = Some(ms);
        self
    }

    /// The same error, with how the caller stands with the limit that refused.
    #[must_use]
    pub fn with_standing(mut self, standing: Standing) -> Self {
        self.standing = Some(Box::new(standing));
        self
    }

    /// The same error under another HTTP status: only the transport's own refusals need it.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The code that the caller sees.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The sentence that the caller sees.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The HTTP status beside the code.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// After how many milliseconds it may be tried again, if that is known.
    pub fn wait_ms(&self) -> Option<u64> {
        self.retry_after_ms
    }

    /// The cause, for the log; never sent.
    pub fn cause(&self) -> Option<&(dyn std::error::Error + Send + Sync)> {
        self.source.as_deref()
    }

    /// Logs the cause, once, where the error is turned into an answer. A refusal has none.
    pub fn log(&self) {
        let Some(cause) = self.cause() else { return };
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            // Every call meets it while a backend is away; whoever lost the backend has said so once.
            tracing::debug!(cause = %Chain(cause), "answered {}: {}", self.code.number(), self.detail);
        } else {
            tracing::error!(code = self.code.number(), cause = %Chain(cause), "answered {}: {}", self.code.number(), self.detail);
        }
    }
}

/// An error with all that caused it, on one line.
struct Chain<'a>(&'a (dyn std::error::Error + Send + Sync));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Self::new(code, code.text())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.detail, self.code.number())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.log();
        let msg = serde_json::to_string(&self.detail).unwrap_or_else(|_| "\"\"".to_owned());
        let body = format!("{{\"code\":{},\"msg\":{msg},\"data\":null}}", self.code.number());
        let json = HeaderValue::from_static("application/json");
        let mut response = (self.status, [(header::CONTENT_TYPE, json)], body).into_response();
        if let Some(ms) = self.retry_after_ms {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000)));
        }
        if let Some(standing) = &self.standing {
            write_standing(response.headers_mut(), standing);
        }
        response.extensions_mut().insert(self.code);
        response
    }
}

/// Turns an absent value into the refusal that the rule names.
pub trait OrCode<T> {
    /// The value, or `code` where there is none.
    fn or_code(self, code: Code) -> Result<T>;
}

impl<T> OrCode<T> for Option<T> {
    fn or_code(self, code: Code) -> Result<T> {
        self.ok_or_else(|| code.into())
    }
}
