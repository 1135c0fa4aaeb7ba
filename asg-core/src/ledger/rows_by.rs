//! Rows by a key that few of them share.

use std::collections::BTreeSet;
use std::hash::Hash;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use crate::bytes::work;

/// The rows of each key, in order. Nearly every key of live containers has only one row, so one
/// costs no allocation.
#[derive(Debug, Clone)]
pub(super) struct RowsBy<K> {
    rows: HashMap<K, Rows>,
    lists: Vec<BTreeSet<u32>>,
}

#[derive(Debug, Clone, Copy)]
enum Rows {
    One(u32),
    /// The list with this number.
    Several(u32),
}

impl<K> Default for RowsBy<K> {
    fn default() -> Self {
        Self { rows: HashMap::new(), lists: Vec::new() }
    }
}

impl<K: Hash + Eq> RowsBy<K> {
    /// Adds a row under the key, if it is not there yet.
    pub(super) fn add(&mut self, key: K, row: u32) {
        work::count(1);
        let mut known = match self.rows.entry(key) {
            Entry::Vacant(none) => {
                none.insert(Rows::One(row));
                return;
            }
            Entry::Occupied(known) => known,
        };
        match *known.get() {
            Rows::One(first) if first == row => {}
            Rows::One(first) => {
                let number = u32::try_from(self.lists.len()).expect("fewer than 2^32 lists");
                known.insert(Rows::Several(number));
                self.lists.push(BTreeSet::from([first, row]));
            }
            Rows::Several(number) => {
                self.lists[number as usize].insert(row);
            }
        }
    }

    /// Returns the number of rows under the key.
    pub(super) fn count(&self, key: &K) -> usize {
        match self.rows.get(key) {
            None => 0,
            Some(Rows::One(_)) => 1,
            Some(Rows::Several(number)) => self.lists[*number as usize].len(),
        }
    }

    /// Returns the rows under the key, in order.
    pub(super) fn get(&self, key: &K) -> impl Iterator<Item = u32> + use<'_, K> {
        let (one, list) = match self.rows.get(key) {
            None => (None, None),
            Some(Rows::One(row)) => (Some(*row), None),
            Some(Rows::Several(number)) => (None, Some(&self.lists[*number as usize])),
        };
        one.into_iter().chain(list.into_iter().flatten().copied()).inspect(|_| work::count(1))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map_of_sets(added in prop::collection::vec((0_u8..6, 0_u32..9), 0..60)) {
            let (mut rows, mut sets) = (RowsBy::default(), BTreeMap::<u8, BTreeSet<u32>>::new());
            for (key, row) in added {
                rows.add(key, row);
                sets.entry(key).or_default().insert(row);
            }
            for key in 0..6 {
                let expected: Vec<_> = sets.get(&key).into_iter().flatten().copied().collect();
                prop_assert_eq!(rows.count(&key), expected.len());
                prop_assert_eq!(rows.get(&key).collect::<Vec<_>>(), expected);
            }
        }
    }
}
