//! Follows logs while they are being written: each packet is printed with its owner as soon as the log is some seconds
//! further, so that rep's line about a new container has had time to come.
//!
//! `tail -qF kern.log rep.stdout.log | cargo run -q -p asg-examples --example follow`

use std::io::{self, BufRead, Write};
use std::time::Duration;

use asg_core::{Flow, FlowSink, Follower, FollowerCounts, FollowerOptions, Origin, SourceId};

/// Prints flows. One that asks a Cloud Controller would have `names` too; see `own_directory.rs`.
struct Printer<W> {
    out: W,
    failure: Option<io::Error>,
}

impl<W: Write> FlowSink for Printer<W> {
    fn flow(&mut self, flow: &Flow<'_, '_>) {
        let time = flow.time.map_or_else(|| "?".into(), |time| time.to_string());
        let owner = flow.attribution.container().map(|container| container.handle().to_string());
        let owner = owner.unwrap_or_else(|| flow.attribution.reason.sentence().into());
        let to = flow.packet.ip.dst.map_or_else(String::new, |dst| dst.to_string());
        if let Err(e) = writeln!(self.out, "{time} {owner} → {to}") {
            self.failure.get_or_insert(e);
        }
    }
}

fn follow(input: impl BufRead, out: impl Write, hold: Duration) -> io::Result<FollowerCounts> {
    let mut options = FollowerOptions::default();
    options.hold = hold;
    let mut follower = Follower::new(options);
    let mut printer = Printer { out, failure: None };
    for (line, text) in (1..).zip(input.split(b'\n')) {
        follower.take(Origin { source: SourceId(0), line }, &text?, &mut printer);
        // A program that waits for lines would also call `tick` when none comes, with the time that it is.
        if let Some(e) = printer.failure.take() {
            return Err(e);
        }
    }
    follower.finish(&mut printer);
    printer.failure.map_or_else(|| Ok(follower.counts()), Err)
}

fn main() -> io::Result<()> {
    let hold = Duration::from_secs(10);
    let counts = follow(io::stdin().lock(), io::stdout().lock(), hold)?;
    eprintln!(
        "{} flows, {} of them of nobody known; {} second tellings; at most {} packets waited",
        counts.flows, counts.unexplained, counts.lines.duplicates, counts.most_held
    );
    Ok(())
}

#[test]
fn each_packet_waits_for_its_evidence() {
    let log = include_bytes!("../../asg-cli/data/foundation.log");
    let run = |hold| {
        let mut out = Vec::new();
        let counts = follow(&log[..], &mut out, Duration::from_secs(hold)).unwrap();
        (String::from_utf8(out).unwrap(), counts)
    };
    let (patient, counts) = run(3_600);
    // One is of a container of which no line speaks, one to an app that only a directory could name.
    assert_eq!((counts.flows, counts.unexplained), (9, 2), "{patient}");
    assert!(
        patient.starts_with(
            "2024-05-06T07:09:10.581301Z bfce786c-ab07-40ad-79f9-8f21 → 169.254.0.2\n"
        )
    );
    let (hasty, counts) = run(0);
    assert_eq!(hasty.lines().count(), 9);
    assert!(counts.unexplained >= 2 && counts.most_held < 9);
}
