//! The public view of one container in the ledger.

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use super::row::{Field, Flags, Times, instant, millis};
use super::{Conflict, Ledger, known};
use crate::evidence::Origin;
use crate::guid::{Guid, GuidPrefix, Handle, ProcessName};
use crate::names::Names;
use crate::names::identity::Workload;
use crate::time::{TimeRange, Timestamp};

/// The facts about one container. A view of its row in the [`Ledger`]; where lines contradict each
/// other it shows the least value, and [`Lifetime::conflict`] returns the contradiction.
#[derive(Clone, Copy)]
pub struct Lifetime<'l> {
    ledger: &'l Ledger,
    row: u32,
}

impl<'l> Lifetime<'l> {
    pub(super) const fn new(ledger: &'l Ledger, row: u32) -> Self {
        Self { ledger, row }
    }

    pub(super) const fn row(self) -> u32 {
        self.row
    }

    fn slot(self, field: Field) -> Option<u32> {
        self.ledger.rows[self.row as usize].slot(field)
    }

    pub(super) fn times(self) -> Times {
        self.ledger.rows[self.row as usize].times()
    }

    /// Returns the container's name.
    ///
    /// ```
    /// # use asg_core::{Ledger, Line, Origin, Record, SourceId};
    /// # let rep = br#"{"timestamp":"1498136872.8","source":"rep","log_level":1,"data":{"lrp-key":
    /// #     {"index":0,"domain":"cf-apps","process_guid":
    /// #     "4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11"},
    /// #     "container-guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"},
    /// #     "message":"rep.executing-container-operation.starting"}"#;
    /// # let origin = Origin { source: SourceId(0), line: 1 };
    /// # let line = Line::new(rep);
    /// # let mut ledger = Ledger::new();
    /// # Record::classify(&line).evidence(origin, |evidence| ledger.add(evidence));
    /// let lifetime = ledger.lifetimes().next().unwrap();
    /// assert_eq!(lifetime.handle().to_string(), "d08bb414-cdba-4381-412a-e9ecc1b7d0f4");
    /// ```
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "a kept handle is a handle")]
    pub fn handle(self) -> Handle {
        let row = &self.ledger.rows[self.row as usize];
        row.guid().map_or_else(
            || {
                let text = &self.ledger.text_of[row.text as usize];
                Handle::parse(text.as_bytes()).expect("it was a handle before")
            },
            Handle::from,
        )
    }

    /// Returns the process in it; `None` if no line shows it: a task, or a container whose only
    /// surviving lines name just the handle.
    ///
    /// ```
    /// # use asg_core::{Ledger, Line, Origin, Record, SourceId};
    /// # let rep = br#"{"timestamp":"1498136872.8","source":"rep","log_level":1,"data":{"lrp-key":
    /// #     {"index":0,"domain":"cf-apps","process_guid":
    /// #     "4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11"},
    /// #     "container-guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"},
    /// #     "message":"rep.executing-container-operation.starting"}"#;
    /// # let origin = Origin { source: SourceId(0), line: 1 };
    /// # let line = Line::new(rep);
    /// # let mut ledger = Ledger::new();
    /// # Record::classify(&line).evidence(origin, |evidence| ledger.add(evidence));
    /// let lifetime = ledger.lifetimes().next().unwrap();
    /// assert!(lifetime.process().unwrap().guid().is_some());
    /// ```
    #[must_use]
    pub fn process(self) -> Option<&'l ProcessName> {
        self.slot(Field::Process).map(|number| self.ledger.processes.get(number))
    }

    /// Returns the kind of workload; `None` if no line shows it, or lines contradict each other.
    ///
    /// ```
    /// # use asg_core::event::Moment;
    /// # use asg_core::evidence::Evidence;
    /// # use asg_core::guid::Handle;
    /// # use asg_core::names::Workload;
    /// # use asg_core::{Ledger, Origin, SourceId};
    /// let mut ledger = Ledger::new();
    /// let handle = Handle::parse(b"5a0b8c1d-6f0e-4b7a-9c3d-1e2f3a4b5c6d").unwrap();
    /// let mut seen = Evidence::new(handle, Moment::Seen, Origin { source: SourceId(0), line: 1 });
    /// seen.workload = Some(Workload::Staging);
    /// ledger.add(seen);
    /// assert_eq!(ledger.lifetimes().next().unwrap().workload(), Some(Workload::Staging));
    /// ```
    #[must_use]
    pub fn workload(self) -> Option<Workload> {
        let flags = self.ledger.rows[self.row as usize].flags;
        let kinds = (self.process().is_some(), flags.has(Flags::TASK), flags.has(Flags::STAGING));
        match kinds {
            (true, false, false) => Some(Workload::App),
            (false, true, false) => Some(Workload::Task),
            (false, false, true) => Some(Workload::Staging),
            _ => None,
        }
    }

    /// Returns the index of the instance in the process, from 0.
    ///
    /// ```
    /// # use asg_core::{Ledger, Line, Origin, Record, SourceId};
    /// # let rep = br#"{"timestamp":"1498136872.8","source":"rep","log_level":1,"data":{"lrp-key":
    /// #     {"index":0,"domain":"cf-apps","process_guid":
    /// #     "4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11"},
    /// #     "container-guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"},
    /// #     "message":"rep.executing-container-operation.starting"}"#;
    /// # let origin = Origin { source: SourceId(0), line: 1 };
    /// # let line = Line::new(rep);
    /// # let mut ledger = Ledger::new();
    /// # Record::classify(&line).evidence(origin, |evidence| ledger.add(evidence));
    /// let lifetime = ledger.lifetimes().next().unwrap();
    /// assert_eq!(lifetime.index(), Some(0));
    /// ```
    #[must_use]
    pub fn index(self) -> Option<u32> {
        self.slot(Field::Index)
    }

    /// Returns the app that a line names outright, or that its process is known to belong to.
    #[must_use]
    pub fn app(self) -> Option<Guid> {
        let number = self.slot(Field::App).or_else(|| {
            let app = self.ledger.process_facts(self.row)?.app;
            (app != super::NONE).then_some(app)
        })?;
        Some(*self.ledger.apps.get(number))
    }

    /// Returns the cell's own name for itself.
    #[must_use]
    pub fn cell(self) -> Option<&'l str> {
        self.slot(Field::Cell).map(|number| &**self.ledger.cells.get(number))
    }

    /// Returns the name of the cell in its log lines: BOSH instance, job and index, or host.
    #[must_use]
    pub fn machine(self) -> Option<&'l str> {
        self.slot(Field::Machine).map(|number| &**self.ledger.cells.get(number))
    }

    /// Returns the container's own addresses, IPv4 first.
    pub fn addresses(self) -> impl Iterator<Item = IpAddr> + use<'l> {
        let ledger = self.ledger;
        ledger.values(self.row, Field::Address).map(|number| *ledger.addresses.get(number))
    }

    /// Returns when it was made, or soon after, if a line logs that. In milliseconds, like all
    /// times of the ledger.
    #[must_use]
    pub fn created(self) -> Option<Timestamp> {
        let times = self.times();
        times.is_start_known.then(|| instant(times.held.at))
    }

    /// Returns when it was destroyed, if a line logs that.
    #[must_use]
    pub fn destroyed(self) -> Option<Timestamp> {
        let times = self.times();
        times.is_end_known().then(|| instant(times.ended.at))
    }

    /// Returns the times of the first and the last line about it.
    ///
    /// ```
    /// # use asg_core::{Ledger, Line, Origin, Record, SourceId};
    /// # let rep = br#"{"timestamp":"1498136872.8","source":"rep","log_level":1,"data":{"lrp-key":
    /// #     {"index":0,"domain":"cf-apps","process_guid":
    /// #     "4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11"},
    /// #     "container-guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"},
    /// #     "message":"rep.executing-container-operation.starting"}"#;
    /// # let origin = Origin { source: SourceId(0), line: 1 };
    /// # let line = Line::new(rep);
    /// # let mut ledger = Ledger::new();
    /// # Record::classify(&line).evidence(origin, |evidence| ledger.add(evidence));
    /// let lifetime = ledger.lifetimes().next().unwrap();
    /// assert!(lifetime.seen().is_some());
    /// ```
    #[must_use]
    pub fn seen(self) -> Option<RangeInclusive<Timestamp>> {
        let times = self.times();
        times.are_known().then(|| instant(times.first)..=instant(times.last))
    }

    /// Returns the GUID under which a directory knows the workload: the app that a line names, else
    /// the process, else the task or build, whose GUID is the handle.
    ///
    /// ```
    /// # use asg_core::{Ledger, Line, Origin, Record, SourceId};
    /// # let rep = br#"{"timestamp":"1498136872.8","source":"rep","log_level":1,"data":{"lrp-key":
    /// #     {"index":0,"domain":"cf-apps","process_guid":
    /// #     "4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11"},
    /// #     "container-guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"},
    /// #     "message":"rep.executing-container-operation.starting"}"#;
    /// # let origin = Origin { source: SourceId(0), line: 1 };
    /// # let line = Line::new(rep);
    /// # let mut ledger = Ledger::new();
    /// # Record::classify(&line).evidence(origin, |evidence| ledger.add(evidence));
    /// let lifetime = ledger.lifetimes().next().unwrap();
    /// let guid = lifetime.subject().unwrap();
    /// assert_eq!(guid.to_string(), "4ccbb24c-268e-421a-9d1b-3678b6eb40d0");
    /// ```
    #[must_use]
    pub fn subject(self) -> Option<Guid> {
        let app = self.slot(Field::App).map(|number| *self.ledger.apps.get(number));
        let process = || self.process().and_then(ProcessName::guid).map(|guid| guid.process);
        let row = &self.ledger.rows[self.row as usize];
        // Staging before 2016-09: the handle begins with the app.
        let lead = || (row.len == 0 && row.bits != 0).then(|| Guid::from_u128(row.bits));
        let task = || match (self.process(), row.guid().and_then(GuidPrefix::full)) {
            (None, Some(guid)) if !guid.is_rep_made() => Some(guid),
            _ => None,
        };
        app.or_else(process).or_else(lead).or_else(task)
    }

    /// Returns the lines that identify it: those that name the process or the app, else the first
    /// about it. For a container from a saved ledger, the ledger, and its number in it.
    ///
    /// ```
    /// # use asg_core::{Ledger, Line, Origin, Record, SourceId};
    /// # let rep = br#"{"timestamp":"1498136872.8","source":"rep","log_level":1,"data":{"lrp-key":
    /// #     {"index":0,"domain":"cf-apps","process_guid":
    /// #     "4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11"},
    /// #     "container-guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"},
    /// #     "message":"rep.executing-container-operation.starting"}"#;
    /// # let origin = Origin { source: SourceId(0), line: 1 };
    /// # let line = Line::new(rep);
    /// # let mut ledger = Ledger::new();
    /// # Record::classify(&line).evidence(origin, |evidence| ledger.add(evidence));
    /// let lifetime = ledger.lifetimes().next().unwrap();
    /// assert_eq!(lifetime.evidence().next().unwrap().line, 1);
    /// ```
    pub fn evidence(self) -> impl Iterator<Item = Origin> + use<> {
        let origins = self.ledger.origins(self.row);
        let (process, app) = (known(origins.process), known(origins.app));
        let first = if process.is_none() && app.is_none() { known(origins.first) } else { None };
        let rivals = [Field::Process, Field::App].map(|field| {
            let rivals = self.ledger.rivals.get(&(self.row, field));
            rivals.and_then(|rivals| known(rivals.iter().map(|(_, origin)| *origin).min()?))
        });
        [process, app, first].into_iter().chain(rivals).flatten()
    }

    /// Returns the contradiction between the lines about it, if there is one: then nothing about it
    /// is certain.
    ///
    /// ```
    /// # use asg_core::event::Moment;
    /// # use asg_core::evidence::Evidence;
    /// # use asg_core::guid::Handle;
    /// # use asg_core::ledger::Conflict;
    /// # use asg_core::{Ledger, Origin, SourceId};
    /// let mut ledger = Ledger::new();
    /// for (line, cell) in [(1, "0455ec2b"), (2, "7b9f0c1d")] {
    ///     let handle = Handle::parse(b"bfce786c-ab07-40ad-79f9-8f21").unwrap();
    ///     let mut seen = Evidence::new(handle, Moment::Seen, Origin { source: SourceId(0), line });
    ///     seen.cell = Some(cell.into());
    ///     ledger.add(seen);
    /// }
    /// assert_eq!(ledger.lifetimes().next().unwrap().conflict(), Some(Conflict::Cell));
    /// ```
    #[must_use]
    pub fn conflict(self) -> Option<Conflict> {
        self.ledger.conflict(self.row)
    }

    /// Returns false if the evidence excludes that it existed at any time in the range.
    pub(super) fn may_live_at(self, time: Option<TimeRange>) -> bool {
        let Some(time) = time else { return true };
        let (born, dead) = self.times().life();
        born <= millis(time.latest()) && millis(time.earliest()) <= dead
    }
}

impl PartialEq for Lifetime<'_> {
    /// Compares the ledger and the container.
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.ledger, other.ledger) && self.row == other.row
    }
}

impl Eq for Lifetime<'_> {}

impl fmt::Debug for Lifetime<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifetime")
            .field("handle", &self.handle())
            .field("process", &self.process())
            .field("index", &self.index())
            .field("app", &self.app())
            .field("cell", &self.cell())
            .field("created", &self.created())
            .field("destroyed", &self.destroyed())
            .field("seen", &self.seen())
            .finish_non_exhaustive()
    }
}

/// The names of an app, its space and its org in lines: the latest of each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AppNames {
    /// The time of each in milliseconds, and its value.
    pub(super) words: [Option<(i64, Box<str>)>; 5],
}

impl AppNames {
    /// Returns the app's name.
    #[must_use]
    pub fn app_name(&self) -> Option<&str> {
        self.word(0)
    }

    /// Returns the space's GUID.
    #[must_use]
    pub fn space_guid(&self) -> Option<&str> {
        self.word(1)
    }

    /// Returns the space's name.
    #[must_use]
    pub fn space_name(&self) -> Option<&str> {
        self.word(2)
    }

    /// Returns the org's GUID.
    #[must_use]
    pub fn org_guid(&self) -> Option<&str> {
        self.word(3)
    }

    /// Returns the org's name.
    #[must_use]
    pub fn org_name(&self) -> Option<&str> {
        self.word(4)
    }

    fn word(&self, n: usize) -> Option<&str> {
        self.words[n].as_ref().map(|(_, word)| &**word)
    }

    pub(super) fn add(&mut self, names: &Names<'_>, time: Option<Timestamp>) {
        let time = time.map_or(i64::MIN, millis);
        let said = [
            &names.app_name,
            &names.space_guid,
            &names.space_name,
            &names.org_guid,
            &names.org_name,
        ];
        let words = said.map(|word| word.as_ref().map(|word| (time, (**word).into())));
        self.join(&Self { words });
    }

    pub(super) fn join(&mut self, other: &Self) {
        for (known, word) in self.words.iter_mut().zip(&other.words) {
            if *known < *word {
                known.clone_from(word);
            }
        }
    }
}
