//! Every flow of a simulated foundation has a valid record in each standard.

use asg_benches::accuracy::correlate;
use asg_benches::sim::{Config, Era, Memory, Simulation};
use asg_core::Timestamp;
use asg_core::siem::{Reading, Standard};
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
