//! Pages of other origins, and proxies in front.

use hyper::Method;
use serde_json::json;

use crate::support::*;

const ORIGIN: &str = "https://app.example";

/// The handshake of a page.
async fn handshake(person: &Person, origin: &str) -> Result<Socket, Reply> {
    person.client.connect(&format!("token={}", person.token), &[("origin", origin)]).await
}

#[track_caller]
fn assert_refused(handshake: Result<Socket, Reply>) {
    handshake.err().expect("a refusal").refused_with(403, 1004);
}

e2e! {
    async fn pages_of_other_origins_get_nothing_unless_they_are_listed(mut world: World) {
        let [ann] = world.people().await;
        let call = ann.client.call(Method::GET, "/user/info").header("origin", ORIGIN);
        assert_eq!(call.send().await.header("access-control-allow-origin"), "");
        assert_refused(handshake(&ann, ORIGIN).await);
        for server in world.servers() {
            let query = format!("token={}", ann.token);
            let own = Socket::connect(server.host(), &query, &[("origin", server.url())]).await;
            assert!(own.is_ok(), "a page of the server itself");
        }
    }

    with(server.origins = "https://app.example")
    async fn listed_pages_may_call_and_connect(world: World) {
        let [ann] = world.people().await;
        let preflight = ann.client.call(Method::OPTIONS, "/msg/send").header("origin", ORIGIN);
        let preflight = preflight.header("access-control-request-method", "POST").send().await;
        assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (200, ORIGIN));
        assert!(preflight.header("access-control-allow-headers").contains("authorization"), "{preflight:?}");
        let call = ann.client.call(Method::GET, "/user/info").header("origin", ORIGIN).send().await;
        call.ok();
        assert_eq!(call.header("access-control-allow-origin"), ORIGIN);
        let exposed: Vec<&str> = call.header("access-control-expose-headers").split(',').collect();
        for header in ["x-next-cursor", "x-request-id", "retry-after", "ratelimit", "ratelimit-policy"] {
            assert!(exposed.contains(&header), "{header} is not in {exposed:?}");
        }
        handshake(&ann, ORIGIN).await.unwrap_or_else(|refusal| panic!("{refusal:?}"));
        assert_refused(handshake(&ann, "https://other.example").await);
        let other = ann.client.call(Method::GET, "/user/info").header("origin", "https://other.example").send().await;
        assert_eq!(other.header("access-control-allow-origin"), "");
    }

    with(limits.enabled = "true", limits.auth_burst = "3", limits.auth_per_second = "1", server.trusted_proxies = "127.0.0.1")
    async fn a_trusted_proxy_says_who_asks(world: World) {
        let attempt = async |forwarded: &str| {
            let call = world.visitor().call(Method::POST, "/auth/login").header("x-forwarded-for", forwarded);
            call.json(&json!({ "user_id": unique("nobody"), "password": "wrong", "platform_id": 5 })).send().await.code()
        };
        eventually("the limit of one address", async || (attempt("9.9.9.9, 1.2.3.4").await == 1006).then_some(())).await;
        assert_eq!(attempt("1.2.3.4, 5.6.7.8").await, 2006, "another address is not limited");
    }
}
