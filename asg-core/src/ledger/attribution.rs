//! The attribution of a packet: the owners that the evidence admits, with a certainty.

use crate::evidence::Origin;
use crate::guid::{Guid, ProcessName};
pub use crate::ledger::reason::Reason;
use crate::ledger::{Ledger, Lifetime};
use crate::words::words;

/// The owner of a log prefix, as far as the evidence goes. Borrowed from the
/// [`Ledger`](crate::Ledger).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attribution<'l> {
    /// The certainty.
    pub certainty: Certainty,
    /// The reason.
    pub reason: Reason,
    /// The owner, or the possible owners.
    pub owners: Owners<'l>,
    /// The container with the lease of the packet's address, if that is more precise than the
    /// prefix: the container of the app. Never more certain than `inferred`.
    pub lease: Option<Lifetime<'l>>,
    /// The number of possible containers beyond those in [`Attribution::candidates`].
    pub candidates_more: usize,
}

/// The maximum number of candidates in an answer. More help nobody, and a log could make each
/// answer as long as itself.
pub const MOST_CANDIDATES: usize = 16;

impl<'l> Attribution<'l> {
    /// Creates an attribution without an owner.
    ///
    /// ```
    /// use asg_core::Certainty;
    /// use asg_core::ledger::{Attribution, Reason};
    /// let nobody = Attribution::unknown(Reason::NoEvidence);
    /// assert_eq!((nobody.certainty, nobody.container().is_none()), (Certainty::Unknown, true));
    /// ```
    #[must_use]
    pub const fn unknown(reason: Reason) -> Self {
        Self::of(Certainty::Unknown, reason, Owners::None)
    }

    pub(super) const fn of(certainty: Certainty, reason: Reason, owners: Owners<'l>) -> Self {
        Self { certainty, reason, owners, lease: None, candidates_more: 0 }
    }

    /// Creates the attribution to the container that had the packet's address, by its lease alone.
    pub(super) fn leased(it: Lifetime<'l>) -> Self {
        let owners = Owners::Container(it);
        Self { lease: Some(it), ..Self::of(Certainty::Inferred, Reason::AddressLease, owners) }
    }

    /// Creates the attribution to one container with contradicting evidence.
    pub(super) fn doubted(it: Lifetime<'l>, reason: Reason) -> Self {
        Self::several(vec![it], 1, reason)
    }

    /// Creates the attribution to any of these, whose handles begin alike.
    pub(super) fn alike(all: Vec<Lifetime<'l>>) -> Self {
        let count = all.len();
        Self::several(all, count, Reason::AmbiguousHandlePrefix)
    }

    /// Creates the attribution to any of so many containers; these are the first.
    pub(super) fn several(mut first: Vec<Lifetime<'l>>, count: usize, reason: Reason) -> Self {
        first.sort_by_cached_key(|it| it.handle());
        let candidates_more = count - first.len();
        Self { candidates_more, ..Self::of(Certainty::Ambiguous, reason, Owners::Several(first)) }
    }

    /// Returns the contradiction in the evidence about the only possible container; `None` if that
    /// is not the reason why nothing is certain.
    #[must_use]
    pub fn conflict(&self) -> Option<Conflict> {
        match (self.reason, &self.owners) {
            (Reason::ConflictingEvidence, Owners::App { .. }) => Some(Conflict::App),
            (Reason::ConflictingEvidence, Owners::Several(all)) => all.first()?.conflict(),
            _ => None,
        }
    }

    /// Returns the container, if there is exactly one.
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
    /// # use asg_core::prefix::LogPrefix;
    /// # let prefix = LogPrefix::classify(b"d08bb414-cdba-4381-412a-e9ecc").unwrap();
    /// let answer = ledger.attribute(&prefix, &asg_core::ledger::Sighting::default());
    /// assert_eq!(answer.container().unwrap().index(), Some(0));
    /// ```
    #[must_use]
    pub const fn container(&self) -> Option<Lifetime<'l>> {
        match self.owners {
            Owners::Container(lifetime) => Some(lifetime),
            _ => None,
        }
    }

    /// Returns the process, if the owner is one container. If a prefix names an app, it may be any
    /// version of any of its processes.
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
    /// # use asg_core::prefix::LogPrefix;
    /// # let prefix = LogPrefix::classify(b"d08bb414-cdba-4381-412a-e9ecc").unwrap();
    /// let answer = ledger.attribute(&prefix, &asg_core::ledger::Sighting::default());
    /// assert!(answer.process().unwrap().to_string().starts_with("4ccbb24c-268e"));
    /// ```
    #[must_use]
    pub fn process(&self) -> Option<&'l ProcessName> {
        self.container()?.process()
    }

    /// Returns the GUID under which a directory knows the owner: a process, an app or a task.
    /// `None` without exactly one owner.
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
    /// # use asg_core::prefix::LogPrefix;
    /// # let prefix = LogPrefix::classify(b"d08bb414-cdba-4381-412a-e9ecc").unwrap();
    /// let answer = ledger.attribute(&prefix, &asg_core::ledger::Sighting::default());
    /// let guid = answer.subject().unwrap();
    /// assert_eq!(guid.to_string(), "4ccbb24c-268e-421a-9d1b-3678b6eb40d0");
    /// ```
    #[must_use]
    pub fn subject(&self) -> Option<Guid> {
        match &self.owners {
            Owners::Container(lifetime) => lifetime.subject(),
            Owners::App { app, .. } if self.certainty > Certainty::Ambiguous => Some(*app),
            Owners::App { .. } | Owners::None | Owners::Several(_) => None,
        }
    }

    /// Returns the possible containers, if there is more than one: the first sixteen, by their
    /// handles.
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
    /// # use asg_core::prefix::LogPrefix;
    /// # let prefix = LogPrefix::classify(b"d08bb414-cdba-4381-412a-e9ecc").unwrap();
    /// let answer = ledger.attribute(&prefix, &asg_core::ledger::Sighting::default());
    /// assert!(answer.candidates().len() <= 1, "it is not ambiguous");
    /// ```
    #[must_use]
    pub fn candidates(&self) -> &[Lifetime<'l>] {
        match &self.owners {
            Owners::Several(lifetimes) => lifetimes,
            _ => &[],
        }
    }

    /// Returns the lines that decided, each once, in order.
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
    /// # use asg_core::prefix::LogPrefix;
    /// # let prefix = LogPrefix::classify(b"d08bb414-cdba-4381-412a-e9ecc").unwrap();
    /// let answer = ledger.attribute(&prefix, &asg_core::ledger::Sighting::default());
    /// assert_eq!(answer.evidence()[0].line, 1);
    /// ```
    #[must_use]
    pub fn evidence(&self) -> Vec<Origin> {
        let (lifetimes, line): (&[Lifetime<'_>], _) = match &self.owners {
            Owners::None => (&[], None),
            Owners::Container(lifetime) => (std::slice::from_ref(lifetime), None),
            Owners::App { line, .. } => (&[], *line),
            Owners::Several(lifetimes) => (lifetimes, None),
        };
        let mut origins: Vec<_> = lifetimes.iter().flat_map(|l| l.evidence()).chain(line).collect();
        origins.sort_unstable();
        origins.dedup();
        origins
    }
}

/// An attribution detached from its ledger: rows are kept by number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Detached {
    certainty: Certainty,
    reason: Reason,
    owners: DetachedOwners,
    lease: Option<u32>,
    candidates_more: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum DetachedOwners {
    None,
    Container(u32),
    App { app: Guid, line: Option<Origin> },
    Several(Box<[u32]>),
}

impl Attribution<'_> {
    /// Detaches it from the ledger.
    pub(crate) fn detach(&self) -> Detached {
        let owners = match &self.owners {
            Owners::None => DetachedOwners::None,
            Owners::Container(lifetime) => DetachedOwners::Container(lifetime.row()),
            Owners::App { app, line } => DetachedOwners::App { app: *app, line: *line },
            Owners::Several(all) => {
                DetachedOwners::Several(all.iter().map(|lifetime| lifetime.row()).collect())
            }
        };
        let lease = self.lease.map(Lifetime::row);
        let Self { certainty, reason, candidates_more, .. } = *self;
        Detached { certainty, reason, owners, lease, candidates_more }
    }
}

impl Detached {
    /// Attaches it to the ledger that it came from.
    pub(crate) fn attach<'l>(&self, ledger: &'l Ledger) -> Attribution<'l> {
        let lifetime = |row: u32| Lifetime::new(ledger, row);
        let owners = match &self.owners {
            DetachedOwners::None => Owners::None,
            DetachedOwners::Container(row) => Owners::Container(lifetime(*row)),
            DetachedOwners::App { app, line } => Owners::App { app: *app, line: *line },
            DetachedOwners::Several(rows) => {
                Owners::Several(rows.iter().copied().map(lifetime).collect())
            }
        };
        let Self { certainty, reason, candidates_more, .. } = *self;
        Attribution { certainty, reason, owners, lease: self.lease.map(lifetime), candidates_more }
    }
}

/// The owners in an attribution.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are none, one or several")]
pub enum Owners<'l> {
    /// Nobody.
    None,
    /// One container.
    Container(Lifetime<'l>),
    /// One app. The prefix does not show which of its containers.
    App {
        /// Its GUID, or that of its first process, which in old releases is the same.
        app: Guid,
        /// The first line that shows it.
        line: Option<Origin>,
    },
    /// Any of these, or an unknown one. A single one is here if something contradicts it.
    Several(Vec<Lifetime<'l>>),
}

/// The certainty of an attribution, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "callers must decide about each grade")]
pub enum Certainty {
    /// No owner is known.
    Unknown,
    /// Several owners are possible.
    Ambiguous,
    /// Only an address lease shows it; the prefix does not.
    Inferred,
    /// The prefix shows the beginning of one known handle only.
    UniquePrefix,
    /// The prefix shows the whole handle, and nothing contradicts it.
    Exact,
}

words! {
    "ledger" Certainty "a certainty" {
        Unknown = "unknown", Ambiguous = "ambiguous", Inferred = "inferred", UniquePrefix = "unique_prefix", Exact = "exact",
    }
}

/// A contradiction between lines about one container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Conflict {
    /// Two process GUIDs.
    Process,
    /// Two apps, or two of its process.
    App,
    /// Two instances of its process.
    Index,
    /// Two cells.
    Cell,
    /// Two machines: names of one kind, such as two BOSH instance ids.
    Machine,
    /// Two addresses of one family.
    Address,
    /// It ran after its cell had destroyed it.
    Lifetime,
    /// All lines about it contradict themselves: an instance GUID beside another container's GUID,
    /// or a request about another process.
    Line,
}

words! {
    "ledger" Conflict "a contradiction" {
        Process = "process", App = "app", Index = "index", Cell = "cell", Machine = "machine", Address = "address", Lifetime = "lifetime", Line = "line",
    }
}

impl Conflict {
    /// Returns a sentence for people.
    ///
    /// ```
    /// use asg_core::ledger::Conflict;
    /// assert_eq!(Conflict::Cell.sentence(), "lines name two cells for this container");
    /// ```
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Process => "lines name two processes for this container",
            Self::App => "lines name two apps for this container or its process",
            Self::Index => "lines name two instance indexes for this container",
            Self::Cell => "lines name two cells for this container",
            Self::Machine => "lines from two machines claim this container",
            Self::Address => "lines give this container two addresses",
            Self::Lifetime => "a line shows this container running after its end",
            Self::Line => "each line about this container contradicts itself",
        }
    }
}
