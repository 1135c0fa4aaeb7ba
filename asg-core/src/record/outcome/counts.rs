//! Counts lines by outcome and source.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{Outcome, TABLE};
use crate::evidence::{Origin, SourceId};

/// The lines of one source by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutcomeCounts {
    lines: [u64; TABLE.len()],
    /// The first line of each class; 0 without one.
    first: [u64; TABLE.len()],
}

impl OutcomeCounts {
    /// Returns the number of lines of a class.
    ///
    /// ```
    /// # use asg_core::record::{Outcome, Outcomes};
    /// # use asg_core::{Origin, SourceId};
    /// let outcome = Outcome::ALL[0];
    /// let mut outcomes = Outcomes::default();
    /// outcomes.count(Origin { source: SourceId(0), line: 3 }, outcome);
    /// outcomes.count(Origin { source: SourceId(0), line: 4 }, outcome);
    /// assert_eq!(outcomes.total().get(outcome), 2);
    /// ```
    #[must_use]
    pub const fn get(&self, outcome: Outcome) -> u64 {
        self.lines[outcome as usize]
    }

    /// Returns the number of the first line of a class.
    ///
    /// ```
    /// # use asg_core::record::{Outcome, Outcomes};
    /// # use asg_core::{Origin, SourceId};
    /// let outcome = Outcome::ALL[0];
    /// let mut outcomes = Outcomes::default();
    /// outcomes.count(Origin { source: SourceId(0), line: 3 }, outcome);
    /// outcomes.count(Origin { source: SourceId(0), line: 4 }, outcome);
    /// assert_eq!(outcomes.total().first(outcome), Some(3));
    /// ```
    #[must_use]
    pub fn first(&self, outcome: Outcome) -> Option<u64> {
        Some(self.first[outcome as usize]).filter(|first| *first > 0)
    }

    /// All lines.
    ///
    /// ```
    /// # use asg_core::record::{Outcome, Outcomes};
    /// # use asg_core::{Origin, SourceId};
    /// let outcome = Outcome::ALL[0];
    /// let mut outcomes = Outcomes::default();
    /// outcomes.count(Origin { source: SourceId(0), line: 3 }, outcome);
    /// outcomes.count(Origin { source: SourceId(0), line: 4 }, outcome);
    /// assert_eq!(outcomes.total().sum(), 2);
    /// ```
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.lines.iter().sum()
    }

    /// Each class with the number of its lines.
    ///
    /// ```
    /// # use asg_core::record::{Outcome, Outcomes};
    /// # use asg_core::{Origin, SourceId};
    /// let outcome = Outcome::ALL[0];
    /// let mut outcomes = Outcomes::default();
    /// outcomes.count(Origin { source: SourceId(0), line: 3 }, outcome);
    /// outcomes.count(Origin { source: SourceId(0), line: 4 }, outcome);
    /// let total = outcomes.total();
    /// assert!(total.iter().any(|counted| counted == (outcome, 2)));
    /// ```
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Outcome, u64)> {
        Outcome::ALL.into_iter().zip(self.lines)
    }

    const fn count(&mut self, line: u64, outcome: Outcome) {
        let n = outcome as usize;
        self.lines[n] += 1;
        if self.first[n] == 0 || line < self.first[n] {
            self.first[n] = line;
        }
    }

    fn add(&mut self, other: &Self, lines_before: u64) {
        for n in 0..TABLE.len() {
            self.lines[n] += other.lines[n];
            let first = other.first[n] + lines_before;
            if other.first[n] > 0 && (self.first[n] == 0 || first < self.first[n]) {
                self.first[n] = first;
            }
        }
    }
}

/// Each word with its number.
impl Serialize for OutcomeCounts {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(Some(TABLE.len()))?;
        for (outcome, lines) in self.iter() {
            map.serialize_entry(outcome.as_str(), &lines)?;
        }
        map.end()
    }
}

/// The lines of each source by outcome.
///
/// ```
/// use asg_core::record::{Outcome, Outcomes};
/// use asg_core::{Origin, SourceId};
///
/// let mut outcomes = Outcomes::default();
/// let at = |source, line| Origin { source: SourceId(source), line };
/// outcomes.count(at(1, 7), Outcome::OverLong);
/// outcomes.count(at(1, 8), Outcome::Packet);
/// outcomes.count(at(0, 1), Outcome::Packet);
/// assert_eq!((outcomes.sum(), outcomes.total().get(Outcome::Packet)), (3, 2));
/// assert_eq!(outcomes.first(Outcome::OverLong), Some(at(1, 7)));
/// assert_eq!(outcomes.sources().count(), 2);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Outcomes {
    sources: Vec<(SourceId, OutcomeCounts)>,
    /// The place of the source that was counted last.
    last: usize,
}

impl Outcomes {
    /// Counts a line.
    ///
    /// ```
    /// # use asg_core::record::{Outcome, Outcomes};
    /// # use asg_core::{Origin, SourceId};
    /// let outcome = Outcome::ALL[0];
    /// let mut outcomes = Outcomes::default();
    /// outcomes.count(Origin { source: SourceId(0), line: 3 }, outcome);
    /// outcomes.count(Origin { source: SourceId(0), line: 4 }, outcome);
    /// outcomes.count(Origin { source: SourceId(0), line: 5 }, outcome);
    /// assert_eq!(outcomes.sum(), 3);
    /// ```
    #[inline]
    pub fn count(&mut self, origin: Origin, outcome: Outcome) {
        let counts = match self.sources.get_mut(self.last) {
            Some((source, counts)) if *source == origin.source => counts,
            _ => self.source(origin.source),
        };
        counts.count(origin.line, outcome);
    }

    /// Adds the lines that others have counted.
    ///
    /// ```
    /// # use asg_core::record::{Outcome, Outcomes};
    /// # use asg_core::{Origin, SourceId};
    /// let outcome = Outcome::ALL[0];
    /// let mut outcomes = Outcomes::default();
    /// outcomes.count(Origin { source: SourceId(0), line: 3 }, outcome);
    /// outcomes.count(Origin { source: SourceId(0), line: 4 }, outcome);
    /// let other = outcomes.clone();
    /// outcomes.add(&other);
    /// assert_eq!(outcomes.sum(), 4);
    /// ```
    pub fn add(&mut self, other: &Self) {
        self.add_behind(other, 0);
    }

    /// Adds lines whose numbers begin behind so many.
    pub(crate) fn add_behind(&mut self, other: &Self, lines_before: u64) {
        for (source, counts) in &other.sources {
            self.source(*source).add(counts, lines_before);
        }
    }

    fn source(&mut self, source: SourceId) -> &mut OutcomeCounts {
        let known = self.sources.binary_search_by_key(&source, |(source, _)| *source);
        self.last = known.unwrap_or_else(|place| {
            self.sources.insert(place, (source, OutcomeCounts::default()));
            place
        });
        &mut self.sources[self.last].1
    }

    /// Each source with its lines, in the order of their numbers.
    ///
    /// ```
    /// # use asg_core::record::{Outcome, Outcomes};
    /// # use asg_core::{Origin, SourceId};
    /// let outcome = Outcome::ALL[0];
    /// let mut outcomes = Outcomes::default();
    /// outcomes.count(Origin { source: SourceId(0), line: 3 }, outcome);
    /// outcomes.count(Origin { source: SourceId(0), line: 4 }, outcome);
    /// assert_eq!(outcomes.sources().len(), 1);
    /// ```
    pub fn sources(&self) -> impl ExactSizeIterator<Item = (SourceId, &OutcomeCounts)> {
        self.sources.iter().map(|(source, counts)| (*source, counts))
    }

    /// Returns the lines of all sources; their first lines are of no use.
    ///
    /// ```
    /// # use asg_core::record::{Outcome, Outcomes};
    /// # use asg_core::{Origin, SourceId};
    /// let outcome = Outcome::ALL[0];
    /// let mut outcomes = Outcomes::default();
    /// outcomes.count(Origin { source: SourceId(0), line: 3 }, outcome);
    /// outcomes.count(Origin { source: SourceId(0), line: 4 }, outcome);
    /// assert_eq!(outcomes.total().get(outcome), 2);
    /// ```
    #[must_use]
    pub fn total(&self) -> OutcomeCounts {
        let mut total = OutcomeCounts::default();
        self.sources.iter().for_each(|(_, counts)| total.add(counts, 0));
        total
    }

    /// All lines.
    ///
    /// ```
    /// # use asg_core::record::{Outcome, Outcomes};
    /// # use asg_core::{Origin, SourceId};
    /// let outcome = Outcome::ALL[0];
    /// let mut outcomes = Outcomes::default();
    /// outcomes.count(Origin { source: SourceId(0), line: 3 }, outcome);
    /// outcomes.count(Origin { source: SourceId(0), line: 4 }, outcome);
    /// assert_eq!(outcomes.sum(), 2);
    /// ```
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sources.iter().map(|(_, counts)| counts.sum()).sum()
    }

    /// Returns the first line of a class, in the first source that has one.
    ///
    /// ```
    /// # use asg_core::record::{Outcome, Outcomes};
    /// # use asg_core::{Origin, SourceId};
    /// let outcome = Outcome::ALL[0];
    /// let mut outcomes = Outcomes::default();
    /// outcomes.count(Origin { source: SourceId(0), line: 3 }, outcome);
    /// outcomes.count(Origin { source: SourceId(0), line: 4 }, outcome);
    /// assert_eq!(outcomes.first(outcome).unwrap().line, 3);
    /// ```
    #[must_use]
    pub fn first(&self, outcome: Outcome) -> Option<Origin> {
        self.sources.iter().find_map(|(source, counts)| {
            Some(Origin { source: *source, line: counts.first(outcome)? })
        })
    }
}

/// The counts are compared, and not which source came last.
impl PartialEq for Outcomes {
    fn eq(&self, other: &Self) -> bool {
        self.sources == other.sources
    }
}

impl Eq for Outcomes {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_pieces_add_up_and_keep_the_first_line() {
        let at = |source, line| Origin { source: SourceId(source), line };
        let lines = [(2, 1, Outcome::Packet), (1, 5, Outcome::Damaged), (1, 3, Outcome::Damaged)];
        let mut all = Outcomes::default();
        let mut added = Outcomes::default();
        for (source, line, outcome) in lines {
            all.count(at(source, line), outcome);
            let mut one = Outcomes::default();
            one.count(at(source, line - 1), outcome);
            if line > 1 {
                added.add_behind(&one, 1);
            } else {
                one = Outcomes::default();
                one.count(at(source, line), outcome);
                added.add(&one);
            }
        }
        assert_eq!(all, added);
        assert_eq!(all.first(Outcome::Damaged), Some(at(1, 3)));
        assert_eq!(all.total().iter().map(|(_, lines)| lines).sum::<u64>(), 3);
    }
}
