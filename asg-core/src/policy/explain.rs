//! Why a packet was allowed or denied at its time.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::Policy;
use super::because::{Because, Blind, Governed, codes};
use super::enforce::{Load, Quirk};
use super::evaluate::{By, Decided, Decider, LogLine, RuleRef, Verdict};
use super::evaluator::{Answered, Place, Set, Sets};
use super::group::Phase;
use super::history::{Basis, History, Window};
use super::near::NearMiss;
use super::probe::{Opening, Probe, ProbeTraffic};
use super::settings::{Profile, Settings};
use crate::time::{TimeRange, Timestamp};

/// More explanations than this are not kept.
const MOST: usize = 1 << 18;

/// What a line in the log, or Cloud Controller's words, or a profile makes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It may pass.
    Allowed,
    /// It may not.
    Denied,
}

/// The chain that wrote a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Chain {
    /// That of the security groups.
    #[default]
    Asg,
    /// That between containers.
    C2c,
    /// The limit on new connections.
    RateLimit,
    /// No line is known: the packet is hypothetical.
    NoLine,
}

/// What is known of a packet, as plain values.
#[derive(Debug, Clone, Copy, Default)]
pub struct PacketFacts<'a> {
    /// When it was sent, as far as that is known.
    pub time: Option<TimeRange>,
    /// The name of the cell, if its settings differ from the foundation's.
    pub cell: Option<&'a str>,
    /// The space of the app.
    pub space: Option<&'a str>,
    /// What the container was for; tasks run.
    pub phase: Option<Phase>,
    /// The packet; `None` if its destination or its ports cannot be read.
    pub probe: Option<Probe>,
    /// Which chain wrote the line.
    pub chain: Chain,
    /// What the line says of it.
    pub observed: Option<Outcome>,
    /// When the container was made.
    pub created: Option<TimeRange>,
    /// In the static profiles, when the process version was desired: the making of its first container. `None` if the
    /// version is older than the logs.
    pub desired: Option<TimeRange>,
    /// Whether lines of its cell were lost at its time.
    pub lines_lost: bool,
    /// How many other apps the space has, if that is known: they gain what a change admits.
    pub other_apps: Option<u64>,
}

/// A snapshot that an answer rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct UsedSnapshot {
    /// When it was taken.
    pub taken_at: Timestamp,
    /// Whether it has everything.
    pub complete: bool,
    /// Whether that is assumed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub assumed: bool,
}

/// Why a packet was allowed or denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What decided about it.
    pub governed: Governed,
    /// What the line says.
    pub observed: Option<Outcome>,
    /// What Cloud Controller's words said at its time; `None` where that cannot be claimed.
    pub configured: Option<Outcome>,
    /// What the profile should have done; `None` where that cannot be claimed.
    pub enforced: Option<Outcome>,
    /// Whether the line says what the profile should have done; `None` without a claim.
    pub agrees: Option<bool>,
    /// How well the rules are known.
    pub basis: Basis,
    /// The snapshots that were asked, the earliest first.
    pub snapshots: Vec<UsedSnapshot>,
    /// Every owner of every entry that matches, in kernel order.
    pub matches: Vec<RuleRef>,
    /// What decided it.
    pub by: Option<By>,
    /// How surely that is known.
    pub decided: Option<Decided>,
    /// Why; at least one.
    pub because: Vec<Because>,
    /// For a denied packet what would have allowed it, the nearest first.
    pub near: Vec<NearMiss>,
    /// Other apps of the space, which gain what a change admits.
    pub other_apps: Option<u64>,
    /// The packets around it that cannot leave a line.
    pub blind: Vec<Blind>,
}

impl Explanation {
    /// Writes the members from `governed` to `blind` into an object, with at most `near` near misses.
    pub fn write<M: SerializeMap>(&self, near: Option<usize>, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("governed", &self.governed)?;
        let outcomes = [
            ("observed", self.observed),
            ("configured", self.configured),
            ("enforced", self.enforced),
        ];
        for (name, outcome) in outcomes {
            if let Some(outcome) = outcome {
                map.serialize_entry(name, &outcome)?;
            }
        }
        if let Some(agrees) = self.agrees {
            map.serialize_entry("agrees", &agrees)?;
        }
        map.serialize_entry(
            "rules",
            &RulesOutput { basis: self.basis, snapshots: &self.snapshots },
        )?;
        map.serialize_entry("matches", &self.matches)?;
        if let Some(by) = &self.by {
            by.write(map)?;
        }
        if let Some(decided) = self.decided {
            map.serialize_entry("decided", &decided)?;
        }
        map.serialize_entry("because", &codes(&self.because))?;
        let count = near.unwrap_or(usize::MAX).min(self.near.len());
        map.serialize_entry("near", &self.near[..count])?;
        if let Some(apps) = self.other_apps.filter(|_| count > 0) {
            map.serialize_entry("other_apps", &apps)?;
        }
        map.serialize_entry("blind", &codes(&self.blind))
    }
}

/// The member `rules`.
#[derive(Serialize)]
struct RulesOutput<'a> {
    basis: Basis,
    snapshots: &'a [UsedSnapshot],
}

/// One line of output: an explanation with what the caller knows of the line.
///
/// The members that are generic are written as they serialise.
#[derive(Debug, Clone)]
pub struct ExplainOutput<'a, App, Space> {
    /// The name of the log.
    pub source: Option<&'a str>,
    /// The number of the line in it.
    pub line: Option<u64>,
    /// The time of the packet.
    pub time: Option<Timestamp>,
    /// The app.
    pub app: Option<App>,
    /// The space.
    pub space: Option<Space>,
    /// What the container was for.
    pub phase: Option<Phase>,
    /// The packet.
    pub probe: Option<Probe>,
    /// The explanation.
    pub explanation: &'a Explanation,
    /// How many near misses to show at most.
    pub near: Option<usize>,
}

/// `{"kind":"explain","source":…,"line":…,"time":…,"app":…,"space":…,"phase":…,"packet":{…},"governed":…,…}`
impl<App: Serialize, Space: Serialize> Serialize for ExplainOutput<'_, App, Space> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", "explain")?;
        if let Some(source) = self.source {
            map.serialize_entry("source", source)?;
        }
        if let Some(line) = self.line {
            map.serialize_entry("line", &line)?;
        }
        if let Some(time) = self.time {
            map.serialize_entry("time", &time)?;
        }
        if let Some(app) = &self.app {
            map.serialize_entry("app", app)?;
        }
        if let Some(space) = &self.space {
            map.serialize_entry("space", space)?;
        }
        if let Some(phase) = self.phase {
            map.serialize_entry("phase", &phase)?;
        }
        if let Some(probe) = &self.probe {
            map.serialize_entry("packet", &PacketOutput(probe))?;
        }
        self.explanation.write(self.near, &mut map)?;
        map.end()
    }
}

/// `{"proto":"TCP","dst":"10.0.11.7","dpt":443}`
struct PacketOutput<'a>(&'a Probe);

impl Serialize for PacketOutput<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let (name, number) = match self.0.traffic {
            ProbeTraffic::Tcp { .. } => (Some("TCP"), 6),
            ProbeTraffic::Udp { .. } => (Some("UDP"), 17),
            ProbeTraffic::Icmp { .. } => (Some("ICMP"), 1),
            ProbeTraffic::Other(number) => {
                let known = match number {
                    2 => Some("IGMP"),
                    47 => Some("GRE"),
                    50 => Some("ESP"),
                    51 => Some("AH"),
                    58 => Some("ICMPv6"),
                    132 => Some("SCTP"),
                    136 => Some("UDPLITE"),
                    _ => None,
                };
                (known, number)
            }
        };
        match name {
            Some(name) => map.serialize_entry("proto", name)?,
            None => map.serialize_entry("proto", &number.to_string())?,
        }
        map.serialize_entry("dst", &self.0.destination)?;
        match self.0.traffic {
            ProbeTraffic::Tcp { port, .. } | ProbeTraffic::Udp { port } => {
                map.serialize_entry("dpt", &port)?;
            }
            ProbeTraffic::Icmp { icmp_type, code } => {
                map.serialize_entry("icmp_type", &icmp_type)?;
                map.serialize_entry("icmp_code", &code)?;
            }
            ProbeTraffic::Other(_) => {}
        }
        map.end()
    }
}

/// Everything that an explanation depends on.
#[derive(PartialEq, Eq, Hash, Debug)]
struct Key {
    settings: u32,
    space: Option<u32>,
    phase: Option<Phase>,
    probe: Option<Probe>,
    chain: Chain,
    observed: Option<Outcome>,
    window: Option<Window>,
    desired: Option<Window>,
    created: u32,
    is_early: bool,
    lines_lost: bool,
    other_apps: Option<u64>,
}

/// Explains packets.
///
/// It keeps what it has found out, so it is quicker the more packets are alike. Its memory is bounded. Threads have one
/// each of one [`Policy`].
///
/// ```
/// use asg_core::policy::{
///     Because, Outcome, PacketFacts, Phase, Policy, Probe, Settings, Snapshot,
/// };
/// use asg_core::{TimeRange, Timestamp};
///
/// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
///     {"guid":"g-1","rules":[{"protocol":"tcp","destination":"10.0.0.1","ports":"443"}],
///      "globally_enabled":{"running":true}}]}"#;
/// let policy = Policy::new(Snapshot::read(page, None)?, Settings::default().into());
/// let explanation = policy.explainer().explain(&PacketFacts {
///     time: Some(TimeRange::from(Timestamp::parse(b"2026-03-01T12:30:00Z")?)),
///     space: Some("s-1"),
///     phase: Some(Phase::Running),
///     probe: Some(Probe::tcp("10.0.0.1".parse().unwrap(), 80)),
///     observed: Some(Outcome::Denied),
///     ..PacketFacts::default()
/// });
/// assert_eq!(explanation.enforced, Some(Outcome::Denied));
/// assert_eq!(explanation.because, [Because::DefaultDeny]);
/// # Ok::<(), asg_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Explainer<'a> {
    policy: &'a Policy,
    history: History,
    sets: Sets,
    kept: HashMap<Key, Arc<Explanation>>,
    states: HashMap<Place, State>,
}

impl Policy {
    /// What explains packets.
    #[must_use]
    pub fn explainer(&self) -> Explainer<'_> {
        Explainer {
            policy: self,
            history: History::new(self),
            sets: Sets::default(),
            kept: HashMap::new(),
            states: HashMap::new(),
        }
    }
}

/// What the chain of a container holds when a snapshot is true.
#[derive(Debug, Clone, Copy)]
enum State {
    /// The snapshot's own rules.
    Own,
    /// The snapshot's own rules, which differ from those that were known before a chain was emptied.
    OwnAfterEmpty,
    /// Nothing but its end.
    Empty,
    /// The snapshot's own rules; or nothing, for a container that is older than this snapshot.
    OwnOrEmpty { since: u32 },
    /// The rules of an earlier snapshot.
    Old { snapshot: u32 },
    /// Nobody knows.
    Unknown,
}

/// What a chain may have held, and its answer.
struct Held {
    /// The rules; `None` if they are not known.
    rules: Option<Rules>,
    code: Option<Because>,
    /// The likeliest reason if a line contradicts.
    suspect: Option<Because>,
}

impl Held {
    const fn new(rules: Option<Rules>, code: Option<Because>) -> Self {
        Self { rules, code, suspect: None }
    }
}

enum Rules {
    Empty,
    Set { snapshot: u32, set: Set, answered: Arc<Answered> },
}

impl Held {
    fn outcome(&self) -> Option<Outcome> {
        match self.rules.as_ref()? {
            Rules::Empty => Some(Outcome::Denied),
            Rules::Set { answered, .. } => {
                answered.answer.ruling.as_ref().map(|ruling| match ruling.verdict {
                    Verdict::Allow => Outcome::Allowed,
                    Verdict::Deny | Verdict::Drop => Outcome::Denied,
                })
            }
        }
    }
}

impl Explainer<'_> {
    /// Explains one packet.
    pub fn explain(&mut self, facts: &PacketFacts<'_>) -> Arc<Explanation> {
        if self.sets.forget_if_full() || self.kept.len() > MOST {
            self.kept.clear();
            self.states.clear();
        }
        let settings = self.policy.settings().of(facts.cell);
        let window = |time: Option<TimeRange>| {
            time.map(|time| self.policy.window(&self.history, time, settings.sync_tolerance))
        };
        let tolerance = i64::from(settings.sync_tolerance) * 1_000_000_000;
        let nanos = |time: TimeRange| time.earliest().as_nanos();
        // A container that is made when no chain was broken any more has whole rules.
        let created = facts.created.map_or(0, |created| {
            let since = Timestamp::from_nanos(nanos(created).saturating_sub(tolerance));
            let listings = self.policy.listings.all();
            listings.partition_point(|listing| listing.snapshot.taken_at < since) as u32
        });
        let is_early = facts
            .time
            .zip(facts.created)
            .is_some_and(|(time, created)| nanos(time).saturating_sub(nanos(created)) <= tolerance);
        let key = Key {
            settings: self.policy.settings().place(facts.cell) as u32,
            space: facts.space.map(|space| self.sets.space(space)),
            phase: facts.phase,
            probe: facts.probe,
            chain: facts.chain,
            observed: facts.observed,
            window: window(facts.time),
            desired: window(facts.desired).filter(|_| settings.profile.is_static()),
            created,
            is_early,
            lines_lost: facts.lines_lost,
            other_apps: facts.other_apps,
        };
        if let Some(kept) = self.kept.get(&key) {
            return kept.clone();
        }
        let explanation = Arc::new(self.make(&key, facts.space, settings));
        self.kept.insert(key, explanation.clone());
        explanation
    }

    fn make(&mut self, key: &Key, space: Option<&str>, settings: &Settings) -> Explanation {
        let mut explanation = Explanation {
            governed: Governed::Asg,
            observed: key.observed,
            configured: None,
            enforced: None,
            agrees: None,
            basis: Basis::None,
            snapshots: Vec::new(),
            matches: Vec::new(),
            by: None,
            decided: None,
            because: Vec::new(),
            near: Vec::new(),
            other_apps: key.other_apps,
            blind: Vec::new(),
        };
        let governed = match (key.chain, &key.probe) {
            (Chain::C2c, _) => Governed::C2c,
            (_, None) => Governed::Unknown,
            (Chain::RateLimit, _) => Governed::RateLimit,
            // The line shows that the chain of the groups was asked.
            (Chain::Asg, _) => Governed::Asg,
            (Chain::NoLine, Some(probe)) => {
                Governed::beside_groups(settings, probe).unwrap_or(Governed::Asg)
            }
        };
        explanation.governed = governed;
        let mut because = BTreeSet::new();
        match (governed, key.probe) {
            (Governed::Asg | Governed::RateLimit, Some(probe)) => {
                let probe = in_chain(probe, key.chain);
                self.judge(key, space, settings, &probe, &mut explanation, &mut because);
            }
            _ => {
                because.insert(Because::NotGoverned);
            }
        }
        explanation.because = because.into_iter().collect();
        explanation.blind = blind(key, settings, &explanation);
        explanation
    }

    fn judge(
        &mut self,
        key: &Key,
        space: Option<&str>,
        settings: &Settings,
        probe: &Probe,
        explanation: &mut Explanation,
        because: &mut BTreeSet<Because>,
    ) {
        let is_static = settings.profile.is_static();
        let phases = key.phase.map_or(Phase::ALL.to_vec(), |phase| vec![phase]);
        if key.phase.is_none() {
            because.insert(Because::PhaseUnknown);
        }
        if space.is_none() {
            because.insert(Because::SpaceUnknown);
        }
        if probe.is_pick_up() {
            because.insert(Because::PickUp);
        }
        let places = |snapshots: &[u32]| {
            let mut places = Vec::new();
            for snapshot in snapshots {
                places.extend(phases.iter().map(|phase| Place {
                    snapshot: *snapshot,
                    settings: key.settings,
                    space: key.space,
                    phase: *phase,
                }));
            }
            places
        };

        // Cloud Controller's words at the time of the packet.
        let worded = key.window.map(|window| self.history.configured(window)).unwrap_or_default();
        let worded = places(&worded);
        let whole = !self.history.partial && space.is_some();
        let words: Vec<_> = worded.iter().map(|place| self.words(*place, space, probe)).collect();
        explanation.configured = claim(words.into_iter(), whole);

        // The rules that were in the kernel.
        let window = if is_static { key.desired } else { key.window };
        let Some(bearing) = window.map(|window| self.history.enforced(window)) else {
            let known = is_static && !self.history.list.is_empty();
            because.insert(if known { Because::StaticContainer } else { Because::NoSnapshot });
            default_deny(explanation, because);
            return;
        };
        let candidates = places(&bearing.snapshots);
        let mut sorted = bearing.snapshots.clone();
        sorted.sort_unstable();
        explanation.snapshots = sorted.iter().map(|n| self.used(*n)).collect();
        explanation.basis = bearing.basis;
        if bearing.partial {
            because.insert(Because::PartialSnapshot);
        }
        if bearing.basis == Basis::None {
            because.insert(Because::NoSnapshot);
            default_deny(explanation, because);
            return;
        }
        if bearing.basis == Basis::Exact && !self.is_unchanged(&sorted, &phases, key, space) {
            explanation.basis = Basis::Either;
        }

        let mut held = Vec::new();
        for place in &candidates {
            held.extend(self.held(*place, space, key, probe));
        }
        self.distinct(&mut held);
        because.extend(held.iter().filter_map(|held| held.code));
        if is_static && !self.are_same(&worded, &candidates, space) {
            because.insert(Because::StaticContainer);
        }
        for held in &held {
            if let Some(Rules::Set { snapshot, set, answered }) = &held.rules {
                explanation.matches.extend(self.labelled(&answered.matches, *snapshot));
                let entries = self.sets.effective(*set).entries();
                if answered.answer.matches.iter().any(|n| !entries[*n as usize].log) {
                    explanation.blind = vec![Blind::UnloggedRule];
                }
            }
        }
        if explanation.governed == Governed::RateLimit {
            because.insert(Because::RateLimit);
            return;
        }

        let outcomes: Vec<Option<Outcome>> = held.iter().map(Held::outcome).collect();
        explanation.enforced = claim(outcomes.iter().copied(), whole);
        let differ = outcomes.iter().any(|outcome| *outcome != outcomes[0]);
        if differ && explanation.basis != Basis::Exact && !is_static && phases.len() == 1 {
            because.insert(Because::SyncLag);
        }
        self.decide(key, settings, &held, explanation, because);
        self.quirks(&candidates, space, &held, probe, because);
        if explanation.agrees == Some(false) {
            let late = if is_static { Because::StaticContainer } else { Because::SyncLag };
            because.insert(held.iter().find_map(|held| held.suspect).unwrap_or(late));
        }
        let denied = explanation.observed.or(explanation.enforced) == Some(Outcome::Denied);
        if let ([place, ..], [_], true) = (&candidates[..], &phases[..], denied) {
            let near = self.sets.near(self.policy, *place, space, probe);
            explanation.near = near.to_vec();
        }
    }

    /// Names the decider, as surely as it is known, and compares with the line.
    fn decide(
        &self,
        key: &Key,
        settings: &Settings,
        held: &[Held],
        explanation: &mut Explanation,
        because: &mut BTreeSet<Because>,
    ) {
        let observed = explanation.observed;
        explanation.agrees = observed.zip(explanation.enforced).map(|(a, b)| a == b);
        if !held.is_empty() && held.iter().all(is_by_network) {
            explanation.governed = Governed::DenyNetwork;
            because.insert(Because::DenyNetwork);
        }
        // Between the last rules that were taken and those that are not there may have been others.
        let is_frozen = |held: &Held| held.code == Some(Because::FrozenSet);
        let is_known = explanation.basis == Basis::Exact
            && key.space.is_some()
            && key.phase.is_some()
            && !held.iter().any(is_frozen);
        // A line of an allowed packet is written by a rule that logs.
        let wants_log =
            observed == Some(Outcome::Allowed) && settings.iptables_logging == Some(false);
        let outcome = observed.or(explanation.enforced);
        if let [Held { rules: Some(rules), .. }] = held
            && is_known
            && (observed.is_none() || explanation.agrees == Some(true))
        {
            match rules {
                Rules::Empty => {
                    explanation.by = Some(By::Other("default"));
                    explanation.decided = Some(Decided::Certain);
                    because.insert(Because::DefaultDeny);
                    return;
                }
                Rules::Set { snapshot, answered, .. } => {
                    let ruling = answered.answer.ruling.as_ref();
                    let ruling = ruling.expect("a set with an outcome has a verdict");
                    let fits = !wants_log || ruling.log == Some(LogLine::Ok);
                    if fits {
                        because.insert(match (ruling.verdict, &ruling.by) {
                            (_, Decider::DenyNetwork) => Because::DenyNetwork,
                            (Verdict::Allow, _) => Because::Rule,
                            (Verdict::Deny | Verdict::Drop, _) => Because::DefaultDeny,
                        });
                        let by = answered.by.as_ref();
                        explanation.by = by.map(|by| self.labelled_by(by, *snapshot));
                        explanation.decided = Some(ruling.decided);
                        if ruling.decided == Decided::Undetermined {
                            because.insert(Because::OrderUnknown);
                        }
                        return;
                    }
                    explanation.agrees = Some(false);
                }
            }
        }
        explanation.decided = Some(Decided::Undetermined);
        match outcome {
            Some(Outcome::Denied) if explanation.governed == Governed::DenyNetwork => {
                explanation.by = Some(By::Other("deny_network"));
            }
            Some(Outcome::Denied) => {
                explanation.by = Some(By::Other("default"));
                because.insert(Because::DefaultDeny);
            }
            Some(Outcome::Allowed) | None => {
                let mut any = Vec::new();
                for held in held {
                    if let Some(Rules::Set { snapshot, set, answered }) = &held.rules {
                        let allows = held.outcome() == Some(Outcome::Allowed);
                        if allows {
                            any.extend(self.possible(*set, answered, *snapshot, wants_log));
                        }
                    }
                }
                if outcome.is_some() && !any.is_empty() {
                    because.insert(Because::Rule);
                }
                if wants_log && any.is_empty() && explanation.enforced == Some(Outcome::Allowed) {
                    explanation.agrees = Some(false);
                }
                explanation.by = (!any.is_empty()).then_some(By::AnyOf(any));
            }
        }
    }

    /// The rules of a set that may have decided, at best those that log.
    fn possible(
        &self,
        set: Set,
        answered: &Answered,
        snapshot: u32,
        wants_log: bool,
    ) -> Vec<RuleRef> {
        let effective = self.sets.effective(set);
        let by = answered.answer.ruling.as_ref().map(|ruling| &ruling.by);
        let entries: Vec<u32> = match by {
            Some(Decider::Entry(n)) => vec![*n],
            Some(Decider::AnyOf(entries)) => entries.clone(),
            _ => Vec::new(),
        };
        let logs = |n: &u32| effective.entries()[*n as usize].log;
        let entries = if wants_log && !entries.iter().any(logs) {
            // The rules were others; of these any that logs can have decided.
            answered.answer.matches.iter().copied().filter(logs).collect()
        } else {
            entries
        };
        let By::AnyOf(rules) = effective.by(&Decider::AnyOf(entries)) else { return Vec::new() };
        self.labelled(&rules, snapshot)
    }

    fn labelled(&self, rules: &[RuleRef], snapshot: u32) -> Vec<RuleRef> {
        let snapshot = Some(self.policy.taken_at(snapshot));
        rules.iter().map(|rule| RuleRef { snapshot, ..rule.clone() }).collect()
    }

    fn labelled_by(&self, by: &By, snapshot: u32) -> By {
        match by {
            By::Rule(rule) => {
                By::Rule(self.labelled(std::slice::from_ref(rule), snapshot).remove(0))
            }
            By::AnyOf(rules) => By::AnyOf(self.labelled(rules, snapshot)),
            By::Other(word) => By::Other(word),
        }
    }

    fn used(&self, snapshot: u32) -> UsedSnapshot {
        let snapshot = &self.policy.listings.all()[snapshot as usize].snapshot;
        UsedSnapshot {
            taken_at: snapshot.taken_at,
            complete: snapshot.complete,
            assumed: snapshot.assumed,
        }
    }

    /// Whether all these snapshots, which are in order, have the same entries, and no group changed in between.
    fn is_unchanged(
        &mut self,
        snapshots: &[u32],
        phases: &[Phase],
        key: &Key,
        space: Option<&str>,
    ) -> bool {
        let (Some(first), Some(last)) = (snapshots.first(), snapshots.last()) else { return false };
        phases.iter().all(|phase| {
            let place = |snapshot: u32| Place {
                snapshot,
                settings: key.settings,
                space: key.space,
                phase: *phase,
            };
            let set = self.sets.set(self.policy, place(*first), space);
            let same = snapshots.iter().all(|snapshot| {
                let other = self.sets.set(self.policy, place(*snapshot), space);
                self.sets.is_same(set, other)
            });
            same && !self.policy.is_updated_between((*first, *last), space, *phase)
        })
    }

    fn are_same(&mut self, some: &[Place], others: &[Place], space: Option<&str>) -> bool {
        let mut sets: Vec<Set> = Vec::new();
        for place in some.iter().chain(others) {
            sets.push(self.sets.set(self.policy, *place, space));
        }
        sets.windows(2).all(|pair| self.sets.is_same(pair[0], pair[1]))
    }

    /// Removes what is held twice; the first stays.
    fn distinct(&self, held: &mut Vec<Held>) {
        let mut kept: Vec<Held> = Vec::new();
        for one in held.drain(..) {
            let same = |other: &Held| match (&one.rules, &other.rules) {
                (Some(Rules::Empty), Some(Rules::Empty)) | (None, None) => one.code == other.code,
                (Some(Rules::Set { set: a, .. }), Some(Rules::Set { set: b, .. })) => {
                    self.sets.is_same(*a, *b)
                }
                _ => false,
            };
            match kept.iter_mut().find(|other| same(other)) {
                Some(other) => other.code = other.code.or(one.code),
                None => kept.push(one),
            }
        }
        *held = kept;
    }

    /// What the chain may have held when this snapshot was true.
    fn held(&mut self, place: Place, space: Option<&str>, key: &Key, probe: &Probe) -> Vec<Held> {
        let state = self.state(place, space);
        let mut set = |snapshot: u32, code| {
            let set = self.sets.set(self.policy, Place { snapshot, ..place }, space);
            let answered = self.sets.answer(set, probe);
            Held::new(Some(Rules::Set { snapshot, set, answered }), code)
        };
        let is_static = self.policy.settings().all().nth(place.settings as usize);
        let is_static = is_static.is_some_and(|settings| settings.profile.is_static());
        let poisoned = Some(Because::PoisonedSet);
        match state {
            State::Own => vec![set(place.snapshot, None)],
            State::OwnAfterEmpty => {
                vec![Held { suspect: poisoned, ..set(place.snapshot, None) }]
            }
            State::OwnOrEmpty { since } if key.created > since => vec![set(place.snapshot, None)],
            State::OwnOrEmpty { .. } => {
                vec![set(place.snapshot, poisoned), Held::new(Some(Rules::Empty), poisoned)]
            }
            State::Empty => vec![Held::new(Some(Rules::Empty), poisoned)],
            State::Old { snapshot } => vec![set(snapshot, Some(Because::FrozenSet))],
            State::Unknown if is_static => {
                vec![Held::new(None, Some(Because::UnenforceableRule))]
            }
            State::Unknown => vec![Held::new(None, Some(Because::FrozenSet))],
        }
    }

    /// What the chain holds, from the snapshots up to this one.
    ///
    /// A set that the agent cannot read empties the chain, and a set that equals the one before does not fill it again. A
    /// set that iptables refuses leaves the old one in place.
    fn state(&mut self, place: Place, space: Option<&str>) -> State {
        if let Some(state) = self.states.get(&place) {
            return *state;
        }
        let state = self.find_state(place, space);
        self.states.insert(place, state);
        state
    }

    fn find_state(&mut self, place: Place, space: Option<&str>) -> State {
        let set = self.sets.set(self.policy, place, space);
        let settings = self.policy.listings.settings_at(place.settings as usize);
        match (self.sets.effective(set).load(), settings.profile.is_static()) {
            (Load::Ok, true) => return State::Own,
            (_, true) => return State::Unknown,
            (Load::Skipped, false) => return State::Empty,
            (Load::Ok | Load::Refused | Load::RefusedLrp, false) => {}
        }
        let refused = self.sets.effective(set).load() != Load::Ok;
        let upto = self.history.list.partition_point(|n| *n < place.snapshot);
        let earlier: Vec<u32> = self.history.list[..upto].iter().rev().copied().collect();
        let mut since = place.snapshot;
        let mut is_poisoned = false;
        for snapshot in earlier {
            let other = self.sets.set(self.policy, Place { snapshot, ..place }, space);
            match self.sets.effective(other).load() {
                Load::Refused | Load::RefusedLrp => {}
                // Between the two the chain may have been filled.
                Load::Skipped if refused => return State::Unknown,
                Load::Skipped => is_poisoned = true,
                Load::Ok if refused => return State::Old { snapshot },
                Load::Ok if is_poisoned && self.sets.is_same(set, other) => {
                    return State::OwnOrEmpty { since };
                }
                Load::Ok if self.sets.is_same(set, other) => since = snapshot,
                Load::Ok if is_poisoned => return State::OwnAfterEmpty,
                Load::Ok => return State::Own,
            }
        }
        match (refused, is_poisoned) {
            (true, _) => State::Unknown,
            // The rules before the chain was emptied are not known, and may be these.
            (false, true) => State::OwnOrEmpty { since },
            (false, false) => State::Own,
        }
    }

    /// What Cloud Controller's words make of the packet.
    fn words(&self, place: Place, space: Option<&str>, probe: &Probe) -> Option<Outcome> {
        let listing = &self.policy.listings.all()[place.snapshot as usize];
        let mut outcome = Some(Outcome::Denied);
        for group in listing.effective(space, place.phase) {
            let (snapshot, settings) = (place.snapshot as usize, place.settings as usize);
            for rule in self.policy.listings.rules(snapshot, group as usize, settings) {
                match rule.words.allow(probe) {
                    Some(true) => return Some(Outcome::Allowed),
                    Some(false) => {}
                    None => outcome = None,
                }
            }
        }
        outcome
    }

    /// Adds the codes of rules that are not enforced as they read, where that made a difference.
    fn quirks(
        &self,
        candidates: &[Place],
        space: Option<&str>,
        held: &[Held],
        probe: &Probe,
        because: &mut BTreeSet<Because>,
    ) {
        for place in candidates {
            let of_place = held.iter().find(|held| {
                matches!(&held.rules, Some(Rules::Set { snapshot, .. }) if *snapshot == place.snapshot)
            });
            let Some(enforced) = of_place.and_then(Held::outcome) else { continue };
            let worded = self.words(*place, space, probe);
            if worded.is_none_or(|worded| worded == enforced) {
                continue;
            }
            let listing = &self.policy.listings.all()[place.snapshot as usize];
            for group in listing.effective(space, place.phase) {
                let (snapshot, settings) = (place.snapshot as usize, place.settings as usize);
                for rule in self.policy.listings.rules(snapshot, group as usize, settings) {
                    let allows = rule.words.allow(probe) == Some(true);
                    let made = &rule.enforceable;
                    let matches = made.entries.iter().any(|entry| entry.matches(probe));
                    match (allows, matches) {
                        (true, false) if made.quirks.contains(&Quirk::IcmpCodeAny) => {
                            because.insert(Because::IcmpCodeAny);
                        }
                        (true, false) => {
                            because.insert(Because::UnenforceableRule);
                        }
                        (false, true) if made.quirks.contains(&Quirk::IcmpTypeAny) => {
                            because.insert(Because::IcmpTypeAny);
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}

/// Whether a network that containers may not reach decides.
fn is_by_network(held: &Held) -> bool {
    let Some(Rules::Set { answered, .. }) = &held.rules else { return false };
    let ruling = answered.answer.ruling.as_ref();
    ruling.is_some_and(|ruling| ruling.by == Decider::DenyNetwork)
}

/// The outcome that all agree on. Where a part of the groups is not known, no denial is claimed.
fn claim(mut outcomes: impl Iterator<Item = Option<Outcome>>, whole: bool) -> Option<Outcome> {
    let first = outcomes.next()??;
    let agreed = outcomes.all(|outcome| outcome == Some(first));
    (agreed && (whole || first == Outcome::Allowed)).then_some(first)
}

fn default_deny(explanation: &mut Explanation, because: &mut BTreeSet<Because>) {
    explanation.decided = Some(Decided::Undetermined);
    match (explanation.governed, explanation.observed) {
        (Governed::RateLimit, _) => {
            because.insert(Because::RateLimit);
            explanation.decided = None;
        }
        (_, Some(Outcome::Denied)) => {
            because.insert(Because::DefaultDeny);
            explanation.by = Some(By::Other("default"));
        }
        _ => {}
    }
}

/// The packet as the rules met it: a line of the groups' chain shows that it was not dropped before.
fn in_chain(probe: Probe, chain: Chain) -> Probe {
    match (chain, probe.traffic) {
        (Chain::Asg | Chain::RateLimit, ProbeTraffic::Tcp { port, opening: Opening::Invalid }) => {
            let traffic = ProbeTraffic::Tcp { port, opening: Opening::New };
            Probe { traffic, ..probe }
        }
        _ => probe,
    }
}

/// The packets around this one that cannot leave a line.
fn blind(key: &Key, settings: &Settings, explanation: &Explanation) -> Vec<Blind> {
    let mut found: BTreeSet<Blind> = explanation.blind.iter().copied().collect();
    let outcome = explanation.observed.or(explanation.enforced);
    let is_guardian = settings.profile == Profile::Guardian;
    match (explanation.governed, outcome) {
        (Governed::C2c, _) => {
            found.insert(Blind::C2cUnlogged);
        }
        (Governed::Cell, _) => {
            found.insert(Blind::HostTraffic);
        }
        (Governed::DenyNetwork, _) => {
            found.insert(Blind::DenyNetwork);
        }
        (Governed::Asg, Some(Outcome::Allowed)) => {
            found.insert(Blind::Established);
            if matches!(key.probe, Some(Probe { traffic: ProbeTraffic::Udp { .. }, .. })) {
                found.insert(Blind::UdpReplied);
                if !is_guardian {
                    found.insert(Blind::UdpRate);
                }
            }
        }
        (Governed::Asg, Some(Outcome::Denied)) if is_guardian => {
            found.insert(Blind::GuardianDeny);
        }
        (Governed::Asg, Some(Outcome::Denied)) => {
            found.insert(Blind::DenyRate);
            if settings.iptables_logging == Some(false) {
                found.insert(Blind::DenyLoggingOff);
            }
        }
        (Governed::RateLimit, _) => {
            found.insert(Blind::DenyRate);
        }
        (Governed::Asg | Governed::Unknown, _) => {}
    }
    if key.probe.is_some_and(|probe| probe.is_invalid()) && !is_guardian {
        found.insert(Blind::TcpInvalid);
    }
    if key.is_early {
        found.insert(Blind::BeforeChain);
    }
    if key.lines_lost {
        found.insert(Blind::LinesLost);
    }
    found.into_iter().collect()
}
