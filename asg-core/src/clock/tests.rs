//! The clocks, held to simulated machines of which the truth is known.

use proptest::prelude::*;

use super::*;
use crate::evidence::SourceId;
use crate::line::Line;
use crate::time::{TimeRange, Timestamp};

const SECOND: i64 = 1_000_000_000;
const START: i64 = 1_700_000_000 * SECOND;

/// A machine that boots now and then, with a wall clock that drifts against its uptime.
#[derive(Debug, Clone)]
struct Machine {
    /// When each boot begins and how long it lasts, in seconds from the start.
    boots: Vec<(i64, i64)>,
    drift_ppm: i64,
}

impl Machine {
    /// Uptime in microseconds, and the wall clock in nanoseconds.
    fn read(&self, boot: usize, seconds: i64) -> (u64, i64) {
        let (from, lasts) = self.boots[boot % self.boots.len()];
        let up = (seconds.rem_euclid(lasts)) * SECOND;
        (up.unsigned_abs() / 1_000, START + from * SECOND + up + up / 1_000_000 * self.drift_ppm)
    }
}

fn line(host: &str, micros: u64, wall: i64, late: i64, decimals: bool) -> String {
    let mut stamp = Timestamp::from_nanos(wall + late).as_nanos();
    stamp -= stamp.rem_euclid(if decimals { 1_000 } else { SECOND });
    let stamp = Timestamp::from_nanos(stamp);
    format!("{stamp} {host} kernel: {}hello", uptime(micros)).replacen('Z', "+00:00", 1)
}

fn uptime(micros: u64) -> String {
    format!("[{:5}.{:06}] ", micros / 1_000_000, micros % 1_000_000)
}

fn learn(clocks: &mut UptimeClocks, source: u32, text: &str) {
    clocks.learn(SourceId(source), &Line::new(text.as_bytes()).envelope());
}

fn time(clocks: &UptimeClocks, source: u32, text: &str) -> Option<TimeRange> {
    let line = Line::new(text.as_bytes());
    let envelope = line.envelope();
    let stamp =
        envelope.time.resolve(&crate::time::TimePolicy::default()).map(|resolved| resolved.time);
    clocks.time(SourceId(source), &envelope, stamp)
}

fn covers(range: TimeRange, wall: i64) -> bool {
    (range.earliest().as_nanos()..=range.latest().as_nanos()).contains(&wall)
}

fn machine() -> impl Strategy<Value = Machine> {
    (proptest::collection::vec((30..5_000_i64, 1_000..400_000_i64), 1..4), -400..400_i64).prop_map(
        |(boots, drift_ppm)| {
            let mut next = 0;
            let boots = boots.into_iter().map(|(pause, lasts)| {
                let from = next + pause + lasts / 1_000;
                next = from + lasts;
                (from, lasts)
            });
            Machine { boots: boots.collect(), drift_ppm }
        },
    )
}

/// Boot, seconds since boot (taken modulo its length), nanoseconds by which the stamp is late, decimals shown.
fn lines() -> impl Strategy<Value = Vec<(usize, i64, i64, bool)>> {
    let line = (0..4_usize, 0..400_000_i64, 0..SECOND, any::<bool>());
    proptest::collection::vec(line, 1..200)
}

proptest! {
    #[test]
    fn every_range_covers_the_truth_and_the_order_does_not_matter(
        machine in machine(), lines in lines(), asked in lines(), delayed in 0..60 * SECOND,
    ) {
        let texts: Vec<_> = lines.iter().map(|&(boot, seconds, late, decimals)| {
            let (micros, wall) = machine.read(boot, seconds);
            line("cell-1", micros, wall, late, decimals)
        }).collect();
        let (mut clocks, mut other) = (UptimeClocks::default(), UptimeClocks::default());
        for (text, from_behind) in texts.iter().zip(texts.iter().rev()) {
            learn(&mut clocks, 0, text);
            learn(&mut other, 0, from_behind);
        }
        prop_assert_eq!(clocks.boots_known(), other.boots_known());
        for (n, &(boot, seconds, late, decimals)) in lines.iter().chain(&asked).enumerate() {
            let (micros, wall) = machine.read(boot, seconds);
            // A stamped line may be as late as it likes.
            let late = if n < lines.len() { late } else { delayed };
            let stamped = line("cell-1", micros, wall, late, decimals);
            let range = time(&clocks, 0, &stamped).unwrap();
            prop_assert_eq!(Some(range), time(&other, 0, &stamped));
            if n < lines.len() {
                prop_assert!(covers(range, wall), "{:?} {}", range, stamped);
            } else {
                prop_assert!(range.latest().as_nanos() >= wall);
            }
            // One that shows its uptime only is told if it can be of one boot only.
            let alone = format!("{}cell-1 kernel: hello", uptime(micros));
            if let Some(range) = time(&clocks, 0, &alone).filter(|_| n < lines.len()) {
                let up = micros.cast_signed() * 1_000;
                let any_boot = machine.boots.iter().any(|(from, lasts)| {
                    let wall = START + from * SECOND + up + up / 1_000_000 * machine.drift_ppm;
                    up < lasts * SECOND && covers(range, wall)
                });
                prop_assert!(any_boot);
                prop_assert_eq!(Some(range), time(&other, 0, &alone));
            }
        }
    }
}

#[test]
fn memory_does_not_grow_with_lines() {
    let machine = Machine { boots: vec![(0, 10_000_000)], drift_ppm: -80 };
    let mut clocks = UptimeClocks::default();
    for seconds in (0..9_000_000).step_by(977) {
        let (micros, wall) = machine.read(0, seconds);
        learn(&mut clocks, 0, &line("cell-1", micros, wall, 20_000_000, true));
    }
    assert_eq!(clocks.boots_known(), 1);
    let (micros, wall) = machine.read(0, 4_500_123);
    let range = time(&clocks, 0, &format!("{}cell-1 kernel: hello", uptime(micros))).unwrap();
    assert!(covers(range, wall));
    // Fifteen weeks in spans of 19 hours, in each of which clocks may drift apart by 34 seconds.
    assert!(range.error_nanos() < 120 * SECOND as u64, "{range:?}");
}

#[test]
fn a_line_that_was_stamped_late_says_so_in_its_range() {
    let machine = Machine { boots: vec![(0, 10_000)], drift_ppm: 0 };
    let mut clocks = UptimeClocks::default();
    for seconds in 0..200 {
        let (micros, wall) = machine.read(0, seconds);
        learn(&mut clocks, 0, &line("localhost", micros, wall, 1_000_000, true));
    }
    let (micros, wall) = machine.read(0, 100);
    let prompt = time(&clocks, 0, &line("localhost", micros, wall, 1_000_000, true)).unwrap();
    assert!(prompt.error_nanos() < SECOND as u64, "{prompt:?}");
    let late = time(&clocks, 0, &line("localhost", micros, wall, 30 * SECOND, true)).unwrap();
    assert!(covers(late, wall) && late.error_nanos() > 15 * SECOND as u64, "{late:?}");
    // Another source's unnamed machine is another.
    assert_eq!(time(&clocks, 1, &format!("{}hello", uptime(micros))), None);
    assert!(time(&clocks, 0, &format!("{}hello", uptime(micros))).is_some());
}

#[test]
fn an_uptime_that_two_boots_had_tells_no_time() {
    let machine = Machine { boots: vec![(0, 1_000), (2_000, 1_000)], drift_ppm: 0 };
    let mut clocks = UptimeClocks::default();
    for (boot, seconds) in [(1, 500), (0, 500), (1, 600), (0, 600)] {
        let (micros, wall) = machine.read(boot, seconds);
        learn(&mut clocks, 0, &line("cell-1", micros, wall, 0, true));
    }
    assert_eq!(clocks.boots_known(), 2);
    assert_eq!(time(&clocks, 0, &format!("{}cell-1 kernel: hello", uptime(550_000_000))), None);
    let (micros, wall) = machine.read(1, 550);
    assert!(covers(time(&clocks, 0, &line("cell-1", micros, wall, 0, true)).unwrap(), wall));
}
