//! The API document against the router, the codes, and what the server serves. That real answers are as it says is looked at wherever
//! a test gets one: `support/documented.rs`.

use std::collections::BTreeSet;
use std::path::Path;

use hyper::Method;
use serde_json::Value;
use syn::visit::{self, Visit};

use crate::support::*;

/// Routes for people to look at, which are no part of the API.
const PAGES: [&str; 2] = ["GET /docs", "GET /docs/{file}"];

/// The routes that a source adds to a router, as `GET /path`.
#[derive(Default)]
struct Routes(BTreeSet<String>);

impl<'ast> Visit<'ast> for Routes {
    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if call.method == "route"
            && let [syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(path), .. }), handler] =
                call.args.iter().collect::<Vec<_>>()[..]
        {
            let mut methods = Methods::default();
            methods.visit_expr(handler);
            assert!(!methods.0.is_empty(), "no method of {}", path.value());
            self.0.extend(methods.0.iter().map(|method| format!("{method} {}", path.value())));
        }
        visit::visit_expr_method_call(self, call);
    }
}

/// The methods that a handler is for.
#[derive(Default)]
struct Methods(Vec<String>);

impl<'ast> Visit<'ast> for Methods {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let known = ["get", "post", "put", "delete", "patch", "any"];
        if let Some(name) = path.get_ident().map(ToString::to_string).filter(|name| known.contains(&name.as_str())) {
            self.0.push(name.to_ascii_uppercase());
        }
        visit::visit_path(self, path);
    }
}

/// The routes of the router.
fn routed() -> BTreeSet<String> {
    let text = include_str!("../../src/http/mod.rs");
    let mut routes = Routes::default();
    routes.visit_file(&syn::parse_file(text).expect("a source"));
    routes.0
}

/// The operations of the document, with their routes.
fn operations() -> Vec<(String, &'static Value)> {
    let paths = OPENAPI["paths"].as_object().expect("paths");
    let of = |(path, item): (&String, &'static Value)| {
        let item = item.as_object().expect("a path");
        let named = item.iter().map(|(method, operation)| (format!("{} {path}", method.to_ascii_uppercase()), operation));
        named.collect::<Vec<_>>()
    };
    paths.iter().flat_map(of).collect()
}

#[test]
fn the_document_has_every_route_of_the_router_and_no_other() {
    let mut routed = routed();
    for page in PAGES {
        assert!(routed.remove(page), "{page} is not there any more");
    }
    assert!(routed.len() > 30, "{routed:?}");
    let documented: BTreeSet<String> = operations().into_iter().map(|(route, _)| route).collect();
    assert_eq!(routed, documented);
}

#[test]
fn the_document_has_every_code_of_the_errors_and_no_other() {
    let codes: Vec<u64> = nexo::error::Code::ALL.iter().map(|code| u64::from(code.number())).collect();
    let schema = &OPENAPI["components"]["schemas"]["Code"];
    let documented = schema["enum"].as_array().expect("the codes").iter().map(|code| code.as_u64().expect("a code"));
    assert_eq!(documented.collect::<Vec<_>>(), codes);
    let text = schema["description"].as_str().expect("a description");
    assert!(codes.iter().all(|code| text.contains(&format!("`{code}` "))), "{text}");
}

#[test]
fn every_operation_says_what_it_is_and_has_an_id_of_its_own() {
    let mut ids = BTreeSet::new();
    for (route, operation) in operations() {
        for field in ["summary", "description", "operationId"] {
            assert!(operation[field].as_str().is_some_and(|text| !text.is_empty()), "{field} of {route}");
        }
        assert!(ids.insert(operation["operationId"].as_str()), "the id of {route} is taken");
        let public = operation["security"].as_array().is_some_and(Vec::is_empty);
        let open = ["/auth/register", "/auth/login", "/health", "/ready", "/metrics", "/openapi.json"];
        assert_eq!(public, open.iter().any(|path| route.ends_with(path)), "security of {route}");
    }
}

#[test]
fn docs_openapi_json_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    let kept = std::fs::read_to_string(path).expect("docs/openapi.json");
    let made = nexo::http::openapi().expect("the document");
    assert!(kept == made, "run: cargo run -- openapi > docs/openapi.json");
}

#[test]
fn an_answer_that_the_document_does_not_know_is_found() {
    let schema = &OPENAPI["components"]["schemas"]["User"];
    let mut user = serde_json::json!({ "user_id": "ann", "nickname": "Ann", "avatar": "", "extra": "", "created_at": 1 });
    let wrong = |user: &Value| violations("a user", &OPENAPI, schema, user);
    assert_eq!(wrong(&user), [""; 0]);
    user["more"] = 1.into();
    assert_eq!(wrong(&user).len(), 1);
    user["nickname"] = "".into();
    assert_eq!(wrong(&user).len(), 2);
}

e2e! {
    async fn the_document_is_served_to_everybody(world: World) {
        let reply = world.visitor().get("/openapi.json").await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.json(), *OPENAPI);
        let metrics = world.metrics().await;
        assert!(sum(&metrics, "nexo_http_requests_total", "route=\"/openapi.json\"") > 0, "{metrics}");
    }

    async fn the_page_runs_only_scripts_of_this_server(world: World) {
        let page = world.visitor().get("/docs").await;
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
        let policy = page.header("content-security-policy");
        let scripts = policy.split(';').find_map(|part| part.trim().strip_prefix("script-src "));
        assert_eq!(scripts, Some("'self'"), "{policy}");
        let text = String::from_utf8(page.body.to_vec()).expect("a page");
        assert!(!text.contains("://") && !text.contains("<script>"), "{text}");
        let parts: Vec<&str> = text.split('"').filter(|part| part.starts_with("docs/")).collect();
        assert_eq!(parts.len(), 4, "{text}");
        for part in parts {
            let reply = world.visitor().get(&format!("/{part}")).await;
            assert!(reply.status == 200 && !reply.body.is_empty(), "{part}");
        }
        let metrics = world.metrics().await;
        assert!(sum(&metrics, "nexo_http_requests_total", "route=\"/docs/{file}\"") > 0, "{metrics}");
    }

    async fn nothing_else_of_swagger_ui_is_served(world: World) {
        for name in ["index.html", "swagger-initializer.js", "oauth2-redirect.html", "..%2Fstart.js", "%FF", "x"] {
            world.visitor().get(&format!("/docs/{name}")).await.refused_with(404, 1005);
        }
        world.visitor().call(Method::POST, "/docs").send().await.refused_with(405, 1001);
    }

    with(server.api_page = "false")
    async fn the_page_and_the_document_can_be_turned_off(world: World) {
        for path in ["/docs", "/docs/start.js", "/docs/swagger-ui.css", "/openapi.json"] {
            world.visitor().get(path).await.refused_with(404, 1005);
        }
    }
}
