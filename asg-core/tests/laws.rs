//! Lines of every kind through every transport: each gives the packet that was printed, for any
//! chunking.

use std::fmt::Write as _;

use asg_core::packet::generator::{self, Generated};
use asg_core::prefix::LogPrefix;
use asg_core::record::Diagnostic;
use asg_core::{Decoder, Line, Record, TimePolicy};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Headers before the kernel's text, for transports that do not change that text.
const HEADERS: [&str; 16] = [
    "[ 2343.595381] ",
    "[  863.777645][  T123] ",
    "<4>[2681198.826158] ",
    "kern  :warn  : [ 2343.595381] ",
    "[Mon Nov 23 04:04:36 2026] ",
    "[Nov23 04:03] ",
    "[  +0.007446] ",
    "2026-11-23T04:03:21,685351+00:00 ",
    "Nov 23 04:04:36 vm kernel: [ 2343.595381] ",
    "Nov  3 04:04:36 vm kernel: ",
    "2026-11-23T04:04:36.692651+00:00 vm kernel: [ 2343.595381] ",
    "<4>1 2026-11-23T04:04:36.692651+00:00 vm kernel - - - [ 2343.595381] ",
    "<4>1 2024-05-06T07:09:10.581301+00:00 10.0.16.15 kernel - - [instance@47450 director=\"\" deployment=\"cf\" \
     group=\"diego-cell\" az=\"z1\" id=\"0455ec2b-11fa-41ab-9d1c-f3a575cd55ea\"] [  637.581122] ",
    "Jun 16 23:18:38 kern kernel [job=diego_cell index=1] [2681198.826158] ",
    "[1468637.581122] vm kernel: ",
    "Mon 2017-07-24 19:19:10 UTC vm kernel: ",
];

/// Returns a line as transport number `n` carries it.
fn carried(n: usize, text: &[u8]) -> Vec<u8> {
    if let Some(header) = HEADERS.get(n) {
        return [header.as_bytes(), text].concat();
    }
    let utf8 = std::str::from_utf8(text).ok();
    match (n - HEADERS.len(), utf8) {
        (0, _) => {
            let mut line = "4,31017,2343595381,-;".to_owned();
            for &b in text {
                match b {
                    b'\\' | 0..0x20 | 0x7f.. => write!(line, "\\x{b:02x}").unwrap(),
                    b => line.push(b.into()),
                }
            }
            line.into_bytes()
        }
        (1, Some(text)) => json!({"__REALTIME_TIMESTAMP": "1500923950581122", "_HOSTNAME": "vm",
            "SYSLOG_IDENTIFIER": "kernel", "MESSAGE": text})
        .to_string()
        .into_bytes(),
        _ => json!({"_HOSTNAME": "vm", "SYSLOG_IDENTIFIER": "kernel", "MESSAGE": text})
            .to_string()
            .into_bytes(),
    }
}

fn any_carried() -> impl Strategy<Value = (Vec<u8>, Value)> {
    let choices = prop::collection::vec(any::<u8>(), 0..400);
    // With Cloud Foundry's prefix a line that shows no packet is cut: iptables logs IP packets
    // only.
    let is_iptables = |fields: &Value| {
        fields["family"] == "unknown"
            && fields.get("format").is_none()
            && LogPrefix::classify(fields["prefix"].as_str().unwrap().as_bytes()).is_some()
    };
    (0..HEADERS.len() + 3, choices).prop_filter_map("a cut line", move |(transport, choices)| {
        let Generated { line, fields } = generator::line(&choices);
        (!is_iptables(&fields)).then(|| (carried(transport, &line), fields))
    })
}

/// Returns the records of a stream in these pieces, and their errors.
fn decoded<'p>(
    limit: usize,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> (Vec<String>, Vec<Value>, Vec<Diagnostic>) {
    let mut decoder = Decoder::with_limit(TimePolicy::default(), limit);
    let (mut seen, mut packets, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    let mut take = |line: asg_core::record::Decoded<'_>| {
        seen.push(format!("{line:?}"));
        let packet = line.record.packet().map(|(packet, _)| packet);
        packets.push(serde_json::to_value(packet).unwrap());
    };
    for piece in pieces {
        decoder.decode(piece, &mut wrong, &mut take);
    }
    decoder.flush(&mut wrong, &mut take);
    (seen, packets, wrong)
}

proptest! {
    #[test]
    fn every_transport_carries_every_packet((line, fields) in any_carried()) {
        let line = Line::new(&line);
        let record = Record::classify(&line);
        prop_assert_eq!(record.kind(), "packet", "{:?}", record);
        let (packet, _) = record.packet().unwrap();
        prop_assert_eq!(serde_json::to_value(packet).unwrap(), fields);
        let strict = Record::parse(&line);
        prop_assert_eq!(strict, Ok(record));
    }

    #[test]
    fn the_pieces_of_a_stream_never_matter(
        lines in prop::collection::vec(any_carried(), 1..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        limit in prop_oneof![Just(usize::MAX), 1_usize..600],
        ends_whole: bool,
    ) {
        let mut stream = Vec::new();
        for (line, _) in &lines {
            stream.extend(line);
            stream.push(b'\n');
        }
        if !ends_whole {
            stream.pop();
        }
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len())).chain([0, stream.len()]).collect();
        cuts.sort_unstable();
        let whole = decoded(limit, [&stream[..]]);
        let pieces = decoded(limit, cuts.windows(2).map(|ends| &stream[ends[0]..ends[1]]));
        prop_assert_eq!(&pieces, &whole);
        prop_assert_eq!(&decoded(limit, stream.chunks(1)), &whole);
        prop_assert_eq!(whole.1.len(), lines.len());
        if limit == usize::MAX {
            let fields: Vec<_> = lines.into_iter().map(|(_, fields)| fields).collect();
            prop_assert_eq!(whole.1, fields);
        }
    }
}
