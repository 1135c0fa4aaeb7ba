//! The correlator's published accuracy, in small: `benches/ACCURACY.md` has the whole matrix.

use std::collections::HashMap;

use asg_benches::accuracy::{Judgement, correlate, judge};
use asg_benches::sim::{Config, Damage, Envelope, Era, Memory, Simulation};

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
    for (level, damage) in Damage::LEVELS {
        for era in telling_eras() {
            let judgement = judged(&Config { damage, debug: true, ..small(era, 5) });
            assert_eq!(judgement.wrong, [], "{level} {}", era.name());
            assert!(judgement.certain() > 0, "{level} {}", era.name());
        }
    }
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
        // Of a line that was lost, and of iptables-logger's about IPv6, the first telling is not
        // there.
        assert!(judgement.merged_share() >= 0.9, "{}: {}", era.name(), judgement.merged_share());
    }
}

#[test]
// Before silk, rep did not log the containers' own addresses.
fn peers_are_told_by_their_address_and_are_right() {
    for era in [Era::Silk, Era::SilkModern] {
        let judgement = judged(&Config { minutes: 6, ..small(era, 8) });
        assert!(judgement.pairs > 0, "{}", era.name());
        assert_eq!(judgement.wrong_peers, 0, "{}", era.name());
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
        // No line proves the zone of traditional syslog, so its times may be those of any.
        let shows_no_zone = matches!(envelope, Envelope::Rfc3164 | Envelope::MetronShown);
        correlate(&logs, simulation.history().directory(), |_, flow| {
            let Some(range) = flow.range else { return };
            told += 1;
            let time = times[&(flow.origin.source.0, flow.origin.line)];
            let (from, to) = (range.earliest().as_nanos(), range.latest().as_nanos());
            assert!((from..=to).contains(&time), "{}: {time} {range:?}", envelope.name());
            let is_exact = range.error_nanos() <= 1_200_000_000;
            assert_eq!(is_exact, !shows_no_zone, "{}: {range:?}", envelope.name());
        });
        let shows_uptime_only = matches!(envelope, Envelope::Console | Envelope::DevKmsg);
        assert_eq!(told == 0, shows_uptime_only, "{}", envelope.name());
    }
}
