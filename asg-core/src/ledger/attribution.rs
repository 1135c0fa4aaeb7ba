//! The answer to "who sent this?": the owners that the evidence admits, and how sure that is.

use serde::{Deserialize, Serialize};

use crate::evidence::Origin;
use crate::guid::{Guid, ProcessName};
pub use crate::ledger::reason::Reason;
use crate::ledger::{Ledger, Lifetime};

/// Who a log prefix belongs to, as far as the evidence goes. Borrowed from the
/// [`Ledger`](crate::Ledger).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attribution<'l> {
    /// How sure it is.
    pub certainty: Certainty,
    /// What decided.
    pub reason: Reason,
    /// Who it is, or may be.
    pub owners: Owners<'l>,
    /// The container that the packet's address was leased to, where that says more than the prefix:
    /// which container of the app it was. Never surer than `inferred`.
    pub lease: Option<Lifetime<'l>>,
    /// How many containers come into question beside those that [`Attribution::candidates`] gives.
    pub candidates_more: usize,
}

/// The most candidates that an answer lists. More help nobody, and a log could make each answer as
/// long as itself.
pub const MOST_CANDIDATES: usize = 16;

impl<'l> Attribution<'l> {
    /// No owner, because of this.
    #[must_use]
    pub const fn unknown(reason: Reason) -> Self {
        Self::of(Certainty::Unknown, reason, Owners::None)
    }

    pub(super) const fn of(certainty: Certainty, reason: Reason, owners: Owners<'l>) -> Self {
        Self { certainty, reason, owners, lease: None, candidates_more: 0 }
    }

    /// The container that had the packet's address, by its lease alone.
    pub(super) fn leased(it: Lifetime<'l>) -> Self {
        let owners = Owners::Container(it);
        Self { lease: Some(it), ..Self::of(Certainty::Inferred, Reason::AddressLease, owners) }
    }

    /// One container, that something speaks against.
    pub(super) fn doubted(it: Lifetime<'l>, reason: Reason) -> Self {
        Self::several(vec![it], 1, reason)
    }

    /// Any of these, whose handles begin alike.
    pub(super) fn alike(all: Vec<Lifetime<'l>>) -> Self {
        let count = all.len();
        Self::several(all, count, Reason::AmbiguousHandlePrefix)
    }

    /// Any of so many containers; these are the first.
    pub(super) fn several(mut first: Vec<Lifetime<'l>>, count: usize, reason: Reason) -> Self {
        first.sort_by_cached_key(|it| it.handle());
        let candidates_more = count - first.len();
        Self { candidates_more, ..Self::of(Certainty::Ambiguous, reason, Owners::Several(first)) }
    }

    /// The contradiction in the evidence about the one container in question; `None` if that is not
    /// why nothing is certain.
    #[must_use]
    pub fn conflict(&self) -> Option<Conflict> {
        match (self.reason, &self.owners) {
            (Reason::ConflictingEvidence, Owners::App { .. }) => Some(Conflict::App),
            (Reason::ConflictingEvidence, Owners::Several(all)) => all.first()?.conflict(),
            _ => None,
        }
    }

    /// The one container that it is; `None` if there is none, or more than one.
    #[must_use]
    pub const fn container(&self) -> Option<Lifetime<'l>> {
        match self.owners {
            Owners::Container(lifetime) => Some(lifetime),
            _ => None,
        }
    }

    /// What runs there, if it is one container. Where a prefix names an app, it may be any version
    /// of any of its processes.
    #[must_use]
    pub fn process(&self) -> Option<&'l ProcessName> {
        self.container()?.process()
    }

    /// The GUID under which a directory knows the owner: a process, an app or a task. `None` if
    /// there is no one owner.
    #[must_use]
    pub fn subject(&self) -> Option<Guid> {
        match &self.owners {
            Owners::Container(lifetime) => lifetime.subject(),
            Owners::App { app, .. } if self.certainty > Certainty::Ambiguous => Some(*app),
            Owners::App { .. } | Owners::None | Owners::Several(_) => None,
        }
    }

    /// The containers that come into question, where it is not one: the first sixteen, by their
    /// handles.
    #[must_use]
    pub fn candidates(&self) -> &[Lifetime<'l>] {
        match &self.owners {
            Owners::Several(lifetimes) => lifetimes,
            _ => &[],
        }
    }

    /// The lines that decided, each once, in order.
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

/// An attribution apart from its ledger, by the numbers of rows.
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
    /// Takes the ledger out.
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
    /// Puts the ledger back, which must be the one that the attribution came from.
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

/// Whom an attribution names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owners<'l> {
    /// Nobody.
    None,
    /// One container.
    Container(Lifetime<'l>),
    /// One app. Which of its containers it was the prefix does not say.
    App {
        /// Its GUID, or that of its first process, which in old releases is the same.
        app: Guid,
        /// The first line that shows it.
        line: Option<Origin>,
    },
    /// Any of these, or one that nothing is known of. A single one is here if something contradicts
    /// it.
    Several(Vec<Lifetime<'l>>),
}

/// How sure an attribution is, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Nobody is known.
    Unknown,
    /// Several come into question.
    Ambiguous,
    /// An address lease says so; the prefix does not.
    Inferred,
    /// The prefix shows the beginning of one known handle only.
    UniquePrefix,
    /// The prefix shows the whole handle, and nothing contradicts it.
    Exact,
}

/// The word of the outputs.
impl std::fmt::Display for Certainty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Unknown => "unknown",
            Self::Ambiguous => "ambiguous",
            Self::Inferred => "inferred",
            Self::UniquePrefix => "unique_prefix",
            Self::Exact => "exact",
        })
    }
}

/// A contradiction between lines about one container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// Two machines: names of one kind, as two BOSH instance ids are.
    Machine,
    /// Two addresses of one family.
    Address,
    /// It ran after its cell had destroyed it.
    Lifetime,
    /// All that speaks of it is lines that contradict themselves: an instance GUID beside another
    /// container's GUID, or a request about another process.
    Line,
}

impl Conflict {
    /// A sentence for people.
    ///
    /// ```
    /// use asg_core::Conflict;
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
