//! What was acked and what was pushed, in one bit each.

use anyhow::{Context as _, Result};
use serde::Deserialize;
use std::borrow::Cow;

/// A set of numbers that begin at 0 and leave few out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bits(Vec<u64>);

/// What one lane was heard saying.
#[derive(Clone, Debug, Default)]
struct Lane {
    heard: Bits,
    /// One more than the highest number heard.
    next: u64,
}

/// Everything that one socket was pushed.
#[derive(Debug)]
pub(crate) struct Heard {
    /// The lanes of its room begin here.
    first: usize,
    lanes: Vec<Lane>,
    /// Its own lane, of which it is told nothing.
    own: Option<usize>,
    twice: u64,
    disordered: u64,
}

/// What comparing comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Compared {
    /// Acked sends that a socket was to be told, over all sockets.
    pub(crate) due: u64,
    pub(crate) missing: u64,
    pub(crate) twice: u64,
    pub(crate) disordered: u64,
}

impl Bits {
    /// Whether it is new.
    pub(crate) fn insert(&mut self, number: u64) -> bool {
        let (word, bit) = ((number / 64) as usize, 1 << (number % 64));
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }

    fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    fn without(&self, other: &Bits) -> u64 {
        let others = other.0.iter().copied().chain(std::iter::repeat(0));
        self.0.iter().zip(others).map(|(word, other)| u64::from((word & !other).count_ones())).sum()
    }
}

impl Heard {
    pub(crate) fn new(lanes: std::ops::Range<usize>, own: Option<usize>) -> Heard {
        Heard { first: lanes.start, lanes: vec![Lane::default(); lanes.len()], own, twice: 0, disordered: 0 }
    }

    /// Takes in a frame that is a message; answers its lane and its number there, unless it came before.
    pub(crate) fn push(&mut self, frame: &[u8]) -> Result<Option<(usize, u64)>> {
        #[derive(Deserialize)]
        struct Pushed<'a> {
            #[serde(borrow)]
            client_msg_id: Cow<'a, str>,
        }
        let pushed: Pushed = serde_json::from_slice(frame).context("a frame that is no message")?;
        let mut numbers = pushed.client_msg_id.rsplit('-').map(str::parse);
        let (Some(Ok(nth)), Some(Ok(lane))) = (numbers.next(), numbers.next()) else {
            anyhow::bail!("a foreign message was pushed: {}", pushed.client_msg_id);
        };
        let lane = lane as usize;
        let from = lane.checked_sub(self.first).and_then(|at| self.lanes.get_mut(at)).context("of another room")?;
        if !from.heard.insert(nth) {
            self.twice += 1;
            return Ok(None);
        }
        self.disordered += u64::from(nth < from.next);
        from.next = from.next.max(nth + 1);
        Ok(Some((lane, nth)))
    }

    /// Compares with what was acked, by lane.
    pub(crate) fn compare(&self, acked: &[Bits]) -> Compared {
        let mut compared = Compared { twice: self.twice, disordered: self.disordered, ..Compared::default() };
        for (lane, from) in (self.first..).zip(&self.lanes).filter(|(lane, _)| Some(*lane) != self.own) {
            compared.due += acked[lane].count();
            compared.missing += acked[lane].without(&from.heard);
        }
        compared
    }
}

impl std::ops::AddAssign for Compared {
    fn add_assign(&mut self, other: Compared) {
        self.due += other.due;
        self.missing += other.missing;
        self.twice += other.twice;
        self.disordered += other.disordered;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(heard: &mut Heard, lane: usize, nth: u64) -> Option<(usize, u64)> {
        let frame = format!(r#"{{"seq":1,"client_msg_id":"tag-1-{lane}-{nth}"}}"#);
        heard.push(frame.as_bytes()).expect("a message")
    }

    #[test]
    fn what_is_lost_doubled_or_out_of_order_is_counted() {
        let mut acked = vec![Bits::default(); 5];
        for nth in 0..100 {
            acked[3].insert(nth);
            acked[4].insert(nth);
        }
        let mut heard = Heard::new(3..5, Some(4));
        for nth in (0..70).chain([71, 70]).chain(72..99) {
            assert_eq!(push(&mut heard, 3, nth), Some((3, nth)));
        }
        assert_eq!(push(&mut heard, 3, 71), None, "it came before");
        // Sent, and not known to be acked.
        push(&mut heard, 3, 640);
        assert_eq!(heard.compare(&acked), Compared { due: 100, missing: 1, twice: 1, disordered: 1 });
    }

    #[test]
    fn a_message_of_another_room_is_refused() {
        let mut heard = Heard::new(3..5, None);
        assert!(heard.push(br#"{"client_msg_id":"t-5-0"}"#).is_err());
        assert!(heard.push(br#"{"client_msg_id":"someone"}"#).is_err());
        assert!(heard.push(br#"{"event":"hello"}"#).is_err());
    }
}
