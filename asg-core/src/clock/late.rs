//! Lines that were stamped late, as their own instants show.
//!
//! A lager line shows when it was written, and its header when a relay took it. If that was much
//! later, the relay stalled, and the machine's lines that were stamped beside it may be as late.

use super::boot::LAG_NANOS;
use super::doubling::{Doubling, Join};
use crate::bytes::saved::{Reader, Writer};
use crate::time::Timestamp;

/// Lines stamped within so long of a late one may be as late.
const NEAR_NANOS: i64 = 60_000_000_000;

/// A span of stamps has 2³⁶ nanoseconds at first, 69 seconds.
const FIRST_SHIFT: u32 = 36;

/// The late lines of one machine in one source. The order of insertion does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Late(Doubling<Span>);

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
        Self(Doubling::new(FIRST_SHIFT))
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
        self.0.put(self.0.number(stamp), Span { first: stamp, last: stamp, delay });
    }

    /// Adds the late lines of another part of the log.
    pub(super) fn join(&mut self, other: &Self) {
        self.0.join(&other.0);
    }

    /// Returns the greatest delay of lines that were stamped between two instants, or near them; 0
    /// if none was late.
    pub(super) fn near(&self, from: Timestamp, to: Timestamp) -> i64 {
        let from = Timestamp::from_nanos(from.as_nanos().saturating_sub(NEAR_NANOS));
        let to = Timestamp::from_nanos(to.as_nanos().saturating_add(NEAR_NANOS));
        if to < from {
            return 0;
        }
        let spans = self.0.all().range(self.0.number(from)..=self.0.number(to));
        let near = spans.filter(|(_, span)| span.first <= to && from <= span.last);
        near.map(|(_, span)| span.delay).max().unwrap_or_default()
    }

    /// Writes the spans.
    pub(super) fn write(&self, out: &mut Writer) {
        out.number(self.0.shift().into());
        out.count(self.0.all().len());
        for Span { first, last, delay } in self.0.all().values() {
            out.signed(first.as_nanos());
            out.number(last.as_nanos().abs_diff(first.as_nanos()));
            out.signed(*delay);
        }
    }

    /// Reads saved spans; returns `None` for other bytes.
    pub(super) fn decode(input: &mut Reader<'_>) -> Option<Self> {
        let shifts = FIRST_SHIFT..63;
        let shift = u32::try_from(input.number()?).ok().filter(|shift| shifts.contains(shift))?;
        let mut late = Self(Doubling::new(shift));
        for _ in 0..input.count()? {
            let first = input.signed()?;
            let last = first.checked_add_unsigned(input.number()?)?;
            let delay = input.signed().filter(|delay| *delay > LAG_NANOS)?;
            if first >> shift != last >> shift {
                return None;
            }
            let [first, last] = [first, last].map(Timestamp::from_nanos);
            late.0.put(late.0.number(first), Span { first, last, delay });
        }
        Some(late)
    }
}
