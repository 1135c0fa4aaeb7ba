//! Lines that were stamped late, as their own instants show.
//!
//! A lager line shows when it was written, and its header when a relay took it. If that was much
//! later, the relay stalled, and the machine's lines that were stamped beside it may be as late.
//! The stall may have begun before the first of these lines was written, but not before the last
//! line that was punctual. So the set also keeps the spans of time that have punctual lines.

use super::boot::LAG_NANOS;
use super::doubling::{Doubling, Join};
use crate::bytes::saved::{Reader, Writer};
use crate::time::Timestamp;

/// Lines stamped within so long of a late one may be as late.
const NEAR_NANOS: i64 = 60_000_000_000;

/// A span of stamps has 2³⁶ nanoseconds at first, 69 seconds.
const FIRST_SHIFT: u32 = 36;

/// A span of stamps that has punctual lines has 2³³ nanoseconds at first, 9 seconds.
const FIRST_PUNCTUAL_SHIFT: u32 = 33;

/// The late lines of one machine in one source, and where it has punctual ones. The order of
/// insertion does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Late {
    late: Doubling<Span>,
    punctual: Doubling<Punctual>,
}

/// A span has a punctual line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Punctual;

impl Join for Punctual {
    fn joined(self, _: Self) -> Self {
        self
    }
}

/// The stamps of a span's late lines, and the greatest delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    first: Timestamp,
    last: Timestamp,
    delay: i64,
}

impl Join for Span {
    fn joined(self, other: Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
            delay: self.delay.max(other.delay),
        }
    }
}

impl Default for Late {
    fn default() -> Self {
        Self { late: Doubling::new(FIRST_SHIFT), punctual: Doubling::new(FIRST_PUNCTUAL_SHIFT) }
    }
}

/// Returns the delay of a stamp behind its line's own instant, if it is more than usual.
pub(crate) fn delay(stamp: Timestamp, own: Timestamp) -> Option<i64> {
    let delay = stamp.as_nanos().saturating_sub(own.as_nanos());
    (delay > LAG_NANOS).then_some(delay)
}

/// Returns the number of the span to which a punctual stamp belongs: another line of the same span
/// and machine shows the same.
pub(crate) const fn punctual_span(stamp: Timestamp) -> i64 {
    stamp.as_nanos() >> FIRST_PUNCTUAL_SHIFT
}

impl Late {
    /// Adds a line with this stamp that was written at this instant.
    pub(super) fn add(&mut self, stamp: Timestamp, own: Timestamp) {
        match delay(stamp, own) {
            Some(delay) => {
                self.late.put(self.late.number(stamp), Span { first: stamp, last: stamp, delay });
            }
            None => self.punctual.put(self.punctual.number(stamp), Punctual),
        }
    }

    /// Adds the lines of another part of the log.
    pub(super) fn join(&mut self, other: &Self) {
        self.late.join(&other.late);
        self.punctual.join(&other.punctual);
    }

    /// Returns by how much a line may be late that was stamped between two instants; 0 if no line
    /// near it was late.
    pub(super) fn near(&self, from: Timestamp, to: Timestamp) -> i64 {
        let near_from = Timestamp::from_nanos(from.as_nanos().saturating_sub(NEAR_NANOS));
        let near_to = Timestamp::from_nanos(to.as_nanos().saturating_add(NEAR_NANOS));
        if near_to < near_from {
            return 0;
        }
        let spans = self.late.all().range(self.late.number(near_from)..=self.late.number(near_to));
        let near = spans.filter(|(_, span)| span.first <= near_to && near_from <= span.last);
        let Some(Span { first, delay, .. }) = near.map(|(_, span)| *span).reduce(Span::joined)
        else {
            return 0;
        };
        // No late line was written earlier, so the relay took punctual ones until it stalled.
        let written = Timestamp::from_nanos(first.as_nanos().saturating_sub(delay));
        let stalled = self.punctual_until(written).map_or(from, |begins| begins.min(from));
        delay.max(from.as_nanos().saturating_sub(stalled.as_nanos()))
    }

    /// Returns when the relay was surely punctual, before an instant: the start of the last span
    /// but one that has a punctual line, because one line may overtake those that wait. Takes the
    /// first span of all where fewer than two are earlier.
    fn punctual_until(&self, before: Timestamp) -> Option<Timestamp> {
        let all = self.punctual.all();
        let last = all.range(..self.punctual.number(before)).rev().nth(1);
        let (number, _) = last.or_else(|| all.first_key_value())?;
        Some(Timestamp::from_nanos(number << self.punctual.shift()))
    }

    /// Writes the spans.
    pub(super) fn write(&self, out: &mut Writer) {
        out.number(self.late.shift().into());
        out.count(self.late.all().len());
        for Span { first, last, delay } in self.late.all().values() {
            out.signed(first.as_nanos());
            out.number(last.as_nanos().abs_diff(first.as_nanos()));
            out.signed(*delay);
        }
        out.number(self.punctual.shift().into());
        out.count(self.punctual.all().len());
        for number in self.punctual.all().keys() {
            out.signed(*number);
        }
    }

    /// Reads saved spans; returns `None` for other bytes.
    pub(super) fn decode(input: &mut Reader<'_>) -> Option<Self> {
        let shift_from = |first: u32, input: &mut Reader<'_>| {
            u32::try_from(input.number()?).ok().filter(|shift| (first..63).contains(shift))
        };
        let shift = shift_from(FIRST_SHIFT, input)?;
        let mut late = Doubling::new(shift);
        for _ in 0..input.count()? {
            let first = input.signed()?;
            let last = first.checked_add_unsigned(input.number()?)?;
            let delay = input.signed().filter(|delay| *delay > LAG_NANOS)?;
            if first >> shift != last >> shift {
                return None;
            }
            let [first, last] = [first, last].map(Timestamp::from_nanos);
            late.put(late.number(first), Span { first, last, delay });
        }
        let shift = shift_from(FIRST_PUNCTUAL_SHIFT, input)?;
        let mut punctual = Doubling::new(shift);
        let numbers = i64::MIN >> shift..=i64::MAX >> shift;
        for _ in 0..input.count()? {
            punctual.put(input.signed().filter(|number| numbers.contains(number))?, Punctual);
        }
        Some(Self { late, punctual })
    }
}
