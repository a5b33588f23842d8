//! Who says what where: decided before the first message is sent, so that every answer is known in advance.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Result, ensure};

use super::content::{Content, Writer};
use crate::api::pair_id;
use crate::dice::Dice;

/// A user with its devices.
pub(super) struct Member {
    pub(super) id: Arc<str>,
    /// Token of the platform that uses REST.
    pub(super) web: Arc<str>,
    /// Token of the platform that is on WebSocket all the time, for those who are online.
    pub(super) phone: Option<Arc<str>>,
}

/// Who a conversation is between.
pub(super) enum Kind {
    /// Two members, or the same one twice.
    Pair(usize, usize),
    /// A group by its id.
    Group(String),
}

/// One member's time in a room: it sees `after < seq`, and `seq <= until` if it left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stay {
    pub(super) who: usize,
    pub(super) after: u64,
    pub(super) until: Option<u64>,
}

/// A conversation.
pub(super) struct Room {
    pub(super) conversation_id: String,
    pub(super) kind: Kind,
    pub(super) stays: Vec<Stay>,
    /// Joins a group between the two acts.
    pub(super) joiner: Option<usize>,
    /// Leaves a group between the two acts.
    pub(super) quitter: Option<usize>,
    /// Messages of the first act, then of both.
    pub(super) sizes: [u64; 2],
}

/// Which way a message goes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Rest,
    WebSocket,
}

/// Whether a message is sent more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    Never,
    /// Again after its ack, in other words of the same meaning.
    Later,
    /// Over both ways at once.
    Twin,
}

/// A message; its place in [`Plan::messages`] is part of its client_msg_id.
pub(super) struct Message {
    pub(super) room: usize,
    pub(super) sender: usize,
    pub(super) way: Way,
    pub(super) repeat: Repeat,
    pub(super) content: Content,
}

/// The whole play: two acts of messages, and between them some join and some leave.
pub(super) struct Plan {
    pub(super) tag: String,
    pub(super) members: Vec<Member>,
    pub(super) rooms: Vec<Room>,
    pub(super) messages: Vec<Message>,
    /// So many messages are of the first act.
    pub(super) first_act: usize,
}

impl Stay {
    pub(super) fn sees(&self, seq: u64) -> bool {
        seq > self.after && self.until.is_none_or(|until| seq <= until)
    }
}

impl Room {
    /// A conversation of two, or of one with itself.
    pub(super) fn pair(members: &[Member], a: usize, b: usize) -> Room {
        let who: BTreeSet<usize> = [a, b].into();
        Room::new(pair_id(&members[a].id, &members[b].id), Kind::Pair(a, b), &who.into_iter().collect::<Vec<_>>())
    }

    /// A group that was created with these members; the first is its owner.
    pub(super) fn group(id: String, who: &[usize], joiner: Option<usize>) -> Room {
        let mut room = Room::new(format!("sg_{id}"), Kind::Group(id), who);
        room.joiner = joiner;
        room.quitter = who.get(1..).and_then(|others| others.last()).copied();
        room
    }

    fn new(conversation_id: String, kind: Kind, who: &[usize]) -> Room {
        let stay = |who: &usize| Stay { who: *who, after: 0, until: None };
        Room { conversation_id, kind, stays: who.iter().map(stay).collect(), joiner: None, quitter: None, sizes: [0, 0] }
    }

    /// What one member sees of it, if it was ever in.
    pub(super) fn stay_of(&self, who: usize) -> Option<&Stay> {
        self.stays.iter().find(|stay| stay.who == who)
    }

    /// Lets the joiner in and the quitter out, as of the messages so far.
    fn turn(&mut self) {
        let top = self.sizes[0];
        if let Some(quitter) = self.quitter {
            let stays = self.stays.iter_mut();
            for stay in stays.filter(|stay| stay.who == quitter) {
                stay.until = Some(top);
            }
        }
        if let Some(who) = self.joiner {
            self.stays.push(Stay { who, after: top, until: None });
        }
    }

    /// Who may write now.
    fn writers(&self) -> Vec<usize> {
        let present = self.stays.iter().filter(|stay| stay.until.is_none());
        present.map(|stay| stay.who).collect()
    }
}

impl Plan {
    /// Writes all messages: half of them in groups, half over WebSocket, nine in ten before the turn.
    pub(super) fn write(
        tag: String,
        members: Vec<Member>,
        rooms: Vec<Room>,
        [count, repeats]: [usize; 2],
        dice: &mut Dice,
    ) -> Result<Plan> {
        let online = members.iter().filter(|m| m.phone.is_some()).count();
        ensure!(online > 0 && !rooms.is_empty(), "no one is online, or no room");
        let mut plan = Plan { tag, members, rooms, messages: Vec::with_capacity(count), first_act: count * 9 / 10 };
        let writer = Writer::new()?;
        let mut writers: Vec<Vec<usize>> = plan.rooms.iter().map(Room::writers).collect();
        for index in 0..count {
            if index == plan.first_act {
                plan.rooms.iter_mut().for_each(Room::turn);
                writers = plan.rooms.iter().map(Room::writers).collect();
            }
            let way = if index % 2 == 0 { Way::Rest } else { Way::WebSocket };
            let (room, sender) = plan.cast(way, &writers, dice)?;
            let twin = plan.members[sender].phone.is_some() && dice.percent(50);
            let repeat = match dice.percent(repeats as u64) {
                true if twin => Repeat::Twin,
                true => Repeat::Later,
                false => Repeat::Never,
            };
            let sizes = &mut plan.rooms[room].sizes;
            sizes[0] += u64::from(index < plan.first_act);
            sizes[1] += 1;
            plan.messages.push(Message { room, sender, way, repeat, content: writer.content(dice) });
        }
        Ok(plan)
    }

    /// A room and one of its writers who can go that way.
    fn cast(&self, way: Way, writers: &[Vec<usize>], dice: &mut Dice) -> Result<(usize, usize)> {
        let group_first = dice.percent(50);
        for _ in 0..10_000 {
            let room = dice.below(self.rooms.len());
            let is_group = matches!(self.rooms[room].kind, Kind::Group(_));
            let sender = *dice.pick(&writers[room]);
            let can = way == Way::Rest || self.members[sender].phone.is_some();
            if is_group == group_first && can {
                return Ok((room, sender));
            }
        }
        anyhow::bail!("no one can send over WebSocket: raise --users or --online")
    }

    /// The client_msg_id of a message.
    pub(super) fn client_msg_id(&self, index: usize) -> String {
        format!("{}-{index}", self.tag)
    }

    /// The message that a client_msg_id of this plan belongs to.
    pub(super) fn index_of(&self, client_msg_id: &str) -> Option<usize> {
        let index = client_msg_id.strip_prefix(&self.tag)?.strip_prefix('-')?;
        index.parse().ok().filter(|i| *i < self.messages.len())
    }

    /// recv_id and group_id of a message, of which one is empty.
    pub(super) fn address(&self, message: &Message) -> (&str, &str) {
        match &self.rooms[message.room].kind {
            Kind::Group(id) => ("", id),
            Kind::Pair(a, b) => {
                let other = if *a == message.sender { *b } else { *a };
                (&self.members[other].id, "")
            }
        }
    }

    /// The body of a send of the message with this JSON text as its content.
    pub(super) fn body(&self, index: usize, raw: &str) -> String {
        let message = &self.messages[index];
        let (key, to, session_type) = match self.address(message) {
            (recv_id, "") => ("recv_id", recv_id, 1),
            (_, group_id) => ("group_id", group_id, 2),
        };
        format!(
            r#"{{"client_msg_id":"{}","{key}":"{to}","session_type":{session_type},"msg_type":{},"content":{raw}}}"#,
            self.client_msg_id(index),
            message.content.msg_type,
        )
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Four members, of whom two are online, one group and two pairs.
    pub(in crate::verify) fn small_plan(count: usize) -> Plan {
        let member = |index: usize| Member {
            id: format!("u{index}").into(),
            web: "web".into(),
            phone: (index < 2).then(|| "phone".into()),
        };
        let members: Vec<Member> = (0..4).map(member).collect();
        let rooms =
            vec![Room::group("77".to_owned(), &[0, 1, 2], Some(3)), Room::pair(&members, 0, 3), Room::pair(&members, 1, 1)];
        let mut dice = Dice::new(5);
        Plan::write("t-1".to_owned(), members, rooms, [count, 10], &mut dice).expect("a plan")
    }

    #[test]
    fn windows_follow_the_turn() {
        let plan = small_plan(400);
        let room = &plan.rooms[0];
        let top = room.sizes[0];
        assert!(top > 0 && room.sizes[1] > top);
        assert_eq!(room.stay_of(2).expect("was in").until, Some(top));
        let joined = room.stay_of(3).expect("came in");
        assert!(!joined.sees(top) && joined.sees(top + 1));
    }

    #[test]
    fn half_goes_each_way_and_only_the_present_write() {
        let plan = small_plan(400);
        let ws = plan.messages.iter().filter(|m| m.way == Way::WebSocket);
        assert_eq!(ws.count(), 200);
        for (index, message) in plan.messages.iter().enumerate() {
            let late = index >= plan.first_act;
            let out = if late { 2 } else { 3 };
            assert!(message.room != 0 || message.sender != out);
        }
    }

    #[test]
    fn ids_lead_back_to_their_message() {
        let plan = small_plan(10);
        assert_eq!(plan.index_of(&plan.client_msg_id(7)), Some(7));
        assert_eq!(plan.index_of("t-1-10"), None);
        assert_eq!(plan.index_of("t-2-7"), None);
    }

    #[test]
    fn a_body_is_json_with_one_destination() {
        let plan = small_plan(20);
        for (index, message) in plan.messages.iter().enumerate() {
            let body = plan.body(index, &message.content.raw);
            let value: serde_json::Value = serde_json::from_str(&body).expect("JSON");
            let group = value["session_type"] == 2;
            assert_eq!(value.get("group_id").is_some(), group);
            assert_eq!(value.get("recv_id").is_some(), !group);
        }
    }
}
