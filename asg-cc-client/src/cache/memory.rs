//! The entries of a cache: a bounded number of ids, each with its expiry.

use std::collections::{HashMap, VecDeque};

use asg_core::{Guid, Identity, Timestamp};

#[derive(Default)]
pub(super) struct Memory {
    entries: HashMap<Guid, Entry>,
    /// Ids in the order of insertion, each with its number; an id that was inserted again has
    /// another number.
    order: VecDeque<(Guid, u64)>,
    number: u64,
}

struct Entry {
    identity: Identity,
    end: Option<Timestamp>,
    number: u64,
}

impl Memory {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns the identity of `id`, if it has not expired.
    pub(super) fn get(&self, id: &Guid, now: Timestamp) -> Option<&Identity> {
        let entry = self.entries.get(id)?;
        entry.end.is_none_or(|end| now < end).then_some(&entry.identity)
    }

    pub(super) fn insert(
        &mut self,
        id: Guid,
        identity: Identity,
        end: Option<Timestamp>,
        capacity: usize,
    ) {
        self.number += 1;
        let number = self.number;
        self.entries.insert(id, Entry { identity, end, number });
        self.order.push_back((id, number));
        // The second condition also bounds the leftovers of ids that were inserted again or
        // removed.
        while self.entries.len() > capacity || self.order.len() > 2 * capacity.max(8) {
            let Some((id, number)) = self.order.pop_front() else { break };
            if self.entries.get(&id).is_some_and(|entry| entry.number == number) {
                self.entries.remove(&id);
            }
        }
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&Identity) -> bool) {
        self.entries.retain(|_, entry| keep(&entry.identity));
        let entries = &self.entries;
        self.order.retain(|(id, number)| entries.get(id).is_some_and(|e| e.number == *number));
    }

    /// Iterates in the order of insertion.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Guid, &Identity, Option<Timestamp>)> {
        self.order.iter().filter_map(|(id, number)| {
            let entry = self.entries.get(id).filter(|entry| entry.number == *number)?;
            Some((*id, &entry.identity, entry.end))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn neither_the_entries_nor_their_order_grow_beyond_the_limit(
            ids in prop::collection::vec(0_u128..40, 0..400),
            capacity in 0_usize..20,
        ) {
            let mut memory = Memory::default();
            for id in &ids {
                memory.insert(Guid::from_u128(*id), Identity::unknown(), None, capacity);
                prop_assert!(memory.len() <= capacity);
                prop_assert!(memory.order.len() <= 2 * capacity.max(8));
                prop_assert_eq!(memory.iter().count(), memory.len());
            }
            if let Some(last) = ids.last().filter(|_| capacity > 0) {
                let now = Timestamp::from_nanos(0);
                prop_assert!(memory.get(&Guid::from_u128(*last), now).is_some());
            }
        }
    }
}
