//! Cloud Controller's contents over time.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::{self, BufRead, Write};

use asg_cc_client::embedded::{App, Deployment, Event, Foundation, Org, Process, Space, Work};
use asg_core::names::{AppState, Entity, directory_fn};
use asg_core::{Directory, Guid, Identity, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::clock;

/// Cloud Controller's contents over time: every change that people made, in order.
///
/// It grows with what people do (pushes, deployments, renames), not with packets or containers, as
/// Cloud Controller's own database does.
///
/// ```
/// use asg_benches::sim::{Change, History};
///
/// let mut history = History::default();
/// history.add(0, Change::OrgCreated { guid: "o1".into(), name: "old".into() });
/// history.add(1_000, Change::OrgRenamed { guid: "o1".into(), name: "new".into() });
/// assert_eq!(history.at(999).orgs[0].name, "old");
/// assert_eq!(history.at(1_000).orgs[0].name, "new");
/// assert_eq!(history.at(1_000).events[1].kind, "audit.organization.update");
///
/// let mut file = Vec::new();
/// history.write(&mut file)?;
/// assert_eq!(History::from_reader(file.as_slice())?, history);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    changes: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// In nanoseconds since 1970.
    at: i64,
    #[serde(flatten)]
    change: Change,
}

/// One change in Cloud Controller. Deleting a thing deletes everything created under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what they are called: GUIDs and names")]
pub enum Change {
    /// An org was made.
    OrgCreated { guid: String, name: String },
    /// An org was renamed.
    OrgRenamed { guid: String, name: String },
    /// An org and all in it were deleted.
    OrgDeleted { guid: String },
    /// A space was made.
    SpaceCreated { guid: String, name: String, org: String },
    /// A space was renamed.
    SpaceRenamed { guid: String, name: String },
    /// A space and all in it were deleted.
    SpaceDeleted { guid: String },
    /// An app was made, without a process yet.
    AppCreated { guid: String, name: String, space: String },
    /// An app was renamed.
    AppRenamed { guid: String, name: String },
    /// An app was deleted.
    AppDeleted { guid: String },
    /// A process was made.
    ProcessCreated { guid: String, process_type: String, app: String },
    /// A process was replaced by a deployment, which leaves no event.
    ProcessReplaced { guid: String },
    /// A deployment made a new web process.
    Deployed { guid: String, app: String, new_process: String },
    /// A task was started.
    TaskCreated { guid: String, app: String },
    /// A build was started.
    BuildCreated { guid: String, app: String },
}

impl History {
    /// Adds a change at a time, in nanoseconds since 1970, not before the last one.
    pub fn add(&mut self, at: i64, change: Change) {
        self.changes.push(Entry { at, change });
    }

    /// Returns the number of changes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Returns whether it has no change yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Returns Cloud Controller as it was at a time, in nanoseconds since 1970, ready to be served
    /// by [`asg_cc_client::embedded::Server`].
    #[must_use]
    pub fn at(&self, time: i64) -> Foundation {
        let mut foundation = Foundation::new();
        for entry in self.changes.iter().take_while(|entry| entry.at <= time) {
            apply(
                &mut foundation,
                &clock::text(entry.at / clock::SECOND * clock::SECOND),
                &entry.change,
            );
        }
        foundation
    }

    /// Returns a directory that knows the owner of every GUID of a process, task, build or app, of
    /// any time. Names are the last ones.
    pub fn directory(&self) -> impl Directory<Error = Infallible> + use<> {
        let everything = Everything::of(self);
        let named = move |guid: &Guid| (*guid, everything.identity(*guid));
        directory_fn(move |guids: &[Guid]| Ok(guids.iter().map(&named).collect()))
    }

    /// Writes `cc.json`: a JSON array with one change per line.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn write(&self, mut out: impl Write) -> io::Result<()> {
        for (n, entry) in self.changes.iter().enumerate() {
            out.write_all(if n == 0 { b"[" } else { b",\n" })?;
            serde_json::to_writer(&mut out, entry)?;
        }
        out.write_all(if self.changes.is_empty() { b"[]\n" } else { b"]\n" })
    }

    /// Reads `cc.json`.
    ///
    /// # Errors
    ///
    /// Those of the reader, and if the text was not written by [`History::write`].
    pub fn from_reader(input: impl BufRead) -> io::Result<Self> {
        Ok(Self { changes: serde_json::from_reader(input)? })
    }
}

fn apply(foundation: &mut Foundation, at: &str, change: &Change) {
    match change.clone() {
        Change::OrgCreated { guid, name } => {
            event(foundation, at, "audit.organization.create", "organization", &guid, &name);
            foundation.orgs.push(Org { guid, name });
        }
        Change::OrgRenamed { guid, name } => {
            event(foundation, at, "audit.organization.update", "organization", &guid, &name);
            foundation
                .orgs
                .iter_mut()
                .filter(|o| o.guid == guid)
                .for_each(|o| o.name.clone_from(&name));
        }
        Change::OrgDeleted { guid } => foundation.delete_org(&guid, at),
        Change::SpaceCreated { guid, name, org } => {
            foundation.spaces.push(Space { guid: guid.clone(), name: name.clone(), org });
            event(foundation, at, "audit.space.create", "space", &guid, &name);
        }
        Change::SpaceRenamed { guid, name } => {
            event(foundation, at, "audit.space.update", "space", &guid, &name);
            foundation
                .spaces
                .iter_mut()
                .filter(|s| s.guid == guid)
                .for_each(|s| s.name.clone_from(&name));
        }
        Change::SpaceDeleted { guid } => foundation.delete_space(&guid, at),
        Change::AppCreated { guid, name, space } => {
            foundation.apps.push(App { guid: guid.clone(), name: name.clone(), space });
            event(foundation, at, "audit.app.create", "app", &guid, &name);
        }
        Change::AppRenamed { guid, name } => {
            event(foundation, at, "audit.app.update", "app", &guid, &name);
            foundation
                .apps
                .iter_mut()
                .filter(|a| a.guid == guid)
                .for_each(|a| a.name.clone_from(&name));
        }
        Change::AppDeleted { guid } => foundation.delete_app(&guid, at),
        Change::ProcessCreated { guid, process_type, app } => {
            foundation.processes.push(Process { guid, process_type, app });
        }
        Change::ProcessReplaced { guid } => foundation.processes.retain(|p| p.guid != guid),
        Change::Deployed { guid, app, new_process } => {
            foundation.deployments.push(Deployment { guid, app, new_process });
        }
        Change::TaskCreated { guid, app } => foundation.tasks.push(Work { guid, app }),
        Change::BuildCreated { guid, app } => foundation.builds.push(Work { guid, app }),
    }
}

/// Writes an audit event; for a rename, the target's name is the new one, as in Cloud Controller.
fn event(
    foundation: &mut Foundation,
    at: &str,
    kind: &str,
    target_type: &str,
    guid: &str,
    name: &str,
) {
    let app = foundation.apps.iter().find(|a| a.guid == guid);
    let space = app.map_or(guid, |app| &app.space);
    let space = foundation.spaces.iter().find(|s| s.guid == space);
    let mut data = Map::new();
    if kind.ends_with(".update") {
        data.insert("request".into(), json!({ "name": name }));
    }
    foundation.events.push(Event {
        kind: kind.into(),
        at: at.into(),
        target: guid.into(),
        target_type: target_type.into(),
        target_name: name.into(),
        space: space.map(|s| s.guid.clone()),
        org: space
            .map(|s| s.org.clone())
            .or_else(|| (target_type == "organization").then(|| guid.into())),
        actor: None,
        data,
    });
}

/// Everything that ever existed, also the deleted.
#[derive(Default)]
struct Everything {
    /// Apps by the GUID of their process, task or build, and the process type.
    owners: HashMap<String, (String, Option<String>)>,
    apps: HashMap<String, (Entity, String, Option<Timestamp>)>,
    spaces: HashMap<String, (Entity, String)>,
    orgs: HashMap<String, Entity>,
}

impl Everything {
    fn of(history: &History) -> Self {
        let mut all = Self::default();
        for Entry { at, change } in &history.changes {
            match change.clone() {
                Change::OrgCreated { guid, name } | Change::OrgRenamed { guid, name } => {
                    all.orgs.insert(guid.clone(), Entity::named(guid, name));
                }
                Change::SpaceCreated { guid, name, org } => {
                    all.spaces.insert(guid.clone(), (Entity::named(guid, name), org));
                }
                Change::SpaceRenamed { guid, name } => {
                    all.spaces.entry(guid).and_modify(|(space, _)| space.name = Some(name));
                }
                Change::AppCreated { guid, name, space } => {
                    all.owners.insert(guid.clone(), (guid.clone(), None));
                    all.apps.insert(guid.clone(), (Entity::named(guid, name), space, None));
                }
                Change::AppRenamed { guid, name } => {
                    all.apps.entry(guid).and_modify(|(app, ..)| app.name = Some(name));
                }
                Change::AppDeleted { guid } => {
                    let gone = Some(Timestamp::from_nanos(*at));
                    all.apps.entry(guid).and_modify(|(.., deleted)| *deleted = gone);
                }
                Change::ProcessCreated { guid, process_type, app } => {
                    all.owners.insert(guid, (app, Some(process_type)));
                }
                Change::TaskCreated { guid, app } | Change::BuildCreated { guid, app } => {
                    all.owners.insert(guid, (app, None));
                }
                Change::OrgDeleted { .. }
                | Change::SpaceDeleted { .. }
                | Change::ProcessReplaced { .. }
                | Change::Deployed { .. } => {}
            }
        }
        all
    }

    fn identity(&self, id: Guid) -> Identity {
        let Some((app, process_type)) = self.owners.get(&id.to_string()) else {
            return Identity::unknown();
        };
        let Some((app, space, deleted_at)) = self.apps.get(app) else { return Identity::unknown() };
        let space = self.spaces.get(space);
        Identity {
            state: if deleted_at.is_some() { AppState::Deleted } else { AppState::Live },
            state_reason: None,
            app: Some(app.clone()),
            space: space.map(|(space, _)| space.clone()),
            org: space.and_then(|(_, org)| self.orgs.get(org)).cloned(),
            process_type: process_type.clone(),
            deleted_at: *deleted_at,
            ..Identity::unknown()
        }
    }
}
