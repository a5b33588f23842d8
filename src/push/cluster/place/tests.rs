//! The place under entries that are late, twice, out of order and missing.

use super::*;
use proptest::prelude::*;

fn id(epoch: u64, position: u64) -> PushId {
    PushId { epoch, position, at_ms: 0 }
}

fn positions(ready: &Ready) -> Vec<u64> {
    ready.iter().map(|(id, _)| id.position).collect()
}

proptest! {
    #[test]
    fn whatever_comes_in_whichever_order_is_delivered_once_and_in_order(
        start in 0u64..5,
        arrivals in prop::collection::vec((0u64..2, 1u64..20), 0..80),
        reads in prop::collection::vec(any::<bool>(), 80),
        known: bool,
        room in 1usize..40,
    ) {
        let mut place = Place::new(0, room * FRAME_BYTES, 0);
        let mut got = Vec::new();
        if known {
            got.extend(positions(&place.begin(id(1, start))));
        }
        let (half, mut top) = (arrivals.len() / 2, start);
        for (at, (epoch, position)) in arrivals.into_iter().enumerate() {
            if !known && at == half {
                got.extend(positions(&place.begin(id(1, start))));
            }
            top = if epoch == 1 { top.max(position) } else { top };
            got.extend(positions(&place.offer(id(epoch, position), Delivery::Nothing)));
            if let (true, true, Some(at)) = (reads[at], place.lacks(), place.delivered()) {
                // The log itself is asked, and read up to its end.
                place.attend();
                place.hold();
                for position in at.position + 1..=top {
                    place.pass(id(1, position));
                    got.push(position);
                }
                place.confirm(1);
                got.extend(positions(&place.release()));
                prop_assert!(!place.lacks());
            }
        }
        prop_assert!(got.iter().copied().eq(start + 1..=start + got.len() as u64), "{:?} from {}", got, start);
        prop_assert!(place.waiting_bytes <= room * FRAME_BYTES);
        prop_assert_eq!(place.waiting_bytes, place.waiting.len() * FRAME_BYTES);
    }
}

#[test]
fn what_waits_is_bounded_and_what_did_not_fit_is_lacking() {
    let mut place = Place::new(0, 2 * FRAME_BYTES, 0);
    place.begin(id(1, 0));
    for position in 2..=4 {
        place.offer(id(1, position), Delivery::Nothing);
    }
    assert_eq!(positions(&place.offer(id(1, 1), Delivery::Nothing)), [1, 2, 3]);
    assert!(place.lacks());
}

#[test]
fn a_late_entry_of_an_old_log_is_not_delivered() {
    let mut place = Place::new(0, 10 * FRAME_BYTES, 0);
    place.begin(id(2, 5));
    assert_eq!(positions(&place.offer(id(1, 6), Delivery::Nothing)), [0; 0]);
    assert!(place.lacks(), "only the log can tell that it is late");
    place.confirm(2);
    assert!(!place.lacks());
    assert_eq!(positions(&place.offer(id(2, 6), Delivery::Nothing)), [6]);
}
