//! Lines that were stamped late, as their own instants show.
//!
//! A lager line shows when it was written, and its header when a relay took it. If that was much
//! later, the relay stalled, and the machine's lines that were stamped beside it may be as late.

use std::collections::BTreeMap;

use super::boot::LAG_NANOS;
use crate::bytes::saved::{Reader, Writer};
use crate::time::Timestamp;

/// Lines stamped within so long of a late one may be as late.
const NEAR_NANOS: i64 = 60_000_000_000;

/// A span of stamps has 2³⁶ nanoseconds at first, 69 seconds. It doubles each time there are too
/// many spans.
const FIRST_SHIFT: u32 = 36;
const MOST_SPANS: usize = 256;

/// The late lines of one machine in one source. The order of insertion does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Late {
    shift: u32,
    spans: BTreeMap<i64, Span>,
}

/// The stamps of a span's late lines, and the greatest delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    first: i64,
    last: i64,
    delay: i64,
}

impl Span {
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
        Self { shift: FIRST_SHIFT, spans: BTreeMap::new() }
    }
}

/// Returns the delay of a stamp behind its line's own instant, if it is more than usual.
pub(crate) fn delay(stamp: Timestamp, own: Timestamp) -> Option<i64> {
    let delay = stamp.as_nanos().saturating_sub(own.as_nanos());
    (delay > LAG_NANOS).then_some(delay)
}

impl Late {
    /// Adds a line that was stamped so late.
    pub(super) fn add(&mut self, stamp: Timestamp, delay: i64) {
        let at = stamp.as_nanos();
        self.put(at >> self.shift, Span { first: at, last: at, delay });
    }

    pub(super) fn join(&mut self, other: &Self) {
        self.shift_to(self.shift.max(other.shift));
        for (number, span) in &other.spans {
            self.put(number >> (self.shift - other.shift), *span);
        }
    }

    /// Returns the greatest delay of lines that were stamped between two instants, or near them; 0
    /// if none was late.
    pub(super) fn near(&self, from: Timestamp, to: Timestamp) -> i64 {
        let from = from.as_nanos().saturating_sub(NEAR_NANOS);
        let to = to.as_nanos().saturating_add(NEAR_NANOS);
        if to < from {
            return 0;
        }
        let spans = self.spans.range(from >> self.shift..=to >> self.shift);
        let near = spans.filter(|(_, span)| span.first <= to && from <= span.last);
        near.map(|(_, span)| span.delay).max().unwrap_or_default()
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.number(self.shift.into());
        out.count(self.spans.len());
        for Span { first, last, delay } in self.spans.values() {
            out.signed(*first);
            out.number(last.abs_diff(*first));
            out.signed(*delay);
        }
    }

    /// Returns `None` for bytes that are none of these.
    pub(super) fn decode(input: &mut Reader<'_>) -> Option<Self> {
        let shifts = FIRST_SHIFT..63;
        let shift = u32::try_from(input.number()?).ok().filter(|shift| shifts.contains(shift))?;
        let mut late = Self { shift, spans: BTreeMap::new() };
        for _ in 0..input.count()? {
            let first = input.signed()?;
            let last = first.checked_add_unsigned(input.number()?)?;
            let delay = input.signed().filter(|delay| *delay > LAG_NANOS)?;
            if first >> shift != last >> shift {
                return None;
            }
            late.put(first >> shift, Span { first, last, delay });
        }
        Some(late)
    }

    fn put(&mut self, number: i64, span: Span) {
        let known = self.spans.entry(number).or_insert(span);
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
            let known = self.spans.entry(number >> by).or_insert(span);
            *known = known.joined(span);
        }
    }
}
