//! An index of rows by how a GUID begins.
//!
//! A log prefix shows 16 to 29 characters of a GUID, so nothing longer can be the key. The first 16 characters are: 56 bits,
//! which two GUIDs of a foundation do not share in practice, so a look-up is one probe of a hash table.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// The characters of a GUID that a look-up needs at least. The shortest that Cloud Foundry writes: `OK_`, a tag of eight
/// digits and its `_` leave 16. At a million apps ever seen, one in ten billion shares that beginning with another.
pub(super) const LEAST_CHARACTERS: usize = 16;

/// Numbers of rows by the first [`LEAST_CHARACTERS`] of their GUID. The rows are elsewhere: whoever asks has them.
#[derive(Debug, Clone, Default)]
pub(super) struct Heads {
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Heads {
    /// Takes a row that is not there yet. `guid_of` tells the GUID of any row.
    pub(super) fn insert(&mut self, bits: u128, row: u32, guid_of: impl Fn(u32) -> u128) {
        let hasher = &self.hasher;
        self.table.insert_unique(hasher.hash_one(head(bits)), row, |&row| {
            hasher.hash_one(head(guid_of(row)))
        });
    }

    /// Makes room for so many rows in all, while there are none yet.
    pub(super) fn reserve(&mut self, rows: usize) {
        self.table.reserve(rows, |_| 0);
    }

    /// The rows whose GUID may begin as this one does, and few others.
    pub(super) fn find(&self, bits: u128) -> impl Iterator<Item = u32> + '_ {
        self.table.iter_hash(self.hasher.hash_one(head(bits))).copied()
    }
}

/// The digits of the first 16 characters: 8, 4 and 2.
fn head(bits: u128) -> u64 {
    (bits >> 72) as u64
}
