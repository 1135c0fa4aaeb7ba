//! The follower beside both phases, which see the whole log, over simulated foundations.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use asg_benches::accuracy::{correlate, follow, judge_following};
use asg_benches::parallel::in_parallel;
use asg_benches::sim::{Config, Damage, Era, Layout, Memory, Simulation};
use asg_core::correlate::FollowerOptions;
use asg_core::{Certainty, Flow, NoDirectory, Origin};

fn simulated(config: &Config) -> (Simulation, Memory) {
    let mut logs = Memory::default();
    let simulation = Simulation::run(config, &mut logs).unwrap();
    (simulation, logs)
}

fn small(era: Era, seed: u64) -> Config {
    Config { seed, minutes: 4, containers: 40, packets_per_minute: 10, ..Config::new(era) }
}

fn holding(seconds: u64) -> FollowerOptions {
    let hold = Duration::from_secs(seconds);
    FollowerOptions { hold, most_held: usize::MAX, ..FollowerOptions::default() }
}

/// Returns the content of a flow, and its certainty.
fn said(flow: &Flow<'_, '_>) -> (String, Certainty) {
    let output = flow.to_output(|source| source.0.to_string());
    (serde_json::to_string(&output).unwrap(), flow.attribution.certainty)
}

type Flows = BTreeMap<Origin, (String, Certainty)>;

fn in_two_passes(simulation: &Simulation, logs: &Memory) -> Flows {
    let mut flows = Flows::new();
    correlate(logs, simulation.history().directory(), |_, flow| {
        assert!(flows.insert(flow.origin, said(flow)).is_none());
    });
    flows
}

fn followed(simulation: &Simulation, logs: &Memory, options: FollowerOptions) -> Flows {
    let mut flows = Flows::new();
    let counts = follow(logs, options, simulation.history().directory(), |flow| {
        assert!(flows.insert(flow.origin, said(flow)).is_none(), "a flow is given once");
    });
    assert_eq!(counts.flows, flows.len() as u64);
    assert_eq!(counts.lines.packets, counts.flows + counts.lines.duplicates);
    flows
}

#[test]
fn with_all_the_time_of_the_log_it_says_what_two_passes_say() {
    let two_ways: Damage = "two-ways".parse().unwrap();
    for era in Era::ALL {
        for (seed, damage) in [(1, Damage::NONE), (2, two_ways)] {
            let (simulation, logs) = simulated(&Config { damage, ..small(era, seed) });
            let expected = in_two_passes(&simulation, &logs);
            assert!(!expected.is_empty());
            let found = followed(&simulation, &logs, holding(3_600));
            assert!(found == expected, "{} {seed}", era.name());
        }
    }
}

#[test]
fn with_less_time_it_is_less_sure_and_never_surer() {
    for era in [Era::GardenLinux, Era::Guardian36, Era::Silk, Era::SilkModern, Era::SilkIpv6] {
        let (simulation, logs) = simulated(&Config { layout: Layout::One, ..small(era, 3) });
        let expected = in_two_passes(&simulation, &logs);
        assert!(!expected.is_empty());
        let mut before = 0;
        for seconds in [0, 1, 10, 60, 600] {
            let found = followed(&simulation, &logs, holding(seconds));
            assert!(found.keys().eq(expected.keys()), "{} {seconds}", era.name());
            for (at, (text, certainty)) in &found {
                assert!(*certainty <= expected[at].1, "{} {seconds}: {text}", era.name());
            }
            let sure = |certainty: &Certainty| *certainty >= Certainty::UniquePrefix;
            let certain = found.values().filter(|(_, certainty)| sure(certainty)).count();
            assert!(certain >= before, "{} {seconds}: waiting longer tells more", era.name());
            before = certain;
        }
        assert_eq!(
            before,
            expected.values().filter(|(_, c)| *c >= Certainty::UniquePrefix).count()
        );
    }
}

#[test]
fn its_memory_does_not_grow_with_time() {
    let most = |minutes: u32| {
        let config = Config {
            minutes,
            actions_per_minute: Some(20),
            layout: Layout::One,
            ..small(Era::SilkModern, 4)
        };
        let (simulation, logs) = simulated(&config);
        let mut options = holding(30);
        options.most_held = 500;
        options.retention = Duration::from_secs(120);
        options.silence = Duration::from_secs(300);
        let mut follower = asg_core::Follower::new(options);
        let mut each = |_: &Flow<'_, '_>| -> ControlFlow<()> { ControlFlow::Continue(()) };
        let [mut held, mut lifetimes] = [0; 2];
        for (file, line, text) in logs.in_order() {
            let origin = Origin { source: asg_core::SourceId(file as u32), line };
            let Ok(_) = follower.take(origin, text, &mut NoDirectory, &mut each);
            let counts = follower.counts();
            held = held.max(counts.held);
            lifetimes = lifetimes.max(counts.lifetimes);
        }
        assert!(follower.counts().forgotten > 0);
        (held, lifetimes, simulation.totals().containers as usize, logs.arrivals.len())
    };
    let (short, long) = (most(20), most(80));
    assert!(long.2 > 2 * short.2 && long.3 > 3 * short.3, "{short:?} {long:?}");
    assert!(long.0 <= 500);
    // Containers come and go at the same rate; a little more is chance.
    assert!(long.1 * 2 < short.1 * 3, "{short:?} {long:?}");
}

#[test]
fn no_damage_makes_a_certain_answer_of_its_wrong() {
    let eras = [Era::GardenLinux, Era::Guardian28, Era::SilkModern];
    let all = Damage::LEVELS.into_iter().flat_map(|level| eras.map(|era| (level, era)));
    in_parallel(all, |((level, damage), era)| {
        let (simulation, logs) = simulated(&Config { damage, ..small(era, 5) });
        let directory = simulation.history().directory();
        let (judgement, _) = judge_following(&logs, holding(30), directory);
        assert_eq!(judgement.wrong, [], "{level} {}", era.name());
        assert_eq!(judgement.wrong_merges, 0, "{level} {}", era.name());
        assert!(judgement.certain() > 0, "{level} {}", era.name());
    });
}

#[test]
fn pieces_of_any_size_give_the_same_flows() {
    let (_, logs) = simulated(&Config { layout: Layout::One, minutes: 2, ..small(Era::Silk, 6) });
    let text = &logs.files[0].1;
    let in_pieces = |sizes: &[usize]| {
        let mut found = Vec::new();
        let mut each = |flow: &Flow<'_, '_>| -> ControlFlow<()> {
            found.push((flow.origin, said(flow)));
            ControlFlow::Continue(())
        };
        let mut follower = asg_core::Follower::new(holding(10));
        let mut lines = asg_core::Lines::new();
        let mut rest = &text[..];
        for size in sizes.iter().cycle() {
            let (piece, others) = rest.split_at(rest.len().min(*size));
            rest = others;
            lines.push(piece, |raw| {
                let origin = Origin { source: asg_core::SourceId(0), line: raw.number };
                let Ok(_) = follower.take(origin, raw.bytes, &mut NoDirectory, &mut each);
            });
            if rest.is_empty() {
                break;
            }
        }
        lines.finish(|raw| {
            let origin = Origin { source: asg_core::SourceId(0), line: raw.number };
            let Ok(_) = follower.take(origin, raw.bytes, &mut NoDirectory, &mut each);
        });
        let Ok(_) = follower.finish(&mut NoDirectory, &mut each);
        found
    };
    let whole = in_pieces(&[text.len()]);
    assert!(whole.len() > 100);
    for sizes in [&[1][..], &[7, 311, 2], &[64 << 10]] {
        assert_eq!(in_pieces(sizes), whole, "{sizes:?}");
    }
}
