//! The current time of a log that is being written: the time that its machines have reached.

use std::collections::HashMap;

use crate::time::Timestamp;

/// A stamp that is further ahead than this is accepted only when others of its machine follow it.
const LEAP_NANOS: i64 = 3_600_000_000_000;
/// The number of lines of a machine that must show a leap before it is accepted.
const LINES_AHEAD: u32 = 3;
/// The number of consecutive lines of a machine that must be behind its time by more than a leap
/// before it is set back.
const LINES_BEHIND: u32 = 64;
/// Up to so many machines are checked at each line.
const FEW: usize = 16;
/// A machine without a line among so many has no vote.
const LINES_HEARD: u64 = 1 << 12;

/// The time that a log has reached, by its machines.
///
/// Each machine has a time of its own, and a stamp from the future moves it only if the machine
/// goes on from there. The log's time is the one that half of the machines that still write have
/// reached, so a single clock cannot move it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watermarks {
    machines: HashMap<Option<u64>, Heard>,
    /// The number of lines so far.
    lines: u64,
    /// The line at which the machines are checked again: a check costs as much as there are
    /// machines.
    due: u64,
    now: Option<Timestamp>,
}

#[derive(Debug, Clone, Default)]
struct Heard {
    mark: Watermark,
    line: u64,
}

/// One machine's time.
#[derive(Debug, Clone, Default)]
struct Watermark {
    now: Option<Timestamp>,
    ahead: Streak,
    behind: Streak,
}

/// Consecutive lines that are all too far on one side.
#[derive(Debug, Clone, Copy, Default)]
struct Streak {
    lines: u32,
    /// The nearest of their times.
    nearest: Option<Timestamp>,
}

/// The effect of a line's time on the log's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It goes on, or stays.
    Usual,
    /// It leaped forward.
    Leap,
    /// It was set back: an earlier stamp had been wrong.
    SetBack,
}

impl Watermarks {
    /// Returns the time that the log has reached; `None` if no line has shown a time.
    pub(crate) const fn now(&self) -> Option<Timestamp> {
        self.now
    }

    /// Sets the current time that the caller knows; it never goes back.
    pub(crate) fn tick(&mut self, time: Timestamp) {
        self.now = self.now.max(Some(time));
        for heard in self.machines.values_mut() {
            heard.mark.tick(time);
        }
    }

    /// Notes that a line of a machine shows this time. Lines without a name, such as rep's own on a
    /// cell, count only if no machine has one: a named machine writes them.
    pub(crate) fn see(&mut self, machine: Option<u64>, time: Timestamp) -> Effect {
        self.lines += 1;
        let heard = self.machines.entry(machine).or_default();
        heard.line = self.lines;
        let before = heard.mark.now;
        let own = heard.mark.see(time);
        if heard.mark.now == before || (self.lines < self.due && own == Effect::Usual) {
            return Effect::Usual;
        }
        let machines = self.machines.len();
        self.due = self.lines + if machines > FEW { machines as u64 } else { 1 };
        let reached = self.reached();
        let known = self.now;
        match (known, reached) {
            (Some(now), Some(reached)) if own == Effect::SetBack => {
                // Only if no other machine has reached the wrong time.
                let is_far = now.as_nanos().saturating_sub(reached.as_nanos()) > LEAP_NANOS;
                self.now = Some(if is_far { reached } else { now.max(reached) });
                if is_far { Effect::SetBack } else { Effect::Usual }
            }
            (known, reached) => {
                self.now = known.max(reached);
                let far = |known: Timestamp| {
                    self.now.is_some_and(|now| {
                        now.as_nanos().saturating_sub(known.as_nanos()) > LEAP_NANOS
                    })
                };
                if known.is_some_and(far) { Effect::Leap } else { Effect::Usual }
            }
        }
    }

    /// Returns the time that half of the machines that still write have reached.
    fn reached(&mut self) -> Option<Timestamp> {
        if self.machines.len() == 1 {
            return self.machines.values().next()?.mark.now;
        }
        let since = self.lines.saturating_sub(LINES_HEARD);
        self.machines.retain(|_, heard| heard.line >= since);
        let named = self.machines.iter().filter(|(machine, _)| machine.is_some());
        let mut times: Vec<_> = named.filter_map(|(_, heard)| heard.mark.now).collect();
        let middle = times.len() / 2;
        // Of two machines, the earlier counts: the other may be wrong.
        let at = if times.len() % 2 == 0 { middle.checked_sub(1)? } else { middle };
        Some(*times.select_nth_unstable(at).1)
    }
}

impl Watermark {
    fn tick(&mut self, time: Timestamp) {
        self.now = self.now.max(Some(time));
        (self.ahead, self.behind) = (Streak::default(), Streak::default());
    }

    fn see(&mut self, time: Timestamp) -> Effect {
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
        let mut marks = Watermarks::default();
        for seconds in [100, 101, 9_999_999, 102, 103] {
            assert_eq!(marks.see(None, at(seconds)), Effect::Usual);
        }
        assert_eq!(marks.now(), Some(at(103)));
        let effects = [90_000, 90_002, 90_001].map(|seconds| marks.see(None, at(seconds)));
        assert_eq!(effects, [Effect::Usual, Effect::Usual, Effect::Leap]);
        assert_eq!(marks.now(), Some(at(90_000)));
    }

    #[test]
    fn a_first_stamp_that_cannot_be_is_taken_back() {
        let mut marks = Watermarks::default();
        marks.see(None, at(9_999_999));
        let effects: Vec<_> = (100..170).map(|seconds| marks.see(None, at(seconds))).collect();
        assert_eq!(effects.iter().filter(|effect| **effect == Effect::SetBack).count(), 1);
        assert_eq!(marks.now(), Some(at(169)));
    }

    #[test]
    fn a_tick_never_sets_it_back() {
        let mut marks = Watermarks::default();
        marks.tick(at(10));
        marks.tick(at(5));
        assert_eq!(marks.now(), Some(at(10)));
    }

    #[test]
    fn one_machine_whose_clock_is_ahead_moves_no_others() {
        let mut marks = Watermarks::default();
        for seconds in 100..200 {
            for machine in 0..2 {
                assert_eq!(marks.see(Some(machine), at(seconds)), Effect::Usual);
            }
            assert_eq!(marks.see(Some(9), at(4_000_000_000 + seconds)), Effect::Usual);
        }
        assert!((at(190)..=at(199)).contains(&marks.now().unwrap()), "{:?}", marks.now());
    }

    #[test]
    fn lines_without_a_name_hold_no_named_machine_up() {
        let mut marks = Watermarks::default();
        marks.see(Some(0), at(101));
        marks.see(None, at(50));
        marks.see(Some(0), at(140));
        assert_eq!(marks.now(), Some(at(140)));
    }

    #[test]
    fn a_machine_that_writes_no_more_holds_nothing_up() {
        let mut marks = Watermarks::default();
        for machine in 0..9 {
            marks.see(Some(machine), at(100));
        }
        for seconds in 101..10_000 {
            marks.see(Some(0), at(seconds));
        }
        assert!(marks.now().unwrap() > at(9_900), "{:?}", marks.now());
    }
}
