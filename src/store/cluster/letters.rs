//! Letters: what one node tells another, as bytes in the other's stream.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::events::{Event, EventRow, platform, platform_number};
use crate::model::{
    Caller, CloseReason, ConversationId, GroupChange, GroupId, Message, MsgType, Platform, PushId, UserId, Window, Windows,
};
use crate::store::StoreError;
use crate::telemetry::Point;

/// The first byte of a letter as this release writes it.
const VERSION: u8 = 1;

/// Behind the letter: what says that a [`Point`] follows, in whose trace the letter is. A release that knows nothing of it does not read
/// on behind the letter.
const TRACED: u8 = 1;

/// One letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Letter {
    /// A message was stored.
    Message {
        /// The message.
        message: Arc<Message>,
        /// For whom.
        to: Vec<Address>,
    },
    /// Something else happened.
    Event {
        /// What.
        event: Event,
        /// For whom.
        to: Vec<Address>,
    },
    /// A message was stored in a group whose members are told by node.
    GroupMessage {
        /// The message.
        message: Arc<Message>,
        /// The platform of the sender that sent it, and so is not told, if it is known.
        origin: Option<Platform>,
        /// A version of the group at which its audience is right.
        version: u64,
    },
    /// Such a group changed: for its clients.
    GroupEvent {
        /// What happened.
        change: Arc<GroupChange>,
    },
    /// Such a group changed: for its nodes.
    Seats {
        /// Which group.
        group: GroupId,
        /// Its version by that change.
        version: u64,
        /// What the members that changed may see now.
        members: Vec<(UserId, Windows)>,
    },
    /// A token was ended: its connections are to be closed.
    End {
        /// Whose.
        user: UserId,
        /// Which.
        jti: String,
        /// Why.
        reason: CloseReason,
    },
    /// A token was renewed: its connections live on with the new one.
    Renew {
        /// The new one.
        caller: Caller,
        /// The old one.
        jti: String,
    },
}

/// A user that a letter is for, with the place of it in the user's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Who.
    pub user: UserId,
    /// Its place.
    pub id: PushId,
    /// The platform that is not told.
    pub except: Option<Platform>,
}

/// A letter as postcard has it. Later releases append variants, and never change one.
#[derive(Serialize, Deserialize)]
enum Row<'a> {
    Message {
        #[serde(borrow)]
        message: MessageRow<'a>,
        #[serde(borrow)]
        to: Vec<AddressRow<'a>>,
    },
    Event {
        #[serde(borrow)]
        event: EventRow<'a>,
        #[serde(borrow)]
        to: Vec<AddressRow<'a>>,
    },
    End {
        user: &'a str,
        jti: &'a str,
        reason: u16,
    },
    Renew {
        user: &'a str,
        platform: u8,
        jti: &'a str,
        expires_at_ms: i64,
        old: &'a str,
    },
    GroupMessage {
        #[serde(borrow)]
        message: MessageRow<'a>,
        origin: u8,
        version: u64,
    },
    GroupEvent {
        #[serde(borrow)]
        event: EventRow<'a>,
    },
    Seats {
        group: u64,
        version: u64,
        #[serde(borrow)]
        members: Vec<SeatRow<'a>>,
    },
}

/// A member with its stays.
#[derive(Serialize, Deserialize)]
struct SeatRow<'a> {
    user: &'a str,
    stays: Vec<(u64, Option<u64>)>,
}

impl<'a> SeatRow<'a> {
    fn of((user, windows): &'a (UserId, Windows)) -> Self {
        Self { user: user.as_str(), stays: windows.stays().iter().map(|stay| (stay.after, stay.until)).collect() }
    }

    fn into_seat(self) -> Option<(UserId, Windows)> {
        let stays = self.stays.into_iter().map(|(after, until)| Window { after, until });
        Some((UserId::parse(self.user)?, Windows::from_stays(stays.collect())))
    }
}

#[derive(Serialize, Deserialize)]
struct MessageRow<'a> {
    conversation: Cow<'a, str>,
    seq: u64,
    client_msg_id: &'a str,
    sender: &'a str,
    msg_type: u8,
    content: &'a str,
    send_at_ms: i64,
}

impl<'a> MessageRow<'a> {
    fn of(message: &'a Message) -> Self {
        Self {
            conversation: message.conversation.to_string().into(),
            seq: message.seq,
            client_msg_id: &message.client_msg_id,
            sender: message.sender.as_str(),
            msg_type: message.msg_type as u8,
            content: &message.content,
            send_at_ms: message.send_at_ms,
        }
    }

    fn into_message(self) -> Option<Arc<Message>> {
        Some(Arc::new(Message {
            conversation: ConversationId::parse(&self.conversation)?,
            seq: self.seq,
            client_msg_id: self.client_msg_id.into(),
            sender: UserId::parse(self.sender)?,
            msg_type: MsgType::from_number(self.msg_type.into())?,
            content: self.content.into(),
            send_at_ms: self.send_at_ms,
        }))
    }
}

#[derive(Serialize, Deserialize)]
struct AddressRow<'a> {
    user: &'a str,
    epoch: u64,
    position: u64,
    at_ms: i64,
    except: u8,
}

impl<'a> AddressRow<'a> {
    fn of(address: &'a Address) -> Self {
        let PushId { epoch, position, at_ms } = address.id;
        Self { user: address.user.as_str(), epoch, position, at_ms, except: platform_number(address.except) }
    }

    fn into_address(self) -> Option<Address> {
        let id = PushId { epoch: self.epoch, position: self.position, at_ms: self.at_ms };
        Some(Address { user: UserId::parse(self.user)?, id, except: platform(self.except)? })
    }
}

fn encode(row: &Row<'_>) -> Result<Vec<u8>, StoreError> {
    postcard::to_extend(row, vec![VERSION]).map_err(|error| StoreError::Corrupt(format!("a letter: {error}")))
}

impl Letter {
    /// The letter as bytes, and the span that it belongs to, if there is one.
    pub fn encode(&self, from: Option<Point>) -> Result<Vec<u8>, StoreError> {
        let mut bytes = self.bytes()?;
        if let Some(from) = from {
            bytes.push(TRACED);
            bytes.extend(from.to_bytes());
        }
        Ok(bytes)
    }

    fn bytes(&self) -> Result<Vec<u8>, StoreError> {
        let row = match self {
            Self::Message { message, to } => {
                Row::Message { message: MessageRow::of(message), to: to.iter().map(AddressRow::of).collect() }
            }
            Self::Event { event, to } => {
                Row::Event { event: EventRow::of(event), to: to.iter().map(AddressRow::of).collect() }
            }
            Self::End { user, jti, reason } => Row::End { user: user.as_str(), jti, reason: reason.code() },
            Self::Renew { caller, jti } => Row::Renew {
                user: caller.user.as_str(),
                platform: caller.platform.number(),
                jti: &caller.jti,
                expires_at_ms: caller.expires_at_ms,
                old: jti,
            },
            Self::GroupMessage { message, origin, version } => {
                let (message, origin) = (MessageRow::of(message), platform_number(*origin));
                Row::GroupMessage { message, origin, version: *version }
            }
            Self::GroupEvent { change } => {
                let event = Event::Group(Arc::clone(change));
                return encode(&Row::GroupEvent { event: EventRow::of(&event) });
            }
            Self::Seats { group, version, members } => {
                let members = members.iter().map(SeatRow::of).collect();
                Row::Seats { group: group.number(), version: *version, members }
            }
        };
        encode(&row)
    }

    /// The letter that `bytes` are, and the span that it belongs to; `None` if it is of a release that writes other ones.
    pub fn decode(bytes: &[u8]) -> Option<(Self, Option<Point>)> {
        let row = bytes.strip_prefix(&[VERSION])?;
        let (row, behind) = postcard::take_from_bytes::<Row<'_>>(row).ok()?;
        let from = behind.strip_prefix(&[TRACED]).and_then(|point| Point::from_bytes(point.first_chunk()?));
        Some((Self::of(row)?, from))
    }

    fn of(row: Row<'_>) -> Option<Self> {
        Some(match row {
            Row::Message { message, to } => Self::Message { message: message.into_message()?, to: addresses(to)? },
            Row::Event { event, to } => Self::Event { event: event.into_event()?, to: addresses(to)? },
            Row::End { user, jti, reason } => {
                Self::End { user: UserId::parse(user)?, jti: jti.to_owned(), reason: CloseReason::from_code(reason)? }
            }
            Row::Renew { user, platform: number, jti, expires_at_ms, old } => {
                let (user, platform) = (UserId::parse(user)?, platform(number)??);
                Self::Renew { caller: Caller { user, platform, jti: jti.to_owned(), expires_at_ms }, jti: old.to_owned() }
            }
            Row::GroupMessage { message, origin, version } => {
                Self::GroupMessage { message: message.into_message()?, origin: platform(origin)?, version }
            }
            Row::GroupEvent { event } => match event.into_event()? {
                Event::Group(change) => Self::GroupEvent { change },
                _ => return None,
            },
            Row::Seats { group, version, members } => {
                let members = members.into_iter().map(SeatRow::into_seat).collect::<Option<_>>()?;
                Self::Seats { group: GroupId::from_number(group), version, members }
            }
        })
    }
}

fn addresses(rows: Vec<AddressRow<'_>>) -> Option<Vec<Address>> {
    rows.into_iter().map(AddressRow::into_address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn user(name: &str) -> UserId {
        UserId::parse(name).expect("valid")
    }

    #[test]
    fn a_letter_survives_its_bytes() {
        let message = Message {
            conversation: ConversationId::single(&user("ann"), &user("bob")),
            seq: 3,
            client_msg_id: "id".into(),
            sender: user("ann"),
            msg_type: MsgType::Custom,
            content: "{\"text\":\"名\"}".into(),
            send_at_ms: -1,
        };
        let id = PushId { epoch: u64::MAX, position: 1, at_ms: 2 };
        let to = vec![
            Address { user: user("bob"), id, except: None },
            Address { user: user("ann"), id, except: Some(Platform::Web) },
        ];
        let read = Event::Read { conversation: message.conversation.clone(), read_seq: 3 };
        let caller = Caller { user: user("ann"), platform: Platform::Ios, jti: "new".to_owned(), expires_at_ms: 9 };
        let change = GroupChange {
            group: GroupId::from_number(7),
            change: "joined".into(),
            operator: user("ann"),
            users: vec![user("bob")],
        };
        let mut left = Windows::whole();
        left.close(5);
        let members = vec![(user("ann"), Windows::whole()), (user("bob"), left)];
        let message = Arc::new(message);
        for letter in [
            Letter::GroupMessage { message: Arc::clone(&message), origin: Some(Platform::Ios), version: u64::MAX },
            Letter::GroupMessage { message: Arc::clone(&message), origin: None, version: 0 },
            Letter::GroupEvent { change: Arc::new(change) },
            Letter::Seats { group: GroupId::from_number(u64::MAX), version: 3, members },
            Letter::Message { message, to: to.clone() },
            Letter::Event { event: read, to },
            Letter::End { user: user("ann"), jti: "old".to_owned(), reason: CloseReason::Replaced },
            Letter::Renew { caller, jti: "old".to_owned() },
        ] {
            let bytes = letter.encode(None).expect("bytes");
            assert_eq!(Letter::decode(&bytes), Some((letter.clone(), None)));
            let from = Point::from_bytes(&[7; Point::BYTES]);
            let traced = letter.encode(from).expect("bytes");
            // What a release reads that knows nothing of traces.
            assert!(traced.starts_with(&bytes) && postcard::from_bytes::<Row<'_>>(&traced[1..]).is_ok());
            assert_eq!(Letter::decode(&traced), Some((letter, from)));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_letter_or_not_understood(mut bytes in prop::collection::vec(any::<u8>(), 0..80), known: bool) {
            if known && !bytes.is_empty() {
                bytes[0] = VERSION;
            }
            let _ = Letter::decode(&bytes);
        }
    }
}
