//! Comparisons of what rules do with Cloud Controller's words.

use super::chain::Held;
use super::{Explainer, Outcome};
use crate::policy::because::{Because, Codes};
use crate::policy::enforce::Quirk;
use crate::policy::evaluator::{Place, Set};
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
    /// Returns the verdict by Cloud Controller's words; `None` if a rule in doubt could change it.
    pub(super) fn words(
        &mut self,
        (set, place): (Set, Place),
        space: Option<&str>,
        probe: &Probe,
    ) -> Option<Outcome> {
        // Places with one set of rules have the words in common, too.
        let key = (set, *probe);
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
        candidates: &[(Set, Place)],
        space: Option<&str>,
        held: &[Held<'_>],
        probe: &Probe,
        because: &mut Codes<Because>,
    ) {
        for (set, place) in candidates {
            let is_of_place = |held: &&Held<'_>| {
                held.of_set().is_some_and(|(snapshot, ..)| snapshot == place.snapshot)
            };
            let Some(enforced) = held.iter().find(is_of_place).and_then(Held::outcome) else {
                continue;
            };
            let worded = self.words((*set, *place), space, probe);
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
