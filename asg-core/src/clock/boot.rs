//! One boot of one machine: the offset between the kernel's uptime and the wall clock.
//!
//! A line with both shows the offset, stamp minus uptime, plus the delay of its stamp. It is never
//! too small, because no line is stamped before it is written, and sometimes too large. So the
//! least offset is the best one, and a bound; an average would be meaningless. The two clocks drift
//! apart and the wall clock may be set, so the offset is not constant: the least is kept for each
//! span of uptime, in few spans.
//!
//! A relay that stalls stamps all lines of many minutes late, and in the middle of that no nearby
//! line shows it. The lines before and after do: the clocks drift apart by 500 millionths at most,
//! so a punctual line far away bounds the offset here. The lower end of the offset is then the
//! lower convex hull of the bounds from the least delayed lines. The reason: two clocks that run
//! evenly have an offset that is a straight line, and a straight line below all points is below
//! their hull.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::OnceLock;

use crate::bytes::saved::{Reader, Writer};
use crate::time::TimeRange;
use crate::time::Timestamp;

/// The maximum delay of the least delayed stamp: rsyslog and journald take lines from the kernel at
/// once.
pub(super) const LAG_NANOS: i64 = 1_000_000_000;

/// The maximum drift between two clocks, in parts of a million: NTP corrects no more.
const DRIFT_PPM: u64 = 500;

/// Lines of one machine and boot are stamped less than a day late. Lines whose offsets are further
/// apart come from several machines in one file, or from several boots.
const MOST_LATE_NANOS: i64 = 86_400_000_000_000;

/// By how much zones change for summer time; and by how much the least delays of a minute's lines
/// may differ.
const CHANGES_NANOS: [i64; 3] = [1_800_000_000_000, 3_600_000_000_000, 7_200_000_000_000];
const MOVED_NANOS: i64 = 5_000_000_000;

/// Stamps that go back by less may be those of a clock that was set right.
const LEAST_CHANGE_NANOS: i64 = 900_000_000_000;

/// A change of the zone is looked for in the spans of so many microseconds of uptime, three hours.
const AHEAD_MICROS: u64 = 3 * 3_600_000_000;

/// A span of uptime has 2²⁶ microseconds at first, 67 seconds. It doubles each time there are too
/// many spans.
const FIRST_SHIFT: u32 = 26;
const MOST_SPANS: usize = 256;

/// The lines of one boot that show uptime and time.
#[derive(Debug, Clone)]
pub(super) struct Boot {
    extent: Extent,
    /// The uptime of the line with the latest stamp.
    latest: u64,
    shift: u32,
    spans: BTreeMap<u64, Offsets>,
    /// Computed from the spans on first use.
    bounds: OnceLock<Vec<Bounds>>,
}

impl PartialEq for Boot {
    fn eq(&self, other: &Self) -> bool {
        let all = |it: &Self| (it.extent, it.latest, it.shift);
        all(self) == all(other) && self.spans == other.spans
    }
}

impl Eq for Boot {}

/// The range of times, and of offsets, of a boot's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Extent {
    /// The earliest instant at which it may have booted.
    from: i64,
    /// The latest stamp.
    to: i64,
    least: i64,
    greatest: i64,
}

impl Extent {
    /// Creates the extent of one line.
    pub(super) fn of(micros: u64, stamp: Timestamp) -> Self {
        let offset = stamp.as_nanos().saturating_sub(uptime_nanos(micros));
        let from = offset.saturating_sub(LAG_NANOS);
        Self { from, to: stamp.as_nanos(), least: offset, greatest: offset }
    }

    pub(super) fn joined(self, other: Self) -> Self {
        Self {
            from: self.from.min(other.from),
            to: self.to.max(other.to),
            least: self.least.min(other.least),
            greatest: self.greatest.max(other.greatest),
        }
    }

    /// Returns whether both must be one boot: a machine boots again only after its last line, and
    /// its lines are not days late.
    pub(super) const fn is_same(self, other: Self) -> bool {
        self.from <= other.to
            && other.from <= self.to
            && self.least.saturating_sub(other.greatest) <= MOST_LATE_NANOS
            && other.least.saturating_sub(self.greatest) <= MOST_LATE_NANOS
    }
}

/// The time at which the uptime was 0, in nanoseconds, from the lines of one span: each with the
/// uptime of its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Offsets {
    /// From the stamp as shown.
    least: (i64, u64),
    /// From the stamp plus the hidden part of its second.
    bound: (i64, u64),
}

impl Offsets {
    fn of(micros: u64, stamp: Timestamp) -> Self {
        let least = stamp.as_nanos().saturating_sub(uptime_nanos(micros));
        Self { least: (least, micros), bound: (least.saturating_add(hidden_nanos(stamp)), micros) }
    }

    fn joined(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), bound: self.bound.min(other.bound) }
    }
}

/// The bounds of the offset in a span, without the delay of the least delayed line.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    span: u64,
    lower: i64,
    upper: i64,
}

/// Returns how much later than its stamp a time may be, because the stamp shows only whole seconds.
pub(crate) const fn hidden_nanos(stamp: Timestamp) -> i64 {
    if stamp.as_nanos() % 1_000_000_000 == 0 { 999_999_999 } else { 999 }
}

fn uptime_nanos(micros: u64) -> i64 {
    i64::try_from(micros.saturating_mul(1_000)).unwrap_or(i64::MAX)
}

fn drift(micros: u64) -> i64 {
    // A millionth of a microsecond is a thousandth of a nanosecond.
    i64::try_from(micros.saturating_mul(DRIFT_PPM) / 1_000).unwrap_or(i64::MAX)
}

impl Boot {
    /// Creates the boot of one line.
    pub(super) fn of(micros: u64, stamp: Timestamp) -> Self {
        Self {
            extent: Extent::of(micros, stamp),
            latest: micros,
            shift: FIRST_SHIFT,
            spans: BTreeMap::from([(micros >> FIRST_SHIFT, Offsets::of(micros, stamp))]),
            bounds: OnceLock::new(),
        }
    }

    pub(super) const fn extent(&self) -> Extent {
        self.extent
    }

    /// Adds a line of this boot.
    pub(super) fn take(&mut self, micros: u64, stamp: Timestamp) {
        if (stamp.as_nanos(), micros) > (self.extent.to, self.latest) {
            self.latest = micros;
        }
        self.extent = self.extent.joined(Extent::of(micros, stamp));
        self.put(micros >> self.shift, Offsets::of(micros, stamp));
        self.widen();
    }

    /// Adds the lines of another.
    pub(super) fn join(&mut self, other: &Self) {
        if (other.extent.to, other.latest) > (self.extent.to, self.latest) {
            self.latest = other.latest;
        }
        self.extent = self.extent.joined(other.extent);
        let shift = self.shift.max(other.shift);
        self.shift_to(shift);
        for (span, offsets) in &other.spans {
            self.put(span >> (shift - other.shift), *offsets);
        }
        self.widen();
    }

    pub(super) fn write(&self, out: &mut Writer) {
        let Extent { from, to, least, greatest } = self.extent;
        for (number, since) in [(from, 0), (to, from), (least, from), (greatest, least)] {
            out.signed(number.wrapping_sub(since));
        }
        out.number(self.latest);
        out.number(self.shift.into());
        out.count(self.spans.len());
        for (span, Offsets { least, bound }) in &self.spans {
            out.number(*span);
            out.signed(least.0.wrapping_sub(self.extent.least));
            out.number(least.1);
            out.signed(bound.0.wrapping_sub(least.0));
            out.number(bound.1);
        }
    }

    /// Returns `None` for bytes that are none.
    pub(super) fn decode(input: &mut Reader<'_>) -> Option<Self> {
        let from = input.signed()?;
        let (to, least) = (from.wrapping_add(input.signed()?), from.wrapping_add(input.signed()?));
        let greatest = least.wrapping_add(input.signed()?);
        let latest = input.number()?;
        let shifts = FIRST_SHIFT..64;
        let shift = u32::try_from(input.number()?).ok().filter(|it| shifts.contains(it))?;
        let count = input.count().filter(|count| (1..=MOST_SPANS).contains(count))?;
        let mut spans = BTreeMap::new();
        for _ in 0..count {
            let span = input.number().filter(|span| *span < u64::MAX >> shift)?;
            let offset = least.wrapping_add(input.signed()?);
            let at = input.number()?;
            let bound = offset.wrapping_add(input.signed()?);
            let offsets = Offsets { least: (offset, at), bound: (bound, input.number()?) };
            spans.insert(span, offsets);
        }
        let extent = Extent { from, to, least, greatest };
        Some(Self { extent, latest, shift, spans, bounds: OnceLock::new() })
    }

    fn put(&mut self, span: u64, offsets: Offsets) {
        match self.spans.entry(span) {
            Entry::Vacant(new) => {
                new.insert(offsets);
            }
            Entry::Occupied(known) if known.get().joined(offsets) == *known.get() => return,
            Entry::Occupied(mut known) => {
                let joined = known.get().joined(offsets);
                known.insert(joined);
            }
        }
        self.bounds = OnceLock::new();
    }

    fn widen(&mut self) {
        while self.spans.len() > MOST_SPANS {
            self.shift_to(self.shift + 1);
            self.bounds = OnceLock::new();
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

    /// Returns lines that prove as much as all lines of this boot: each an uptime, and the stamp
    /// beside it.
    pub(super) fn samples(&self) -> impl Iterator<Item = (u64, Timestamp)> + '_ {
        let stamp = |(offset, micros): (i64, u64)| {
            (micros, Timestamp::from_nanos(offset.saturating_add(uptime_nanos(micros))))
        };
        let latest = (self.latest, Timestamp::from_nanos(self.extent.to));
        let of_spans = self.spans.values().flat_map(move |offsets| {
            let Offsets { least, bound } = *offsets;
            // The line with the least bound shows more or fewer decimals, and does not have the
            // least offset.
            let other = (bound.1 != least.1).then(|| stamp((bound.0 - 999, bound.1)));
            [Some(stamp(least)), other].into_iter().flatten()
        });
        of_spans.chain([latest])
    }

    /// Returns the instant of a line that shows this uptime and this stamp: not later than its
    /// stamp, and not much earlier than the lines of its boot prove.
    pub(super) fn stamped(&self, micros: u64, stamp: Timestamp) -> TimeRange {
        let latest = stamp.as_nanos().saturating_add(hidden_nanos(stamp));
        let lower = self.lower_at(micros >> self.shift);
        let earliest = uptime_nanos(micros).saturating_add(lower).saturating_sub(LAG_NANOS);
        TimeRange::between(
            Timestamp::from_nanos(earliest.min(latest)),
            Timestamp::from_nanos(latest),
        )
    }

    /// Returns the instant of a line that shows this uptime and no stamp; `None` if it is further
    /// than an hour from all known uptimes.
    pub(super) fn at(&self, micros: u64) -> Option<TimeRange> {
        const HOUR_MICROS: u64 = 3_600_000_000;
        let (first, last) = (*self.spans.keys().next()?, *self.spans.keys().next_back()?);
        let from = (first << self.shift).saturating_sub(HOUR_MICROS);
        let to = ((last + 1) << self.shift).saturating_add(HOUR_MICROS);
        (from..to).contains(&micros).then(|| self.of_uptime(micros))
    }

    /// Returns the instant of a line of this boot that shows this uptime.
    pub(super) fn of_uptime(&self, micros: u64) -> TimeRange {
        let span = micros >> self.shift;
        let uptime = uptime_nanos(micros);
        let at = |offset: i64| Timestamp::from_nanos(uptime.saturating_add(offset));
        let lower = self.lower_at(span).saturating_sub(LAG_NANOS);
        TimeRange::between(at(lower), at(self.upper_at(span)))
    }

    /// Returns a lower bound on when a line of these uptimes was written, as in [`Boot::stamped`].
    pub(super) fn earliest(&self, from: u64, to: u64) -> Timestamp {
        let (first, last) = (from >> self.shift, to >> self.shift);
        let inside = self.bounds().iter().filter(|it| (first..=last).contains(&it.span));
        let ends = [self.lower_at(first), self.lower_at(last)];
        let lower = inside.map(|it| it.lower).chain(ends).min().unwrap_or(ends[0]);
        // Between two spans with lines, an uptime may be as far from both as they are from each
        // other.
        let mut gap = 1;
        let mut before = first;
        for it in self.bounds().iter().filter(|it| (first..=last).contains(&it.span)) {
            gap = gap.max(it.span - before);
            before = it.span;
        }
        let lower = lower.saturating_sub(drift(gap.max(last - before) << self.shift));
        Timestamp::from_nanos(uptime_nanos(from).saturating_add(lower).saturating_sub(LAG_NANOS))
    }

    /// Returns the spans that begin with another zone than the one before, as stamps without a zone
    /// show it.
    ///
    /// Summer time moves the offset at once and for long. A stall of the relay only adds to it, for
    /// a while, and never makes stamps go back. So each span is compared with the last one before
    /// it that was not late, and what follows shows by how much the zone has moved.
    pub(super) fn zone_changes(&self) -> Vec<ZoneChange> {
        let spans: Vec<_> = self.spans.iter().map(|(span, it)| (*span, it.least)).collect();
        let Some((_, mut punctual)) = spans.first().copied() else { return Vec::new() };
        // Whether two spans agree on the offset: the lines of a stall do not.
        let mut is_sure = false;
        let mut changes = Vec::new();
        for (n, (span, line)) in spans.iter().enumerate().skip(1) {
            let (by, error) = moved(punctual, *line);
            if by.saturating_abs() <= error {
                (punctual, is_sure) = (*line, true);
                continue;
            }
            let rest = &spans[n..];
            let goes_back = uptime_nanos(punctual.1.abs_diff(line.1)) < by.saturating_neg();
            let found = match zone_moves(punctual, rest) {
                // A late line before the change is in the zone of before.
                Some(moves) if moves > 0 && by >= moves - error => Some(moves),
                Some(moves) if moves < 0 && by < 0 && (goes_back || is_sure) => Some(moves),
                None if goes_back && by < -LEAST_CHANGE_NANOS => {
                    // The line is late, and lines behind it do not show by how much.
                    CHANGES_NANOS.into_iter().find(|it| -it <= by).map(|it| -it)
                }
                _ => None,
            };
            if let Some(moves) = found {
                let [since, settled] = [*span, *span + 1].map(|span| span << self.shift);
                changes.push(ZoneChange { since, settled, by: moves });
                punctual.0 = punctual.0.saturating_add(moves);
                let (by, error) = moved(punctual, *line);
                if by.saturating_abs() <= error {
                    punctual = *line;
                }
            } else if by < 0 {
                // The lines before were late.
                (punctual, is_sure) = (*line, false);
            }
        }
        changes
    }

    /// Returns the least possible offset in a span, without the delay of the least delayed line.
    fn lower_at(&self, span: u64) -> i64 {
        let bounds = self.bounds();
        let at = bounds.partition_point(|it| it.span < span);
        if let Some(own) = bounds.get(at).filter(|it| it.span == span) {
            return own.lower;
        }
        let sides = [at.checked_sub(1).and_then(|at| bounds.get(at)), bounds.get(at)];
        let beside = sides
            .into_iter()
            .flatten()
            .map(|it| it.lower.saturating_sub(drift(it.span.abs_diff(span) << self.shift)));
        beside.max().expect(SOME_SPAN)
    }

    /// Returns the greatest possible offset: a line of the span bounds it, or one beside it.
    fn upper_at(&self, span: u64) -> i64 {
        if let Some(own) = self.spans.get(&span) {
            return own.bound.0.saturating_add(drift(1 << self.shift));
        }
        let bounds = self.bounds();
        let at = bounds.partition_point(|it| it.span < span);
        let sides = [at.checked_sub(1).and_then(|at| bounds.get(at)), bounds.get(at)];
        let beside = sides
            .into_iter()
            .flatten()
            .map(|it| it.upper.saturating_add(drift((it.span.abs_diff(span) + 1) << self.shift)));
        beside.max().expect(SOME_SPAN)
    }

    fn bounds(&self) -> &[Bounds] {
        self.bounds.get_or_init(|| {
            let spans: Vec<_> =
                self.spans.iter().map(|(span, it)| (*span, it.least.0, it.bound.0)).collect();
            let points = nearest(&spans, self.shift);
            let lower = hull(&points);
            let all = spans.iter().zip(lower);
            all.map(|((span, _, bound), lower)| Bounds { span: *span, lower, upper: *bound })
                .collect()
        })
    }
}

/// A change of the zone of stamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ZoneChange {
    /// The uptime from which on a line may be in the new zone.
    pub(super) since: u64,
    /// The uptime from which on every line is.
    pub(super) settled: u64,
    /// By how much the zone moves east.
    pub(super) by: i64,
}

/// Returns by how much an offset differs from that of an earlier line, and how much of that drift
/// and delay explain. A line is its offset and its uptime.
fn moved((least, at): (i64, u64), (later, after): (i64, u64)) -> (i64, i64) {
    (later.saturating_sub(least), drift(at.abs_diff(after)).saturating_add(MOVED_NANOS))
}

/// Returns by how much the zone has moved east since a line, as the least late one of the next
/// hours' spans shows it.
fn zone_moves(punctual: (i64, u64), rest: &[(u64, (i64, u64))]) -> Option<i64> {
    let (_, (_, first)) = rest.first()?;
    let is_near = |n: usize, at: u64| n < 2 || at.saturating_sub(*first) <= AHEAD_MICROS;
    let next = rest.iter().enumerate().take_while(|(n, (_, (_, at)))| is_near(*n, *at));
    let (by, error) = next.map(|(_, (_, line))| moved(punctual, *line)).min()?;
    let moves = CHANGES_NANOS.into_iter().flat_map(|it| [it, -it]);
    moves.into_iter().find(|it| it.abs_diff(by) <= error.unsigned_abs())
}

const SOME_SPAN: &str = "a boot has a line";

/// Returns for each span the lower bound from the line that has the least offset here, with the
/// drift in between.
fn nearest(spans: &[(u64, i64, i64)], shift: u32) -> Vec<(u64, i64)> {
    // A span's line may be at its far end.
    let since = |a: u64, b: u64| drift((a.abs_diff(b) + 1) << shift);
    let mut best: Vec<(u64, i64)> = spans.iter().map(|(span, least, _)| (*span, *least)).collect();
    let improve = |best: &mut Vec<(u64, i64)>, at: usize, from: usize| {
        let (span, (origin, least)) = (spans[at].0, best[from]);
        let known = best[at].1.saturating_add(since(best[at].0, span));
        if least.saturating_add(since(origin, span)) < known {
            best[at] = (origin, least);
        }
    };
    for at in 1..best.len() {
        improve(&mut best, at, at - 1);
    }
    for at in (1..best.len()).rev() {
        improve(&mut best, at - 1, at);
    }
    let of = |((span, ..), (origin, least)): (&(u64, i64, i64), (u64, i64))| {
        (*span, least.saturating_sub(since(origin, *span)))
    };
    spans.iter().zip(best).map(of).collect()
}

/// Returns the lower convex hull of points, at each of them.
fn hull(points: &[(u64, i64)]) -> Vec<i64> {
    let mut corners: Vec<(u64, i64)> = Vec::new();
    for point in points {
        while let [.., a, b] = corners[..]
            && is_above(a, b, *point)
        {
            corners.pop();
        }
        corners.push(*point);
    }
    let mut side = 0;
    points
        .iter()
        .map(|(span, _)| {
            while side + 2 < corners.len() && corners[side + 1].0 <= *span {
                side += 1;
            }
            match corners[side..] {
                [a, b, ..] => between(a, b, *span),
                _ => corners[side].1,
            }
        })
        .collect()
}

/// Returns whether the second of three points is on or above the line from the first to the third.
fn is_above(a: (u64, i64), b: (u64, i64), c: (u64, i64)) -> bool {
    let across = |from: (u64, i64), to: (u64, i64)| i128::from(to.0) - i128::from(from.0);
    let up = |from: (u64, i64), to: (u64, i64)| i128::from(to.1) - i128::from(from.1);
    up(a, b) * across(a, c) >= up(a, c) * across(a, b)
}

/// Returns the height of a line through two points, rounded down.
fn between(a: (u64, i64), b: (u64, i64), at: u64) -> i64 {
    let width = i128::from(b.0 - a.0);
    let up = i128::from(b.1) - i128::from(a.1);
    let height = i128::from(a.1) + (up * (i128::from(at) - i128::from(a.0))).div_euclid(width);
    i64::try_from(height).unwrap_or(a.1.min(b.1))
}
