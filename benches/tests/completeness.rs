//! The losses that a correlation reports, beside what the simulator kept out of its logs.

use std::collections::{BTreeMap, BTreeSet};

use asg_benches::accuracy::correlate;
use asg_benches::sim::{Config, Damage, Envelope, Era, Memory, Simulation};
use asg_core::Correlation;
use asg_core::completeness::Limit;

fn correlated(config: &Config) -> (Memory, Correlation) {
    let mut logs = Memory::default();
    let simulation = Simulation::run(config, &mut logs).unwrap();
    let correlation = correlate(&logs, simulation.history().directory(), |_, _| ());
    (logs, correlation)
}

#[test]
fn containers_that_were_silenced_by_a_limit_are_told() {
    let (logs, correlation) =
        correlated(&Config { minutes: 8, seed: 3, ..Config::new(Era::SilkModern) });
    let reports = correlation.completeness().report();
    let at_limit: BTreeSet<_> = reports
        .iter()
        .flat_map(|cell| &cell.at_limit)
        .map(|report| (report.limit, report.prefix))
        .collect();
    let mut flooded = 0;
    for life in logs.lives.iter().filter(|life| life.udp_unlogged > 0) {
        flooded += 1;
        let prefix = format!("OK_{}", &life.facts.handle[..25]);
        assert!(at_limit.contains(&(Limit::Udp, &*prefix)), "{prefix}");
    }
    assert!(flooded > 0);
    let udp = at_limit.iter().filter(|(limit, _)| *limit == Limit::Udp).count();
    assert_eq!(udp, flooded, "and no others are");
}

#[test]
fn records_that_were_lost_are_counted_from_below() {
    for (seed, reboots_per_hour) in [(1, 0), (2, 12)] {
        let damage = Damage { lost_kernel: 0.05, reordered: 0.1, reboots_per_hour, ..Damage::NONE };
        let envelope = Envelope::DevKmsg;
        let config = Config { damage, envelope, seed, ..Config::new(Era::SilkModern) };
        let (logs, correlation) = correlated(&config);
        let undamaged = Damage { lost_kernel: 0.0, ..damage };
        let (whole, _) = correlated(&Config { damage: undamaged, ..config });
        let kernel = |logs: &Memory| {
            let files = logs.files.iter().filter(|(name, _)| name.ends_with("kern.log"));
            files.map(|(_, text)| text.split(|&b| b == b'\n').count()).sum::<usize>()
        };
        let lost = (kernel(&whole) - kernel(&logs)) as u64;
        let told: u64 =
            correlation.completeness().report().iter().map(|cell| cell.missing_records).sum();
        assert!(lost > 100 && told <= lost, "{told} of {lost}");
        // Losses before the first and behind the last line, or in the shorter of two boots, cannot
        // be seen.
        assert!(told * 2 > lost, "{told} of {lost}");
    }
}

#[test]
fn packets_that_come_by_two_ways_count_once() {
    let damage = Damage { forwarded: true, ..Damage::NONE };
    let config = Config { minutes: 3, damage, ..Config::new(Era::SilkModern) };
    // In silk-modern's usual envelope the forwarded line names the cell as the other does.
    let counts = |config: &Config| {
        let (_, correlation) = correlated(config);
        let reports = correlation.completeness().report();
        reports.iter().map(|cell| (cell.cell.to_owned(), cell.packets)).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(counts(&config), counts(&Config { damage: Damage::NONE, ..config.clone() }));
}
