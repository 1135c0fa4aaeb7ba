//! Facts about instants, in spans of time that double each time there are too many of them.

use std::collections::BTreeMap;

use crate::time::Timestamp;

const MOST_SPANS: usize = 256;

/// Facts about the instants of a span.
pub(super) trait Join: Copy {
    /// Returns the facts about the instants of both.
    #[must_use]
    fn joined(self, other: Self) -> Self;
}

/// Spans with their facts, by number. The order of insertion does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Doubling<T> {
    shift: u32,
    spans: BTreeMap<i64, T>,
}

impl<T: Join> Doubling<T> {
    /// Creates an empty set; a span has 2^`shift` nanoseconds at first.
    pub(super) const fn new(shift: u32) -> Self {
        Self { shift, spans: BTreeMap::new() }
    }

    /// Returns the binary logarithm of a span's nanoseconds.
    pub(super) const fn shift(&self) -> u32 {
        self.shift
    }

    /// Returns the number of the span in which an instant is.
    pub(super) const fn number(&self, at: Timestamp) -> i64 {
        at.as_nanos() >> self.shift
    }

    /// Returns all spans by number, in order.
    pub(super) const fn all(&self) -> &BTreeMap<i64, T> {
        &self.spans
    }

    /// Adds facts about instants in the span of this number.
    pub(super) fn put(&mut self, number: i64, facts: T) {
        put(&mut self.spans, number, facts);
        while self.spans.len() > MOST_SPANS {
            self.shift_to(self.shift + 1);
        }
    }

    /// Adds all facts of another.
    pub(super) fn join(&mut self, other: &Self) {
        self.shift_to(self.shift.max(other.shift));
        for (number, facts) in &other.spans {
            self.put(number >> (self.shift - other.shift), *facts);
        }
    }

    fn shift_to(&mut self, shift: u32) {
        let by = shift - self.shift;
        if by == 0 {
            return;
        }
        self.shift = shift;
        for (number, facts) in std::mem::take(&mut self.spans) {
            put(&mut self.spans, number >> by, facts);
        }
    }
}

fn put<T: Join>(spans: &mut BTreeMap<i64, T>, number: i64, facts: T) {
    spans.entry(number).and_modify(|known| *known = known.joined(facts)).or_insert(facts);
}
