//! The clocks, compared with simulated machines, whose truth is known.

use proptest::prelude::*;

use super::*;
use crate::evidence::SourceId;
use crate::line::Line;
use crate::time::{Civil, TimePolicy, TimeRange, Timestamp, YearPolicy};

const SECOND: i64 = 1_000_000_000;
const START: i64 = 1_700_000_000 * SECOND;

/// A machine that boots now and then, with a wall clock that drifts against its uptime.
#[derive(Debug, Clone)]
struct Machine {
    /// The start and the length of each boot, in seconds from the start.
    boots: Vec<(i64, i64)>,
    drift_ppm: i64,
}

impl Machine {
    /// Returns uptime in microseconds, and the wall clock in nanoseconds.
    fn clocks_at(&self, boot: usize, seconds: i64) -> (u64, i64) {
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
    learn_own(clocks, source, text, None);
}

fn learn_own(clocks: &mut UptimeClocks, source: u32, text: &str, own: Option<i64>) {
    let own = own.map(Timestamp::from_nanos);
    clocks.learn(SourceId(source), &Line::new(text.as_bytes()).envelope(), own);
}

fn time(clocks: &UptimeClocks, source: u32, text: &str) -> Option<TimeRange> {
    when(clocks, source, text, TimePolicy::default()).map(|when| when.range)
}

fn when(clocks: &UptimeClocks, source: u32, text: &str, policy: TimePolicy) -> Option<When> {
    clocks.complete(&policy).when(SourceId(source), &Line::new(text.as_bytes()).envelope())
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

/// Boot, seconds since boot (taken modulo its length), delay of the stamp in nanoseconds, whether
/// decimals are shown.
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
            let (micros, wall) = machine.clocks_at(boot, seconds);
            line("cell-1", micros, wall, late, decimals)
        }).collect();
        let (mut clocks, mut other) = (UptimeClocks::default(), UptimeClocks::default());
        for (text, from_behind) in texts.iter().zip(texts.iter().rev()) {
            learn(&mut clocks, 0, text);
            learn(&mut other, 0, from_behind);
        }
        prop_assert_eq!(clocks.boots_known(), other.boots_known());
        for (n, &(boot, seconds, late, decimals)) in lines.iter().chain(&asked).enumerate() {
            let (micros, wall) = machine.clocks_at(boot, seconds);
            // A stamped line may have any delay.
            let late = if n < lines.len() { late } else { delayed };
            let stamped = line("cell-1", micros, wall, late, decimals);
            let range = time(&clocks, 0, &stamped).unwrap();
            prop_assert_eq!(Some(range), time(&other, 0, &stamped));
            if n < lines.len() {
                prop_assert!(covers(range, wall), "{:?} {}", range, stamped);
            } else {
                prop_assert!(range.latest().as_nanos() >= wall);
            }
            // A line with only its uptime has a time if it can be of one boot only.
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
        let (micros, wall) = machine.clocks_at(0, seconds);
        learn(&mut clocks, 0, &line("cell-1", micros, wall, 20_000_000, true));
    }
    assert_eq!(clocks.boots_known(), 1);
    let (micros, wall) = machine.clocks_at(0, 4_500_123);
    let range = time(&clocks, 0, &format!("{}cell-1 kernel: hello", uptime(micros))).unwrap();
    assert!(covers(range, wall));
    // Fifteen weeks in spans of 19 hours; clocks may drift apart by 34 seconds in each.
    assert!(range.error_nanos() < 120 * SECOND as u64, "{range:?}");
}

#[test]
fn a_line_that_was_stamped_late_says_so_in_its_range() {
    let machine = Machine { boots: vec![(0, 10_000)], drift_ppm: 0 };
    let mut clocks = UptimeClocks::default();
    for seconds in 0..200 {
        let (micros, wall) = machine.clocks_at(0, seconds);
        learn(&mut clocks, 0, &line("localhost", micros, wall, 1_000_000, true));
    }
    let (micros, wall) = machine.clocks_at(0, 100);
    let prompt = time(&clocks, 0, &line("localhost", micros, wall, 1_000_000, true)).unwrap();
    assert!(prompt.error_nanos() < SECOND as u64, "{prompt:?}");
    let late = time(&clocks, 0, &line("localhost", micros, wall, 30 * SECOND, true)).unwrap();
    assert!(covers(late, wall) && late.error_nanos() > 15 * SECOND as u64, "{late:?}");
    // An unnamed machine of another source is another machine.
    assert_eq!(time(&clocks, 1, &format!("{}hello", uptime(micros))), None);
    assert!(time(&clocks, 0, &format!("{}hello", uptime(micros))).is_some());
}

#[test]
fn an_uptime_that_two_boots_had_tells_no_time() {
    let machine = Machine { boots: vec![(0, 1_000), (2_000, 1_000)], drift_ppm: 0 };
    let mut clocks = UptimeClocks::default();
    for (boot, seconds) in [(1, 500), (0, 500), (1, 600), (0, 600)] {
        let (micros, wall) = machine.clocks_at(boot, seconds);
        learn(&mut clocks, 0, &line("cell-1", micros, wall, 0, true));
    }
    assert_eq!(clocks.boots_known(), 2);
    assert_eq!(time(&clocks, 0, &format!("{}cell-1 kernel: hello", uptime(550_000_000))), None);
    let (micros, wall) = machine.clocks_at(1, 550);
    assert!(covers(time(&clocks, 0, &line("cell-1", micros, wall, 0, true)).unwrap(), wall));
}

/// Returns a traditional stamp of an instant in a zone.
fn traditional(wall: i64, offset_seconds: i64) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Civil { month, day, hour, minute, second, .. } =
        Civil::of(Timestamp::from_nanos(wall + offset_seconds * SECOND));
    let month = MONTHS[month.unsigned_abs() as usize - 1];
    format!("{month} {day:2} {hour:02}:{minute:02}:{second:02}")
}

fn kernel(wall: i64, offset_seconds: i64, micros: u64) -> String {
    format!("{} cell-1 kernel: {}hello", traditional(wall, offset_seconds), uptime(micros))
}

/// Returns the start and the length of stalls, in seconds.
fn stalls() -> impl Strategy<Value = Vec<(i64, i64)>> {
    proptest::collection::vec((0..20_000_i64, 60..2_000_i64), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A relay that stalls holds all lines back and then stamps them at once. The boot begins and
    /// ends with punctual lines.
    #[test]
    fn no_time_is_outside_its_range_however_the_relay_stalls(
        stalls in stalls(), drift_ppm in -400..400_i64, step in 25..400_i64, without_year: bool, zone in -10..12_i64,
    ) {
        let machine = Machine { boots: vec![(0, 40_000)], drift_ppm };
        let lines: Vec<_> = (0..30_000 / step).map(|n| {
            let (micros, wall) = machine.clocks_at(0, n * step);
            let stalled = |(from, lasts): &(i64, i64)| {
                let release = START + (from + lasts + 1_000) * SECOND;
                ((from + 1_000) * SECOND..(from + lasts + 1_000) * SECOND)
                    .contains(&(wall - START))
                    .then_some(release - wall)
            };
            let late = stalls.iter().filter_map(stalled).max().unwrap_or(0).max(0) + 1_000_000;
            (micros, wall, wall + late)
        }).collect();
        let text = |(micros, _, stamp): &(u64, i64, i64)| if without_year {
            kernel(*stamp, zone * 3_600, *micros)
        } else {
            line("cell-1", *micros, *stamp, 0, true)
        };
        let mut clocks = UptimeClocks::default();
        // Adjoining stalls hold lines back until the last is over; only lines outside of all stalls
        // are punctual.
        for it in &lines {
            learn(&mut clocks, 0, &text(it));
            if without_year {
                let rep = format!("{} cell-1 vcap.rep: x", traditional(it.1, zone * 3_600));
                learn_own(&mut clocks, 0, &rep, Some(it.1));
            }
        }
        let known = clocks.complete(&TimePolicy::default());
        for it in &lines {
            let text = text(it);
            let range = known.when(SourceId(0), &Line::new(text.as_bytes()).envelope()).unwrap().range;
            prop_assert!(covers(range, it.1), "{:?} {}", range, text);
        }
    }

    #[test]
    fn what_parts_gather_is_what_one_would_have(
        machine in machine(), lines in lines(), cuts in proptest::collection::vec(0..3_usize, 200),
    ) {
        let mut whole = UptimeClocks::default();
        let mut parts = [whole.part(), whole.part(), whole.part()];
        let text = |&(boot, seconds, late, decimals): &(usize, i64, i64, bool)| {
            let (micros, wall) = machine.clocks_at(boot, seconds);
            if decimals {
                (kernel(wall + late, 3_600, micros), Some(wall))
            } else {
                (line("cell-1", micros, wall, late, true), None)
            }
        };
        for (it, part) in lines.iter().zip(&cuts) {
            let (text, own) = text(it);
            learn_own(&mut whole, 0, &text, own);
            learn_own(&mut parts[*part], 0, &text, own);
        }
        let mut merged = whole.part();
        parts.iter().rev().for_each(|part| merged.merge(part));
        merged.merge(&parts[0]);
        let policy = TimePolicy::default();
        let (whole, merged) = (whole.complete(&policy), merged.complete(&policy));
        for it in &lines {
            let (text, _) = text(it);
            let line = Line::new(text.as_bytes());
            let envelope = line.envelope();
            prop_assert_eq!(whole.when(SourceId(0), &envelope), merged.when(SourceId(0), &envelope));
        }
    }
}

#[test]
fn a_zone_is_that_of_the_lines_that_show_it_and_else_excludes_nothing() {
    let two = 7_200;
    let mut clocks = UptimeClocks::default();
    let text = kernel(START, two, 1_000_000);
    learn(&mut clocks, 0, &text);
    // Nothing shows a year.
    assert_eq!(time(&clocks, 0, &text), None);
    // Another source shows the year, and no zone.
    learn_own(&mut clocks, 1, "{}", Some(START));
    let assumed = time(&clocks, 0, &text).unwrap();
    assert!(covers(assumed, START) && covers(assumed, START + 14 * 3_600 * SECOND), "{assumed:?}");
    let fits = |clocks: &UptimeClocks, policy| clocks.complete(&policy).notes().collect::<Vec<_>>();
    let none = TimePolicy::default();
    let source = SourceId(0);
    assert_eq!(fits(&clocks, none), [TimeNote::AssumedZone { source, would_fit: None }]);
    let given = TimePolicy { utc_offset: Some(7_200), ..none };
    let by_policy = when(&clocks, 0, &text, given).unwrap();
    assert!(by_policy.range.error_nanos() < 2 * SECOND as u64 && covers(by_policy.range, START));
    assert_eq!(fits(&clocks, given), []);
    // A line of the source shows both, and overrules what the policy gives.
    let rep = format!("{} cell-1 vcap.rep: x", traditional(START, two));
    learn_own(&mut clocks, 0, &rep, Some(START));
    for policy in [none, TimePolicy { utc_offset: Some(0), ..none }] {
        let proven = when(&clocks, 0, &text, policy).unwrap();
        assert!(proven.range.error_nanos() < 2 * SECOND as u64, "{proven:?}");
        assert!(covers(proven.range, START));
        let [TimeNote::Zone { utc_offset: 7_200, is_overruled, .. }] = fits(&clocks, policy)[..]
        else {
            panic!("{:?}", fits(&clocks, policy));
        };
        assert_eq!(is_overruled, policy.utc_offset.is_some());
    }
}

#[test]
fn a_zone_and_a_year_are_those_that_the_machine_shows_in_another_file() {
    let two = 7_200;
    let mut clocks = UptimeClocks::default();
    let text = kernel(START, two, 1_000_000);
    let other = text.replace("cell-1", "cell-2");
    learn(&mut clocks, 0, &text);
    learn_own(
        &mut clocks,
        1,
        &format!("{} cell-1 vcap.rep: x", traditional(START, two)),
        Some(START),
    );
    // Another machine's clock is a century ahead.
    let century = START + 75 * 365 * 86_400 * SECOND;
    let rep = format!("{} cell-2 vcap.rep: x", traditional(century, 0));
    (0..3).for_each(|_| learn_own(&mut clocks, 2, &rep, Some(century)));
    let assumed = TimePolicy { utc_offset: Some(0), ..TimePolicy::default() };
    for policy in [TimePolicy::default(), assumed] {
        let own = when(&clocks, 0, &text, policy).unwrap();
        assert!(covers(own.range, START), "{own:?}");
        assert!(own.range.error_nanos() < 2 * SECOND as u64, "{own:?}");
    }
    let notes: Vec<_> = clocks.complete(&TimePolicy::default()).notes().collect();
    assert!(matches!(notes[..], [TimeNote::Zone { source: SourceId(1), .. }]), "{notes:?}");
    // No line proves anything about a further machine.
    let other = other.replace("cell-2", "cell-3");
    learn(&mut clocks, 0, &other);
    let known = when(&clocks, 0, &other, TimePolicy::default()).unwrap();
    assert!(known.range.error_nanos() > 14 * 3_600 * SECOND as u64, "{known:?}");
    let notes: Vec<_> = clocks.complete(&TimePolicy::default()).notes().collect();
    assert!(
        matches!(notes[..], [_, TimeNote::AssumedZone { source: SourceId(0), .. }]),
        "{notes:?}"
    );
}

#[test]
fn summer_time_begins_when_lines_show_it() {
    let mut clocks = UptimeClocks::default();
    // From one hour to two at 3,000 seconds.
    let zone = |seconds: i64| if seconds < 3_000 { 3_600 } else { 7_200 };
    for seconds in (0..6_000).step_by(30) {
        let wall = START + seconds * SECOND;
        let rep = format!("{} cell-1 vcap.rep: x", traditional(wall, zone(seconds)));
        learn_own(&mut clocks, 0, &rep, Some(wall + 1_000_000));
    }
    let all = || (0..6_000).step_by(7);
    let text = |seconds: i64| {
        let wall = START + seconds * SECOND;
        kernel(wall, zone(seconds), 1_000_000_000 + seconds.unsigned_abs() * 1_000_000)
    };
    all().for_each(|seconds| learn(&mut clocks, 0, &text(seconds)));
    let known = clocks.complete(&TimePolicy::default());
    for seconds in all() {
        let text = text(seconds);
        let when = known.when(SourceId(0), &Line::new(text.as_bytes()).envelope()).unwrap();
        assert!(covers(when.range, START + seconds * SECOND), "{seconds} {when:?}");
        assert!(when.range.error_nanos() < 2 * SECOND as u64, "{seconds} {when:?}");
    }
    let notes: Vec<_> = known.notes().collect();
    assert_eq!(notes.len(), 2, "{notes:?}");
}

#[test]
fn a_given_zone_that_uptimes_show_to_change_excludes_neither_side_of_the_change() {
    const HOUR: i64 = 3_600;
    let boot = START - 1_000_000 * SECOND;
    let near = [-3_000, -1_200, -600, -60, -5, 5, 60, 600, 1_200, 3_000];
    let far: Vec<i64> = (-40..40).map(|n| n * 5_400 + 7).collect();
    let even: Vec<i64> = (-700..700).map(|n| n * 67 + 3).collect();
    for (lines, [before, after]) in [&near[..], &far, &even]
        .into_iter()
        .flat_map(|lines| [[2, 1], [1, 2], [-4, -5]].map(|zones| (lines, zones)))
    {
        let text = |seconds: i64| {
            let wall = START + seconds * SECOND;
            let zone = if seconds < 0 { before } else { after };
            kernel(wall, zone * HOUR, (wall - boot).unsigned_abs() / 1_000)
        };
        for given in [before, after] {
            let mut clocks = UptimeClocks::default();
            for at in lines {
                learn(&mut clocks, 0, &text(*at));
            }
            let utc_offset = i32::try_from(given * HOUR).ok();
            let policy = TimePolicy {
                utc_offset,
                year: YearPolicy::Nearest(Timestamp::from_nanos(START)),
                ..TimePolicy::default()
            };
            for at in lines {
                let found = when(&clocks, 0, &text(*at), policy).unwrap();
                let what = format!("{before} to {after}, given {given}, at {at}: {found:?}");
                assert!(covers(found.range, START + at * SECOND), "{what}");
                assert!(found.range.error_nanos() < 3_700 * SECOND.unsigned_abs(), "{what}");
            }
        }
    }
}

#[test]
fn a_stall_hides_no_change_of_a_given_zone() {
    const HOUR: i64 = 3_600;
    let boot = START - 1_000_000 * SECOND;
    let dense: Vec<i64> = (-60..60).map(|n| n * 67 + 3).collect();
    let sparse = [-3_000, -1_800, -600, 197, 600, 1_200, 3_000];
    let cases = [&dense[..], &sparse].into_iter().flat_map(|lines| {
        let zones = [[2, 1], [1, 2]].into_iter();
        zones.flat_map(move |zones| {
            let begins = [-2_000, -700, -300, -60, -7, 0, 60, 180, 400].into_iter();
            begins.flat_map(move |begin| {
                [6, 60, 603, 1_500].map(|length| (lines, zones, begin, length))
            })
        })
    });
    for (lines, [before, after], begin, length) in cases {
        // The relay stamps all lines of a stall when it ends.
        let stall = begin..begin + length;
        let late = |at: i64| if stall.contains(&at) { stall.end - at } else { 0 };
        let text = |at: i64| {
            let stamp = at + late(at);
            let zone = if stamp < 0 { before } else { after };
            let uptime = (START + at * SECOND - boot).unsigned_abs() / 1_000;
            kernel(START + stamp * SECOND, zone * HOUR, uptime)
        };
        let rep = |at: i64, zone: i64| {
            let wall = START + at * SECOND;
            (format!("{} cell-1 vcap.rep: x", traditional(wall, zone * HOUR)), wall)
        };
        // A person gives the zone, or a line on one side of the change shows it.
        let first = rep(lines[0] - 60, before);
        let last = rep(lines[lines.len() - 1] + 60, after);
        for (given, shown) in
            [(Some(before), None), (Some(after), None), (None, Some(first)), (None, Some(last))]
        {
            let mut clocks = UptimeClocks::default();
            if let Some((text, wall)) = &shown {
                learn_own(&mut clocks, 0, text, Some(*wall));
            }
            for at in lines {
                learn(&mut clocks, 0, &text(*at));
            }
            let utc_offset = given.and_then(|zone| i32::try_from(zone * HOUR).ok());
            let year = YearPolicy::Nearest(Timestamp::from_nanos(START));
            let policy = TimePolicy { year, utc_offset, ..TimePolicy::default() };
            for at in lines {
                let found = when(&clocks, 0, &text(*at), policy).unwrap();
                let what = format!(
                    "{before} to {after}, given {given:?}, stall {stall:?}, at {at}: {found:?}"
                );
                assert!(covers(found.range, START + at * SECOND), "{what}");
                let late = (HOUR + late(*at) + 100) * SECOND;
                assert!(found.range.error_nanos() < late.unsigned_abs(), "{what}");
            }
        }
    }
}

#[test]
fn beyond_the_lines_that_show_a_zone_it_may_have_changed_on_a_weekend() {
    const HOUR: i64 = 3_600;
    let wall = |text: &str| text.parse::<Timestamp>().unwrap().as_nanos();
    let line =
        |wall: i64, zone: i64| format!("{} cell-1 kernel: x", traditional(wall, zone * HOUR));
    // Lager lines show a zone for five hours before or after these.
    let (until, from) = ("2018-10-28T00:10:00Z", "2018-10-28T02:40:00Z");
    for (shown, at, zone, error) in [
        (&[(until, 2)][..], "2018-10-27T22:00:00Z", 2, 1),
        (&[(until, 2)], "2018-10-28T00:05:00Z", 2, 1),
        (&[(until, 2)], "2018-10-28T00:20:00Z", 2, 1),
        (&[(until, 2)], "2018-10-28T00:50:00Z", 2, 3_601),
        (&[(until, 2)], "2018-10-28T01:50:00Z", 1, 3_601),
        (&[(until, 2)], "2018-10-29T11:50:00Z", 1, 3_601),
        (&[(until, 2)], "2018-10-27T16:00:00Z", 2, 3_601),
        (&[(from, 1)], "2018-10-28T00:20:00Z", 2, 3_601),
        (&[(from, 1)], "2018-10-28T02:35:00Z", 1, 1),
        (&[(from, 1)], "2018-10-28T06:30:00Z", 1, 1),
        (&[(until, 2), (from, 1)], "2018-10-28T02:20:00Z", 1, 3_601),
        // Both sides show the same zone.
        (&[(until, 1), (from, 1)], "2018-10-28T01:10:00Z", 1, 1),
        // It was a Tuesday.
        (&[("2018-04-03T10:00:00Z", 2)], "2018-04-04T10:00:00Z", 2, 1),
        (&[("2018-04-03T10:00:00Z", 2)], "2018-04-02T10:00:00Z", 2, 1),
        (&[("2018-04-03T10:00:00Z", 2)], "2018-04-01T10:00:00Z", 2, 3_601),
        (&[("2018-07-28T10:00:00Z", 2)], "2018-07-29T10:00:00Z", 2, 1),
    ] {
        let mut clocks = UptimeClocks::default();
        for (end, zone) in shown {
            let hours = if *end == from { 0..=5 } else { -5..=0 };
            for hour in hours {
                let wall = wall(end) + hour * HOUR * SECOND;
                learn_own(&mut clocks, 0, &line(wall, *zone), Some(wall));
            }
        }
        let found = when(&clocks, 0, &line(wall(at), zone), TimePolicy::default()).unwrap();
        assert!(covers(found.range, wall(at)), "{shown:?} {at} {found:?}");
        let ends = [found.range.earliest(), found.range.latest()].map(Timestamp::as_nanos);
        let most = ends.map(|end| end.abs_diff(found.time.as_nanos())).into_iter().max().unwrap();
        assert_eq!(most / SECOND as u64, error, "{shown:?} {at} {found:?}");
    }
}

#[test]
fn uptimes_decide_between_zones_where_no_line_shows_which_one_it_is() {
    const HOUR: i64 = 3_600;
    let boot = START - 1_000_000 * SECOND;
    for (zones, begin, has_far_line) in [
        ([2, 1], -600, true),
        ([2, 1], -60, true),
        ([2, 1], 500, true),
        ([2, 1], -600, false),
        ([1, 2], -600, true),
        ([1, 2], 500, false),
    ] {
        // The zone changes at second 0, between two lager lines. The relay stalls for 8 minutes.
        let stall = begin..begin + 480;
        let late = |at: i64| if stall.contains(&at) { stall.end - at } else { 0 };
        let zone_at = |stamp: i64| zones[usize::from(stamp >= 0)] * HOUR;
        let text = |at: i64| {
            let stamp = at + late(at);
            let uptime = (START + at * SECOND - boot).unsigned_abs() / 1_000;
            kernel(START + stamp * SECOND, zone_at(stamp), uptime)
        };
        let mut clocks = UptimeClocks::default();
        for at in [-4_000, 4_000] {
            let wall = START + at * SECOND;
            let rep = format!("{} cell-1 vcap.rep: x", traditional(wall, zone_at(at)));
            learn_own(&mut clocks, 1, &rep, Some(wall));
        }
        let kernels = [-1_800, begin, begin + 60, begin + 540, 1_200, 2_400];
        for at in kernels.into_iter().chain(has_far_line.then_some(12_000)) {
            learn(&mut clocks, 0, &text(at));
        }
        for at in kernels {
            let found = when(&clocks, 0, &text(at), TimePolicy::default()).unwrap();
            let what = format!("{zones:?}, stall at {begin}, line at {at}: {found:?}");
            assert!(covers(found.range, START + at * SECOND), "{what}");
            let zone = if has_far_line { 10 } else { HOUR + 10 };
            let most = (late(at) + zone) * SECOND;
            assert!(found.range.error_nanos() <= most.unsigned_abs(), "{what}");
        }
    }
}

#[test]
fn a_line_without_uptime_may_have_waited_since_the_last_punctual_ones() {
    let stamp = |at: i64, rest: &str| {
        let stamp = Timestamp::from_nanos(START + at * SECOND);
        format!("{stamp} {rest}").replacen('Z', "+00:00", 1)
    };
    // The relay stalls from second 0 to 600. Its first waiting lager line was written at 100. The
    // one at 50 overtook the others.
    let punctual = [-90, -60, -30, 50, 700];
    let waiting = [(100, 600), (400, 600)];
    let mut parts = [UptimeClocks::default(), UptimeClocks::default()];
    parts[1] = parts[0].part();
    let lines = punctual.map(|at| (at, at)).into_iter().chain(waiting);
    for (n, (own, at)) in lines.enumerate() {
        let own = Some(START + own * SECOND);
        learn_own(&mut parts[n % 2], 0, &stamp(at, "cell-1 vcap.rep: x"), own);
    }
    let [mut clocks, mut other] = parts;
    clocks.merge(&other);
    other.merge(&clocks);
    let loaded = UptimeClocks::from_bytes(&clocks.to_bytes(|_| "a"), |_| SourceId(0)).unwrap();
    for clocks in [clocks, other, loaded] {
        // The packet was logged at second 1, and stamped when the stall was over.
        let range = time(&clocks, 0, &stamp(600, "cell-1 kernel: hello")).unwrap();
        assert!(covers(range, START + SECOND), "{range:?}");
        // Not earlier than the punctual lines before, and the span that they are in.
        assert!(range.earliest().as_nanos() > START - 60 * SECOND, "{range:?}");
        // Others are as certain as before.
        for at in [-60, 700] {
            let range = time(&clocks, 0, &stamp(at, "cell-1 kernel: hello")).unwrap();
            assert!(range.error_nanos() < 2 * SECOND.unsigned_abs(), "{range:?}");
        }
    }
}

#[test]
fn a_line_without_uptime_may_be_as_late_as_its_neighbours() {
    let instant = |wall: i64, rest: &str| {
        format!("{} {rest}", Timestamp::from_nanos(wall)).replacen('Z', "+00:00", 1)
    };
    let local = |wall: i64, rest: &str| format!("{} {rest}", traditional(wall, 7_200));
    for is_local in [false, true] {
        let stamped = |wall, rest: &str| {
            if is_local { local(wall, rest) } else { instant(wall, rest) }
        };
        let mut clocks = UptimeClocks::default();
        let mut other = clocks.part();
        // Each the second of the stamp, and the delay.
        for (at, late) in [(-620, 0), (-605, 0), (0, 600), (1, 30), (1_200, 0)] {
            let own = START + (at - late) * SECOND;
            let text = stamped(START + at * SECOND, "cell-1 vcap.rep: x");
            learn_own(&mut clocks, 0, &text, Some(own));
        }
        for part in [&mut clocks, &mut other] {
            learn_own(part, 0, &stamped(START, "cell-2 vcap.rep: x"), Some(START));
            learn(part, 1, &stamped(START, "cell-1 kernel: hello"));
        }
        other.merge(&clocks);
        let name = |source: SourceId| if source == SourceId(0) { "rep" } else { "kern" };
        let number = |name: &str| SourceId(u32::from(name == "kern"));
        let loaded = UptimeClocks::from_bytes(&clocks.to_bytes(name), number).unwrap();
        for clocks in [&clocks, &other, &loaded] {
            for (at, host, late) in [
                (0, "cell-1", 600),
                (1, "cell-1", 600),
                (-50, "cell-1", 600),
                (200, "cell-1", 0),
                (-200, "cell-1", 0),
                (1_200, "cell-1", 0),
                (0, "cell-2", 0),
            ] {
                let text = stamped(START + at * SECOND, &format!("{host} kernel: hello"));
                // The other source has no lager line.
                for source in [0, 1] {
                    let range = time(clocks, source, &text).unwrap();
                    let width = range.latest().as_nanos() - range.earliest().as_nanos();
                    assert!(covers(range, START + (at - late) * SECOND), "{text} {range:?}");
                    // It may have waited since the punctual lines, too.
                    let since = if late > 0 { 30 } else { 0 };
                    assert!(width <= (late + since + 2) * SECOND, "{text} {range:?}");
                }
            }
        }
    }
}

#[test]
fn a_stall_is_no_change_of_a_given_zone() {
    let boot = START - 1_000_000 * SECOND;
    // The relay stalls for an hour, and then stamps all lines of the hour at once.
    let lines: Vec<(i64, i64)> = (-100..100)
        .map(|n| (n * 67, if (0..54).contains(&n) { 3_600 - n * 67 } else { 0 }))
        .collect();
    let text = |(at, late): (i64, i64)| {
        let wall = START + at * SECOND;
        kernel(wall + late * SECOND, 3_600, (wall - boot).unsigned_abs() / 1_000)
    };
    let mut clocks = UptimeClocks::default();
    for line in &lines {
        learn(&mut clocks, 0, &text(*line));
    }
    let year = YearPolicy::Nearest(Timestamp::from_nanos(START));
    let policy = TimePolicy { utc_offset: Some(3_600), year, ..TimePolicy::default() };
    for line in lines {
        let found = when(&clocks, 0, &text(line), policy).unwrap();
        assert!(covers(found.range, START + line.0 * SECOND), "{line:?} {found:?}");
        let late = (line.1 + 10) * SECOND;
        assert!(found.range.error_nanos() < late.unsigned_abs(), "{line:?} {found:?}");
    }
}

#[test]
fn a_zone_shows_by_the_uptime_of_lines_that_show_an_instant() {
    let mut clocks = UptimeClocks::default();
    for seconds in 0..60_i64 {
        let micros = 1_000_000_000 + seconds.unsigned_abs() * 1_000_000;
        learn(&mut clocks, 0, &line("cell-1", micros, START + seconds * SECOND, 1_000, true));
    }
    let text = kernel(START + 30 * SECOND, -5 * 3_600, 1_030_000_000);
    learn(&mut clocks, 1, &text);
    let when = when(&clocks, 1, &text, TimePolicy::default()).unwrap();
    assert!(
        covers(when.range, START + 30 * SECOND) && when.range.error_nanos() < 2 * SECOND as u64
    );
    assert_eq!(when.time.as_nanos(), START + 30 * SECOND);
}

#[test]
fn a_given_year_goes_over_new_year_and_lines_that_show_it_overrule_it() {
    // 2024-12-31T23:59:57Z.
    let new_year = 1_735_689_597 * SECOND;
    let texts: Vec<_> = (0..4)
        .map(|n: i64| {
            kernel(new_year + n * 2 * SECOND, 0, 900_000_000 + n.unsigned_abs() * 2_000_000)
        })
        .collect();
    let mut clocks = UptimeClocks::default();
    for text in &texts {
        learn(&mut clocks, 0, text);
    }
    let years = |clocks: &UptimeClocks, year| {
        let policy = TimePolicy { year: YearPolicy::Fixed(year), utc_offset: Some(0), boot: None };
        texts
            .iter()
            .map(|text| when(clocks, 0, text, policy).unwrap().time.year())
            .collect::<Vec<_>>()
    };
    assert_eq!(years(&clocks, 2025), [2024, 2024, 2025, 2025]);
    // Beside a log of that time the year may be meant for the first days.
    learn_own(&mut clocks, 1, "{}", Some(new_year));
    for year in [2024, 2025] {
        assert_eq!(years(&clocks, year), [2024, 2024, 2025, 2025], "{year}");
    }
    // Lines of the source itself show it.
    let rep = format!("{} cell-1 vcap.rep: x", traditional(new_year, 0));
    learn_own(&mut clocks, 0, &rep, Some(new_year));
    assert_eq!(years(&clocks, 1999), [2024, 2024, 2025, 2025]);
}

#[test]
fn a_year_is_that_of_the_own_machine_and_a_guess_says_so() {
    let text = kernel(START, 0, 1_000_000);
    let century = 75 * 365 * 86_400 * SECOND;
    let mut clocks = UptimeClocks::default();
    learn(&mut clocks, 0, &text);
    let given = TimePolicy { utc_offset: Some(0), ..TimePolicy::default() };
    for (n, source) in [(0, 1), (0, 1), (century, 2)] {
        learn_own(&mut clocks, source, "{}", Some(START + n));
    }
    // Two logs of different years: most lines decide, and the range covers both.
    let guess = when(&clocks, 0, &text, given).unwrap();
    assert_eq!(guess.time.as_nanos() / SECOND, START / SECOND);
    assert!(guess.range.error_nanos() > 30 * 365 * 86_400 * SECOND as u64, "{guess:?}");
    // Another machine's clock in this log does not affect this machine's.
    learn_own(&mut clocks, 0, "Nov 14 22:13:20 cell-2 x: y", Some(START + century));
    learn_own(&mut clocks, 0, "Nov 14 22:13:20 cell-1 x: y", Some(START));
    let own = when(&clocks, 0, &text, given).unwrap();
    assert!(covers(own.range, START) && own.range.error_nanos() < 2 * SECOND as u64, "{own:?}");
}

#[test]
fn machines_of_one_file_whose_boots_are_days_apart_are_two() {
    let mut clocks = UptimeClocks::default();
    let other = "localhost";
    for seconds in (0..10_000).step_by(100) {
        let wall = START + seconds * SECOND;
        let up = seconds.unsigned_abs() * 1_000_000;
        learn(&mut clocks, 0, &line(other, 2_681_198_000_000 + up, wall, 1_000, true));
        learn(&mut clocks, 0, &line(other, 8_000_000_000 + up, wall, 1_000, true));
    }
    let wall = START + 5_000 * SECOND;
    for micros in [2_686_198_000_000, 13_000_000_000] {
        let range = time(&clocks, 0, &line(other, micros, wall, 1_000, true)).unwrap();
        assert!(covers(range, wall) && range.error_nanos() < SECOND as u64, "{range:?}");
    }
}
