//! Values by number: each is kept once, and rows hold the number.

use std::hash::{BuildHasher, Hash};

use hashbrown::{DefaultHashBuilder, HashTable};

/// A set of values that gives each a number, from 0, in order of arrival. A number says nothing
/// about a value's order.
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
    /// The number of this value, which is new if the value is.
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

    /// The number of a value that looks so, if it is known.
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
