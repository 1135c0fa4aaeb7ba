//! Evidence that outlives the logs: a ledger is saved, loaded, merged and asked.
//!
//! `cargo run -p asg-examples --example ledger_on_disk`

use asg_cli::ledger_file;
use asg_core::ledger::Sighting;
use asg_core::prefix::LogPrefix;
use asg_core::{Certainty, Ledger, Line, Origin, Record, SourceId};

/// Keeps what the lines of a log prove about containers. The order of lines does not matter.
fn gather(log: &[u8], source: SourceId) -> Ledger {
    let mut ledger = Ledger::new();
    for (line, text) in (1..).zip(log.split(|b| *b == b'\n')) {
        let line = (Origin { source, line }, Line::new(text));
        Record::classify(&line.1).evidence(line.0, |evidence| ledger.add(evidence));
    }
    ledger
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let monday =
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../asg-cli/data/article.log"));
    let tuesday =
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../asg-cli/data/foundation.log"));
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("cells.ledger");
    // A crash leaves the old file or the new one. `Ledger::to_bytes` is for databases and networks.
    ledger_file::save(&gather(monday, SourceId(0)), &path)?;

    let mut ledger = ledger_file::load(&path)?;
    ledger.merge(&gather(tuesday, SourceId(1)));

    let prefix =
        LogPrefix::classify(b"DENY_2d7e64b1-95c0-4f18-6a3b ").expect("it is Cloud Foundry's");
    // Facts about the packet narrow the answer: its cell, its time, its address.
    let seen = Sighting::default().on("0455ec2b-11fa-41ab-9d1c-f3a575cd55ea");
    let answer = ledger.attribute(&prefix, &seen);
    assert_eq!(answer.certainty, Certainty::UniquePrefix);
    let container = answer.container().expect("one is known");
    println!("{} is instance {:?}", container.handle(), container.index());
    assert_eq!(container.index(), Some(1));
    Ok(())
}

#[test]
fn it_runs() {
    main().unwrap();
}
