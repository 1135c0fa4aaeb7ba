//! Clocks learn the least and the greatest distance between two stamps. Most lines change neither,
//! and need not be shown.

use crate::clock::hidden_nanos;
use crate::time::{Timestamp, Uptime};

/// Lines of one machine within about a minute, reduced to those that change the clocks.
#[derive(Debug, Clone, Default)]
pub(super) struct Samples(Option<Minute>);

type Sample = (Uptime, Timestamp);

#[derive(Debug, Clone, Copy)]
struct Minute {
    number: u64,
    /// The nearest and the furthest apart.
    least: Sample,
    greatest: Sample,
    latest: Sample,
}

/// Lines whose distances differ by more may be of two boots.
const ONE_BOOT_NANOS: i64 = 1_000_000_000;

const fn distance((uptime, stamp): Sample) -> i64 {
    stamp.as_nanos().wrapping_sub_unsigned(uptime.as_micros().wrapping_mul(1_000))
}

/// With the part of a second that the stamp may not show.
const fn furthest(sample: Sample) -> i64 {
    distance(sample).wrapping_add(hidden_nanos(sample.1))
}

impl Samples {
    /// Takes a line; what was held of others goes to `learn` before it, where they do not belong
    /// together.
    pub(super) fn add(&mut self, uptime: Uptime, stamp: Timestamp, learn: impl FnMut(Sample)) {
        let sample = (uptime, stamp);
        let number = uptime.as_micros() >> 26;
        let is_near = |other: Sample| {
            distance(sample).wrapping_sub(distance(other)).unsigned_abs() < ONE_BOOT_NANOS as u64
        };
        if let Some(minute) = &mut self.0
            && minute.number == number
            && is_near(minute.least)
            && is_near(minute.greatest)
        {
            if distance(sample) < distance(minute.least) {
                minute.least = sample;
            }
            if furthest(sample) > furthest(minute.greatest) {
                minute.greatest = sample;
            }
            if stamp > minute.latest.1 {
                minute.latest = sample;
            }
            return;
        }
        self.flush(learn);
        self.0 = Some(Minute { number, least: sample, greatest: sample, latest: sample });
    }

    /// Hands on what is held.
    pub(super) fn flush(&mut self, mut learn: impl FnMut(Sample)) {
        let Some(Minute { least, greatest, latest, .. }) = self.0.take() else { return };
        [least, greatest, latest].into_iter().for_each(&mut learn);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_clocks_learn_all_extremes(
            lines in prop::collection::vec((0..400_000_000_u64, 0..3_000_000_000_i64, any::<bool>()), 1..60),
        ) {
            let lines: Vec<Sample> = lines
                .into_iter()
                .map(|(micros, late, is_whole)| {
                    let nanos = 1_500_000_000_000_000_000 + micros.cast_signed() * 1_000 + late;
                    let nanos = if is_whole { nanos / 1_000_000_000 * 1_000_000_000 } else { nanos };
                    (Uptime::from_micros(micros), Timestamp::from_nanos(nanos))
                })
                .collect();
            let (mut samples, mut learnt) = (Samples::default(), Vec::new());
            for (uptime, stamp) in &lines {
                samples.add(*uptime, *stamp, |sample| learnt.push(sample));
            }
            samples.flush(|sample| learnt.push(sample));
            let extremes = |lines: &[Sample], minute: u64| {
                let of_minute = || lines.iter().filter(|(up, _)| up.as_micros() >> 26 == minute);
                (
                    of_minute().map(|line| distance(*line)).min(),
                    of_minute().map(|line| furthest(*line)).max(),
                    lines.iter().map(|(_, stamp)| *stamp).max(),
                )
            };
            for minute in 0..7 {
                prop_assert_eq!(extremes(&learnt, minute), extremes(&lines, minute));
            }
        }
    }
}
