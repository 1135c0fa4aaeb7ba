//! Every flow of a simulated foundation has a valid record in each standard.

use asg_benches::accuracy::correlate;
use asg_benches::sim::{Config, Damage, Envelope, Era, Memory, Simulation};
use asg_core::Timestamp;
use asg_core::siem::{Reading, RecordLines, Standard};
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
    for config in configs {
        let name = config.era.name();
        let mut logs = Memory::default();
        let simulation = Simulation::run(&config, &mut logs).unwrap();
        let lines = |standard| RecordLines::new(standard, reading).with_keys();
        let (mut ecs, mut ocsf) = (lines(Standard::Ecs), lines(Standard::Ocsf));
        let (mut keys, mut flows) = (std::collections::HashSet::new(), 0);
        correlate(&logs, simulation.history().directory(), |line, flow| {
            let shown = || String::from_utf8_lossy(line);
            let slow = |record: serde_json::Result<String>| record.unwrap() + "\n";
            let text = |lines: &mut RecordLines<'_>| {
                let is_added = lines.add(flow, "kern.log");
                (is_added, String::from_utf8(lines.take()).unwrap())
            };
            let expected = flow.to_ecs("kern.log", &reading).map(|it| serde_json::to_string(&it));
            let expected = expected.map_or((false, String::new()), |it| (true, slow(it)));
            assert_eq!(text(&mut ecs), expected, "{name}: {}", shown());
            let expected = flow.to_ocsf("kern.log", &reading).map(|it| serde_json::to_string(&it));
            let expected = expected.map_or((false, String::new()), |it| (true, slow(it)));
            assert_eq!(text(&mut ocsf), expected, "{name}: {}", shown());
            keys.extend(flow.key());
            flows += 1;
        });
        assert!(flows > 2 * keys.len(), "{name}: {flows} flows of {} keys", keys.len());
    }
}
