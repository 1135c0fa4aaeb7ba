//! The names of apps, spaces and orgs at a time.

use std::sync::Arc;

use asg_core::names::{Entity, NameHistory, NameTimeline, Naming};
use asg_core::{Identity, Timestamp};

use super::Knowledge;
use crate::api::Event;

/// A naming, and whether it comes from a list without gaps.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Noted {
    naming: Naming,
    /// Whether it is of the kinds that are listed from the newest on, without gaps.
    is_listed: bool,
}

impl Knowledge {
    /// Notes that older events exist than those that were read.
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
        };
        let target: Arc<str> = self.share(target);
        self.namings.entry(target).or_default().insert(Noted { naming, is_listed });
    }

    /// Returns the names over time of the app of this identity, of its space and its org. Events
    /// before `kept` may be gone.
    pub(crate) fn history(&self, identity: &Identity, kept: Timestamp) -> NameHistory {
        let timeline = |entity: &Option<Entity>| {
            let Some(entity) = entity else { return NameTimeline::default() };
            let noted = self.namings.get(entity.guid.as_str()).into_iter().flatten();
            // If the list of updates was cut, other events may be older than its end, with a
            // renaming between.
            let noted = noted.filter(|n| n.is_listed || !self.history_is_cut);
            let namings = noted.map(|noted| noted.naming.clone()).collect();
            let now = entity.name.as_deref().map(Into::into);
            NameTimeline::new(now, namings, (!self.history_is_cut).then_some(kept))
        };
        NameHistory::new(
            timeline(&identity.app),
            timeline(&identity.space),
            timeline(&identity.org),
        )
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
            workload: None,
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
            // No events, and they would have been kept.
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
                let identity = known.identify(APP.parse().unwrap()).unwrap();
                let history = known.history(&identity, at(kept));
                assert_eq!(history.at(at(day)).app, name, "{events:?} at {day}");
            }
        }
    }
}
