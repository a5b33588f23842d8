//! The chat's pages: what they say to the browser, and when there are none.

use hyper::Method;

use crate::support::*;

/// What stands in an attribute of the index.
fn linked(index: &Reply, extension: &str) -> String {
    let text = String::from_utf8_lossy(&index.body).into_owned();
    let asset = text.split('"').find(|part| part.starts_with("./assets/") && part.ends_with(extension));
    asset.unwrap_or_else(|| panic!("no {extension} in {text}"))[1..].to_owned()
}

fn assert_safe(reply: &Reply) {
    let policy = reply.header("content-security-policy");
    for part in ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"] {
        assert!(policy.split("; ").any(|one| one == part), "{part} is not in {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert_eq!(reply.header("referrer-policy"), "no-referrer");
    assert_eq!(reply.header("cross-origin-opener-policy"), "same-origin");
}

e2e! {
    with(server.chat = "true")
    async fn the_pages_are_asked_for_each_time_and_what_they_link_never_again(world: World) {
        let index = world.visitor().get("/").await;
        assert_eq!((index.status, index.header("cache-control")), (200, "no-cache"));
        assert_eq!(index.header("content-type"), "text/html; charset=utf-8");
        assert_safe(&index);
        for (extension, kind) in
            [(".js", "text/javascript; charset=utf-8"), (".css", "text/css; charset=utf-8"), (".svg", "image/svg+xml")]
        {
            let asset = world.visitor().get(&linked(&index, extension)).await;
            assert_eq!((asset.status, asset.header("content-type")), (200, kind));
            assert_eq!(asset.header("cache-control"), "public, max-age=31536000, immutable");
            assert_safe(&asset);
        }
        assert!(!String::from_utf8_lossy(&index.body).contains("<style"), "nothing is inline");
    }

    with(server.chat = "true")
    async fn what_a_browser_has_is_not_sent_again(world: World) {
        let tag = world.visitor().get("/").await.header("etag").to_owned();
        let again = async |known: &str| {
            world.visitor().call(Method::GET, "/").header("if-none-match", known).send().await
        };
        for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            let reply = again(&known).await;
            assert_eq!((reply.status, reply.body.len(), reply.header("etag")), (304, 0, tag.as_str()), "{known}");
            assert_eq!(reply.header("cache-control"), "no-cache");
        }
        assert_eq!(again("\"other\"").await.status, 200);
    }

    with(server.chat = "true")
    async fn who_takes_gzip_gets_it_under_a_tag_of_its_own(world: World) {
        let script = linked(&world.visitor().get("/").await, ".js");
        for path in ["/", &script] {
            let ask = async |coding: &str| {
                world.visitor().call(Method::GET, path).header("accept-encoding", coding).send().await
            };
            let (plain, zipped) = (ask("identity").await, ask("br, gzip").await);
            assert_eq!((plain.header("content-encoding"), zipped.header("content-encoding")), ("", "gzip"));
            assert!(zipped.body.starts_with(&[0x1f, 0x8b]) && zipped.body.len() < plain.body.len());
            assert_ne!(plain.header("etag"), zipped.header("etag"));
            assert_eq!((plain.header("vary"), zipped.header("vary")), ("accept-encoding", "accept-encoding"));
        }
    }

    with(server.chat = "true")
    async fn head_says_the_same_without_a_body(world: World) {
        let (get, head) = (world.visitor().get("/").await, world.visitor().call(Method::HEAD, "/").send().await);
        assert_eq!((head.status, head.body.len()), (200, 0));
        for header in ["etag", "content-type", "content-length", "content-security-policy", "cache-control"] {
            assert_eq!(head.header(header), get.header(header), "{header}");
        }
        world.visitor().post("/", serde_json::json!({})).await.refused_with(405, 1001);
    }

    with(server.chat = "true")
    async fn nothing_else_is_there(world: World) {
        for path in [
            "/index.html",
            "/assets/",
            "/assets/index",
            "/assets/nothing.js",
            "/assets/%00.js",
            "/assets/../index.html",
            "/assets/%2e%2e/index.html",
            "/assets/..%2findex.html",
            "/assets/../../Cargo.toml",
            "/assets//etc/passwd",
        ] {
            world.visitor().get(path).await.refused_with(404, 1005);
        }
        let script = linked(&world.visitor().get("/").await, ".js");
        world.visitor().get(&format!("{script}.gz")).await.refused_with(404, 1005);
        let metrics = world.metrics().await;
        assert!(metrics.contains("route=\"/assets/{*name}\"") && !metrics.contains("nothing.js"), "labels are routes");
    }

    with(server.chat = "false")
    async fn it_can_be_turned_off(world: World) {
        for path in ["/", "/assets/index.js"] {
            world.visitor().get(path).await.refused_with(404, 1005);
        }
    }

    async fn a_node_that_is_alone_has_it_and_a_cluster_has_not(world: World) {
        let status = world.visitor().get("/").await.status;
        assert_eq!(status, if world.has_redis() { 404 } else { 200 });
    }
}
