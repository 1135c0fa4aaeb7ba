//! Pieces of time.

use asg_core::Timestamp;

use crate::output::zone::Zone;

const DAY: i64 = 86_400 * 1_000_000_000;

/// From the epoch to the first Monday.
const MONDAY: i64 = 4 * DAY;

/// Pieces of time of one length. They begin at multiples of it since 1970, by the clock of a zone;
/// pieces of whole weeks begin on Mondays.
///
/// ```
/// use asg_cli::answers::Span;
/// use asg_cli::output::zone::Zone;
/// use asg_core::Timestamp;
///
/// let day = Span::new(86_400_000_000_000, Zone::named("+02:00")?);
/// let time = Timestamp::parse(b"2024-05-06T23:09:10Z").unwrap();
/// assert_eq!(day.start(time).to_string(), "2024-05-06T22:00:00Z");
/// # Ok::<(), asg_cli::error::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Span {
    nanos: i64,
    zone: Zone,
}

impl Span {
    /// Pieces of so many nanoseconds; of one, if there are fewer.
    #[must_use]
    pub fn new(nanos: i64, zone: Zone) -> Self {
        Self { nanos: nanos.max(1), zone }
    }

    /// Returns the start of the interval of a time.
    #[must_use]
    pub fn start(&self, time: Timestamp) -> Timestamp {
        let nanos = time.as_nanos();
        let local = nanos.saturating_add(self.zone.offset_at(time));
        let first = if self.nanos % (7 * DAY) == 0 { MONDAY } else { 0 };
        let start = local.saturating_sub(local.saturating_sub(first).rem_euclid(self.nanos));
        if self.nanos % DAY == 0 {
            // Midnight can have another offset than the time.
            return self.zone.at_local(start);
        }
        Timestamp::from_nanos(start.saturating_sub(local.saturating_sub(nanos)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(hours: i64, zone: &str, time: &str) -> String {
        let span = Span::new(hours * DAY / 24, Zone::named(zone).unwrap());
        span.start(Timestamp::parse(time.as_bytes()).unwrap()).to_string()
    }

    #[test]
    fn a_piece_begins_by_the_clock_of_its_zone() {
        for (hours, zone, time, wanted) in [
            (24, "UTC", "2024-05-06T23:09:10Z", "2024-05-06T00:00:00Z"),
            (24, "-03:30", "2024-05-06T02:09:10Z", "2024-05-05T03:30:00Z"),
            // The clocks change at 01:00 UTC on this day.
            (24, "Europe/Berlin", "2024-03-31T20:00:00Z", "2024-03-30T23:00:00Z"),
            (24, "Europe/Berlin", "2024-10-27T20:00:00Z", "2024-10-26T22:00:00Z"),
            // One hour of the clock comes twice.
            (1, "Europe/Berlin", "2024-10-27T00:30:00Z", "2024-10-27T00:00:00Z"),
            (1, "Europe/Berlin", "2024-10-27T01:30:00Z", "2024-10-27T01:00:00Z"),
            (1, "+05:45", "2024-05-06T00:20:00Z", "2024-05-06T00:15:00Z"),
            (6, "Europe/Berlin", "2024-05-06T03:30:00Z", "2024-05-05T22:00:00Z"),
            // Weeks begin on Mondays.
            (168, "UTC", "2024-05-06T00:00:00Z", "2024-05-06T00:00:00Z"),
            (168, "UTC", "2024-05-05T23:59:59Z", "2024-04-29T00:00:00Z"),
            (24, "UTC", "1969-12-31T23:00:00Z", "1969-12-31T00:00:00Z"),
        ] {
            assert_eq!(start(hours, zone, time), wanted, "{hours} h {zone} {time}");
        }
    }
}
