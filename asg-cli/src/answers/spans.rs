//! Packets by spans of time, which grow with the time that the packets cover.

use std::collections::BTreeMap;

use asg_core::{Timestamp, Verdict};

const SECOND: i64 = 1_000_000_000;

/// Spans in seconds. Each is a multiple of the one before, so that spans can be joined; behind the
/// last, each is twice the one before.
const STEPS: [i64; 15] =
    [1, 5, 15, 30, 60, 300, 900, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 604_800, 2_419_200];

/// Packets by verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Verdicts {
    pub(crate) allowed: u64,
    pub(crate) denied: u64,
    /// Packets with a prefix that gives no verdict.
    pub(crate) neither: u64,
}

impl Verdicts {
    fn count(&mut self, verdict: Option<Verdict>) {
        *match verdict {
            Some(Verdict::Allowed) => &mut self.allowed,
            Some(Verdict::Denied) => &mut self.denied,
            None => &mut self.neither,
        } += 1;
    }

    const fn add(&mut self, other: Self) {
        self.allowed += other.allowed;
        self.denied += other.denied;
        self.neither += other.neither;
    }
}

/// Packets in at most so many spans of equal length: the shortest of [`STEPS`] that suffices. The
/// order of the packets does not matter, because spans are joined only.
#[derive(Debug, Clone)]
pub(crate) struct Spans {
    most: i64,
    step: u32,
    /// By the number of the span since 1970.
    counts: BTreeMap<i64, Verdicts>,
    pub(crate) untimed: Verdicts,
}

impl Spans {
    pub(crate) fn new(most: u32) -> Self {
        let untimed = Verdicts::default();
        Self { most: i64::from(most.max(1)), step: 0, counts: BTreeMap::new(), untimed }
    }

    /// Returns the length of a span in seconds.
    pub(crate) fn seconds(&self) -> i64 {
        seconds(self.step)
    }

    /// Returns the start of each span in which there are packets.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (Timestamp, Verdicts)> {
        let length = self.seconds().saturating_mul(SECOND);
        let start = move |number: i64| Timestamp::from_nanos(number.saturating_mul(length));
        self.counts.iter().map(move |(number, verdicts)| (start(*number), *verdicts))
    }

    pub(crate) fn add(&mut self, time: Option<Timestamp>, verdict: Option<Verdict>) {
        let Some(time) = time else { return self.untimed.count(verdict) };
        let length = self.seconds().saturating_mul(SECOND);
        self.counts.entry(time.as_nanos().div_euclid(length)).or_default().count(verdict);
        self.join();
    }

    /// Returns the packets of both.
    pub(crate) fn merged(mut self, mut other: Self) -> Self {
        while self.step < other.step {
            self.lengthen();
        }
        while other.step < self.step {
            other.lengthen();
        }
        for (number, verdicts) in other.counts {
            self.counts.entry(number).or_default().add(verdicts);
        }
        self.untimed.add(other.untimed);
        self.join();
        self
    }

    /// Joins spans until there are few enough, gaps included.
    fn join(&mut self) {
        while let Some(((first, _), (last, _))) =
            self.counts.first_key_value().zip(self.counts.last_key_value())
            && last - first >= self.most
        {
            self.lengthen();
        }
    }

    fn lengthen(&mut self) {
        let times = seconds(self.step + 1) / self.seconds();
        self.step += 1;
        for (number, verdicts) in std::mem::take(&mut self.counts) {
            self.counts.entry(number.div_euclid(times)).or_default().add(verdicts);
        }
    }
}

fn seconds(step: u32) -> i64 {
    let last = STEPS.len() - 1;
    let beyond = step.saturating_sub(last as u32);
    STEPS[last.min(step as usize)] << beyond
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_step_is_a_multiple_of_the_one_before() {
        for step in 1..24 {
            assert_eq!(seconds(step) % seconds(step - 1), 0, "{step}");
        }
    }

    proptest! {
        #[test]
        fn the_order_of_packets_does_not_matter(
            mut times in prop::collection::vec(-(1_i64 << 60)..(1 << 60), 1..40),
            cut in 0..40_usize,
        ) {
            let of = |times: &[i64]| {
                let mut spans = Spans::new(50);
                for nanos in times {
                    spans.add(Some(Timestamp::from_nanos(*nanos)), Some(Verdict::Denied));
                }
                spans
            };
            let all = of(&times);
            let (one, other) = times.split_at(cut.min(times.len()));
            let merged = of(other).merged(of(one));
            times.sort_unstable();
            let sorted = of(&times);
            for other in [&merged, &sorted] {
                prop_assert_eq!(all.seconds(), other.seconds());
                prop_assert!(all.iter().eq(other.iter()));
            }
            prop_assert_eq!(all.iter().map(|(_, it)| it.denied).sum::<u64>(), times.len() as u64);
            let (first, last) = (times[0], times[times.len() - 1]);
            let length = all.seconds() * SECOND;
            prop_assert!(last.div_euclid(length) - first.div_euclid(length) < 50);
        }
    }
}
