//! Lists that Cloud Controller cannot filter by process, task or build: they are read page by page,
//! newest first, and the index of the pages is kept, so that no page is read twice in a run.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use asg_core::{Guid, Timestamp};

use super::query::Ask;
use super::{Knowledge, Run};
use crate::api::v3;
use crate::clock::later;

/// An older index is updated before it is used: new entries come before those that it has.
const STALE: Duration = Duration::from_secs(600);

/// Events that name a process, task or build only a few times in its life.
const RARE: [&str; 9] = [
    "audit.app.process.delete",
    "audit.app.process.create",
    "audit.app.process.scale",
    "audit.app.process.update",
    "audit.app.task.create",
    "audit.app.task.cancel",
    "audit.app.build.create",
    "audit.app.build.staged",
    "audit.app.build.failed",
];
/// Events that name a process whenever something happens to one of its instances.
const FREQUENT: [&str; 5] = [
    "audit.app.process.terminate_instance",
    "audit.app.process.crash",
    "audit.app.process.ready",
    "audit.app.process.not-ready",
    "audit.app.process.rescheduling",
];

/// The lists that are searched, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    /// The only record of processes that later deployments replaced.
    Deployments,
    RareEvents,
    FrequentEvents,
}

impl List {
    const fn name(self) -> &'static str {
        match self {
            Self::Deployments => "deployments",
            Self::RareEvents | Self::FrequentEvents => "audit events",
        }
    }

    fn first_page(self) -> Arc<dyn Ask> {
        match self {
            Self::Deployments => Arc::new(v3::deployments()),
            Self::RareEvents => Arc::new(v3::audit_events_of_types(&RARE)),
            Self::FrequentEvents => Arc::new(v3::audit_events_of_types(&FREQUENT)),
        }
    }
}

/// The indexes of all three.
#[derive(Clone, Default)]
pub(crate) struct Searches {
    indexes: [Index; 3],
}

#[derive(Clone, Default)]
struct Index {
    runs: HashMap<Guid, Run>,
    reading: Reading,
    pages: usize,
    /// The time when its first page was asked for.
    as_of: Option<Timestamp>,
}

#[derive(Clone, Default)]
enum Reading {
    #[default]
    NotBegun,
    /// Nothing was read from this page on.
    From(Arc<dyn Ask>),
    /// New entries are read from this page on, until a known one comes; then the earlier state
    /// holds again.
    Renewing(Arc<dyn Ask>, Box<Reading>),
    /// Everything was read.
    Done,
    /// This Cloud Controller does not have the list.
    Absent,
}

impl Searches {
    /// Looks `id` up in one index.
    pub(super) fn find(&self, list: List, id: Guid) -> Option<&Run> {
        self.indexes[list as usize].runs.get(&id)
    }

    /// Returns the next page to read, if there is one within the limit.
    pub(super) fn next_page(
        &mut self,
        list: List,
        now: Timestamp,
        limit: usize,
    ) -> Option<Arc<dyn Ask>> {
        let index = &mut self.indexes[list as usize];
        if index.as_of.is_some_and(|at| later(at, STALE) <= now) {
            let before = std::mem::take(&mut index.reading);
            if !matches!(before, Reading::Absent) {
                index.as_of = Some(now);
                // Other pages are still beyond the limit; the new ones have a limit of their own.
                index.reading = Reading::Renewing(list.first_page(), Box::new(before));
            }
        }
        match &index.reading {
            Reading::NotBegun if limit > 0 => {
                index.as_of = Some(now);
                Some(list.first_page())
            }
            Reading::From(page) if index.pages < limit => Some(Arc::clone(page)),
            Reading::Renewing(page, _) if limit > 0 => Some(Arc::clone(page)),
            _ => None,
        }
    }

    /// Takes the contents of the page, and the next page.
    pub(super) fn add(&mut self, list: List, page: Knowledge, next: Option<Arc<dyn Ask>>) {
        let index = &mut self.indexes[list as usize];
        let is_known = page.runs.keys().any(|guid| index.runs.contains_key(guid));
        index.runs.extend(page.runs);
        let next = next.map_or(Reading::Done, Reading::From);
        index.reading = match (std::mem::take(&mut index.reading), next) {
            (Reading::Renewing(_, before), _) if is_known => *before,
            (Reading::Renewing(_, before), Reading::From(page)) => Reading::Renewing(page, before),
            (_, next) => {
                index.pages += 1;
                next
            }
        };
    }

    /// Notes that the list is missing.
    pub(super) fn is_absent(&mut self, list: List) {
        self.indexes[list as usize].reading = Reading::Absent;
    }

    /// Returns the reason why an id that is not in the index may still be in the list.
    pub(super) fn doubt(&self, list: List) -> Option<String> {
        let (index, name) = (&self.indexes[list as usize], list.name());
        match index.reading {
            Reading::Done => None,
            Reading::Absent => Some(format!("this Cloud Controller has no list of {name}")),
            Reading::NotBegun => Some(format!("the {name} were not searched")),
            Reading::From(_) | Reading::Renewing(..) => {
                Some(format!("the search of the {name} ended after {} pages", index.pages.max(1)))
            }
        }
    }

    /// Returns whether more was read for this than for `other`.
    pub(crate) fn is_ahead_of(&self, other: &Self) -> bool {
        let progress = |index: &Index| (index.as_of, index.pages, index.runs.len());
        self.indexes.iter().zip(&other.indexes).any(|(a, b)| progress(a) > progress(b))
    }
}
