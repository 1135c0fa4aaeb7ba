//! The verdict on one packet.

use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::effective::{Effective, Owner};
use super::enforce::Load;
use super::order;
use super::probe::Probe;
use super::settings::Profile;
use crate::time::Timestamp;
use crate::words::words;

/// The kernel's action on a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a kernel does one of these")]
pub enum Verdict {
    /// The packet passes.
    Allow,
    /// The packet is rejected with an ICMP message.
    Deny,
    /// The packet is dropped, without a line.
    Drop,
}

words! {
    "policy" Verdict "a verdict" {
        Allow = "allow", Deny = "deny", Drop = "drop",
    }
}

/// The part of the rules that decided.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "callers treat each")]
pub enum Decider {
    /// The entry with this number.
    Entry(u32),
    /// One of the entries with these numbers; it is not known which.
    AnyOf(Vec<u32>),
    /// No entry: the end of the chain.
    Default,
    /// A network that containers may not reach.
    DenyNetwork,
    /// The rule that drops TCP packets without a connection.
    Invalid,
}

/// The certainty of the decider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "callers treat each")]
pub enum Decided {
    /// Any order of groups gives this decider.
    Certain,
    /// Several entries match, and the order in which the kernel checks them is known.
    ByOrder,
    /// It is not known.
    Undetermined,
}

words! {
    "policy" Decided "a certainty of the decider" {
        Certain = "certain", ByOrder = "by_order", Undetermined = "undetermined",
    }
}

/// The line that a packet leaves, if no limit suppresses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "callers treat each")]
pub enum LogLine {
    /// A line with the prefix of allowed packets.
    Ok,
    /// A line with the prefix of denied packets.
    Deny,
}

words! {
    "policy" LogLine "a line of the log" {
        Ok = "OK", Deny = "DENY",
    }
}

/// The answer about one packet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The fate of the set of rules; without a verdict if it is refused.
    pub load: Load,
    /// The kernel's action, and the reason; `None` if the set is refused.
    pub ruling: Option<Ruling>,
    /// The numbers of the entries that match, in kernel order, even if something else decided.
    /// Empty if the set is not enforced.
    pub matches: Vec<u32>,
}

/// A verdict and its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ruling {
    /// The kernel's action.
    pub verdict: Verdict,
    /// The decider.
    pub by: Decider,
    /// The certainty of the decider.
    pub decided: Decided,
    /// The line that it leaves.
    pub log: Option<LogLine>,
}

/// A rule of a group, one of its destinations and one of its port items, by their places in the
/// input.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[non_exhaustive]
pub struct RuleRef {
    /// The group's GUID.
    #[serde(serialize_with = "shared_text")]
    pub group: Arc<str>,
    /// The rule's place in the group, from 0.
    pub rule: u32,
    /// The destination's place in the rule, from 0.
    pub destination: u32,
    /// The port item's place in the rule, from 0; -1 where the rule has none.
    pub port: i32,
    /// The snapshot whose places these are; left out where there is one only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Timestamp>,
}

/// Serialises a shared text, which serde does only with a feature.
pub(super) fn shared_text<S: Serializer>(
    text: &Arc<str>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

/// The decider, for outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "callers treat each")]
pub enum By {
    /// A rule.
    Rule(RuleRef),
    /// One of these rules.
    AnyOf(Vec<RuleRef>),
    /// Another decider: `default`, `deny_network` or `invalid`.
    Other(&'static str),
}

impl By {
    /// Returns the kind of decider: `rule`, `any_of`, `default`, `deny_network` or `invalid`.
    ///
    /// ```
    /// use asg_core::policy::By;
    /// assert_eq!(By::Other("default").word(), "default");
    /// ```
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Rule(_) => "rule",
            Self::AnyOf(_) => "any_of",
            Self::Other(word) => word,
        }
    }

    /// Writes it into an object as `by` or `by_any_of`.
    pub(super) fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match self {
            Self::Rule(rule) => map.serialize_entry("by", rule),
            Self::AnyOf(rules) => map.serialize_entry("by_any_of", rules),
            Self::Other(word) => map.serialize_entry("by", word),
        }
    }
}

/// `{"by":…}` or `{"by_any_of":[…]}`.
impl Serialize for By {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.write(&mut map)?;
        map.end()
    }
}

impl Effective {
    /// Evaluates a packet that belongs to no connection yet.
    ///
    /// Limits are ignored: both that on new connections, and those on log lines.
    ///
    /// ```
    /// use asg_core::policy::{Decider, Phase, Policy, Probe, Settings, Snapshot, Verdict};
    ///
    /// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
    ///     {"guid":"g-1","rules":[{"protocol":"tcp","destination":"10.0.0.1","ports":"443"}],
    ///      "globally_enabled":{"running":true}}]}"#;
    /// let policy = Policy::new(Snapshot::parse(page, None)?, Settings::default().into());
    /// let rules = policy.effective("s-1", Phase::Running).unwrap();
    /// let verdict = |port| rules.evaluate(&Probe::tcp("10.0.0.1".parse().unwrap(), port)).ruling.unwrap();
    /// assert_eq!((verdict(443).verdict, verdict(443).by), (Verdict::Allow, Decider::Entry(0)));
    /// assert_eq!((verdict(444).verdict, verdict(444).by), (Verdict::Deny, Decider::Default));
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    #[must_use]
    pub fn evaluate(&self, probe: &Probe) -> Answer {
        self.judge(probe, Self::matches)
    }

    /// Does the work of [`Self::evaluate`] without the index: slower, and the oracle of the tests.
    ///
    /// ```
    /// # use asg_core::policy::{Phase, Policy, Probe, Settings, Snapshot};
    /// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
    ///     {"guid":"g-1","name":"web","globally_enabled":{"running":true},
    ///     "rules":[{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}]}]}"#;
    /// let policy = Policy::new(Snapshot::parse(page, None).unwrap(), Settings::default().into());
    /// # let [https, http] = [443, 80].map(|port| Probe::tcp([10, 0, 0, 1].into(), port));
    /// let rules = policy.effective("s-1", Phase::Running).unwrap();
    /// assert_eq!(rules.evaluate_by_scan(&https), rules.evaluate(&https));
    /// ```
    #[must_use]
    pub fn evaluate_by_scan(&self, probe: &Probe) -> Answer {
        self.judge(probe, Self::matches_by_scan)
    }

    fn judge(&self, probe: &Probe, matches: impl Fn(&Self, &Probe) -> Vec<u32>) -> Answer {
        let load = self.load();
        match load {
            Load::Refused | Load::RefusedLrp => Answer { load, ruling: None, matches: Vec::new() },
            // The chain contains only its end, and no rule that drops.
            Load::Skipped => {
                Answer { load, ruling: Some(self.default_ruling(probe)), matches: Vec::new() }
            }
            Load::Ok => {
                let matches = matches(self, probe);
                Answer { load, ruling: Some(self.ruling(probe, &matches)), matches }
            }
        }
    }

    fn ruling(&self, probe: &Probe, matches: &[u32]) -> Ruling {
        let ruling = |verdict, by| Ruling { verdict, by, decided: Decided::Certain, log: None };
        if self.settings().profile != Profile::Guardian {
            if probe.is_invalid() {
                return ruling(Verdict::Drop, Decider::Invalid);
            }
            if self.denies_network(probe) {
                return ruling(Verdict::Deny, Decider::DenyNetwork);
            }
        }
        let Some(first) = matches.first() else { return self.default_ruling(probe) };
        let log = self.entries()[*first as usize].log.then_some(LogLine::Ok);
        let allow = |by, decided| Ruling { verdict: Verdict::Allow, by, decided, log };
        if matches.len() == 1 {
            return allow(Decider::Entry(*first), Decided::Certain);
        }
        let possible = order::possible(self.entries(), matches);
        match (possible.len(), self.order_is_known()) {
            (1, _) => allow(Decider::Entry(*first), Decided::Certain),
            (_, true) => allow(Decider::Entry(*first), Decided::ByOrder),
            (_, false) => allow(Decider::AnyOf(possible), Decided::Undetermined),
        }
    }

    fn default_ruling(&self, probe: &Probe) -> Ruling {
        let settings = self.settings();
        let (verdict, by) = match (settings.profile, &settings.deny_networks) {
            // guardian checks its denied networks last, and packets outside of them may pass.
            (Profile::Guardian, Some(_)) if self.denies_network(probe) => {
                (Verdict::Deny, Decider::DenyNetwork)
            }
            (Profile::Guardian, Some(_)) => (Verdict::Allow, Decider::Default),
            _ => (Verdict::Deny, Decider::Default),
        };
        let logs = settings.profile != Profile::Guardian && settings.logs_all();
        Ruling { verdict, by, decided: Decided::Certain, log: logs.then_some(LogLine::Deny) }
    }

    /// Returns whether the packet goes to a network that containers may not reach.
    pub(super) fn denies_network(&self, probe: &Probe) -> bool {
        self.deny_networks().any(|network| network.range.contains(probe.destination))
    }

    pub(super) fn rule_ref(&self, owner: &Owner) -> RuleRef {
        RuleRef {
            group: self.groups()[owner.group as usize].guid.clone(),
            rule: owner.rule,
            destination: owner.destination,
            port: owner.port,
            snapshot: None,
        }
    }

    /// Returns every owner of these entries, in their order.
    ///
    /// ```
    /// # use asg_core::policy::{Phase, Policy, Probe, Settings, Snapshot};
    /// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
    ///     {"guid":"g-1","name":"web","globally_enabled":{"running":true},
    ///     "rules":[{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}]}]}"#;
    /// let policy = Policy::new(Snapshot::parse(page, None).unwrap(), Settings::default().into());
    /// # let [https, http] = [443, 80].map(|port| Probe::tcp([10, 0, 0, 1].into(), port));
    /// let rules = policy.effective("s-1", Phase::Running).unwrap();
    /// let owners = rules.owners_of(&rules.matches(&https));
    /// assert_eq!((&*owners[0].group, owners[0].rule), ("g-1", 0));
    /// ```
    #[must_use]
    pub fn owners_of(&self, entries: &[u32]) -> Vec<RuleRef> {
        let owners = entries.iter().flat_map(|n| &self.entries()[*n as usize].owners);
        owners.map(|owner| self.rule_ref(owner)).collect()
    }

    /// Converts the decider for outputs: if entries are equal, it is the first owner in the list.
    ///
    /// ```
    /// # use asg_core::policy::{Phase, Policy, Probe, Settings, Snapshot};
    /// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
    ///     {"guid":"g-1","name":"web","globally_enabled":{"running":true},
    ///     "rules":[{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}]}]}"#;
    /// let policy = Policy::new(Snapshot::parse(page, None).unwrap(), Settings::default().into());
    /// # let [https, http] = [443, 80].map(|port| Probe::tcp([10, 0, 0, 1].into(), port));
    /// let rules = policy.effective("s-1", Phase::Running).unwrap();
    /// let ruling = rules.evaluate(&https).ruling.unwrap();
    /// assert_eq!(rules.by(&ruling.by).word(), "rule");
    /// ```
    #[must_use]
    pub fn by(&self, decider: &Decider) -> By {
        let first = |n: u32| self.rule_ref(&self.entries()[n as usize].owners[0]);
        match decider {
            Decider::Entry(n) => By::Rule(first(*n)),
            Decider::AnyOf(entries) => By::AnyOf(entries.iter().map(|n| first(*n)).collect()),
            Decider::Default => By::Other("default"),
            Decider::DenyNetwork => By::Other("deny_network"),
            Decider::Invalid => By::Other("invalid"),
        }
    }
}
