//! The API document, in OpenAPI 3.1: what every route takes and answers. Shapes and limits come from `wire/`, codes from
//! `error.rs`; `routes` says which route has which, and tests hold all of it against the router and against real answers.

mod answers;
mod operations;
mod route;
mod routes;

use utoipa::openapi::path::Paths;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::server::Server;
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Components, ContactBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder};

/// The security schemes: the token in its header, and where a browser's WebSocket has it.
const TOKEN: &str = "token";
const TOKEN_IN_QUERY: &str = "token_in_query";

const DESCRIPTION: &str = "\
Users, groups, one-to-one and group messages, conversations with exact unread counts, over REST, with live pushes over WebSocket.

**Look at `code` first.** Every answer but those under *Operations* is the envelope `{code, msg, data}`. What the service decides \
about a request is HTTP 200 with its code, a bad token included. Another status appears only where the transport or the service as \
a whole says no: an unknown route is 404 with `1005`, a route without this method 405 with `1001`. What is no HTTP at all, and a \
head of over 16 KiB or 100 headers, is refused below all this, with 400 or 431 and no envelope.

**Tokens.** Register, log in, and send the `token` of the answer as `Authorization: Bearer <token>`.

**Bodies** are JSON objects in UTF-8. Unknown fields are ignored. A field that may be missing may also be null. Limits are those \
of the default configuration; where a setting changes one, it is named.

**The WebSocket** is described by `docs/asyncapi.yaml`, and everything in words by `docs/api.md`.
";

const TAGS: [(&str, &str); 7] = [
    (
        "Authentication",
        "Accounts and tokens. A token belongs to one user on one platform, and each platform has one current token.",
    ),
    ("Users", "Profiles."),
    ("Groups", "Groups and their members. Changes of one group happen one after another."),
    ("Messages", "Sending and reading messages. An answered send is on the disk."),
    ("Conversations", "The caller's own view of its conversations: settings, and how far it has read."),
    ("WebSocket", "The live connection."),
    ("Operations", "For balancers and operators. These need no token and answer without the envelope."),
];

/// The API document, as JSON.
pub fn openapi() -> serde_json::Result<String> {
    let mut json = serde_json::to_string_pretty(&document())?;
    json.push('\n');
    Ok(json)
}

fn document() -> OpenApi {
    let (mut paths, mut components) = (Paths::new(), answers::components());
    for route in routes::all().into_iter().chain(operations::all()) {
        components.schemas.extend(route.schemas);
        paths.add_path_operation(route.path, vec![route.method], route.operation);
    }
    let tags = TAGS.map(|(name, description)| TagBuilder::new().name(name).description(Some(description)).build());
    let info = InfoBuilder::new()
        .title("Nexo API")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .contact(Some(ContactBuilder::new().name(Some("Nexo")).build()))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .build();
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([Server::new("/")]))
        .tags(Some(tags))
        .paths(paths)
        .components(Some(secured(components)))
        .security(Some([SecurityRequirement::new(TOKEN, NO_SCOPES)]))
        .build()
}

const NO_SCOPES: [&str; 0] = [];

fn secured(mut components: Components) -> Components {
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT");
    let bearer = bearer.description(Some("The token of a login.")).build();
    let in_query = ApiKeyValue::with_description(
        "token",
        "The same token, for WebSocket clients that can set no header. Browsers may also offer it as the subprotocol \
        `nexo.token.<token>`, beside `nexo.v1`.",
    );
    components.add_security_scheme(TOKEN, SecurityScheme::Http(bearer));
    components.add_security_scheme(TOKEN_IN_QUERY, SecurityScheme::ApiKey(ApiKey::Query(in_query)));
    components
}
