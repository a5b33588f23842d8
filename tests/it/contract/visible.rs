//! Promise 8: a hole is final. Whoever is shown a seq has been shown, or can pull, every one below it.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use nexo::model::Caller;

use super::contract;
use super::house::House;
use super::store::Store;

/// Looks at a group again and again while it is written to; answers how often.
async fn watch(house: &House, caller: &Caller, conversation: &str, done: &AtomicBool) -> usize {
    let (mut looks, mut before) = (0, 0);
    loop {
        let last = done.load(Ordering::Acquire);
        let max_seq = house.history.max_seq(caller, conversation).await.expect("a seq");
        assert!(max_seq >= before, "max_seq fell from {before} to {max_seq}");
        let state = house.conversations.info(caller, conversation).await.expect("a conversation");
        assert!(state.max_seq() >= max_seq && state.unread() == state.max_seq() - state.read_seq());
        let (seqs, shown) = house.pull(caller, conversation, 0).await;
        assert!(shown >= max_seq && seqs.len() as u64 >= shown, "{} of {shown}", seqs.len());
        assert!(seqs.iter().copied().eq(1..=seqs.len() as u64), "a hole in {seqs:?}");
        (looks, before) = (looks + 1, shown);
        if last {
            return looks;
        }
        // The senders are in the same task.
        tokio::task::yield_now().await;
    }
}

contract! {
    async fn whoever_sees_a_seq_sees_all_below_it(store: Store) {
        let house = House::on(&store);
        let mut people = Vec::new();
        for _ in 0..4 {
            people.push(house.person("one").await);
        }
        let group = house.group(&people[0], &[&people[1], &people[2], &people[3]]).await;
        let (conversation, done) = (format!("sg_{group}"), AtomicBool::new(false));
        let sending = async {
            let sends = people[..3].iter().map(async |sender| {
                for n in 0..100 {
                    house.send_in(sender, group, &format!("{n}")).await.expect("sent");
                }
            });
            join_all(sends).await;
            done.store(true, Ordering::Release);
        };
        let (looks, ()) = tokio::join!(watch(&house, &people[3], &conversation, &done), sending);
        assert!(looks >= 3, "only {looks} looks");
        assert_eq!(house.history.max_seq(&people[3], &conversation).await.expect("a seq"), 300);
    }
}
