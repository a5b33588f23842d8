//! Answers that are no refusals.

use std::convert::Infallible;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use serde::Serialize;

use crate::error::{Error, write_standing};
use crate::{model, wire};

/// The envelope around this data.
pub(super) struct Reply<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        match wire::envelope(&self.0) {
            Ok(json) => Encoded(json).into_response(),
            Err(error) => Error::internal(error).into_response(),
        }
    }
}

/// An envelope that is encoded already.
pub(super) struct Encoded(pub(super) Vec<u8>);

impl IntoResponse for Encoded {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json");
        ([(header::CONTENT_TYPE, json)], self.0).into_response()
    }
}

/// How the caller stands with a limit, beside an answer.
pub(super) struct Standing(pub(super) Option<model::Standing>);

impl IntoResponseParts for Standing {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        if let Some(standing) = &self.0 {
            write_standing(parts.headers_mut(), standing);
        }
        Ok(parts)
    }
}

/// Where the next page begins.
pub(super) const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

/// A page of a list, and where the next one begins.
pub(super) struct Paged<T> {
    pub(super) items: Vec<T>,
    pub(super) next: Option<String>,
}

impl<T: Serialize> IntoResponse for Paged<T> {
    fn into_response(self) -> Response {
        let mut response = Reply(self.items).into_response();
        // A cursor is a number or base64, which a header can hold.
        if let Some(next) = self.next.and_then(|next| HeaderValue::try_from(next).ok()) {
            response.headers_mut().insert(NEXT_CURSOR, next);
        }
        response
    }
}
