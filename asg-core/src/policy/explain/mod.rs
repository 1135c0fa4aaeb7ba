//! Explains why a packet was allowed or denied at its time.
//!
//! | module | what it does |
//! |---|---|
//! | `facts` | describes a packet |
//! | `situation` | finds the rules that may have held at a time, whatever the packet |
//! | `chain` | finds what the container's chain may have held |
//! | `claims` | compares what the rules do with Cloud Controller's words |
//! | `judge` | names the decider and the reasons |
//! | `blind` | lists the packets that leave no line |
//! | `explanation` | holds the answer, and writes it as JSON |

mod blind;
mod chain;
mod claims;
mod explanation;
mod facts;
mod judge;
mod situation;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use hashbrown::HashMap;

pub use explanation::{ExplainOutput, Explanation, UsedSnapshot};
pub use facts::{Chain, Outcome, PacketFacts};

use self::blind::blind;
use self::chain::State;
use self::judge::Case;
use self::situation::Situation;
use super::Policy;
use super::because::{Because, Blind, Codes, Governed};
use super::evaluator::{Place, Set, Sets};
use super::group::Phase;
use super::history::{Basis, History, Window};
use super::probe::{Opening, Probe, ProbeTraffic};
use crate::time::{TimeRange, Timestamp};

/// The cache is emptied when it holds more explanations than this.
const MOST: usize = 1 << 18;

/// Everything on which the judgement of a packet depends.
#[derive(PartialEq, Eq, Debug)]
struct Key {
    when: When,
    probe: Option<Probe>,
    chain: Chain,
    observed: Option<Outcome>,
    /// Whether other cells have settings of their own, and the line shows no cell.
    is_cell_unknown: bool,
}

/// Hashes only the members that differ most: each packet needs a hash.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let When { settings, space, phase, window, .. } = self.when;
        let of_packet = (self.observed.map_or(2, |it| it as u64) << 2) | self.chain as u64;
        let of_phase = phase.map_or(2, |phase| phase as u64) << 6 | of_packet;
        state.write_u64(window.map_or(0, Window::digest) << 10 | of_phase);
        state.write_u64(u64::from(settings) << 32 | u64::from(space.map_or(0, |it| it + 1)));
        if let Some(probe) = &self.probe {
            probe.hash(state);
        }
    }
}

/// Everything on which the rules depend that may have held.
#[derive(PartialEq, Eq, Hash, Debug, Clone, Copy)]
struct When {
    settings: u32,
    space: Option<u32>,
    phase: Option<Phase>,
    window: Option<Window>,
    desired: Option<Window>,
    /// The number of snapshots before the container had whole rules; 0 if no chain is ever emptied.
    created: u32,
}

/// The facts of an explanation that no judgement depends on.
#[derive(PartialEq, Eq, Debug, Clone, Copy)]
struct Beside {
    is_early: bool,
    lines_lost: bool,
    other_apps: Option<u64>,
}

/// The explanations of one judgement, which differ in these facts: mostly one.
#[derive(Debug)]
struct Judged {
    first: (Beside, Arc<Explanation>),
    /// The others, at most [`MOST_BESIDE`].
    more: Vec<(Beside, Arc<Explanation>)>,
}

/// The maximum number of explanations of one judgement that are kept beside the first.
const MOST_BESIDE: usize = 8;

/// Explains packets.
///
/// It caches its results, so it is faster the more packets are alike. Its memory is bounded. Each
/// thread has an explainer of its own.
///
/// ```
/// use asg_core::policy::{Because, Outcome, PacketFacts, Phase, Policy, Probe, Settings, Snapshot};
/// use asg_core::Timestamp;
/// use asg_core::time::TimeRange;
///
/// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
///     {"guid":"g-1","rules":[{"protocol":"tcp","destination":"10.0.0.1","ports":"443"}],
///      "globally_enabled":{"running":true}}]}"#;
/// let policy = Policy::new(Snapshot::parse(page, None)?, Settings::default().into());
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
pub struct Explainer {
    policy: Policy,
    history: History,
    /// When each snapshot was taken, also those that the history leaves out.
    taken: Vec<Timestamp>,
    sets: Sets,
    judged: HashMap<Key, Judged>,
    /// Whether chains may be emptied, by the places of settings, as far as that was asked.
    may_empty_chains: Vec<Option<bool>>,
    states: HashMap<Place, State>,
    situations: HashMap<When, Arc<Situation>>,
    /// The verdicts by Cloud Controller's words.
    worded: HashMap<(Set, Probe), Option<Outcome>>,
}

impl Policy {
    /// Creates an explainer.
    ///
    /// ```
    /// # use asg_core::policy::{Phase, Policy, Probe, Settings, Snapshot};
    /// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
    ///     {"guid":"g-1","name":"web","globally_enabled":{"running":true},
    ///     "rules":[{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}]}]}"#;
    /// let policy = Policy::new(Snapshot::parse(page, None).unwrap(), Settings::default().into());
    /// # let [https, http] = [443, 80].map(|port| Probe::tcp([10, 0, 0, 1].into(), port));
    /// let rules = policy.effective("s-1", Phase::Running).unwrap();
    /// let facts = asg_core::policy::PacketFacts::default();
    /// let explanation = policy.explainer().explain(&facts);
    /// assert!(explanation.enforced.is_none(), "nothing is known of the packet");
    /// ```
    #[must_use]
    pub fn explainer(&self) -> Explainer {
        Explainer {
            policy: self.clone(),
            history: History::new(self),
            taken: self.listings().all().iter().map(|one| one.snapshot.taken_at).collect(),
            sets: Sets::default(),
            judged: HashMap::new(),
            may_empty_chains: Vec::new(),
            states: HashMap::new(),
            situations: HashMap::new(),
            worded: HashMap::new(),
        }
    }
}

impl Explainer {
    /// Explains one packet.
    ///
    /// ```
    /// # use asg_core::policy::{Phase, Policy, Probe, Settings, Snapshot};
    /// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
    ///     {"guid":"g-1","name":"web","globally_enabled":{"running":true},
    ///     "rules":[{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}]}]}"#;
    /// let policy = Policy::new(Snapshot::parse(page, None).unwrap(), Settings::default().into());
    /// # let [https, http] = [443, 80].map(|port| Probe::tcp([10, 0, 0, 1].into(), port));
    /// let rules = policy.effective("s-1", Phase::Running).unwrap();
    /// # use asg_core::policy::{Outcome, PacketFacts};
    /// let facts = PacketFacts {
    ///     time: Some(asg_core::Timestamp::parse(b"2026-03-01T12:30:00Z").unwrap().into()),
    ///     space: Some("s-1"),
    ///     phase: Some(Phase::Running),
    ///     probe: Some(http),
    ///     observed: Some(Outcome::Denied),
    ///     ..PacketFacts::default()
    /// };
    /// assert_eq!(policy.explainer().explain(&facts).enforced, Some(Outcome::Denied));
    /// ```
    pub fn explain(&mut self, facts: &PacketFacts<'_>) -> Arc<Explanation> {
        if self.sets.forget_if_full() || self.judged.len() > MOST {
            self.judged.clear();
            self.states.clear();
            self.situations.clear();
            self.worded.clear();
        }
        let key = self.key(facts);
        let beside = self.beside(facts, key.when.settings as usize);
        if let Some(judged) = self.judged.get_mut(&key) {
            return beside.explained(judged);
        }
        let explained = Arc::new(beside.put(self.judge(&key, facts.space)));
        let first = (beside, Arc::clone(&explained));
        self.judged.insert(key, Judged { first, more: Vec::new() });
        explained
    }

    fn key(&mut self, facts: &PacketFacts<'_>) -> Key {
        let place = self.policy.settings().place(facts.cell);
        let settings = self.policy.listings().settings_at(place);
        let before = |time: TimeRange, seconds: u32| {
            let tolerance = i64::from(seconds) * 1_000_000_000;
            Timestamp::from_nanos(time.earliest().as_nanos().saturating_sub(tolerance))
        };
        // Times of the cell, by the clock of the listings.
        let clock = i64::from(settings.clock_tolerance) * 1_000_000_000;
        let listed = |time: TimeRange| {
            let moved =
                |end: Timestamp, by: i64| Timestamp::from_nanos(end.as_nanos().saturating_add(by));
            TimeRange::between(moved(time.earliest(), -clock), moved(time.latest(), clock))
        };
        let updated = facts.rules_updated.filter(|_| !settings.profile.is_static());
        let updated = updated.map(listed);
        // When the agent put the rules in place, it had all that the policy server had.
        let served = updated.map(|updated| before(updated, settings.server_tolerance()));
        let window = |time: Option<TimeRange>, served: Option<Timestamp>| {
            let time = listed(time?);
            let start = before(time, settings.sync_tolerance);
            let start = served.map_or(start, |served| start.max(served));
            Some(self.history.window(time, start))
        };
        // A container that was made after the last broken set has whole rules, and so has one whose
        // rules the agent put in place after it.
        let since = [facts.created.map(listed), updated].into_iter().flatten();
        let since = since.map(|time| before(time, settings.sync_tolerance)).max();
        let created = match since {
            Some(since)
                if known_or(&mut self.may_empty_chains, place, || {
                    self.policy.listings().may_empty_chains(place)
                }) =>
            {
                self.taken.partition_point(|taken| *taken < since) as u32
            }
            _ => 0,
        };
        let when = When {
            settings: place as u32,
            space: facts.space.map(|space| self.sets.space(space)),
            phase: facts.phase,
            window: window(facts.time, served),
            desired: window(facts.desired, None).filter(|_| settings.profile.is_static()),
            created,
        };
        Key {
            when,
            probe: facts.probe,
            chain: facts.chain,
            observed: facts.observed,
            is_cell_unknown: facts.cell.is_none()
                && facts.chain != Chain::NoLine
                && self.policy.settings().cells().next().is_some(),
        }
    }

    fn beside(&self, facts: &PacketFacts<'_>, settings: usize) -> Beside {
        let settings = self.policy.listings().settings_at(settings);
        let tolerance = i64::from(settings.sync_tolerance) * 1_000_000_000;
        let nanos = |time: TimeRange| time.earliest().as_nanos();
        let is_early = facts
            .time
            .zip(facts.created)
            .is_some_and(|(time, created)| nanos(time).saturating_sub(nanos(created)) <= tolerance);
        Beside { is_early, lines_lost: facts.lines_lost, other_apps: facts.other_apps }
    }

    fn judge(&mut self, key: &Key, space: Option<&str>) -> Explanation {
        let policy = self.policy.clone();
        let settings = policy.listings().settings_at(key.when.settings as usize);
        let governed = match (key.chain, &key.probe) {
            (Chain::C2c, _) => Governed::C2c,
            (_, None) => Governed::Unknown,
            (Chain::RateLimit, _) => Governed::RateLimit,
            // The line proves that the packet came to the chain of the groups.
            (Chain::Asg, _) => Governed::Asg,
            (Chain::NoLine, Some(probe)) => {
                Governed::beside_groups(settings, probe).unwrap_or(Governed::Asg)
            }
        };
        let mut explanation = Explanation {
            governed,
            observed: key.observed,
            configured: None,
            enforced: None,
            agrees: None,
            basis: Basis::None,
            snapshots: Arc::default(),
            matches: Vec::new(),
            by: None,
            decided: None,
            because: Codes::new(),
            near: Arc::default(),
            other_apps: None,
            blind: Codes::new(),
        };
        let mut because = Codes::new();
        match (governed, key.probe) {
            (Governed::Asg | Governed::RateLimit, Some(probe)) => {
                let case = Case { key, space, settings, probe: in_chain(probe, key.chain) };
                self.judge_by_groups(&case, &mut explanation, &mut because);
            }
            _ => {
                because.insert(Because::NotGoverned);
            }
        }
        explanation.because = because;
        explanation.blind = blind(key, settings, &explanation);
        explanation
    }
}

impl Beside {
    /// Returns the explanation of a judgement that has this beside it.
    fn explained(self, judged: &mut Judged) -> Arc<Explanation> {
        let Judged { first, more } = judged;
        let mut all = std::iter::once(&*first).chain(&*more);
        if let Some((_, known)) = all.find(|(beside, _)| *beside == self) {
            return Arc::clone(known);
        }
        let explained = Arc::new(self.put((*first.1).clone()));
        more.truncate(MOST_BESIDE - 1);
        more.push((self, Arc::clone(&explained)));
        explained
    }

    /// Puts this beside a judgement, in place of what was there.
    fn put(self, mut explanation: Explanation) -> Explanation {
        explanation.other_apps = self.other_apps;
        let beside = [(self.is_early, Blind::BeforeChain), (self.lines_lost, Blind::LinesLost)];
        for (is_there, code) in beside {
            if is_there {
                explanation.blind.insert(code);
            } else {
                explanation.blind.remove(code);
            }
        }
        explanation
    }
}

/// Returns the value at a place, which is computed when it is asked for first.
fn known_or(known: &mut Vec<Option<bool>>, place: usize, compute: impl FnOnce() -> bool) -> bool {
    if known.len() <= place {
        known.resize(place + 1, None);
    }
    *known[place].get_or_insert_with(compute)
}

/// Returns the packet as the rules saw it: a line of the groups' chain proves that it was not
/// dropped before.
fn in_chain(probe: Probe, chain: Chain) -> Probe {
    match (chain, probe.traffic) {
        (Chain::Asg | Chain::RateLimit, ProbeTraffic::Tcp { port, opening: Opening::Invalid }) => {
            let traffic = ProbeTraffic::Tcp { port, opening: Opening::New };
            Probe { traffic, ..probe }
        }
        _ => probe,
    }
}
