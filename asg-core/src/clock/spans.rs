//! Instants in few spans: the first, the last and the number of each span.

use std::collections::BTreeMap;

use crate::time::Timestamp;

/// Instants, in spans that double each time there are too many of them. The order of insertion does
/// not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spans {
    shift: u32,
    spans: BTreeMap<i64, Span>,
}

/// The instants of one span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) count: u64,
}

const MOST_SPANS: usize = 256;

impl Span {
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
        Self { shift, spans: BTreeMap::new() }
    }

    /// Adds an instant.
    pub(super) fn add(&mut self, time: Timestamp) {
        self.put(time.as_nanos() >> self.shift, Span { first: time, last: time, count: 1 });
    }

    /// Adds all instants of another.
    pub(super) fn join(&mut self, other: &Self) {
        self.shift_to(self.shift.max(other.shift));
        for (number, span) in &other.spans {
            self.put(number >> (self.shift - other.shift), *span);
        }
    }

    /// Returns all spans, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Span> + '_ {
        self.spans.values().copied()
    }

    fn put(&mut self, number: i64, span: Span) {
        let known = self.spans.entry(number).or_insert(Span { count: 0, ..span });
        *known = known.joined(span);
        while self.spans.len() > MOST_SPANS {
            self.shift_to(self.shift + 1);
        }
    }

    fn shift_to(&mut self, shift: u32) {
        let by = shift - self.shift;
        if by == 0 {
            return;
        }
        self.shift = shift;
        for (number, span) in std::mem::take(&mut self.spans) {
            self.put(number >> by, span);
        }
    }
}
