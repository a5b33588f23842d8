//! Who is told of what, as versions and seqs come in any order.

use super::*;
use crate::model::{ConversationId, MsgType};

fn group() -> GroupId {
    GroupId::from_number(7)
}

fn user(name: &str) -> UserId {
    UserId::parse(name).expect("valid")
}

fn presence(name: &str) -> Arc<Presence<Place>> {
    Arc::new(Presence::new(user(name), Place::new(0, 1_000, 0), 0))
}

fn until(seq: u64) -> Windows {
    let mut windows = Windows::whole();
    windows.close(seq);
    windows
}

fn told(seq: u64, version: u64) -> Told {
    let message = Message {
        conversation: ConversationId::Group(group()),
        seq,
        client_msg_id: "m".into(),
        sender: user("ann"),
        msg_type: MsgType::Text,
        content: "{}".into(),
        send_at_ms: 0,
    };
    Told { message: Arc::new(message), origin: None, version, trace: Trace::default() }
}

fn names(audience: &[Arc<Presence<Place>>]) -> Vec<&str> {
    let mut names: Vec<_> = audience.iter().map(|presence| presence.user.as_str()).collect();
    names.sort_unstable();
    names
}

/// Seats of these users at version 1, in a conversation that has come to seq 10.
fn seated(people: &[&Arc<Presence<Place>>]) -> Seats {
    let seats = Seats::default();
    for person in people {
        assert!(seats.take(group(), person, (Windows::whole(), 1)).is_new);
    }
    seats.begin(group(), 10);
    seats
}

#[track_caller]
fn assert_told(seats: &Seats, seq: u64, version: u64, expected: &[&str]) {
    match seats.offer(group(), told(seq, version)) {
        Offered::Tell(audience) => assert_eq!(names(&audience), expected, "{seq}"),
        _ => panic!("{seq} is not told"),
    }
}

#[test]
fn a_message_is_told_once() {
    let (ann, bob) = (presence("ann"), presence("bob"));
    let seats = seated(&[&ann, &bob]);
    assert_told(&seats, 12, 1, &["ann", "bob"]);
    assert_told(&seats, 11, 1, &["ann", "bob"]);
    for again in [10, 11, 12] {
        assert!(matches!(seats.offer(group(), told(again, 1)), Offered::Nothing), "{again}");
    }
}

#[test]
fn a_change_that_follows_is_applied_and_another_is_read() {
    let (ann, bob) = (presence("ann"), presence("bob"));
    let seats = seated(&[&ann, &bob]);
    seats.change(group(), 2, &[(user("bob"), until(10))]);
    assert_told(&seats, 11, 2, &["ann"]);
    // Version 3 was not heard of: 4 says nothing of whoever it does not name.
    seats.change(group(), 4, &[(user("bob"), Windows::whole())]);
    assert!(matches!(seats.offer(group(), told(12, 4)), Offered::Read));
    assert!(matches!(seats.offer(group(), told(13, 1)), Offered::Nothing), "it waits behind the other");
    let Next::Read(users, 4) = seats.next(group()) else { panic!("the seats are not read") };
    assert_eq!(users, [user("ann")]);
    seats.read(group(), 4, vec![(user("ann"), until(11))]);
    for (seq, expected) in [(12, &["bob"][..]), (13, &["bob"])] {
        let Next::Tell(told, audience) = seats.next(group()) else { panic!("{seq} is not told") };
        assert_eq!((told.message.seq, names(&audience)), (seq, expected.to_vec()));
    }
    assert!(matches!(seats.next(group()), Next::Done));
    assert_told(&seats, 14, 4, &["bob"]);
}

#[test]
fn what_is_read_late_does_not_undo_a_change() {
    let ann = presence("ann");
    let seats = seated(&[&ann]);
    seats.change(group(), 2, &[(user("ann"), until(10))]);
    seats.read(group(), 1, vec![(user("ann"), Windows::whole())]);
    assert!(!seats.take(group(), &ann, (Windows::whole(), 1)).is_new);
    assert_told(&seats, 11, 2, &[]);
}

#[test]
fn what_was_not_told_is_missing_until_it_is_or_waits() {
    let ann = presence("ann");
    let seats = seated(&[&ann]);
    assert_told(&seats, 12, 1, &["ann"]);
    assert_eq!(seats.missing(group(), 15, 9, |seq| seq == 13), [11, 14, 15]);
    assert_eq!(seats.missing(group(), 15, 2, |_| false), [11, 13]);
    // One that waits for seats to be read is neither told nor settled by a comparison.
    assert!(matches!(seats.offer(group(), told(14, 2)), Offered::Read));
    seats.finish(group(), 15);
    assert_eq!(seats.missing(group(), 15, 9, |_| false), [14, 15]);
    seats.read(group(), 2, vec![(user("ann"), Windows::whole())]);
    assert!(matches!(seats.next(group()), Next::Tell(told, _) if told.message.seq == 14));
    assert!(matches!(seats.next(group()), Next::Done));
    seats.finish(group(), 15);
    assert!(seats.missing(group(), 15, 9, |_| false).is_empty());
}

#[test]
fn what_waits_is_bounded() {
    let ann = presence("ann");
    let seats = seated(&[&ann]);
    let mut taken = 0;
    while !matches!(seats.offer(group(), told(11 + taken, 2)), Offered::Full) {
        taken += 1;
    }
    assert_eq!(taken, WAITING_MAX as u64);
    assert_eq!(seats.missing(group(), 11 + taken, usize::MAX, |_| false).len() as u64, taken + 1);
}

#[test]
fn a_group_without_anybody_is_forgotten() {
    let (ann, bob, again) = (presence("ann"), presence("bob"), presence("ann"));
    let seats = seated(&[&ann, &bob]);
    let (all, none) = (BTreeSet::from([group()]), BTreeSet::new());
    assert!(seats.take(group(), &again, (Windows::whole(), 1)).is_new, "ann came back before she was forgotten");
    seats.leave(&ann, &all, &none);
    assert_told(&seats, 11, 1, &["ann", "bob"]);
    seats.leave(&again, &all, &all);
    seats.leave(&again, &all, &none);
    seats.leave(&bob, &all, &none);
    assert!(seats.groups().is_empty());
    assert!(matches!(seats.offer(group(), told(12, 1)), Offered::Nothing));
}
