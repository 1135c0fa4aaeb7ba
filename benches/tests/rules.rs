//! Explanations against the truth of foundations whose rules change: nothing that is certain is
//! wrong, and no basis claims more than the listings show. `benches/ACCURACY.md` has the figures.

use std::collections::BTreeMap;
use std::convert::Infallible;

use asg_benches::accuracy::{RulesJudgement, judge_rules};
use asg_benches::parallel::in_parallel;
use asg_benches::sim::{Config, Damage, Enforcer, Era, Memory, Rules, Simulation};
use asg_core::names::directory_fn;
use asg_core::{Directory, Guid, Identity};

const DAY: u32 = 24 * 60;

fn config(seed: u64, rules: Rules) -> Config {
    Config {
        seed,
        minutes: DAY / 6,
        cells: 3,
        containers: 9,
        packets_per_minute: 2,
        actions_per_minute: Some(1),
        rules: Some(rules),
        ..Config::new(Era::SilkModern)
    }
}

fn judged(config: &Config) -> RulesJudgement {
    let mut logs = Memory::default();
    let simulation = Simulation::run(config, &mut logs).unwrap();
    let judgement = judge_rules(config, &logs, &simulation, simulation.history().directory());
    show(&judgement);
    judgement
}

/// Prints one example of each fault, for whoever looks for its cause.
fn show(judgement: &RulesJudgement) {
    let mut kinds = BTreeMap::<_, Vec<_>>::new();
    for wrong in &judgement.wrong {
        kinds.entry(wrong.what).or_default().push(wrong);
    }
    for (what, all) in &kinds {
        let first = all[0];
        println!("{} times wrong about {what}, such as {}", all.len(), first.place);
        println!("  said {}\n  was  {}\n  {}", first.said, first.was, first.line);
    }
    let RulesJudgement { packets, governed, by_basis, by_decided, predicted, .. } = judgement;
    let RulesJudgement { contradicted, unknowable, covered, .. } = judgement;
    println!("{packets} packets, {governed} governed, basis {by_basis:?}, decided {by_decided:?}");
    println!(
        "{predicted} predicted, {contradicted} contradicted, {unknowable} unknowable, {covered} covered"
    );
}

fn is_right(judgement: &RulesJudgement) {
    assert_eq!(judgement.wrong.len(), 0, "{:#?}", judgement.wrong.first());
    assert!(judgement.governed > 100 && judgement.by_decided[0] > 0, "{judgement:?}");
}

#[test]
fn two_days_of_agents_are_explained_and_nothing_certain_is_wrong() {
    let rules = Rules { partial: 0.1, swapped: 0.05, ..Rules::default() };
    let contradicted = in_parallel([1, 17], |seed| {
        let config = Config {
            minutes: 2 * DAY,
            cells: 2,
            containers: 4,
            packets_per_minute: 1,
            ..config(seed, rules.clone())
        };
        let judgement = judged(&config);
        is_right(&judgement);
        assert_eq!(judgement.unknowable, 0);
        let [exact, either, ..] = judgement.by_basis;
        assert!(exact * 2 > judgement.governed && either > 0, "{:?}", judgement.by_basis);
        assert!(judgement.covered > 0);
        judgement.contradicted
    });
    assert!(contradicted.iter().sum::<u64>() > 0, "no line shows rules that are not enforced yet");
}

#[test]
fn cells_with_rules_of_other_times_are_explained_by_those() {
    for (seed, listed) in [(2, false), (3, true)] {
        let enforcers = vec![Enforcer::Dynamic, Enforcer::Static];
        let judgement = judged(&config(seed, Rules { enforcers, listed, ..Rules::default() }));
        is_right(&judgement);
        assert!(judgement.by_decided[2] > 0, "versions older than the logs");
    }
}

#[test]
fn guardian_is_explained() {
    for (seed, listed) in [(4, false), (5, true)] {
        let rules = Rules {
            enforcers: vec![Enforcer::Guardian],
            logs_all: false,
            listed,
            ..Rules::default()
        };
        let config = Config { era: Era::Guardian28, ..config(seed, rules) };
        is_right(&judged(&config));
    }
}

#[test]
fn only_rules_that_log_are_named_where_no_setting_makes_all_log() {
    for seed in [6, 7] {
        is_right(&judged(&config(seed, Rules { logs_all: false, ..Rules::default() })));
    }
}

#[test]
fn what_comes_and_goes_between_listings_is_never_claimed() {
    for seed in [8, 9] {
        let rules = Rules { flickering: true, changes_per_hour: 12, ..Rules::default() };
        is_right(&judged(&config(seed, rules)));
    }
}

#[test]
fn lines_of_agents_are_believed_and_those_that_apps_print_are_not() {
    let rules = Rules { listing_minutes: 2, changes_per_hour: 20, ..Rules::default() };
    let (mut exact, mut told) = ([0, 0], 0);
    for seed in [18, 19] {
        // The lines change nothing else.
        for tells_updates in [false, true] {
            let judgement = judged(&config(seed, Rules { tells_updates, ..rules.clone() }));
            is_right(&judgement);
            exact[usize::from(tells_updates)] += judgement.by_basis[0];
            told += judgement.told;
        }
    }
    assert!(told > 100 && exact[1] > exact[0], "{told} {exact:?}");
}

#[test]
fn slower_agents_are_allowed_for_by_the_tolerance() {
    is_right(&judged(&config(10, Rules { poll: 300, ..Rules::default() })));
}

/// A cell's clock may be off, and nothing in its lines shows that. With the greatest error in the
/// settings, nothing that is certain is wrong.
#[test]
fn cells_with_clocks_of_their_own_are_explained_within_their_tolerance() {
    let damage = Damage { skew_seconds: 120, ..Damage::NONE };
    let mut unknowable = [0, 0];
    for (n, clock_tolerance) in [0, 121].into_iter().enumerate() {
        for (seed, tells_updates) in [(20, false), (21, true)] {
            let rules = Rules {
                clock_tolerance,
                tells_updates,
                listing_minutes: 2,
                changes_per_hour: 20,
                ..Rules::default()
            };
            let config = Config { damage, packets_per_minute: 6, ..config(seed, rules) };
            let judgement = judged(&config);
            if clock_tolerance > 0 {
                is_right(&judgement);
            }
            unknowable[n] += judgement.unknowable;
        }
    }
    assert!(unknowable[0] > 0, "the clocks make no difference: {unknowable:?}");
    assert_eq!(unknowable[1], 0);
}

/// Where lines show how late they are stamped, or lack a zone, the basis widens with the error.
#[test]
fn times_with_an_error_widen_the_basis() {
    for (seed, level) in [(22, "stalls"), (23, "zone"), (24, "relays"), (25, "clocks")] {
        let damage: Damage = level.parse().unwrap();
        let damage = Damage { skew_seconds: 0, ..damage };
        let rules = Rules { listing_minutes: 2, changes_per_hour: 20, ..Rules::default() };
        let config = Config { damage, ..config(seed, rules) };
        let judgement = judged(&config);
        assert_eq!(judgement.wrong.len(), 0, "{level}: {:#?}", judgement.wrong.first());
        assert_eq!(judgement.unknowable, 0, "{level}");
    }
}

#[test]
fn partial_listings_alone_make_nothing_certain() {
    let rules = Rules { partial: 1.0, ..Rules::default() };
    let judgement = judged(&config(11, rules));
    assert_eq!(judgement.wrong.len(), 0, "{:#?}", judgement.wrong.first());
    assert_eq!(judgement.by_basis[..2], [0, 0], "neither exact nor either");
    assert_eq!(judgement.by_decided[..2], [0, 0]);
}

/// Returns a directory that does not know every fourth GUID.
fn forgetful(mut whole: impl Directory<Error = Infallible>) -> impl Directory<Error = Infallible> {
    directory_fn(move |guids: &[Guid]| {
        let mut found = whole.identities(guids)?;
        for (guid, identity) in &mut found {
            if guid.to_string().starts_with(['0', '1', '2', '3']) {
                *identity = Identity::unknown();
            }
        }
        Ok(found)
    })
}

#[test]
fn damaged_logs_and_unknown_spaces_lower_what_is_claimed_and_falsify_nothing() {
    let enforcers = vec![Enforcer::Dynamic, Enforcer::Static];
    for (seed, level) in
        [(12, "colliding"), (13, "lost-90"), (14, "rotated"), (15, "stalls"), (16, "two-ways")]
    {
        let damage: Damage = level.parse().unwrap();
        let rules = Rules { enforcers: enforcers.clone(), ..Rules::default() };
        let config = Config { minutes: DAY / 12, damage, ..config(seed, rules) };
        let mut logs = Memory::default();
        let simulation = Simulation::run(&config, &mut logs).unwrap();
        let directory = forgetful(simulation.history().directory());
        let judgement = judge_rules(&config, &logs, &simulation, directory);
        println!("{level}");
        show(&judgement);
        assert_eq!(judgement.wrong.len(), 0, "{level}: {:#?}", judgement.wrong.first());
    }
}
