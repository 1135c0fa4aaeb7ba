//! Scales of pictures: packets on a logarithmic scale that shows a single packet, and time.

use asg_core::Timestamp;

use super::html::grouped;
use crate::output::zone::Zone;

const SECOND: i64 = 1_000_000_000;

/// A logarithmic scale of packets. It begins below one packet, so that one packet has a length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Log {
    /// The decades.
    top: u32,
    length: f64,
}

/// The part of a decade below one packet.
const BELOW: f64 = 0.3;

impl Log {
    /// Creates a scale from nothing to the first power of ten from `most` on, over this length.
    pub(crate) fn new(most: u64, length: f64) -> Self {
        let top = (1..=20).find(|power| 10_u64.checked_pow(*power).is_none_or(|n| n >= most));
        Self { top: top.unwrap_or(20), length }
    }

    /// Returns the length for so many packets; 0 without one.
    #[allow(clippy::cast_precision_loss, reason = "a picture needs no 53 bits")]
    pub(crate) fn of(self, packets: u64) -> f64 {
        if packets == 0 {
            return 0.0;
        }
        ((packets as f64).log10() + BELOW) / (f64::from(self.top) + BELOW) * self.length
    }

    /// Returns labels and their places: powers of ten that are so far apart.
    pub(crate) fn ticks(self, apart: f64) -> impl Iterator<Item = (f64, String)> {
        let decade = self.length / (f64::from(self.top) + BELOW);
        let step = (1..=self.top).find(|step| decade * f64::from(*step) >= apart);
        (0..=self.top).step_by(step.unwrap_or(self.top) as usize).filter_map(move |power| {
            let packets = 10_u64.checked_pow(power)?;
            Some((self.of(packets), short(packets)))
        })
    }
}

/// Formats a power of ten: `100`, `1k`, `10M`.
pub(crate) fn short(packets: u64) -> String {
    let units = [(1_000_000_000_000, "T"), (1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")];
    let unit = units.iter().find(|(unit, _)| packets >= *unit && packets.is_multiple_of(*unit));
    unit.map_or_else(|| grouped(packets), |(unit, letter)| format!("{}{letter}", packets / unit))
}

/// A scale of time, with labels that do not touch each other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    first: i64,
    last: i64,
    length: f64,
}

/// The least distance of labels.
const APART: f64 = 92.0;

/// Distances of labels in seconds; longer ones are twice the one before.
const STEPS: [i64; 18] = [
    1, 5, 10, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400,
    172_800, 604_800,
];
const LONGEST: i64 = 2_419_200;

impl Times {
    pub(crate) fn new(first: Timestamp, last: Timestamp, length: f64) -> Self {
        let first = first.as_nanos();
        Self { first, last: last.as_nanos().max(first.saturating_add(1)), length }
    }

    #[allow(clippy::cast_precision_loss, reason = "a picture needs no 53 bits")]
    pub(crate) fn of(self, time: Timestamp) -> f64 {
        let whole = i128::from(self.last) - i128::from(self.first);
        let part = i128::from(time.as_nanos()) - i128::from(self.first);
        part as f64 / whole as f64 * self.length
    }

    /// Returns places, times of day, and dates where a new one begins. If labels are whole days
    /// apart, they are dates only.
    pub(crate) fn ticks(self, zone: &Zone) -> Vec<(f64, String, Option<String>)> {
        let place = |nanos| self.of(Timestamp::from_nanos(nanos));
        let longer = std::iter::successors(Some(LONGEST), |seconds| seconds.checked_mul(2));
        let steps = STEPS.into_iter().chain(longer).map(|seconds| seconds.saturating_mul(SECOND));
        let is_enough = |step: &i64| place(self.first.saturating_add(*step)) >= APART;
        let step = steps.into_iter().find(is_enough).unwrap_or(i64::MAX);
        // Days begin by the zone's clock.
        let shift = zone.offset(Timestamp::from_nanos(self.first)) * SECOND;
        let since = self.first.saturating_add(shift).rem_euclid(step);
        let start = self.first.saturating_add(if since == 0 { 0 } else { step - since });
        let mut ticks = Vec::new();
        let mut day = String::new();
        let times = std::iter::successors(Some(start), |at| at.checked_add(step));
        for at in times.take_while(|at| *at <= self.last) {
            let whole = zone.whole(Timestamp::from_nanos(at));
            let (date, clock) = whole.split_once(' ').unwrap_or((&whole, ""));
            let clock =
                if step % (60 * SECOND) == 0 { clock.get(..5).unwrap_or(clock) } else { clock };
            let is_new = day != date;
            date.clone_into(&mut day);
            ticks.push(if step % (86_400 * SECOND) == 0 {
                (place(at), date.to_owned(), None)
            } else {
                (place(at), clock.to_owned(), is_new.then(|| date.to_owned()))
            });
        }
        ticks
    }
}

/// Formats the length of a span as options take it: `5s`, `15m`, `3h`, `7d`.
pub(crate) fn span(seconds: i64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let unit = units.iter().find(|(unit, _)| seconds % unit == 0);
    unit.map_or_else(
        || format!("{seconds}s"),
        |(unit, letter)| format!("{}{letter}", seconds / unit),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_packet_can_be_seen_and_the_most_fit() {
        for most in [0, 1, 9, 10, 11, 1_000_000, u64::MAX] {
            let scale = Log::new(most, 100.0);
            let last = scale.of(most);
            assert!((0.0..=100.0).contains(&last), "{most}: {last}");
            assert!(scale.of(1) > 1.0 && scale.ticks(10.0).count() > 1, "{most}");
        }
        let labels: Vec<_> = Log::new(5_000, 100.0).ticks(10.0).map(|(_, label)| label).collect();
        assert_eq!(labels, ["1", "10", "100", "1k", "10k"]);
    }

    #[test]
    fn labels_of_times_are_apart_whatever_the_time_is() {
        let zones = ["UTC", "Asia/Kathmandu", "America/New_York"];
        let first = Timestamp::parse(b"2024-02-28T22:13:09Z").unwrap().as_nanos();
        for seconds in [0, 1, 7, 59, 600, 3_600, 86_400, 900_000, 40_000_000, 4_000_000_000] {
            let last = Timestamp::from_nanos(first + seconds * SECOND);
            for zone in zones {
                let zone = Zone::named(zone).unwrap();
                let scale = Times::new(Timestamp::from_nanos(first), last, 860.0);
                let ticks = scale.ticks(&zone);
                assert!(ticks.len() < 11, "{seconds}: {ticks:?}");
                assert!(ticks.windows(2).all(|two| two[1].0 - two[0].0 >= APART - 0.1));
                assert!(ticks.iter().all(|(at, ..)| (0.0..=860.0).contains(at)), "{ticks:?}");
                assert!(seconds < 7 || ticks.len() > 1, "{seconds}: {ticks:?}");
            }
        }
    }

    #[test]
    fn a_span_is_written_as_options_take_it() {
        assert_eq!([5, 60, 900, 10_800, 604_800].map(span), ["5s", "1m", "15m", "3h", "7d"]);
    }
}
