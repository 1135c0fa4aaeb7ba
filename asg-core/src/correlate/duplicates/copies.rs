//! Lines about one packet, where more than one is known.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use crate::evidence::Origin;

/// The duplicate lines, each with the first line about its packet.
///
/// Nearly all packets with a copy have one, which takes some 50 bytes.
#[derive(Debug, Clone, Default)]
pub(in crate::correlate) struct Copies {
    lines: HashSet<Origin>,
    /// One of the other lines, by the first line of a packet.
    one: HashMap<Origin, Origin>,
    /// All further lines, by the first line of a packet.
    more: HashMap<Origin, Vec<Origin>>,
}

impl Copies {
    /// How many lines are copies.
    pub(in crate::correlate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// True if another line is the first about its packet.
    pub(in crate::correlate) fn is_copy(&self, line: Origin) -> bool {
        self.lines.contains(&line)
    }

    /// The other lines about the packet of a first line, in order.
    pub(in crate::correlate) fn others(&self, first: Origin) -> Vec<Origin> {
        let more = self.more.get(&first).into_iter().flatten();
        let mut others: Vec<_> = self.one.get(&first).into_iter().chain(more).copied().collect();
        others.sort_unstable();
        others
    }

    /// Notes a copy. If it was the first of its packet so far, its own copies go to the new first
    /// line.
    pub(in crate::correlate) fn put(&mut self, first: Origin, copy: Origin) {
        let known = self.take(copy);
        self.lines.insert(copy);
        known.into_iter().chain([copy]).for_each(|other| self.share(first, other));
    }

    /// Notes another line about the packet of a first line.
    pub(in crate::correlate) fn share(&mut self, first: Origin, other: Origin) {
        match self.one.entry(first) {
            Entry::Vacant(new) => {
                new.insert(other);
            }
            Entry::Occupied(_) => self.more.entry(first).or_default().push(other),
        }
    }

    /// Forgets the lines about the packet of a first line.
    pub(in crate::correlate) fn forget(&mut self, first: Origin) {
        for other in self.take(first) {
            self.lines.remove(&other);
        }
    }

    fn take(&mut self, first: Origin) -> Vec<Origin> {
        let one = self.one.remove(&first);
        let more = if one.is_some() { self.more.remove(&first) } else { None };
        one.into_iter().chain(more.into_iter().flatten()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::SourceId;

    #[test]
    fn what_is_known_of_a_line_goes_on_to_an_earlier_one() {
        let at = |line| Origin { source: SourceId(0), line };
        let mut copies = Copies::default();
        copies.put(at(5), at(9));
        copies.share(at(5), at(7));
        copies.put(at(2), at(5));
        assert_eq!(copies.others(at(2)), [at(5), at(7), at(9)]);
        assert!(copies.others(at(5)).is_empty());
        assert!(copies.is_copy(at(5)) && copies.is_copy(at(9)) && !copies.is_copy(at(2)));
        copies.forget(at(2));
        assert!(copies.others(at(2)).is_empty() && copies.len() == 0);
    }
}
