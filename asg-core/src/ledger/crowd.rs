//! Crowds: many rows under one key that must be searched by time without visiting each.
//!
//! Such a key is unusual: an address that more than [`MOST_CANDIDATES`] containers ever had. Its
//! rows are sorted once, on first use, and the order is dropped when new evidence comes.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, RwLock};

use super::attribution::MOST_CANDIDATES;
use crate::bytes::work;

/// Intervals of time in milliseconds, each of one row. Building one takes n·log n steps, and
/// finding each row takes log n.
#[derive(Debug)]
pub(super) struct Crowd {
    /// By start; equal starts stay in their order.
    intervals: Vec<Interval>,
    /// A binary tree over the intervals, each node with the latest end below it. The root is at 1.
    ends: Vec<i64>,
    /// All ends, sorted.
    sorted: Vec<i64>,
}

/// The interval in which something holds for a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) row: u32,
}

impl Crowd {
    /// Builds a crowd of these intervals; those that end before they begin never hold.
    pub(super) fn of(intervals: impl Iterator<Item = Interval>) -> Self {
        let mut intervals: Vec<_> =
            intervals.inspect(|_| work::count(1)).filter(|it| it.from <= it.to).collect();
        intervals.sort_by_key(|it| it.from);
        let leaves = intervals.len().next_power_of_two();
        let mut ends = vec![i64::MIN; leaves];
        ends.extend(intervals.iter().map(|it| it.to));
        ends.resize(leaves * 2, i64::MIN);
        for node in (1..leaves).rev() {
            ends[node] = ends[node * 2].max(ends[node * 2 + 1]);
        }
        let mut sorted: Vec<_> = intervals.iter().map(|it| it.to).collect();
        sorted.sort_unstable();
        Self { intervals, ends, sorted }
    }

    /// Returns the rows whose interval begins at `begun` or before and ends at `until` or later, by
    /// start.
    pub(super) fn reaching(&self, begun: i64, until: i64) -> impl Iterator<Item = u32> + '_ {
        let mut next = 0;
        std::iter::from_fn(move || {
            let at = self.first_from(next, until)?;
            next = at + 1;
            let it = self.intervals[at];
            (it.from <= begun).then_some(it.row)
        })
    }

    /// Returns how many intervals begin at `begun` or before and end at `until` or later, where
    /// `until` is not after `begun`.
    pub(super) fn count(&self, begun: i64, until: i64) -> usize {
        let begun = self.intervals.partition_point(|it| it.from <= begun);
        // Intervals that end before `until` began before it, too.
        begun - self.sorted.partition_point(|to| *to < until)
    }

    /// Returns the first interval at this place or behind it that ends at `until` or later.
    fn first_from(&self, place: usize, until: i64) -> Option<usize> {
        let leaves = self.ends.len() / 2;
        if place >= self.intervals.len() {
            return None;
        }
        let mut node = leaves + place;
        while self.ends[node] < until {
            work::count(1);
            // To the subtree on the right of this one, from as far up as it takes.
            while node & 1 == 1 {
                node >>= 1;
            }
            if node == 0 {
                return None;
            }
            node += 1;
        }
        while node < leaves {
            work::count(1);
            node *= 2;
            if self.ends[node] < until {
                node += 1;
            }
        }
        Some(node - leaves)
    }
}

/// Values computed from crowds, kept until new evidence comes.
pub(super) struct Crowds<K, V>(RwLock<HashMap<K, V>>);

impl<K: Hash + Eq, V: Clone> Crowds<K, V> {
    /// Returns the value of the crowd with this key; computes it if it is missing.
    pub(super) fn get_or(&self, key: K, make: impl FnOnce() -> V) -> V {
        // The table is consistent even if a thread panicked: entries are inserted whole.
        let known = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(made) = known.get(&key) {
            return made.clone();
        }
        drop(known);
        let made = make();
        let mut all = self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.entry(key).or_insert(made).clone()
    }

    /// Drops all values, because new evidence has come.
    pub(super) fn forget(&mut self) {
        let all = self.0.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !all.is_empty() {
            all.clear();
        }
    }
}

impl<K, V> Default for Crowds<K, V> {
    fn default() -> Self {
        Self(RwLock::new(HashMap::new()))
    }
}

impl<K, V> Clone for Crowds<K, V> {
    /// Returns an empty cache: the copy computes its own values on use.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<K, V> fmt::Debug for Crowds<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crowds").finish_non_exhaustive()
    }
}

/// The rows under one key whose interval includes a time: the first of them, and their number.
pub(super) struct Reaching {
    pub(super) first: Vec<u32>,
    pub(super) count: usize,
}

impl Reaching {
    /// Searches a crowd.
    pub(super) fn in_crowd(crowd: &Arc<Crowd>, begun: i64, until: i64) -> Self {
        let first = crowd.reaching(begun, until).take(MOST_CANDIDATES).collect();
        Self { first, count: crowd.count(begun, until) }
    }

    /// Searches a few intervals.
    pub(super) fn in_few(few: impl Iterator<Item = Interval>, begun: i64, until: i64) -> Self {
        let reaches = |it: &Interval| it.from <= it.to && it.from <= begun && it.to >= until;
        let first: Vec<_> = few.filter(reaches).map(|it| it.row).collect();
        Self { count: first.len(), first }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_crowd_finds_what_a_walk_over_it_finds(
            ends in prop::collection::vec((0_i64..50, -5_i64..30), 0..70), begun in -5_i64..60, back in 0_i64..40, ahead in 0_i64..20,
        ) {
            let all: Vec<_> = (0..).zip(&ends).map(|(row, (from, len))| Interval { from: *from, to: from + len, row }).collect();
            let crowd = Crowd::of(all.iter().copied());
            let slow = |until: i64| {
                let mut found: Vec<_> = all
                    .iter()
                    .filter(|it| it.from <= it.to && it.from <= begun && it.to >= until)
                    .map(|it| (it.from, it.row))
                    .collect();
                found.sort_unstable();
                found.into_iter().map(|(_, row)| row).collect::<Vec<_>>()
            };
            let found: Vec<_> = crowd.reaching(begun, begun - back).collect();
            prop_assert_eq!(crowd.count(begun, begun - back), found.len());
            prop_assert_eq!(found, slow(begun - back));
            // A time inside all of them.
            prop_assert_eq!(crowd.reaching(begun, begun + ahead).collect::<Vec<_>>(), slow(begun + ahead));
        }
    }
}
