//! Time in a foundation: instants, their written forms, and the clock of a cell.

use std::io::Write as _;

/// Nanoseconds.
pub(super) const MILLI: i64 = 1_000_000;
pub(super) const SECOND: i64 = 1_000_000_000;
pub(super) const MINUTE: i64 = 60 * SECOND;

/// A cell's clock: its error, and the time when the machine booted.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    /// The start of the simulation, by true time.
    pub(super) start: i64,
    /// How far the clock is ahead then.
    pub(super) skew: i64,
    /// How much faster than true time it runs, in millionths.
    pub(super) drift_ppm: i64,
    /// The time when the machine booted, by true time.
    pub(super) booted: i64,
    /// The intervals in which its relay stalls, by true time.
    pub(super) stalls: Vec<(i64, i64)>,
}

impl Clock {
    /// Returns the clock's time at a true time.
    pub(super) const fn wall(&self, now: i64) -> i64 {
        now + self.skew + (now - self.start) / 1_000_000 * self.drift_ppm
    }

    /// Returns the time in the header of a line that is written at a true time.
    pub(super) fn stamped(&self, now: i64) -> i64 {
        // The delayed lines come one behind the other.
        self.stall(now).map_or(self.wall(now), |(from, to)| self.wall(to) + (now - from) / 1_000)
    }

    /// Returns the interval in which the relay stalls, if it does now.
    pub(super) fn stall(&self, now: i64) -> Option<(i64, i64)> {
        self.stalls.iter().copied().find(|(from, to)| (*from..*to).contains(&now))
    }

    /// Microseconds since boot.
    pub(super) const fn uptime(&self, now: i64) -> u64 {
        ((now - self.booted) / 1_000).unsigned_abs()
    }
}

/// A date and time of day in UTC.
struct Utc {
    year: i64,
    month: usize,
    day: i64,
    second: i64,
    nanos: i64,
}

impl Utc {
    /// Computes the Gregorian calendar from days since 1970, in years that begin in March, so that
    /// the leap day comes last.
    fn of(nanos: i64) -> Self {
        let (seconds, nanos) = (nanos.div_euclid(SECOND), nanos.rem_euclid(SECOND));
        let days = seconds.div_euclid(86_400) + 719_468;
        let (era, in_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
        let in_year = in_era - (365 * year + year / 4 - year / 100);
        let from_march = (5 * in_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        Self {
            year: year + era * 400 + i64::from(month <= 2),
            month: month.unsigned_abs() as usize,
            day: in_year - (153 * from_march + 2) / 5 + 1,
            second: seconds.rem_euclid(86_400),
            nanos,
        }
    }

    fn clock(&self) -> (i64, i64, i64) {
        (self.second / 3_600, self.second / 60 % 60, self.second % 60)
    }
}

/// Writes `2018-04-03T17:05:02.358719` and a zone.
pub(super) fn rfc3339(out: &mut Vec<u8>, nanos: i64, decimals: usize, zone: &str) {
    let utc = Utc::of(nanos);
    let (h, m, s) = utc.clock();
    let _ = write!(out, "{:04}-{:02}-{:02}T{h:02}:{m:02}:{s:02}", utc.year, utc.month, utc.day);
    let fraction = format!(".{:09}", utc.nanos);
    out.extend(&fraction.as_bytes()[..=decimals]);
    out.extend(zone.as_bytes());
}

/// Writes `Jun 16 23:18:38`.
pub(super) fn rfc3164(out: &mut Vec<u8>, nanos: i64) {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let utc = Utc::of(nanos);
    let (h, m, s) = utc.clock();
    let _ = write!(out, "{} {:2} {h:02}:{m:02}:{s:02}", MONTHS[utc.month - 1], utc.day);
}

/// Writes `[  637.581122] `.
pub(super) fn printk(out: &mut Vec<u8>, uptime: u64) {
    let _ = write!(out, "[{:5}.{:06}] ", uptime / 1_000_000, uptime % 1_000_000);
}

/// Returns the text of an instant, as in audit events and truths.
pub(super) fn text(nanos: i64) -> String {
    let mut out = Vec::new();
    rfc3339(&mut out, nanos, 6, "Z");
    String::from_utf8(out).expect("digits")
}

#[cfg(test)]
mod tests {
    use asg_core::Timestamp;

    use super::*;

    #[test]
    fn stamps_read_back_through_another_calendar() {
        let mut chance = crate::sim::Chance::new(5);
        for _ in 0..2_000 {
            let nanos = chance.between(0, 4_000_000_000) * SECOND + chance.between(0, SECOND);
            let mut out = Vec::new();
            rfc3339(&mut out, nanos, 9, "+00:00");
            assert_eq!(Timestamp::parse(&out).unwrap().as_nanos(), nanos);
        }
        let mut out = Vec::new();
        rfc3164(&mut out, 1_497_655_118 * SECOND);
        assert_eq!(out, b"Jun 16 23:18:38");
    }

    #[test]
    fn a_clock_that_runs_fast_gains() {
        let clock =
            Clock { start: 0, skew: SECOND, drift_ppm: 100, booted: -SECOND, stalls: Vec::new() };
        assert_eq!(clock.wall(0), SECOND);
        assert_eq!(clock.wall(10_000 * SECOND), 10_002 * SECOND);
        assert_eq!(clock.uptime(SECOND), 2_000_000);
    }

    #[test]
    fn lines_of_a_stall_are_stamped_at_its_end_in_their_order() {
        let stalls = vec![(10 * SECOND, 20 * SECOND)];
        let clock = Clock { start: 0, skew: 0, drift_ppm: 0, booted: 0, stalls };
        let stamps = [9, 10, 15, 20].map(|at| clock.stamped(at * SECOND));
        let late = [9 * SECOND, 20 * SECOND, 20 * SECOND + 5 * MILLI, 20 * SECOND];
        assert_eq!(stamps, late);
    }
}
