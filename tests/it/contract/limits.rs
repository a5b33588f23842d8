//! Limits on what users send, conversations take and accounts are tried with: all nodes count together.

use std::time::{Duration, Instant};

use nexo::config::ClusterStore;
use nexo::error::Code;
use nexo::model::{Appended, Caller, ConversationId, Destination, Draft, Refusal, SendLimit, UserId};
use nexo::store::{Counted, Quota, Quotas};

use super::contract;
use super::messages::message;
use super::store::{Store, draft, nobody, user_id};
use crate::support::services::{Need, needs};
use crate::support::{RedisServer, cluster_settings, eventually, migrated, now_ms};

/// No slot comes back within a test.
const INTERVAL_MS: i64 = 600_000;

fn quota(burst: u32) -> Option<Quota> {
    Some(Quota { burst, interval_ms: INTERVAL_MS as f64 })
}

fn of_users(burst: u32) -> Quotas {
    Quotas { user_sends: quota(burst), ..Quotas::default() }
}

fn of_conversations(burst: u32) -> Quotas {
    Quotas { conversation_sends: quota(burst), ..Quotas::default() }
}

fn of_logins(burst: u32) -> Quotas {
    Quotas { login_failures: quota(burst), ..Quotas::default() }
}

fn admit(_: &Destination) -> Result<(), Code> {
    Ok(())
}

fn refuse(_: &Destination) -> Result<(), Code> {
    Err(Code::NotGroupMember)
}

async fn append(store: &Store, draft: &Draft) -> Appended {
    store.messages.append(draft.clone(), admit, nobody()).await.expect("answered")
}

/// The seq under which a text is stored.
async fn seq(store: &Store, sender: &UserId, conversation: &ConversationId) -> u64 {
    message(append(store, &draft(sender, conversation, "hello")).await).seq
}

/// Two users, their conversation, and the notes of the first.
async fn two(store: &Store) -> (UserId, UserId, ConversationId, ConversationId) {
    let (ann, bob) = (store.person("ann").await, store.person("bob").await);
    let (pair, notes) = (ConversationId::single(&ann, &bob), ConversationId::single(&ann, &ann));
    (ann, bob, pair, notes)
}

#[track_caller]
fn assert_limited(appended: &Appended, by: SendLimit) {
    let Appended::Refused(Refusal::Limit { limit, retry_after_ms }) = appended else { panic!("not limited: {appended:?}") };
    assert_eq!(*limit, by);
    assert!((1..=INTERVAL_MS).contains(retry_after_ms), "{retry_after_ms}");
}

contract! {
    async fn a_user_sends_as_much_as_its_rate_and_what_is_refused_leaves_nothing(store: Store) {
        let (ann, bob, pair, notes) = two(&store).await;
        let store = store.limited(of_users(3)).await;
        let first = draft(&ann, &pair, "first");
        assert_eq!(message(append(&store, &first).await).seq, 1);
        assert_eq!((seq(&store, &ann, &notes).await, seq(&store, &ann, &pair).await), (1, 2));
        let refused = draft(&ann, &pair, "too much");
        for _ in 0..3 {
            assert_limited(&append(&store, &refused).await, SendLimit::User);
        }
        assert!(matches!(append(&store, &first).await, Appended::Repeat(_)), "a repeat is answered");
        assert_eq!(seq(&store, &bob, &pair).await, 3, "bob has a rate of his own");
        let store = store.reopened().await;
        // Its id is free, also for another message.
        let other = Draft { fingerprint: [7; 16], conversation: notes, ..refused };
        assert_eq!(message(append(&store, &other).await).seq, 2);
        assert_eq!(seq(&store, &ann, &pair).await, 4, "no seq was burnt");
    }

    async fn a_conversation_takes_as_much_as_its_rate_and_what_is_refused_leaves_nothing(store: Store) {
        let (ann, bob, pair, notes) = two(&store).await;
        let store = store.limited(of_conversations(3)).await;
        let first = draft(&ann, &pair, "first");
        assert_eq!(message(append(&store, &first).await).seq, 1);
        for _ in 0..5 {
            assert!(matches!(append(&store, &first).await, Appended::Repeat(_)), "a repeat takes no slot");
        }
        assert_eq!((seq(&store, &bob, &pair).await, seq(&store, &ann, &pair).await), (2, 3));
        let refused = draft(&ann, &pair, "too much");
        for _ in 0..3 {
            assert_limited(&append(&store, &refused).await, SendLimit::Conversation);
        }
        assert_limited(&append(&store, &draft(&bob, &pair, "too much")).await, SendLimit::Conversation);
        assert!(matches!(append(&store, &first).await, Appended::Repeat(_)), "a repeat is answered");
        let other = Draft { fingerprint: [7; 16], conversation: notes, ..refused };
        assert_eq!(message(append(&store, &other).await).seq, 1, "its id is free");
        let store = store.reopened().await;
        assert_eq!(seq(&store, &ann, &pair).await, 4, "no seq was burnt");
    }

    async fn a_user_hears_how_many_slots_are_left_unless_nothing_was_counted(store: Store) {
        let (ann, bob, pair, notes) = two(&store).await;
        let left = |appended: Appended| match appended {
            Appended::New { slots_left, .. } => slots_left,
            other => panic!("not new: {other:?}"),
        };
        let store = store.limited(Quotas { conversation_sends: quota(2), ..of_users(3) }).await;
        assert_eq!(left(append(&store, &draft(&ann, &pair, "first")).await), Some(2));
        assert_eq!(left(append(&store, &draft(&ann, &pair, "second")).await), Some(1));
        assert_limited(&append(&store, &draft(&ann, &pair, "refused")).await, SendLimit::Conversation);
        assert_eq!(left(append(&store, &draft(&ann, &notes, "third")).await), Some(0));
        let store = store.limited(of_conversations(9)).await;
        assert_eq!(left(append(&store, &draft(&bob, &pair, "not counted")).await), None);
    }

    async fn what_is_refused_takes_no_slot_of_the_user(store: Store) {
        let (ann, _, pair, notes) = two(&store).await;
        let store = store.limited(Quotas { conversation_sends: quota(1), ..of_users(2) }).await;
        assert_eq!(seq(&store, &ann, &pair).await, 1);
        for _ in 0..3 {
            assert_limited(&append(&store, &draft(&ann, &pair, "too much")).await, SendLimit::Conversation);
            let forbidden = store.messages.append(draft(&ann, &notes, "not allowed"), refuse, nobody()).await;
            assert_eq!(forbidden.expect("answered"), Appended::Refused(Code::NotGroupMember.into()));
            let sent = draft(&ann, &notes, "by an old token");
            let old = Draft { caller: Caller { jti: "replaced".to_owned(), ..sent.caller.clone() }, ..sent };
            assert_eq!(append(&store, &old).await, Appended::Refused(Code::TokenInvalid.into()));
        }
        assert_eq!(seq(&store, &ann, &notes).await, 1);
        assert_limited(&append(&store, &draft(&ann, &notes, "too much")).await, SendLimit::User);
    }

    async fn the_rule_refuses_before_a_limit_does(store: Store) {
        let (ann, _, pair, _) = two(&store).await;
        let store = store.limited(Quotas { conversation_sends: quota(1), ..of_users(1) }).await;
        assert_eq!(seq(&store, &ann, &pair).await, 1);
        let forbidden = store.messages.append(draft(&ann, &pair, "not allowed"), refuse, nobody()).await;
        assert_eq!(forbidden.expect("answered"), Appended::Refused(Code::NotGroupMember.into()));
    }

    async fn slots_come_back_one_by_one(store: Store) {
        let (ann, _, pair, _) = two(&store).await;
        let (mut store, slow) = (store, Some(Quota { burst: 2, interval_ms: 300.0 }));
        for quotas in [
            Quotas { user_sends: slow, ..Quotas::default() },
            Quotas { conversation_sends: slow, ..Quotas::default() },
        ] {
            store = store.limited(quotas).await;
            let begun = Instant::now();
            let send = async || {
                let now_ms = 5_000 + i64::try_from(begun.elapsed().as_millis()).expect("soon");
                append(&store, &Draft { now_ms, ..draft(&ann, &pair, "again and again") }).await
            };
            let refused = eventually("a refusal", async || Some(send().await).filter(|sent| matches!(sent, Appended::Refused(_))));
            let Appended::Refused(Refusal::Limit { retry_after_ms, .. }) = refused.await else { panic!("no limit") };
            assert!((1..=300).contains(&retry_after_ms), "{retry_after_ms}");
            eventually("a slot", async || matches!(send().await, Appended::New { .. }).then_some(())).await;
        }
    }

    async fn an_account_is_tried_with_as_many_wrong_passwords_as_its_rate(store: Store) {
        let store = store.limited(of_logins(3)).await;
        let [ann, bob] = [user_id("ann"), user_id("bob")];
        let mut counted = Vec::new();
        for _ in 0..3 {
            counted.push(store.login_failures.take(&ann, 5_000).await.expect("a slot"));
        }
        let wait = store.login_failures.take(&ann, 5_000).await.expect_err("no slot");
        assert!((1..=INTERVAL_MS).contains(&wait), "{wait}");
        store.login_failures.take(&bob, 5_000).await.expect("bob has slots of his own");
        for counted in counted {
            store.login_failures.give_back(&ann, counted).await;
        }
        for _ in 0..3 {
            store.login_failures.take(&ann, 5_000).await.expect("a slot that was given back");
        }
        store.login_failures.take(&ann, 5_000).await.expect_err("no slot");
    }

    async fn without_limits_nobody_is_refused(store: Store) {
        let (ann, _, pair, _) = two(&store).await;
        for sent in 1..=20 {
            assert_eq!(seq(&store, &ann, &pair).await, sent);
            store.login_failures.take(&ann, 5_000).await.expect("no limit");
        }
    }
}

/// A store on a Redis of the test's own, with its limits.
async fn on_own_redis(quotas: Quotas, config: ClusterStore) -> (Store, RedisServer) {
    migrated(&config).await;
    let redis = RedisServer::start(&[]).await;
    let config = ClusterStore { redis_url: format!("redis://{}", redis.address()), redis_timeout_ms: 300, ..config };
    (Store::cluster(config, quotas).await, redis)
}

/// Runs a test of the cluster alone, on a Redis of its own.
fn run(quotas: Quotas, test: impl AsyncFnOnce(Store, RedisServer)) {
    let Some(config) = cluster_settings() else { return };
    if needs([Need::RedisProgram]).is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (store, redis) = on_own_redis(quotas, config).await;
        let whole = tokio::time::timeout(Duration::from_secs(60), test(store, redis)).await;
        assert!(whole.is_ok(), "the test was not over within a minute");
    });
}

#[test]
fn a_node_without_redis_counts_wrong_passwords_alone() {
    run(of_logins(3), async |store: Store, mut redis: RedisServer| {
        let (ann, failures) = (user_id("ann"), &store.login_failures);
        assert_eq!(failures.take(&ann, now_ms()).await, Ok(Counted::Together));
        redis.kill9();
        let mut counted = None;
        for _ in 0..3 {
            counted = Some(failures.take(&ann, now_ms()).await.expect("a slot of this node"));
        }
        assert_eq!(counted, Some(Counted::Alone));
        failures.take(&ann, now_ms()).await.expect_err("no slot");
        failures.give_back(&ann, Counted::Alone).await;
        failures.take(&ann, now_ms()).await.expect("a slot that was given back");
    });
}

#[test]
fn a_limit_leaves_redis_when_its_burst_is_whole_again() {
    let short = Some(Quota { burst: 3, interval_ms: 400.0 });
    let quotas = Quotas { user_sends: short, conversation_sends: short, login_failures: short };
    run(quotas, async |store: Store, redis: RedisServer| {
        let (ann, _, pair, _) = two(&store).await;
        let names =
            [format!("login_failures:{{{ann}}}"), format!("user_sends:{{{ann}}}"), format!("conversation_sends:{{{pair}}}")];
        for _ in 0..2 {
            seq(&store, &ann, &pair).await;
            store.login_failures.take(&ann, now_ms()).await.expect("a slot");
        }
        for name in names {
            let key = format!("nexo:{name}");
            let left_ms: i64 = redis.command(&["PTTL", &key]).await.parse().expect("a time");
            assert!(left_ms <= 800, "{key} stays for {left_ms} ms");
            redis.until("the end of a limit", &["EXISTS", &key], |answer| answer == "0").await;
        }
        let counted = store.login_failures.take(&ann, now_ms()).await.expect("a slot");
        store.login_failures.give_back(&ann, counted).await;
        assert_eq!(redis.command(&["EXISTS", &format!("nexo:login_failures:{{{ann}}}")]).await, "0");
    });
}

#[test]
fn a_clock_that_was_set_back_lets_nobody_wait_for_longer_than_a_burst_takes() {
    run(of_logins(3), async |store: Store, redis: RedisServer| {
        let ann = user_id("ann");
        let future_ms = (now_ms() + 1_000 * INTERVAL_MS).to_string();
        redis.command(&["SET", &format!("nexo:login_failures:{{{ann}}}"), &future_ms]).await;
        let wait = store.login_failures.take(&ann, now_ms()).await.expect_err("no slot");
        assert!((1..=3 * INTERVAL_MS).contains(&wait), "{wait}");
    });
}
