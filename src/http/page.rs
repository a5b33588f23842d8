//! The API document and a page to try the API (Swagger UI), all of it out of the binary.

use axum::body::Bytes;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use utoipa_swagger_ui::{Config, SwaggerFile};

use crate::error::{Error, Result};

const PAGE: &str = include_str!("page/docs.html");
const START: &str = include_str!("page/start.js");

/// What the page needs of Swagger UI; nothing else of it is served.
const ASSETS: [&str; 3] = ["swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"];

/// The page takes scripts and styles from this server, talks to this server, and to nobody else. The images are in the style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// For how long a browser may keep what belongs to the page.
const ASSETS_HOLD: &str = "max-age=3600";

/// The page.
pub(super) async fn page() -> Response {
    let mut response = text("text/html; charset=utf-8", PAGE);
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    response.headers_mut().extend(headers.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}

/// What belongs to the page.
pub(super) async fn asset(name: Result<Path<String>, PathRejection>) -> Result<Response> {
    let Path(name) = name.unwrap_or_else(|_| Path(String::new()));
    if name == "start.js" {
        return Ok(text("text/javascript; charset=utf-8", START));
    }
    let known = ASSETS.contains(&name.as_str());
    let file = known.then(|| {
        utoipa_swagger_ui::serve(&name, Config::default().into()).map_err(|error| Error::internal(error.to_string()))
    });
    match file.transpose()?.flatten() {
        Some(file) => Ok(kept(file)),
        None => Err(Error::no_such_route()),
    }
}

/// The document, which is made once.
pub(super) fn document(json: Bytes) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response()
}

fn text(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response()
}

fn kept(file: SwaggerFile<'static>) -> Response {
    let mut headers: Vec<(HeaderName, HeaderValue)> = vec![(header::CACHE_CONTROL, HeaderValue::from_static(ASSETS_HOLD))];
    if let Ok(kind) = HeaderValue::try_from(file.content_type.as_str()) {
        headers.push((header::CONTENT_TYPE, kind));
    }
    // Every browser takes it so.
    if file.gzpipped {
        headers.push((header::CONTENT_ENCODING, HeaderValue::from_static("gzip")));
    }
    let mut response = file.bytes.into_owned().into_response();
    response.headers_mut().extend(headers);
    response
}
