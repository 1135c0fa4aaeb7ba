//! Finds the snapshots that are relevant for an instant.

use super::Policy;
use super::group::Phase;
use crate::time::{TimeRange, Timestamp};
use crate::words::words;

/// How well the rules of an instant are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Basis {
    /// The last complete snapshot before the tolerance, all within it and the first after the
    /// instant have equal entries and owners, and none of their groups was updated in between.
    Exact,
    /// Such snapshots exist, and they differ, or may have differed in between.
    Either,
    /// All snapshots are earlier.
    Earlier,
    /// All snapshots are later.
    Later,
    /// No snapshots exist.
    None,
}

words! {
    "policy" Basis "a basis" {
        Exact = "exact", Either = "either", Earlier = "earlier", Later = "later", None = "none",
    }
}

/// Places in a list of snapshots around an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Window {
    /// The number of snapshots before the tolerance began.
    before: u32,
    /// The number of snapshots not later than the earliest time of the instant.
    until: u32,
    /// The number of snapshots not later than the latest time.
    through: u32,
    /// Whether the list has incomplete snapshots, for want of complete ones.
    partial: bool,
}

impl Window {
    /// Returns a number that differs for most windows.
    pub(super) const fn digest(self) -> u64 {
        (self.before as u64) | (self.until as u64) << 16 | (self.through as u64) << 32
    }
}

/// The snapshots that are relevant for an instant.
#[derive(Debug, Clone)]
pub(super) struct Bearing {
    /// Does not consider the rules: `Exact` means that they are still to be compared.
    pub(super) basis: Basis,
    /// The snapshots, the latest that is not after the instant first, those after it last.
    pub(super) snapshots: Vec<u32>,
    pub(super) partial: bool,
}

impl Policy {
    fn list(&self, partial: bool) -> impl Iterator<Item = u32> {
        let all = (0_u32..).zip(self.listings.all());
        all.filter(move |(_, listing)| listing.snapshot.complete != partial).map(|(n, _)| n)
    }

    pub(super) fn taken_at(&self, snapshot: u32) -> Timestamp {
        self.listings.all()[snapshot as usize].snapshot.taken_at
    }

    /// Returns whether a group that holds there, in a snapshot between these two, was updated
    /// between them.
    pub(super) fn is_updated_between(
        &self,
        (first, last): (u32, u32),
        space: Option<&str>,
        phase: Phase,
    ) -> bool {
        // Cloud Controller's times have whole seconds, and the listing may have been earlier in the
        // same second.
        let second = 1_000_000_000;
        let start = self.taken_at(first).as_nanos().div_euclid(second) * second;
        let within = Timestamp::from_nanos(start)..=self.taken_at(last);
        let listings = &self.listings.all()[first as usize..=last as usize];
        listings.iter().any(|listing| {
            let groups = &listing.snapshot.groups;
            let updated = |place: u32| groups[place as usize].updated_at;
            listing
                .effective(space, phase)
                .filter_map(updated)
                .any(|updated| within.contains(&updated))
        })
    }
}

/// The snapshots to use, in order: the complete ones, or the others if none is complete.
#[derive(Debug)]
pub(super) struct History {
    pub(super) list: Vec<u32>,
    /// When each was taken.
    times: Vec<Timestamp>,
    pub(super) partial: bool,
}

impl History {
    pub(super) fn new(policy: &Policy) -> Self {
        let complete: Vec<u32> = policy.list(false).collect();
        let partial = complete.is_empty();
        let list = if partial { policy.list(true).collect() } else { complete };
        let times = list.iter().map(|n| policy.taken_at(*n)).collect();
        Self { list, times, partial }
    }

    /// Returns the place of an instant among the snapshots. A change that is older than the start
    /// has reached the cell.
    pub(super) fn window(&self, time: TimeRange, start: Timestamp) -> Window {
        let before = self.times.partition_point(|taken| *taken < start);
        // The three places are mostly the same.
        let beyond = |from: usize, end: Timestamp| {
            let later = &self.times[from..];
            let is_there = later.first().is_some_and(|taken| *taken <= end);
            if is_there { from + later.partition_point(|taken| *taken <= end) } else { from }
        };
        let until = beyond(before, time.earliest());
        let through = beyond(until, time.latest());
        Window {
            before: before as u32,
            until: until as u32,
            through: through as u32,
            partial: self.partial,
        }
    }

    /// Returns the snapshots whose rules may be enforced at the instant.
    pub(super) fn enforced(&self, window: Window) -> Bearing {
        let (before, through) = (window.before as usize, window.through as usize);
        let earlier = |from: usize| self.list[from..through].iter().rev().copied();
        let after = self.list.get(through).copied();
        if self.partial {
            // Groups that one of them lacks another may lack as well: the nearest is as good as
            // all.
            let nearest = through.checked_sub(1).map(|n| (Basis::Earlier, self.list[n]));
            let nearest = nearest.or(after.map(|n| (Basis::Later, n)));
            return match nearest {
                Some((basis, n)) => Bearing { basis, snapshots: vec![n], partial: true },
                None => Bearing { basis: Basis::None, snapshots: Vec::new(), partial: false },
            };
        }
        let basis = match (before > 0, through > 0, after.is_some()) {
            (true, _, true) => Basis::Exact,
            (_, true, false) => Basis::Earlier,
            (false, _, true) => Basis::Later,
            (_, false, false) => Basis::None,
        };
        let mut snapshots: Vec<u32> = earlier(before.saturating_sub(1)).collect();
        snapshots.extend(after);
        Bearing { basis, snapshots, partial: false }
    }

    /// Returns the snapshots whose words may have been Cloud Controller's at the instant.
    pub(super) fn configured(&self, window: Window) -> Vec<u32> {
        let (until, through) = (window.until as usize, window.through as usize);
        let mut snapshots: Vec<u32> =
            self.list[until.saturating_sub(1)..through].iter().rev().copied().collect();
        snapshots.extend(self.list.get(through));
        if self.partial {
            snapshots.truncate(1);
        }
        snapshots
    }
}
