//! The content of a container's chain at the time of a snapshot.
//!
//! Mostly the chain holds the snapshot's own rules. But a destination that silk's agent cannot read
//! empties the chain, and the chain stays empty until another set of rules comes. A rule that
//! iptables refuses leaves the earlier rules in place. So the content follows from all snapshots up
//! to this one.

use std::sync::Arc;

use super::{Explainer, Key, Outcome};
use crate::policy::because::Because;
use crate::policy::enforce::Load;
use crate::policy::evaluate::{Decider, Verdict};
use crate::policy::evaluator::{Answered, Place, Set};
use crate::policy::probe::Probe;

/// The content of a chain at the time of a snapshot.
#[derive(Debug, Clone, Copy)]
pub(super) enum State {
    /// The snapshot's own rules.
    Own,
    /// The snapshot's own rules. The chain was empty before, and then other rules came.
    OwnAfterEmpty,
    /// No rules.
    Empty,
    /// The snapshot's own rules; or none, in a container that is older than the snapshot `since`.
    OwnOrEmpty { since: u32 },
    /// The rules of an earlier snapshot.
    Old { snapshot: u32 },
    /// Unknown rules.
    Unknown,
}

/// One possible content of a chain, with its answer about the packet.
pub(super) struct Held {
    /// The rules; `None` if they are unknown.
    pub(super) rules: Option<Rules>,
    pub(super) code: Option<Because>,
    /// The likeliest reason if a line contradicts the answer.
    pub(super) suspect: Option<Because>,
}

/// The rules in a chain.
pub(super) enum Rules {
    Empty,
    Set { snapshot: u32, set: Set, answered: Arc<Answered> },
}

impl Held {
    const fn new(rules: Option<Rules>, code: Option<Because>) -> Self {
        Self { rules, code, suspect: None }
    }

    /// Returns the verdict; `None` if the rules are unknown or the kernel refuses them.
    pub(super) fn outcome(&self) -> Option<Outcome> {
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

    /// Returns whether a network that containers may not reach decides.
    pub(super) fn is_by_network(&self) -> bool {
        let Some(Rules::Set { answered, .. }) = &self.rules else { return false };
        let ruling = answered.answer.ruling.as_ref();
        ruling.is_some_and(|ruling| ruling.by == Decider::DenyNetwork)
    }
}

impl Explainer {
    /// Returns everything that the chain may have held at the time of this snapshot.
    pub(super) fn held(
        &mut self,
        place: Place,
        space: Option<&str>,
        key: &Key,
        probe: &Probe,
    ) -> Vec<Held> {
        let state = self.state(place, space);
        let settings = self.policy.listings().settings_at(place.settings as usize);
        let is_static = settings.profile.is_static();
        let mut set = |snapshot: u32, code| {
            let set = self.sets.set(&self.policy, Place { snapshot, ..place }, space);
            let answered = self.sets.answer(set, probe);
            Held::new(Some(Rules::Set { snapshot, set, answered }), code)
        };
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

    /// Removes equal contents; the first of them stays.
    pub(super) fn distinct(&self, held: &mut Vec<Held>) {
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

    fn state(&mut self, place: Place, space: Option<&str>) -> State {
        if let Some(state) = self.states.get(&place) {
            return *state;
        }
        let state = self.find_state(place, space);
        self.states.insert(place, state);
        state
    }

    fn find_state(&mut self, place: Place, space: Option<&str>) -> State {
        let set = self.sets.set(&self.policy, place, space);
        let settings = self.policy.listings().settings_at(place.settings as usize);
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
            let other = self.sets.set(&self.policy, Place { snapshot, ..place }, space);
            match self.sets.effective(other).load() {
                Load::Refused | Load::RefusedLrp => {}
                // Between the two snapshots a good set may have filled the chain.
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
            // The rules before the chain was emptied are unknown, and may equal these.
            (false, true) => State::OwnOrEmpty { since },
            (false, false) => State::Own,
        }
    }
}
