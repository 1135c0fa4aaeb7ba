//! The three bars, as ratios in one run on one core: all that the crate reads of a mixed log, and of its packet lines alone,
//! beside one full pattern of the `regex` crate on the same bytes, and beside finding the ends of the lines.
//!
//! `cargo bench -p asg-benches --bench bars`. Rounds of all contestants take turns, and each one's median counts, so that a
//! busy machine slows all of them alike.

#![expect(clippy::cast_precision_loss, reason = "times, shown with few digits")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use asg_benches::mixed::{self, Kind};
use asg_benches::rivals;
use asg_core::{Content, Line, Lines, Record};

const LINES: usize = 20_000;
const ROUNDS: usize = 15;

/// What reads a log, and tells how much it found.
type Contestant<'p> = Box<dyn Fn(&[u8]) -> usize + 'p>;

fn main() {
    // `cargo test --benches` runs this too; it is a measurement, not a test.
    if !std::env::args().any(|arg| arg == "--bench") {
        println!("skipped: not run by cargo bench");
        return;
    }
    let (mixed, packets) = (mixed::log(LINES, 7), mixed::only(Kind::Packet, LINES, 7));
    let pattern = rivals::full_pattern();
    let mut contestants: [(&str, &str, Contestant<'_>); 5] = [
        ("mixed log", "ends of lines", Box::new(ends)),
        ("mixed log", "asg-core", Box::new(ours)),
        ("mixed log", "regex", Box::new(|log| theirs(&pattern, log))),
        ("packet lines", "asg-core", Box::new(ours)),
        ("packet lines", "regex", Box::new(|log| theirs(&pattern, log))),
    ];
    let mut times = [const { Vec::new() }; 5];
    let mut found = [0; 5];
    for _ in 0..ROUNDS {
        for (n, (log, _, run)) in contestants.iter_mut().enumerate() {
            let log = if *log == "mixed log" { mixed.as_bytes() } else { packets.as_bytes() };
            let start = Instant::now();
            found[n] = run(black_box(log));
            times[n].push(start.elapsed());
        }
    }
    assert_eq!(found[0], LINES);
    assert_eq!(found[1], found[2], "both see the same packets in the mixed log");
    assert_eq!((found[3], found[4]), (LINES, LINES), "both see every packet");

    let times = times.map(median);
    println!("{LINES} lines, median of {ROUNDS} rounds that take turns");
    println!("{:<14} {:<14} {:>9}", "log", "contestant", "ns/line");
    for ((log, name, _), time) in contestants.iter().zip(times) {
        println!("{log:<14} {name:<14} {:>9.1}", time.as_nanos() as f64 / LINES as f64);
    }
    let ratio = |a: usize, b: usize| times[a].as_secs_f64() / times[b].as_secs_f64();
    println!("{:<52} {:>7} {:>5} {:>5}", "ratio", "is", "bar", "aim");
    println!(
        "{:<52} {:>6.1}x {:>5} {:>5}",
        "mixed log: faster than the regex",
        ratio(2, 1),
        ">=12",
        "20"
    );
    println!(
        "{:<52} {:>6.1}x {:>5} {:>5}",
        "packet lines: faster than the regex",
        ratio(4, 3),
        ">=16",
        "25"
    );
    println!(
        "{:<52} {:>6.1}x {:>5} {:>5}",
        "mixed log: slower than finding the ends of lines",
        ratio(1, 0),
        "<=15",
        ""
    );
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

/// Everything: lines, envelopes, packets with their prefixes, lager. What is counted are packets.
fn ours(log: &[u8]) -> usize {
    let mut packets = 0;
    let mut lines = Lines::new();
    lines.push(log, |raw| {
        let line = Line::new(raw.bytes);
        let record = Record::read(&line);
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
