//! Instants in few spans: the first, the last and the number of each span.

use super::doubling::{Doubling, Join};
use crate::bytes::saved::{Reader, Writer};
use crate::time::Timestamp;

/// Instants, in spans that double each time there are too many of them. The order of insertion does
/// not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spans(Doubling<Span>);

/// The instants of one span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) count: u64,
}

/// The most lines that saved bytes may count in a span.
const MOST_LINES: u64 = 1 << 48;

/// Returns whether the difference of two such times is a number, too.
const fn is_usual(nanos: i64) -> bool {
    nanos.unsigned_abs() < 1 << 62
}

impl Join for Span {
    fn joined(self, other: Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
            count: self.count + other.count,
        }
    }
}

impl Spans {
    /// Creates an empty set; a span has 2^`shift` nanoseconds at first.
    pub(super) const fn new(shift: u32) -> Self {
        Self(Doubling::new(shift))
    }

    /// Adds an instant.
    pub(super) fn add(&mut self, time: Timestamp) {
        self.add_span(Span { first: time, last: time, count: 1 });
    }

    /// Adds the instants of a span that is within one of these.
    pub(super) fn add_span(&mut self, span: Span) {
        self.0.put(self.0.number(span.first), span);
    }

    /// Adds all instants of another.
    pub(super) fn join(&mut self, other: &Self) {
        self.0.join(&other.0);
    }

    /// Returns all spans, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Span> + '_ {
        self.0.all().values().copied()
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.number(self.0.shift().into());
        out.count(self.0.all().len());
        for (number, span) in self.0.all() {
            let (first, last) = (span.first.as_nanos(), span.last.as_nanos());
            out.signed(*number);
            out.signed(first);
            out.number(last.abs_diff(first));
            out.number(span.count);
        }
    }

    /// Reads saved spans; returns `None` for other bytes.
    pub(super) fn decode(input: &mut Reader<'_>) -> Option<Self> {
        let shift = u32::try_from(input.number()?).ok().filter(|shift| (1..63).contains(shift))?;
        let mut spans = Self::new(shift);
        for _ in 0..input.count()? {
            let (number, first) = (input.signed()?, input.signed().filter(|it| is_usual(*it))?);
            let last = first.checked_add_unsigned(input.number()?).filter(|it| is_usual(*it))?;
            let count = input.number().filter(|count| *count <= MOST_LINES)?;
            let [first, last] = [first, last].map(Timestamp::from_nanos);
            spans.0.put(number, Span { first, last, count });
        }
        Some(spans)
    }
}
