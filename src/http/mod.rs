//! The REST door: decode, call one rule, encode. Every route of the API is on this page; the chat is pages, and has its own.

mod auth;
mod chat;
mod conversations;
mod edge;
mod entrance;
mod extract;
mod groups;
mod messages;
mod openapi;
mod operations;
mod page;
mod reply;
mod serve;
mod tls;
mod users;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use tower_http::catch_panic::CatchPanicLayer;

use crate::admission::Admission;
use crate::config::{Origins, Proxies};
use crate::domain;
use crate::error::{Code, Error};
use crate::store::Health;
use crate::telemetry::{Metrics, Traces};
use crate::ws;

pub use entrance::Entrance;
pub use openapi::openapi;
pub use operations::Readiness;
pub use serve::{Listener, ServeLimits};
pub use tls::Tls;

/// How large a body may be and how long it may take.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// The largest, in bytes.
    pub bytes: usize,
    /// The longest.
    pub time: Duration,
}

/// What the routes are made of.
#[expect(missing_docs, reason = "each service documents itself")]
pub struct Services {
    pub auth: Arc<domain::Auth>,
    pub users: Arc<domain::Users>,
    pub groups: Arc<domain::Groups>,
    pub sending: Arc<domain::Sending>,
    pub history: Arc<domain::History>,
    pub conversations: Arc<domain::Conversations>,
    pub sockets: Arc<ws::Sockets>,
    pub health: Arc<dyn Health>,
    pub readiness: Arc<Readiness>,
    pub metrics: Arc<Metrics>,
    pub traces: Traces,
    pub admission: Arc<Admission>,
    pub handshakes: Arc<domain::Handshakes>,
    pub proxies: Arc<Proxies>,
    pub origins: Arc<Origins>,
    pub body: BodyLimits,
    pub chat: bool,
    /// The API document, if it is shown, and a page to try the API with it.
    pub api_page: Option<Bytes>,
}

/// The same for each request, at the price of one count.
#[derive(Clone)]
struct Shared(Arc<Services>);

/// Every route, and who is let in.
pub fn entrance(services: Services) -> Entrance {
    let (metrics, admission) = (Arc::clone(&services.metrics), Arc::clone(&services.admission));
    Entrance::new(router(services), admission, &metrics)
}

fn router(services: Services) -> Router {
    let (metrics, admission) = (Arc::clone(&services.metrics), Arc::clone(&services.admission));
    let watch = edge::Watch { metrics, traces: services.traces.clone(), proxies: Arc::clone(&services.proxies) };
    let api_page = api_page(services.api_page.clone());
    let cors = edge::cors(&services.origins);
    let gate = edge::Gate { handshakes: Arc::clone(&services.handshakes), proxies: Arc::clone(&services.proxies) };
    let router = Router::new()
        .route("/auth/register", post(auth::register))
        .route("/auth/login", post(auth::login))
        .route("/auth/logout", post(auth::logout))
        .route("/auth/refresh", post(auth::refresh))
        .route("/user/info", get(users::info))
        .route("/user/profile/{user_id}", get(users::profile))
        .route("/user/update", put(users::update))
        .route("/group/create", post(groups::create))
        .route("/group/join", post(groups::join))
        .route("/group/quit", post(groups::quit))
        .route("/group/info", get(groups::info))
        .route("/group/members", get(groups::members))
        .route("/group/transfer", post(groups::transfer))
        .route("/group/dismiss", post(groups::dismiss))
        .route("/group/kick", post(groups::kick))
        .route("/group/set_role", post(groups::set_role))
        .route("/group/update", put(groups::update))
        .route("/group/nickname", put(groups::nickname))
        .route("/msg/send", post(messages::send))
        .route("/msg/pull", get(messages::pull))
        .route("/msg/max_seq", get(messages::max_seq))
        .route("/conversation/list", get(conversations::list))
        .route("/conversation/info", get(conversations::info))
        .route("/conversation/update", put(conversations::update))
        .route("/conversation/mark_read", post(conversations::mark_read))
        .route("/conversation/max_read_seq", get(conversations::max_read_seq))
        .route("/conversation/unread_count", get(conversations::unread_count))
        .route("/ws", get(ws::upgrade).layer(axum::middleware::from_fn_with_state(gate, edge::handshake)))
        .merge(chat::routes(services.chat))
        .merge(api_page)
        // What follows is answered always; `edge::ALWAYS_ANSWERED` names it.
        .route_layer(axum::middleware::from_fn_with_state(admission, edge::admit))
        .route("/health", get(operations::health))
        .route("/ready", get(operations::ready))
        .route("/metrics", get(operations::metrics))
        .fallback(async || Error::no_such_route())
        .method_not_allowed_fallback(async || {
            let refusal = Error::new(Code::InvalidParameter, "the route does not know this method");
            refusal.with_status(StatusCode::METHOD_NOT_ALLOWED)
        })
        .layer(CatchPanicLayer::custom(edge::panicked))
        .layer(axum::middleware::from_fn_with_state(watch, edge::watch))
        .with_state(Shared(Arc::new(services)));
    match cors {
        Some(cors) => router.layer(cors),
        None => router,
    }
}

/// The API document and the page to try it, if they are shown.
fn api_page(json: Option<Bytes>) -> Router<Shared> {
    let Some(json) = json else { return Router::new() };
    Router::new()
        .route("/openapi.json", get(async move || page::document(json)))
        .route("/docs", get(page::page))
        .route("/docs/{file}", get(page::asset))
}

/// Lets a handler take the one service that it uses.
macro_rules! provide {
    ($($field:ident: $service:ty,)+) => {
        $(impl axum::extract::FromRef<Shared> for $service {
            fn from_ref(Shared(services): &Shared) -> Self {
                services.$field.clone()
            }
        })+
    };
}

provide! {
    auth: Arc<domain::Auth>,
    users: Arc<domain::Users>,
    groups: Arc<domain::Groups>,
    sending: Arc<domain::Sending>,
    history: Arc<domain::History>,
    conversations: Arc<domain::Conversations>,
    sockets: Arc<ws::Sockets>,
    health: Arc<dyn Health>,
    readiness: Arc<Readiness>,
    metrics: Arc<Metrics>,
    proxies: Arc<Proxies>,
    body: BodyLimits,
}
