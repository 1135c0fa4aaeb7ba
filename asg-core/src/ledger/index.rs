//! An index of rows by the beginning of a GUID.
//!
//! A log prefix shows 16 to 29 characters of a GUID, so a key cannot be longer. The key is the
//! first 16 characters: 56 bits, which two GUIDs of a foundation do not share in practice, so a
//! look-up is one probe of a hash table. GUIDs that do share them are in a sorted table of their
//! own, so a look-up among many of them costs no more than a search.

use std::collections::BTreeMap;
use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::bytes::work;
use crate::guid::GuidPrefix;

/// The minimum number of characters of a GUID for a look-up, as in the shortest text that Cloud
/// Foundry writes: `OK_`, a tag of eight digits and its `_` leave 16. Among a million apps ever
/// seen, one in ten billion shares that beginning with another.
pub(super) const LEAST_CHARACTERS: usize = 16;

/// A GUID, and the number of its characters in a handle.
pub(super) type Key = (u128, u8);

/// A flag in an entry: the number is that of a list, and not of a row.
const IS_LIST: u32 = 1 << 31;

/// Numbers of rows by the first [`LEAST_CHARACTERS`] of their GUID. The caller has the rows.
#[derive(Debug, Clone, Default)]
pub(super) struct Heads {
    table: HashTable<u32>,
    /// Rows that share a beginning.
    lists: Vec<BTreeMap<Key, u32>>,
    hasher: DefaultHashBuilder,
}

impl Heads {
    /// Adds a new row. `key_of` gives the GUID of any row.
    pub(super) fn insert(&mut self, key: Key, row: u32, key_of: impl Fn(u32) -> Key) {
        assert!(row < IS_LIST, "fewer than 2^31 containers");
        let (lists, hasher) = (&mut self.lists, &self.hasher);
        let hash = hasher.hash_one(head(key.0));
        let is_it = |entry: &u32| head(bits_of(lists, *entry, &key_of)) == head(key.0);
        if let Some(entry) = self.table.find_mut(hash, is_it) {
            if *entry & IS_LIST == 0 {
                let known = BTreeMap::from([(key_of(*entry), *entry)]);
                *entry = lists.len() as u32 | IS_LIST;
                lists.push(known);
            }
            lists[(*entry & !IS_LIST) as usize].insert(key, row);
            return;
        }
        self.table.insert_unique(hash, row, |entry| {
            hasher.hash_one(head(bits_of(lists, *entry, &key_of)))
        });
    }

    /// Reserves space for so many rows in all; the index must be empty.
    pub(super) fn reserve(&mut self, rows: usize) {
        self.table.reserve(rows, |_| 0);
    }

    /// Returns the row with this GUID.
    pub(super) fn get(&self, key: Key, key_of: impl Fn(u32) -> Key) -> Option<u32> {
        let entry = self.entry(key.0, &key_of)?;
        if entry & IS_LIST == 0 {
            return (key_of(entry) == key).then_some(entry);
        }
        self.lists[(entry & !IS_LIST) as usize].get(&key).copied()
    }

    /// Returns the rows whose GUID has this beginning, in order of their GUIDs.
    pub(super) fn starting(
        &self,
        shown: GuidPrefix,
        key_of: impl Fn(u32) -> Key,
    ) -> impl Iterator<Item = u32> {
        let (low, high) = shown.range();
        let entry = self.entry(low, &key_of);
        let begins =
            move |(bits, len): Key| (low..=high).contains(&bits) && shown.len() <= usize::from(len);
        let one = entry.filter(|entry| entry & IS_LIST == 0 && begins(key_of(*entry)));
        let list = entry.filter(|entry| entry & IS_LIST != 0);
        let list = list.map(|entry| &self.lists[(entry & !IS_LIST) as usize]);
        let of_list = list.into_iter().flat_map(move |list| list.range((low, 0)..=(high, u8::MAX)));
        let of_list = of_list.inspect(|_| work::count(1)).filter(move |(key, _)| begins(**key));
        one.into_iter().chain(of_list.map(|(_, row)| *row))
    }

    fn entry(&self, bits: u128, key_of: &impl Fn(u32) -> Key) -> Option<u32> {
        let is_it = |entry: &u32| {
            work::count(1);
            head(bits_of(&self.lists, *entry, key_of)) == head(bits)
        };
        self.table.find(self.hasher.hash_one(head(bits)), is_it).copied()
    }
}

/// Returns the GUID of an entry's row, or of any row of its list: they share their beginning.
fn bits_of(lists: &[BTreeMap<Key, u32>], entry: u32, key_of: &impl Fn(u32) -> Key) -> u128 {
    if entry & IS_LIST == 0 {
        return key_of(entry).0;
    }
    lists[(entry & !IS_LIST) as usize].first_key_value().map_or(0, |((bits, _), _)| *bits)
}

/// Returns the digits of the first 16 characters: 8, 4 and 2.
fn head(bits: u128) -> u64 {
    (bits >> 72) as u64
}
