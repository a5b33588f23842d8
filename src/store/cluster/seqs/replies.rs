//! The answers of the Functions, which are flat lists of words.

use super::Need;

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// The id has this seq now, new or as before, and it is not known to be stored.
    Claim {
        /// The seq.
        seq: u64,
        /// When the message was sent, by the clock of Redis.
        send_at_ms: u64,
        /// The fence of its block.
        fence: u64,
        /// The block is running out: whoever has this answer brings the next one.
        ahead: Option<Need>,
    },
    /// The id was stored under this seq.
    Seen {
        /// The seq.
        seq: u64,
        /// When the message was sent.
        send_at_ms: u64,
    },
    /// The id is used with another body.
    Other,
    /// Nothing below the candidate is open here.
    Final,
    /// The next seq here is not above the floor.
    Behind {
        /// The fence of the key's blocks.
        fence: u64,
    },
    /// Settling has to say first what became of this id.
    Busy,
    /// A block is needed, and this asker is the one to bring it.
    Need(Need),
    /// A block is needed, and someone is bringing it.
    Wait,
    /// The conversation takes no more messages for so many milliseconds.
    Limited(i64),
}

fn number(word: Option<&String>) -> Option<u64> {
    word?.parse().ok()
}

fn need(words: &[String]) -> Option<Need> {
    let cold = match words.first()?.as_str() {
        "cold" => true,
        "warm" => false,
        _ => return None,
    };
    let at = |place: usize| number(words.get(place));
    Some(Need { cold, fence: at(1)?, whole_to: at(2)?, whole_from: at(3)?, size: at(4)? })
}

impl Claimed {
    /// Reads the answer of `claim`; `None` if it is none.
    pub fn parse(words: &[String]) -> Option<Self> {
        let at = |place: usize| number(words.get(place));
        Some(match words.first()?.as_str() {
            "new" | "same" => Self::Claim {
                seq: at(1)?,
                send_at_ms: at(2)?,
                fence: at(3)?,
                ahead: need(words.get(4..).unwrap_or_default()),
            },
            "seen" => Self::Seen { seq: at(1)?, send_at_ms: at(2)? },
            "other" => Self::Other,
            "final" => Self::Final,
            "behind" => Self::Behind { fence: at(1)? },
            "busy" => Self::Busy,
            "need" => Self::Need(need(&words[1..])?),
            "wait" => Self::Wait,
            "limited" => Self::Limited(words.get(1)?.parse().ok()?),
            _ => return None,
        })
    }
}

/// What a key knows of its conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peeked {
    /// Redis did not answer. It may know everything.
    Silent,
    /// There is no key, or one that may be behind.
    Cold,
    /// The key of this run of the server.
    Warm {
        /// The fence of its blocks.
        fence: u64,
        /// It has nothing pending up to here.
        whole_to: u64,
        /// From here up it knows every claim.
        whole_from: u64,
    },
}

impl Peeked {
    /// Reads the answer of `peek`; `None` if it is none.
    pub fn parse(words: &[String]) -> Option<Self> {
        let at = |place: usize| number(words.get(place));
        Some(match words.first()?.as_str() {
            "cold" => Self::Cold,
            "warm" => Self::Warm { fence: at(1)?, whole_to: at(2)?.checked_sub(1)?, whole_from: at(3)? },
            _ => return None,
        })
    }
}

/// What `close` found abandoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// Nothing is pending.
    Nothing,
    /// What is pending was renewed after the count given; this is the count now.
    Watch(u64),
    /// Claims from here to here, which are settled already without the key having been told.
    Stale(u64, u64),
    /// Claims up to here, closed now, and to be settled.
    Open(u64),
}

impl Closed {
    /// Reads the answer of `close`; `None` if it is none.
    pub fn parse(words: &[String]) -> Option<Self> {
        let at = |place: usize| number(words.get(place));
        Some(match words.first()?.as_str() {
            "nothing" => Self::Nothing,
            "watch" => Self::Watch(at(1)?),
            "stale" => Self::Stale(at(1)?, at(2)?),
            "settle" => Self::Open(at(2)?),
            _ => return None,
        })
    }
}
