//! What is written down of a push: as a line in a user's log, and as bytes in a letter.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::model::{ConversationId, GroupChange, GroupId, Platform, ReceiveOption, UserId};

/// What a log entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogEntry {
    /// A message, to be read from the store.
    Message {
        /// Its conversation.
        conversation: ConversationId,
        /// Its seq there.
        seq: u64,
        /// About how many bytes its frame has.
        size: usize,
    },
    /// An event, whole.
    Event(Event),
}

/// What a user's nodes are told besides messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The user read a conversation.
    Read {
        /// What it read.
        conversation: ConversationId,
        /// How far.
        read_seq: u64,
    },
    /// A group changed.
    Group(Arc<GroupChange>),
    /// The messages of a group come by node to this user from now on: for its nodes, not for its clients.
    Seat {
        /// Which group.
        group: GroupId,
        /// Whether the user came or went, and not the group that grew: then nobody told it what was on its way.
        moved: bool,
    },
    /// The user set how it has a conversation.
    Settings {
        /// Which conversation.
        conversation: ConversationId,
        /// Whether and how it is told of messages.
        receive: ReceiveOption,
        /// Whether it is listed first. `None` if a node of an earlier release did not say so, nor whether there are notices: that is
        /// for nodes, not for clients.
        is_pinned: Option<bool>,
    },
}

/// An event as postcard has it. Later releases append variants, and never change one.
#[derive(Serialize, Deserialize)]
pub(super) enum EventRow<'a> {
    Read {
        conversation: Cow<'a, str>,
        read_seq: u64,
    },
    Group {
        group: u64,
        change: Cow<'a, str>,
        operator: &'a str,
        users: Vec<&'a str>,
    },
    /// Of earlier releases: read, and written no more.
    Muted {
        conversation: Cow<'a, str>,
        muted: bool,
    },
    Seat {
        group: u64,
        moved: bool,
    },
    Settings {
        conversation: Cow<'a, str>,
        receive: u8,
        is_pinned: Option<bool>,
    },
}

impl<'a> EventRow<'a> {
    pub(super) fn of(event: &'a Event) -> Self {
        match event {
            Event::Read { conversation, read_seq } => {
                Self::Read { conversation: conversation.to_string().into(), read_seq: *read_seq }
            }
            Event::Group(change) => Self::Group {
                group: change.group.number(),
                change: change.change.as_ref().into(),
                operator: change.operator.as_str(),
                users: change.users.iter().map(UserId::as_str).collect(),
            },
            Event::Seat { group, moved } => Self::Seat { group: group.number(), moved: *moved },
            Event::Settings { conversation, receive, is_pinned } => Self::Settings {
                conversation: conversation.to_string().into(),
                receive: *receive as u8,
                is_pinned: *is_pinned,
            },
        }
    }

    pub(super) fn into_event(self) -> Option<Event> {
        Some(match self {
            Self::Read { conversation, read_seq } => {
                Event::Read { conversation: ConversationId::parse(&conversation)?, read_seq }
            }
            Self::Group { group, change, operator, users } => Event::Group(Arc::new(GroupChange {
                group: GroupId::from_number(group),
                change: Cow::Owned(change.into_owned()),
                operator: UserId::parse(operator)?,
                users: users.into_iter().map(UserId::parse).collect::<Option<_>>()?,
            })),
            Self::Seat { group, moved } => Event::Seat { group: GroupId::from_number(group), moved },
            Self::Muted { conversation, muted } => Event::Settings {
                conversation: ConversationId::parse(&conversation)?,
                receive: if muted { ReceiveOption::Mute } else { ReceiveOption::Notify },
                is_pinned: None,
            },
            Self::Settings { conversation, receive, is_pinned } => Event::Settings {
                conversation: ConversationId::parse(&conversation)?,
                receive: ReceiveOption::from_number(receive.into())?,
                is_pinned,
            },
        })
    }
}

/// The number of a platform; 0 for none.
pub(super) fn platform_number(platform: Option<Platform>) -> u8 {
    platform.map_or(0, Platform::number)
}

/// The platform with a number, if it is not 0; `None` if there is no such platform.
pub(super) fn platform(number: u8) -> Option<Option<Platform>> {
    if number == 0 { Some(None) } else { Platform::from_number(number.into()).map(Some) }
}

/// An entry with the platform that is not told, as a line without spaces at its ends.
pub(super) fn line(entry: &LogEntry, except: Option<Platform>) -> Result<String, postcard::Error> {
    let except = platform_number(except);
    Ok(match entry {
        LogEntry::Message { conversation, seq, size } => format!("1m {except} {size} {seq} {conversation}"),
        LogEntry::Event(event) => {
            let bytes = postcard::to_stdvec(&EventRow::of(event))?;
            format!("1e {except} {}", STANDARD_NO_PAD.encode(bytes))
        }
    })
}

/// What a line says; `None` if it is of a release that writes other ones.
pub(super) fn parse_line(line: &str) -> Option<(LogEntry, Option<Platform>)> {
    let mut words = line.split(' ');
    let (kind, except) = (words.next()?, platform(words.next()?.parse().ok()?)?);
    let entry = match kind {
        "1m" => {
            let (size, seq) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            LogEntry::Message { conversation: ConversationId::parse(words.next()?)?, seq, size }
        }
        "1e" => {
            let bytes = STANDARD_NO_PAD.decode(words.next()?).ok()?;
            LogEntry::Event(postcard::from_bytes::<EventRow<'_>>(&bytes).ok()?.into_event()?)
        }
        _ => return None,
    };
    words.next().is_none().then_some((entry, except))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> UserId {
        UserId::parse(name).expect("valid")
    }

    #[test]
    fn an_entry_survives_its_line() {
        let conversation = ConversationId::single(&user("ann"), &user("bob"));
        let change = GroupChange {
            group: GroupId::from_number(u64::MAX),
            change: "quit".into(),
            operator: user("ann"),
            users: vec![user("ann"), user("bob")],
        };
        let entries = [
            LogEntry::Message { conversation: conversation.clone(), seq: u64::MAX, size: 9 },
            LogEntry::Event(Event::Read { conversation: conversation.clone(), read_seq: 7 }),
            LogEntry::Event(Event::Group(Arc::new(change))),
            LogEntry::Event(Event::Settings { conversation, receive: ReceiveOption::Silent, is_pinned: Some(true) }),
            LogEntry::Event(Event::Seat { group: GroupId::from_number(1), moved: true }),
        ];
        for entry in entries {
            for except in [None, Some(Platform::Web)] {
                let line = line(&entry, except).expect("a line");
                assert_eq!(parse_line(&line), Some((entry.clone(), except)), "{line}");
            }
        }
    }

    #[test]
    fn a_line_of_the_release_before_is_understood() {
        let conversation = ConversationId::single(&user("ann"), &user("bob"));
        for (muted, receive) in [(true, ReceiveOption::Mute), (false, ReceiveOption::Notify)] {
            let row = EventRow::Muted { conversation: conversation.to_string().into(), muted };
            let bytes = postcard::to_stdvec(&row).expect("bytes");
            // As it was written then: the third kind, a text and a bool.
            assert_eq!((bytes[0], bytes.last()), (2, Some(&u8::from(muted))));
            let event = Event::Settings { conversation: conversation.clone(), receive, is_pinned: None };
            let line = format!("1e 0 {}", STANDARD_NO_PAD.encode(bytes));
            assert_eq!(parse_line(&line), Some((LogEntry::Event(event), None)));
        }
    }

    #[test]
    fn other_lines_are_not_understood() {
        for line in
            ["", "2m 0 1 1 sg_1", "1m 0 1 1 sg_1 more", "1m 9 1 1 sg_1", "1m 0 1 x sg_1", "1e 0 !", "1e 0 /w", "1m 0 1"]
        {
            assert_eq!(parse_line(line), None, "{line}");
        }
    }
}
