//! Stories, told step by step, of what only one guard holds: too rare for the walks to meet. In most, m1 is sent twice.

use nexo::store::cluster::seqs::{SendAsk, SettleAsk};

use super::database::Plain;
use super::guards::Guard;
use super::reading::Reading;
use super::sending::{BODIES, Sending};
use super::settling::Settle;
use super::world::World;

/// What happens, up to where the faults end.
pub(super) type Story = fn(&mut World);

/// The story in which a guard is missed, if the walks do not tell one.
pub(super) fn of(guard: Guard) -> Option<Story> {
    Some(match guard {
        Guard::RefuseInTime => two_claims_of_one_id_are_later_than_its_message_is_remembered,
        Guard::GapsAgain => a_row_lands_behind_the_look_that_gives_its_seq_up,
        Guard::TwoLooks => a_repeat_is_under_way_while_its_first_row_is_settled,
        Guard::FenceWait => a_send_of_the_fence_before_writes_behind_the_first_look,
        Guard::SettleIfFence => a_settlement_under_the_fence_before_comes_late,
        Guard::ReadIfFence => the_master_before_shows_one_of_two_rows,
        Guard::Floor => a_sender_turns_back_to_the_master_before,
        _ => return None,
    })
}

/// Begins a send of m1, up to where it is to do this, or to its end.
fn send_up_to(world: &mut World, node: usize, wanted: fn(&SendAsk) -> bool) -> Sending {
    let mut sending = Sending::new(world, node, "m1".into(), BODIES[0]);
    while !wanted(&sending.ask) && sending.step(world).is_none() {}
    sending
}

fn is_claim(ask: &SendAsk) -> bool {
    matches!(ask, SendAsk::Claim { .. })
}

fn is_write(ask: &SendAsk) -> bool {
    matches!(ask, SendAsk::Write { .. })
}

/// A whole send.
fn send(world: &mut World, node: usize, id: &str) {
    let sending = Sending::new(world, node, id.into(), BODIES[0]);
    send_on(world, sending);
}

/// A send to its end.
fn send_on(world: &mut World, mut sending: Sending) {
    while sending.step(world).is_none() {}
}

/// A settling, up to where it is to do this or has to wait; `None` if it ended.
fn settle_up_to(world: &mut World, mut settle: Settle, wanted: fn(&SettleAsk) -> bool) -> Option<Settle> {
    while !wanted(&settle.ask) {
        let waited = matches!(settle.ask, SettleAsk::Pause(_));
        if settle.step(world) {
            return None;
        }
        if waited && matches!(settle.ask, SettleAsk::Pause(_)) {
            break;
        }
    }
    Some(settle)
}

/// A settling, to its end or to where it has to wait.
fn settle_on(world: &mut World, settle: Settle) -> Option<Settle> {
    settle_up_to(world, settle, |_| false)
}

/// The node of a send that is to write stores the row, and dies before anybody has its id.
fn die_with_the_row_stored(world: &mut World, sending: Sending) {
    let SendAsk::Write { seq, send_at_ms } = sending.ask else { panic!("{:?}", sending.ask) };
    world.database.write(Plain::Row(sending.row(seq, send_at_ms)), true);
    world.tell(|| format!("row {seq} is stored, and its node is dead"));
}

fn flush(world: &mut World) {
    world.lose(|redis| redis.flush(0));
    world.tell(|| "flush".to_owned());
}

/// How long the machines wait before a look, and a little more.
const LONG_MS: u64 = 3_100;

/// Two sends of m1, of different bodies, look it up and pause. A third one stores it, and so long after that Redis does not
/// remember it, the two wake up and claim. The second of them, whose body is the one stored, finds the claim of the first.
fn two_claims_of_one_id_are_later_than_its_message_is_remembered(world: &mut World) {
    let mut other = Sending::new(world, 0, "m1".into(), BODIES[1]);
    while !is_claim(&other.ask) && other.step(world).is_none() {}
    let repeat = send_up_to(world, 2, is_claim);
    send(world, 1, "m1");
    world.now_ms += 130_000;
    send_on(world, other);
    send_on(world, repeat);
}

/// The row of m1 at 1 is late. Settling looks, and has yet to say that 1 is a gap, when the row lands. A repeat finds it, not yet
/// settled and in no gap. The settlement holds; the key, told of it, has nothing open below, and says that 1 is final.
fn a_row_lands_behind_the_look_that_gives_its_seq_up(world: &mut World) {
    let sending = send_up_to(world, 0, is_write);
    let SendAsk::Write { seq, send_at_ms } = sending.ask else { panic!("{:?}", sending.ask) };
    world.database.write(Plain::Id("m1".into(), seq), true);
    let settle = settle_on(world, Settle::new(world, 1)).expect("waits for the claim");
    world.now_ms += LONG_MS;
    let settle = settle_up_to(world, settle, |ask| matches!(ask, SettleAsk::Apply(_))).expect("a settlement");
    world.database.write(Plain::Row(sending.row(seq, send_at_ms)), true);
    let repeat = send_up_to(world, 2, is_claim);
    settle_on(world, settle);
    send_on(world, repeat);
}

/// m1 is at 1 without its id, and Redis is lost. A repeat finds nothing and claims another seq. The look that settles 1 meanwhile
/// does not find the second seq, for it is not written yet; and above the fence nobody looks at rows that their sends finish.
fn a_repeat_is_under_way_while_its_first_row_is_settled(world: &mut World) {
    let first = send_up_to(world, 0, is_write);
    die_with_the_row_stored(world, first);
    flush(world);
    send(world, 1, "m2");
    settle_on(world, Settle::new(world, 2));
    world.now_ms += 2 * LONG_MS;
    let repeat = send_up_to(world, 1, is_write);
    let settle = settle_on(world, Settle::new(world, 2));
    send_on(world, repeat);
    world.now_ms += LONG_MS;
    settle.and_then(|settle| settle_on(world, settle));
}

/// m1 is claimed at 1 and not yet written when Redis is lost. A first look at once finds nothing to write the id of. Then the row
/// is stored, its id is not; a repeat finds nothing and claims another seq, and is under way when the second look comes.
fn a_send_of_the_fence_before_writes_behind_the_first_look(world: &mut World) {
    let first = send_up_to(world, 0, is_write);
    flush(world);
    send(world, 1, "m2");
    let settle = settle_on(world, Settle::new(world, 2));
    world.now_ms += 1_900;
    die_with_the_row_stored(world, first);
    world.now_ms += 1_000;
    let repeat = send_up_to(world, 1, is_write);
    world.now_ms += 200;
    settle.and_then(|settle| settle_on(world, settle));
    send_on(world, repeat);
}

/// m1 is at 1 without its id. Settling has looked at it, as at any claim that nobody finished, when Redis is lost and a repeat
/// claims another seq. A settlement after that would settle what lies below the fence without the two looks that it needs.
fn a_settlement_under_the_fence_before_comes_late(world: &mut World) {
    let first = send_up_to(world, 0, is_write);
    die_with_the_row_stored(world, first);
    let settle = settle_on(world, Settle::new(world, 2)).expect("waits for the claim");
    world.now_ms += LONG_MS;
    let settle = settle_up_to(world, settle, |ask| matches!(ask, SettleAsk::WriteIds(_))).expect("has looked");
    flush(world);
    let repeat = send_up_to(world, 1, is_write);
    settle_on(world, settle);
    send_on(world, repeat);
}

/// m1 is in flight at two masters and acked by both. The one with the lower seq stays, which the master before has finished: but
/// until that is settled, the other master answers repeats with the other seq, so nobody may be shown the first.
fn the_master_before_shows_one_of_two_rows(world: &mut World) {
    let first = send_up_to(world, 0, is_write);
    world.lose(|redis| redis.promote(1));
    world.nodes[1].server = 1;
    send(world, 1, "m1");
    send_on(world, first);
    let mut reading = Reading::new(0);
    while !reading.step(world) {}
    send(world, 1, "m1");
}

/// A sender turns from a master to another one, which needs a block of a new fence, and back to the one before, whose block is not
/// used up and whose node has read the fence less than a second ago.
fn a_sender_turns_back_to_the_master_before(world: &mut World) {
    send(world, 0, "m1");
    world.lose(|redis| redis.promote(1));
    world.nodes[1].server = 1;
    send(world, 1, "m3");
    send(world, 0, "m5");
}

/// The mark of a sender is above every seq that was given out, which only a database that was restored in parts can come to. Its
/// messages are stored like others, and nobody is made to wait for a settlement.
pub(super) fn a_mark_is_above_everything(world: &mut World) {
    world.database.write(Plain::Mark(1, 1 << 40), true);
    for id in ["m1", "m3"] {
        send(world, 0, id);
    }
    if world.ledger.acks.len() < 2 || world.database.blocks.head.fence > 1 {
        world.ledger.breaks(format!("acked {:?} under {:?}", world.ledger.acks, world.database.blocks.head));
    }
}
