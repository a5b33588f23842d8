//! The identifiers of the API, checked where they are made.

use std::fmt;
use std::sync::Arc;

/// A user's id: 1 to 64 of `A-Z a-z 0-9 _ . @ + -`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(Arc<str>);

impl UserId {
    /// What a user id must look like, in words.
    pub const EXPECTED: &'static str = "expects 1 to 64 characters of A-Z a-z 0-9 _ . @ + -";

    /// The id that `text` spells, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        let sane = |byte: u8| byte.is_ascii_alphanumeric() || b"_.@+-".contains(&byte);
        let valid = (1..=64).contains(&text.len()) && text.bytes().all(sane);
        valid.then(|| Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A group's id: a positive number, written in decimal digits on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(u64);

impl GroupId {
    /// The id with this number.
    pub fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The id that `text` spells. Other spellings of a number (`007`, `+7`) are no group's id.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits && !text.starts_with('0'))?;
        Some(Self(number))
    }

    /// The number, which orders groups in the store.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A conversation: two users (or one with itself), or a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConversationId {
    /// `si_{low}:{high}`, `low <= high` by bytes.
    Single {
        /// The smaller of the two ids.
        low: UserId,
        /// The larger of the two ids.
        high: UserId,
    },
    /// `sg_{group}`.
    Group(GroupId),
}

impl ConversationId {
    /// What a conversation id must look like, in words.
    pub const EXPECTED: &'static str = "expects si_{userA}:{userB}, the smaller id first, or sg_{groupId}";

    /// The conversation between two users.
    pub fn single(one: &UserId, other: &UserId) -> Self {
        let (low, high) = if one <= other { (one, other) } else { (other, one) };
        Self::Single { low: low.clone(), high: high.clone() }
    }

    /// The conversation that `text` spells, if it is the spelling of one.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(group) = text.strip_prefix("sg_") {
            return GroupId::parse(group).map(Self::Group);
        }
        let (low, high) = text.strip_prefix("si_")?.split_once(':')?;
        let (low, high) = (UserId::parse(low)?, UserId::parse(high)?);
        (low <= high).then_some(Self::Single { low, high })
    }

    /// The group, if it is a group's conversation.
    pub fn group(&self) -> Option<GroupId> {
        match self {
            Self::Single { .. } => None,
            Self::Group(group) => Some(*group),
        }
    }

    /// The one at the other end of a single conversation of `user`; `user` itself in its notes to itself.
    pub fn peer_of(&self, user: &UserId) -> Option<&UserId> {
        match self {
            Self::Single { low, high } if low == user => Some(high),
            Self::Single { low, high } if high == user => Some(low),
            _ => None,
        }
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Single { low, high } => write!(f, "si_{low}:{high}"),
            Self::Group(group) => write!(f, "sg_{group}"),
        }
    }
}

/// The kind of device that a token was given to; one token each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "they are names of products")]
pub enum Platform {
    Ios = 1,
    Android = 2,
    Windows = 3,
    MacOs = 4,
    Web = 5,
}

impl Platform {
    /// The platform with this number, 1 to 5.
    pub fn from_number(number: i64) -> Option<Self> {
        [Self::Ios, Self::Android, Self::Windows, Self::MacOs, Self::Web]
            .into_iter()
            .find(|platform| i64::from(platform.number()) == number)
    }

    /// The number of the API document.
    pub fn number(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_conversation_id_survives_its_spelling(a in "[A-Za-z0-9_.@+-]{1,64}", b in "[A-Za-z0-9_.@+-]{1,64}") {
            let (a, b) = (UserId::parse(&a).expect("valid"), UserId::parse(&b).expect("valid"));
            let id = ConversationId::single(&a, &b);
            prop_assert_eq!(ConversationId::parse(&id.to_string()), Some(id.clone()));
            prop_assert_eq!(id.peer_of(&a), Some(&b));
            prop_assert_eq!(id, ConversationId::single(&b, &a));
        }

        #[test]
        fn whatever_parses_is_spelled_the_same_again(text in "(si_|sg_)?.{0,140}") {
            if let Some(id) = ConversationId::parse(&text) {
                prop_assert_eq!(id.to_string(), text);
            }
        }

        #[test]
        fn a_group_id_survives_its_spelling(number in 1u64..) {
            let id = GroupId::from_number(number);
            prop_assert_eq!(GroupId::parse(&id.to_string()), Some(id));
        }
    }

    #[test]
    fn other_spellings_of_an_id_are_refused() {
        for text in
            ["", "si_", "si_a", "si_b:a", "si_a:b:c", "si_a:", "sg_", "sg_01", "sg_-1", "sg_99999999999999999999", "xx_1"]
        {
            assert_eq!(ConversationId::parse(text), None, "{text}");
        }
        assert_eq!(UserId::parse("with space"), None);
        assert_eq!(UserId::parse("名"), None);
        assert_eq!(UserId::parse(&"a".repeat(65)), None);
    }
}
