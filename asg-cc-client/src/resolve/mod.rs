//! From records to identities.
//!
//! The live resolvers ([`v3`], [`v2`]) and the export all gather records into [`Knowledge`], which
//! alone decides what they mean together. So an export gives the answer that the live foundation
//! would have given.

mod history;
pub(crate) mod plan;
pub(crate) mod query;
pub(crate) mod search;
mod v2;
mod v3;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use asg_core::names::{AppState, Entity, NameHistory, Workload};
use asg_core::{Guid, Identity, Timestamp};

use crate::api::{App, Deployment, Event, Org, Process, Space, Work};
use crate::text::distinct;
pub(crate) use history::Noted;

/// The records of one foundation so far.
///
/// Apps and their processes, tasks and builds are kept by GUID, in either case. A record whose GUID
/// has another shape is dropped: no log can name it.
#[derive(Debug, Default)]
pub(crate) struct Knowledge {
    apps: HashMap<Guid, Listed>,
    spaces: HashMap<Arc<str>, Listed>,
    orgs: HashMap<Arc<str>, Option<Box<str>>>,
    /// Processes, tasks and builds.
    runs: HashMap<Guid, Run>,
    deleted: HashMap<Guid, Deletion>,
    /// The newest name in events, for things that are not listed.
    last_names: HashMap<Arc<str>, (Option<Timestamp>, Box<str>)>,
    /// The names of apps, spaces and orgs over time, by the events that show them.
    namings: HashMap<Arc<str>, BTreeSet<Noted>>,
    /// Whether events were left out that are older than the oldest of `namings`.
    history_is_cut: bool,
    /// Texts that many records share.
    shared: HashSet<Arc<str>>,
}

/// A name, and the GUID of the space or org around it.
#[derive(Debug)]
struct Listed {
    name: Option<Box<str>>,
    within: Option<Arc<str>>,
}

/// A process, task or build.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    app: Guid,
    process_type: Option<Arc<str>>,
    workload: Option<Workload>,
}

#[derive(Debug)]
struct Deletion {
    at: Option<Timestamp>,
    space: Option<Arc<str>>,
    org: Option<Arc<str>>,
}

impl Knowledge {
    /// Returns the identity of a live or deleted app, if `id` is known to be one or to belong to
    /// one.
    pub(crate) fn identify(&self, id: Guid) -> Option<Identity> {
        let run = self.runs.get(&id);
        // An app's own GUID comes first: its first web process has the same GUID.
        let app = if self.is_settled(id) { id } else { run?.app };
        let process_type =
            run.filter(|run| run.app == app).and_then(|run| run.process_type.as_deref());
        // An app's own GUID does not show whether its process is meant.
        let workload = run.filter(|_| app != id).and_then(|run| run.workload);
        let listed = self.apps.get(&app);
        // An export may contain both, saved before and after: the event is the proof, the list has
        // the names.
        let deletion = self.deleted.get(&app);
        if listed.is_none() && deletion.is_none() {
            return None;
        }
        let space = listed
            .and_then(|app| app.within.as_ref())
            .or_else(|| deletion.and_then(|deletion| deletion.space.as_ref()));
        let org = space
            .and_then(|space| self.spaces.get(space)?.within.as_ref())
            .or_else(|| deletion.and_then(|deletion| deletion.org.as_ref()));
        let guid = app.to_string();
        let name = listed.and_then(|app| app.name.as_deref()).or_else(|| self.last_name(&guid));
        let entity = |guid: &Arc<str>, name: Option<&str>| Entity {
            guid: guid.to_string(),
            name: name.map(Into::into),
        };
        Some(Identity {
            state: if deletion.is_some() { AppState::Deleted } else { AppState::Live },
            state_reason: None,
            space: space.map(|guid| entity(guid, self.space_name(guid))),
            org: org.map(|guid| entity(guid, self.org_name(guid))),
            process_type: process_type.map(Into::into),
            workload,
            deleted_at: deletion.and_then(|deletion| deletion.at),
            history: NameHistory::NONE,
            app: Some(Entity { name: name.map(Into::into), guid }),
        })
    }

    /// Returns the ids about which nothing final is known.
    pub(crate) fn open(&self, ids: &[Guid]) -> Vec<Guid> {
        ids.iter().filter(|id| !self.is_final(**id)).copied().collect()
    }

    fn is_final(&self, id: Guid) -> bool {
        self.is_settled(id) || self.runs.get(&id).is_some_and(|run| self.is_settled(run.app))
    }

    /// Returns whether it is known which app `id` is or belongs to.
    pub(crate) fn has_owner(&self, id: Guid) -> bool {
        self.runs.contains_key(&id) || self.is_settled(id)
    }

    /// Returns the apps that `ids` belong to and about which nothing final is known.
    pub(crate) fn open_owners(&self, ids: &[Guid]) -> Vec<Guid> {
        let owners = ids.iter().filter_map(|id| self.runs.get(id)).map(|run| run.app);
        distinct(owners.filter(|app| !self.is_settled(*app)))
    }

    /// Returns the spaces of `ids` whose names are not known.
    pub(crate) fn nameless_spaces(&self, ids: &[Guid]) -> Vec<String> {
        self.entities(ids, |it| it.space.filter(|space| space.name.is_none()))
    }

    /// Returns the orgs of `ids` whose names are not known; spaces come first, because they name
    /// their orgs.
    pub(crate) fn nameless_orgs(&self, ids: &[Guid]) -> Vec<String> {
        self.entities(ids, |it| it.org.filter(|org| org.name.is_none()))
    }

    /// Returns the GUIDs of the apps, spaces and orgs of `ids`.
    pub(crate) fn named(&self, ids: &[Guid]) -> Vec<String> {
        let all = ids.iter().filter_map(|id| self.identify(*id));
        let guids = all.flat_map(|it| [it.app, it.space, it.org]).flatten().map(|it| it.guid);
        distinct(guids)
    }

    /// Returns the GUIDs of some entities of the identities of `ids`.
    fn entities(&self, ids: &[Guid], which: impl Fn(Identity) -> Option<Entity>) -> Vec<String> {
        distinct(ids.iter().filter_map(|id| Some(which(self.identify(*id)?)?.guid)))
    }

    fn is_settled(&self, app: Guid) -> bool {
        self.apps.contains_key(&app) || self.deleted.contains_key(&app)
    }

    fn space_name(&self, guid: &str) -> Option<&str> {
        let listed = self.spaces.get(guid).and_then(|space| space.name.as_deref());
        listed.or_else(|| self.last_name(guid))
    }

    fn org_name(&self, guid: &str) -> Option<&str> {
        self.orgs.get(guid).and_then(|name| name.as_deref()).or_else(|| self.last_name(guid))
    }

    fn last_name(&self, guid: &str) -> Option<&str> {
        self.last_names.get(guid).map(|(_, name)| &**name)
    }

    fn share(&mut self, text: &str) -> Arc<str> {
        if let Some(shared) = self.shared.get(text) {
            return Arc::clone(shared);
        }
        let shared: Arc<str> = text.into();
        self.shared.insert(Arc::clone(&shared));
        shared
    }

    /// Returns a GUID of any shape, in lower case if it has the usual one.
    fn share_guid(&mut self, text: &str) -> Arc<str> {
        match guid(text) {
            Some(guid) => self.share(&guid.to_string()),
            None => self.share(text),
        }
    }

    fn share_some_guid(&mut self, text: Option<&String>) -> Option<Arc<str>> {
        text.map(|text| self.share_guid(text))
    }

    pub(crate) fn add_app(&mut self, app: App) {
        let Some(guid) = guid(&app.guid) else { return };
        let within = self.share_some_guid(app.space.as_ref());
        self.apps.insert(guid, Listed { name: app.name.map(Into::into), within });
    }

    pub(crate) fn add_space(&mut self, space: Space) {
        let within = self.share_some_guid(space.org.as_ref());
        let guid = self.share_guid(&space.guid);
        self.spaces.insert(guid, Listed { name: space.name.map(Into::into), within });
    }

    pub(crate) fn add_org(&mut self, org: Org) {
        let guid = self.share_guid(&org.guid);
        self.orgs.insert(guid, org.name.map(Into::into));
    }

    #[expect(clippy::needless_pass_by_value, reason = "all records are given away")]
    pub(crate) fn add_process(&mut self, process: Process) {
        if let Some((guid, run)) = self.run(&process, Some(Workload::App)) {
            self.runs.insert(guid, run);
        }
    }

    pub(crate) fn add_work(&mut self, work: Work) {
        let process = Process { guid: work.guid, app: work.app, process_type: None };
        if let Some((guid, run)) = self.run(&process, work.workload) {
            self.runs.insert(guid, run);
        }
    }

    pub(crate) fn add_deployment(&mut self, deployment: Deployment) {
        for process in deployment.new_processes {
            self.add_run_if_new(&process, Some(Workload::App));
        }
    }

    pub(crate) fn add_event(&mut self, event: Event) {
        let Some(text) = &event.target else { return };
        let target = self.share_guid(text);
        self.add_naming(&target, &event);
        if let Some(name) = &event.target_name {
            let known = self.last_names.get(&target);
            // `None` is older than any time.
            if known.is_none_or(|(at, _)| *at <= event.at) {
                self.last_names.insert(Arc::clone(&target), (event.at, name.as_str().into()));
            }
        }
        if event.deletes_app()
            && let Some(app) = guid(&target)
        {
            let space = self.share_some_guid(event.space.as_ref());
            let org = self.share_some_guid(event.org.as_ref());
            let deletion = Deletion { at: event.at, space, org };
            // The API accepts a second request while the first is in progress; the last one
            // succeeded.
            if self.deleted.get(&app).is_none_or(|known| known.at <= deletion.at) {
                self.deleted.insert(app, deletion);
            }
        }
        if let Some(guid) = event.run {
            let process_type = event.process_type;
            let process = Process { guid, app: event.target, process_type };
            self.add_run_if_new(&process, event.workload);
        }
    }

    fn run(&mut self, process: &Process, workload: Option<Workload>) -> Option<(Guid, Run)> {
        let (id, app) = (guid(&process.guid)?, guid(process.app.as_ref()?)?);
        let process_type = process.process_type.as_ref().map(|kind| self.share(kind));
        Some((id, Run { app, process_type, workload }))
    }

    /// Adds a record of the past, which must not replace one from a list of processes.
    fn add_run_if_new(&mut self, process: &Process, workload: Option<Workload>) {
        if let Some((guid, run)) = self.run(process, workload) {
            self.runs.entry(guid).or_insert(run);
        }
    }
}

/// Parses a GUID of the usual shape, in upper or lower case.
fn guid(text: &str) -> Option<Guid> {
    let parse = |text: &str| Guid::parse(text.as_bytes()).ok();
    parse(text).or_else(|| parse(&text.to_ascii_lowercase()))
}
