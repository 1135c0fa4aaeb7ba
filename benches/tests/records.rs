//! Every flow of a simulated foundation has a valid record in each standard.

use asg_benches::accuracy::{correlate, lines};
use asg_benches::sim::{Config, Damage, Envelope, Era, Memory, Simulation};
use asg_core::correlate::{AnyFlow, FlowCache};
use asg_core::siem::{Reading, RecordLines, Standard};
use asg_core::{Correlation, Line, Timestamp};
use serde_json::{Value, to_value};

#[path = "../../asg-core/tests/siem/check.rs"]
mod check;

#[test]
fn every_flow_of_every_era_is_valid_in_all_standards() {
    let reading = Reading::new(Timestamp::parse(b"2024-05-07T00:00:00Z").unwrap());
    for era in Era::ALL {
        let config = Config { minutes: 1, seed: 19, ..Config::new(era) };
        let mut logs = Memory::default();
        let simulation = Simulation::run(&config, &mut logs).unwrap();
        let (mut valid, mut foreign, mut named) = (0, 0, 0);
        correlate(&logs, simulation.history().directory(), |line, flow| {
            let refuse = |standard: Standard, problems: Vec<String>| {
                let line = String::from_utf8_lossy(line);
                assert_eq!(problems, [""; 0], "{}: {}: {line}", era.name(), standard.as_str());
            };
            let Some(ecs) = flow.to_ecs("kern.log", &reading) else {
                foreign += 1;
                assert!(flow.cf.is_none(), "only packets of other firewalls have no record");
                return;
            };
            let ecs = to_value(ecs).unwrap();
            named += usize::from(ecs.get("container").is_some());
            refuse(Standard::Ecs, check::ecs(&ecs));
            let value = |record: Option<Value>| record.unwrap();
            let ocsf = flow.to_ocsf("kern.log", &reading).map(|it| to_value(it).unwrap());
            refuse(Standard::Ocsf, check::ocsf(&value(ocsf)));
            let otlp = flow.to_otlp("kern.log", &reading).map(|it| to_value(it).unwrap());
            refuse(Standard::Otlp, check::otlp(&value(otlp)));
            let cim = flow.to_cim("kern.log", &reading).map(|it| to_value(it).unwrap());
            refuse(Standard::Cim, check::cim(&value(cim)));
            let cef = flow.to_cef("kern.log", &reading).unwrap().to_string();
            refuse(Standard::Cef, check::cef(&cef));
            valid += 1;
        });
        assert!(valid > 200, "{}: {valid} valid, {foreign} foreign", era.name());
        assert!(named > 0 || !era.name().starts_with("silk"), "{}", era.name());
    }
}

#[test]
fn records_that_share_text_are_those_of_serde() {
    let reading = Reading::new(Timestamp::parse(b"2024-05-07T00:00:00Z").unwrap());
    let small = |era| Config { minutes: 2, containers: 24, seed: 20, ..Config::new(era) };
    let all: Damage = "all".parse().unwrap();
    let new_year: Damage = "new-year".parse().unwrap();
    let configs = Era::ALL.map(small).into_iter().chain([
        Config { damage: all, ..small(Era::SilkIpv6) },
        Config { damage: all, ..small(Era::Guardian36) },
        Config { damage: new_year, envelope: Envelope::Rfc3164, ..small(Era::Silk) },
        Config { envelope: Envelope::Console, ..small(Era::SilkModern) },
    ]);
    let (mut all_known, mut all) = (0, 0);
    for config in configs {
        let name = config.era.name();
        let mut logs = Memory::default();
        let simulation = Simulation::run(&config, &mut logs).unwrap();
        let slow = |record: Option<serde_json::Result<String>>| {
            record.map_or(String::new(), |record| record.unwrap() + "\n")
        };
        let mut expected = [String::new(), String::new()];
        let correlation = correlate(&logs, simulation.history().directory(), |_, flow| {
            let ecs = flow.to_ecs("kern.log", &reading).map(|it| serde_json::to_string(&it));
            let ocsf = flow.to_ocsf("kern.log", &reading).map(|it| serde_json::to_string(&it));
            expected[0] += &slow(ecs);
            expected[1] += &slow(ocsf);
        });
        for (standard, expected) in [Standard::Ecs, Standard::Ocsf].into_iter().zip(expected) {
            let (known, records) = quick(&logs, &correlation, standard, reading);
            let differ = records.lines().zip(expected.lines()).find(|(one, other)| one != other);
            assert_eq!(differ, None, "{name}");
            assert_eq!(records.len(), expected.len(), "{name}");
            all_known += known;
            all += expected.lines().count();
        }
    }
    assert!(
        5 * all_known > all,
        "{all_known} of {all} records were written from a flow's own facts"
    );
}

/// Returns the records of all flows as the program writes them, and how many were written from
/// facts that flows of one key do not share.
fn quick(
    logs: &Memory,
    correlation: &Correlation,
    standard: Standard,
    reading: Reading<'_>,
) -> (usize, String) {
    let (mut cache, mut known) = (FlowCache::default(), 0);
    let mut writer = RecordLines::new(standard, reading).with_keys();
    for (origin, text) in lines(logs) {
        let line = Line::new(text);
        let mut is_wanted = false;
        correlation.each(&mut cache, origin, &line, |flow| match flow {
            AnyFlow::Whole(flow) => {
                writer.add(flow, "kern.log");
            }
            AnyFlow::Known(flow) if writer.add_known(flow) => known += 1,
            AnyFlow::Known(_) => is_wanted = true,
        });
        if is_wanted {
            correlation.flows(&mut cache, origin, &line, |flow| {
                writer.add(&flow, "kern.log");
            });
        }
    }
    (known, String::from_utf8(writer.take()).unwrap())
}
