//! Windows: the seqs of a conversation that a user may see, and what follows from them.

/// The seqs that were given out in a conversation, as far as they may be shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extent {
    /// The highest seq that may be shown; 0 without a message.
    pub max_seq: u64,
    /// When that message was sent; 0 without a message.
    pub last_at_ms: i64,
    /// Ranges of seqs that were given up, `first..=last`, ascending and apart. They hold no message.
    pub gaps: Vec<(u64, u64)>,
}

impl Extent {
    /// How many messages there are in `after+1 ..= until`.
    fn count(&self, after: u64, until: u64) -> u64 {
        let until = until.min(self.max_seq);
        let lost = self.gaps.iter().map(|&(first, last)| last.min(until).saturating_sub(first.max(after + 1) - 1));
        until.saturating_sub(after).saturating_sub(lost.sum())
    }

    /// The highest seq up to `until` that holds a message.
    fn highest(&self, until: u64) -> u64 {
        let mut highest = until.min(self.max_seq);
        for &(first, last) in self.gaps.iter().rev() {
            if (first..=last).contains(&highest) {
                highest = first - 1;
            }
        }
        highest
    }
}

/// The seqs of one stay in a conversation: those above `after`, up to `until` if it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The top at joining: this seq and those below it are not seen.
    pub after: u64,
    /// The top at leaving, the last seq that is seen; `None` while the stay lasts.
    pub until: Option<u64>,
}

/// All stays of one user in one conversation, ascending and apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Windows(Vec<Window>);

impl Windows {
    /// How many stays are kept apart; past it one cannot join again (1004). A stay without a message takes no room.
    pub const MAX: usize = 1_000;

    /// Everything from the first message on.
    pub fn whole() -> Self {
        Self(vec![Window { after: 0, until: None }])
    }

    /// Nothing yet.
    pub fn none() -> Self {
        Self::default()
    }

    /// The stays of a stored row, ascending and apart.
    pub fn from_stays(stays: Vec<Window>) -> Self {
        Self(stays)
    }

    /// The stays, ascending and apart.
    pub fn stays(&self) -> &[Window] {
        &self.0
    }

    /// Starts a stay at `top`. A stay that ended there simply goes on.
    pub fn open(&mut self, top: u64) {
        match self.0.last_mut() {
            Some(last) if last.until == Some(top) => last.until = None,
            _ => self.0.push(Window { after: top, until: None }),
        }
    }

    /// Ends the stay at `top`. One that saw no seq leaves no trace.
    pub fn close(&mut self, top: u64) {
        if let Some(last) = self.0.last_mut().filter(|last| last.until.is_none()) {
            last.until = Some(top);
            if last.after >= top {
                self.0.pop();
            }
        }
    }

    /// Whether there is room for a stay that starts at `top`.
    pub fn has_room(&self, top: u64) -> bool {
        self.0.len() < Self::MAX || self.0.last().is_some_and(|last| last.until == Some(top))
    }

    /// Whether the last stay lasts.
    pub fn is_open(&self) -> bool {
        self.0.last().is_some_and(|last| last.until.is_none())
    }

    /// Whether `seq` is seen.
    pub fn contains(&self, seq: u64) -> bool {
        self.0.iter().any(|window| seq > window.after && window.until.is_none_or(|until| seq <= until))
    }

    /// The highest seq of a message that is seen, or 0.
    pub fn max_seq(&self, extent: &Extent) -> u64 {
        let highest = |window: &Window| {
            let highest = extent.highest(window.until.unwrap_or(u64::MAX));
            (highest > window.after).then_some(highest)
        };
        self.0.iter().rev().find_map(highest).unwrap_or(0)
    }

    /// How many messages above `read_seq` are seen.
    pub fn unread(&self, read_seq: u64, extent: &Extent) -> u64 {
        let count = |window: &Window| extent.count(window.after.max(read_seq), window.until.unwrap_or(u64::MAX));
        self.0.iter().map(count).sum()
    }

    /// The parts of `begin..=end` that are seen, ascending.
    pub fn clip(&self, begin: u64, end: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
        let clip = move |window: &Window| {
            let first = begin.max(window.after + 1);
            let last = window.until.map_or(end, |until| end.min(until));
            (first <= last).then_some((first, last))
        };
        self.0.iter().filter_map(clip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A plain model: a set of seqs, and for each whether it holds a message.
    fn seen(windows: &Windows, extent: &Extent) -> Vec<u64> {
        let gap = |seq: u64| extent.gaps.iter().any(|&(first, last)| (first..=last).contains(&seq));
        (1..=extent.max_seq).filter(|&seq| windows.contains(seq) && !gap(seq)).collect()
    }

    prop_compose! {
        fn an_extent()(steps in prop::collection::vec((1u64..6, 1u64..4), 0..5), tail in 0u64..6) -> Extent {
            let (mut top, mut gaps) = (0, Vec::new());
            for (live, lost) in steps {
                gaps.push((top + live + 1, top + live + lost));
                top += live + lost;
            }
            Extent { max_seq: top + tail, last_at_ms: 1, gaps }
        }
    }

    prop_compose! {
        fn some_windows()(steps in prop::collection::vec(0u64..5, 0..8)) -> Windows {
            let (mut windows, mut top) = (Windows::none(), 0);
            for step in steps {
                top += step;
                if windows.is_open() { windows.close(top) } else { windows.open(top) }
            }
            windows
        }
    }

    proptest! {
        #[test]
        fn max_seq_and_unread_are_those_of_a_full_recount(windows in some_windows(), extent in an_extent(), read in 0u64..40) {
            let seen = seen(&windows, &extent);
            prop_assert_eq!(windows.max_seq(&extent), seen.last().copied().unwrap_or(0));
            prop_assert_eq!(windows.unread(read, &extent), seen.iter().filter(|&&seq| seq > read).count() as u64);
        }

        #[test]
        fn clipping_keeps_exactly_what_is_seen(windows in some_windows(), begin in 0u64..40, end in 0u64..40) {
            let clipped: Vec<u64> = windows.clip(begin, end).flat_map(|(first, last)| first..=last).collect();
            let plain: Vec<u64> = (begin..=end).filter(|&seq| windows.contains(seq)).collect();
            prop_assert_eq!(clipped, plain);
        }

        #[test]
        fn a_member_sees_exactly_what_was_sent_while_it_was_in(steps in prop::collection::vec(any::<bool>(), 0..60)) {
            // true: a message is sent; false: the member joins or leaves.
            let (mut windows, mut top, mut expected) = (Windows::none(), 0, Vec::new());
            for sends in steps {
                if sends {
                    top += 1;
                    if windows.is_open() { expected.push(top) }
                } else if windows.is_open() { windows.close(top) } else { windows.open(top) }
            }
            let got: Vec<u64> = (1..=top).filter(|&seq| windows.contains(seq)).collect();
            prop_assert_eq!(got, expected);
        }
    }

    #[test]
    fn leaving_and_coming_back_without_a_message_takes_no_room() {
        let mut windows = Windows::none();
        for _ in 0..10 {
            windows.open(5);
            windows.close(5);
        }
        assert_eq!(windows, Windows::none());
        windows.open(5);
        windows.close(9);
        windows.open(9);
        assert_eq!(windows, Windows(vec![Window { after: 5, until: None }]));
    }
}
