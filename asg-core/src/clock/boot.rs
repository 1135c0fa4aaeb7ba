//! One boot of one machine: how far the kernel's uptime is from the wall's clock.
//!
//! A line that shows both tells the offset, stamp minus uptime, but for how late it was stamped: never too small, for nothing
//! is stamped before it is written, and now and then too large. So the least offset is the best, and a bound; no average can
//! be. The two clocks drift apart and the wall's may be set, so there is no one offset: the least and the greatest are kept
//! for each span of uptime, in few spans.

use std::collections::BTreeMap;

use crate::time::TimeRange;
use crate::time::Timestamp;

/// How late the least late of several lines may be stamped: rsyslog and journald take them from the kernel at once.
pub(super) const LAG_NANOS: i64 = 1_000_000_000;

/// How fast two clocks drift apart at most, in parts of a million: so much is the most that NTP corrects.
const DRIFT_PPM: u64 = 500;

/// A span of uptime has 2²⁶ microseconds at first, 67 seconds, and twice as many each time there are too many spans.
const FIRST_SHIFT: u32 = 26;
const MOST_SPANS: usize = 256;

/// The lines of one boot that show uptime and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Boot {
    /// The earliest instant at which it may have booted.
    from: i64,
    /// The latest stamp.
    to: i64,
    shift: u32,
    spans: BTreeMap<u64, Offsets>,
}

/// What lines say is the time at which the uptime was 0, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Offsets {
    least: i64,
    /// With the part of a second that the stamp does not show.
    greatest: i64,
}

impl Offsets {
    fn joined(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), greatest: self.greatest.max(other.greatest) }
    }
}

/// How much later than its stamp a time may be, because the stamp shows whole seconds only.
pub(crate) const fn hidden_nanos(stamp: Timestamp) -> i64 {
    if stamp.as_nanos() % 1_000_000_000 == 0 { 999_999_999 } else { 999 }
}

fn uptime_nanos(micros: u64) -> i64 {
    i64::try_from(micros.saturating_mul(1_000)).unwrap_or(i64::MAX)
}

fn drift(micros: u64) -> i64 {
    // A part of a million of a microsecond is a thousandth of a nanosecond.
    i64::try_from(micros.saturating_mul(DRIFT_PPM) / 1_000).unwrap_or(i64::MAX)
}

impl Boot {
    /// Of one line.
    pub(super) fn of(micros: u64, stamp: Timestamp) -> Self {
        let least = stamp.as_nanos().saturating_sub(uptime_nanos(micros));
        let offsets = Offsets { least, greatest: least.saturating_add(hidden_nanos(stamp)) };
        let spans = BTreeMap::from([(micros >> FIRST_SHIFT, offsets)]);
        let from = least.saturating_sub(LAG_NANOS);
        Self { from, to: stamp.as_nanos(), shift: FIRST_SHIFT, spans }
    }

    /// Takes a line, if it is of this boot for sure and nothing needs to be moved.
    pub(super) fn take(&mut self, micros: u64, stamp: Timestamp) -> bool {
        let least = stamp.as_nanos().saturating_sub(uptime_nanos(micros));
        let from = least.saturating_sub(LAG_NANOS);
        if self.from > stamp.as_nanos() || from > self.to {
            return false;
        }
        let offsets = Offsets { least, greatest: least.saturating_add(hidden_nanos(stamp)) };
        self.from = self.from.min(from);
        self.to = self.to.max(stamp.as_nanos());
        let known = self.spans.entry(micros >> self.shift).or_insert(offsets);
        *known = known.joined(offsets);
        self.widen();
        true
    }

    /// True if both cannot be two boots: a machine boots again only after it was last heard of.
    pub(super) const fn is_same(&self, other: &Self) -> bool {
        self.from <= other.to && other.from <= self.to
    }

    pub(super) const fn is_before(&self, other: &Self) -> bool {
        self.to < other.from
    }

    /// What both tell together.
    pub(super) fn join(&mut self, other: &Self) {
        self.from = self.from.min(other.from);
        self.to = self.to.max(other.to);
        let shift = self.shift.max(other.shift);
        self.shift_to(shift);
        for (span, offsets) in &other.spans {
            let span = span >> (shift - other.shift);
            let known = self.spans.entry(span).or_insert(*offsets);
            *known = known.joined(*offsets);
        }
        self.widen();
    }

    fn widen(&mut self) {
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
        for (span, offsets) in std::mem::take(&mut self.spans) {
            let known = self.spans.entry(span >> by).or_insert(offsets);
            *known = known.joined(offsets);
        }
    }

    /// The instant of a line that shows this uptime and this stamp: not later than its stamp, and not much earlier than the
    /// lines around it say.
    pub(super) fn stamped(&self, micros: u64, stamp: Timestamp) -> TimeRange {
        let latest = stamp.as_nanos().saturating_add(hidden_nanos(stamp));
        let bounds = self.offset_at(micros);
        let earliest = uptime_nanos(micros).saturating_add(bounds.least).saturating_sub(LAG_NANOS);
        TimeRange::between(
            Timestamp::from_nanos(earliest.min(latest)),
            Timestamp::from_nanos(latest),
        )
    }

    /// The instant of a line that shows this uptime and no stamp; `None` if it is further than an hour from all that are
    /// known.
    pub(super) fn at(&self, micros: u64) -> Option<TimeRange> {
        const HOUR_MICROS: u64 = 3_600_000_000;
        let (first, last) = (*self.spans.keys().next()?, *self.spans.keys().next_back()?);
        let from = (first << self.shift).saturating_sub(HOUR_MICROS);
        let to = ((last + 1) << self.shift).saturating_add(HOUR_MICROS);
        if !(from..to).contains(&micros) {
            return None;
        }
        let bounds = self.offset_at(micros);
        let uptime = uptime_nanos(micros);
        let at = |offset: i64| Timestamp::from_nanos(uptime.saturating_add(offset));
        Some(TimeRange::between(at(bounds.least.saturating_sub(LAG_NANOS)), at(bounds.greatest)))
    }

    /// An instant before which no line of these uptimes was written, as [`Boot::stamped`] tells it.
    pub(super) fn earliest(&self, from: u64, to: u64) -> Timestamp {
        let ends = [from >> self.shift, to >> self.shift];
        let before = self.spans.range(..ends[0]).next_back();
        let after = self.spans.range(ends[1] + 1..).next();
        let all = before.into_iter().chain(self.spans.range(ends[0]..=ends[1])).chain(after);
        let (mut least, mut gap) = (i64::MAX, 1);
        let mut last = before.map_or(ends[0], |(span, _)| *span);
        for (span, offsets) in all {
            least = least.min(offsets.least);
            gap = gap.max(span - last);
            last = *span;
        }
        gap = gap.max(ends[1].saturating_sub(last));
        let offset = least.saturating_sub(drift((gap + 1) << self.shift));
        let earliest = uptime_nanos(from).saturating_add(offset).saturating_sub(LAG_NANOS);
        Timestamp::from_nanos(earliest)
    }

    /// Between what the offset lies there. The span whose lines were stamped the least late tells the lower end: the own one,
    /// or one beside it, as far as the clocks cannot have drifted apart since.
    fn offset_at(&self, micros: u64) -> Offsets {
        const SOME_SPAN: &str = "a boot has a line";
        let span = micros >> self.shift;
        let before = self.spans.range(..span).next_back();
        let after = self.spans.range(span + 1..).next();
        let own = self.spans.get(&span).map(|offsets| (&span, offsets));
        // A span's line may stand at its far end.
        let with_drift = |(at, offsets): (&u64, &Offsets)| {
            (*offsets, drift((at.abs_diff(span) + 1) << self.shift))
        };
        let beside = [before, after].map(|side| side.map(with_drift));
        let own = own.map(with_drift);
        let all = || beside.iter().chain([&own]).flatten();
        let least = all()
            .min_by_key(|(offsets, drift)| offsets.least.saturating_add(*drift))
            .map(|(offsets, drift)| offsets.least.saturating_sub(*drift));
        let greatest = |(offsets, drift): &(Offsets, i64)| offsets.greatest.saturating_add(*drift);
        let greatest = own.iter().map(greatest).next().or_else(|| all().map(greatest).max());
        Offsets { least: least.expect(SOME_SPAN), greatest: greatest.expect(SOME_SPAN) }
    }
}
