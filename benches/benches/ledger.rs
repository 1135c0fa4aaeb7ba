//! Measures a look-up in a large ledger, as a ratio to one probe of a hash map of as many GUIDs in
//! the same run, and the ledger's size.
//!
//! `cargo bench -p asg-benches --bench ledger`; `-- --history 0` measures only the live containers,
//! in a few seconds. Rounds of all contestants take turns, and each one's median counts. Both maps
//! have `u128` keys, `u32` values and their own default hasher: that of the standard library
//! (`SipHash`), and hashbrown's (foldhash).
//!
//! A look-up is that of the correlator: a parsed log prefix, the cell, the time and the packet's
//! address, for a random container in the ledger. A probe does much less: it gets the whole key as
//! a number, and returns a number; it compares no times, cells or addresses, and cannot find a
//! beginning.

#![expect(clippy::cast_precision_loss, reason = "times and sizes, shown with few digits")]

use std::collections::HashMap;
use std::error::Error;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use asg_core::event::Moment;
use asg_core::evidence::Evidence;
use asg_core::guid::{GuidPrefix, Handle, ProcessGuid, ProcessName};
use asg_core::ledger::{Lifetime, Sighting};
use asg_core::prefix::LogPrefix;
use asg_core::{Certainty, Guid, Ledger, Origin, SourceId, Timestamp};
use lexopt::prelude::*;
use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Containers of one cell; Diego's limit.
const PER_CELL: u64 = 250;

/// The number of questions that are made and answered at a time: few enough to stay in the cache,
/// as a packet that was just parsed does, while the containers they ask for are not there.
const BATCH: usize = 256;

/// The seconds that a container lives before another takes its place.
const LIFE: i64 = 86_400;

struct Options {
    live: u64,
    history: u64,
    lookups: usize,
    rounds: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    // `cargo test --benches` runs this too; it is a measurement, not a test.
    if !std::env::args().any(|arg| arg == "--bench") {
        println!("skipped: not run by cargo bench");
        return Ok(());
    }
    let options = options()?;
    measure(&options, 0);
    if options.history > 0 {
        measure(&options, options.history);
    }
    Ok(())
}

fn options() -> Result<Options, lexopt::Error> {
    let mut options = Options { live: 250_000, history: 10_000_000, lookups: 500_000, rounds: 9 };
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Long("live") => options.live = args.value()?.parse::<u64>()?.max(1),
            Long("history") => options.history = args.value()?.parse()?,
            Long("lookups") => options.lookups = args.value()?.parse::<usize>()?.max(BATCH),
            Long("rounds") => options.rounds = args.value()?.parse::<usize>()?.max(1),
            Long("bench") => {}
            _ => return Err(arg.unexpected()),
        }
    }
    Ok(options)
}

/// A foundation in which each place of a cell has had one container after the other; only the last
/// ones are alive.
#[derive(Clone, Copy)]
struct Foundation {
    live: u64,
    containers: u64,
}

/// One container; everything follows from its number.
struct Container {
    bits: u128,
    process: ProcessGuid,
    cell: u64,
    address: IpAddr,
    created: Timestamp,
    destroyed: Option<Timestamp>,
}

impl Foundation {
    /// Returns a container. Each app has two and a half instances on average, and each of its
    /// versions has four generations of them, so ten containers share a process GUID.
    fn container(self, number: u64) -> Container {
        let (place, generation) = (number % self.live, number / self.live);
        let (cell, app) = (place / PER_CELL, place * 2 / 5);
        let [_, b, c, d] =
            (0x0a80_0002 + (cell << 8) as u32 + (place % PER_CELL) as u32).to_be_bytes();
        let start = 1_500_000_000 + generation.cast_signed() * LIFE + (place % 3_600).cast_signed();
        Container {
            bits: random(1, number),
            process: ProcessGuid {
                process: Guid::from_u128(random(2, app)),
                version: Guid::from_u128(random(3, (app << 32) | (generation / 4))),
            },
            cell,
            address: Ipv4Addr::new(10, b, c, d).into(),
            created: seconds(start),
            destroyed: (number + self.live < self.containers).then(|| seconds(start + LIFE - 60)),
        }
    }

    /// Returns each cell's own name, and its name in log lines, as `[job=diego_cell index=7]` gives
    /// it: two names need more memory than one.
    fn cells(self) -> Vec<[String; 2]> {
        (0..=self.live / PER_CELL)
            .map(|cell| {
                [Guid::from_u128(random(4, cell)).to_string(), format!("diego_cell/{cell}")]
            })
            .collect()
    }

    /// Returns the ledger. rep logs three lines about each container: it is made, it runs, and it
    /// is gone.
    fn ledger(self, cells: &[[String; 2]]) -> Ledger {
        let mut ledger = Ledger::new();
        for number in 0..self.containers {
            let it = self.container(number);
            let [cell, machine] = &cells[it.cell as usize];
            let mut line = |nth: u64, moment, time| {
                let origin = Origin { source: SourceId(0), line: number * 3 + nth };
                let mut evidence = Evidence::new(it.handle(), moment, origin);
                evidence.time = Some(time);
                evidence.cell = Some(cell.as_str().into());
                evidence.machine = Some(machine.as_str().into());
                if moment != Moment::Destroyed {
                    evidence.process = Some(ProcessName::Guid(it.process));
                    evidence.index = Some((number % 3) as u32);
                }
                if moment == Moment::Seen {
                    evidence.address = Some(it.address);
                }
                ledger.add(evidence);
            };
            line(1, Moment::Created, it.created);
            line(2, Moment::Seen, it.created);
            if let Some(time) = it.destroyed {
                line(3, Moment::Destroyed, time);
            }
        }
        ledger
    }
}

impl Container {
    /// Returns the handle in Diego's form since 2017: 28 characters.
    fn handle(&self) -> Handle {
        GuidPrefix::from(Guid::from_u128(self.bits)).truncated(28).expect("not empty").into()
    }

    /// Returns the prefix that silk writes.
    fn prefix(&self) -> String {
        format!("OK_{} ", &self.handle().to_string()[..25])
    }

    /// Asks for the sender of a packet ten minutes after the container was made.
    fn question<'q>(&self, prefix: &'q str, cells: &'q [[String; 2]]) -> Question<'q> {
        Question {
            prefix: LogPrefix::classify(prefix.as_bytes()).expect("silk's"),
            seen: Sighting::at(Timestamp::from_nanos(
                self.created.as_nanos() + 600 * 1_000_000_000,
            ))
            .on(&cells[self.cell as usize][1])
            .with_address(self.address),
            key: self.bits,
        }
    }
}

/// The input of a look-up.
struct Question<'q> {
    prefix: LogPrefix<'q>,
    seen: Sighting<'q>,
    key: u128,
}

/// Answers a batch of questions, and returns the number that it could answer.
type Contestant<'c> = Box<dyn Fn(&[Question<'_>]) -> usize + 'c>;

fn measure(options: &Options, history: u64) {
    let foundation = Foundation { live: options.live, containers: options.live + history };
    let cells = foundation.cells();

    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let start = Instant::now();
    let ledger = foundation.ledger(&cells);
    let took = start.elapsed();
    let (weight, peak) = (HEAP.current_usage() - before, HEAP.peak_usage() - before);
    assert_eq!(ledger.len() as u64, foundation.containers);
    let megabytes = |bytes: usize| bytes as f64 / 1e6;
    println!("{} live containers, {history} gone", options.live);
    println!(
        "  built from {} lines' evidence in {:.1} s, {:.0} ns a line",
        options.live * 2 + history * 3,
        took.as_secs_f64(),
        took.as_nanos() as f64 / (options.live * 2 + history * 3) as f64
    );
    let bar = if history == 0 { "  (bar: < 100 MB)" } else { "" };
    println!("  weighs {:.1} MB{bar}, {:.1} MB at its peak", megabytes(weight), megabytes(peak));
    println!("  {:.0} bytes a container", weight as f64 / foundation.containers as f64);

    let keys = || (0..foundation.containers).map(|number| (random(1, number), number as u32));
    let std_map: HashMap<u128, u32> = keys().collect();
    let hashbrown_map: hashbrown::HashMap<u128, u32> = keys().collect();
    let contestants: [(&str, Contestant<'_>); 3] = [
        ("std HashMap", Box::new(|all| count(all, |q| std_map.contains_key(&q.key)))),
        ("hashbrown HashMap", Box::new(|all| count(all, |q| hashbrown_map.contains_key(&q.key)))),
        (
            "Ledger::attribute",
            Box::new(|all| {
                count(all, |q| {
                    let answer = ledger.attribute(&q.prefix, &q.seen);
                    black_box(&answer).certainty == Certainty::UniquePrefix
                })
            }),
        ),
    ];
    let mut times = [const { Vec::new() }; 3];
    for round in 0..options.rounds as u64 {
        let mut took = [Duration::ZERO; 3];
        for batch in 0..options.lookups / BATCH {
            let asked: Vec<_> = (0..BATCH)
                .map(|n| random(5 + round, (batch * BATCH + n) as u64) as u64)
                .map(|dice| foundation.container(dice % foundation.containers))
                .collect();
            let prefixes: Vec<_> = asked.iter().map(Container::prefix).collect();
            let questions: Vec<_> = asked
                .iter()
                .zip(&prefixes)
                .map(|(it, prefix)| it.question(prefix, &cells))
                .collect();
            for ((_, contestant), took) in contestants.iter().zip(&mut took) {
                let start = Instant::now();
                let found = contestant(&questions);
                *took += start.elapsed();
                assert_eq!(found, BATCH);
            }
            for (question, it) in questions.iter().zip(&asked) {
                let answer = ledger.attribute(&question.prefix, &question.seen);
                assert_eq!(answer.container().map(Lifetime::handle), Some(it.handle()));
            }
        }
        for (times, took) in times.iter_mut().zip(took) {
            times.push(took);
        }
    }
    let times = times.map(median);
    println!(
        "  {} random look-ups, median of {} rounds that take turns",
        options.lookups, options.rounds
    );
    println!("  {:<18} {:>9} {:>8} {:>12}", "", "ns", "x std", "x hashbrown");
    for ((name, _), time) in contestants.iter().zip(times) {
        let ratio = |to: Duration| time.as_secs_f64() / to.as_secs_f64();
        println!(
            "  {name:<18} {:>9.1} {:>8.2} {:>12.2}",
            time.as_nanos() as f64 / options.lookups as f64,
            ratio(times[0]),
            ratio(times[1])
        );
    }
    println!("  bar: Ledger::attribute <= 5 x std");
}

fn count(questions: &[Question<'_>], is_found: impl Fn(&Question<'_>) -> bool) -> usize {
    black_box(questions).iter().filter(|question| is_found(question)).count()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn seconds(seconds: i64) -> Timestamp {
    Timestamp::from_nanos(seconds * 1_000_000_000)
}

/// Returns the random GUID of this number, for one kind of things: two steps of splitmix64.
fn random(kind: u64, number: u64) -> u128 {
    let step = |n: u64| {
        let mut z = (number ^ kind << 56).wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    };
    u128::from(step(1)) << 64 | u128::from(step(2))
}
