//! What only large or odd traffic shows at the WebSocket door.

use serde_json::json;

use crate::support::*;

e2e! {
    async fn a_page_of_the_largest_messages_comes_over_the_socket_as_over_rest(world: World) {
        let [ann, bob] = world.people().await;
        let words = "页".repeat(5_400);
        let sends = (0..100).map(|_| ann.send(&bob, &words));
        futures_util::future::join_all(sends).await;
        let conversation = pair(&ann, &bob);
        let mut socket = bob.socket().await;
        let page = socket.ask_ok("pull", json!({ "conversation_id": conversation })).await;
        assert_eq!(page["messages"].as_array().map(Vec::len), Some(100));
        let same = bob.get(&format!("/msg/pull?conversation_id={}", enc(&conversation))).await.ok();
        assert_eq!(page, same);
        socket.ask_ok("ping", json!({})).await;
    }

    async fn a_place_from_the_future_is_no_reason_to_hide_what_was_missed(world: World) {
        let [ann, bob] = world.people().await;
        ann.send(&bob, "missed").await;
        let mut socket = bob.socket_after("ffffffffffffffff-ffffffffffffffff-7fffffffffffffff", "").await;
        let recovered = socket.next().await;
        assert_eq!((&recovered["event"], &recovered["whole"]), (&json!("recovered"), &json!(false)));
        assert_eq!(recovered["conversations"], json!([{ "conversation_id": pair(&ann, &bob), "max_seq": 1 }]));
    }
}
