//! Joins two layers of a line.

use super::{Dialect, Envelope};
use crate::time::{Civil, LogTime, Timestamp};

/// The maximum delay of a shipper's stamp behind the line's, and the maximum lead, for both to
/// count as one clock's: in nanoseconds.
const LATE: i64 = 600_000_000_000;
const EARLY: i64 = 2_000_000_000;

impl Envelope<'_> {
    /// Returns whether the other header names the same writer. Stamps and numbers may differ.
    pub(crate) fn has_writer_of(&self, other: &Self) -> bool {
        let (time, uptime, sequence) = (self.time, self.uptime, self.sequence);
        let (body, body_at) = (self.body, self.body_at);
        *self == Envelope { time, uptime, sequence, body, body_at, ..*other }
    }

    /// Completes this layer from the layer around it.
    pub(crate) fn within(self, outer: &Self) -> Self {
        // A tool's prefix names the machine. Among headers, the inner one does, because the outer
        // one is a relay's.
        let is_named = self.host.is_some_and(|host| host != "localhost")
            || self.instance.is_some()
            || self.job.is_some();
        let machine =
            if is_named && outer.dialect != Dialect::Bare { Self::default() } else { *outer };
        Self {
            dialect: if self.dialect == Dialect::Bare { outer.dialect } else { self.dialect },
            time: within_time(self.time, outer.time),
            priority: self.priority.or(outer.priority),
            host: self.host.filter(|host| *host != "localhost").or(machine.host).or(self.host),
            job: self.job.or(machine.job),
            index: self.index.or(machine.index),
            instance: self.instance.or(machine.instance),
            deployment: self.deployment.or(machine.deployment),
            az: self.az.or(machine.az),
            director: self.director.or(machine.director),
            environment: self.environment.or(machine.environment),
            program: self.program.or(outer.program),
            proc_id: if self.program.is_some() {
                self.proc_id
            } else {
                self.proc_id.or(outer.proc_id)
            },
            uptime: self.uptime.or(outer.uptime),
            caller: self.caller.or(outer.caller),
            sequence: self.sequence.or(outer.sequence),
            continuation: self.continuation || outer.continuation,
            is_cut: self.is_cut || outer.is_cut,
            repeated: self.repeated.or(outer.repeated),
            source_file: self.source_file.or(outer.source_file),
            tags: self.tags.or(outer.tags),
            body: self.body,
            body_at: self.body_at,
        }
    }
}

/// Returns the inner stamp. One without a year or zone is in UTC if the outer one then follows it
/// at once.
fn within_time(inner: LogTime, outer: LogTime) -> LogTime {
    match (inner, outer) {
        (LogTime::Unknown, _) => outer,
        (LogTime::NoYear(civil), LogTime::Local(outer)) => {
            // Both are somebody's local time, so the nearest year is the right one.
            let far = |year: i16| {
                let apart =
                    civil.at(year, 0)?.as_nanos().abs_diff(outer.at(outer.year, 0)?.as_nanos());
                Some((apart, year))
            };
            let years = [outer.year - 1, outer.year, outer.year + 1];
            let nearest = years.into_iter().filter_map(far).min();
            nearest.map_or(inner, |(_, year)| LogTime::Local(Civil { year, ..civil }))
        }
        (LogTime::NoYear(civil) | LogTime::Local(civil), LogTime::Instant(shown)) => {
            let year = match inner {
                LogTime::Local(_) => civil.year,
                _ => Civil::of(shown).year,
            };
            let in_utc = [year, year - 1].into_iter().filter_map(|year| civil.at(year, 0));
            let fits = |time: &Timestamp| {
                let late = shown.as_nanos().saturating_sub(time.as_nanos());
                (-EARLY..=LATE).contains(&late)
            };
            in_utc.into_iter().find(fits).map_or(inner, LogTime::Instant)
        }
        _ => inner,
    }
}
