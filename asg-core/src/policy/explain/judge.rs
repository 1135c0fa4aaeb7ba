//! Names the rule that decided about a packet, as surely as the snapshots allow.

use std::sync::Arc;

use super::chain::{Held, Rules};
use super::claims::claim;
use super::explanation::Explanation;
use super::{Chain, Explainer, Key, Outcome};
use crate::policy::because::{Because, Blind, Codes, Governed};
use crate::policy::evaluate::{By, Decided, Decider, LogLine, RuleRef, Verdict};
use crate::policy::evaluator::{Answered, Set};
use crate::policy::history::Basis;
use crate::policy::probe::Probe;
use crate::policy::settings::Settings;

/// The packet to explain, with the settings of its cell.
pub(super) struct Case<'k> {
    pub(super) key: &'k Key,
    pub(super) space: Option<&'k str>,
    pub(super) settings: &'k Settings,
    pub(super) probe: Probe,
}

impl Explainer {
    pub(super) fn judge_by_groups(
        &mut self,
        case: &Case<'_>,
        explanation: &mut Explanation,
        because: &mut Codes<Because>,
    ) {
        let Case { key, space, settings, probe } = case;
        let is_static = settings.profile.is_static();
        let situation = self.situation(key.when, *space);
        because.extend(situation.because.iter());
        if probe.is_pick_up() {
            because.insert(Because::PickUp);
        }

        // Cloud Controller's words at the time of the packet.
        let whole = !self.history.partial && space.is_some();
        let words = situation.worded.iter().map(|worded| self.words(*worded, *space, probe));
        explanation.configured = claim(words, whole);

        explanation.snapshots = Arc::clone(&situation.snapshots);
        explanation.basis = situation.basis;
        let Some(contents) = &situation.contents else {
            without_rules(explanation, because);
            return;
        };
        let held = contents.iter().map(|content| {
            let answered = match content.rules {
                Rules::Set { set, .. } => Some(self.sets.answer(set, probe)),
                Rules::Unknown | Rules::Empty => None,
            };
            Held { content, answered }
        });
        let held: Vec<Held<'_>> = held.collect();
        for (snapshot, set, answered) in held.iter().filter_map(Held::of_set) {
            explanation.matches.extend(self.labelled(&answered.matches, snapshot));
            let entries = self.sets.effective(set).entries();
            if answered.answer.matches.iter().any(|n| !entries[*n as usize].log) {
                explanation.blind.insert(Blind::UnloggedRule);
            }
        }
        if explanation.governed == Governed::RateLimit {
            because.insert(Because::RateLimit);
            return;
        }

        let mut outcomes = held.iter().map(Held::outcome);
        // Another profile may be enforced there.
        let enforced = claim(outcomes.clone(), whole);
        explanation.enforced = enforced.filter(|_| !key.is_cell_unknown);
        let first = outcomes.next();
        let differ = outcomes.any(|outcome| Some(outcome) != first);
        if differ && explanation.basis != Basis::Exact && !is_static && key.when.phase.is_some() {
            because.insert(Because::SyncLag);
        }
        self.decide(case, &held, explanation, because);
        self.quirks(&situation.candidates, *space, &held, probe, because);
        if explanation.agrees == Some(false) {
            let late = if is_static { Because::StaticContainer } else { Because::SyncLag };
            because.insert(held.iter().find_map(|held| held.content.suspect).unwrap_or(late));
        }
        let denied = explanation.observed.or(explanation.enforced) == Some(Outcome::Denied);
        if let (Some((_, place)), Some(_), true) =
            (situation.candidates.first(), key.when.phase, denied)
        {
            explanation.near = self.sets.near(&self.policy, *place, *space, probe);
        }
    }

    /// Names the decider, as surely as it is known, and compares the prediction with the line.
    fn decide(
        &self,
        case: &Case<'_>,
        held: &[Held<'_>],
        explanation: &mut Explanation,
        because: &mut Codes<Because>,
    ) {
        let observed = explanation.observed;
        explanation.agrees = observed.zip(explanation.enforced).map(|(a, b)| a == b);
        let is_by_network = !held.is_empty() && held.iter().all(Held::is_by_network);
        // silk logs no packet to such a network, and guardian none that it denies. So a line shows
        // that the chain was not what it is taken for, as when it was emptied.
        let is_doubtful = is_by_network && case.key.chain != Chain::NoLine;
        if is_by_network && !is_doubtful {
            explanation.governed = Governed::DenyNetwork;
            because.insert(Because::DenyNetwork);
        }
        if is_doubtful && observed == Some(Outcome::Denied) {
            because.insert(Because::PoisonedSet);
        }
        // A line of an allowed packet comes from a rule that logs.
        let wants_log =
            observed == Some(Outcome::Allowed) && case.settings.iptables_logging == Some(false);
        if let [one] = held
            // Other rules may have come and gone between the frozen ones and the refused ones.
            && one.content.code != Some(Because::FrozenSet)
            && explanation.basis == Basis::Exact
            && case.key.when.space.is_some()
            && case.key.when.phase.is_some()
            && (observed.is_none() || explanation.agrees == Some(true))
            && !is_doubtful
            && !case.key.is_cell_unknown
        {
            match (one.content.rules, one.of_set()) {
                (Rules::Empty, _) => {
                    explanation.by = Some(By::Other("default"));
                    explanation.decided = Some(Decided::Certain);
                    because.insert(Because::DefaultDeny);
                    return;
                }
                (_, Some((snapshot, _, answered))) => {
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
                        explanation.by = by.map(|by| self.labelled_by(by, snapshot));
                        explanation.decided = Some(ruling.decided);
                        if ruling.decided == Decided::Undetermined {
                            because.insert(Because::OrderUnknown);
                        }
                        return;
                    }
                    explanation.agrees = Some(false);
                }
                (_, None) => {}
            }
        }
        explanation.decided = Some(Decided::Undetermined);
        self.decide_in_doubt(held, wants_log, explanation, because);
    }

    /// Names everything that may have decided.
    fn decide_in_doubt(
        &self,
        held: &[Held<'_>],
        wants_log: bool,
        explanation: &mut Explanation,
        because: &mut Codes<Because>,
    ) {
        let outcome = explanation.observed.or(explanation.enforced);
        if outcome == Some(Outcome::Denied) {
            if explanation.governed == Governed::DenyNetwork {
                explanation.by = Some(By::Other("deny_network"));
            } else {
                explanation.by = Some(By::Other("default"));
                because.insert(Because::DefaultDeny);
            }
            return;
        }
        let mut any = Vec::new();
        for held in held.iter().filter(|held| held.outcome() == Some(Outcome::Allowed)) {
            if let Some((snapshot, set, answered)) = held.of_set() {
                any.extend(self.possible(set, answered, snapshot, wants_log));
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

    /// Returns the rules of a set that may have decided, at best those that log.
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
            // The rules were others. Any of these that logs may have decided.
            answered.answer.matches.iter().copied().filter(logs).collect()
        } else {
            entries
        };
        let By::AnyOf(rules) = effective.by(&Decider::AnyOf(entries)) else { return Vec::new() };
        self.labelled(&rules, snapshot)
    }

    /// Adds the time of the snapshot to rules.
    fn labelled(&self, rules: &[RuleRef], snapshot: u32) -> Vec<RuleRef> {
        let snapshot = Some(self.policy.taken_at(snapshot));
        rules.iter().map(|rule| RuleRef { snapshot, ..rule.clone() }).collect()
    }

    fn labelled_by(&self, by: &By, snapshot: u32) -> By {
        match by {
            By::Rule(rule) => {
                let snapshot = Some(self.policy.taken_at(snapshot));
                By::Rule(RuleRef { snapshot, ..rule.clone() })
            }
            By::AnyOf(rules) => By::AnyOf(self.labelled(rules, snapshot)),
            By::Other(word) => By::Other(word),
        }
    }
}

/// Completes an explanation without rules: only the line is left.
fn without_rules(explanation: &mut Explanation, because: &mut Codes<Because>) {
    if explanation.governed == Governed::RateLimit {
        because.insert(Because::RateLimit);
        return;
    }
    explanation.decided = Some(Decided::Undetermined);
    if explanation.observed == Some(Outcome::Denied) {
        because.insert(Because::DefaultDeny);
        explanation.by = Some(By::Other("default"));
    }
}
