//! The times of groups of lines that are only known by their corners: the least and the greatest
//! uptime and stamp.

use super::boot::{Extent, hidden_nanos};
use super::known::{KnownTimes, Stamp};
use super::uptime::StampKind;
use crate::evidence::SourceId;
use crate::time::{Civil, LogTime, TimeRange, Timestamp, Uptime};

const SECOND_NANOS: i64 = 1_000_000_000;

/// The times of lines between two corners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Between {
    /// Contains the range of each line.
    pub(crate) whole: TimeRange,
    /// The range of each line contains an instant between these two.
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
}

/// A corner: an uptime and a stamp, which need not be from one line.
type Corner = (Option<Uptime>, LogTime);

impl KnownTimes<'_> {
    /// Returns the times of lines whose uptimes and stamps are between those of two corners. `None`
    /// if the stamps lack a year or a zone that may change between the corners, or if they are of
    /// different boots.
    pub(crate) fn between(
        &self,
        source: SourceId,
        named: Option<u64>,
        [first, last]: [Corner; 2],
    ) -> Option<Between> {
        let (from, to) = match (first.1, last.1) {
            (LogTime::Instant(from), LogTime::Instant(to)) => (from, to),
            (LogTime::Unknown, _) | (_, LogTime::Unknown) => return None,
            (from, to) => {
                if self.changes_given_zone(source, named) {
                    return None;
                }
                let [from, to] = self.completed_ends(source, named, [from, to])?;
                if from.is_zone_assumed {
                    // Uptimes decide between zones.
                    let is_alone = first.0.is_none() || self.boots(source, named).is_none();
                    let (earliest, latest) = (from.alone().range, to.alone().range);
                    let late = self.late(source, named, from.best, to.best);
                    let earliest = earliest.earliest().as_nanos().saturating_sub(late);
                    let earliest = Timestamp::from_nanos(earliest);
                    let whole = TimeRange::between(earliest, latest.latest());
                    let (first, last) = (from.best, to.best);
                    return is_alone.then_some(Between { whole, first, last });
                }
                (from.best, to.best)
            }
        };
        let earliest = self.earliest(source, named, [(first.0, from), (last.0, to)])?;
        let latest = to.as_nanos().checked_add(hidden_nanos(to).max(SECOND_NANOS))?;
        // A line among them may show no uptime.
        let season = self.season((source, named), first.1, [from, to]);
        let moved = |time: i64, by| Timestamp::from_nanos(time.saturating_add(by));
        let whole = [moved(earliest.as_nanos(), -season), moved(latest, season)];
        let whole = TimeRange::between(whole[0], whole[1]);
        Some(Between { whole, first: from, last: Timestamp::from_nanos(latest) })
    }

    /// Returns the first and the last time of lines whose uptimes and stamps are between those of
    /// two corners. Some lines must show the stamps of the corners. Returns `None` if the corners
    /// do not suffice.
    pub(crate) fn ends(
        &self,
        source: SourceId,
        named: Option<u64>,
        [first, last]: [Corner; 2],
    ) -> Option<[Timestamp; 2]> {
        match (first.1, last.1) {
            (LogTime::Instant(from), LogTime::Instant(to)) => Some([from, to]),
            (LogTime::Unknown, _) | (_, LogTime::Unknown) => None,
            (from, to) => {
                let [from, to] = self.completed_ends(source, named, [from, to])?;
                let may_be_another = from.is_zone_assumed
                    && first.0.is_some()
                    && self.boots(source, named).is_some();
                (!may_be_another).then_some([from.best, to.best])
            }
        }
    }

    /// Completes the first and the last of some stamps, if all between them are completed alike.
    ///
    /// A stamp takes the year that brings it nearest to some instants. The later it is in the year,
    /// the earlier is that year; so if both ends take one year, all between them do.
    fn completed_ends(
        &self,
        source: SourceId,
        named: Option<u64>,
        [first, last]: [LogTime; 2],
    ) -> Option<[Stamp; 2]> {
        let ends = [first, last].map(|shown| self.stamp(source, named, shown));
        let [Some(from), Some(to)] = ends else { return None };
        if from.earliest != from.latest || to.earliest != to.latest {
            return None;
        }
        let offset = match self.zones(source, named) {
            Some(zones) => zones.only_between(from.best, to.best)? * 60,
            None => self.policy.utc_offset.unwrap_or_default(),
        };
        let year = |stamp: Stamp| {
            let shifted = stamp.best.as_nanos().checked_add(i64::from(offset) * SECOND_NANOS)?;
            Some(Timestamp::from_nanos(shifted).year())
        };
        let (kind, _, from_shown) = StampKind::of(first)?;
        let (_, _, to_shown) = StampKind::of(last)?;
        let is_of_one_year = || {
            let days = self.clocks.days.get(&source).copied().unwrap_or_default();
            let shown = from_shown..=to_shown;
            let is_leap = |year| LEAP_DAY.at(year, 0).is_some();
            let has_leap_day = LEAP_DAY.at(2000, 0).is_some_and(|day| {
                let next = Timestamp::from_nanos(day.as_nanos() + 86_400 * SECOND_NANOS);
                *shown.start() < next && day <= *shown.end()
            });
            let (Some(first), Some(last)) = (year(from), year(to)) else { return false };
            first == last && !days.is_over_new_year() && (!has_leap_day || is_leap(first))
        };
        (kind == StampKind::WithYear || is_of_one_year()).then_some([from, to])
    }

    /// Returns a lower bound on when any line was written whose uptime and stamp are both between
    /// these two; `None` if they are of different boots.
    ///
    /// The least uptime and the least stamp of some lines, and the greatest of each, need not be
    /// from one line. The stamps do come from lines, so both are in boots of lines. If both are in
    /// one boot, all lines are of it. Otherwise an uptime is assigned to a later boot, which has
    /// smaller uptimes than those of its lines, so the instant is early enough for all.
    fn earliest(
        &self,
        source: SourceId,
        named: Option<u64>,
        [first, last]: [(Option<Uptime>, Timestamp); 2],
    ) -> Option<Timestamp> {
        let late = self.late(source, named, first.1, last.1);
        let alone = Stamp::exact(first.1).alone().range.earliest().as_nanos();
        let alone = Timestamp::from_nanos(alone.saturating_sub(late));
        let (Some(boots), (Some(from), stamp), (Some(to), last_stamp)) =
            (self.boots(source, named), first, last)
        else {
            return Some(alone);
        };
        let boot_of = |uptime: Uptime, stamp| {
            let own = Extent::of(uptime.as_micros(), stamp);
            boots.iter().position(|boot| boot.extent().is_same(own))
        };
        let boot = boot_of(from, stamp);
        if boot != boot_of(to, last_stamp) {
            return None;
        }
        let earliest = boot.map(|boot| boots[boot].earliest(from.as_micros(), to.as_micros()));
        Some(earliest.map_or(alone, |earliest| earliest.min(alone)))
    }
}

/// The first instant of a leap day, in years that have it.
const LEAP_DAY: Civil =
    Civil { year: 0, month: 2, day: 29, hour: 0, minute: 0, second: 0, nanos: 0 };
