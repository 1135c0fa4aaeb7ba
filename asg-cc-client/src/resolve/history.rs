//! The names of apps, spaces and orgs at a time.

use std::sync::Arc;

use asg_core::{Entity, Guid, Timestamp};

use super::Knowledge;
use crate::api::Event;

/// The names that an app, its space and its org had over time, as far as audit events prove them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NameHistory {
    app: Timeline,
    space: Timeline,
    org: Timeline,
}

/// The proven names at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NamesThen<'h> {
    /// The app's name, if something proves it.
    pub app: Option<&'h str>,
    /// The name of the space in which the app is today, or was last.
    pub space: Option<&'h str>,
    /// The name of that space's org.
    pub org: Option<&'h str>,
}

impl NameHistory {
    /// The names at this time.
    #[must_use]
    pub fn at(&self, time: Timestamp) -> NamesThen<'_> {
        NamesThen { app: self.app.at(time), space: self.space.at(time), org: self.org.at(time) }
    }
}

/// The names of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Timeline {
    /// Today's name.
    now: Option<Box<str>>,
    /// From the oldest to the newest.
    namings: Vec<Naming>,
    /// All events from this time on were read; `None` if some of any time may be missing.
    since: Option<Timestamp>,
}

/// One event that shows a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Naming {
    at: Timestamp,
    /// The name that an update gave.
    renamed_to: Option<Box<str>>,
    /// The name of the event's target.
    name: Option<Box<str>>,
    /// Before that the thing did not exist.
    creates: bool,
    /// It is of the kinds that are listed from the newest on, without gaps.
    is_listed: bool,
}

impl Naming {
    fn name(&self) -> Option<&str> {
        self.renamed_to.as_deref().or(self.name.as_deref())
    }
}

impl Timeline {
    /// The name at that time; `None` if nothing proves it.
    ///
    /// Cloud Controller writes the event of an update after the update, so its target has the new
    /// name.
    fn at(&self, time: Timestamp) -> Option<&str> {
        let behind = self.namings.partition_point(|naming| naming.at <= time);
        let (before, after) = self.namings.split_at(behind);
        if let Some(last) = before.last() {
            // Of two in one second nothing shows which came last, unless they agree.
            let latest = before.iter().rev().take_while(|naming| naming.at == last.at);
            let mut names = latest.filter_map(Naming::name);
            let name = names.next()?;
            return names.all(|other| other == name).then_some(name);
        }
        // Nothing was read of before, so the first event after it must not be a renaming, nor may
        // one be missing.
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

impl Knowledge {
    /// There are older events than those that were read.
    pub(super) const fn history_is_cut(&mut self) {
        self.history_is_cut = true;
    }

    pub(super) fn add_naming(&mut self, target: &str, event: &Event) {
        const THINGS: [&str; 3] = ["audit.app.", "audit.space.", "audit.organization."];
        let Some(at) = event.at else { return };
        let what = THINGS.iter().find_map(|thing| event.kind.strip_prefix(thing));
        let Some(what) = what else { return };
        let is_listed = matches!(what, "create" | "update");
        let boxed = |text: &Option<String>| text.as_deref().map(Box::from);
        let naming = Naming {
            at,
            // In an event of a task, the request's name is the task's.
            renamed_to: boxed(&event.renamed_to).filter(|_| is_listed),
            name: boxed(&event.target_name),
            creates: what == "create",
            is_listed,
        };
        let target: Arc<str> = self.share(target);
        self.namings.entry(target).or_default().insert(naming);
    }

    /// The names over time of the app that `id` is or belongs to, of its space and its org. Events
    /// before `kept` may be gone.
    pub(crate) fn history(&self, id: Guid, kept: Timestamp) -> NameHistory {
        let Some(identity) = self.identify(id) else { return NameHistory::default() };
        let timeline = |entity: Option<Entity>| {
            let Some(entity) = entity else { return Timeline::default() };
            let namings = self.namings.get(entity.guid.as_str()).into_iter().flatten();
            // If the list of updates was cut, other events may be older than its end, with a
            // renaming between.
            let namings = namings.filter(|n| n.is_listed || !self.history_is_cut).cloned();
            Timeline {
                now: entity.name.map(Into::into),
                namings: namings.collect(),
                since: (!self.history_is_cut).then_some(kept),
            }
        };
        NameHistory {
            app: timeline(identity.app),
            space: timeline(identity.space),
            org: timeline(identity.org),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::App;

    const APP: &str = "4ccbb24c-268e-421a-9d1b-3678b6eb40d0";
    const DAY: i64 = 86_400_000_000_000;

    fn event(day: i64, kind: &str, name: &str, renamed_to: Option<&str>) -> Event {
        Event {
            kind: kind.into(),
            at: Some(Timestamp::from_nanos(day * DAY)),
            target: Some(APP.into()),
            target_name: Some(name.into()),
            space: None,
            org: None,
            run: None,
            process_type: None,
            renamed_to: renamed_to.map(Into::into),
        }
    }

    #[test]
    fn a_name_is_given_only_if_events_prove_it() {
        let update = "audit.app.update";
        let created = event(10, "audit.app.create", "old", None);
        let scaled = event(20, update, "old", None);
        let renamed = event(30, update, "new", Some("new"));
        let again = event(40, update, "now", Some("now"));
        let twice = event(40, update, "odd", Some("odd"));
        let task = event(35, "audit.app.task.create", "new", Some("migrate"));
        for (events, kept, cut, day, name) in [
            // No events, and they would be there.
            (vec![], 5, false, 15, Some("now")),
            (vec![], 5, false, 4, None),
            (vec![&created], 5, false, 10, Some("old")),
            (vec![&created], 5, false, 9, None),
            (vec![&renamed], 5, false, 30, Some("new")),
            (vec![&renamed], 5, false, 29, None),
            (vec![&scaled, &renamed], 5, false, 29, Some("old")),
            (vec![&scaled, &renamed], 5, false, 19, Some("old")),
            (vec![&scaled, &renamed], 20, false, 19, None),
            (vec![&scaled, &renamed], 5, true, 19, None),
            (vec![&scaled, &renamed, &again], 5, false, 35, Some("new")),
            (vec![&scaled, &renamed, &again], 5, false, 99, Some("now")),
            (vec![&renamed, &again, &twice], 5, false, 41, None),
            (vec![&renamed, &task], 5, false, 36, Some("new")),
            (vec![&task], 5, false, 34, Some("new")),
        ] {
            for reversed in [false, true] {
                let mut known = Knowledge::default();
                known.add_app(App { guid: APP.into(), name: Some("now".into()), space: None });
                let mut events = events.clone();
                if reversed {
                    events.reverse();
                }
                for event in &events {
                    known.add_naming(APP, event);
                }
                if cut {
                    known.history_is_cut();
                }
                let at = |day: i64| Timestamp::from_nanos(day * DAY);
                let history = known.history(APP.parse().unwrap(), at(kept));
                assert_eq!(history.at(at(day)).app, name, "{events:?} at {day}");
            }
        }
    }
}
