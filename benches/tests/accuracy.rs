//! The correlator's published accuracy, in small: `benches/ACCURACY.md` has the whole matrix.

use std::collections::HashMap;

use asg_benches::accuracy::{Judgement, correlate, judge, judge_with};
use asg_benches::parallel::in_parallel;
use asg_benches::sim::{Config, Damage, Envelope, Era, Memory, Simulation, Zone};
use asg_core::TimePolicy;

fn judged(config: &Config) -> Judgement {
    let mut logs = Memory::default();
    let simulation = Simulation::run(config, &mut logs).unwrap();
    judge(&logs, simulation.history().directory())
}

fn small(era: Era, seed: u64) -> Config {
    Config { seed, minutes: 3, containers: 40, packets_per_minute: 12, ..Config::new(era) }
}

/// Warden's and the first garden-linux' prefixes name nobody.
fn telling_eras() -> impl Iterator<Item = Era> {
    Era::ALL.into_iter().filter(|era| !matches!(era, Era::Warden | Era::Chains))
}

#[test]
fn undamaged_logs_of_every_era_are_attributed_whole() {
    for era in Era::ALL {
        for seed in 1..=3 {
            let judgement = judged(&small(era, seed));
            assert_eq!(judgement.wrong, [], "{} {seed}", era.name());
            assert_eq!(judgement.missed, [], "{} {seed}", era.name());
            assert_eq!(judgement.attributed, judgement.telling, "{} {seed}", era.name());
            assert_eq!(judgement.telling == 0, matches!(era, Era::Warden | Era::Chains));
        }
    }
}

#[test]
fn the_envelope_does_not_matter() {
    for era in [Era::GardenLinux, Era::Guardian36, Era::SilkModern] {
        for envelope in Envelope::ALL {
            let judgement = judged(&Config { envelope, ..small(era, 4) });
            assert_eq!(judgement.wrong, [], "{} {}", era.name(), envelope.name());
            assert_eq!(
                judgement.attributed,
                judgement.telling,
                "{} {}",
                era.name(),
                envelope.name()
            );
        }
    }
}

#[test]
fn no_damage_makes_a_certain_answer_wrong() {
    let levels = Damage::LEVELS.into_iter();
    in_parallel(levels.flat_map(|level| telling_eras().map(move |era| (level, era))), |all| {
        let ((level, damage), era) = all;
        let judgement = judged(&Config { damage, debug: true, ..small(era, 5) });
        let shown = format!("{level} {}", era.name());
        assert_eq!(judgement.wrong, [], "{shown}");
        assert_eq!(judgement.wrong_inferred, [], "{shown}");
        assert_eq!(judgement.wrong_peers, [], "{shown}");
        assert_eq!(judgement.outside, [], "{shown}");
        assert!(judgement.certain() > 0, "{shown}");
    });
}

/// A level, the least shares of packets with a name and with a time, and the greatest mean error in
/// seconds.
const FLOORS: [(&str, f64, f64, f64); 9] = [
    ("none", 0.98, 0.99, 1.0),
    ("colliding", 0.9, 0.99, 1.0),
    ("stalls", 0.98, 0.99, 60.0),
    ("zone", 0.98, 0.99, 2.1),
    ("summer-begins", 0.98, 0.99, 2.1),
    ("new-year", 0.98, 0.99, 2.1),
    ("forged", 0.95, 0.99, 1.0),
    ("logger-only", 0.99, 0.99, 5.6),
    ("relays", 0.98, 0.99, 1.0),
];

#[test]
fn what_clocks_and_ways_do_costs_neither_names_nor_times() {
    for (level, named, timed, error) in FLOORS {
        let damage: Damage = level.parse().unwrap();
        let config = Config { cells: 4, containers: 80, minutes: 8, ..small(Era::SilkModern, 11) };
        let judgement = judged(&Config { damage, ..config });
        assert!(judgement.named_share() >= named, "{level}: {}", judgement.named_share());
        assert!(judgement.timed_share() >= timed, "{level}: {}", judgement.timed_share());
        assert!(judgement.mean_error() <= error, "{level}: {}", judgement.mean_error());
        if damage.colliding == 0.0 {
            assert_eq!(judgement.missed, [], "{level}");
            assert_eq!(judgement.attributed, judgement.telling, "{level}");
        }
    }
}

#[test]
fn a_wrong_offset_on_the_command_line_is_overruled_by_the_lines() {
    let zone = Some(Zone::SummerBegins);
    let config = Config { damage: Damage { zone, ..Damage::NONE }, ..small(Era::SilkModern, 12) };
    let mut logs = Memory::default();
    let simulation = Simulation::run(&config, &mut logs).unwrap();
    let policy = TimePolicy { utc_offset: Some(-9 * 3_600), ..TimePolicy::default() };
    let judgement = judge_with(&logs, policy, simulation.history().directory());
    assert_eq!((judgement.wrong, judgement.outside), (vec![], vec![]));
    assert_eq!(judgement.attributed, judgement.telling);
}

#[test]
fn with_three_tenths_of_rep_lost_what_left_evidence_is_attributed() {
    let damage: Damage = "lost-30".parse().unwrap();
    for era in telling_eras() {
        let judgement = judged(&Config { damage, ..small(era, 6) });
        assert!(
            judgement.evidenced_recall() >= 0.99,
            "{}: {}",
            era.name(),
            judgement.evidenced_recall()
        );
        assert!(judgement.evidenced > 0);
    }
}

#[test]
fn packets_that_several_lines_tell_are_counted_once_and_no_two_as_one() {
    let damage: Damage = "two-ways".parse().unwrap();
    for era in telling_eras() {
        let config = small(era, 7);
        let judgement = judged(&Config { damage, ..config });
        assert!(judgement.copies > 0);
        assert_eq!(judgement.wrong_merges, 0, "{}", era.name());
        // The first line about a packet may be missing: it was lost, or it is iptables-logger's
        // about IPv6.
        assert!(judgement.merged_share() >= 0.9, "{}: {}", era.name(), judgement.merged_share());
    }
}

#[test]
// Before silk, rep did not log the containers' own addresses.
fn peers_are_told_by_their_address_and_are_right() {
    for era in [Era::Silk, Era::SilkModern] {
        let judgement = judged(&Config { minutes: 6, ..small(era, 8) });
        assert!(judgement.pairs > 0, "{}", era.name());
        assert_eq!(judgement.wrong_peers, [], "{}", era.name());
        // In the log's last two minutes no later line shows that a container still had its address.
        assert!(judgement.peer_recall() >= 0.5, "{}: {}", era.name(), judgement.peer_recall());
    }
}

#[test]
fn handles_of_different_cells_that_begin_alike_are_never_confused() {
    let damage: Damage = "colliding".parse().unwrap();
    for era in telling_eras() {
        let judgement = judged(&Config { damage, ..small(era, 9) });
        assert_eq!(judgement.wrong, [], "{}", era.name());
        assert!(judgement.certain() > 0, "{}", era.name());
    }
}

#[test]
fn every_packet_was_logged_within_the_range_that_its_flow_tells() {
    for envelope in Envelope::ALL {
        let config = Config { envelope, minutes: 2, ..small(Era::SilkModern, 10) };
        let mut logs = Memory::default();
        let simulation = Simulation::run(&config, &mut logs).unwrap();
        let times: HashMap<_, _> = logs
            .truths
            .iter()
            .map(|(file, line, truth)| ((*file as u32, *line), truth.time))
            .collect();
        let mut told = 0;
        correlate(&logs, simulation.history().directory(), |_, flow| {
            let Some(range) = flow.range else { return };
            told += 1;
            let time = times[&(flow.origin.source.0, flow.origin.line)];
            let (from, to) = (range.earliest().as_nanos(), range.latest().as_nanos());
            assert!((from..=to).contains(&time), "{}: {time} {range:?}", envelope.name());
            // In traditional syslog, rep's lines prove the zone, in another file of the cell.
            let shows_seconds = matches!(envelope, Envelope::Rfc3164 | Envelope::MetronShown);
            let most = if shows_seconds { 2_100_000_000 } else { 1_200_000_000 };
            assert!(range.error_nanos() <= most, "{}: {range:?}", envelope.name());
        });
        let shows_uptime_only = matches!(envelope, Envelope::Console | Envelope::DevKmsg);
        assert_eq!(told == 0, shows_uptime_only, "{}", envelope.name());
    }
}
