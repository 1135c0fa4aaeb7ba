//! The content of a container's chain at the time of a snapshot.
//!
//! Mostly the chain holds the snapshot's own rules. But a destination that silk's agent cannot read
//! empties the chain, and the chain stays empty until another set of rules comes. A rule that
//! iptables refuses leaves the earlier rules in place. So the content follows from all snapshots up
//! to this one.

use std::sync::Arc;

use super::{Explainer, Outcome};
use crate::policy::because::Because;
use crate::policy::enforce::Load;
use crate::policy::evaluate::{Decider, Verdict};
use crate::policy::evaluator::{Answered, Place, Set};

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

/// One possible content of a chain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Content {
    pub(super) rules: Rules,
    pub(super) code: Option<Because>,
    /// The likeliest reason if a line contradicts the answer.
    pub(super) suspect: Option<Because>,
}

/// The rules in a chain.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rules {
    Unknown,
    Empty,
    Set { snapshot: u32, set: Set },
}

impl Content {
    const fn new(rules: Rules, code: Option<Because>) -> Self {
        Self { rules, code, suspect: None }
    }
}

/// One possible content of a chain, with its answer about the packet.
pub(super) struct Held<'s> {
    pub(super) content: &'s Content,
    /// The answer of a set.
    pub(super) answered: Option<Arc<Answered>>,
}

impl Held<'_> {
    /// Returns the verdict; `None` if the rules are unknown or the kernel refuses them.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        match self.content.rules {
            Rules::Unknown => None,
            Rules::Empty => Some(Outcome::Denied),
            Rules::Set { .. } => {
                let ruling = self.answered.as_ref()?.answer.ruling.as_ref()?;
                Some(match ruling.verdict {
                    Verdict::Allow => Outcome::Allowed,
                    Verdict::Deny | Verdict::Drop => Outcome::Denied,
                })
            }
        }
    }

    /// Returns whether a network that containers may not reach decides.
    pub(super) fn is_by_network(&self) -> bool {
        let ruling = self.answered.as_ref().and_then(|answered| answered.answer.ruling.as_ref());
        ruling.is_some_and(|ruling| ruling.by == Decider::DenyNetwork)
    }

    /// Returns the snapshot and the set of the rules, with their answer.
    pub(super) fn of_set(&self) -> Option<(u32, Set, &Answered)> {
        match (self.content.rules, &self.answered) {
            (Rules::Set { snapshot, set }, Some(answered)) => Some((snapshot, set, answered)),
            _ => None,
        }
    }
}

impl Explainer {
    /// Adds everything that the chain may have held at the time of this snapshot. Of equal contents
    /// the first stays.
    pub(super) fn add_contents(
        &mut self,
        place: Place,
        space: Option<&str>,
        created: u32,
        contents: &mut Vec<Content>,
    ) {
        let state = self.state(place, space);
        let settings = self.policy.listings().settings_at(place.settings as usize);
        let is_static = settings.profile.is_static();
        let mut set = |snapshot: u32, code| {
            let set = self.sets.set(&self.policy, Place { snapshot, ..place }, space);
            Content::new(Rules::Set { snapshot, set }, code)
        };
        let poisoned = Some(Because::PoisonedSet);
        let empty = Content::new(Rules::Empty, poisoned);
        let found = match state {
            State::Own => [Some(set(place.snapshot, None)), None],
            State::OwnAfterEmpty => {
                [Some(Content { suspect: poisoned, ..set(place.snapshot, None) }), None]
            }
            State::OwnOrEmpty { since } if created > since => {
                [Some(set(place.snapshot, None)), None]
            }
            State::OwnOrEmpty { .. } => [Some(set(place.snapshot, poisoned)), Some(empty)],
            State::Empty => [Some(empty), None],
            State::Old { snapshot } => [Some(set(snapshot, Some(Because::FrozenSet))), None],
            State::Unknown => {
                let code = if is_static { Because::UnenforceableRule } else { Because::FrozenSet };
                [Some(Content::new(Rules::Unknown, Some(code))), None]
            }
        };
        for one in found.into_iter().flatten() {
            let same = |other: &Content| match (one.rules, other.rules) {
                (Rules::Empty, Rules::Empty) | (Rules::Unknown, Rules::Unknown) => {
                    one.code == other.code
                }
                (Rules::Set { set: a, .. }, Rules::Set { set: b, .. }) => self.sets.is_same(a, b),
                _ => false,
            };
            match contents.iter_mut().find(|other| same(other)) {
                Some(other) => other.code = other.code.or(one.code),
                None => contents.push(one),
            }
        }
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
