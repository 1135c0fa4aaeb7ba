//! The year of stamps without one: from the instants in other lines.
//!
//! Logs of several years may be read together, and one machine may have a clock that is years
//! ahead. So a stamp is completed from the lines of its own machine in its own source, if there are
//! any, then from those of its source, then from all. A stamp that does not fit counts for nothing
//! against the lines of other machines.

use std::collections::BTreeMap;

use super::spans::{Span, Spans};
use crate::bytes::saved::{Reader, Writer};
use crate::time::{Civil, LogTime, Timestamp, nearest};

/// A span has 2⁵¹ nanoseconds at first, 26 days.
const FIRST_SHIFT: u32 = 51;

/// The instants that lines show, of one machine in one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown(Spans);

impl Default for Shown {
    fn default() -> Self {
        Self(Spans::new(FIRST_SHIFT))
    }
}

impl Shown {
    pub(super) fn add(&mut self, time: Timestamp) {
        self.0.add(time);
    }

    pub(super) fn add_span(&mut self, span: Span) {
        self.0.add_span(span);
    }

    pub(super) fn join(&mut self, other: &Self) {
        self.0.join(&other.0);
    }

    pub(super) const fn of(spans: Spans) -> Self {
        Self(spans)
    }

    pub(super) const fn spans_kept(&self) -> &Spans {
        &self.0
    }

    pub(super) fn spans(&self) -> impl Iterator<Item = (Timestamp, Timestamp, u64)> + '_ {
        self.0.iter().map(|span| (span.first, span.last, span.count))
    }
}

/// The possible instants of a stamp without a year, by times with a known year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidates {
    /// The one that most lines support; if equal, the latest.
    pub(super) best: Timestamp,
    pub(super) earliest: Timestamp,
    pub(super) latest: Timestamp,
}

/// Completes a stamp from spans of instants, each with the number of its lines. `in_year` gives the
/// stamp in a year.
pub(super) fn candidates(
    spans: impl Iterator<Item = (Timestamp, Timestamp, u64)>,
    in_year: impl Fn(i16) -> Option<Timestamp>,
) -> Option<Candidates> {
    let mut votes: BTreeMap<Timestamp, u64> = BTreeMap::new();
    for (first, last, lines) in spans {
        for near in [first, last] {
            if let Some(time) = nearest(near, &in_year) {
                *votes.entry(time).or_default() += lines;
            }
        }
    }
    let best = votes.iter().max_by_key(|(time, lines)| (**lines, **time)).map(|(time, _)| *time)?;
    let (earliest, latest) = (*votes.keys().next()?, *votes.keys().next_back()?);
    Some(Candidates { best, earliest, latest })
}

/// The days of stamps without a year, of one source: a bit for each of 372, in months of 31.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Days([u64; 6]);

const DAYS: u16 = 12 * 31;

impl Days {
    pub(super) fn add(&mut self, day: Civil) {
        let day = number(day);
        self.0[usize::from(day / 64)] |= 1 << (day % 64);
    }

    pub(super) fn join(&mut self, other: Self) {
        for (known, bits) in self.0.iter_mut().zip(other.0) {
            *known |= bits;
        }
    }

    pub(super) fn write(self, out: &mut Writer) {
        for bits in self.0 {
            out.number(bits);
        }
    }

    pub(super) fn decode(input: &mut Reader<'_>) -> Option<Self> {
        let mut days = Self::default();
        for bits in &mut days.0 {
            *bits = input.number()?;
        }
        Some(days)
    }

    /// Returns how many years a stamp is before the latest of its source: one if the log goes over
    /// New Year and the stamp is of the days before, else zero.
    pub(super) fn years_before_latest(self, shown: LogTime) -> i16 {
        let LogTime::NoYear(civil) = shown else { return 0 };
        i16::from(self.is_over_new_year() && self.begins().is_some_and(|day| day <= number(civil)))
    }

    /// Returns whether the log goes over New Year.
    pub(super) fn is_over_new_year(self) -> bool {
        self.begins().is_some_and(|begins| (0..begins).any(|day| self.has(day)))
    }

    /// Returns the first day of the log: the one behind the longest time without a line. This is
    /// only defined for a log shorter than half a year.
    fn begins(self) -> Option<u16> {
        let (mut longest, mut begins, mut gap) = (0, None, 0);
        // Twice around, because the gap may go over New Year.
        for step in 0..2 * DAYS {
            let day = step % DAYS;
            if self.has(day) {
                if gap > longest {
                    (longest, begins) = (gap, Some(day));
                }
                gap = 0;
            } else {
                gap += 1;
            }
        }
        begins.filter(|_| longest >= DAYS / 2)
    }

    fn has(self, day: u16) -> bool {
        self.0[usize::from(day / 64)] >> (day % 64) & 1 == 1
    }
}

fn number(day: Civil) -> u16 {
    let part = |number: i8, most: i8| u16::from(number.clamp(1, most).unsigned_abs() - 1);
    part(day.month, 12) * 31 + part(day.day, 31)
}
