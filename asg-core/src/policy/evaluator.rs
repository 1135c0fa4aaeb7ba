//! Evaluates many packets: sets of rules and answers are computed once.

use std::hash::Hash;
use std::sync::Arc;

use hashbrown::HashMap;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::Policy;
use super::because::{Because, Codes, Governed};
use super::effective::Effective;
use super::enforce::Load;
use super::evaluate::{Answer, By, Decided, Decider, LogLine, RuleRef, Verdict};
use super::group::Phase;
use super::listing::Neighbourhood;
use super::near::{At, NearMiss, near};
use super::probe::Probe;

/// The maximum number of cached answers.
const MOST_ANSWERS: usize = 1 << 18;
/// The maximum number of cached entries, in all sets together.
const MOST_ENTRIES: usize = 1 << 22;

/// The answer about a packet as of one snapshot, for outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evaluation {
    /// The fate of the set of rules.
    pub load: Load,
    /// The mechanism that decides about such packets: `asg`, `c2c` or `cell`.
    pub governed: Governed,
    /// The kernel's action; `None` if the set is refused, or security groups do not decide.
    pub verdict: Option<Verdict>,
    /// The decider.
    pub by: Option<By>,
    /// The certainty of the decider.
    pub decided: Option<Decided>,
    /// The line that it leaves.
    pub log: Option<LogLine>,
    /// Every owner of every entry that matches, in kernel order.
    pub matches: Vec<RuleRef>,
    /// For a denied packet the changes that would have allowed it, the nearest first.
    pub near: Vec<NearMiss>,
    /// The facts that make the answer less certain: `space_unknown`, `partial_snapshot`.
    pub because: Codes<Because>,
}

impl Evaluation {
    fn not_asked(governed: Governed) -> Self {
        Self {
            load: Load::Ok,
            governed,
            verdict: None,
            by: None,
            decided: None,
            log: None,
            matches: Vec::new(),
            near: Vec::new(),
            because: Codes::new(),
        }
    }

    pub(super) fn write<M: SerializeMap>(
        &self,
        near: Option<usize>,
        map: &mut M,
    ) -> Result<(), M::Error> {
        map.serialize_entry("load", &self.load)?;
        if self.governed != Governed::Asg {
            map.serialize_entry("governed", &self.governed)?;
        }
        let Some(verdict) = self.verdict else { return Ok(()) };
        map.serialize_entry("verdict", &verdict)?;
        if let Some(by) = &self.by {
            by.write(map)?;
        }
        if let Some(decided) = self.decided {
            map.serialize_entry("decided", &decided)?;
        }
        if let Some(log) = self.log {
            map.serialize_entry("log", &log)?;
        }
        map.serialize_entry("matches", &self.matches)?;
        if verdict == Verdict::Deny {
            let count = near.unwrap_or(usize::MAX).min(self.near.len());
            map.serialize_entry("near", &self.near[..count])?;
        }
        if !self.because.is_empty() {
            map.serialize_entry("because", &self.because)?;
        }
        Ok(())
    }
}

/// `{"load":…,"verdict":…,…}`, with all near misses.
impl Serialize for Evaluation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.write(None, &mut map)?;
        map.end()
    }
}

/// An answer and its rules, as they are for every snapshot with the same set.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) answer: Answer,
    pub(super) matches: Vec<RuleRef>,
    pub(super) by: Option<By>,
}

/// A set of rules by its number.
pub(super) type Set = u32;

/// The key of a set: the settings, the phase, and versions of groups' rules, each with whether its
/// group is global.
type Rules = (u32, Phase, Vec<(u32, bool)>);

/// Sets of rules, each computed once for all spaces and snapshots that have it, and answers about
/// packets.
#[derive(Debug, Default)]
pub(super) struct Sets {
    spaces: HashMap<Box<str>, u32>,
    places: HashMap<Place, Set>,
    keys: HashMap<Rules, Set>,
    made: Vec<Arc<Effective>>,
    entries: usize,
    answers: HashMap<(Set, Probe), Arc<Answered>>,
    /// By the numbers of neighbourhoods.
    near: HashMap<(u32, Probe), Arc<[NearMiss]>>,
    neighbours: HashMap<Place, u32>,
    neighbourhoods: HashMap<(u32, Option<u32>, Phase, Neighbourhood), u32>,
}

/// Where a set of rules holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) snapshot: u32,
    pub(super) settings: u32,
    pub(super) space: Option<u32>,
    pub(super) phase: Phase,
}

impl Sets {
    /// Returns the number of a space; equal names give equal numbers until [`Self::forget_if_full`]
    /// clears them.
    pub(super) fn space(&mut self, space: &str) -> u32 {
        if let Some(number) = self.spaces.get(space) {
            return *number;
        }
        let number = self.spaces.len() as u32;
        self.spaces.insert(space.into(), number);
        number
    }

    /// Clears the cache if it is full, and returns whether it did. Earlier numbers are invalid
    /// then.
    pub(super) fn forget_if_full(&mut self) -> bool {
        let full = self.answers.len() + self.near.len() + self.spaces.len() > MOST_ANSWERS
            || self.places.len() + self.neighbours.len() > MOST_ANSWERS
            || self.entries > MOST_ENTRIES;
        if full {
            *self = Self::default();
        }
        full
    }

    /// Returns the set that holds there.
    pub(super) fn set(&mut self, policy: &Policy, place: Place, space: Option<&str>) -> Set {
        if let Some(set) = self.places.get(&place) {
            return *set;
        }
        let listing = &policy.listings.all()[place.snapshot as usize];
        let key = (place.settings, place.phase, listing.key(space, place.phase));
        let next = self.made.len() as Set;
        let set = *self.keys.entry(key).or_insert(next);
        if set == next {
            let (snapshot, settings) = (place.snapshot as usize, place.settings as usize);
            let set = Effective::new(&policy.listings, snapshot, settings, space, place.phase);
            self.entries += set.entries().len() + 1;
            self.made.push(Arc::new(set));
        }
        self.places.insert(place, set);
        set
    }

    pub(super) fn effective(&self, set: Set) -> &Arc<Effective> {
        &self.made[set as usize]
    }

    /// Returns whether two sets ask for the same kernel rules by the same owners.
    pub(super) fn is_same(&self, a: Set, b: Set) -> bool {
        a == b || self.effective(a).is_same(self.effective(b))
    }

    pub(super) fn answer(&mut self, set: Set, probe: &Probe) -> Arc<Answered> {
        if let Some(answered) = self.answers.get(&(set, *probe)) {
            return answered.clone();
        }
        let effective = self.effective(set);
        let answer = effective.evaluate(probe);
        let answered = Arc::new(Answered {
            matches: effective.owners_of(&answer.matches),
            by: answer.ruling.as_ref().map(|ruling| effective.by(&ruling.by)),
            answer,
        });
        self.answers.insert((set, *probe), answered.clone());
        answered
    }

    pub(super) fn near(
        &mut self,
        policy: &Policy,
        place: Place,
        space: Option<&str>,
        probe: &Probe,
    ) -> Arc<[NearMiss]> {
        let neighbours = self.neighbours(policy, place, space);
        if let Some(found) = self.near.get(&(neighbours, *probe)) {
            return found.clone();
        }
        let set = self.set(policy, place, space);
        let at = At {
            listings: &policy.listings,
            snapshot: place.snapshot as usize,
            settings: place.settings as usize,
        };
        let found: Arc<[NearMiss]> = near(at, self.effective(set), space, probe).into();
        self.near.insert((neighbours, *probe), found.clone());
        found
    }

    /// Returns the number of the groups and bindings around a space there: equal numbers have equal
    /// near misses, also of different snapshots.
    fn neighbours(&mut self, policy: &Policy, place: Place, space: Option<&str>) -> u32 {
        if let Some(number) = self.neighbours.get(&place) {
            return *number;
        }
        let listing = &policy.listings.all()[place.snapshot as usize];
        let around = listing.neighbourhood(space);
        let key = (place.settings, place.space, place.phase, around);
        let next = self.neighbourhoods.len() as u32;
        let number = *self.neighbourhoods.entry(key).or_insert(next);
        self.neighbours.insert(place, number);
        number
    }
}

/// Evaluates packets as of the last snapshot, with the foundation's settings.
///
/// It caches its results, so it is faster the more packets are alike. Its memory is bounded.
///
/// ```
/// use asg_core::policy::{Phase, Policy, Probe, Settings, Snapshot, Verdict};
///
/// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
///     {"guid":"g-1","rules":[{"protocol":"tcp","destination":"10.0.0.1","ports":"443"}],
///      "globally_enabled":{"running":true}}]}"#;
/// let policy = Policy::new(Snapshot::parse(page, None)?, Settings::default().into());
/// let mut evaluator = policy.evaluator().unwrap();
/// let denied = evaluator.evaluate(Some("s-1"), Phase::Running, &Probe::tcp("10.0.0.1".parse().unwrap(), 80));
/// assert_eq!(denied.verdict, Some(Verdict::Deny));
/// assert_eq!(denied.near[0].change.to_json(), r#"{"ports":"443,80"}"#);
/// # Ok::<(), asg_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Evaluator {
    policy: Policy,
    sets: Sets,
    snapshot: u32,
    kept: HashMap<(Option<u32>, Phase, Probe), Arc<Evaluation>>,
}

impl Policy {
    /// Creates an evaluator of packets as of the last snapshot; `None` without a snapshot.
    ///
    /// ```
    /// # use asg_core::policy::{Phase, Policy, Probe, Settings, Snapshot};
    /// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
    ///     {"guid":"g-1","name":"web","globally_enabled":{"running":true},
    ///     "rules":[{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}]}]}"#;
    /// let policy = Policy::new(Snapshot::parse(page, None).unwrap(), Settings::default().into());
    /// # let [https, http] = [443, 80].map(|port| Probe::tcp([10, 0, 0, 1].into(), port));
    /// let rules = policy.effective("s-1", Phase::Running).unwrap();
    /// let mut evaluator = policy.evaluator().unwrap();
    /// let denied = evaluator.evaluate(Some("s-1"), Phase::Running, &http);
    /// assert_eq!(denied.verdict, Some(asg_core::policy::Verdict::Deny));
    /// ```
    #[must_use]
    pub fn evaluator(&self) -> Option<Evaluator> {
        let last = self.listings.all().len().checked_sub(1)?;
        let (sets, kept) = (Sets::default(), HashMap::new());
        Some(Evaluator { policy: self.clone(), sets, snapshot: last as u32, kept })
    }
}

impl Evaluator {
    /// Evaluates a packet that belongs to no connection yet.
    ///
    /// For an unknown space only the global groups are known, and nothing is certain.
    ///
    /// ```
    /// # use asg_core::policy::{Phase, Policy, Probe, Settings, Snapshot};
    /// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
    ///     {"guid":"g-1","name":"web","globally_enabled":{"running":true},
    ///     "rules":[{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}]}]}"#;
    /// let policy = Policy::new(Snapshot::parse(page, None).unwrap(), Settings::default().into());
    /// # let [https, http] = [443, 80].map(|port| Probe::tcp([10, 0, 0, 1].into(), port));
    /// let rules = policy.effective("s-1", Phase::Running).unwrap();
    /// let mut evaluator = policy.evaluator().unwrap();
    /// let allowed = evaluator.evaluate(Some("s-1"), Phase::Running, &https);
    /// assert_eq!(allowed.verdict, Some(asg_core::policy::Verdict::Allow));
    /// ```
    pub fn evaluate(
        &mut self,
        space: Option<&str>,
        phase: Phase,
        probe: &Probe,
    ) -> Arc<Evaluation> {
        if self.sets.forget_if_full() || self.kept.len() > MOST_ANSWERS {
            self.kept.clear();
        }
        let number = space.map(|space| self.sets.space(space));
        if let Some(kept) = self.kept.get(&(number, phase, *probe)) {
            return kept.clone();
        }
        let place = Place { snapshot: self.snapshot, settings: 0, space: number, phase };
        let evaluation = Arc::new(self.evaluate_at(place, space, probe));
        self.kept.insert((number, phase, *probe), evaluation.clone());
        evaluation
    }

    fn evaluate_at(&mut self, place: Place, space: Option<&str>, probe: &Probe) -> Evaluation {
        let settings = self.policy.settings().of(None);
        if let Some(governed) = Governed::beside_groups(settings, probe) {
            return Evaluation::not_asked(governed);
        }
        let set = self.sets.set(&self.policy, place, space);
        let answered = self.sets.answer(set, probe);
        let near = self.sets.near(&self.policy, place, space, probe);
        let mut because = Codes::new();
        if space.is_none() {
            because.insert(Because::SpaceUnknown);
        }
        if !self.policy.listings.all()[self.snapshot as usize].snapshot.complete {
            because.insert(Because::PartialSnapshot);
        }
        let ruling = answered.answer.ruling.as_ref();
        let mut evaluation = Evaluation {
            load: answered.answer.load,
            governed: Governed::Asg,
            verdict: ruling.map(|ruling| ruling.verdict),
            by: answered.by.clone(),
            decided: ruling.map(|ruling| ruling.decided),
            log: ruling.and_then(|ruling| ruling.log),
            matches: answered.matches.clone(),
            near: near.to_vec(),
            because,
        };
        if !evaluation.because.is_empty() && evaluation.decided.is_some() {
            evaluation.decided = Some(Decided::Undetermined);
            let effective = self.sets.effective(set);
            if let Some(Decider::Entry(n)) = ruling.map(|ruling| &ruling.by) {
                // It decides unless an unseen group comes first.
                evaluation.by = Some(effective.by(&Decider::AnyOf(vec![*n])));
            }
        }
        evaluation
    }
}
