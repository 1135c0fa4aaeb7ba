//! Evidence: what one line proves about one container.

use std::net::IpAddr;

use serde::Serialize;

use crate::{Guid, Handle, Names, ProcessGuid, Timestamp};

/// One line's facts about one container. Whatever component wrote the line, this is all that the ledger takes from it.
///
/// ```
/// use asg_core::{Evidence, Handle, Moment, Origin, SourceId};
///
/// let handle = Handle::parse("bfce786c-ab07-40ad-79f9-8f21").unwrap();
/// let evidence = Evidence::new(handle, Moment::Seen, Origin { source: SourceId(0), line: 7 });
/// assert_eq!(evidence.process, None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evidence {
    /// The container.
    pub handle: Handle,
    /// What the line says about its life.
    pub moment: Moment,
    /// When, by the clock of the machine that wrote the line.
    pub time: Option<Timestamp>,
    /// The cell's own name for itself.
    pub cell: Option<Box<str>>,
    /// The name under which the machine's lines reach us, where the line is the cell's own: BOSH instance, job and index,
    /// or host.
    pub machine: Option<Box<str>>,
    /// What runs in it.
    pub process: Option<ProcessName>,
    /// Which instance of the process, from 0.
    pub index: Option<u32>,
    /// The app, where the line names it outright.
    pub app: Option<Guid>,
    /// The container's own address.
    pub address: Option<IpAddr>,
    /// Its IPv6 address, where it has both.
    pub address_v6: Option<IpAddr>,
    /// The cell's address.
    pub cell_address: Option<IpAddr>,
    /// Guardian's bridge, which is `IN=` of the container's packets.
    pub interface: Option<Box<str>>,
    /// GUIDs and names of app, space and org, where the line spells them out.
    pub names: Option<Box<Names<'static>>>,
    /// Where the line stood.
    pub origin: Origin,
}

impl Evidence {
    /// That a container was there, and nothing more yet.
    #[must_use]
    pub const fn new(handle: Handle, moment: Moment, origin: Origin) -> Self {
        Self {
            handle,
            moment,
            time: None,
            cell: None,
            machine: None,
            process: None,
            index: None,
            app: None,
            address: None,
            address_v6: None,
            cell_address: None,
            interface: None,
            names: None,
            origin,
        }
    }
}

/// What a line says about a container's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// It was made now.
    Created,
    /// It was there, and may have been for long.
    Seen,
    /// It is gone now.
    Destroyed,
}

/// What runs in a container: a process GUID of Cloud Controller's making, or any other name that Diego was given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
pub enum ProcessName {
    /// `<process GUID>-<version>`.
    Guid(ProcessGuid),
    /// An LRP that did not come from Cloud Controller.
    Other(Box<str>),
}

impl ProcessName {
    /// Reads a process GUID; any other text is a name.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        ProcessGuid::parse(text.as_bytes()).map_or_else(|_| Self::Other(text.into()), Self::Guid)
    }

    /// The process GUID, if it is one.
    #[must_use]
    pub const fn guid(&self) -> Option<ProcessGuid> {
        match self {
            Self::Guid(guid) => Some(*guid),
            Self::Other(_) => None,
        }
    }
}

impl std::fmt::Display for ProcessName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Guid(guid) => guid.fmt(f),
            Self::Other(name) => f.pad(name),
        }
    }
}

/// Where a line stood: a source, and a line in it, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The file or stream, numbered by whoever reads it.
    pub source: SourceId,
    /// Counted from 1.
    pub line: u64,
}

/// A source of lines, by number. The names are with whoever opened them: this crate opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);
