//! The trace that a caller says its request belongs to: `traceparent`, as W3C Trace Context has it (section 3.2).

use opentelemetry::trace::{SpanId, TraceId};

use super::Point;

/// The span of a caller that a request belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    pub(super) point: Point,
    /// Whether the request is to be traced, if the caller may say so.
    pub(super) traced: Option<bool>,
}

impl Parent {
    /// The span that a header names; `None` if it is none. Only who is `trusted` says whether the request is traced.
    pub fn parse(header: &str, trusted: bool) -> Option<Self> {
        let mut parts = header.split('-');
        let mut number = |digits: usize| {
            let part = parts.next()?;
            let is_sane = part.len() == digits && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            is_sane.then(|| u128::from_str_radix(part, 16).ok()).flatten()
        };
        let (version, trace, span, flags) = (number(2)?, number(32)?, number(16)?, number(2)?);
        // Later versions may say more behind that.
        if version == 0xff || (version == 0 && parts.next().is_some()) {
            return None;
        }
        let span = SpanId::from(u64::try_from(span).ok()?);
        let point = Point::of(TraceId::from(trace), span)?;
        Some(Self { point, traced: trusted.then_some(flags & 1 == 1) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEADER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn only_who_is_trusted_says_what_is_traced() {
        let parent = Parent::parse(HEADER, false).expect("a parent");
        assert_eq!((parent.point.trace.to_string().as_str(), parent.traced), ("4bf92f3577b34da6a3ce929d0e0e4736", None));
        assert_eq!(parent.point.span.to_string(), "00f067aa0ba902b7");
        assert_eq!(Parent::parse(HEADER, true).and_then(|parent| parent.traced), Some(true));
        let other = HEADER.replace("-01", "-02");
        assert_eq!(Parent::parse(&other, true).and_then(|parent| parent.traced), Some(false));
    }

    #[test]
    fn a_later_version_may_say_more() {
        assert!(Parent::parse(&format!("{}-more", HEADER.replacen("00", "01", 1)), true).is_some());
        assert!(Parent::parse(&format!("{HEADER}-more"), true).is_none());
        assert!(Parent::parse(&HEADER.replacen("00", "ff", 1), true).is_none());
    }

    #[test]
    fn zeros_and_capitals_are_no_parent() {
        assert!(Parent::parse("00-00000000000000000000000000000000-00f067aa0ba902b7-01", true).is_none());
        assert!(Parent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", true).is_none());
        assert!(Parent::parse(&HEADER.to_uppercase(), true).is_none());
    }

    proptest! {
        #[test]
        fn any_text_is_a_parent_or_none(text in "[-0-9a-fg]{0,60}") {
            let _ = Parent::parse(&text, true);
        }
    }
}
