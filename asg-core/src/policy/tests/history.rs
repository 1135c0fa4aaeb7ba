//! Explanations against a foundation whose rules change, are synchronised late, and break.

use super::*;
use crate::time::TimeRange;

/// Rules that a group has at a time; two of them break the set.
fn variant(number: usize) -> Value {
    let tcp = |ports: &str, log: bool| json!({ "protocol": "tcp", "destination": "10.0.0.0/24", "ports": ports, "log": log });
    match number {
        0 => json!([tcp("80", true)]),
        1 => json!([tcp("81", false)]),
        2 => json!([tcp("80-82", true), tcp("80", false)]),
        3 => json!([]),
        4 => json!([tcp("80", true), { "protocol": "all", "destination": "10.0.0.0/255.0.0.0" }]),
        _ => json!([tcp("82", true), { "protocol": "all", "destination": "2001:db8::/32" }]),
    }
}

const NAMES: [&str; 3] = ["global", "first", "second"];
const START: i64 = 1_700_000_000;

fn instant(second: i64) -> Timestamp {
    Timestamp::from_nanos((START + second) * 1_000_000_000)
}

/// The actions of people and programs, in seconds.
#[derive(Debug, Clone)]
struct Story {
    /// A group's rules change.
    changes: Vec<(i64, usize, usize)>,
    /// A listing is made: of all groups, or without the first.
    listings: Vec<(i64, bool)>,
    /// The seconds of a minute in which the server and the agent synchronise.
    polls: (i64, i64),
    /// The time when the container was made.
    created: i64,
    /// Packets: the time, and the port.
    packets: Vec<(i64, u16)>,
}

impl Story {
    fn groups(&self, at: i64) -> Vec<Value> {
        let mut state = [0, 1, 3].map(|rules| (rules, -100_000));
        for (time, group, rules) in self.changes.iter().filter(|(time, ..)| *time <= at) {
            state[*group] = (*rules, *time);
        }
        let group = |n: usize| {
            let (rules, updated_at) = state[n];
            group(
                NAMES[n],
                json!({
                    "rules": variant(rules),
                    "updated_at": instant(updated_at),
                    "globally_enabled": { "running": n == 0 },
                }),
            )
        };
        (0..3).map(group).collect()
    }

    fn policy(&self) -> Policy {
        let snapshots = self.listings.iter().map(|(at, complete)| {
            let mut groups = self.groups(*at);
            if !complete {
                groups.remove(1);
            }
            let groups = groups.into_iter().map(|group| serde_json::from_value(group).unwrap());
            Snapshot::new(instant(*at), *complete, groups.collect())
        });
        Policy::new(snapshots.collect(), settings(json!({ "iptables_logging": true })))
    }

    /// Returns the rules that the agent gets at a time: those of the server's last synchronisation.
    fn served(&self, at: i64) -> Effective {
        let synchronised = (at - self.polls.0).div_euclid(60) * 60 + self.polls.0;
        effective(&self.groups(synchronised), json!({ "iptables_logging": true }))
    }

    /// Returns the content of the container's chain from each of these seconds on, where `None` is
    /// an empty chain; and the seconds in which the agent said that it put rules there.
    fn chains(&self) -> (Vec<(i64, Option<Effective>)>, Vec<i64>) {
        // The agent remembers the last set that it enforced, also while the chain is empty.
        let mut known: Option<Effective> = None;
        let mut chain = None;
        let first = (self.created - self.polls.1).div_euclid(60) * 60 + self.polls.1 + 60;
        let (mut chains, mut lines) = (Vec::new(), Vec::new());
        for at in std::iter::once(self.created).chain((first..7_300).step_by(60)) {
            let set = self.served(at);
            match set.load() {
                Load::Skipped => chain = None,
                Load::Refused | Load::RefusedLrp => {}
                Load::Ok if known.as_ref().is_some_and(|known| known.is_same(&set)) => {}
                Load::Ok => {
                    known = Some(set.clone());
                    chain = Some(set);
                    lines.push(at);
                }
            }
            chains.push((at, chain.clone()));
        }
        (chains, lines)
    }

    /// Returns the last of the agent's lines before a packet.
    fn told(lines: &[i64], at: i64) -> Option<TimeRange> {
        lines.iter().rev().find(|line| **line <= at).map(|line| instant(*line).into())
    }

    /// Returns the content of the chain at a time.
    fn chain(chains: &[(i64, Option<Effective>)], at: i64) -> Option<&Effective> {
        let since = chains.iter().rev().find(|(since, _)| *since <= at);
        since.and_then(|(_, chain)| chain.as_ref())
    }
}

fn story(most: std::ops::Range<usize>) -> impl Strategy<Value = Story> {
    let change = (0..7_000_i64, 0..3_usize, most);
    let listing = (-300..7_500_i64, prop::bool::weighted(0.9));
    let packet = (0..7_200_i64, 79..84_u16);
    (
        prop::collection::vec(change, 0..6),
        prop::collection::vec(listing, 0..40),
        (0..60_i64, 0..60_i64),
        -4_000..3_000_i64,
        prop::collection::vec(packet, 24),
    )
        .prop_map(|(mut changes, listings, polls, created, packets)| {
            changes.sort_unstable();
            Story { changes, listings, polls, created, packets }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn what_is_certain_or_exact_is_true(story in prop_oneof![story(0..4), story(0..6)], knows_creation: bool, has_lines: bool) {
        // No container starts while iptables refuses its rules.
        prop_assume!(story.served(story.created).load() != Load::Refused);
        let breaks = story.changes.iter().any(|(_, _, rules)| *rules > 3);
        let (chains, lines) = story.chains();
        let policy = story.policy();
        let mut explainer = policy.explainer();
        for (at, port) in &story.packets {
            if *at < story.created {
                continue;
            }
            let probe = tcp("10.0.0.7", *port);
            let chain = Story::chain(&chains, *at);
            let truth = chain.and_then(|set| set.evaluate(&probe).ruling);
            let allowed = truth.as_ref().is_some_and(|ruling| ruling.verdict == Verdict::Allow);
            let observed = if allowed { Outcome::Allowed } else { Outcome::Denied };
            let explanation = explainer.explain(&PacketFacts {
                time: Some(instant(*at).into()),
                space: Some("s"),
                phase: Some(Phase::Running),
                probe: Some(probe),
                observed: Some(observed),
                created: knows_creation.then(|| instant(story.created).into()),
                rules_updated: Story::told(&lines, *at).filter(|_| has_lines),
                ..PacketFacts::default()
            });
            prop_assert!(!explanation.because.is_empty());
            // Rules that broke the set between two listings leave no trace.
            if explanation.basis == Basis::Exact && !breaks {
                prop_assert_eq!(explanation.agrees, Some(true), "at {}: {:#?}", at, explanation);
            }
            if !matches!(explanation.decided, Some(Decided::Certain | Decided::ByOrder)) {
                continue;
            }
            let by = match (chain, &truth) {
                (Some(set), Some(ruling)) => set.by(&ruling.by),
                _ => By::Other("default"),
            };
            let found = match explanation.by.clone() {
                Some(By::Rule(rule)) => Some(By::Rule(RuleRef { snapshot: None, ..rule })),
                other => other,
            };
            prop_assert_eq!(found, Some(by), "at {}", at);
        }
    }
}

#[test]
fn with_a_listing_a_minute_most_packets_are_explained_for_certain() {
    let story = Story {
        changes: vec![(981, 1, 0), (2_981, 2, 2), (4_981, 2, 3)],
        listings: (-10..125).map(|minute| (minute * 60 + 47, true)).collect(),
        polls: (20, 50),
        created: -1_000,
        packets: (0..700).map(|n| (n * 10, 80)).collect(),
    };
    let policy = story.policy();
    let mut explainer = policy.explainer();
    let (chains, lines) = story.chains();
    let mut certain = |has_lines: bool| {
        let is_certain = |(at, port): &&(i64, u16)| {
            let probe = tcp("10.0.0.7", *port);
            let ruling = Story::chain(&chains, *at).unwrap().evaluate(&probe).ruling.unwrap();
            let allowed = ruling.verdict == Verdict::Allow;
            let explanation = explainer.explain(&PacketFacts {
                time: Some(instant(*at).into()),
                space: Some("s"),
                phase: Some(Phase::Running),
                probe: Some(probe),
                observed: Some(if allowed { Outcome::Allowed } else { Outcome::Denied }),
                rules_updated: Story::told(&lines, *at).filter(|_| has_lines),
                ..PacketFacts::default()
            });
            explanation.decided != Some(Decided::Undetermined)
        };
        story.packets.iter().filter(is_certain).count()
    };
    let (without, with) = (certain(false), certain(true));
    assert!(without >= 625, "{without} of 700");
    assert!(with > without, "{with} with the agent's lines, and {without} without");
}
