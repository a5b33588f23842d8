//! Whether each device was pushed what it should have been: everything once, in order, and nothing else.

use std::collections::HashMap;

use super::device::Seen;
use super::plan::{Kind, Repeat, Room, Stay, Way};
use super::trial::Trial;

/// What should become of a message on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// Pushed once.
    Pushed,
    /// Sent by this very platform: not pushed.
    Own,
    /// Sent by two platforms at once, or to oneself: either.
    Either,
}

/// Messages of each room by their seq, from 1.
pub(super) type Order = Vec<Vec<usize>>;

/// Puts the messages of each room in order; seqs must be contiguous from 1, and none given twice.
pub(super) fn order(trial: &Trial) -> Order {
    let mut rooms: Vec<Vec<(u64, usize)>> = vec![Vec::new(); trial.plan.rooms.len()];
    for (index, message) in trial.plan.messages.iter().enumerate() {
        if let Some(fate) = trial.fate(index) {
            rooms[message.room].push((fate.seq, index));
        }
    }
    for (room, seqs) in rooms.iter_mut().enumerate() {
        seqs.sort_unstable();
        for (expected, (seq, _)) in (1..).zip(seqs.iter()) {
            let name = || format!("{} has a seq", trial.plan.rooms[room].conversation_id);
            trial.checks.seqs.equal(*seq, expected, name);
        }
        let expected = trial.plan.rooms[room].sizes[1];
        let name = || format!("messages of {}", trial.plan.rooms[room].conversation_id);
        trial.checks.seqs.equal(seqs.len() as u64, expected, name);
    }
    let indexes = |seqs: Vec<(u64, usize)>| seqs.into_iter().map(|(_, index)| index).collect();
    rooms.into_iter().map(indexes).collect()
}

/// The rooms that a member was ever in.
pub(super) fn rooms_of(trial: &Trial, who: usize) -> impl Iterator<Item = (usize, &Room, &Stay)> {
    let rooms = trial.plan.rooms.iter().enumerate();
    rooms.filter_map(move |(index, room)| Some((index, room, room.stay_of(who)?)))
}

/// How many pushes a member's device is due at least, of the first messages of each room.
pub(super) fn due_at_least(trial: &Trial, who: usize, messages: std::ops::Range<usize>) -> u64 {
    let mut due = 0;
    for index in messages {
        let room = trial.plan.messages[index].room;
        let stay = trial.plan.rooms[room].stay_of(who);
        let seen = stay.is_some_and(|stay| {
            let first = index < trial.plan.first_act;
            if first { stay.after == 0 } else { stay.until.is_none() }
        });
        due += u64::from(seen && due_of(trial, who, index) == Due::Pushed);
    }
    due
}

fn due_of(trial: &Trial, who: usize, index: usize) -> Due {
    let message = &trial.plan.messages[index];
    let to_self = matches!(trial.plan.rooms[message.room].kind, Kind::Pair(a, b) if a == b);
    match (message.sender == who, message.repeat) {
        (false, _) => Due::Pushed,
        (true, Repeat::Twin) => Due::Either,
        (true, _) if to_self => Due::Either,
        (true, _) if message.way == Way::WebSocket => Due::Own,
        (true, _) => Due::Pushed,
    }
}

/// Compares what a device saw with what it was due.
pub(super) fn compare(trial: &Trial, order: &Order, seen: &Seen) {
    let check = &trial.checks.pushes;
    let name = &trial.plan.members[seen.who].id;
    // By the lines in which messages must come in order: those of a room or, in a cluster, of one sender there.
    let (mut by_room, mut lines) = (HashMap::<usize, Vec<u64>>::new(), HashMap::<_, Vec<u64>>::new());
    for push in &seen.pushes {
        let fate = trial.fate(push.message).map(|fate| fate.seq);
        let id = || format!("{name} was pushed {}", trial.plan.client_msg_id(push.message));
        check.equal(Some(push.seq), fate, id);
        let room = trial.plan.messages[push.message].room;
        by_room.entry(room).or_default().push(push.seq);
        let sender = trial.is_cluster.then(|| trial.plan.messages[push.message].sender);
        lines.entry((room, sender)).or_default().push(push.seq);
    }
    for (index, room, stay) in rooms_of(trial, seen.who) {
        let seqs = by_room.remove(&index).unwrap_or_default();
        let place = &room.conversation_id;
        let mut spoken = lines.iter().filter(|((room, _), _)| *room == index);
        let in_order = spoken.all(|(_, seqs)| seqs.is_sorted_by(|a, b| a < b));
        let problem = || format!("{name} was pushed messages of {place} twice or out of order");
        check.compare(in_order.then_some(()).ok_or_else(problem));
        let excused = seen.excused.get(place).copied().unwrap_or(0);
        let got: std::collections::HashSet<u64> = seqs.into_iter().collect();
        for (seq, message) in (1..).zip(&order[index]) {
            let due = match stay.sees(seq) {
                true => due_of(trial, seen.who, *message),
                false => Due::Own,
            };
            let outcome = match (due, got.contains(&seq)) {
                (Due::Pushed, false) if seq > excused => Err("was not pushed"),
                (Due::Own, true) => Err("was pushed, and should not have been,"),
                _ => Ok(()),
            };
            check.compare(outcome.map_err(|how| format!("{name} {how} seq {seq} of {place}")));
        }
    }
    for room in by_room.keys() {
        let place = &trial.plan.rooms[*room].conversation_id;
        check.compare(Err(format!("{name} was pushed messages of {place}, not its own")));
    }
}
