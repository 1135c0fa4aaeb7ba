//! One line of text to typed fields, beside what people do today, in the same run.

use std::collections::HashMap;
use std::hint::black_box;

use asg_core::Packet;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use regex::bytes::Regex;

/// The fields of a TCP line, the way a log pipeline would name them.
const PATTERN: &str = r"^(?P<prefix>.*?)IN=(?P<in>\S*) OUT=(?P<out>\S*) (?:MAC=(?P<mac>\S*) )?SRC=(?P<src>\S*) DST=(?P<dst>\S*) LEN=(?P<len>\d+) .*?PROTO=(?P<proto>\S+) (?:SPT=(?P<spt>\d+) DPT=(?P<dpt>\d+) )?";

fn one_line(c: &mut Criterion) {
    let regex = Regex::new(PATTERN).unwrap();
    for (name, line) in ["tcp", "udp", "icmp-error", "tcp6"].into_iter().zip(asg_benches::PACKETS) {
        let line = line.as_bytes();
        let mut group = c.benchmark_group(format!("packet/{name}"));
        group.throughput(Throughput::Bytes(line.len() as u64));
        group.bench_function("asg-core", |b| {
            b.iter(|| {
                let packet = Packet::parse(black_box(line)).unwrap();
                assert!(packet.ip.proto.is_some());
                packet
            });
        });
        group.bench_function("split-hashmap", |b| {
            b.iter(|| {
                let fields: HashMap<&[u8], &[u8]> = black_box(line)
                    .split(|&b| b == b' ')
                    .filter_map(|word| {
                        word.iter().position(|&b| b == b'=').map(|n| (&word[..n], &word[n + 1..]))
                    })
                    .collect();
                assert!(fields.contains_key(b"PROTO".as_slice()));
                fields
            });
        });
        group.bench_function("regex", |b| {
            b.iter(|| {
                let captures = regex.captures(black_box(line)).unwrap();
                assert!(captures.name("proto").is_some());
                captures.len()
            });
        });
        group.finish();
    }
}

criterion_group!(benches, one_line);
criterion_main!(benches);
