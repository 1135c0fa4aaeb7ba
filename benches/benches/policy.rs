//! The speed of policy answers against 2,000 entries on one core, beside a linear scan.
//!
//! `cargo bench -p asg-benches --bench policy`. Rounds of all contestants take turns, and each
//! one's median counts, in time on the processor. "Cold" evaluates packets that differ from all
//! earlier ones; "cached" repeats earlier packets. The rules are those of a large space: addresses,
//! blocks and ranges of many sizes, with lists and ranges of ports. Half of the packets are
//! allowed.

#![expect(clippy::cast_precision_loss, reason = "times, shown with few digits")]

use std::error::Error;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use asg_benches::processor::on_cpu;
use asg_core::Timestamp;
use asg_core::policy::{
    Effective, EntryTraffic, Outcome, PacketFacts, Phase, Policy, Probe, Settings, Snapshot,
    Verdict,
};
use asg_core::time::TimeRange;
use serde_json::{Value, json};

const ENTRIES: usize = 2_000;
/// The number of distinct packets.
const PACKETS: usize = 200_000;
/// The scan is slow, so it gets only a part of them.
const SCANNED: usize = 2_000;
/// The number of packets that the cached contestants repeat: a space talks to about as many
/// destinations.
const TUPLES: usize = 1_000;
const ROUNDS: usize = 7;

/// The bars, in answers per second.
const COLD: f64 = 1e6;
const CACHED: f64 = 5e6;

fn main() -> Result<(), Box<dyn Error>> {
    // `cargo test --benches` runs this too; it is a measurement, not a test.
    if !std::env::args().any(|arg| arg == "--bench") {
        println!("skipped: not run by cargo bench");
        return Ok(());
    }
    let policy =
        Policy::new(Snapshot::parse(listing().as_bytes(), None)?, Settings::default().into());
    let rules = policy.effective("s", Phase::Running).ok_or("no snapshot")?;
    let packets = packets(&rules);
    let allowed = packets.iter().filter(|probe| is_allowed(&rules, probe)).count();
    println!(
        "{} entries, {PACKETS} packets, of which {allowed} are allowed",
        rules.entries().len()
    );
    for probe in &packets[..SCANNED] {
        assert_eq!(rules.evaluate(probe), rules.evaluate_by_scan(probe), "{probe:?}");
    }

    let mut evaluator = policy.evaluator().ok_or("no snapshot")?;
    let mut explainer = policy.explainer();
    let noon = Timestamp::parse(b"2026-03-01T12:00:00Z")?;
    let mut times: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        times[0].push(rate(SCANNED, |n| {
            black_box(rules.evaluate_by_scan(&packets[n]));
        }));
        times[1].push(rate(PACKETS, |n| {
            black_box(rules.evaluate(&packets[n]));
        }));
        times[2].push(rate(PACKETS, |n| {
            let probe = &packets[n % TUPLES];
            black_box(evaluator.evaluate(Some("s"), Phase::Running, probe));
        }));
        times[3].push(rate(PACKETS, |n| {
            let facts = PacketFacts {
                time: Some(TimeRange::from(noon)),
                space: Some("s"),
                phase: Some(Phase::Running),
                probe: Some(packets[n % TUPLES]),
                observed: Some(Outcome::Allowed),
                ..PacketFacts::default()
            };
            black_box(explainer.explain(&facts));
        }));
    }
    let [scan, cold, cached, explained] = times.map(median);
    let line = |what: &str, rate: f64, bar: Option<f64>| {
        let bar = bar.map_or(String::new(), |bar| {
            let word = if rate >= bar { "holds" } else { "misses" };
            format!("  {word} the bar of {:.0} M/s", bar / 1e6)
        });
        println!("{what:<22} {:>8.2} M/s  {:>6.1} × scan{bar}", rate / 1e6, rate / scan);
    };
    line("linear scan", scan, None);
    line("cold evaluation", cold, Some(COLD));
    line("cached evaluation", cached, Some(CACHED));
    line("cached explanation", explained, None);
    Ok(())
}

/// Returns the answers per second.
fn rate(count: usize, mut each: impl FnMut(usize)) -> f64 {
    let start = on_cpu();
    (0..count).for_each(&mut each);
    count as f64 / on_cpu().saturating_sub(start).max(Duration::from_nanos(1)).as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Knuth's linear congruential generator.
struct Random(u64);

impl Random {
    const fn next(&mut self, below: u32) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (((self.0 >> 33) * below as u64) >> 31) as u32
    }
}

/// Returns groups with some 2,000 entries in all, bound to one space.
fn listing() -> String {
    let mut random = Random(1);
    let mut groups = Vec::new();
    let mut entries = 0;
    while entries < ENTRIES {
        let rules: Vec<Value> = (0..20)
            .map(|_| {
                let address = Ipv4Addr::from_bits(0x0a00_0000 + random.next(1 << 24));
                let first = 1 + random.next(60_000);
                let (destination, ports) = match random.next(4) {
                    0 => (address.to_string(), format!("{first}")),
                    1 => (format!("{address}/{}", 20 + random.next(10)), format!("{first},{}", first + 7)),
                    2 => {
                        let last = Ipv4Addr::from_bits(address.to_bits() | 0xff);
                        (format!("{address}-{last}"), format!("{first}-{}", first + 500))
                    }
                    _ => (format!("{address}/28"), "1-65535".to_owned()),
                };
                entries += ports.split(',').count();
                let protocol = if random.next(3) == 0 { "udp" } else { "tcp" };
                json!({ "protocol": protocol, "destination": destination, "ports": ports, "log": random.next(2) == 0 })
            })
            .collect();
        let guid = format!("g-{}", groups.len());
        groups.push(json!({
            "guid": guid, "name": guid, "rules": rules,
            "relationships": { "running_spaces": { "data": [{ "guid": "s" }] } }
        }));
    }
    json!({ "taken_at": "2026-03-01T00:00:00Z", "complete": true, "resources": groups }).to_string()
}

/// Returns packets; every other one matches an entry, and two are equal only by chance.
fn packets(rules: &Effective) -> Vec<Probe> {
    let mut random = Random(2);
    let entries = rules.entries();
    let packet = |n: usize| {
        let entry = &entries[random.next(entries.len() as u32) as usize];
        let (IpAddr::V4(first), IpAddr::V4(last)) = (entry.range.first(), entry.range.last())
        else {
            unreachable!("all rules are of IPv4")
        };
        let (EntryTraffic::Tcp(low, high) | EntryTraffic::Udp(low, high)) = entry.traffic else {
            unreachable!("all rules have ports")
        };
        let address = first.to_bits() + random.next(last.to_bits() - first.to_bits() + 1);
        let port = low + random.next(u32::from(high - low) + 1) as u16;
        if n.is_multiple_of(2) {
            let address = IpAddr::V4(Ipv4Addr::from_bits(address));
            let is_tcp = entry.traffic == EntryTraffic::Tcp(low, high);
            return if is_tcp { Probe::tcp(address, port) } else { Probe::udp(address, port) };
        }
        let address = Ipv4Addr::from_bits(0x0a00_0000 + random.next(1 << 24));
        Probe::tcp(address.into(), random.next(65_535) as u16 + 1)
    };
    (0..PACKETS).map(packet).collect()
}

fn is_allowed(rules: &Effective, probe: &Probe) -> bool {
    rules.evaluate(probe).ruling.is_some_and(|ruling| ruling.verdict == Verdict::Allow)
}
