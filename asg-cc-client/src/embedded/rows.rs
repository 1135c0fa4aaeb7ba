//! The rows of lists: every kind of thing as rows with common columns, which v2 and v3 filter and
//! then write in their own ways. Only rows that are shown become JSON, because foundations have
//! tens of thousands of apps.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;

use super::answer::Viewer;
use super::foundation::{
    App, Deployment, Event, Foundation, Org, Process, SecurityGroup, Space, Work,
};

/// One thing.
pub(super) struct Row<'a> {
    pub(super) guid: Cow<'a, str>,
    pub(super) thing: Thing<'a>,
}

#[derive(Clone, Copy)]
pub(super) enum Thing<'a> {
    App(&'a App),
    Process(&'a Process),
    Task(&'a Work),
    Build(&'a Work),
    Deployment(&'a Deployment),
    Space(&'a Space),
    Org(&'a Org),
    Event(&'a Event),
    SecurityGroup(&'a SecurityGroup),
}

/// A column to filter by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Guid,
    Name,
    /// The type of a process or event.
    Type,
    App,
    Space,
    Org,
    Target,
    Created,
}

/// Indexes from things to their owners; each is built when it is first used.
pub(super) struct Lookup<'a> {
    foundation: &'a Foundation,
    apps: OnceCell<HashMap<&'a str, &'a App>>,
    spaces: OnceCell<HashMap<&'a str, &'a Space>>,
    orgs: OnceCell<HashMap<&'a str, &'a Org>>,
}

impl<'a> Lookup<'a> {
    pub(super) fn new(foundation: &'a Foundation) -> Self {
        let (apps, spaces, orgs) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Self { foundation, apps, spaces, orgs }
    }

    pub(super) fn space(&self, guid: &str) -> Option<&'a Space> {
        let all = || self.foundation.spaces.iter().map(|space| (&*space.guid, space)).collect();
        self.spaces.get_or_init(all).get(guid).copied()
    }

    pub(super) fn org(&self, guid: &str) -> Option<&'a Org> {
        let all = || self.foundation.orgs.iter().map(|org| (&*org.guid, org)).collect();
        self.orgs.get_or_init(all).get(guid).copied()
    }

    /// Returns the type of a process; `web` for one that is gone.
    pub(super) fn process_type(&self, guid: &str) -> &'a str {
        let found = self.foundation.processes.iter().find(|process| process.guid == guid);
        found.map_or("web", |process| &process.process_type)
    }

    pub(super) fn space_of_app(&self, guid: &str) -> Option<&'a str> {
        let all = || self.foundation.apps.iter().map(|app| (&*app.guid, app)).collect();
        self.apps.get_or_init(all).get(guid).map(|app| &*app.space)
    }
}

impl<'a> Row<'a> {
    pub(super) fn apps(foundation: &'a Foundation) -> Vec<Self> {
        rows(&foundation.apps, |app| (&app.guid, Thing::App(app)))
    }

    pub(super) fn processes(foundation: &'a Foundation) -> Vec<Self> {
        rows(&foundation.processes, |process| (&process.guid, Thing::Process(process)))
    }

    pub(super) fn tasks(foundation: &'a Foundation) -> Vec<Self> {
        rows(&foundation.tasks, |task| (&task.guid, Thing::Task(task)))
    }

    pub(super) fn builds(foundation: &'a Foundation) -> Vec<Self> {
        rows(&foundation.builds, |build| (&build.guid, Thing::Build(build)))
    }

    pub(super) fn deployments(foundation: &'a Foundation) -> Vec<Self> {
        rows(&foundation.deployments, |one| (&one.guid, Thing::Deployment(one)))
    }

    pub(super) fn spaces(foundation: &'a Foundation) -> Vec<Self> {
        rows(&foundation.spaces, |space| (&space.guid, Thing::Space(space)))
    }

    pub(super) fn orgs(foundation: &'a Foundation) -> Vec<Self> {
        rows(&foundation.orgs, |org| (&org.guid, Thing::Org(org)))
    }

    pub(super) fn security_groups(foundation: &'a Foundation) -> Vec<Self> {
        rows(&foundation.security_groups, |group| (&group.guid, Thing::SecurityGroup(group)))
    }

    /// Returns the events. Events have no GUIDs in a foundation; here their GUIDs come from their
    /// positions.
    pub(super) fn events(foundation: &'a Foundation) -> Vec<Self> {
        let numbered = foundation.events.iter().enumerate();
        let row = |(number, event)| Self {
            guid: Cow::Owned(format!("e0e0e0e0-0000-4000-8000-{number:012x}")),
            thing: Thing::Event(event),
        };
        numbered.map(row).collect()
    }

    /// Returns the value of the column; `None` if it has none.
    pub(super) fn get(&self, column: Column, lookup: &Lookup<'a>) -> Option<&str> {
        match column {
            Column::Guid => Some(&self.guid),
            Column::Name => self.name(),
            Column::Type => match self.thing {
                Thing::Process(process) => Some(&process.process_type),
                Thing::Event(event) => Some(&event.kind),
                _ => None,
            },
            Column::App => self.app(),
            Column::Space => self.space(lookup),
            Column::Org => match self.thing {
                Thing::Org(org) => Some(&org.guid),
                Thing::Event(event) => event.org.as_deref(),
                _ => lookup.space(self.space(lookup)?).map(|space| &*space.org),
            },
            Column::Target => match self.thing {
                Thing::Event(event) => Some(&event.target),
                _ => None,
            },
            Column::Created => Some(self.created_at()),
        }
    }

    pub(super) fn created_at(&self) -> &'a str {
        match self.thing {
            Thing::Event(event) => &event.at,
            _ => Foundation::created_at(),
        }
    }

    /// Returns whether it is shown.
    pub(super) fn is_visible(&self, viewer: &Viewer, lookup: &Lookup<'a>) -> bool {
        if viewer.sees_all() {
            return true;
        }
        match self.thing {
            Thing::Org(org) => viewer.sees_org(lookup.foundation, &org.guid),
            // Memberships of deleted spaces show nothing.
            Thing::Event(event) => event
                .space
                .as_deref()
                .is_some_and(|guid| viewer.sees_space(guid) && lookup.space(guid).is_some()),
            Thing::SecurityGroup(group) => {
                let mut spaces = group.running_spaces.iter().chain(&group.staging_spaces);
                group.running || group.staging || spaces.any(|guid| viewer.sees_space(guid))
            }
            _ => self.space(lookup).is_some_and(|guid| viewer.sees_space(guid)),
        }
    }

    fn name(&self) -> Option<&'a str> {
        match self.thing {
            Thing::App(app) => Some(&app.name),
            Thing::Space(space) => Some(&space.name),
            Thing::Org(org) => Some(&org.name),
            Thing::SecurityGroup(group) => Some(&group.name),
            _ => None,
        }
    }

    pub(super) fn app(&self) -> Option<&'a str> {
        match self.thing {
            Thing::Process(process) => Some(&process.app),
            Thing::Task(work) | Thing::Build(work) => Some(&work.app),
            Thing::Deployment(deployment) => Some(&deployment.app),
            _ => None,
        }
    }

    pub(super) fn space(&self, lookup: &Lookup<'a>) -> Option<&'a str> {
        match self.thing {
            Thing::App(app) => Some(&app.space),
            Thing::Space(space) => Some(&space.guid),
            Thing::Event(event) => event.space.as_deref(),
            _ => lookup.space_of_app(self.app()?),
        }
    }
}

fn rows<'a, T>(all: &'a [T], row: impl Fn(&'a T) -> (&'a str, Thing<'a>)) -> Vec<Row<'a>> {
    let row = |one| {
        let (guid, thing) = row(one);
        Row { guid: Cow::Borrowed(guid), thing }
    };
    all.iter().map(row).collect()
}
