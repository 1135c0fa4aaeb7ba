//! Clocks learn the least and the greatest distance between two stamps. Most lines change neither,
//! and need not be shown.

use std::ops::Range;

use crate::clock::hidden_nanos;
use crate::time::{Timestamp, Uptime};

/// Lines of one machine within about a minute, reduced to those that change the clocks.
#[derive(Debug, Clone, Default)]
pub(super) struct Samples(Option<Minute>);

type Sample = (Uptime, Timestamp);

#[derive(Debug, Clone)]
struct Minute {
    number: u64,
    /// The nearest and the furthest apart.
    least: Sample,
    greatest: Sample,
    latest: Sample,
    /// The distances of the two.
    least_distance: i64,
    greatest_distance: i64,
    /// The distances of lines of the same boot, for certain.
    near: Range<i64>,
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

impl Minute {
    fn of(number: u64, sample: Sample) -> Self {
        let (least, greatest, latest) = (sample, sample, sample);
        Self {
            number,
            least,
            greatest,
            latest,
            least_distance: distance(sample),
            greatest_distance: furthest(sample),
            near: near(least, greatest),
        }
    }

    fn extend(&mut self, sample: Sample) {
        if distance(sample) < self.least_distance {
            (self.least, self.least_distance) = (sample, distance(sample));
        }
        if furthest(sample) > self.greatest_distance {
            (self.greatest, self.greatest_distance) = (sample, furthest(sample));
        }
        self.near = near(self.least, self.greatest);
    }
}

/// Returns the distances that differ by less than [`ONE_BOOT_NANOS`] from those of both.
fn near(one: Sample, other: Sample) -> Range<i64> {
    let (one, other) = (distance(one), distance(other));
    let from = one.max(other).saturating_sub(ONE_BOOT_NANOS - 1);
    from..one.min(other).saturating_add(ONE_BOOT_NANOS)
}

impl Samples {
    /// Takes a line; what was held of others goes to `learn` before it, where they do not belong
    /// together.
    #[inline]
    pub(super) fn add(&mut self, uptime: Uptime, stamp: Timestamp, learn: impl FnMut(Sample)) {
        let sample = (uptime, stamp);
        let number = uptime.as_micros() >> 26;
        let distance = distance(sample);
        if let Some(minute) = &mut self.0
            && minute.number == number
            && minute.near.contains(&distance)
        {
            if distance < minute.least_distance || furthest(sample) > minute.greatest_distance {
                minute.extend(sample);
            }
            if stamp > minute.latest.1 {
                minute.latest = sample;
            }
            return;
        }
        self.flush(learn);
        self.0 = Some(Minute::of(number, sample));
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
