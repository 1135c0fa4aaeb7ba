//! Application security groups: explains why a packet was allowed or denied, and what the log could
//! not show.
//!
//! # Overview
//!
//! A security group is a list of rules that allow traffic out of containers. Cloud Controller
//! stores it; other programs make kernel rules of it, which decide about packets, and these
//! programs interpret the words differently. This module models both sides. It parses no logs:
//! callers pass plain values.
//!
//! | question | call |
//! |---|---|
//! | Would a Cloud Controller accept this rule? | [`check`] |
//! | What does the rule mean to it? | [`StoredRule::rule`] |
//! | How do cells enforce it? | [`StoredRule::enforceable`] |
//! | Which kernel rules hold for a space, in which order? | [`Policy::effective`], [`Effective::arguments`] |
//! | What happens to this packet, and why? | [`Effective::evaluate`], [`Policy::evaluate_lines`] |
//! | What would have allowed it? | [`Evaluation::near`] |
//! | Why was a logged packet allowed or denied at its time? | [`Policy::explainer`], [`Explainer::explain`] |
//! | Which packets cannot leave a line? | [`Policy::coverage`] |
//!
//! # Example
//!
//! ```
//! use asg_core::policy::{Policy, Profile, Settings, Snapshot};
//!
//! // As `cf curl /v3/security_groups` gives it, with the time of the call.
//! let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[{"guid":"g-1","name":"db",
//!     "rules":[{"protocol":"tcp","destination":"10.0.11.0/24","ports":"443,5432","log":true}],
//!     "relationships":{"running_spaces":{"data":[{"guid":"s-1"}]}}}]}"#;
//! let settings = Settings::of(Profile::SilkDynamic);
//! let policy = Policy::new(Snapshot::parse(page, None)?, settings.into());
//!
//! let question = br#"{"id":1,"space":"s-1","proto":"tcp","dst":"10.0.11.7","dpt":5432}"#;
//! let mut answer = Vec::new();
//! policy.evaluate_lines(question, None, &mut answer);
//! let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
//! assert_eq!(answer["verdict"], "allow");
//! assert_eq!(answer["by"]["port"], 1, "the second port of the rule");
//! # Ok::<(), asg_core::Error>(())
//! ```
//!
//! # Concepts
//!
//! * [`Snapshot`]: all groups and bindings as one listing gave them, in listing order, with the
//!   time.
//! * [`Profile`] and [`Settings`]: the program that enforces rules, and the operator's
//!   configuration of it.
//! * [`Entry`]: one rule × one destination × one port item, which becomes one kernel rule. Equal
//!   ones are made once and have several [owners](Owner).
//! * [`Load`]: some words break a whole set. Then the chain is missing, empty, or outdated.
//! * *configured*, *enforced*, *observed*: the outcome by Cloud Controller's words, as the profile
//!   enforces them, and in the line of the log.
//! * [`Blind`]: a set of packets that cannot leave a line.
//!
//! Cloud Controller writes no audit event for security groups, so the rules of a past time are
//! known only from snapshots around it: [`Basis`] grades that.

mod arguments;
mod because;
mod coverage;
mod effective;
mod enforce;
mod evaluate;
mod evaluator;
mod explain;
mod go;
mod group;
mod history;
mod index;
mod input;
mod lines;
mod listing;
mod near;
mod order;
mod probe;
mod rule;
mod settings;
mod snapshot;
mod stored;
#[cfg(test)]
mod tests;
mod words;

pub use because::{Because, Blind, Code, Codes, Governed};
pub use coverage::{BlindSpot, Coverage, CoveredEntry, EntryState};
pub use effective::{Effective, EffectiveGroup, Entry, Owner};
pub use enforce::{Enforceable, EntryTraffic, Load, Quirk, RuleEntry};
pub use evaluate::{Answer, By, Decided, Decider, LogLine, RuleRef, Ruling, Verdict};
pub use evaluator::{Evaluation, Evaluator};
pub use explain::{
    Chain, ExplainOutput, Explainer, Explanation, Outcome, PacketFacts, UsedSnapshot,
};
pub use go::AddressRange;
pub use group::{GloballyEnabled, Phase, SecurityGroup};
pub use history::Basis;
pub use near::{Admits, Change, How, Miss, NearMiss};
pub use probe::{Opening, Probe, ProbeTraffic};
pub use rule::{
    Destination, Grammar, IcmpKind, Key, Ports, Protocol, Rule, RuleError, Traffic,
    ValidatorSettings, Verdicts, Why, check,
};
pub use settings::{
    Block, CellSettings, DenyNetworks, GroupOrder, OutboundConnections, Profile, Settings,
    SilkVersion,
};
pub use snapshot::Snapshot;
pub use stored::StoredRule;

use std::sync::Arc;

use listing::Listings;

use crate::time::Timestamp;

/// Snapshots of the security groups of a foundation, and the settings of its cells.
///
/// A clone is cheap and shares everything. See [the module](self) for an example.
#[derive(Debug, Clone)]
pub struct Policy {
    listings: Arc<Listings>,
}

impl Policy {
    /// Sorts snapshots by time; those of one instant are parts of one listing.
    ///
    /// ```
    /// # use asg_core::policy::{Phase, Policy, Probe, Settings, Snapshot};
    /// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
    ///     {"guid":"g-1","name":"web","globally_enabled":{"running":true},
    ///     "rules":[{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}]}]}"#;
    /// let policy = Policy::new(Snapshot::parse(page, None).unwrap(), Settings::default().into());
    /// # let [https, http] = [443, 80].map(|port| Probe::tcp([10, 0, 0, 1].into(), port));
    /// let rules = policy.effective("s-1", Phase::Running).unwrap();
    /// assert_eq!(policy.snapshots().len(), 1);
    /// ```
    #[must_use]
    pub fn new(snapshots: Vec<Snapshot>, settings: CellSettings) -> Self {
        Self { listings: Arc::new(Listings::new(snapshots, settings)) }
    }

    fn listings(&self) -> &Listings {
        &self.listings
    }

    /// Returns the snapshots, the earliest first.
    ///
    /// ```
    /// # use asg_core::policy::{Phase, Policy, Probe, Settings, Snapshot};
    /// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
    ///     {"guid":"g-1","name":"web","globally_enabled":{"running":true},
    ///     "rules":[{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}]}]}"#;
    /// let policy = Policy::new(Snapshot::parse(page, None).unwrap(), Settings::default().into());
    /// # let [https, http] = [443, 80].map(|port| Probe::tcp([10, 0, 0, 1].into(), port));
    /// let rules = policy.effective("s-1", Phase::Running).unwrap();
    /// assert!(policy.snapshots().next().unwrap().complete);
    /// ```
    pub fn snapshots(&self) -> impl DoubleEndedIterator<Item = &Snapshot> + ExactSizeIterator {
        self.listings.all().iter().map(|listing| &*listing.snapshot)
    }

    /// Returns the group with this GUID, as of the snapshot that was taken then, or else of the
    /// latest that has it.
    ///
    /// ```
    /// use asg_core::policy::{Policy, Settings, Snapshot};
    ///
    /// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
    ///     {"guid":"g-1","name":"db","rules":[]}]}"#;
    /// let policy = Policy::new(Snapshot::parse(page, None)?, Settings::default().into());
    /// assert_eq!(policy.group("g-1", None).unwrap().name, "db");
    /// assert!(policy.group("g-2", None).is_none());
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    #[must_use]
    pub fn group(&self, guid: &str, taken_at: Option<Timestamp>) -> Option<&SecurityGroup> {
        let of = |listing: &'_ listing::Listing| listing.place(guid);
        let all = self.listings.all();
        let exact = taken_at.and_then(|at| {
            let n = all.binary_search_by_key(&at, |listing| listing.snapshot.taken_at).ok()?;
            Some((n, of(&all[n])?))
        });
        let latest =
            || all.iter().enumerate().rev().find_map(|(n, listing)| Some((n, of(listing)?)));
        let (n, place) = exact.or_else(latest)?;
        Some(&all[n].snapshot.groups[place])
    }

    /// Returns the settings of the cells.
    ///
    /// ```
    /// # use asg_core::policy::{Phase, Policy, Probe, Settings, Snapshot};
    /// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
    ///     {"guid":"g-1","name":"web","globally_enabled":{"running":true},
    ///     "rules":[{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}]}]}"#;
    /// let policy = Policy::new(Snapshot::parse(page, None).unwrap(), Settings::default().into());
    /// # let [https, http] = [443, 80].map(|port| Probe::tcp([10, 0, 0, 1].into(), port));
    /// let rules = policy.effective("s-1", Phase::Running).unwrap();
    /// assert_eq!(policy.settings().of(None), &Settings::default());
    /// ```
    #[must_use]
    pub fn settings(&self) -> &CellSettings {
        self.listings.settings()
    }

    /// Returns the rules that hold for a space and phase as of the last snapshot, with the
    /// foundation's settings; `None` without a snapshot.
    ///
    /// ```
    /// # use asg_core::policy::{Phase, Policy, Probe, Settings, Snapshot};
    /// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
    ///     {"guid":"g-1","name":"web","globally_enabled":{"running":true},
    ///     "rules":[{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}]}]}"#;
    /// let policy = Policy::new(Snapshot::parse(page, None).unwrap(), Settings::default().into());
    /// # let [https, http] = [443, 80].map(|port| Probe::tcp([10, 0, 0, 1].into(), port));
    /// let rules = policy.effective("s-1", Phase::Running).unwrap();
    /// assert_eq!(policy.effective("s-1", Phase::Staging).unwrap().entries().len(), 0);
    /// ```
    #[must_use]
    pub fn effective(&self, space: &str, phase: Phase) -> Option<Effective> {
        let last = self.listings.all().len().checked_sub(1)?;
        Some(Effective::new(&self.listings, last, 0, Some(space), phase))
    }
}
