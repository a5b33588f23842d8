//! Many at once: counts, roles, windows and seqs stay exact.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::*;

/// What one member did, in the order of its own clock: the seqs acked before, during and after it was in.
struct Stay {
    /// The highest seq acked to anybody before the join was asked for.
    before_join: i64,
    /// The highest seq acked before the join was answered.
    after_join: i64,
    /// The highest seq acked before the quit was asked for.
    before_quit: i64,
    /// The highest seq acked before the quit was answered.
    after_quit: i64,
}

e2e! {
    async fn sixteen_twins_of_one_send_are_one_message(world: World) {
        let [ann, bob] = world.people().await;
        for round in 0..4 {
            let draft = ann.draft(&bob, "twins");
            let twins = join_all((0..16).map(|_| ann.post("/msg/send", draft.clone()))).await;
            let first = twins[0].ok();
            assert_eq!(first["seq"], round + 1);
            for twin in &twins {
                assert_eq!(twin.ok(), first);
            }
        }
        assert_eq!(seqs(&bob.pull(&pair(&ann, &bob)).await), [1, 2, 3, 4]);
    }

    // Code 4002.
    async fn of_twins_with_two_bodies_one_body_wins(world: World) {
        let [ann, bob] = world.people().await;
        let draft = ann.draft(&bob, "one");
        let mut other = draft.clone();
        other["content"] = text("two");
        let sends = (0..16).map(|n| ann.post("/msg/send", if n % 2 == 0 { draft.clone() } else { other.clone() }));
        let replies = join_all(sends).await;
        let stored = bob.pull(&pair(&ann, &bob)).await;
        assert_eq!(seqs(&stored), [1]);
        for (n, reply) in replies.iter().enumerate() {
            let won = stored[0]["content_text"] == if n % 2 == 0 { "one" } else { "two" };
            if won {
                assert_eq!(reply.ok()["seq"], 1);
            } else {
                reply.refused(4002);
            }
        }
    }

    async fn seqs_of_many_senders_are_contiguous(world: World) {
        let crowd = world.crowd(8).await;
        let others: Vec<&Person> = crowd[1..].iter().collect();
        let group = crowd[0].group(&others).await;
        let each = crowd.iter().map(async |person| {
            let mut mine = Vec::new();
            for n in 0..25 {
                mine.push(int(&person.send_group(&group, &format!("{n}")).await.ok(), "seq"));
            }
            assert!(mine.is_sorted(), "one after the other, by one sender: {mine:?}");
            mine
        });
        let given: BTreeSet<i64> = join_all(each).await.into_iter().flatten().collect();
        assert!(given.iter().copied().eq(1..=200), "{given:?}");
        let whole = crowd[3].pull(&format!("sg_{group}")).await;
        assert!(seqs(&whole).into_iter().eq(1..=200));
        for person in &crowd {
            assert_eq!(person.max_seq(&format!("sg_{group}")).await, 200);
        }
    }

    async fn both_ends_of_a_conversation_share_its_seqs(world: World) {
        let [ann, bob] = world.people().await;
        let sends = (0..40).map(async |n| if n % 2 == 0 { ann.send(&bob, "a").await } else { bob.send(&ann, "b").await });
        let given: BTreeSet<i64> = join_all(sends).await.iter().map(|message| int(message, "seq")).collect();
        assert!(given.into_iter().eq(1..=40));
        assert!(seqs(&ann.pull(&pair(&ann, &bob)).await).into_iter().eq(1..=40));
    }

    async fn joins_at_once_lose_no_member(world: World) {
        let [owner] = world.people().await;
        let crowd = world.crowd(20).await;
        let group = owner.group(&[]).await;
        for reply in join_all(crowd.iter().map(|person| person.join(&group))).await {
            reply.done();
        }
        let members = owner.members(&group).await;
        let ids: BTreeSet<i64> = members.iter().map(|member| int(member, "id")).collect();
        let users: BTreeSet<String> = members.iter().map(|member| string(member, "user_id")).collect();
        assert_eq!((ids.len(), users.len()), (21, 21));
        assert_eq!(owner.group_info(&group).await["member_count"], 21);
    }

    async fn one_user_joining_many_times_at_once_joins_once(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[]).await;
        let codes: Vec<i64> = join_all((0..16).map(|_| bob.join(&group))).await.iter().map(Reply::code).collect();
        assert_eq!(codes.iter().filter(|&&code| code == 0).count(), 1, "{codes:?}");
        assert_eq!(codes.iter().filter(|&&code| code == 3005).count(), 15, "{codes:?}");
        assert_eq!(ann.group_info(&group).await["member_count"], 2);
    }

    async fn a_quit_and_a_kick_at_once_end_one_membership_once(world: World) {
        let [ann, bob] = world.people().await;
        let group = ann.group(&[&bob]).await;
        for _ in 0..8 {
            let (quit, kick) = tokio::join!(bob.quit(&group), ann.kick(&group, &bob));
            let codes = BTreeSet::from([quit.code(), kick.code()]);
            assert_eq!(codes, BTreeSet::from([0, 3003]));
            assert_eq!(ann.group_info(&group).await["member_count"], 1);
            bob.join(&group).await.done();
            assert_eq!(ann.group_info(&group).await["member_count"], 2);
        }
    }

    async fn a_transfer_and_a_quit_at_once_leave_one_owner(world: World) {
        for _ in 0..6 {
            let [ann, bob] = world.people().await;
            let group = ann.group(&[&bob]).await;
            let (transfer, quit) = tokio::join!(ann.transfer(&group, &bob), bob.quit(&group));
            assert!([0, 3003].contains(&transfer.code()), "{transfer:?}");
            assert!([0, 3008].contains(&quit.code()), "{quit:?}");
            assert!((transfer.code() == 0) != (quit.code() == 0), "{transfer:?} {quit:?}");
            let members = ann.members(&group).await;
            let owners = members.iter().filter(|member| member["role_level"] == 3).count();
            assert_eq!(owners, 1, "{members:?}");
            assert_eq!(ann.group_info(&group).await["member_count"], members.len());
        }
    }

    async fn transfers_at_once_leave_one_owner(world: World) {
        let crowd = world.crowd(6).await;
        let others: Vec<&Person> = crowd[1..].iter().collect();
        let group = crowd[0].group(&others).await;
        let replies = join_all(crowd[1..].iter().map(|person| crowd[0].transfer(&group, person))).await;
        let codes: Vec<i64> = replies.iter().map(Reply::code).collect();
        assert_eq!(codes.iter().filter(|&&code| code == 0).count(), 1, "{codes:?}");
        assert_eq!(codes.iter().filter(|&&code| code == 3006).count(), 4, "{codes:?}");
        let members = crowd[0].members(&group).await;
        assert_eq!(members.iter().filter(|member| member["role_level"] == 3).count(), 1, "{members:?}");
    }

    async fn a_dismissal_at_once_with_joins_leaves_an_exact_group(world: World) {
        let [ann] = world.people().await;
        let crowd = world.crowd(8).await;
        let group = ann.group(&[]).await;
        let joins = join_all(crowd.iter().map(|person| person.join(&group)));
        let (joins, dismissal) = tokio::join!(joins, ann.dismiss(&group));
        dismissal.done();
        assert!(joins.iter().all(|join| [0, 3002].contains(&join.code())), "{joins:?}");
        let joined = joins.iter().filter(|join| join.code() == 0).count();
        assert_eq!(ann.members(&group).await.len(), joined + 1);
        assert_eq!(ann.group_info(&group).await["member_count"], joined + 1);
    }

    async fn joins_quits_kicks_and_sends_at_once_leave_exact_windows(world: World) {
        let [owner, talker] = world.people().await;
        let guests = world.crowd(6).await;
        let group = owner.group(&[&talker]).await;
        let conversation = format!("sg_{group}");
        let acked = std::cell::Cell::new(0);
        let over = std::cell::Cell::new(false);
        let talk = async {
            let mut count = 0;
            while !over.get() {
                let sent = talker.send_group(&group, &format!("{count}")).await.ok();
                count += 1;
                assert_eq!(sent["seq"], count);
                acked.set(count);
            }
            count
        };
        let stays = async {
            let visits = guests.iter().enumerate().map(async |(number, guest)| {
                let mut stays = Vec::new();
                for _ in 0..4 {
                    let before_join = acked.get();
                    guest.join(&group).await.done();
                    let after_join = acked.get();
                    eventually("a message during the stay", async || (acked.get() > after_join + 2).then_some(())).await;
                    let before_quit = acked.get();
                    if number % 2 == 0 {
                        guest.quit(&group).await.done();
                    } else {
                        owner.kick(&group, guest).await.done();
                    }
                    stays.push(Stay { before_join, after_join, before_quit, after_quit: acked.get() });
                }
                stays
            });
            let stays = join_all(visits).await;
            over.set(true);
            stays
        };
        let (count, stays) = tokio::join!(talk, stays);
        assert_eq!(owner.max_seq(&conversation).await, count);
        assert_eq!(owner.unread(&conversation).await, count);
        assert_eq!(owner.group_info(&group).await["member_count"], 2);
        for (guest, stays) in guests.iter().zip(stays) {
            let seen = seqs(&guest.pull(&conversation).await);
            check_windows(&seen, &stays);
            assert_eq!(guest.max_seq(&conversation).await, seen.last().copied().unwrap_or(0));
            assert_eq!(guest.unread(&conversation).await, i64::try_from(seen.len()).expect("a count"));
        }
    }
}

/// Everything sent surely inside a stay is seen, and nothing sent surely outside of all.
fn check_windows(seen: &[i64], stays: &[Stay]) {
    let seen_set: BTreeSet<i64> = seen.iter().copied().collect();
    assert_eq!(seen_set.len(), seen.len(), "no seq twice");
    for stay in stays {
        // One send may be on its way when an answer comes: it is above what is acked by one.
        for seq in stay.after_join + 2..=stay.before_quit {
            assert!(seen_set.contains(&seq), "{seq} was sent inside a stay");
        }
    }
    for &seq in seen {
        let possible = stays.iter().any(|stay| seq > stay.before_join && seq <= stay.after_quit + 1);
        assert!(possible, "{seq} was sent outside of every stay");
    }
}

e2e! {
    async fn marks_at_once_leave_the_highest(world: World) {
        let [ann, bob] = world.people().await;
        for n in 0..20 {
            ann.send(&bob, &format!("{n}")).await;
        }
        let conversation = pair(&ann, &bob);
        let marks: Vec<Value> =
            (1..=17).rev().map(|seq| json!({ "conversation_id": conversation, "read_seq": seq })).collect();
        for reply in join_all(marks.into_iter().map(|mark| bob.post("/conversation/mark_read", mark))).await {
            reply.done();
        }
        assert_eq!(bob.conversation(&conversation).await["read_seq"], 17);
        assert_eq!(bob.unread(&conversation).await, 3);
    }
}
