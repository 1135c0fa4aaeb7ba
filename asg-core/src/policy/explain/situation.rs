//! The rules that may have held when a packet was sent, whatever the packet.
//!
//! Packets of one space in one interval between snapshots share this, so that an explanation only
//! matches its packet against the rules.

use std::sync::Arc;

use super::chain::Content;
use super::explanation::UsedSnapshot;
use super::{Explainer, When};
use crate::policy::because::{Because, Codes};
use crate::policy::evaluator::{Place, Set};
use crate::policy::group::Phase;
use crate::policy::history::Basis;

/// The rules that may have held.
#[derive(Debug)]
pub(super) struct Situation {
    /// The places of Cloud Controller's words at that time: one of each set.
    pub(super) worded: Vec<(Set, Place)>,
    /// The places of the rules that may have been in the kernel, with their sets; the likeliest
    /// come first.
    pub(super) candidates: Vec<(Set, Place)>,
    /// Everything that the chain may have held; `None` if nothing is known of it.
    pub(super) contents: Option<Vec<Content>>,
    /// The snapshots that were used, the earliest first.
    pub(super) snapshots: Arc<[UsedSnapshot]>,
    pub(super) basis: Basis,
    /// The reasons that are those of every packet.
    pub(super) because: Codes<Because>,
}

impl When {
    pub(super) const fn place(&self, snapshot: u32, phase: Phase) -> Place {
        Place { snapshot, settings: self.settings, space: self.space, phase }
    }

    /// Returns the phases in question.
    pub(super) fn phases(&self) -> &'static [Phase] {
        match self.phase {
            None => &Phase::ALL,
            Some(Phase::Running) => &[Phase::Running],
            Some(Phase::Staging) => &[Phase::Staging],
        }
    }

    fn places(&self, snapshots: &[u32]) -> Vec<Place> {
        let of = |snapshot: &u32| {
            let snapshot = *snapshot;
            self.phases().iter().map(move |phase| self.place(snapshot, *phase))
        };
        snapshots.iter().flat_map(of).collect()
    }
}

impl Explainer {
    /// Returns what held then, which is computed once.
    pub(super) fn situation(&mut self, when: When, space: Option<&str>) -> Arc<Situation> {
        if let Some(known) = self.situations.get(&when) {
            return Arc::clone(known);
        }
        let situation = Arc::new(self.find_situation(&when, space));
        self.situations.insert(when, Arc::clone(&situation));
        situation
    }

    fn find_situation(&mut self, when: &When, space: Option<&str>) -> Situation {
        let policy = self.policy.clone();
        let profile = policy.listings().settings_at(when.settings as usize).profile;
        let worded = when.window.map(|window| self.history.configured(window)).unwrap_or_default();
        let mut worded = self.sets_at(when.places(&worded), space);
        worded.sort_by_key(|(set, _)| *set);
        worded.dedup_by_key(|(set, _)| *set);
        let mut situation = Situation {
            worded,
            candidates: Vec::new(),
            contents: None,
            snapshots: Arc::default(),
            basis: Basis::None,
            because: Codes::new(),
        };
        if when.phase.is_none() {
            situation.because.insert(Because::PhaseUnknown);
        }
        if space.is_none() {
            situation.because.insert(Because::SpaceUnknown);
        }

        // The snapshots whose rules may have been in the kernel.
        let window = if profile.is_static() { when.desired } else { when.window };
        let Some(bearing) = window.map(|window| self.history.enforced(window)) else {
            let known = profile.is_static() && !self.history.list.is_empty();
            situation.because.insert(if known {
                Because::StaticContainer
            } else {
                Because::NoSnapshot
            });
            return situation;
        };
        situation.candidates = self.sets_at(when.places(&bearing.snapshots), space);
        let mut sorted = bearing.snapshots;
        sorted.sort_unstable();
        situation.snapshots = sorted.iter().map(|n| self.used(*n)).collect();
        situation.basis = bearing.basis;
        if bearing.partial {
            situation.because.insert(Because::PartialSnapshot);
        }
        if bearing.basis == Basis::None {
            situation.because.insert(Because::NoSnapshot);
            return situation;
        }
        if bearing.basis == Basis::Exact && !self.is_unchanged(&sorted, when, space) {
            situation.basis = Basis::Either;
        }

        let mut contents = Vec::new();
        for (_, place) in &situation.candidates {
            self.add_contents(*place, space, when.created, &mut contents);
        }
        situation.because.extend(contents.iter().filter_map(|content| content.code));
        if profile.is_static() && !self.are_same(&situation) {
            situation.because.insert(Because::StaticContainer);
        }
        situation.contents = Some(contents);
        situation
    }

    /// Returns whether all these snapshots, which are in order, have equal entries, and no group
    /// that holds was updated between them.
    fn is_unchanged(&mut self, snapshots: &[u32], when: &When, space: Option<&str>) -> bool {
        let (Some(first), Some(last)) = (snapshots.first(), snapshots.last()) else { return false };
        when.phases().iter().all(|phase| {
            let place = |snapshot: u32| when.place(snapshot, *phase);
            let set = self.sets.set(&self.policy, place(*first), space);
            let same = snapshots.iter().all(|snapshot| {
                let other = self.sets.set(&self.policy, place(*snapshot), space);
                self.sets.is_same(set, other)
            });
            same && !self.policy.is_updated_between((*first, *last), space, *phase)
        })
    }

    /// Returns whether the rules by Cloud Controller's words and those in the kernel are equal.
    fn are_same(&self, situation: &Situation) -> bool {
        let sets = situation.worded.iter().chain(&situation.candidates).map(|(set, _)| *set);
        let sets: Vec<Set> = sets.collect();
        sets.windows(2).all(|pair| self.sets.is_same(pair[0], pair[1]))
    }

    fn sets_at(&mut self, places: Vec<Place>, space: Option<&str>) -> Vec<(Set, Place)> {
        let with_set = |place| (self.sets.set(&self.policy, place, space), place);
        places.into_iter().map(with_set).collect()
    }

    fn used(&self, snapshot: u32) -> UsedSnapshot {
        let snapshot = &self.policy.listings().all()[snapshot as usize].snapshot;
        UsedSnapshot {
            taken_at: snapshot.taken_at,
            complete: snapshot.complete,
            assumed: snapshot.assumed,
        }
    }
}
