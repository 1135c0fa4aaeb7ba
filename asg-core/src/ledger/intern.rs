//! Interned values: each is kept once, and rows have its number.

use std::hash::{BuildHasher, Hash};

use hashbrown::{DefaultHashBuilder, HashTable};

/// A set that numbers its values from 0, in order of insertion. The numbers are not in the order of
/// the values.
#[derive(Debug, Clone)]
pub(super) struct Interner<T> {
    values: Vec<T>,
    numbers: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            numbers: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }
}

impl<T: Hash + Eq> Interner<T> {
    /// Returns the number of this value; inserts it if it is new.
    pub(super) fn put(&mut self, value: T) -> u32 {
        let hash = self.hasher.hash_one(&value);
        if let Some(number) = self.numbers.find(hash, |&n| self.values[n as usize] == value) {
            return *number;
        }
        let number = u32::try_from(self.values.len()).expect("fewer than 2^32 values");
        self.values.push(value);
        let (values, hasher) = (&self.values, &self.hasher);
        self.numbers.insert_unique(hash, number, |&n| hasher.hash_one(&values[n as usize]));
        number
    }

    /// Returns the number of an equal value, if it is known.
    pub(super) fn find<Q: Hash + ?Sized>(&self, value: &Q, is: impl Fn(&T) -> bool) -> Option<u32> {
        let hash = self.hasher.hash_one(value);
        self.numbers.find(hash, |&n| is(&self.values[n as usize])).copied()
    }

    pub(super) fn get(&self, number: u32) -> &T {
        &self.values[number as usize]
    }

    pub(super) fn values(&self) -> &[T] {
        &self.values
    }
}
