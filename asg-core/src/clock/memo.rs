//! The fast path for completing stamps that resemble the last one.

use super::known::{KnownTimes, Stamp};
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
