//! The recount finds what it is there to find: it is given a story that is not what happened.

use super::super::run;
use super::talk::Talk;
use crate::support::*;

/// Has people talk on a server that nothing happens to, spoils what is known of it, and recounts.
fn spoilt(spoil: impl FnOnce(&Talk)) {
    run(async {
        let world = World::start(&[]).await;
        let talk = Talk::begin(&world).await;
        talk.during(talk.go_on(10), talk.everybody_heard()).await;
        spoil(&talk);
        talk.recount().await;
    });
}

#[test]
fn what_happened_passes() {
    spoilt(|_| ());
}

#[test]
#[should_panic(expected = "nobody was acked")]
fn a_message_too_many_is_found() {
    spoilt(|talk| drop(talk.acked.borrow_mut().pop()));
}

#[test]
#[should_panic(expected = "acked and not there")]
fn a_message_that_is_lost_is_found() {
    spoilt(|talk| {
        let mut lost = talk.acked.borrow()[0].clone();
        lost.draft["client_msg_id"] = unique("lost").into();
        talk.acked.borrow_mut().push(lost);
    });
}

#[test]
#[should_panic(expected = ", then ")]
fn a_sender_out_of_order_is_found() {
    spoilt(|talk| talk.acked.borrow_mut().reverse());
}

#[test]
#[should_panic(expected = "was shown as")]
fn a_hole_that_is_filled_is_found() {
    spoilt(|talk| talk.looks.forget_a_message());
}

#[test]
#[should_panic(expected = "was pushed")]
fn a_push_of_another_message_is_found() {
    spoilt(|talk| talk.listeners[0].mishear());
}

#[test]
#[should_panic(expected = "sent ")]
fn a_read_mark_that_went_back_is_found() {
    spoilt(|talk| talk.looks.marked(0, 0, i64::MAX));
}
