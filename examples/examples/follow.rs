//! Follows logs while they are being written: each packet is printed with its owner as soon as the
//! log is some seconds further, so that rep's line about a new container has had time to come.
//!
//! `tail -qF kern.log rep.stdout.log | cargo run -q -p asg-examples --example follow`

use std::convert::Infallible;
use std::io::{self, BufRead, Write};
use std::ops::ControlFlow;
use std::time::Duration;

use asg_core::correlate::{FollowerCounts, FollowerOptions};
use asg_core::{Flow, Follower, NoDirectory, Origin, SourceId};

fn print(flow: &Flow<'_, '_>, out: &mut impl Write) -> io::Result<()> {
    let time = flow.time.map_or_else(|| "?".into(), |time| time.to_string());
    let owner = flow.attribution.container().map(|container| container.handle().to_string());
    let owner = owner.unwrap_or_else(|| flow.attribution.reason.sentence().into());
    let to = flow.packet().ip.dst.map_or_else(String::new, |dst| dst.to_string());
    writeln!(out, "{time} {owner} → {to}")
}

fn follow(input: impl BufRead, mut out: impl Write, hold: Duration) -> io::Result<FollowerCounts> {
    let options = FollowerOptions { hold, ..FollowerOptions::default() };
    let mut follower = Follower::new(options);
    // A callback may stop the follower: this one does when the output is gone.
    let mut each = |flow: &Flow<'_, '_>| match print(flow, &mut out) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    };
    for (line, text) in (1..).zip(input.split(b'\n')) {
        let origin = Origin { source: SourceId(0), line };
        // A directory would come here; see `own_directory.rs`.
        let taken = follower.take(origin, &text?[..], &mut NoDirectory, &mut each);
        // While no line comes, a program also calls `tick`, with the current time.
        stopped(taken)?;
    }
    stopped(follower.finish(&mut NoDirectory, &mut each))?;
    Ok(follower.counts())
}

fn stopped(taken: Result<ControlFlow<io::Error>, Infallible>) -> io::Result<()> {
    match taken {
        Ok(ControlFlow::Continue(())) => Ok(()),
        Ok(ControlFlow::Break(error)) => Err(error),
    }
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
    let log =
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../asg-cli/data/foundation.log"));
    let run = |hold| {
        let mut out = Vec::new();
        let counts = follow(&log[..], &mut out, Duration::from_secs(hold)).unwrap();
        (String::from_utf8(out).unwrap(), counts)
    };
    let (patient, counts) = run(3_600);
    // One is of a container without a line, one to an app that only a directory could name.
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
