//! The zone of stamps without one: from lines that have both such a stamp and an instant.
//!
//! A lager line behind a traditional header shows one moment twice: in the zone of the header's
//! writer, and as an instant. The difference is the zone, plus the delay of the header's stamp and
//! the difference of the clocks: minutes, while zones differ by hours. One source may change its
//! zone, because of summer time or because another machine's lines follow.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::season::{change_after, change_before};
use super::spans::{Span, Spans};
use crate::bytes::saved::{Reader, Writer};
use crate::time::{LogTime, TimePolicy, Timestamp, YearPolicy};

/// Minutes east of UTC.
pub(super) type Offset = i16;

/// The offsets that zones have, in minutes. Source: the IANA time zone database, offsets in use
/// since 2010.
const OFFSETS: [Offset; 41] = [
    -720, -660, -600, -570, -540, -480, -420, -360, -300, -270, -240, -210, -180, -150, -120, -60,
    0, 60, 120, 180, 210, 240, 270, 300, 330, 345, 360, 390, 420, 480, 510, 525, 540, 570, 600,
    630, 660, 720, 765, 780, 840,
];

/// The maximum distance of a zone from UTC.
pub(super) const MOST_OFFSET_NANOS: i64 = 14 * 3_600_000_000_000;

/// The maximum delay of a header's stamp behind its line, and the maximum by which a relay's clock
/// may be behind.
pub(super) const LATE_NANOS: i64 = 20 * MINUTE_NANOS;
const EARLY_NANOS: i64 = 2 * MINUTE_NANOS;
const MINUTE_NANOS: i64 = 60_000_000_000;

/// A stamp up to this far from a line that shows its zone is taken to be in that zone.
const FAR_NANOS: i64 = 3 * 86_400_000_000_000;

/// In steps of less than half a year, each year's instant is the nearest to some step.
const HALF_YEAR_NANOS: i64 = 180 * 86_400_000_000_000;

/// A stamp without a year that is nearer to its line's instant is of one year for certain.
const FURTHEST_NANOS: i64 = 100 * 86_400_000_000_000;

/// A span has 2⁴² nanoseconds at first, 73 minutes.
pub(super) const FIRST_SHIFT: u32 = 42;

/// The zones in the lines of one source, with their times.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Zones(BTreeMap<Offset, Spans>);

impl Zones {
    /// Adds a line that shows a stamp without a zone, and the instant at which it was written.
    pub(super) fn add(&mut self, shown: LogTime, written: Timestamp) {
        if let Some(offset) = offset(shown, written) {
            self.add_span(offset, Span { first: written, last: written, count: 1 });
        }
    }

    /// Adds the instants of lines that show this zone, within one span.
    pub(super) fn add_span(&mut self, offset: Offset, span: Span) {
        self.0.entry(offset).or_insert_with(|| Spans::new(FIRST_SHIFT)).add_span(span);
    }

    pub(super) fn join(&mut self, other: &Self) {
        for (offset, spans) in &other.0 {
            self.0.entry(*offset).or_insert_with(|| Spans::new(FIRST_SHIFT)).join(spans);
        }
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.count(self.0.len());
        for (offset, spans) in &self.0 {
            out.signed((*offset).into());
            spans.write(out);
        }
    }

    /// Returns `None` for bytes that are none of these.
    pub(super) fn decode(input: &mut Reader<'_>) -> Option<Self> {
        let mut zones = Self::default();
        for _ in 0..input.count()? {
            let offset = input.signed()?;
            let offset = OFFSETS.into_iter().find(|known| i64::from(*known) == offset)?;
            zones.0.insert(offset, Spans::decode(input)?);
        }
        Some(zones)
    }

    /// Returns the zone in the latest line.
    pub(super) fn latest(&self) -> Option<Offset> {
        let ends =
            self.0.iter().filter_map(|(offset, spans)| Some((spans.iter().last()?.last, *offset)));
        ends.max().map(|(_, offset)| offset)
    }

    /// Returns the possible zones of each time.
    pub(super) fn known(&self) -> KnownZones {
        let mut intervals: Vec<_> = self
            .0
            .iter()
            .flat_map(|(offset, spans)| {
                spans.iter().map(|span| (span.first.as_nanos(), span.last.as_nanos(), *offset))
            })
            .collect();
        intervals.sort_unstable();
        let mut known = KnownZones::of(&intervals);
        for (offset, spans) in &self.0 {
            known.lines[place(*offset)] = spans.iter().map(|span| span.count).sum();
        }
        known
    }
}

/// The possible zones of one source, by time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KnownZones {
    /// From each instant to the next, as bits of [`OFFSETS`].
    from: Vec<(i64, u64)>,
    /// The bits of all of them.
    used: u64,
    /// From each instant to the next, the zone may have changed for summer time: a weekend on which
    /// it does is between this and all lines that show it.
    unsure: Vec<(i64, i64)>,
    /// The start of each zone.
    changes: Vec<(i64, Offset)>,
    /// The number of lines with each of [`OFFSETS`].
    lines: [u64; OFFSETS.len()],
}

impl KnownZones {
    /// Returns whether lines show one zone and no other.
    pub(super) const fn is_one(&self) -> bool {
        self.used.is_power_of_two()
    }

    /// Takes sorted intervals in which lines show zones. Between two, the zones of both are
    /// possible; beyond the ends, or far from any, the nearest one's.
    fn of(intervals: &[(i64, i64, Offset)]) -> Self {
        let mut edges: Vec<i64> = Vec::new();
        for (first, last, _) in intervals {
            edges.extend([first.saturating_sub(FAR_NANOS), *first]);
            edges.extend([last.saturating_add(1), last.saturating_add(FAR_NANOS)]);
            edges.extend(change_before(*first).into_iter().chain(change_after(*last)));
        }
        edges.sort_unstable();
        edges.dedup();
        // Among earlier intervals, the zones that go on, and those that ended last.
        let mut from = Vec::with_capacity(edges.len());
        let mut unsure: Vec<(i64, i64)> = Vec::new();
        let ends: Vec<i64> = edges.iter().copied().skip(1).chain([i64::MAX]).collect();
        let mut next = 0;
        let mut open: Vec<(i64, u64)> = Vec::new();
        let mut ended: (i64, u64) = (i64::MIN, 0);
        for (edge, end) in edges.into_iter().zip(ends) {
            while let Some((first, last, offset)) = intervals.get(next)
                && *first <= edge
            {
                open.push((*last, bit(*offset)));
                next += 1;
            }
            for (last, bits) in open.extract_if(.., |(last, _)| *last < edge) {
                ended = match last.cmp(&ended.0) {
                    std::cmp::Ordering::Less => ended,
                    std::cmp::Ordering::Equal => (last, ended.1 | bits),
                    std::cmp::Ordering::Greater => (last, bits),
                };
            }
            let mut bits = open.iter().fold(0, |all, (_, bits)| all | bits);
            if bits == 0 {
                let ended = Some(ended).filter(|(last, _)| edge.saturating_sub(*last) < FAR_NANOS);
                let coming = intervals.get(next).filter(|(first, ..)| *first - edge <= FAR_NANOS);
                bits = ended.map_or(0, |(_, bits)| bits);
                bits |= coming.map_or(0, |(.., offset)| bit(*offset));
                let may_have_changed = match (ended, coming) {
                    (Some((last, _)), None) => change_after(last).is_some_and(|it| it <= edge),
                    (None, Some((first, ..))) => change_before(*first).is_some_and(|it| edge < it),
                    _ => false,
                };
                if may_have_changed {
                    unsure.push((edge, end));
                }
            }
            from.push((edge, bits));
        }
        let used = from.iter().fold(0, |all, (_, bits)| all | bits);
        let mut changes: Vec<_> =
            intervals.iter().map(|(first, _, offset)| (*first, *offset)).collect();
        changes.dedup_by_key(|(_, offset)| *offset);
        Self { from, used, unsure, changes, lines: [0; OFFSETS.len()] }
    }

    /// Returns whether no line shows a zone.
    pub(super) const fn is_empty(&self) -> bool {
        self.from.is_empty()
    }

    /// Returns the zone in minutes east of UTC, if lines show only one, and show it all the time
    /// between two instants.
    pub(super) fn only_between(&self, first: Timestamp, last: Timestamp) -> Option<i32> {
        let offset = OFFSETS.iter().find(|offset| bit(**offset) == self.used)?;
        let from = self.from.partition_point(|(from, _)| *from <= first.as_nanos());
        let shown = self.from[from.checked_sub(1)?..].iter();
        let mut shown = shown.take_while(|(from, _)| *from <= last.as_nanos());
        shown.all(|(_, bits)| *bits != 0).then_some((*offset).into())
    }

    /// Returns whether the zone may have changed for summer time at some instant between two, since
    /// or before the lines that show it.
    pub(super) fn is_unsure_between(&self, first: Timestamp, last: Timestamp) -> bool {
        let (first, last) = (first.as_nanos(), last.as_nanos());
        self.unsure.iter().any(|(from, to)| first < *to && *from <= last)
    }

    /// Returns the possible instants of a stamp without a zone, if lines show the zone.
    pub(super) fn instants(
        &self,
        shown: LogTime,
    ) -> impl Iterator<Item = (Timestamp, Offset)> + '_ {
        let offsets = OFFSETS.iter().filter(|offset| self.used & bit(**offset) != 0);
        let (first, last) = match self.from[..] {
            [(first, _), .., (last, _)] => (first, last),
            _ => (0, 0),
        };
        offsets.flat_map(move |offset| {
            instants_in(shown, *offset, first, last)
                .filter(|time| self.at(*time) & bit(*offset) != 0)
                .map(|time| (time, *offset))
        })
    }

    /// Returns the first zone, and the start of each other.
    pub(super) fn changes(&self) -> impl Iterator<Item = (Timestamp, Offset)> + '_ {
        self.changes.iter().map(|(since, offset)| (Timestamp::from_nanos(*since), *offset))
    }

    /// Returns the number of lines with this zone.
    pub(super) fn lines(&self, offset: Offset) -> u64 {
        self.lines[place(offset)]
    }

    fn at(&self, time: Timestamp) -> u64 {
        let next = self.from.partition_point(|(from, _)| *from <= time.as_nanos());
        next.checked_sub(1).map_or(0, |at| self.from[at].1)
    }
}

fn place(offset: Offset) -> usize {
    OFFSETS.partition_point(|known| *known < offset)
}

fn bit(offset: Offset) -> u64 {
    1 << place(offset)
}

/// Returns the instants of a stamp in a zone, between two or near them: for one without a year, one
/// in each year.
fn instants_in(
    shown: LogTime,
    offset: Offset,
    first: i64,
    last: i64,
) -> impl Iterator<Item = Timestamp> {
    let at = move |near: i64| {
        let year = YearPolicy::Nearest(Timestamp::from_nanos(near));
        let policy = TimePolicy { year, utc_offset: Some(i32::from(offset) * 60), boot: None };
        shown.resolve(&policy).map(|resolved| resolved.time)
    };
    let steps = last.saturating_sub(first) / HALF_YEAR_NANOS + 1;
    let mut before = None;
    (0..=steps).filter_map(move |step| {
        let time = at(first.saturating_add(step.saturating_mul(HALF_YEAR_NANOS)).min(last))?;
        (before.replace(time) != Some(time)).then_some(time)
    })
}

/// Returns the zone of a stamp in a line that was written at an instant; `None` if both cannot
/// belong to one line.
fn offset(shown: LogTime, written: Timestamp) -> Option<Offset> {
    offset_of(ahead(shown, written)?)
}

/// Returns the instant that a stamp shows in its zone, given when its line was written.
pub(super) fn stamped(shown: LogTime, written: Timestamp) -> Option<Timestamp> {
    let ahead = ahead(shown, written)?;
    let late = ahead - i64::from(offset_of(ahead)?) * MINUTE_NANOS;
    Some(Timestamp::from_nanos(written.as_nanos().checked_add(late)?))
}

/// Returns by how many nanoseconds a stamp, taken as UTC, is ahead of the instant at which its line
/// was written.
pub(super) fn ahead(shown: LogTime, written: Timestamp) -> Option<i64> {
    let policy = TimePolicy { year: YearPolicy::Nearest(written), utc_offset: Some(0), boot: None };
    shown.resolve(&policy)?.time.as_nanos().checked_sub(written.as_nanos())
}

/// Returns the zone of a stamp that is so far ahead of its line's instant.
pub(super) fn offset_of(ahead: i64) -> Option<Offset> {
    let ahead = ahead.checked_add(EARLY_NANOS)?;
    let behind = OFFSETS.partition_point(|offset| i64::from(*offset) * MINUTE_NANOS <= ahead);
    let offset = OFFSETS[behind.checked_sub(1)?];
    let late = ahead - i64::from(offset) * MINUTE_NANOS;
    (late <= LATE_NANOS + EARLY_NANOS).then_some(offset)
}

/// Returns how far ahead stamps may be that give the same zone as this one, or like this one none.
/// `None` for a stamp that is more than 100 days ahead or behind.
pub(super) fn alike(ahead: i64) -> Option<RangeInclusive<i64>> {
    let all = -FURTHEST_NANOS..=FURTHEST_NANOS;
    if !all.contains(&ahead) {
        return None;
    }
    let nanos = |offset: &Offset| i64::from(*offset) * MINUTE_NANOS;
    let next = OFFSETS.partition_point(|offset| nanos(offset) - EARLY_NANOS <= ahead);
    let end = OFFSETS.get(next).map_or(*all.end(), |next| nanos(next) - EARLY_NANOS - 1);
    let Some(offset) = next.checked_sub(1).map(|at| &OFFSETS[at]) else {
        return Some(*all.start()..=end);
    };
    let last = nanos(offset) + LATE_NANOS;
    Some(if ahead <= last { nanos(offset) - EARLY_NANOS..=end.min(last) } else { last + 1..=end })
}
