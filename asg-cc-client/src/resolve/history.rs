//! What an app was called at a time.

use asg_core::Timestamp;

use super::Knowledge;
use super::plan::Naming;
use crate::api::Event;
use crate::text::distinct;

impl Knowledge {
    /// The apps of `ids`.
    pub(super) fn named_apps(&self, ids: &[String]) -> Vec<String> {
        distinct(ids.iter().filter_map(|id| Some(self.identify(id)?.app?.guid)))
    }

    /// There are older events than those that were read.
    pub(super) const fn history_is_cut(&mut self) {
        self.history_is_cut = true;
    }

    pub(super) fn add_naming(&mut self, target: &str, event: &Event) {
        let Some(at) = event.at.filter(|_| event.kind.starts_with("audit.app.")) else { return };
        let is_listed = matches!(event.kind.as_str(), "audit.app.create" | "audit.app.update");
        let naming = Naming {
            at,
            // In an event of a task, the request's name is the task's.
            renamed_to: event.renamed_to.clone().filter(|_| is_listed),
            name: event.target_name.clone(),
            creates: event.kind == "audit.app.create",
            is_listed,
        };
        let namings = self.namings.entry(target.to_owned()).or_default();
        if !namings.contains(&naming) {
            namings.push(naming);
        }
    }

    /// The name of `app`, which is `now` today, at that time; `None` if nothing proves it. Events before `kept` may be
    /// gone.
    ///
    /// Cloud Controller writes the event of an update after the update, so its target has the new name.
    pub(crate) fn name_at(
        &self,
        app: &str,
        now: Option<&str>,
        time: Timestamp,
        kept: Timestamp,
    ) -> Option<String> {
        // If the list of updates was cut, other events may be older than its end, with a renaming between.
        let namings = self.namings.get(app).map(Vec::as_slice).unwrap_or_default();
        let namings = namings.iter().filter(|n| n.is_listed || !self.history_is_cut);
        // Of two in one second nothing tells which came last, unless they agree.
        let name = |naming: &Naming| naming.renamed_to.clone().or_else(|| naming.name.clone());
        let before = namings.clone().filter(|n| n.at <= time).map(|n| n.at).max();
        if let Some(last) = before {
            let mut names = namings.filter(|n| n.at == last).filter_map(name);
            let first = names.next()?;
            return names.all(|other| other == first).then_some(first);
        }
        // Nothing was read of before, so the first event after it must not be a renaming, nor may one be missing.
        if time < kept || self.history_is_cut {
            return None;
        }
        let after = namings.clone().map(|n| n.at).min();
        let Some(first) = after else { return now.map(Into::into) };
        let mut firsts = namings.filter(|n| n.at == first);
        if firsts.clone().any(|n| n.renamed_to.is_some() || n.creates) {
            return None;
        }
        firsts.find_map(|n| n.name.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000_000;

    fn event(day: i64, kind: &str, name: &str, renamed_to: Option<&str>) -> Event {
        Event {
            kind: kind.into(),
            at: Some(Timestamp::from_nanos(day * DAY)),
            target: Some("a".into()),
            target_name: Some(name.into()),
            space: None,
            org: None,
            run: None,
            process_type: None,
            renamed_to: renamed_to.map(Into::into),
        }
    }

    #[test]
    fn only_what_events_prove_is_told() {
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
                let mut events = events.clone();
                if reversed {
                    events.reverse();
                }
                for event in &events {
                    known.add_naming("a", event);
                }
                if cut {
                    known.history_is_cut();
                }
                let at = |day: i64| Timestamp::from_nanos(day * DAY);
                let told = known.name_at("a", Some("now"), at(day), at(kept));
                assert_eq!(told.as_deref(), name, "{events:?} at {day}");
            }
        }
    }
}
