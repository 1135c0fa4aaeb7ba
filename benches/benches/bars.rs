//! Typed parsing beside what people do today, as ratios in one run: `cargo bench -p asg-benches --bench bars`.
//!
//! Everything goes the whole way: bytes, lines, envelope, record. Rivals and we take turns, so that a machine whose speed
//! drifts is unfair to nobody; medians are shown.

#![expect(clippy::cast_precision_loss, reason = "times and sizes, shown with few digits")]

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use asg_benches::mixed::{Kind, log};
use asg_core::{Line, Lines, Record};
use regex::bytes::Regex;

const LINES: usize = 40_000;
const ROUNDS: usize = 9;

/// Header, prefix and every field of the usual packet lines, by name.
const PATTERN: &str = r"^(?P<time>\S+) (?P<host>\S+) kernel: \[ *(?P<uptime>[0-9.]+)\] (?P<prefix>.*?)IN=(?P<in>\S*) OUT=(?P<out>\S*) (?:MAC=(?P<mac>\S*) )?SRC=(?P<src>\S*) DST=(?P<dst>\S*) LEN=(?P<len>\d+) TOS=(?P<tos>\S+) PREC=(?P<prec>\S+) TTL=(?P<ttl>\d+) ID=(?P<id>\d+) (?P<df>DF )?(?P<mf>MF )?PROTO=(?P<proto>\S+) (?:SPT=(?P<spt>\d+) DPT=(?P<dpt>\d+) )?(?:WINDOW=(?P<window>\d+) RES=(?P<res>\S+) (?P<flags>(?:[A-Z]+ )*)URGP=(?P<urgp>\d+) )?(?:LEN=(?P<udplen>\d+) )?(?:TYPE=(?P<type>\d+) CODE=(?P<code>\d+) )?(?:MARK=(?P<mark>\S+) )?";

fn main() {
    // `cargo test --benches` runs this too: once, on few lines, for the assertions alone.
    let is_test = !std::env::args().any(|arg| arg == "--bench");
    let (lines, rounds) = if is_test { (500, 1) } else { (LINES, ROUNDS) };
    let regex = Regex::new(PATTERN).unwrap();
    for (name, kind, packets) in [
        ("mixed log", Kind::All, lines * 4 / 5),
        ("packet lines", Kind::Packets, lines),
        ("rep lines", Kind::Rep, 0),
    ] {
        let text = log(lines, kind);
        let text = text.as_bytes();
        let rivals: [(&str, &dyn Fn() -> usize); 4] = [
            ("asg-core, typed records", &|| {
                let mut found = 0;
                let mut splitter = Lines::new();
                splitter.push(text, |raw| {
                    let line = Line::new(raw.bytes);
                    found += usize::from(black_box(&Record::read(&line)).packet().is_some());
                });
                found
            }),
            ("memchr, line ends only", &|| {
                memchr::memchr_iter(b'\n', text).for_each(|end| _ = black_box(end));
                packets
            }),
            ("split and HashMap", &|| {
                let mut found = 0;
                for line in text.split(|b| *b == b'\n') {
                    let fields: HashMap<&[u8], &[u8]> = line
                        .split(|b| *b == b' ')
                        .filter_map(|word| {
                            word.iter()
                                .position(|b| *b == b'=')
                                .map(|n| (&word[..n], &word[n + 1..]))
                        })
                        .collect();
                    found += usize::from(black_box(&fields).contains_key(b"DST".as_slice()));
                }
                found
            }),
            ("regex, one full pattern", &|| {
                let lines = text.split(|b| *b == b'\n');
                lines.filter(|line| black_box(regex.captures(line)).is_some()).count()
            }),
        ];
        let mut times = [const { Vec::new() }; 4];
        for _ in 0..rounds {
            for ((_, run), times) in rivals.iter().zip(&mut times) {
                let start = Instant::now();
                let found = run();
                times.push(start.elapsed());
                assert_eq!(found, packets, "each finds the packets");
            }
        }
        let median = |times: &mut Vec<Duration>| {
            times.sort();
            times[times.len() / 2].as_secs_f64()
        };
        let medians = times.each_mut().map(median);
        println!("\n{name}: {lines} lines, {:.0} bytes each", text.len() as f64 / lines as f64);
        for ((rival, _), time) in rivals.iter().zip(medians) {
            let ns = time * 1e9 / lines as f64;
            println!("{rival:>26}  {ns:8.1} ns a line  {:6.2} x asg-core", time / medians[0]);
        }
    }
}
