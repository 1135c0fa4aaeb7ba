//! All evidence so far, and who a prefix is by it.
//!
//! [`Ledger`] takes [evidence](crate::evidence::Evidence) in any order and answers: an
//! [`Attribution`] has a [`Certainty`], the [`Reason`] for it and the containers, each a
//! [`Lifetime`]. A [`Sighting`] is where and when the prefix was seen. Ledgers merge, and are saved
//! as bytes ([`Ledger::to_bytes`]).
//!
//! ```
//! use asg_core::event::Moment;
//! use asg_core::evidence::Evidence;
//! use asg_core::guid::Handle;
//! use asg_core::ledger::Sighting;
//! use asg_core::prefix::LogPrefix;
//! use asg_core::{Certainty, Ledger, Origin, SourceId};
//!
//! let mut ledger = Ledger::new();
//! let handles = ["d08bb414-cdba-4381-412a-e9ecc1b7d0f4", "d08bb414-cdba-4381-6a3b-4c7e9f1a2b3d"];
//! for (line, handle) in (1..).zip(handles) {
//!     let place = Origin { source: SourceId(0), line };
//!     ledger.add(Evidence::new(Handle::parse(handle.as_bytes()).unwrap(), Moment::Seen, place));
//! }
//! let prefix = LogPrefix::classify(b"OK_d08bb414-cdba-4381-412a-e9").unwrap();
//! assert_eq!(ledger.attribute(&prefix, &Sighting::default()).certainty, Certainty::UniquePrefix);
//! let prefix = LogPrefix::classify(b"DENY_ORL_d08bb414-cdba-4381-").unwrap();
//! let both = ledger.attribute(&prefix, &Sighting::default());
//! assert_eq!(both.certainty, Certainty::Ambiguous);
//! ```

// The ledger keeps a value for each fact, not the lines. The row of a container grows by minimum,
// maximum and union, so neither the order of lines nor that of merges matters. `answer` decides;
// `lease` has the holders of addresses; `bytes` saves and loads.

mod answer;
pub(crate) mod attribution;
mod bytes;
mod crowd;
mod index;
mod intern;
mod lease;
mod lifetime;
mod merge;
mod peer;
mod reason;
mod row;
mod rows_by;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

pub use answer::Sighting;
pub use attribution::{Attribution, Certainty, Conflict, MOST_CANDIDATES, Owners, Reason};
pub use bytes::LedgerError;
pub use lifetime::{AppNames, Lifetime};

use self::crowd::{Crowd, Crowds};
use self::index::Heads;
use self::intern::Interner;
use self::row::{Field, Flags, NO_ORIGIN, NONE, Origins, Row, Times};
use self::rows_by::RowsBy;
use crate::bytes::work;
use crate::event::Moment;
use crate::evidence::{Evidence, NameKind, Origin, SourceId, cell_name};
use crate::guid::{Guid, GuidPrefix, Handle, ProcessName};
use crate::names::identity::Workload;
use crate::time::Timestamp;

/// All evidence so far. The order in which it comes does not matter.
///
/// # Example
///
/// ```
/// use asg_core::event::Moment;
/// use asg_core::evidence::Evidence;
/// use asg_core::guid::{Handle, ProcessName};
/// use asg_core::ledger::Sighting;
/// use asg_core::prefix::LogPrefix;
/// use asg_core::{Certainty, Ledger, Origin, SourceId};
///
/// let mut ledger = Ledger::new();
/// let handle = Handle::parse(b"d08bb414-cdba-4381-412a-e9ecc1b7d0f4").unwrap();
/// let mut created = Evidence::new(handle.clone(), Moment::Created, Origin { source: SourceId(0), line: 1 });
/// let process = "4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11";
/// created.process = Some(ProcessName::new(process));
/// ledger.add(created);
///
/// let prefix = LogPrefix::classify(b"d08bb414-cdba-4381-412a-e9ecc").unwrap();
/// let answer = ledger.attribute(&prefix, &Sighting::default());
/// assert_eq!(answer.certainty, Certainty::UniquePrefix);
/// assert_eq!(answer.container().unwrap().handle(), handle);
/// assert_eq!(answer.process().unwrap().to_string(), process);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    rows: Vec<Row>,
    /// The lines of each row; rows that were loaded come first and have none.
    origins: Vec<Origins>,
    loaded: Loaded,
    /// Rows whose handle is a GUID, or 28 characters of one.
    heads: Heads,
    /// Rows by the text of all other handles.
    texts: BTreeMap<Arc<str>, u32>,
    text_of: Vec<Arc<str>>,
    processes: Interner<ProcessName>,
    /// The index in `apps` of the first half of each process GUID, by the numbers of `processes`.
    process_heads: Vec<u32>,
    apps: Interner<Guid>,
    /// By the numbers of `apps`.
    app_facts: Vec<AppFacts>,
    /// Whether lines give two apps for some process.
    has_contradictions: bool,
    app_heads: Heads,
    names: BTreeMap<u32, AppNames>,
    /// Names of cells and of machines.
    cells: Interner<Box<str>>,
    /// By the numbers of `cells`.
    cell_facts: Vec<CellFacts>,
    addresses: Interner<IpAddr>,
    /// The holders of each address on each cell, or on each machine.
    leases: RowsBy<(u32, u32)>,
    /// The holders of each address on any cell, in order of the rows.
    holders: RowsBy<u32>,
    /// Which rows had no address when the name of their cell or machine was learnt; under [`NONE`]
    /// those that had no such name either.
    unaddressed: RowsBy<u32>,
    /// The greater values in their order, where lines give several for one field of a row: the
    /// smallest of them, at most [`MOST_RIVALS`].
    rivals: BTreeMap<(u32, Field), Vec<(u32, Origin)>>,
    /// Leases of an address that many containers had.
    lease_crowds: Crowds<LeaseKey, Arc<Crowd>>,
    /// The number of handles with one beginning, where there are many.
    alike: Crowds<Box<str>, usize>,
}

/// The leases that make up a crowd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum LeaseKey {
    /// The leases of an address on one cell, each as long as it surely lasted.
    Sure(u32, u32),
    /// The leases of an address on any cell, each as long as it may have lasted.
    About(u32),
    /// When the containers of a cell without a known address may have begun.
    Begun(u32),
    /// When they may have ended.
    Ended(u32),
    /// When the holders of an address may have begun whose start no line logs.
    BegunUnseen(u32),
    /// When the holders of an address may have ended whose end no line logs.
    EndedUnseen(u32),
}

/// The maximum number of values of one field that are kept beside the least. Two already contradict
/// each other, so a log with thousands costs no more.
const MOST_RIVALS: usize = 7;

/// The rows that came from a saved ledger, which is their source.
#[derive(Debug, Clone, Copy, Default)]
struct Loaded {
    rows: usize,
    source: Option<SourceId>,
}

/// The facts about an app's or a process' GUID.
#[derive(Debug, Clone, Copy)]
struct AppFacts {
    /// The app that a process belongs to: the smallest that a line or a directory gives.
    app: u32,
    /// Whether another app was given too.
    is_contradicted: bool,
    /// The first line that shows the GUID.
    origin: Origin,
}

/// The facts about a cell's or a machine's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CellFacts {
    /// Whether a cell uses it as its own name.
    is_cell: bool,
    /// The cell whose log lines come under this name.
    alias: Alias,
    /// A bit for each kind of name that it is used as.
    kinds: u8,
}

/// The cells whose log lines come under a machine's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alias {
    None,
    One(u32),
    /// Several cells: the name of a relay or a database, and not of a cell.
    Many,
}

impl Ledger {
    /// Creates a ledger without evidence.
    ///
    /// ```
    /// use asg_core::Ledger;
    /// assert!(Ledger::new().is_empty());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the number of known containers.
    ///
    /// ```
    /// # use asg_core::{Ledger, Line, Origin, Record, SourceId};
    /// # let rep = br#"{"timestamp":"1498136872.8","source":"rep","log_level":1,"data":{"lrp-key":
    /// #     {"index":0,"domain":"cf-apps","process_guid":
    /// #     "4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11"},
    /// #     "container-guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"},
    /// #     "message":"rep.executing-container-operation.starting"}"#;
    /// # let origin = Origin { source: SourceId(0), line: 1 };
    /// let line = Line::new(rep);
    /// let mut ledger = Ledger::new();
    /// Record::classify(&line).evidence(origin, |evidence| ledger.add(evidence));
    /// assert_eq!(ledger.len(), 1);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns whether no line about a container was seen.
    ///
    /// ```
    /// # use asg_core::{Ledger, Line, Origin, Record, SourceId};
    /// # let rep = br#"{"timestamp":"1498136872.8","source":"rep","log_level":1,"data":{"lrp-key":
    /// #     {"index":0,"domain":"cf-apps","process_guid":
    /// #     "4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11"},
    /// #     "container-guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"},
    /// #     "message":"rep.executing-container-operation.starting"}"#;
    /// # let origin = Origin { source: SourceId(0), line: 1 };
    /// let line = Line::new(rep);
    /// let mut ledger = Ledger::new();
    /// Record::classify(&line).evidence(origin, |evidence| ledger.add(evidence));
    /// assert!(!ledger.is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the containers, in no particular order.
    ///
    /// ```
    /// # use asg_core::{Ledger, Line, Origin, Record, SourceId};
    /// # let rep = br#"{"timestamp":"1498136872.8","source":"rep","log_level":1,"data":{"lrp-key":
    /// #     {"index":0,"domain":"cf-apps","process_guid":
    /// #     "4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11"},
    /// #     "container-guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"},
    /// #     "message":"rep.executing-container-operation.starting"}"#;
    /// # let origin = Origin { source: SourceId(0), line: 1 };
    /// let line = Line::new(rep);
    /// let mut ledger = Ledger::new();
    /// Record::classify(&line).evidence(origin, |evidence| ledger.add(evidence));
    /// let handles: Vec<_> = ledger.lifetimes().map(|it| it.handle().to_string()).collect();
    /// assert_eq!(handles, ["d08bb414-cdba-4381-412a-e9ecc1b7d0f4"]);
    /// ```
    pub fn lifetimes(&self) -> impl Iterator<Item = Lifetime<'_>> {
        (0..self.rows.len() as u32).map(|row| Lifetime::new(self, row))
    }

    /// Returns the names of an app, its space and its org in lines.
    ///
    /// ```
    /// # use asg_core::{Ledger, Line, Origin, Record, SourceId};
    /// # let rep = br#"{"timestamp":"1498136872.8","source":"rep","log_level":1,"data":{"lrp-key":
    /// #     {"index":0,"domain":"cf-apps","process_guid":
    /// #     "4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11"},
    /// #     "container-guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"},
    /// #     "message":"rep.executing-container-operation.starting"}"#;
    /// # let origin = Origin { source: SourceId(0), line: 1 };
    /// let line = Line::new(rep);
    /// let mut ledger = Ledger::new();
    /// Record::classify(&line).evidence(origin, |evidence| ledger.add(evidence));
    /// assert!(ledger.names(asg_core::Guid::from_u128(1)).is_none(), "no line names this app");
    /// ```
    #[must_use]
    pub fn names(&self, app: Guid) -> Option<&AppNames> {
        let number = self.apps.find(&app, |known| *known == app)?;
        self.names.get(&number)
    }

    /// The apps whose name, space or org lines show.
    pub(crate) fn named_apps(&self) -> impl Iterator<Item = Guid> + '_ {
        self.names.keys().map(|number| *self.apps.get(*number))
    }

    /// Adds the facts of one line.
    ///
    /// ```
    /// # use asg_core::{Ledger, Line, Origin, Record, SourceId};
    /// # let rep = br#"{"timestamp":"1498136872.8","source":"rep","log_level":1,"data":{"lrp-key":
    /// #     {"index":0,"domain":"cf-apps","process_guid":
    /// #     "4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11"},
    /// #     "container-guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"},
    /// #     "message":"rep.executing-container-operation.starting"}"#;
    /// # let origin = Origin { source: SourceId(0), line: 1 };
    /// let line = Line::new(rep);
    /// let mut ledger = Ledger::new();
    /// Record::classify(&line).evidence(origin, |evidence| ledger.add(evidence));
    /// let again = ledger.clone();
    /// Record::classify(&line).evidence(origin, |evidence| ledger.add(evidence));
    /// assert_eq!(ledger.to_bytes(), again.to_bytes(), "a fact that comes twice is one fact");
    /// ```
    pub fn add(&mut self, mut evidence: Evidence) {
        let kind = evidence.machine_kind;
        let machine = evidence.machine.take().filter(|_| !evidence.is_contradictory);
        let machine = machine.map(|name| self.machine_number(name, kind));
        self.add_of(evidence, machine);
    }

    /// Adds the facts of one line, with the machine's number in place of its name. Returns the
    /// container's row.
    pub(crate) fn add_of(&mut self, evidence: Evidence, machine: Option<u32>) -> u32 {
        let Evidence { handle, moment, time, origin, is_cells_own, is_contradictory, .. } =
            evidence;
        self.lease_crowds.forget();
        self.alike.forget();
        let row = self.row_of(&handle, origin);
        if let Some(origins) = self.origins_mut(row) {
            origins.first = origins.first.min(origin);
        }
        let flag = if is_contradictory { Flags::GARBLED } else { Flags::CLEAR };
        self.rows[row as usize].flags.set(flag, true);
        if is_contradictory {
            return row;
        }
        let shows_address = evidence.address.is_some() || evidence.address_v6.is_some();
        self.learn_times(row, Times::of(moment, time, shows_address, is_cells_own));
        match evidence.workload {
            Some(Workload::Task) => self.rows[row as usize].flags.set(Flags::TASK, true),
            Some(Workload::Staging) => self.rows[row as usize].flags.set(Flags::STAGING, true),
            // A process already implies an app.
            Some(Workload::App) | None => {}
        }
        let process =
            evidence.process.as_ref().and_then(ProcessName::guid).map(|guid| guid.process);
        if let Some(process) = evidence.process {
            self.learn_process(row, process, origin);
        }
        if let Some(app) = evidence.app {
            let number = self.app_number(app, origin);
            self.learn(row, Field::App, number, origin);
            if let Some(process) = process.filter(|process| *process != app) {
                self.belongs(process, number, origin);
            }
            if let Some(names) = evidence.names {
                self.names.entry(number).or_default().add(&names, time);
            }
        }
        if let Some(index) = evidence.index.filter(|index| *index != NONE) {
            self.learn(row, Field::Index, index, origin);
        }
        for address in [evidence.address, evidence.address_v6].into_iter().flatten() {
            let number = self.addresses.put(address);
            self.learn(row, Field::Address, number, origin);
        }
        let cell = evidence.cell.map(|name| self.cell_number(name));
        if let Some(cell) = cell {
            self.learn_cell(cell);
            self.learn(row, Field::Cell, cell, origin);
        }
        if let Some(machine) = machine {
            self.learn(row, Field::Machine, machine, origin);
        }
        if let (Some(cell), Some(machine)) = (cell, machine) {
            self.learn_alias(machine, Alias::One(cell));
        }
        self.note_if_of_any_cell(row);
        row
    }

    /// Adds a line with the facts of an earlier one, whose evidence and row are given. Only moment
    /// and time differ.
    pub(crate) fn add_again(
        &mut self,
        row: u32,
        other: &Evidence,
        moment: Moment,
        time: Option<Timestamp>,
    ) {
        self.lease_crowds.forget();
        self.alike.forget();
        let shows_address = other.address.is_some() || other.address_v6.is_some();
        self.learn_times(row, Times::of(moment, time, shows_address, other.is_cells_own));
    }

    /// Adds a directory's answer that a process belongs to an app, so that the app's GUID leads to
    /// the process too. After a rolling deployment the logs may not show that.
    ///
    /// ```
    /// # use asg_core::event::Moment;
    /// # use asg_core::evidence::Evidence;
    /// # use asg_core::guid::{Handle, ProcessName};
    /// # use asg_core::ledger::{Reason, Sighting};
    /// # use asg_core::prefix::LogPrefix;
    /// # use asg_core::{Guid, Ledger, Origin, SourceId};
    /// # let mut ledger = Ledger::new();
    /// # let handle = Handle::parse(b"2d7e64b1-95c0-4f18-6a3b-c4d2").unwrap();
    /// # let mut seen = Evidence::new(handle, Moment::Seen, Origin { source: SourceId(0), line: 1 });
    /// # let process = "d2c81f6e-4b3a-4e59-8c07-91a2b3c4d5e6-5b7d9e1f-2c4a-4d68-a0b3-c5e7f9012345";
    /// # seen.process = Some(ProcessName::new(process));
    /// # ledger.add(seen);
    /// let app: Guid = "7e3b9c54-0d6f-4f7a-9b21-6a5c4d3e2f10".parse()?;
    /// let allowed = LogPrefix::classify(b"OK_0001_7e3b9c54-0d6f-4f7a-9 ").unwrap();
    /// let anywhere = Sighting::default();
    /// assert_eq!(ledger.attribute(&allowed, &anywhere).reason, Reason::UnknownApp);
    /// ledger.learn_app("d2c81f6e-4b3a-4e59-8c07-91a2b3c4d5e6".parse()?, app);
    /// assert_eq!(ledger.attribute(&allowed, &anywhere).subject(), Some(app));
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    pub fn learn_app(&mut self, process: Guid, app: Guid) {
        if let Some(origin) = self.task_origin(process) {
            // A task has no process: its own GUID is its handle, and must not be taken for an
            // app's.
            self.app_number(app, origin);
        }
        let Some(known) = self.apps.find(&process, |known| *known == process) else { return };
        if process != app {
            let origin = self.app_facts[known as usize].origin;
            let number = self.app_number(app, origin);
            self.belongs(process, number, origin);
        }
    }

    /// Returns the first line about the container whose whole handle is this GUID.
    fn task_origin(&self, task: Guid) -> Option<Origin> {
        let is_task = |row: &u32| {
            let row = &self.rows[*row as usize];
            row.guid().and_then(GuidPrefix::full) == Some(task)
        };
        let key_of = |row: u32| self.rows[row as usize].key();
        let row = self.heads.starting(task.into(), key_of).find(is_task)?;
        Some(self.origins(row).first)
    }

    /// Keeps the containers for which `keep` returns true, and everything that belongs to them;
    /// removes the rest.
    ///
    /// ```
    /// # use asg_core::event::Moment;
    /// # use asg_core::evidence::Evidence;
    /// # use asg_core::guid::Handle;
    /// # use asg_core::{Ledger, Origin, SourceId, Timestamp};
    /// let mut ledger = Ledger::new();
    /// for (line, handle) in [(1, "bfce786c-ab07-40ad-79f9-8f21"), (2, "d5978989-1401-49ff-46cd-33e5")] {
    ///     let origin = Origin { source: SourceId(0), line };
    ///     ledger.add(Evidence::new(Handle::parse(handle.as_bytes()).unwrap(), Moment::Seen, origin));
    /// }
    /// ledger.retain(|lifetime| lifetime.handle().to_string().starts_with('b'));
    /// assert_eq!(ledger.len(), 1);
    /// ```
    pub fn retain(&mut self, mut keep: impl FnMut(Lifetime<'_>) -> bool) {
        let kept: Vec<_> =
            (0..self.rows.len() as u32).filter(|row| keep(Lifetime::new(self, *row))).collect();
        if kept.len() < self.rows.len() {
            let mut rest = Self::new();
            rest.take_rows(self, kept.iter().copied(), &Field::ALL);
            *self = rest;
        }
    }

    /// Returns these containers without their owners: handle, machine, times and addresses, and no
    /// process, app or index. They show that others may be meant, and not who they are.
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
    /// let rivals = ledger.without_owners(|_| true);
    /// let known = ledger.lifetimes().next().unwrap();
    /// let shown = rivals.lifetimes().next().unwrap();
    /// assert_eq!((shown.handle(), shown.created()), (known.handle(), known.created()));
    /// assert!(known.process().is_some() && shown.process().is_none());
    /// ```
    #[must_use]
    pub fn without_owners(&self, mut choose: impl FnMut(Lifetime<'_>) -> bool) -> Self {
        const FIELDS: [Field; 3] = [Field::Cell, Field::Machine, Field::Address];
        let rows = (0..self.rows.len() as u32).filter(|row| choose(Lifetime::new(self, *row)));
        let mut found = Self::new();
        found.take_rows(self, rows, &FIELDS);
        found
    }

    /// Removes the containers whose last line is older than this.
    ///
    /// ```
    /// # use asg_core::{Ledger, Line, Origin, Record, SourceId};
    /// # let rep = br#"{"timestamp":"1498136872.8","source":"rep","log_level":1,"data":{"lrp-key":
    /// #     {"index":0,"domain":"cf-apps","process_guid":
    /// #     "4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11"},
    /// #     "container-guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"},
    /// #     "message":"rep.executing-container-operation.starting"}"#;
    /// # let origin = Origin { source: SourceId(0), line: 1 };
    /// let line = Line::new(rep);
    /// let mut ledger = Ledger::new();
    /// Record::classify(&line).evidence(origin, |evidence| ledger.add(evidence));
    /// ledger.forget_before(asg_core::Timestamp::parse(b"2030-01-01T00:00:00Z").unwrap());
    /// assert!(ledger.len() <= 1);
    /// ```
    pub fn forget_before(&mut self, time: Timestamp) {
        let time = row::millis(time);
        self.retain(|lifetime| lifetime.times().last >= time);
    }

    fn row_of(&mut self, handle: &Handle, origin: Origin) -> u32 {
        let next = u32::try_from(self.rows.len()).expect("fewer than 2^32 containers");
        if let Some(guid) = handle.guid() {
            let key = (guid.range().0, guid.len() as u8);
            let rows = &self.rows;
            let key_of = |row: u32| rows[row as usize].key();
            if let Some(row) = self.heads.get(key, key_of) {
                return row;
            }
            self.heads.insert(key, next, key_of);
            self.push(Row::new(key.0, key.1, NONE));
            return next;
        }
        let text: Arc<str> = handle.to_string().into();
        let lead = handle.leading_guid().and_then(GuidPrefix::full);
        let row = self.texts.get(&text).copied().unwrap_or_else(|| {
            let number = self.text_of.len() as u32;
            self.text_of.push(Arc::clone(&text));
            self.texts.insert(text, next);
            self.push(Row::new(lead.map_or(0, Guid::as_u128), 0, number));
            next
        });
        // Each line with an old handle shows the app and the process in it.
        if let Some(lead) = lead {
            self.app_number(lead, origin);
        }
        if let Some(process) = handle.embedded_process() {
            self.learn_process(row, ProcessName::Guid(process), origin);
        }
        row
    }

    fn push(&mut self, row: Row) {
        self.rows.push(row);
        self.origins.push(Origins::NONE);
    }

    fn origins_mut(&mut self, row: u32) -> Option<&mut Origins> {
        let own = (row as usize).checked_sub(self.loaded.rows)?;
        Some(&mut self.origins[own])
    }

    fn origins(&self, row: u32) -> Origins {
        match ((row as usize).checked_sub(self.loaded.rows), self.loaded.source) {
            (Some(own), _) => self.origins[own],
            (None, Some(source)) => {
                Origins { first: Origin { source, line: u64::from(row) + 1 }, ..Origins::NONE }
            }
            (None, None) => Origins::NONE,
        }
    }

    fn learn_process(&mut self, row: u32, process: ProcessName, origin: Origin) {
        let head = process.guid().map_or(NONE, |guid| self.app_number(guid.process, origin));
        let number = self.processes.put(process);
        if number as usize == self.process_heads.len() {
            self.process_heads.push(head);
        }
        self.learn(row, Field::Process, number, origin);
    }

    fn learn_times(&mut self, row: u32, times: Times) {
        let row = &mut self.rows[row as usize];
        row.set_times(row.times().joined(times));
    }

    /// Adds a value for a field: the smallest goes into the row, the next are its rivals.
    fn learn(&mut self, row: u32, field: Field, value: u32, origin: Origin) {
        let slot = self.rows[row as usize].slots[field as usize];
        let is_new = if slot == NONE || slot == value || self.is_less(field, value, slot) {
            self.rows[row as usize].slots[field as usize] = value;
            let mut at = origin;
            if let Some(known) = self.origins_mut(row).and_then(|origins| origins.of(field)) {
                at = std::mem::replace(
                    known,
                    if slot == value { origin.min(*known) } else { origin },
                );
            }
            if slot != NONE && slot != value {
                self.learn_rival(row, field, slot, at);
            }
            slot != value
        } else {
            self.learn_rival(row, field, value, origin)
        };
        if is_new {
            self.lease(row, field, value);
        }
    }

    /// Adds a value that is not the smallest. Returns whether it is new, and is kept: the smallest
    /// are, so that neither order nor repetition matters.
    fn learn_rival(&mut self, row: u32, field: Field, value: u32, origin: Origin) -> bool {
        let mut rivals = self.rivals.remove(&(row, field)).unwrap_or_default();
        let place = rivals.iter().position(|(rival, _)| {
            work::count(1);
            *rival == value || self.is_less(field, value, *rival)
        });
        let is_new = match place.map(|place| &mut rivals[place]) {
            Some((rival, known)) if *rival == value => {
                *known = origin.min(*known);
                false
            }
            _ => {
                let place = place.unwrap_or(rivals.len());
                rivals.insert(place, (value, origin));
                rivals.truncate(MOST_RIVALS);
                place < MOST_RIVALS
            }
        };
        self.rivals.insert((row, field), rivals);
        is_new
    }

    /// Compares by value, not by number: numbers depend on the order of insertion.
    fn is_less(&self, field: Field, a: u32, b: u32) -> bool {
        match field {
            Field::Process => self.processes.get(a) < self.processes.get(b),
            Field::App => self.apps.get(a) < self.apps.get(b),
            Field::Index => a < b,
            Field::Cell | Field::Machine => self.cells.get(a) < self.cells.get(b),
            Field::Address => self.addresses.get(a) < self.addresses.get(b),
        }
    }

    /// Returns the values of a field, the smallest first if there are several.
    fn values(&self, row: u32, field: Field) -> impl Iterator<Item = u32> + '_ {
        let least = self.rows[row as usize].slot(field);
        // Nearly all rows have no rivals.
        let rivals = if self.rivals.is_empty() { None } else { self.rivals.get(&(row, field)) };
        least.into_iter().chain(rivals.into_iter().flatten().map(|(value, _)| *value))
    }

    fn has_rivals(&self, row: u32, field: Field) -> bool {
        !self.rivals.is_empty() && self.rivals.contains_key(&(row, field))
    }

    fn app_number(&mut self, guid: Guid, origin: Origin) -> u32 {
        let number = self.apps.put(guid);
        if number as usize == self.app_facts.len() {
            self.app_facts.push(AppFacts { app: NONE, is_contradicted: false, origin });
            let apps = &self.apps;
            self.app_heads.insert(app_key(guid), number, |number| app_key(*apps.get(number)));
        }
        let known = &mut self.app_facts[number as usize].origin;
        *known = origin.min(*known);
        number
    }

    fn belongs(&mut self, process: Guid, app: u32, origin: Origin) {
        let process = self.app_number(process, origin);
        let known = self.app_facts[process as usize].app;
        let is_less = known == NONE || self.apps.get(app) < self.apps.get(known);
        if known != NONE && known != app {
            self.contradict(process);
        }
        if is_less {
            self.app_facts[process as usize].app = app;
        }
    }

    /// Notes that lines give two apps for the process with this number.
    fn contradict(&mut self, process: u32) {
        self.app_facts[process as usize].is_contradicted = true;
        self.has_contradictions = true;
    }

    /// Returns the number of a cell or machine.
    pub(crate) fn cell_number(&mut self, name: Box<str>) -> u32 {
        let own = cell_name(&name);
        let name = if own.len() < name.len() { own.into() } else { name };
        let number = self.cells.put(name);
        if number as usize == self.cell_facts.len() {
            self.cell_facts.push(CellFacts { is_cell: false, alias: Alias::None, kinds: 0 });
        }
        number
    }

    /// Notes that a cell uses this as its own name.
    fn learn_cell(&mut self, cell: u32) {
        let facts = &mut self.cell_facts[cell as usize];
        if !facts.is_cell {
            facts.is_cell = true;
            // A cell that BOSH deploys uses its instance id as its own name.
            if self.cells.get(cell).parse::<Guid>().is_ok() {
                facts.kinds |= lease::bit(NameKind::Instance);
            }
        }
    }

    /// Returns the number of a machine that has a name of this kind.
    pub(crate) fn machine_number(&mut self, name: Box<str>, kind: NameKind) -> u32 {
        let number = self.cell_number(name);
        self.cell_facts[number as usize].kinds |= lease::bit(kind);
        number
    }

    fn learn_alias(&mut self, machine: u32, alias: Alias) {
        let known = &mut self.cell_facts[machine as usize].alias;
        *known = match (*known, alias) {
            (Alias::None, other) | (other, Alias::None) => other,
            (Alias::One(a), Alias::One(b)) if a == b => Alias::One(a),
            _ => Alias::Many,
        };
    }

    /// Returns the first contradiction between the lines about this container.
    fn conflict(&self, row: u32) -> Option<Conflict> {
        let singles = [
            (Field::Process, Conflict::Process),
            (Field::App, Conflict::App),
            (Field::Index, Conflict::Index),
            (Field::Cell, Conflict::Cell),
        ];
        if let Some((_, conflict)) = singles.iter().find(|(field, _)| self.has_rivals(row, *field))
        {
            return Some(*conflict);
        }
        let flags = self.rows[row as usize].flags;
        if flags.has(Flags::GARBLED) && !flags.has(Flags::CLEAR) {
            return Some(Conflict::Line);
        }
        if self.rows[row as usize].times().has_run_after_its_end() {
            return Some(Conflict::Lifetime);
        }
        if self.has_two_addresses(row) {
            return Some(Conflict::Address);
        }
        if self.has_two_machines(row) {
            return Some(Conflict::Machine);
        }
        let outright = self.rows[row as usize].slot(Field::App);
        if outright.is_none() && !self.has_contradictions {
            return None;
        }
        let facts = self.process_facts(row)?;
        let is_another = facts.app != NONE && outright.is_some_and(|app| app != facts.app);
        (facts.is_contradicted || is_another).then_some(Conflict::App)
    }

    /// Returns whether lines give it two addresses of one family.
    fn has_two_addresses(&self, row: u32) -> bool {
        self.has_rivals(row, Field::Address) && {
            let is_v4 = |number| self.addresses.get(number).is_ipv4();
            let all = || self.values(row, Field::Address);
            let v4 = all().filter(|number| is_v4(*number)).count();
            v4 > 1 || all().count() - v4 > 1
        }
    }

    /// Returns the facts about the process GUID's first half.
    fn process_facts(&self, row: u32) -> Option<&AppFacts> {
        let process = self.rows[row as usize].slot(Field::Process)?;
        self.app_facts.get(self.process_heads[process as usize] as usize)
    }
}

/// Returns an app's GUID as a key of [`Heads`].
const fn app_key(guid: Guid) -> index::Key {
    (guid.as_u128(), 36)
}

/// A line, or none.
fn known(origin: Origin) -> Option<Origin> {
    (origin != NO_ORIGIN).then_some(origin)
}
