//! Comparisons between sets of rules, and with Cloud Controller's words.

use std::collections::BTreeSet;

use super::chain::{Held, Rules};
use super::judge::Case;
use super::{Explainer, Outcome};
use crate::policy::because::Because;
use crate::policy::enforce::Quirk;
use crate::policy::evaluator::{Place, Set};
use crate::policy::group::Phase;
use crate::policy::listing::MadeRule;
use crate::policy::probe::Probe;

/// Returns the outcome on which all agree. If a part of the groups is unknown, no denial is
/// claimed.
pub(super) fn claim(
    mut outcomes: impl Iterator<Item = Option<Outcome>>,
    whole: bool,
) -> Option<Outcome> {
    let first = outcomes.next()??;
    let agreed = outcomes.all(|outcome| outcome == Some(first));
    (agreed && (whole || first == Outcome::Allowed)).then_some(first)
}

impl Explainer {
    /// Returns whether all these snapshots, which are in order, have equal entries, and no group
    /// that holds was updated between them.
    pub(super) fn is_unchanged(
        &mut self,
        snapshots: &[u32],
        phases: &[Phase],
        case: &Case<'_>,
    ) -> bool {
        let (Some(first), Some(last)) = (snapshots.first(), snapshots.last()) else { return false };
        phases.iter().all(|phase| {
            let place = |snapshot: u32| case.place(snapshot, *phase);
            let set = self.sets.set(&self.policy, place(*first), case.space);
            let same = snapshots.iter().all(|snapshot| {
                let other = self.sets.set(&self.policy, place(*snapshot), case.space);
                self.sets.is_same(set, other)
            });
            same && !self.policy.is_updated_between((*first, *last), case.space, *phase)
        })
    }

    /// Returns whether the rules at all these places are equal.
    pub(super) fn are_same(
        &mut self,
        some: &[Place],
        others: &[Place],
        space: Option<&str>,
    ) -> bool {
        let mut sets: Vec<Set> = Vec::new();
        for place in some.iter().chain(others) {
            sets.push(self.sets.set(&self.policy, *place, space));
        }
        sets.windows(2).all(|pair| self.sets.is_same(pair[0], pair[1]))
    }

    /// Returns the verdict by Cloud Controller's words; `None` if a rule in doubt could change it.
    pub(super) fn words(
        &mut self,
        place: Place,
        space: Option<&str>,
        probe: &Probe,
    ) -> Option<Outcome> {
        // Places with one set of rules have the words in common, too.
        let key = (self.sets.set(&self.policy, place, space), *probe);
        if let Some(known) = self.worded.get(&key) {
            return *known;
        }
        let outcome = self.words_now(place, space, probe);
        self.worded.insert(key, outcome);
        outcome
    }

    fn words_now(&self, place: Place, space: Option<&str>, probe: &Probe) -> Option<Outcome> {
        let mut outcome = Some(Outcome::Denied);
        for rule in self.rules(place, space) {
            match rule.words.allow(probe) {
                Some(true) => return Some(Outcome::Allowed),
                Some(false) => {}
                None => outcome = None,
            }
        }
        outcome
    }

    /// Adds the codes of rules whose words and effects differ about this packet, if that changed
    /// the verdict.
    pub(super) fn quirks(
        &mut self,
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
            for rule in self.rules(*place, space) {
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

    /// Returns the rules of all groups that hold at a place.
    fn rules(&self, place: Place, space: Option<&str>) -> impl Iterator<Item = &MadeRule> {
        let listings = self.policy.listings();
        let (snapshot, settings) = (place.snapshot as usize, place.settings as usize);
        let groups = listings.all()[snapshot].effective(space, place.phase);
        groups.flat_map(move |group| listings.rules(snapshot, group as usize, settings))
    }
}
