//! How late it is in a log that is being written: the latest time that its lines show, but for stamps that cannot be.

use crate::time::Timestamp;

/// A stamp that is further ahead than this is believed only when others follow it.
const LEAP_NANOS: i64 = 3_600_000_000_000;
/// So many lines must show a leap before it is believed.
const LINES_AHEAD: u32 = 3;
/// So many lines, one after the other, are further behind than a leap before the time is set back.
const LINES_BEHIND: u32 = 64;

/// The log's own clock.
#[derive(Debug, Clone, Default)]
pub(super) struct Watermark {
    now: Option<Timestamp>,
    ahead: Streak,
    behind: Streak,
}

/// Lines, one after the other, that are all too far on one side.
#[derive(Debug, Clone, Copy, Default)]
struct Streak {
    lines: u32,
    /// The nearest of their times.
    nearest: Option<Timestamp>,
}

/// What a line's time did to the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It goes on, or stays.
    Usual,
    /// It leaped forward.
    Leap,
    /// It was set back: an earlier stamp had been wrong.
    SetBack,
}

impl Watermark {
    pub(super) const fn now(&self) -> Option<Timestamp> {
        self.now
    }

    /// Someone who knows says how late it is; never earlier than it was.
    pub(super) fn tick(&mut self, time: Timestamp) {
        self.now = self.now.max(Some(time));
        (self.ahead, self.behind) = (Streak::default(), Streak::default());
    }

    /// A line shows this time.
    pub(super) fn see(&mut self, time: Timestamp) -> Effect {
        let Some(now) = self.now else {
            self.now = Some(time);
            return Effect::Usual;
        };
        let far = time.as_nanos().saturating_sub(now.as_nanos());
        if far > LEAP_NANOS {
            self.behind = Streak::default();
            let nearest = self.ahead.nearest.map_or(time, |nearest| nearest.min(time));
            self.ahead = Streak { lines: self.ahead.lines + 1, nearest: Some(nearest) };
            if self.ahead.lines < LINES_AHEAD {
                return Effect::Usual;
            }
            self.tick(nearest);
            return Effect::Leap;
        }
        self.ahead = Streak::default();
        if far >= -LEAP_NANOS {
            self.behind = Streak::default();
            self.now = Some(now.max(time));
            return Effect::Usual;
        }
        let nearest = self.behind.nearest.map_or(time, |nearest| nearest.max(time));
        self.behind = Streak { lines: self.behind.lines + 1, nearest: Some(nearest) };
        if self.behind.lines < LINES_BEHIND {
            return Effect::Usual;
        }
        *self = Self { now: Some(nearest), ..Self::default() };
        Effect::SetBack
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn one_stamp_that_cannot_be_moves_nothing_and_a_real_leap_does() {
        let mut watermark = Watermark::default();
        for seconds in [100, 101, 9_999_999, 102, 103] {
            assert_eq!(watermark.see(at(seconds)), Effect::Usual);
        }
        assert_eq!(watermark.now(), Some(at(103)));
        let effects = [90_000, 90_002, 90_001].map(|seconds| watermark.see(at(seconds)));
        assert_eq!(effects, [Effect::Usual, Effect::Usual, Effect::Leap]);
        assert_eq!(watermark.now(), Some(at(90_000)));
    }

    #[test]
    fn a_first_stamp_that_cannot_be_is_taken_back() {
        let mut watermark = Watermark::default();
        watermark.see(at(9_999_999));
        let effects: Vec<_> = (100..170).map(|seconds| watermark.see(at(seconds))).collect();
        assert_eq!(effects.iter().filter(|effect| **effect == Effect::SetBack).count(), 1);
        assert_eq!(watermark.now(), Some(at(169)));
    }

    #[test]
    fn a_tick_never_sets_it_back() {
        let mut watermark = Watermark::default();
        watermark.tick(at(10));
        watermark.tick(at(5));
        assert_eq!(watermark.now(), Some(at(10)));
    }
}
