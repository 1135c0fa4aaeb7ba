//! The fast path for completing stamps that resemble the last one.

use super::known::{KnownTimes, Stamp};
use super::uptime::StampKind;
use crate::evidence::SourceId;
use crate::time::{Civil, LogTime, Timestamp};

/// Completes stamps for one thread, and keeps the hour of the last one.
///
/// Earlier stamps never change a result.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StampMemo(Option<Hour>);

/// An hour in which the distance of each stamp from the start is the one that it shows.
#[derive(Debug, Clone, Copy)]
struct Hour {
    source: SourceId,
    machine: Option<u64>,
    /// The stamp of its beginning, as a line would show it, and completed.
    shown: LogTime,
    begins: Stamp,
}

/// The last instant of an hour, as [`since`] counts it.
const LAST_NANOS: i64 = 3_599_999_999_999;

impl StampMemo {
    /// Returns the stamp that [`KnownTimes::stamp`] gives.
    pub(super) fn stamp(
        &mut self,
        times: &KnownTimes<'_>,
        source: SourceId,
        machine: Option<u64>,
        shown: LogTime,
    ) -> Option<Stamp> {
        let (civil, of): (_, fn(Civil) -> LogTime) = match shown {
            LogTime::Unknown => return None,
            LogTime::Instant(time) => return Some(Stamp::exact(time)),
            LogTime::Local(civil) => (civil, LogTime::Local),
            LogTime::NoYear(civil) => (civil, LogTime::NoYear),
        };
        let beginning = of(Civil { minute: 0, second: 0, nanos: 0, ..civil });
        let is_known = |hour: &Hour| {
            hour.source == source && hour.machine == machine && hour.shown == beginning
        };
        if let Some(hour) = self.0.as_ref().filter(|hour| is_known(hour)) {
            return Some(hour.begins.later(since(civil)));
        }
        if let Some(begins) = times.stamp(source, machine, beginning) {
            let last = of(Civil { minute: 59, second: 59, nanos: 999_999_999, ..civil });
            let ends = times.stamp(source, machine, last);
            if ends == Some(begins.later(LAST_NANOS))
                && times.has_one_zone((source, machine), begins.best, begins.later(LAST_NANOS).best)
            {
                self.0 = Some(Hour { source, machine, shown: beginning, begins });
                return Some(begins.later(since(civil)));
            }
        }
        times.stamp(source, machine, shown)
    }
}

/// Returns how far a time of day is from the beginning of its hour, in nanoseconds.
fn since(civil: Civil) -> i64 {
    let seconds = i64::from(civil.minute) * 60 + i64::from(civil.second);
    seconds * 1_000_000_000 + i64::from(civil.nanos)
}

impl Stamp {
    /// Returns a stamp so many nanoseconds later, in the same year and zone.
    fn later(self, nanos: i64) -> Self {
        let later = |time: Timestamp| Timestamp::from_nanos(time.as_nanos().saturating_add(nanos));
        let [best, earliest, latest] = [self.best, self.earliest, self.latest].map(later);
        Self { best, earliest, latest, ..self }
    }
}

/// Converts stamps as [`StampKind::of`] does, and keeps the day of the last one.
///
/// Earlier stamps never change a result.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StampDay(Option<Day>);

#[derive(Debug, Clone, Copy)]
struct Day {
    kind: StampKind,
    /// Year, month and day.
    date: (i16, i8, i8),
    begins: Timestamp,
}

impl StampDay {
    /// Returns the kind of a stamp, and the stamp as an instant.
    pub(crate) fn convert(&mut self, shown: LogTime) -> Option<(StampKind, Timestamp)> {
        let (kind, civil) = match shown {
            LogTime::Local(civil) => (StampKind::WithYear, civil),
            LogTime::NoYear(civil) => (StampKind::WithoutYear, civil),
            LogTime::Instant(_) | LogTime::Unknown => return None,
        };
        let date = (civil.year, civil.month, civil.day);
        if let Some(known) = &self.0
            && known.kind == kind
            && known.date == date
        {
            return Some((kind, civil.since(known.begins)?));
        }
        let (_, _, stamp) = StampKind::of(shown)?;
        let midnight = Civil { hour: 0, minute: 0, second: 0, nanos: 0, ..civil };
        let begins = match kind {
            StampKind::WithYear => StampKind::of(LogTime::Local(midnight)),
            StampKind::WithoutYear => StampKind::of(LogTime::NoYear(midnight)),
        };
        self.0 = begins.map(|(.., begins)| Day { kind, date, begins });
        Some((kind, stamp))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn stamps_of_a_day_are_converted_as_each_alone(
            stamps in prop::collection::vec(
                (
                    prop::sample::select(vec![0_i16, 1677, 1678, 2000, 2001, 2017, 2262, 2263, -1]),
                    (0_i8..4, -1_i8..33),
                    (-1_i8..26, -1_i8..62, -1_i8..62),
                    prop::sample::select(vec![0_i32, 7, 999_999_999, 1_000_000_000, -1]),
                    0_u8..4,
                ),
                1..60,
            ),
        ) {
            let mut day = StampDay::default();
            for (year, (month, date), (hour, minute, second), nanos, kind) in stamps {
                // Few days, so that most stamps resemble the last one.
                for (month, date) in [(month, date), (2, 29), (9, 21), (4, 11), (4, 11)] {
                    let civil = Civil { year, month, day: date, hour, minute, second, nanos };
                    let shown = match kind {
                        0 => LogTime::Instant(Timestamp::from_nanos(7)),
                        1 => LogTime::Local(civil),
                        _ => LogTime::NoYear(Civil { year: 0, ..civil }),
                    };
                    let expected = StampKind::of(shown).map(|(kind, _, stamp)| (kind, stamp));
                    prop_assert_eq!(day.convert(shown), expected);
                }
            }
        }
    }
}
