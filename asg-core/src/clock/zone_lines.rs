//! Lines that show one zone, one after the other: most teach what the one before them taught.

use std::ops::RangeInclusive;

use super::doubling::Join as _;
use super::late::{delay, punctual_span};
use super::spans::Span;
use super::uptime::UptimeClocks;
use super::zone::{self, FIRST_SHIFT, Offset};
use crate::evidence::SourceId;
use crate::time::{Civil, LogTime, Timestamp};

/// Lines of one machine in one source that have a stamp without a zone beside an instant, reduced
/// to what they teach the clocks together.
#[derive(Debug, Clone, Default)]
pub(crate) struct ZoneLines {
    run: Option<Run>,
    /// The span of the last punctual stamp.
    punctual: Option<i64>,
}

/// Lines with stamps of one hour, and instants of one span.
#[derive(Debug, Clone)]
struct Run {
    /// The stamps' hour.
    hour: LogTime,
    day: Civil,
    /// The zone; `None` if the lines show none.
    offset: Option<Offset>,
    /// The beginning of the hour, as if in UTC.
    begins: i64,
    /// How far ahead of its instant a stamp may be, as if in UTC, that shows the same.
    ahead: RangeInclusive<i64>,
    span: Span,
}

/// Returns the hour of a stamp, and the nanoseconds since it began.
fn hour(shown: LogTime) -> Option<(LogTime, Civil, i64)> {
    let (LogTime::Local(civil) | LogTime::NoYear(civil)) = shown else { return None };
    let Civil { minute, second, nanos, .. } = civil;
    let is_usual = (0..60).contains(&minute)
        && (0..60).contains(&second)
        && (0..1_000_000_000).contains(&nanos);
    let since = (i64::from(minute) * 60 + i64::from(second)) * 1_000_000_000 + i64::from(nanos);
    let begin = Civil { minute: 0, second: 0, nanos: 0, ..civil };
    let hour = match shown {
        LogTime::Local(_) => LogTime::Local(begin),
        _ => LogTime::NoYear(begin),
    };
    is_usual.then_some((hour, civil, since))
}

impl Run {
    fn of(shown: LogTime, written: Timestamp) -> Option<Self> {
        let (hour, day, since) = hour(shown)?;
        let ahead = zone::ahead(shown, written)?;
        let begins = written.as_nanos().checked_add(ahead)?.checked_sub(since)?;
        let (offset, ahead) = (zone::offset_of(ahead), zone::alike(ahead)?);
        let span = Span { first: written, last: written, count: 1 };
        Some(Self { hour, day, offset, begins, ahead, span })
    }

    /// Adds a line, and returns how far ahead its stamp is; `None` if it does not surely show the
    /// same. No stamp is so far from its instant
    /// that another year would be nearer, so those of one hour are of one year.
    fn extend(&mut self, shown: LogTime, written: Timestamp) -> Option<i64> {
        let (hour, _, since) = hour(shown)?;
        let span = written.as_nanos() >> FIRST_SHIFT;
        if hour != self.hour || span != self.span.first.as_nanos() >> FIRST_SHIFT {
            return None;
        }
        let ahead = self.begins + since - written.as_nanos();
        if !self.ahead.contains(&ahead) {
            return None;
        }
        self.span = self.span.joined(Span { first: written, last: written, count: 1 });
        Some(ahead)
    }

    /// Returns the instant that a stamp shows which is so far ahead of its line's instant.
    fn stamped(&self, ahead: i64, written: Timestamp) -> Option<Timestamp> {
        let late = ahead.saturating_sub(i64::from(self.offset?) * 60_000_000_000);
        Some(Timestamp::from_nanos(written.as_nanos().checked_add(late)?))
    }
}

impl ZoneLines {
    /// Takes a line of a machine that was looked up already. The clocks learn what was held of
    /// others, if they do not belong together.
    pub(crate) fn add(
        &mut self,
        clocks: &mut UptimeClocks,
        (source, machine): (SourceId, Option<u64>),
        shown: LogTime,
        written: Timestamp,
    ) {
        if let Some(run) = &mut self.run
            && let Some(ahead) = run.extend(shown, written)
        {
            if let Some(stamp) = run.stamped(ahead, written) {
                let is_late = delay(stamp, written).is_some();
                let punctual = (!is_late).then(|| punctual_span(stamp));
                if is_late || self.punctual != punctual {
                    clocks.learn_delay((source, machine), shown, written);
                    self.punctual = punctual.or(self.punctual);
                }
            }
            return;
        }
        clocks.learn_delay((source, machine), shown, written);
        self.flush(clocks, (source, machine));
        self.run = Run::of(shown, written);
        if self.run.is_none() {
            clocks.learn_own((source, machine), shown, written);
        }
    }

    /// Hands on what is held.
    pub(crate) fn flush(
        &mut self,
        clocks: &mut UptimeClocks,
        (source, machine): (SourceId, Option<u64>),
    ) {
        let Some(Run { day, offset, span, .. }) = self.run.take() else { return };
        clocks.learn_zone((source, machine), day, offset, span);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::line::envelope::Envelope;

    const MINUTES: i64 = 60_000_000_000;
    const HOURS: i64 = 60 * MINUTES;

    #[test]
    fn stamps_that_are_alike_show_one_zone() {
        let mut ranges = 0;
        let mut next = -100 * 24 * HOURS;
        while let Some(range) = zone::alike(next) {
            assert_eq!(*range.start(), next);
            for at in [next, range.end() - (range.end() - next) / 2, *range.end()] {
                assert_eq!(zone::offset_of(at), zone::offset_of(next));
                assert_eq!(zone::alike(at).as_ref(), Some(&range));
            }
            ranges += 1;
            next = range.end() + 1;
            let is_last = next > 100 * 24 * HOURS;
            assert!(is_last || zone::offset_of(next) != zone::offset_of(*range.start()));
        }
        assert!(ranges > 41);
    }

    proptest! {
        #[test]
        fn the_clocks_learn_as_from_each_line(
            lines in prop::collection::vec(
                (
                    prop::sample::select(vec![0, 1, 2, 180 * 24, 366 * 24]),
                    0..2 * HOURS,
                    prop::sample::select(vec![0, 0, 60, 525, 540, -180, 17, -719, -1_380, 860, 145_000]),
                    -3 * MINUTES..25 * MINUTES,
                    any::<(bool, bool)>(),
                ),
                1..40,
            ),
        ) {
            let mut slow = UptimeClocks::default();
            let mut fast = slow.part();
            let mut held = ZoneLines::default();
            let source = SourceId(0);
            let name = Envelope { host: Some(crate::bytes::Text::new(b"cell-1")), ..Envelope::default() };
            let machine = fast.machine(&name);
            for (hours, nanos, minutes, late, (has_year, is_whole)) in lines {
                // Around the turn of a year.
                let written = 1_514_764_800_000_000_000 - HOURS + hours * HOURS + nanos;
                let shown = Civil::of(Timestamp::from_nanos(written + minutes * MINUTES + late));
                let shown = Civil { nanos: if is_whole { 0 } else { shown.nanos }, ..shown };
                let shown = if has_year {
                    LogTime::Local(shown)
                } else {
                    LogTime::NoYear(Civil { year: 0, ..shown })
                };
                let written = Timestamp::from_nanos(written);
                slow.learn(source, &Envelope { time: shown, ..name }, Some(written));
                held.add(&mut fast, (source, machine), shown, written);
            }
            held.flush(&mut fast, (source, machine));
            prop_assert_eq!(fast.to_bytes(|_| "a"), slow.to_bytes(|_| "a"));
        }
    }
}
