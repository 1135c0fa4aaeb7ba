//! The names of apps, spaces and orgs at a time.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::{TimeRange, Timestamp};

/// The names that an app, its space and its org had over time, as far as events prove them.
///
/// Clones share their memory.
///
/// ```
/// use asg_core::Timestamp;
/// use asg_core::names::{NameHistory, NameTimeline, Naming};
///
/// let at = |text: &str| Timestamp::parse(text.as_bytes()).unwrap();
/// let mut renaming = Naming::at(at("2024-05-06T00:00:00Z"));
/// renaming.renamed_to = Some("shop".into());
/// let app = NameTimeline::new(Some("shop".into()), vec![renaming], None);
/// let history = NameHistory::new(app, NameTimeline::default(), NameTimeline::default());
/// assert_eq!(history.at(at("2024-05-07T00:00:00Z")).app, Some("shop"));
/// assert_eq!(history.at(at("2024-05-05T00:00:00Z")).app, None, "nothing proves the name before");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NameHistory(Option<Arc<[NameTimeline; 3]>>);

/// The proven names at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct NamesThen<'h> {
    /// The app's name, if something proves it.
    pub app: Option<&'h str>,
    /// The name of the space in which the app is today, or was last.
    pub space: Option<&'h str>,
    /// The name of that space's org.
    pub org: Option<&'h str>,
}

impl NameHistory {
    /// The history without any event.
    pub const NONE: Self = Self(None);

    /// Returns the histories of an app, its space and its org.
    ///
    /// ```
    /// # use asg_core::Timestamp;
    /// # use asg_core::names::{NameHistory, NameTimeline, Naming};
    /// # use asg_core::time::TimeRange;
    /// # let at = |text: &str| Timestamp::parse(text.as_bytes()).unwrap();
    /// let mut renaming = Naming::at(at("2024-05-06T00:00:00Z"));
    /// renaming.renamed_to = Some("shop".into());
    /// let app = NameTimeline::new(Some("shop".into()), vec![renaming], None);
    /// let history = NameHistory::new(app, NameTimeline::default(), NameTimeline::default());
    /// assert_ne!(history, NameHistory::NONE);
    /// ```
    #[must_use]
    pub fn new(app: NameTimeline, space: NameTimeline, org: NameTimeline) -> Self {
        Self(Some(Arc::new([app, space, org])))
    }

    /// Returns whether nothing is known about other times.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the names at this time.
    ///
    /// ```
    /// # use asg_core::Timestamp;
    /// # use asg_core::names::{NameHistory, NameTimeline, Naming};
    /// # use asg_core::time::TimeRange;
    /// # let at = |text: &str| Timestamp::parse(text.as_bytes()).unwrap();
    /// let mut renaming = Naming::at(at("2024-05-06T00:00:00Z"));
    /// renaming.renamed_to = Some("shop".into());
    /// let app = NameTimeline::new(Some("shop".into()), vec![renaming], None);
    /// let history = NameHistory::new(app, NameTimeline::default(), NameTimeline::default());
    /// assert_eq!(history.at(at("2024-05-07T00:00:00Z")).app, Some("shop"));
    /// ```
    #[must_use]
    pub fn at(&self, time: Timestamp) -> NamesThen<'_> {
        self.during(time.into())
    }

    /// Returns the names that held during all of this range.
    ///
    /// ```
    /// # use asg_core::Timestamp;
    /// # use asg_core::names::{NameHistory, NameTimeline, Naming};
    /// # use asg_core::time::TimeRange;
    /// # let at = |text: &str| Timestamp::parse(text.as_bytes()).unwrap();
    /// let mut renaming = Naming::at(at("2024-05-06T00:00:00Z"));
    /// renaming.renamed_to = Some("shop".into());
    /// let app = NameTimeline::new(Some("shop".into()), vec![renaming], None);
    /// let history = NameHistory::new(app, NameTimeline::default(), NameTimeline::default());
    /// let [before, after] = [at("2024-05-05T00:00:00Z"), at("2024-05-07T00:00:00Z")];
    /// assert_eq!(history.during(TimeRange::between(before, after)).app, None);
    /// ```
    #[must_use]
    pub fn during(&self, range: TimeRange) -> NamesThen<'_> {
        let Some(timelines) = &self.0 else { return NamesThen::default() };
        let [app, space, org] = [0, 1, 2].map(|n| timelines[n].during(range));
        NamesThen { app, space, org }
    }

    /// Returns a number for a range: ranges with one number have the same names.
    ///
    /// ```
    /// # use asg_core::Timestamp;
    /// # use asg_core::names::{NameHistory, NameTimeline, Naming};
    /// # use asg_core::time::TimeRange;
    /// # let at = |text: &str| Timestamp::parse(text.as_bytes()).unwrap();
    /// let mut renaming = Naming::at(at("2024-05-06T00:00:00Z"));
    /// renaming.renamed_to = Some("shop".into());
    /// let app = NameTimeline::new(Some("shop".into()), vec![renaming], None);
    /// let history = NameHistory::new(app, NameTimeline::default(), NameTimeline::default());
    /// let days = ["2024-05-07T00:00:00Z", "2024-05-08T00:00:00Z"];
    /// let [one, two] = days.map(|text| at(text).into());
    /// assert_eq!(history.period(one), history.period(two));
    /// ```
    #[must_use]
    pub fn period(&self, range: TimeRange) -> (usize, usize) {
        let Some(timelines) = &self.0 else { return (0, 0) };
        let period = |time| timelines.iter().map(|timeline| timeline.period(time)).sum();
        (period(range.earliest()), period(range.latest()))
    }
}

/// As a list of the histories of app, space and org, or null.
impl Serialize for NameHistory {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.as_deref().serialize(s)
    }
}

impl<'de> Deserialize<'de> for NameHistory {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let timelines = Option::<[NameTimeline; 3]>::deserialize(d)?;
        Ok(Self(timelines.map(|all| Arc::new(all.map(NameTimeline::sorted)))))
    }
}

/// The names of one app, space or org.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NameTimeline {
    /// Today's name.
    now: Option<Box<str>>,
    /// From the oldest to the newest.
    namings: Box<[Naming]>,
    /// All events from this time on are among `namings`; `None` if some may be missing at any time.
    since: Option<Timestamp>,
}

/// One event that shows a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct Naming {
    /// When it happened.
    pub at: Timestamp,
    /// The name that an update gave.
    pub renamed_to: Option<Box<str>>,
    /// The name of the event's target.
    pub name: Option<Box<str>>,
    /// Whether the thing did not exist before.
    pub creates: bool,
}

impl Naming {
    /// Creates an event that shows nothing yet.
    ///
    /// ```
    /// use asg_core::Timestamp;
    /// use asg_core::names::Naming;
    /// let naming = Naming::at(Timestamp::parse(b"2024-05-06T00:00:00Z")?);
    /// assert!(naming.renamed_to.is_none());
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    #[must_use]
    pub const fn at(at: Timestamp) -> Self {
        Self { at, renamed_to: None, name: None, creates: false }
    }

    fn name(&self) -> Option<&str> {
        self.renamed_to.as_deref().or(self.name.as_deref())
    }
}

impl NameTimeline {
    /// Takes today's name, the events in any order, and the time from which on they are complete.
    ///
    /// ```
    /// use asg_core::names::NameTimeline;
    /// let shop = NameTimeline::new(Some("shop".into()), Vec::new(), None);
    /// assert_ne!(shop, NameTimeline::default());
    /// ```
    #[must_use]
    pub fn new(now: Option<Box<str>>, mut namings: Vec<Naming>, since: Option<Timestamp>) -> Self {
        namings.sort_unstable();
        Self { now, namings: namings.into(), since }
    }

    fn sorted(mut self) -> Self {
        self.namings.sort_unstable();
        self
    }

    /// Returns how many changes are possible until this time.
    fn period(&self, time: Timestamp) -> usize {
        let behind = self.namings.partition_point(|naming| naming.at <= time);
        behind + usize::from(self.since.is_some_and(|since| since <= time))
    }

    fn during(&self, range: TimeRange) -> Option<&str> {
        let name = self.at(range.earliest())?;
        let from = self.namings.partition_point(|naming| naming.at <= range.earliest());
        let within = self.namings[from..].iter().take_while(|naming| naming.at <= range.latest());
        within.map(|naming| naming.at).all(|at| self.at(at) == Some(name)).then_some(name)
    }

    /// Returns the name at that time; `None` if nothing proves it.
    ///
    /// Cloud Controller writes the event of an update after the update, so its target has the new
    /// name.
    fn at(&self, time: Timestamp) -> Option<&str> {
        let behind = self.namings.partition_point(|naming| naming.at <= time);
        let (before, after) = self.namings.split_at(behind);
        if let Some(last) = before.last() {
            // Two events in one second do not show which came last, unless they agree.
            let latest = before.iter().rev().take_while(|naming| naming.at == last.at);
            let mut names = latest.filter_map(Naming::name);
            let name = names.next()?;
            return names.all(|other| other == name).then_some(name);
        }
        // Nothing earlier was read, so the first event after it must not be a renaming, nor may one
        // be missing.
        if self.since.is_none_or(|since| time < since) {
            return None;
        }
        let Some(first) = after.first() else { return self.now.as_deref() };
        let mut firsts = after.iter().take_while(|naming| naming.at == first.at);
        if firsts.clone().any(|naming| naming.renamed_to.is_some() || naming.creates) {
            return None;
        }
        firsts.find_map(|naming| naming.name.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_the_name_that_holds_during_all_of_it() {
        let day = |day: i64| Timestamp::from_nanos(day * 86_400_000_000_000);
        let update = |at, name: &str| Naming { name: Some(name.into()), ..Naming::at(day(at)) };
        let renaming =
            |at, name: &str| Naming { renamed_to: Some(name.into()), ..update(at, name) };
        let namings = vec![renaming(30, "b"), update(20, "a"), renaming(40, "a"), update(50, "a")];
        let app = NameTimeline::new(Some("a".into()), namings, None);
        let history = NameHistory::new(app, NameTimeline::default(), NameTimeline::default());
        for (from, to, name) in [
            (20, 29, Some("a")),
            (20, 30, None),
            (30, 39, Some("b")),
            (21, 41, None),
            (40, 60, Some("a")),
            (10, 60, None),
        ] {
            let range = TimeRange::between(day(from), day(to));
            assert_eq!(history.during(range).app, name, "{from} to {to}");
        }
        let period = |at| history.period(day(at).into());
        assert_eq!(period(20), period(29));
        assert_ne!(period(29), period(30));
        assert_eq!(NameHistory::NONE.during(day(1).into()), NamesThen::default());
        let text = serde_json::to_string(&history).unwrap();
        assert_eq!(serde_json::from_str::<NameHistory>(&text).unwrap(), history);
    }
}
