//! The contents of a foundation: orgs, spaces, apps and their processes.

use std::sync::Arc;

use asg_core::Guid;

use super::Chance;
use super::history::{Change, History};
use super::truth::NameSet;

/// Everything that Cloud Controller has, and had.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) orgs: Vec<Org>,
    pub(super) spaces: Vec<Space>,
    pub(super) apps: Vec<App>,
    pub(super) history: History,
    /// The number of names so far: no two are equal.
    named: u64,
}

#[derive(Debug)]
pub(super) struct Org {
    pub(super) guid: Guid,
    pub(super) name: String,
    pub(super) alive: bool,
}

#[derive(Debug)]
pub(super) struct Space {
    pub(super) guid: Guid,
    pub(super) name: String,
    pub(super) org: usize,
    pub(super) alive: bool,
}

#[derive(Debug)]
pub(super) struct App {
    pub(super) guid: Guid,
    /// The current names of the app, its space and its org.
    pub(super) names: Arc<NameSet>,
    pub(super) space: usize,
    pub(super) alive: bool,
    /// Whether a deployment is in progress.
    pub(super) deploying: bool,
    pub(super) processes: Vec<Process>,
    /// The slots of its containers.
    pub(super) containers: Vec<usize>,
}

#[derive(Debug)]
pub(super) struct Process {
    pub(super) guid: Guid,
    pub(super) kind: &'static str,
    /// Renewed at each restart.
    pub(super) version: Guid,
    pub(super) instances: u32,
    pub(super) alive: bool,
    /// When Diego was asked for this version.
    pub(super) desired: i64,
}

impl World {
    fn name(&mut self, kind: &str) -> String {
        self.named += 1;
        format!("{kind}-{}", self.named)
    }

    pub(super) fn add_org(&mut self, now: i64, chance: &mut Chance) -> usize {
        let (guid, name) = (chance.cc_guid(), self.name("org"));
        self.history.add(now, Change::OrgCreated { guid: guid.to_string(), name: name.clone() });
        self.orgs.push(Org { guid, name, alive: true });
        self.orgs.len() - 1
    }

    pub(super) fn add_space(&mut self, now: i64, chance: &mut Chance, org: usize) -> usize {
        let (guid, name) = (chance.cc_guid(), self.name("space"));
        let change = Change::SpaceCreated {
            guid: guid.to_string(),
            name: name.clone(),
            org: self.orgs[org].guid.to_string(),
        };
        self.history.add(now, change);
        self.spaces.push(Space { guid, name, org, alive: true });
        self.spaces.len() - 1
    }

    pub(super) fn add_app(&mut self, now: i64, chance: &mut Chance, space: usize) -> usize {
        let (guid, name) = (chance.cc_guid(), self.name("app"));
        let change = Change::AppCreated {
            guid: guid.to_string(),
            name: name.clone(),
            space: self.spaces[space].guid.to_string(),
        };
        self.history.add(now, change);
        let at = &self.spaces[space];
        let names =
            NameSet { app: name, space: at.name.clone(), org: self.orgs[at.org].name.clone() };
        self.apps.push(App {
            guid,
            names: Arc::new(names),
            space,
            alive: true,
            deploying: false,
            processes: Vec::new(),
            containers: Vec::new(),
        });
        self.apps.len() - 1
    }

    /// Adds a process. The first web process has the app's own GUID, any other a fresh one.
    pub(super) fn add_process(
        &mut self,
        now: i64,
        chance: &mut Chance,
        app: usize,
        kind: &'static str,
        instances: u32,
    ) -> usize {
        let first_web = kind == "web" && self.apps[app].processes.iter().all(|p| p.kind != "web");
        let fresh = chance.cc_guid();
        let owner = &mut self.apps[app];
        let guid = if first_web { owner.guid } else { fresh };
        let change = Change::ProcessCreated {
            guid: guid.to_string(),
            process_type: kind.into(),
            app: owner.guid.to_string(),
        };
        self.history.add(now, change);
        let version = chance.cc_guid();
        owner.processes.push(Process { guid, kind, version, instances, alive: true, desired: now });
        owner.processes.len() - 1
    }

    /// Notes that a deployment made this process.
    pub(super) fn deployed(&mut self, now: i64, chance: &mut Chance, app: usize, process: usize) {
        let owner = &self.apps[app];
        let change = Change::Deployed {
            guid: chance.cc_guid().to_string(),
            app: owner.guid.to_string(),
            new_process: owner.processes[process].guid.to_string(),
        };
        self.history.add(now, change);
    }

    /// Removes a process that a deployment replaced.
    pub(super) fn replace_process(&mut self, now: i64, app: usize, process: usize) {
        let process = &mut self.apps[app].processes[process];
        process.alive = false;
        self.history.add(now, Change::ProcessReplaced { guid: process.guid.to_string() });
    }

    pub(super) fn rename_app(&mut self, now: i64, app: usize) {
        let name = self.name("app");
        let guid = self.apps[app].guid.to_string();
        self.history.add(now, Change::AppRenamed { guid, name: name.clone() });
        Arc::make_mut(&mut self.apps[app].names).app = name;
    }

    pub(super) fn rename_space(&mut self, now: i64, space: usize) {
        let name = self.name("space");
        let guid = self.spaces[space].guid.to_string();
        self.history.add(now, Change::SpaceRenamed { guid, name: name.clone() });
        self.spaces[space].name.clone_from(&name);
        for app in self.apps.iter_mut().filter(|app| app.space == space) {
            Arc::make_mut(&mut app.names).space.clone_from(&name);
        }
    }

    pub(super) fn rename_org(&mut self, now: i64, org: usize) {
        let name = self.name("org");
        let guid = self.orgs[org].guid.to_string();
        self.history.add(now, Change::OrgRenamed { guid, name: name.clone() });
        self.orgs[org].name.clone_from(&name);
        for app in self.apps.iter_mut().filter(|app| self.spaces[app.space].org == org) {
            Arc::make_mut(&mut app.names).org.clone_from(&name);
        }
    }

    /// Deletes an app in Cloud Controller; the caller stops its containers.
    pub(super) fn delete_app(&mut self, now: i64, app: usize) {
        let app = &mut self.apps[app];
        app.alive = false;
        self.history.add(now, Change::AppDeleted { guid: app.guid.to_string() });
    }

    pub(super) fn delete_space(&mut self, now: i64, space: usize) {
        let space = &mut self.spaces[space];
        space.alive = false;
        self.history.add(now, Change::SpaceDeleted { guid: space.guid.to_string() });
    }

    pub(super) fn delete_org(&mut self, now: i64, org: usize) {
        let org = &mut self.orgs[org];
        org.alive = false;
        self.history.add(now, Change::OrgDeleted { guid: org.guid.to_string() });
    }

    /// Returns the live apps of a space.
    pub(super) fn apps_of(&self, space: usize) -> Vec<usize> {
        (0..self.apps.len())
            .filter(|&n| self.apps[n].alive && self.apps[n].space == space)
            .collect()
    }

    /// Returns the live spaces of an org.
    pub(super) fn spaces_of(&self, org: usize) -> Vec<usize> {
        (0..self.spaces.len())
            .filter(|&n| self.spaces[n].alive && self.spaces[n].org == org)
            .collect()
    }

    /// Returns a random live app; `None` if a few tries find none.
    pub(super) fn any_app(&self, chance: &mut Chance) -> Option<usize> {
        any(&self.apps, chance, |app| app.alive)
    }

    /// Returns a random live space.
    pub(super) fn any_space(&self, chance: &mut Chance) -> Option<usize> {
        any(&self.spaces, chance, |space| space.alive)
    }

    /// Returns a random live org.
    pub(super) fn any_org(&self, chance: &mut Chance) -> Option<usize> {
        any(&self.orgs, chance, |org| org.alive)
    }
}

fn any<T>(list: &[T], chance: &mut Chance, fits: impl Fn(&T) -> bool) -> Option<usize> {
    (0..64).map(|_| chance.index(list.len())).find(|&n| list.get(n).is_some_and(&fits))
}
