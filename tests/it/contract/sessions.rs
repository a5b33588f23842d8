//! The port of sessions.

use futures_util::future::join_all;
use nexo::model::{Platform, Session};

use super::contract;
use super::store::{Store, user_id};

fn session(jti: &str) -> Session {
    Session { jti: jti.to_owned(), issued_at_ms: 1_000, expires_at_ms: 2_000, refreshed_from: None }
}

contract! {
    async fn a_session_takes_the_place_of_the_one_before_on_its_platform_only(store: Store) {
        let ann = user_id("ann");
        assert_eq!(store.sessions.find(&ann, Platform::Web).await.expect("read"), None);
        for (platform, jti, before) in
            [(Platform::Web, "w1", None), (Platform::Ios, "i1", None), (Platform::Web, "w2", Some("w1"))]
        {
            let replaced = store.sessions.replace(&ann, platform, session(jti)).await.expect("stored");
            assert_eq!(replaced, before.map(session));
        }
        assert_eq!(store.sessions.find(&ann, Platform::Web).await.expect("read"), Some(session("w2")));
        assert_eq!(store.sessions.find(&ann, Platform::Ios).await.expect("read"), Some(session("i1")));
        assert_eq!(store.sessions.find(&ann, Platform::MacOs).await.expect("read"), None);
        assert_eq!(store.sessions.find(&user_id("bob"), Platform::Web).await.expect("read"), None);
    }

    async fn a_swap_of_the_current_token_takes_its_place_or_ends_it(store: Store) {
        let ann = user_id("ann");
        store.sessions.replace(&ann, Platform::Web, session("a")).await.expect("stored");
        let next = Session { refreshed_from: Some("a".to_owned()), ..session("b") };
        let swapped = store.sessions.swap(&ann, Platform::Web, "a", Some(next.clone())).await.expect("stored");
        assert_eq!(swapped, Some(next.clone()));
        assert_eq!(store.sessions.find(&ann, Platform::Web).await.expect("read"), Some(next));
        assert_eq!(store.sessions.swap(&ann, Platform::Web, "b", None).await.expect("stored"), None);
        assert_eq!(store.sessions.find(&ann, Platform::Web).await.expect("read"), None);
    }

    async fn a_swap_of_another_token_changes_nothing_and_answers_the_current_one(store: Store) {
        let ann = user_id("ann");
        assert_eq!(store.sessions.swap(&ann, Platform::Web, "a", Some(session("b"))).await.expect("answered"), None);
        assert_eq!(store.sessions.find(&ann, Platform::Web).await.expect("read"), None);
        store.sessions.replace(&ann, Platform::Web, session("a")).await.expect("stored");
        for next in [None, Some(session("c"))] {
            let current = store.sessions.swap(&ann, Platform::Web, "b", next).await.expect("answered");
            assert_eq!(current, Some(session("a")));
        }
        assert_eq!(store.sessions.find(&ann, Platform::Web).await.expect("read"), Some(session("a")));
    }

    async fn of_16_swaps_of_one_token_one_wins_and_all_learn_which(store: Store) {
        let ann = user_id("ann");
        store.sessions.replace(&ann, Platform::Web, session("a")).await.expect("stored");
        let swaps = (0..16).map(async |n| {
            let next = session(&format!("next {n}"));
            store.sessions.swap(&ann, Platform::Web, "a", Some(next)).await.expect("answered")
        });
        let answers = join_all(swaps).await;
        let current = store.sessions.find(&ann, Platform::Web).await.expect("read");
        assert!(current.as_ref().is_some_and(|current| current.jti.starts_with("next")), "{current:?}");
        assert!(answers.iter().all(|answer| *answer == current), "{current:?} among {answers:?}");
    }

    async fn a_replaced_or_ended_token_does_not_come_back_when_the_store_is_opened_again(store: Store) {
        let ann = user_id("ann");
        store.sessions.replace(&ann, Platform::Web, session("old")).await.expect("stored");
        store.sessions.replace(&ann, Platform::Web, session("new")).await.expect("stored");
        store.sessions.replace(&ann, Platform::Ios, session("ended")).await.expect("stored");
        store.sessions.swap(&ann, Platform::Ios, "ended", None).await.expect("stored");
        let store = store.reopened().await;
        assert_eq!(store.sessions.find(&ann, Platform::Web).await.expect("read"), Some(session("new")));
        assert_eq!(store.sessions.find(&ann, Platform::Ios).await.expect("read"), None);
    }
}
