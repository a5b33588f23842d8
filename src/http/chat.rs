//! The chat: pages that were built from `chat/` and are a part of the binary.

use std::borrow::Cow;
use std::fmt::Write;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::EmbeddedFile;

use super::Shared;
use crate::error::Error;

/// What `chat/test` builds and compares. Each file is there a second time, gzipped.
#[derive(rust_embed::Embed)]
#[folder = "chat/dist"]
struct Pages;

const INDEX: &str = "index.html";

/// Asked for again each time, and answered 304 while it is the same.
const ALWAYS_ASKED: &str = "no-cache";

/// Its name changes with it.
const NEVER_CHANGES: &str = "public, max-age=31536000, immutable";

/// Nothing but what the binary has is run, styles the page, or is called; images come from wherever a message says. `'self'` of
/// `connect-src` is the WebSocket of the same place too.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: http: data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What every answer says to the browser, whatever is in it.
const SAFETY: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// The chat's routes; none, if it is off.
pub(super) fn routes(is_on: bool) -> Router<Shared> {
    if !is_on {
        return Router::new();
    }
    Router::new().route("/", get(index)).route("/assets/{*name}", get(asset))
}

async fn index(headers: HeaderMap) -> Response {
    page(INDEX, ALWAYS_ASKED, &headers)
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    page(&format!("assets/{name}"), NEVER_CHANGES, &headers)
}

/// A file by its exact name: no path leads out of what was compiled in.
fn page(name: &str, caching: &'static str, asked: &HeaderMap) -> Response {
    let Some(kind) = kind(name) else { return Error::no_such_route().into_response() };
    let Some(plain) = Pages::get(name) else { return Error::no_such_route().into_response() };
    let zipped = takes_gzip(asked).then(|| Pages::get(&format!("{name}.gz"))).flatten();
    let tag = tag(&plain, zipped.is_some());
    let is_known = asked.get_all(header::IF_NONE_MATCH).iter().any(|known| names(known, &tag));
    let is_zipped = zipped.is_some();
    let mut response = match is_known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => body(zipped.unwrap_or(plain)).into_response(),
    };
    let headers = response.headers_mut();
    headers.extend(SAFETY.map(|(name, value)| (name, HeaderValue::from_static(value))));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.extend(HeaderValue::try_from(tag).ok().map(|tag| (header::ETAG, tag)));
    if !is_known {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.extend(is_zipped.then(|| (header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))));
    }
    response
}

fn body(file: EmbeddedFile) -> Body {
    Body::from(match file.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    })
}

/// The type of a file that may be asked for.
fn kind(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "html" => Some("text/html; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}

/// The name of these very bytes.
fn tag(file: &EmbeddedFile, is_zipped: bool) -> String {
    let mut tag = String::from("\"");
    for byte in file.metadata.sha256_hash().iter().take(12) {
        // Writing to a string cannot fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push_str(if is_zipped { "-gz\"" } else { "\"" });
    tag
}

/// Whether `If-None-Match` names this tag; a proxy may have made it a weak one.
fn names(known: &HeaderValue, tag: &str) -> bool {
    let listed = known.to_str().unwrap_or_default().split(',').map(str::trim);
    listed.map(|one| one.strip_prefix("W/").unwrap_or(one)).any(|one| one == tag || one == "*")
}

fn takes_gzip(asked: &HeaderMap) -> bool {
    let codings = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    codings.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case("gzip") && weight.is_none_or(|weight| weight > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(coding: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(coding))])
    }

    #[test]
    fn gzip_is_for_those_who_take_it() {
        for yes in ["gzip", "deflate, gzip;q=0.5", "br, GZIP"] {
            assert!(takes_gzip(&asking(yes)), "{yes}");
        }
        for no in ["", "br", "gzip;q=0", "gzip; q=0.0", "xgzip"] {
            assert!(!takes_gzip(&asking(no)), "{no}");
        }
    }

    #[test]
    fn every_built_file_has_a_type_and_a_gzipped_twin() {
        let names: Vec<_> = Pages::iter().collect();
        assert!(names.iter().any(|name| name == INDEX), "{names:?}");
        for name in names.iter().filter(|name| !name.ends_with(".gz")) {
            assert!(kind(name).is_some() && Pages::get(&format!("{name}.gz")).is_some(), "{name}");
        }
    }
}
