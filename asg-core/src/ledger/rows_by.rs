//! Rows by a key that few of them share.

use std::hash::Hash;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

/// The rows of each key, in order. Of live containers nearly every key has one row only, so one costs no allocation.
#[derive(Debug, Clone)]
pub(super) struct RowsBy<K> {
    rows: HashMap<K, Rows>,
    lists: Vec<Vec<u32>>,
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
    /// Puts a row under the key, if it is not there yet.
    pub(super) fn add(&mut self, key: K, row: u32) {
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
                self.lists.push(vec![first.min(row), first.max(row)]);
            }
            Rows::Several(number) => {
                let list = &mut self.lists[number as usize];
                if let Err(at) = list.binary_search(&row) {
                    list.insert(at, row);
                }
            }
        }
    }

    /// The rows under the key, in order.
    pub(super) fn get(&self, key: &K) -> &[u32] {
        match self.rows.get(key) {
            None => &[],
            Some(Rows::One(row)) => std::slice::from_ref(row),
            Some(Rows::Several(number)) => &self.lists[*number as usize],
        }
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
                prop_assert_eq!(rows.get(&key), expected);
            }
        }
    }
}
