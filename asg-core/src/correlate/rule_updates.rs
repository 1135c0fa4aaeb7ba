//! The times at which silk's agent put rules into containers' chains.

use std::collections::BTreeSet;

use crate::evidence::Evidence;
use crate::guid::Handle;
use crate::time::Timestamp;

/// The maximum number of times that are kept: the earliest ones, whatever the order of the lines.
const MOST: usize = 1 << 16;

/// The times at which rules were put into containers' chains, as far as the agent's lines are here.
///
/// Lines of apps may be lost, so a time that is missing shows nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct RuleUpdates(BTreeSet<(Timestamp, Handle)>);

impl RuleUpdates {
    /// Takes a line's evidence.
    pub(super) fn take(&mut self, evidence: &Evidence) {
        let is_proof = evidence.rules_updated && !evidence.is_contradictory;
        if let (true, Some(time)) = (is_proof, evidence.time) {
            self.0.insert((time, evidence.handle.clone()));
            if self.0.len() > MOST {
                self.0.pop_last();
            }
        }
    }

    /// Returns the times with their containers, in order.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Handle, Timestamp)> {
        self.0.iter().map(|(time, handle)| (handle, *time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Moment;
    use crate::{Origin, SourceId};

    #[test]
    fn the_earliest_times_are_kept_in_any_order() {
        let line = |n: i64| {
            let handle = Handle::parse(b"bfce786c-ab07-40ad-79f9-8f21").unwrap();
            let origin = Origin { source: SourceId(0), line: 1 };
            let mut evidence = Evidence::new(handle, Moment::Seen, origin);
            evidence.rules_updated = true;
            evidence.time = Some(Timestamp::from_nanos(n));
            evidence
        };
        let most = i64::try_from(MOST).unwrap();
        let of = |lines: &mut dyn Iterator<Item = i64>| {
            let mut updates = RuleUpdates::default();
            lines.for_each(|n| updates.take(&line(n)));
            updates.0
        };
        let up = of(&mut (0..most + 9));
        assert_eq!((up.len(), up.last().unwrap().0), (MOST, Timestamp::from_nanos(most - 1)));
        assert_eq!(of(&mut (0..most + 9).rev()), up);
        let mut other = line(7);
        other.rules_updated = false;
        let mut updates = RuleUpdates::default();
        updates.take(&other);
        assert_eq!(updates.all().count(), 0);
    }
}
