//! The answer to "who sent this?": the owners that the evidence admits, and how sure that is.

use serde::Serialize;

use crate::ledger::Lifetime;
use crate::{Guid, Origin, ProcessName};

/// Who a log prefix belongs to, as far as the evidence goes. Borrowed from the [`Ledger`](crate::Ledger).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attribution<'l> {
    /// How sure it is.
    pub certainty: Certainty,
    /// What decided.
    pub reason: Reason,
    /// Who it is, or may be.
    pub owners: Owners<'l>,
}

impl<'l> Attribution<'l> {
    /// No owner, because of this.
    #[must_use]
    pub const fn unknown(reason: Reason) -> Self {
        Self { certainty: Certainty::Unknown, reason, owners: Owners::None }
    }

    /// The one container that it is; `None` if there is none, or more than one.
    #[must_use]
    pub const fn container(&self) -> Option<&'l Lifetime> {
        match self.owners {
            Owners::Container(lifetime) => Some(lifetime),
            _ => None,
        }
    }

    /// What runs in the one container that it is. A prefix that names an app says nothing of its processes: another
    /// version may have run that no line tells of.
    #[must_use]
    pub const fn process(&self) -> Option<&'l ProcessName> {
        match &self.owners {
            Owners::Container(lifetime) => lifetime.process(),
            Owners::App { .. } | Owners::None | Owners::Several(_) => None,
        }
    }

    /// The GUID under which a directory knows the owner: a process, an app or a task. `None` if there is no one owner.
    #[must_use]
    pub fn subject(&self) -> Option<Guid> {
        match &self.owners {
            Owners::Container(lifetime) => lifetime.subject(),
            Owners::App { app, .. } => Some(*app),
            Owners::None | Owners::Several(_) => None,
        }
    }

    /// The lines that decided, each once, in order.
    #[must_use]
    pub fn evidence(&self) -> Vec<Origin> {
        let lifetimes: &[&Lifetime] = match &self.owners {
            Owners::None => &[],
            Owners::Container(lifetime) => std::slice::from_ref(lifetime),
            Owners::App { lifetimes, .. } | Owners::Several(lifetimes) => lifetimes,
        };
        let mut origins: Vec<_> = lifetimes.iter().flat_map(|l| l.evidence()).collect();
        origins.sort_unstable();
        origins.dedup();
        origins
    }
}

/// Whom an attribution names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owners<'l> {
    /// Nobody.
    None,
    /// One container.
    Container(&'l Lifetime),
    /// One app, with the containers that show its GUID. Which of them it was the prefix does not say.
    App {
        /// Its GUID.
        app: Guid,
        /// The containers that led to it.
        lifetimes: Vec<&'l Lifetime>,
    },
    /// One of several, of different apps.
    Several(Vec<&'l Lifetime>),
}

/// How sure an attribution is, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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

/// What decided an attribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The prefix is a whole handle.
    WholeHandle,
    /// One known handle begins so.
    OneHandleBeginsSo,
    /// One known app's GUID begins so.
    OneAppBeginsSo,
    /// Several known handles, of different apps, begin so.
    SeveralHandlesBeginSo,
    /// Lines name different processes for the same handle.
    ProcessesContradict,
    /// One known handle begins so, but the packet is older than its container or younger than its end.
    OutsideLifetime,
    /// No line names a handle that begins so.
    NoSuchHandle,
    /// No line names an app whose GUID begins so.
    NoSuchApp,
    /// There is no line about any container at all: no rep logs were given.
    NoEvidence,
    /// Garden's own health check, which belongs to no app.
    HealthCheck,
    /// The prefix is Cloud Foundry's, but names nobody.
    NamesNobody,
    /// The prefix is not Cloud Foundry's.
    NotCloudFoundry,
}

impl Reason {
    /// A sentence for people.
    ///
    /// ```
    /// use asg_core::Reason;
    /// assert_eq!(Reason::NoEvidence.sentence(), "no rep log was given");
    /// ```
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::WholeHandle => "the prefix is the whole handle",
            Self::OneHandleBeginsSo => "one known handle begins so",
            Self::OneAppBeginsSo => "one known app GUID begins so",
            Self::SeveralHandlesBeginSo => "several known handles begin so",
            Self::ProcessesContradict => "the rep lines name different processes for this handle",
            Self::OutsideLifetime => {
                "one known handle begins so, but its container lived at another time"
            }
            Self::NoSuchHandle => "no rep line names a handle that begins so",
            Self::NoSuchApp => "no line names an app whose GUID begins so",
            Self::NoEvidence => "no rep log was given",
            Self::HealthCheck => "Garden's own health check",
            Self::NamesNobody => "the prefix names nobody",
            Self::NotCloudFoundry => "the prefix is not Cloud Foundry's",
        }
    }
}
