//! The largest senders are counted in the first reading of the logs, as a second one would count
//! them.

use std::path::PathBuf;

use asg_benches::sim::{Config, Damage, Era, Memory, Simulation};
use asg_cli::answers::{Grid, Measure, top};
use asg_cli::query::{Given, Query};

/// Questions that the first reading answers.
const QUESTIONS: [&[&str]; 3] = [&["app"], &["subject", "verdict"], &["app", "direction", "plane"]];

fn grid(query: &Query, by: &[&str]) -> Grid {
    let names: Vec<String> = by.iter().map(|name| (*name).to_owned()).collect();
    top(query, &query.by(&names).unwrap(), None, Measure::Packets).unwrap()
}

#[test]
fn packets_counted_in_the_first_reading_are_those_of_the_second() {
    let folder = tempfile::tempdir().unwrap();
    let mut packets = 0;
    for (n, era) in Era::ALL.into_iter().enumerate() {
        // Each era has a third of the damages, and each damage a third of the eras.
        for (name, damage) in Damage::LEVELS.into_iter().skip(n % 3).step_by(3) {
            let config = Config { minutes: 1, seed: 23, damage, ..Config::new(era) };
            let mut logs = Memory::default();
            Simulation::run(&config, &mut logs).unwrap();
            let write = |(n, (_, text)): (usize, &(String, Vec<u8>))| -> PathBuf {
                let path = folder.path().join(format!("{n}.log"));
                std::fs::write(&path, text).unwrap();
                path
            };
            let paths: Vec<_> = logs.files.iter().enumerate().map(write).collect();
            let flows = Query::flows_of(paths);
            // A condition that holds for all needs the rows.
            let rows = flows.filter_not("line", vec![Given::Int(0)]).unwrap();
            for by in QUESTIONS {
                let (counted, read) = (grid(&flows, by), grid(&rows, by));
                assert_eq!(counted.rows, read.rows, "{} {name} {by:?}", era.name());
                assert_eq!(flows.counts(), rows.counts(), "{} {name}", era.name());
                packets += counted.rows.len();
            }
        }
    }
    assert!(packets > 1_000, "only {packets} groups were compared");
}
