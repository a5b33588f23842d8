//! The token in the `Authorization` header.

use axum::http::{HeaderMap, header};

use crate::error::{Code, OrCode, Result};

/// The token: 2003 without the header, 2001 if it is not `Bearer` and a token.
pub fn bearer(headers: &HeaderMap) -> Result<&str> {
    let header = headers.get(header::AUTHORIZATION).or_code(Code::TokenMissing)?;
    let header = header.to_str().ok().or_code(Code::TokenInvalid)?;
    let (scheme, token) = header.split_once(' ').or_code(Code::TokenInvalid)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(Code::TokenInvalid.into()) }
}
