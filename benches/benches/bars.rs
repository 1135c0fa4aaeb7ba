//! The bars, as ratios in one run on one core. They compare parsing a mixed log, and its packet
//! lines alone, with one full pattern of the `regex` crate on the same bytes, and with finding the
//! ends of the lines.
//!
//! `cargo bench -p asg-benches --bench bars`. Rounds of all contestants take turns, and each one's
//! median counts, so that a busy machine slows all of them alike.

#![expect(clippy::cast_precision_loss, reason = "times, shown with few digits")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use asg_benches::mixed::{self, Kind};
use asg_benches::rivals;
use asg_benches::sim::{Config, Era, Layout, Memory, Simulation};
use asg_core::{Content, Line, Lines, Record};

const LINES: usize = 20_000;
const ROUNDS: usize = 15;

/// Reads a log, and returns the number of items it found.
type Contestant<'p> = Box<dyn Fn(&[u8]) -> usize + 'p>;

fn main() {
    // `cargo test --benches` runs this too; it is a measurement, not a test.
    if !std::env::args().any(|arg| arg == "--bench") {
        println!("skipped: not run by cargo bench");
        return;
    }
    let logs = [mixed::log(LINES, 7), mixed::only(Kind::Packet, LINES, 7), simulated()];
    let pattern = rivals::full_pattern();
    let contestants: [(usize, &str, Contestant<'_>); 8] = [
        (MIXED, "ends of lines", Box::new(ends)),
        (MIXED, "asg-core", Box::new(ours)),
        (MIXED, "regex", Box::new(|log| theirs(&pattern, log))),
        (PACKETS, "asg-core", Box::new(ours)),
        (PACKETS, "regex", Box::new(|log| theirs(&pattern, log))),
        (SIMULATED, "ends of lines", Box::new(ends)),
        (SIMULATED, "asg-core", Box::new(ours)),
        (SIMULATED, "regex", Box::new(|log| theirs(&pattern, log))),
    ];
    let mut times = [const { Vec::new() }; 8];
    let mut found = [0; 8];
    for _ in 0..ROUNDS {
        for (n, (log, _, run)) in contestants.iter().enumerate() {
            let start = Instant::now();
            found[n] = run(black_box(logs[*log].as_bytes()));
            times[n].push(start.elapsed());
        }
    }
    assert_eq!((found[0], found[5]), (LINES, LINES));
    assert_eq!(found[1], found[2], "both see the same packets in the mixed log");
    assert_eq!((found[3], found[4]), (LINES, LINES), "both see every packet");
    assert_eq!(found[6], found[7], "both see the same packets in the simulated log");

    let times = times.map(median);
    println!("{LINES} lines, median of {ROUNDS} rounds that take turns");
    println!("{:<14} {:<14} {:>9}", "log", "contestant", "ns/line");
    for ((log, name, _), time) in contestants.iter().zip(times) {
        let log = NAMES[*log];
        println!("{log:<14} {name:<14} {:>9.1}", time.as_nanos() as f64 / LINES as f64);
    }
    println!("{:<52} {:>7} {:>5} {:>5}", "ratio", "is", "bar", "aim");
    for (what, [of, to], bar, aim) in RATIOS {
        let ratio = times[of].as_secs_f64() / times[to].as_secs_f64();
        println!("{what:<52} {ratio:>6.1}x {bar:>5} {aim:>5}");
    }
}

/// The logs, by number.
const NAMES: [&str; 3] = ["mixed log", "packet lines", "simulated log"];
const MIXED: usize = 0;
const PACKETS: usize = 1;
const SIMULATED: usize = 2;

/// The comparisons: the numbers of two contestants, the bar and the aim.
const RATIOS: [(&str, [usize; 2], &str, &str); 5] = [
    ("mixed log: faster than the regex", [2, 1], ">=12", "20"),
    ("packet lines: faster than the regex", [4, 3], ">=16", "25"),
    ("mixed log: slower than finding the ends of lines", [1, 0], "<=15", ""),
    ("simulated log: faster than the regex", [7, 6], ">=12", "20"),
    ("simulated log: slower than finding the ends of lines", [6, 5], "<=15", ""),
];

/// Returns everything that a small foundation's cells log, as an aggregator's file has it: nine
/// lines in ten are packets, nearly all others lager's.
fn simulated() -> String {
    let config = Config {
        cells: 20,
        containers: 500,
        minutes: 2,
        packets_per_minute: 38,
        layout: Layout::One,
        ..Config::new(Era::Silk)
    };
    let mut logs = Memory::default();
    Simulation::run(&config, &mut logs).expect("memory takes all");
    let text = logs.in_files().map(|(.., line)| String::from_utf8_lossy(line).into_owned());
    text.take(LINES).fold(String::new(), |log, line| log + &line + "\n")
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn ends(log: &[u8]) -> usize {
    let mut ends = 0;
    for end in memchr::memchr_iter(b'\n', log) {
        black_box(end);
        ends += 1;
    }
    ends
}

/// Parses everything: lines, envelopes, packets with their prefixes, lager. Returns the number of
/// packets.
fn ours(log: &[u8]) -> usize {
    let mut packets = 0;
    let mut lines = Lines::new();
    lines.push(log, |raw| {
        let line = Line::new(raw.bytes);
        let record = Record::classify(&line);
        packets += usize::from(matches!(black_box(&record).content, Content::Packet { .. }));
    });
    packets
}

fn theirs(pattern: &regex::bytes::Regex, log: &[u8]) -> usize {
    let mut captures = pattern.capture_locations();
    log.split(|&b| b == b'\n')
        .filter(|line| black_box(pattern.captures_read(&mut captures, line)).is_some())
        .count()
}
