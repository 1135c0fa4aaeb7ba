//! Parses one line of text to typed fields, by kind of line, beside the usual alternatives, in the
//! same run.
//!
//! `cargo bench -p asg-benches --bench parse`, or `-- packet`, `-- rep`, `-- envelope`, `-- mixed`
//! for one group. The results are compared before anything is timed. A rival is timed only on the
//! lines that it parses right.

use std::hint::black_box;
use std::str::FromStr as _;
use std::time::Duration;

use asg_benches::PACKETS;
use asg_benches::mixed::{self, Kind};
use asg_benches::rivals::{self, Fields, Rival};
use asg_benches::samples::{ENVELOPES, PACKET_KINDS, Peer, in_kern_log};
use asg_core::time::YearPolicy;
use asg_core::{Content, Line, Lines, Packet, Record, TimePolicy};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::Value;
use ufwlog::UfwLog;

/// The number of lines in a log.
const LINES: usize = 2_000;

type Group<'c> = BenchmarkGroup<'c, WallTime>;

fn measure(group: &mut Group<'_>, bytes: usize, lines: usize) {
    group.throughput(Throughput::ElementsAndBytes { elements: lines as u64, bytes: bytes as u64 });
}

/// Parses a whole line of `kern.log`: header, time, packet, and the meaning of the prefix. The
/// rivals leave the prefix and the time as text; see [`Rival`] for their other limits.
fn packets(c: &mut Criterion) {
    let pattern = rivals::full_pattern();
    for sample in PACKET_KINDS {
        let line = in_kern_log(sample.text);
        let whole = Line::new(line.as_bytes());
        let record = Record::classify(&whole);
        let (packet, _) = record.packet().expect(sample.name);
        assert_eq!(packet.to_line(), sample.text.as_bytes(), "{}", sample.name);

        let mut group = c.benchmark_group(format!("packet/{}", sample.name));
        measure(&mut group, line.len(), 1);
        group.bench_function("asg-core", |b| {
            b.iter(|| {
                let line = Line::new(black_box(line.as_bytes()));
                black_box(Record::classify(&line).packet().is_some())
            });
        });
        // The packet alone, without header and prefix.
        group.bench_function("asg-core-packet-only", |b| {
            b.iter(|| Packet::parse(black_box(sample.text.as_bytes())).is_ok());
        });
        for rival in sample.rivals {
            assert_eq!(Fields::by(*rival, &line), Some(Fields::of(packet)), "{}", sample.name);
            match rival {
                Rival::Regex => {
                    let mut found = pattern.capture_locations();
                    group.bench_function("regex", |b| {
                        b.iter(|| {
                            pattern.captures_read(&mut found, black_box(line.as_bytes())).is_some()
                        });
                    });
                }
                Rival::Split => {
                    group.bench_function("split-hashmap", |b| {
                        b.iter(|| rivals::words(black_box(line.as_bytes())));
                    });
                }
                Rival::Ufwlog => {
                    group.bench_function("ufwlog", |b| {
                        b.iter(|| UfwLog::from_str(black_box(&line)));
                    });
                }
            }
        }
        group.finish();
    }
}

/// Parses lager lines with their syslog headers. `Value` gets only the JSON, and leaves the meaning
/// of the keys to its caller: a container is named in up to a dozen places, and the times are text.
fn rep(c: &mut Criterion) {
    let with_evidence = mixed::only(Kind::Rep, LINES, 7);
    let others = mixed::only(Kind::Other, LINES * 2, 7);
    let without: String = others
        .lines()
        .filter(|line| line.contains('{'))
        .take(LINES)
        .map(|line| line.to_owned() + "\n")
        .collect();
    for (name, log, evidence) in [("with-evidence", with_evidence, 1), ("without", without, 0)] {
        let lines: Vec<&str> = log.lines().collect();
        for line in &lines {
            let value: Value = serde_json::from_str(&line[line.find('{').unwrap()..]).unwrap();
            let line = Line::new(line.as_bytes());
            let record = Record::classify(&line);
            let process = match &record.content {
                Content::Rep(event) => event.process_guid.as_ref().map(|guid| (**guid).to_owned()),
                _ => None,
            };
            let theirs = value["data"]["lrp-key"]["process_guid"].as_str();
            assert_eq!(process.as_deref(), theirs);
            assert_eq!(usize::from(process.is_some()), evidence);
        }
        let mut group = c.benchmark_group(format!("rep/{name}"));
        measure(&mut group, log.len(), lines.len());
        group.bench_function("asg-core", |b| {
            b.iter(|| count(black_box(&log), |content| matches!(content, Content::Rep(_))));
        });
        group.bench_function("serde-json-value", |b| {
            b.iter(|| {
                let values = black_box(&log).lines().filter(|line| {
                    let json = &line[line.find('{').unwrap_or(0)..];
                    black_box(serde_json::from_str::<Value>(json)).is_ok()
                });
                values.count()
            });
        });
        group.finish();
    }
}

/// Parses a log of everything. The pattern and the words find only packets, and skip the other
/// lines.
fn mixed(c: &mut Criterion) {
    let log = mixed::log(LINES * 10, 7);
    let pattern = rivals::full_pattern();
    let is_packet = |content: &Content<'_>| matches!(content, Content::Packet { .. });
    let by_pattern = || {
        let mut found = pattern.capture_locations();
        let lines = black_box(&log).lines();
        lines.filter(|line| pattern.captures_read(&mut found, line.as_bytes()).is_some()).count()
    };
    let by_words = || {
        let lines = black_box(&log).lines();
        lines
            .filter(|line| rivals::words(line.as_bytes()).contains_key(b"PROTO".as_slice()))
            .count()
    };
    let packets = count(&log, is_packet);
    assert_eq!(packets, log.lines().filter(|line| line.contains(" OUT=")).count());
    assert_eq!((by_pattern(), by_words()), (packets, packets));

    let mut group = c.benchmark_group("mixed");
    measure(&mut group, log.len(), LINES * 10);
    group.bench_function("asg-core", |b| b.iter(|| count(black_box(&log), is_packet)));
    group.bench_function("regex", |b| b.iter(by_pattern));
    group.bench_function("split-hashmap", |b| b.iter(by_words));
    group.finish();
}

/// Parses the header alone, and then the line, of every envelope around the same packet.
/// `syslog_loose` parses no job, no instance and no kernel uptime; `Value` gives the message as
/// text, and does not parse the syslog header in it, if any.
fn envelopes(c: &mut Criterion) {
    let text = PACKETS[0];
    for sample in ENVELOPES {
        let line = sample.line(text);
        let whole = Line::new(line.as_bytes());
        let record = Record::classify(&whole);
        assert_eq!(record.packet().expect(sample.name).0.to_line(), text.as_bytes());

        let mut group = c.benchmark_group(format!("envelope/{}", sample.name));
        measure(&mut group, line.len(), 1);
        group.bench_function("asg-core", |b| {
            b.iter(|| {
                let line = Line::new(black_box(line.as_bytes()));
                black_box(line.envelope().body_at)
            });
        });
        group.bench_function("asg-core-whole-line", |b| {
            b.iter(|| {
                let line = Line::new(black_box(line.as_bytes()));
                black_box(Record::classify(&line).packet().is_some())
            });
        });
        match sample.peer {
            Peer::None => {}
            Peer::SyslogLoose => {
                let theirs = syslog_loose(&line);
                let policy = TimePolicy { year: YearPolicy::Fixed(2017), ..TimePolicy::default() };
                let time = record.time(&policy).expect(sample.name).as_nanos();
                assert_eq!(
                    theirs.timestamp.and_then(|time| time.timestamp_nanos_opt()),
                    Some(time),
                    "{}",
                    sample.name
                );
                assert_eq!(
                    theirs.hostname.map(ToOwned::to_owned),
                    record.envelope.host.map(|host| host.to_string())
                );
                // It drops the blank at the end, which belongs to the kernel's text.
                assert!(theirs.msg.ends_with(text.trim_end()), "{}", sample.name);
                group.bench_function("syslog-loose", |b| b.iter(|| syslog_loose(black_box(&line))));
            }
            Peer::Value(key) => {
                let json = line.strip_suffix(',').unwrap_or(&line);
                let value: Value = serde_json::from_str(json).expect(sample.name);
                assert!(value[key].as_str().is_some_and(|message| message.contains(text)));
                group.bench_function("serde-json-value", |b| {
                    b.iter(|| serde_json::from_str::<Value>(black_box(json)));
                });
            }
        }
        group.finish();
    }
}

fn syslog_loose(line: &str) -> syslog_loose::Message<&str> {
    let year = |_: syslog_loose::IncompleteDate| 2017;
    syslog_loose::parse_message_with_year_tz(
        line,
        year,
        Some(chrono::Utc),
        syslog_loose::Variant::Either,
    )
}

/// Parses everything: lines, envelopes, packets with their prefixes, lager.
fn count(log: &str, is_wanted: impl Fn(&Content<'_>) -> bool) -> usize {
    let mut wanted = 0;
    let mut lines = Lines::new();
    lines.push(log.as_bytes(), |raw| {
        let line = Line::new(raw.bytes);
        wanted += usize::from(is_wanted(&black_box(Record::classify(&line)).content));
    });
    wanted
}

/// Takes one second for each: there are two hundred of them.
fn config() -> Criterion {
    Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
}

criterion_group! {
    name = benches;
    config = config();
    targets = packets, rep, mixed, envelopes
}
criterion_main!(benches);
