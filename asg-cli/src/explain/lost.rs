//! When lines of a cell were lost.

use asg_core::completeness::Completeness;
use asg_core::time::{LogTime, TimeRange, YearPolicy};
use asg_core::{TimePolicy, Timestamp};
use serde::{Deserialize, Serialize};

use crate::origins;

/// The time before a note in which the lines that it counts were lost. rsyslog's imjournal counts
/// for ten minutes before it writes one, which is the longest of all.
const BEFORE: i64 = 600 * 1_000_000_000;
/// The greatest offset of a time zone.
const ZONE: i64 = 14 * 3_600 * 1_000_000_000;
/// The number of stamps without a year or zone that are compared one by one; more count always.
const MOST: usize = 1_024;

/// A note about lines of a cell that were lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LinesLost {
    /// The cell, as its lines name it; empty without a name.
    pub cell: String,
    /// The source of the lines, where they name no cell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The stamp of the note.
    pub noted: LogTime,
}

impl LinesLost {
    /// Returns all notes of some logs, cell by cell.
    pub(crate) fn all(completeness: &Completeness) -> Vec<Self> {
        let mut all: Vec<_> = completeness
            .lost()
            .into_iter()
            .map(|lost| Self {
                cell: lost.cell.to_owned(),
                source: lost.source.map(|source| origins::name(source).to_owned()),
                noted: lost.noted,
            })
            .collect();
        all.dedup();
        all
    }
}

/// The times at which one cell lost lines.
#[derive(Debug, Default)]
pub(super) struct LostTimes {
    /// The stamps of notes, in nanoseconds since 1970, in order.
    notes: Vec<i64>,
    /// Stamps without a year or a zone.
    vague: Vec<LogTime>,
    /// Whether lines were lost at a time that nothing shows.
    always: bool,
}

impl LostTimes {
    pub(super) fn add(&mut self, noted: LogTime) {
        match noted {
            LogTime::Instant(time) => self.notes.push(time.as_nanos()),
            LogTime::Local(_) | LogTime::NoYear(_) if self.vague.len() < MOST => {
                self.vague.push(noted);
            }
            _ => self.always = true,
        }
    }

    pub(super) fn sort(&mut self) {
        self.notes.sort_unstable();
    }

    /// Returns whether lines may have been lost at this time; also if the time is not known.
    pub(super) fn has(&self, range: Option<TimeRange>) -> bool {
        let Some(range) = range else { return true };
        let (from, to) = (range.earliest().as_nanos(), range.latest().as_nanos());
        let next = self.notes.partition_point(|note| *note < from);
        let is_near = |note: i64, slack: i64| {
            let last = note.saturating_add(slack);
            from <= last && note.saturating_sub(BEFORE.saturating_add(slack)) <= to
        };
        let policy =
            TimePolicy { year: YearPolicy::Nearest(range.middle()), ..TimePolicy::default() };
        self.always
            || self.notes.get(next).is_some_and(|note| is_near(*note, 0))
            || self.vague.iter().any(|noted| {
                let note = noted.resolve(&policy);
                note.is_none_or(|note| is_near(note.time.as_nanos(), ZONE))
            })
    }
}

/// Returns when the lines that a note counts were lost; `None` if its stamp shows no instant.
pub(crate) fn span(noted: LogTime) -> Option<(Timestamp, Timestamp)> {
    let LogTime::Instant(end) = noted else { return None };
    Some((Timestamp::from_nanos(end.as_nanos().saturating_sub(BEFORE)), end))
}

#[cfg(test)]
mod tests {
    use asg_core::{Line, Record, SourceId};

    use super::*;

    fn lost(head: &str) -> LostTimes {
        let text = format!("{head} cell-1 kernel: [637.5] net_ratelimit: 12 callbacks suppressed");
        let line = Line::new(text.as_bytes());
        let mut completeness = Completeness::default();
        completeness.observe(SourceId(0), &Record::classify(&line));
        let mut times = LostTimes::default();
        completeness.lost().iter().for_each(|lines| times.add(lines.noted));
        times.sort();
        times
    }

    #[test]
    fn lines_are_lost_in_the_ten_minutes_before_a_note_and_at_no_other_time() {
        let at = |text: &str| Some(TimeRange::from(Timestamp::parse(text.as_bytes()).unwrap()));
        let times = lost("2024-05-06T07:09:10+00:00");
        for (time, expected) in [
            ("2024-05-06T06:59:09Z", false),
            ("2024-05-06T06:59:10Z", true),
            ("2024-05-06T07:09:10Z", true),
            ("2024-05-06T07:09:11Z", false),
            ("2024-05-07T07:05:00Z", false),
        ] {
            assert_eq!(times.has(at(time)), expected, "{time}");
        }
        assert!(times.has(None), "it may have been then");
        // Nothing shows the zone, nor the year.
        let times = lost("May  6 07:09:10");
        for (time, expected) in [
            ("2024-05-06T21:00:00Z", true),
            ("2025-05-05T17:05:00Z", true),
            ("2024-05-08T07:05:00Z", false),
        ] {
            assert_eq!(times.has(at(time)), expected, "{time}");
        }
    }
}
