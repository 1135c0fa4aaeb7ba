//! From records to identities.
//!
//! The live resolvers ([`v3`], [`v2`]) and the export all gather records into [`Knowledge`], and it alone decides what
//! they mean together. So an export says what the live foundation would have said.

mod history;
pub(crate) mod plan;
pub(crate) mod query;
mod v2;
mod v3;

use std::collections::HashMap;

use asg_core::{AppState, Entity, Identity, Timestamp};

use crate::api::{App, Deployment, Event, Org, Process, Space, Work};
use crate::text::distinct;
use plan::Naming;

/// The records of one foundation that were seen so far, by GUID.
#[derive(Debug, Default)]
pub(crate) struct Knowledge {
    apps: HashMap<String, Listed>,
    spaces: HashMap<String, Listed>,
    orgs: HashMap<String, Option<String>>,
    /// Processes, tasks and builds.
    runs: HashMap<String, Run>,
    deleted: HashMap<String, Deletion>,
    /// The newest name that events tell, for what is not listed.
    last_names: HashMap<String, (Option<Timestamp>, String)>,
    /// What apps were called, by the events that say it.
    namings: HashMap<String, Vec<Naming>>,
    /// Events were left out that are older than the oldest of `namings`.
    history_is_cut: bool,
}

/// A name, and the GUID of what it is in.
#[derive(Debug)]
struct Listed {
    name: Option<String>,
    within: Option<String>,
}

#[derive(Debug)]
struct Run {
    app: String,
    process_type: Option<String>,
}

#[derive(Debug)]
struct Deletion {
    at: Option<Timestamp>,
    space: Option<String>,
    org: Option<String>,
}

impl Knowledge {
    /// What `id` is, if that is known: the identity of a live or deleted app.
    pub(crate) fn identify(&self, id: &str) -> Option<Identity> {
        let run = self.runs.get(id);
        // An app's own GUID comes first: its first web process has the same.
        let app = if self.is_settled(id) { id } else { run?.app.as_str() };
        let process_type =
            run.filter(|run| run.app == app).and_then(|run| run.process_type.clone());
        let listed = self.apps.get(app);
        // An export may hold both, saved before and after: the event is the proof, the list has the names.
        let deletion = self.deleted.get(app);
        if listed.is_none() && deletion.is_none() {
            return None;
        }
        let space = listed
            .and_then(|app| app.within.clone())
            .or_else(|| deletion.and_then(|deletion| deletion.space.clone()));
        let org = space
            .as_ref()
            .and_then(|space| self.spaces.get(space)?.within.clone())
            .or_else(|| deletion.and_then(|deletion| deletion.org.clone()));
        let name = listed.and_then(|app| app.name.clone()).or_else(|| self.last_name(app));
        Some(Identity {
            state: if deletion.is_some() { AppState::Deleted } else { AppState::Live },
            state_reason: None,
            app: Some(Entity { guid: app.to_owned(), name }),
            space: space.map(|guid| Entity { name: self.space_name(&guid), guid }),
            org: org.map(|guid| Entity { name: self.org_name(&guid), guid }),
            process_type,
            deleted_at: deletion.and_then(|deletion| deletion.at),
        })
    }

    /// The ids about which nothing final is known.
    pub(crate) fn open(&self, ids: &[String]) -> Vec<String> {
        ids.iter().filter(|id| self.identify(id).is_none()).cloned().collect()
    }

    /// True if it is known which app `id` is or belongs to.
    pub(crate) fn has_owner(&self, id: &str) -> bool {
        self.runs.contains_key(id) || self.is_settled(id)
    }

    /// The apps that `ids` belong to and about which nothing final is known.
    pub(crate) fn open_owners(&self, ids: &[String]) -> Vec<String> {
        let owners = ids.iter().filter_map(|id| self.runs.get(id)).map(|run| &run.app);
        distinct(owners.filter(|app| !self.is_settled(app)).cloned())
    }

    /// The spaces of `ids` whose names are not known.
    pub(crate) fn nameless_spaces(&self, ids: &[String]) -> Vec<String> {
        distinct(self.entities(ids, |identity| identity.space))
    }

    /// The orgs of `ids` whose names are not known; spaces come first, since they tell their orgs.
    pub(crate) fn nameless_orgs(&self, ids: &[String]) -> Vec<String> {
        distinct(self.entities(ids, |identity| identity.org))
    }

    fn entities(
        &self,
        ids: &[String],
        which: impl Fn(Identity) -> Option<Entity>,
    ) -> impl Iterator<Item = String> {
        let entity = move |id: &String| which(self.identify(id)?);
        ids.iter().filter_map(entity).filter(|e| e.name.is_none()).map(|e| e.guid)
    }

    fn is_settled(&self, app: &str) -> bool {
        self.apps.contains_key(app) || self.deleted.contains_key(app)
    }

    fn space_name(&self, guid: &str) -> Option<String> {
        self.spaces.get(guid).and_then(|space| space.name.clone()).or_else(|| self.last_name(guid))
    }

    fn org_name(&self, guid: &str) -> Option<String> {
        self.orgs.get(guid).cloned().flatten().or_else(|| self.last_name(guid))
    }

    fn last_name(&self, guid: &str) -> Option<String> {
        self.last_names.get(guid).map(|(_, name)| name.clone())
    }

    pub(crate) fn add_app(&mut self, app: App) {
        self.apps.insert(app.guid, Listed { name: app.name, within: app.space });
    }

    pub(crate) fn add_space(&mut self, space: Space) {
        self.spaces.insert(space.guid, Listed { name: space.name, within: space.org });
    }

    pub(crate) fn add_org(&mut self, org: Org) {
        self.orgs.insert(org.guid, org.name);
    }

    pub(crate) fn add_process(&mut self, process: Process) {
        if let Some(app) = process.app {
            let run = Run { app, process_type: process.process_type };
            self.runs.insert(process.guid, run);
        }
    }

    pub(crate) fn add_work(&mut self, work: Work) {
        if let Some(app) = work.app {
            self.runs.insert(work.guid, Run { app, process_type: None });
        }
    }

    pub(crate) fn add_deployment(&mut self, deployment: Deployment) {
        for process in deployment.new_processes {
            self.add_process_if_new(process);
        }
    }

    pub(crate) fn add_event(&mut self, event: Event) {
        let Some(target) = event.target.clone() else { return };
        self.add_naming(&target, &event);
        if let Some(name) = &event.target_name {
            let known = self.last_names.get(&target);
            // `None` is older than any time.
            if known.is_none_or(|(at, _)| *at <= event.at) {
                self.last_names.insert(target.clone(), (event.at, name.clone()));
            }
        }
        if event.deletes_app() {
            let deletion =
                Deletion { at: event.at, space: event.space.clone(), org: event.org.clone() };
            // The API admits a second request while the first is at work; the last one did it.
            if self.deleted.get(&target).is_none_or(|known| known.at <= deletion.at) {
                self.deleted.insert(target.clone(), deletion);
            }
        }
        if let Some(guid) = event.run {
            self.add_process_if_new(Process {
                guid,
                app: Some(target),
                process_type: event.process_type,
            });
        }
    }

    /// Records of the past must not replace what a list of processes says.
    fn add_process_if_new(&mut self, process: Process) {
        if !self.runs.contains_key(&process.guid) {
            self.add_process(process);
        }
    }
}
