//! A member sees exactly the messages of the times when it was a member.

use serde_json::json;

use crate::support::*;

/// Sends `count` messages to a group.
async fn say(person: &Person, group: &str, count: usize) {
    for _ in 0..count {
        person.send_group(group, "said").await.ok();
    }
}

/// Asserts what a person sees of a group, by every way of looking.
async fn assert_sees(person: &Person, group: &str, expected: &[i64]) {
    let conversation = format!("sg_{group}");
    assert_eq!(seqs(&person.pull(&conversation).await), expected);
    let top = expected.last().copied().unwrap_or(0);
    assert_eq!(person.max_seq(&conversation).await, top);
    let info = person.conversation(&conversation).await;
    assert_eq!(info["max_seq"], top);
    let (read, unread) = (int(&info, "read_seq"), int(&info, "unread_count"));
    assert!(read <= top, "{info}");
    let above = expected.iter().filter(|&&seq| seq > read).count();
    assert_eq!(unread, i64::try_from(above).expect("a count"), "{info}");
    let whole = format!("/conversation/unread_count?conversation_id={conversation}&read_seq=0");
    assert_eq!(person.get(&whole).await.ok(), json!({ "unread_count": expected.len() }));
}

e2e! {
    async fn initial_members_see_everything(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[&bob]).await;
        say(&ann, &group, 3).await;
        assert_sees(&bob, &group, &[1, 2, 3]).await;
        assert_sees(&ann, &group, &[1, 2, 3]).await;
    }

    async fn a_new_member_sees_only_what_comes_after_joining(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[]).await;
        say(&ann, &group, 3).await;
        bob.join(&group).await.done();
        assert_sees(&bob, &group, &[]).await;
        say(&ann, &group, 2).await;
        assert_sees(&bob, &group, &[4, 5]).await;
        let page = bob.get(&format!("/msg/pull?conversation_id=sg_{group}&begin_seq=1&end_seq=4&limit=100")).await.ok();
        assert_eq!(seqs(page["messages"].as_array().expect("messages")), [4]);
        assert_eq!(page["max_seq"], 5);
    }

    async fn whoever_quits_sees_the_history_but_nothing_new(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[&bob]).await;
        say(&ann, &group, 3).await;
        bob.quit(&group).await.done();
        say(&ann, &group, 3).await;
        assert_sees(&bob, &group, &[1, 2, 3]).await;
        assert_sees(&ann, &group, &[1, 2, 3, 4, 5, 6]).await;
        assert_eq!(bob.conversations().await.len(), 1);
    }

    async fn whoever_was_kicked_sees_the_history_but_nothing_new(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[&bob]).await;
        say(&bob, &group, 2).await;
        ann.kick(&group, &bob).await.done();
        say(&ann, &group, 2).await;
        assert_sees(&bob, &group, &[1, 2]).await;
    }

    async fn whoever_comes_back_sees_both_stays_and_not_the_time_between(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[&bob]).await;
        say(&ann, &group, 2).await;
        bob.quit(&group).await.done();
        say(&ann, &group, 2).await;
        bob.join(&group).await.done();
        assert_sees(&bob, &group, &[1, 2]).await;
        say(&ann, &group, 2).await;
        assert_sees(&bob, &group, &[1, 2, 5, 6]).await;
        ann.kick(&group, &bob).await.done();
        say(&ann, &group, 1).await;
        bob.join(&group).await.done();
        say(&ann, &group, 1).await;
        assert_sees(&bob, &group, &[1, 2, 5, 6, 8]).await;
        bob.mark_read(&format!("sg_{group}"), 3).await.done();
        assert_sees(&bob, &group, &[1, 2, 5, 6, 8]).await;
        assert_eq!(bob.unread(&format!("sg_{group}")).await, 3);
    }

    async fn a_stay_without_a_message_adds_nothing(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[]).await;
        say(&ann, &group, 2).await;
        for _ in 0..3 {
            bob.join(&group).await.done();
            bob.quit(&group).await.done();
            say(&ann, &group, 1).await;
        }
        assert_sees(&bob, &group, &[]).await;
        bob.join(&group).await.done();
        say(&ann, &group, 1).await;
        assert_sees(&bob, &group, &[6]).await;
    }

    async fn a_page_reaches_over_windows(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[]).await;
        let mut expected = Vec::new();
        for round in 0..5 {
            say(&ann, &group, 3).await;
            bob.join(&group).await.done();
            say(&ann, &group, 2).await;
            expected.extend([round * 5 + 4, round * 5 + 5]);
            bob.quit(&group).await.done();
        }
        assert_sees(&bob, &group, &expected).await;
        let page = bob.get(&format!("/msg/pull?conversation_id=sg_{group}&begin_seq=5&limit=4")).await.ok();
        assert_eq!(seqs(page["messages"].as_array().expect("messages")), [5, 9, 10, 14]);
    }

    async fn ones_own_messages_of_a_stay_are_seen_too(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[&bob]).await;
        bob.send_group(&group, "mine").await.ok();
        ann.send_group(&group, "yours").await.ok();
        bob.quit(&group).await.done();
        assert_sees(&bob, &group, &[1, 2]).await;
        assert_eq!(bob.unread(&format!("sg_{group}")).await, 1);
    }

    async fn a_dismissed_group_is_frozen_for_its_members_and_former_ones(world: World) {
        let [ann, bob, cho] = world.people().await;
        let group = ann.group(&[&bob, &cho]).await;
        say(&ann, &group, 2).await;
        cho.quit(&group).await.done();
        say(&ann, &group, 1).await;
        ann.dismiss(&group).await.done();
        assert_sees(&ann, &group, &[1, 2, 3]).await;
        assert_sees(&bob, &group, &[1, 2, 3]).await;
        assert_sees(&cho, &group, &[1, 2]).await;
    }

    async fn windows_outlive_a_restart(mut world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[]).await;
        say(&ann, &group, 2).await;
        bob.join(&group).await.done();
        say(&ann, &group, 2).await;
        bob.quit(&group).await.done();
        say(&ann, &group, 2).await;
        bob.join(&group).await.done();
        world.restart().await;
        say(&ann, &group, 1).await;
        assert_sees(&bob, &group, &[3, 4, 7]).await;
    }
}
