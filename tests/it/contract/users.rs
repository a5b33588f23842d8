//! The port of users.

use futures_util::future::join_all;
use nexo::model::{User, UserUpdate};

use super::contract;
use super::store::{Store, user, user_id};

contract! {
    async fn a_user_is_created_once_and_the_first_stays(store: Store) {
        let first = user(&user_id("ann"));
        assert!(store.users.create(first.clone()).await.expect("stored"));
        let second = User { nickname: "another".to_owned(), password_hash: "x".to_owned(), ..first.clone() };
        assert!(!store.users.create(second).await.expect("answered"));
        assert_eq!(store.users.find(&first.id).await.expect("read"), Some(first));
    }

    async fn of_16_registrations_of_one_id_one_wins(store: Store) {
        let id = user_id("ann");
        let twins: Vec<User> = (0..16).map(|n| User { nickname: format!("twin {n}"), ..user(&id) }).collect();
        let created = join_all(twins.iter().map(|twin| store.users.create(twin.clone()))).await;
        let winners: Vec<&User> =
            created.iter().zip(&twins).filter(|(created, _)| *created.as_ref().expect("answered")).map(|(_, twin)| twin).collect();
        assert_eq!(winners.len(), 1);
        assert_eq!(store.users.find(&id).await.expect("read").as_ref(), Some(winners[0]));
    }

    async fn a_user_who_never_registered_is_none_and_cannot_be_updated(store: Store) {
        let id = user_id("ann");
        assert_eq!(store.users.find(&id).await.expect("read"), None);
        let update = UserUpdate { nickname: Some("x".to_owned()), ..UserUpdate::default() };
        assert_eq!(store.users.update(&id, update, 1).await.expect("answered"), None);
        assert_eq!(store.users.find(&id).await.expect("read"), None);
    }

    async fn an_update_changes_what_it_names_and_nothing_else(store: Store) {
        let id = store.person("ann").await;
        let update = UserUpdate { extra: Some("{\"a\":1}".to_owned()), ..UserUpdate::default() };
        let after = store.users.update(&id, update, 2_000).await.expect("stored").expect("registered");
        assert_eq!(after, User { extra: "{\"a\":1}".to_owned(), updated_at_ms: 2_000, ..user(&id) });
        let update = UserUpdate { avatar: Some(String::new()), nickname: Some("new".to_owned()), extra: None };
        let last = store.users.update(&id, update, 3_000).await.expect("stored").expect("registered");
        assert_eq!(last, User { avatar: String::new(), nickname: "new".to_owned(), updated_at_ms: 3_000, ..after });
        assert_eq!(store.users.find(&id).await.expect("read"), Some(last));
    }

    async fn updates_at_once_lose_nothing(store: Store) {
        let id = store.person("ann").await;
        let set = |n: usize| match n % 3 {
            0 => UserUpdate { nickname: Some("nick".to_owned()), ..UserUpdate::default() },
            1 => UserUpdate { avatar: Some("ava".to_owned()), ..UserUpdate::default() },
            _ => UserUpdate { extra: Some("ext".to_owned()), ..UserUpdate::default() },
        };
        join_all((0..15).map(|n| store.users.update(&id, set(n), 9_000))).await;
        let after = store.users.find(&id).await.expect("read").expect("registered");
        assert_eq!((&*after.nickname, &*after.avatar, &*after.extra), ("nick", "ava", "ext"));
    }

    async fn the_first_of_many_that_is_unknown_is_named(store: Store) {
        let [ann, bob] = [store.person("ann").await, store.person("bob").await];
        let [cho, dan] = [user_id("cho"), user_id("dan")];
        let first = async |users: &[_]| store.users.first_unknown(users).await.expect("answered");
        assert_eq!(first(&[]).await, None);
        assert_eq!(first(&[ann.clone(), bob.clone()]).await, None);
        assert_eq!(first(&[ann.clone(), dan.clone(), bob.clone(), cho.clone()]).await, Some(dan));
        assert_eq!(first(&[cho.clone(), ann]).await, Some(cho));
    }

    async fn a_user_is_there_when_the_store_is_opened_again(store: Store) {
        let id = store.person("ann").await;
        let store = store.reopened().await;
        assert_eq!(store.users.find(&id).await.expect("read"), Some(user(&id)));
        assert!(!store.users.create(user(&id)).await.expect("answered"));
    }
}
