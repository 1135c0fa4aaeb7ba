//! Judges explanations: compares what they say about rules with the truth of a simulated
//! foundation.
//!
//! Everything that an explanation claims must be true:
//!
//! * a rule that is named as the decider, `certain` or `by_order`, is the first owner of the kernel
//!   rule that allowed the packet; of several that may have decided, it is one;
//! * the `basis` is what its definition gives for the listings, which is computed here anew, and
//!   with `exact` the matching rules, the verdicts and the codes are the chain's;
//! * `configured` is what Cloud Controller's words said at that moment;
//! * redacted lines, unknown spaces, and lines of other planes claim nothing.
//!
//! Changes that came and went between two listings, without a trace in either, cannot be known. An
//! answer that is wrong for their sake is counted apart ([`RulesJudgement::unknowable`]).

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::ops::AddAssign;
use std::sync::Arc;

use asg_cli::explain::{FlowExplainer, FlowFacts};
use asg_core::policy::{
    Basis, Because, Blind, By, CellSettings, Decided, EntryState, Explanation, Governed, Outcome,
    PacketFacts, Policy, RuleRef, Snapshot,
};
use asg_core::{Directory, Flow, TimePolicy, Timestamp};
use serde_json::{Map, Value, json};

use super::{Wrong, each_flow, gathered, place};
use crate::sim::{
    Config, Content, Enforcer, Flight, Group, KernelRule, Kind, Listing, Memory, Name, Phase,
    Rules, Ruling, Set, Simulation, Truth, expand,
};

const SECOND: i64 = 1_000_000_000;

/// The result of comparing explanations with the truth. Judgements of several foundations add up.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RulesJudgement {
    /// Packet lines that were explained.
    pub packets: u64,
    /// Those of security groups.
    pub governed: u64,
    /// Those by basis: exact, either, earlier, later, none.
    pub by_basis: [u64; 5],
    /// Those by how the decider is known: certain, by order, undetermined.
    pub by_decided: [u64; 3],
    /// Those behind a line of an agent that put rules in place.
    pub told: u64,
    /// Lines whose outcome was predicted.
    pub predicted: u64,
    /// Those whose prediction the line contradicts; each has a reason.
    pub contradicted: u64,
    /// Claims that are false.
    pub wrong: Vec<Wrong>,
    /// Certain answers that are false for changes without a trace.
    pub unknowable: u64,
    /// Entries of coverage that were compared.
    pub covered: u64,
}

impl AddAssign for RulesJudgement {
    fn add_assign(&mut self, other: Self) {
        self.packets += other.packets;
        self.governed += other.governed;
        for (sum, n) in self.by_basis.iter_mut().zip(other.by_basis) {
            *sum += n;
        }
        for (sum, n) in self.by_decided.iter_mut().zip(other.by_decided) {
            *sum += n;
        }
        self.told += other.told;
        self.predicted += other.predicted;
        self.contradicted += other.contradicted;
        self.wrong.extend(other.wrong);
        self.unknowable += other.unknowable;
        self.covered += other.covered;
    }
}

/// Returns the policy that the listings of a simulation and its settings make.
///
/// # Panics
///
/// Without rules in the configuration.
#[must_use]
pub fn policy_of(config: &Config, simulation: &Simulation) -> Policy {
    let snapshots = simulation.groups().listings().iter().flat_map(|listing| {
        Snapshot::parse(listing.json.to_string().as_bytes(), None).expect("the listings are valid")
    });
    let settings = settings_of(config, simulation).to_string();
    let settings = CellSettings::from_json(settings.as_bytes()).expect("the settings are valid");
    Policy::new(snapshots.collect(), settings)
}

/// Returns the settings of a simulation's cells, as `asglog explain --settings` takes them.
///
/// # Panics
///
/// Without rules in the configuration.
#[must_use]
pub fn settings_of(config: &Config, simulation: &Simulation) -> Value {
    let rules = config.rules.as_ref().expect("the configuration has rules");
    let cells = simulation.cells();
    let profile = |n: usize| rules.enforcers[n % rules.enforcers.len()].profile();
    let cells: Map<String, Value> = (0..)
        .zip(cells)
        .map(|(n, cell)| (cell.clone(), json!({ "profile": profile(n) })))
        .collect();
    let denied = if rules.denies_network { json!(["10.0.3.0/28"]) } else { json!([]) };
    json!({
        "profile": profile(0),
        "iptables_logging": rules.logs_all,
        "group_order": if rules.listed { "listed" } else { "unknown" },
        "deny_networks": { "always": denied },
        "sync_tolerance": 2 * rules.poll,
        "server_tolerance": rules.poll,
        "clock_tolerance": rules.clock_tolerance,
        "cells": cells,
    })
}

/// Explains each packet line of a foundation, and judges the explanations.
///
/// ```
/// use asg_benches::accuracy::judge_rules;
/// use asg_benches::sim::{Config, Era, Memory, Rules, Simulation};
///
/// let rules = Rules { changes_per_hour: 60, listing_minutes: 1, ..Rules::default() };
/// let config = Config { minutes: 5, rules: Some(rules), ..Config::new(Era::SilkModern) };
/// let mut logs = Memory::default();
/// let simulation = Simulation::run(&config, &mut logs)?;
/// let judgement = judge_rules(&config, &logs, &simulation, simulation.history().directory());
/// assert_eq!(judgement.wrong, []);
/// assert!(judgement.packets > 0);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
///
/// Without rules in the configuration.
pub fn judge_rules(
    config: &Config,
    logs: &Memory,
    simulation: &Simulation,
    directory: impl Directory<Error = Infallible>,
) -> RulesJudgement {
    let policy = policy_of(config, simulation);
    let correlation = gathered(logs, TimePolicy::default(), directory);
    let facts = Arc::new(FlowFacts::new(&correlation, &policy));
    let mut explainer = FlowExplainer::new(&policy, Arc::clone(&facts));
    let mut judge = Judge {
        rules: config.rules.as_ref().expect("the configuration has rules"),
        simulation,
        truths: logs.truths.iter().map(|(file, line, t)| ((*file, *line), t)).collect(),
        sets: HashMap::new(),
        logs,
        judgement: RulesJudgement::default(),
    };
    each_flow(logs, &correlation, |line, flow| {
        let places = [flow.origin].into_iter().chain(flow.also.iter().copied()).map(place);
        let truth = places.filter_map(|at| judge.truths.get(&at).copied()).find(|t| !t.copy);
        if let Some(truth) = truth.filter(|truth| !truth.damaged) {
            let explained = explainer.explain(flow);
            judge.judge(line, flow, &facts.of(flow), truth, &explained.explanation);
        }
    });
    judge.coverage(&policy);
    judge.judgement
}

struct Judge<'s> {
    rules: &'s Rules,
    simulation: &'s Simulation,
    truths: HashMap<(usize, u64), &'s Truth>,
    sets: HashMap<(usize, String, Phase, Enforcer), Arc<Set>>,
    logs: &'s Memory,
    judgement: RulesJudgement,
}

/// The expected basis, and the versions of the groups that the listings show.
struct Expected {
    basis: Basis,
    versions: Vec<usize>,
}

impl Judge<'_> {
    fn judge(
        &mut self,
        line: &[u8],
        flow: &Flow<'_, '_>,
        facts: &PacketFacts<'_>,
        truth: &Truth,
        said: &Explanation,
    ) {
        self.judgement.packets += 1;
        let faults = match &truth.ruling {
            Some(ruling) => self.faults(facts, truth, ruling, said),
            None => other_plane(truth.kind, said),
        };
        let at = place(flow.origin);
        for what in faults {
            self.judgement.wrong.push(Wrong {
                place: format!("{}:{}", self.logs.files[at.0].0, at.1),
                what,
                reason: said.because.iter().next().map_or("none", |code| code.as_str()),
                said: format!("{said:?} {facts:?}"),
                was: format!("{:?} of {:?}", truth.ruling, truth.container),
                line: String::from_utf8_lossy(line).into_owned(),
            });
        }
    }

    fn faults(
        &mut self,
        facts: &PacketFacts<'_>,
        truth: &Truth,
        ruling: &Ruling,
        said: &Explanation,
    ) -> Vec<&'static str> {
        let mut faults = Vec::new();
        let mut check = |is_right: bool, what| {
            if !is_right {
                faults.push(what);
            }
        };
        check(!said.because.is_empty(), "that nothing is the reason");
        if ruling.redacted {
            let claims_nothing = said.governed == Governed::Unknown
                && (said.configured, said.enforced, said.agrees) == (None, None, None)
                && said.matches.is_empty()
                && said.by.is_none();
            check(claims_nothing, "a packet whose destination is hidden");
            return faults;
        }
        let judgement = &mut self.judgement;
        judgement.governed += 1;
        judgement.by_basis[said.basis as usize] += 1;
        let decided = said.decided.unwrap_or(Decided::Undetermined);
        judgement.by_decided[decided as usize] += 1;
        judgement.told += u64::from(facts.rules_updated.is_some());
        judgement.predicted += u64::from(said.enforced.is_some());
        judgement.contradicted += u64::from(said.agrees == Some(false));

        let observed = if truth.kind == Kind::Allowed { Outcome::Allowed } else { Outcome::Denied };
        check(said.governed == Governed::Asg, "the mechanism");
        check(said.observed == Some(observed), "the line");
        let agrees = said.enforced.map(|enforced| enforced == observed);
        check(agrees.is_none() || said.agrees.is_some(), "that nothing was predicted");
        let has = |code| said.because.contains(code);
        let excuses = [
            Because::SyncLag,
            Because::StaticContainer,
            Because::PoisonedSet,
            Because::FrozenSet,
            Because::UnenforceableRule,
        ];
        let is_excused = excuses.into_iter().any(has);
        check(said.agrees != Some(false) || is_excused, "a contradiction without a reason");
        let told = facts.rules_updated.map(|told| told.earliest().as_nanos());
        let latest = ruling.updated + i64::from(self.rules.clock_tolerance) * SECOND;
        check(told.is_none_or(|told| told <= latest), "when rules were put in place");
        check(has(Because::PickUp) == matches!(ruling.sent.flight, Flight::Ack(_)), "a pick-up");
        check(has(Because::SpaceUnknown) == facts.space.is_none(), "the space");
        check(has(Because::PhaseUnknown) == facts.phase.is_none(), "the phase");

        let is_certain = decided != Decided::Undetermined;
        check(!is_certain || said.basis == Basis::Exact, "what is certain without exact rules");
        let (Some(space), Some(_)) = (facts.space, facts.phase) else {
            check(!is_certain, "what is certain of an unknown space or phase");
            return faults;
        };
        let real = truth.container.as_deref().and_then(|real| real.space);
        check(real.is_some_and(|real| real.to_string() == space), "whose space it is");
        let Some(expected) = self.expected(facts, ruling, space) else { return faults };
        let is_whole = |set: &Set| matches!(set, Set::Rules(_));
        let versions = &expected.versions;
        let are_whole = versions.iter().all(|one| is_whole(&self.set(*one, space, ruling)));
        if ruling.enforcer == Enforcer::Dynamic {
            // Rules that break a set are not compared one by one here.
            let is_basis = said.basis == expected.basis;
            check(is_basis || !are_whole && said.basis == Basis::Either, "the basis");
        } else if said.basis == Basis::Exact {
            let is_in_logs = ruling.desired >= self.simulation.start();
            check(is_in_logs, "that a version is in the logs");
        }
        if said.basis != Basis::Exact {
            return faults;
        }
        let is_listed = ruling.enforcer == Enforcer::Dynamic || self.rules.listed;
        let shown = expected.versions[0];
        let knows = matches!(ruling.content, Content::Version(version)
            if self.is_same(version, shown, space, ruling));
        if !knows {
            // The chain is not what the listings show: late, broken, or changed without a trace.
            let is_known = is_decider(said, ruling, is_listed);
            if is_certain && !is_known && expected.basis == Basis::Exact {
                self.judgement.unknowable += 1;
            } else {
                check(!is_certain || is_known, "the decider");
            }
            return faults;
        }
        check(!is_certain || is_decider(said, ruling, is_listed), "the decider");
        let may_be_empty = has(Because::PoisonedSet);
        check(said.enforced.is_some() || may_be_empty, "that nothing can be predicted");
        check(said.agrees != Some(false), "the outcome");
        if let (Some(By::AnyOf(any)), Some(_)) = (&said.by, ruling.by.first()) {
            check(any.iter().any(|rule| is_owner(rule, &ruling.by)), "what may have decided");
        }
        let matches: Vec<Name> = said.matches.iter().map(name).collect();
        if is_listed {
            check(matches == ruling.matches, "the matches");
        } else {
            let sorted = |names: &[Name]| names.iter().cloned().collect::<BTreeSet<_>>();
            check(sorted(&matches) == sorted(&ruling.matches), "the matches");
        }
        check(said.blind.contains(Blind::UnloggedRule) == ruling.unlogged, "unlogged rules");
        if let Some(configured) = said.configured
            && ruling.enforcer == Enforcer::Dynamic
        {
            let words = if ruling.words { Outcome::Allowed } else { Outcome::Denied };
            // A change may have come since the chain got its rules, and gone before a listing.
            let now = self.simulation.groups().version(truth.time);
            if configured != words && !self.is_same(now, shown, space, ruling) {
                self.judgement.unknowable += 1;
            } else {
                check(configured == words, "Cloud Controller's words");
            }
        }
        faults
    }

    /// Computes the basis from the listings, by its definition.
    fn expected(
        &mut self,
        facts: &PacketFacts<'_>,
        ruling: &Ruling,
        space: &str,
    ) -> Option<Expected> {
        let range = facts.time?;
        let (mut from, mut to) = (range.earliest().as_nanos(), range.latest().as_nanos());
        if ruling.enforcer != Enforcer::Dynamic {
            (from, to) = (ruling.desired, ruling.desired);
        }
        let clock = i64::from(self.rules.clock_tolerance) * SECOND;
        (from, to) = (from - clock, to + clock);
        let groups = self.simulation.groups();
        let of = |complete: bool| {
            let listings = groups.listings().iter();
            let those = listings.filter(|listing| listing.complete == complete);
            those.map(|listing| listing.taken_at).collect::<Vec<i64>>()
        };
        let taken = of(true);
        if taken.is_empty() {
            let is_later = of(false).first().is_none_or(|at| *at > to);
            let basis = if is_later { Basis::Later } else { Basis::Earlier };
            return Some(Expected { basis, versions: Vec::new() });
        }
        let mut start = from - 2 * self.rules.poll * SECOND;
        // The agent puts the server's rules in place.
        if let (Some(updated), Enforcer::Dynamic) = (facts.rules_updated, ruling.enforcer) {
            let updated = updated.earliest().as_nanos() - clock;
            start = start.max(updated - self.rules.poll * SECOND);
        }
        let before = taken.iter().rposition(|at| *at < start);
        let after = taken.iter().position(|at| *at > to);
        let has_earlier = taken.iter().any(|at| *at <= to);
        let basis = match (before, has_earlier, after) {
            (Some(_), _, Some(_)) => Basis::Exact,
            (_, true, None) => Basis::Earlier,
            (None, _, Some(_)) => Basis::Later,
            (_, false, None) => Basis::None,
        };
        let used = &taken[before.unwrap_or(0)..after.map_or(taken.len(), |after| after + 1)];
        let versions: Vec<usize> = used.iter().map(|at| groups.version(*at)).collect();
        if basis != Basis::Exact {
            return Some(Expected { basis, versions });
        }
        let is_same = versions.iter().all(|other| self.is_same(versions[0], *other, space, ruling));
        let (first, last) = (used[0].div_euclid(SECOND), used[used.len() - 1]);
        let was_updated = versions.iter().any(|version| {
            groups.of(*version).iter().any(|group| {
                let is_between = group.updated_at >= first && group.updated_at * SECOND <= last;
                group.is_effective(space, ruling.phase) && is_between
            })
        });
        // A listing that is not whole proves an update, too.
        let is_part = |listing: &&Listing| !listing.complete && used[0] < listing.taken_at;
        let parts = groups.listings().iter().filter(is_part);
        let was_shown = parts.take_while(|listing| listing.taken_at < last).any(|listing| {
            let updates = shown_updates(&listing.json, space, ruling.phase);
            updates.into_iter().any(|at| at >= first && at * SECOND <= last)
        });
        let is_exact = is_same && !was_updated && !was_shown;
        let basis = if is_exact { Basis::Exact } else { Basis::Either };
        Some(Expected { basis, versions })
    }

    /// Returns whether the entries of two versions, and their owners, are the same.
    fn is_same(&mut self, one: usize, other: usize, space: &str, ruling: &Ruling) -> bool {
        one == other || self.set(one, space, ruling) == self.set(other, space, ruling)
    }

    fn set(&mut self, version: usize, space: &str, ruling: &Ruling) -> Arc<Set> {
        let key = (version, space.to_owned(), ruling.phase, ruling.enforcer);
        let (groups, logs_all) = (self.simulation.groups(), self.rules.logs_all);
        let is_ordered = ruling.enforcer == Enforcer::Dynamic || self.rules.listed;
        let set = self.sets.entry(key).or_insert_with(|| {
            let all = groups.of(version).iter();
            let effective: Vec<&Group> =
                all.filter(|group| group.is_effective(space, ruling.phase)).collect();
            let mut set = expand(&effective, ruling.phase, ruling.enforcer, logs_all);
            if let (Set::Rules(rules), false) = (&mut set, is_ordered) {
                // In an order that nobody knows.
                for rule in &mut *rules {
                    rule.owners.sort();
                }
                rules.sort_by(|a, b| a.owners.cmp(&b.owners));
            }
            Arc::new(set)
        });
        Arc::clone(set)
    }

    /// Compares coverage as of the last complete listing.
    fn coverage(&mut self, policy: &Policy) {
        let groups = self.simulation.groups();
        let Some(last) = groups.listings().iter().rev().find(|listing| listing.complete) else {
            return;
        };
        let groups = groups.at(last.taken_at);
        let bound = |group: &Group| group.bound.iter().flatten().cloned().collect::<Vec<_>>();
        let spaces: BTreeSet<String> = groups.iter().flat_map(bound).collect();
        let enforcer = self.rules.enforcers[0];
        for space in &spaces {
            for phase in Phase::ALL {
                let all = groups.iter().filter(|group| group.is_effective(space, phase));
                let effective: Vec<&Group> = all.collect();
                let Set::Rules(rules) = expand(&effective, phase, enforcer, self.rules.logs_all)
                else {
                    continue;
                };
                let word = match phase {
                    Phase::Running => asg_core::policy::Phase::Running,
                    Phase::Staging => asg_core::policy::Phase::Staging,
                };
                let said = policy.coverage(space, word, None).expect("there are listings");
                let mut entries = said.entries.iter();
                for (n, rule) in rules.iter().enumerate() {
                    let before = &rules[..n];
                    for owner in &rule.owners {
                        self.judgement.covered += 1;
                        let entry = entries.next();
                        let is_right = entry.is_some_and(|entry| {
                            name(&entry.rule) == *owner && is_state(&entry.state, rule, before)
                        });
                        if !is_right {
                            self.judgement.wrong.push(Wrong {
                                place: format!("{space} {}", phase.as_str()),
                                what: "coverage",
                                reason: "coverage",
                                said: format!("{entry:?}"),
                                was: format!("{rule:?} behind {before:?}"),
                                line: String::new(),
                            });
                        }
                    }
                }
            }
        }
    }
}

/// Returns the seconds in which groups that hold for a space were updated, as a listing shows them.
fn shown_updates(listing: &Value, space: &str, phase: Phase) -> Vec<i64> {
    let word = phase.as_str();
    let spaces = format!("{word}_spaces");
    let pages = listing["pages"].as_array().cloned().unwrap_or_else(|| vec![listing.clone()]);
    let groups = pages.iter().filter_map(|page| page["resources"].as_array()).flatten();
    let holds = |group: &&Value| {
        let bound = group["relationships"][&spaces]["data"].as_array();
        let is_bound = bound.is_some_and(|bound| bound.iter().any(|one| one["guid"] == *space));
        is_bound || group["globally_enabled"][word] == true
    };
    let second = |group: &Value| {
        let at = Timestamp::parse(group["updated_at"].as_str()?.as_bytes()).ok()?;
        Some(at.as_nanos().div_euclid(SECOND))
    };
    groups.filter(holds).filter_map(second).collect()
}

/// Judges the explanation of a line that no security group wrote.
fn other_plane(kind: Kind, said: &Explanation) -> Vec<&'static str> {
    let governed = match kind {
        Kind::C2cAllowed | Kind::C2cDenied => Some(Governed::C2c),
        Kind::RateLimited => Some(Governed::RateLimit),
        Kind::Allowed | Kind::Denied | Kind::Foreign | Kind::Forged => None,
    };
    let mut faults = Vec::new();
    if governed.is_some_and(|governed| said.governed != governed) {
        faults.push("the mechanism");
    }
    let is_limit = governed == Some(Governed::RateLimit);
    let is_silent = said.enforced.is_none() && said.agrees.is_none();
    if governed.is_some() && (!is_silent || said.configured.is_some() && !is_limit) {
        faults.push("what groups do about a packet of another plane");
    }
    if said.because.is_empty() {
        faults.push("that nothing is the reason");
    }
    faults
}

fn name(rule: &RuleRef) -> Name {
    let RuleRef { rule: number, destination, port, .. } = *rule;
    Name { group: rule.group.to_string(), rule: number, destination, port }
}

fn is_owner(rule: &RuleRef, owners: &[Name]) -> bool {
    owners.contains(&name(rule))
}

/// Returns whether the named decider is the rule that allowed the packet: its first owner, or any
/// where nobody knows the order of groups.
fn is_decider(said: &Explanation, ruling: &Ruling, is_listed: bool) -> bool {
    match &said.by {
        Some(By::Rule(rule)) if is_listed => ruling.by.first() == Some(&name(rule)),
        Some(By::Rule(rule)) => is_owner(rule, &ruling.by),
        Some(By::Other(_)) => ruling.by.is_empty(),
        Some(By::AnyOf(_)) | None => false,
    }
}

/// Returns whether this is the state of a rule behind these: looks at all points where it can
/// change.
fn is_state(state: &EntryState, rule: &KernelRule, before: &[KernelRule]) -> bool {
    let unlogged = |other: &&KernelRule| !other.log;
    let (mut addresses, mut points) = rule.corners();
    for other in before {
        let (more, ports) = other.corners();
        addresses.extend(more);
        points.extend(ports);
    }
    let own = |address: u32, point: u16| rule.holds(rule, address, point);
    let is_hidden = addresses.iter().all(|address| {
        points.iter().filter(|point| own(*address, **point)).all(|point| {
            before.iter().filter(unlogged).any(|other| other.holds(rule, *address, *point))
        })
    });
    match state {
        EntryState::Unlogged => !rule.log,
        EntryState::Logged => rule.log && !is_hidden,
        EntryState::HiddenBy(by) => {
            let names: Vec<Name> = by.iter().map(name).collect();
            let named: Vec<&KernelRule> = before
                .iter()
                .filter(|other| other.owners.iter().any(|owner| names.contains(owner)))
                .collect();
            rule.log && is_hidden && !named.is_empty() && named.iter().all(unlogged)
        }
        EntryState::Unchecked => false,
    }
}
