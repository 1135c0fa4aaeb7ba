//! Tests the simulator: it is repeatable, damage changes only lines, and its lines have the forms
//! of their eras.

use std::collections::{HashMap, HashSet};

use asg_benches::sim::{
    Config, Damage, Envelope, Era, Folder, History, Kind, Layout, Memory, Names, Simulation,
    Workload,
};
use asg_cc_client::{CloudController, Token, TransportError};
use asg_core::names::AppState;
use asg_core::{Content, Directory, Line, Record};

fn simulated(config: &Config) -> (Simulation, Memory) {
    let mut logs = Memory::default();
    let simulation = Simulation::run(config, &mut logs).unwrap();
    (simulation, logs)
}

fn line(logs: &Memory, file: usize, number: u64) -> &[u8] {
    logs.files[file].1.split(|&b| b == b'\n').nth(usize::try_from(number).unwrap() - 1).unwrap()
}

/// FNV-1a, written out so that a library's change cannot change it.
fn digest(logs: &Memory) -> u64 {
    let bytes = logs.files.iter().flat_map(|(_, text)| text);
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[test]
fn a_seed_decides_every_byte_on_every_machine() {
    let config = Config { seed: 7, minutes: 2, ..Config::new(Era::SilkIpv6) };
    let (_, logs) = simulated(&config);
    let (_, same) = simulated(&config);
    let (_, other) = simulated(&Config { seed: 8, ..config });
    assert_eq!(digest(&logs), digest(&same));
    assert_ne!(digest(&logs), digest(&other));
    assert_eq!(format!("{:016x}", digest(&logs)), "b881fcf5584f7e66");
}

#[test]
fn damage_changes_lines_and_never_what_happened() {
    let config = Config { minutes: 4, ..Config::new(Era::Silk) };
    let happened = |damage: Damage| {
        let (simulation, logs) = simulated(&Config { damage, ..config.clone() });
        let lives: Vec<_> = logs
            .lives
            .iter()
            .map(|life| (life.facts.handle.clone(), life.facts.created, life.destroyed))
            .collect();
        (lives, simulation.history().clone())
    };
    let undamaged = happened(Damage::NONE);
    for (name, damage) in Damage::LEVELS {
        let Damage { reboots_per_hour, stalls_per_hour, colliding, new_year, .. } = damage;
        if reboots_per_hour + stalls_per_hour == 0 && colliding == 0.0 && !new_year {
            assert_eq!(happened(damage), undamaged, "{name}");
        }
    }
}

#[test]
fn every_line_of_every_era_in_every_envelope_is_what_the_truth_says() {
    for era in Era::ALL {
        for envelope in Envelope::ALL {
            let (_, logs) =
                simulated(&Config { minutes: 1, containers: 30, envelope, ..Config::new(era) });
            let truths: HashMap<_, _> =
                logs.truths.iter().map(|(file, line, truth)| ((*file, *line), truth)).collect();
            let (mut known, mut named) = (0, 0);
            for (file, (name, text)) in logs.files.iter().enumerate() {
                for (number, raw) in
                    (1..).zip(text.split(|&b| b == b'\n')).filter(|(_, raw)| !raw.is_empty())
                {
                    let line = Line::new(raw);
                    let record = Record::classify(&line);
                    let shown = || {
                        format!(
                            "{} {}: {}",
                            era.name(),
                            envelope.name(),
                            String::from_utf8_lossy(raw)
                        )
                    };
                    let Some(truth) = truths.get(&(file, number)) else {
                        assert!(
                            matches!(record.content, Content::Rep(_) | Content::Other),
                            "{}",
                            shown()
                        );
                        continue;
                    };
                    assert!(name.ends_with("kern.log"));
                    known += 1;
                    let Content::Packet { packet, cf } = &record.content else {
                        panic!("{}", shown())
                    };
                    assert_eq!(cf.is_none(), truth.kind == Kind::Foreign, "{}", shown());
                    let (Some(cf), Some(container)) = (cf, &truth.container) else { continue };
                    let seen = cf.handle_prefix.map_or("", |prefix| prefix.as_str());
                    match truth.names {
                        Names::Container => {
                            assert!(container.handle.starts_with(seen), "{}", shown());
                        }
                        Names::App => assert!(
                            container.app.unwrap().to_string().starts_with(seen),
                            "{}",
                            shown()
                        ),
                        Names::Nobody => {}
                    }
                    let end = if cf.plane == asg_core::prefix::Plane::C2c {
                        packet.ip.dst
                    } else {
                        packet.ip.src
                    };
                    let end = end.unwrap().ip().unwrap();
                    assert!(end == container.address || end.is_ipv6(), "{}", shown());
                    named += 1;
                }
            }
            assert_eq!(known, truths.len(), "{} {}", era.name(), envelope.name());
            assert!(named > 0, "{} {}", era.name(), envelope.name());
        }
    }
}

#[test]
fn everything_that_people_and_machines_do_is_there() {
    let (simulation, logs) = simulated(&Config::new(Era::SilkModern));
    let workloads: HashSet<_> = logs.lives.iter().map(|life| life.facts.workload).collect();
    assert_eq!(workloads.len(), 4, "{workloads:?}");
    let kinds: HashSet<_> = logs.truths.iter().map(|(.., truth)| truth.kind).collect();
    assert_eq!(kinds.len(), 6, "{kinds:?}");
    let mut text = Vec::new();
    simulation.history().write(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    for change in [
        "org_renamed",
        "space_renamed",
        "app_renamed",
        "app_deleted",
        "deployed",
        "process_replaced",
        "task_created",
        "build_created",
    ] {
        assert!(text.contains(&format!("\"{change}\"")), "{change}");
    }
    assert_eq!(History::from_reader(text.as_bytes()).unwrap(), *simulation.history());
    // Some web process is not the first of its app.
    let fresh = logs.lives.iter().filter(|life| life.facts.workload == Workload::App).any(|life| {
        let process = life.facts.process_guid.as_deref().unwrap();
        !process.starts_with(&life.facts.app.unwrap().to_string())
    });
    assert!(fresh);
    // An evacuated instance exists twice for a while.
    let twice = logs.lives.iter().any(|one| {
        logs.lives.iter().any(|two| {
            let (a, b) = (&one.facts, &two.facts);
            a.process_guid.is_some()
                && (&a.process_guid, a.index) == (&b.process_guid, b.index)
                && a.cell != b.cell
                && a.created < b.created
                && one.destroyed.is_none_or(|gone| gone > b.created)
        })
    });
    assert!(twice);
    // An address is reused on the same cell.
    let mut addresses = HashSet::new();
    assert!(
        logs.lives.iter().any(|life| !addresses.insert((&life.facts.cell, life.facts.address)))
    );
}

#[test]
fn limits_keep_denied_packets_out_of_the_log() {
    let (_, logs) = simulated(&Config { minutes: 3, ..Config::new(Era::Silk) });
    assert!(logs.lives.iter().map(|life| life.denied_unlogged).sum::<u64>() > 0);
    let mut last = HashMap::new();
    for (.., truth) in logs.truths.iter().filter(|(.., truth)| truth.kind == Kind::Denied) {
        let handle = &truth.container.as_ref().unwrap().handle;
        if let Some(before) = last.insert(handle, truth.time) {
            assert!(truth.time - before >= 1_000_000_000, "{handle}");
        }
    }
}

#[test]
fn cut_and_split_lines_are_marked_and_numbered_where_they_stand() {
    let damage =
        Damage { cut: 0.2, duplicated: 0.2, reordered: 0.2, split_at_1024: true, ..Damage::NONE };
    let config = Config { minutes: 2, damage, debug: true, ..Config::new(Era::SilkModern) };
    let (_, logs) = simulated(&config);
    assert!(logs.truths.iter().any(|(.., truth)| truth.copy));
    for (file, number, truth) in logs.truths.iter().step_by(97) {
        let text = line(&logs, *file, *number);
        assert!(truth.damaged || text.ends_with(b" "));
        if !truth.damaged {
            assert!(asg_core::Packet::is_in(text), "{}", String::from_utf8_lossy(text));
        }
    }
    let pieces = logs.files.iter().flat_map(|(_, text)| text.split(|&b| b == b'\n'));
    let longest = pieces.filter(|piece| piece.starts_with(b"<13>")).map(<[u8]>::len).max();
    assert!(longest.unwrap() < 1200, "{longest:?}");
}

#[test]
fn a_folder_holds_the_same_as_memory() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { minutes: 1, layout: Layout::PerCell, ..Config::new(Era::Guardian36) };
    let mut sink = Folder::create(folder.path(), true).unwrap();
    Simulation::run(&config, &mut sink).unwrap();
    sink.finish().unwrap();
    let (_, logs) = simulated(&config);
    for (name, text) in &logs.files {
        assert_eq!(&std::fs::read(folder.path().join(name)).unwrap(), text, "{name}");
    }
    let truth = std::fs::read_to_string(folder.path().join("truth.ndjson")).unwrap();
    assert_eq!(truth.lines().count(), logs.truths.len());
    let first: serde_json::Value = serde_json::from_str(truth.lines().next().unwrap()).unwrap();
    let (file, number, told) = &logs.truths[0];
    assert_eq!(first["file"], logs.files[*file].0.as_str());
    assert_eq!(first["line"], *number);
    assert_eq!(first["handle"], told.container.as_ref().unwrap().handle.as_str());
    assert!(Folder::create(folder.path(), true).is_err(), "nothing is overwritten");
}

#[test]
fn the_embedded_cloud_controller_serves_any_moment() {
    let (simulation, logs) = simulated(&Config::new(Era::SilkModern));
    let mut everything = simulation.history().directory();
    let foundation = simulation.cloud_controller_at(simulation.end());
    let answer =
        |request: http::Request<Vec<u8>>| -> Result<http::Response<Vec<u8>>, TransportError> {
            Ok(foundation.answer(&request))
        };
    let cc = CloudController::new(answer, "http://cc.example.org", Token::new("bearer t").unwrap())
        .unwrap();
    let mut apps: Vec<_> = logs.lives.iter().filter_map(|life| life.facts.app).collect();
    apps.sort_unstable();
    apps.dedup();
    let (found, Ok(real)) = (cc.resolve(&apps).unwrap(), everything.identities(&apps));
    let mut deleted = 0;
    for app in &apps {
        let (found, real) = (&found[app], &real[app]);
        assert_eq!(found.state, real.state);
        assert_eq!(found.app, real.app);
        deleted += usize::from(real.state == AppState::Deleted);
        if real.state == AppState::Live {
            assert_eq!((&found.space, &found.org), (&real.space, &real.org));
        }
    }
    assert!(deleted > 0);
    let before = simulation.cloud_controller_at(simulation.start());
    assert!(!before.events.is_empty());
    assert!(before.events.iter().all(|event| !event.kind.ends_with("delete-request")));
}
