//! The truth about each packet line and each container.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use asg_core::Guid;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::clock;
use super::egress::Ruling;

/// The kind of a packet line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Allowed by an ASG.
    Allowed,
    /// Denied: no ASG allows it.
    Denied,
    /// Beyond the limit of new outbound connections.
    RateLimited,
    /// Container to container, allowed by a network policy.
    C2cAllowed,
    /// Container to container, denied.
    C2cDenied,
    /// Another tool's line, such as a firewall's: not Cloud Foundry's.
    Foreign,
    /// Printed by an app, without a packet.
    Forged,
}

/// The most precise name in a line's prefix, with any amount of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Names {
    /// One container.
    Container,
    /// An app, not which of its containers.
    App,
    /// Nobody: a name that other lines never contain, or none.
    Nobody,
}

/// The workload of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Workload {
    /// An instance of a process.
    App,
    /// A task.
    Task,
    /// The build of a droplet.
    Staging,
    /// Garden's health check, which belongs to no app.
    HealthCheck,
}

/// The facts about a container that never change.
#[derive(Debug)]
#[non_exhaustive]
pub struct ContainerFacts {
    /// Garden's name for it.
    pub handle: String,
    /// The instance GUID; for a task or build its own GUID.
    pub instance_guid: String,
    /// The process GUID in rep's logs; `None` if it is not an LRP.
    pub process_guid: Option<String>,
    /// The index of the instance in the process.
    pub index: Option<u32>,
    /// The workload.
    pub workload: Workload,
    /// The app; `None` for a health check.
    pub app: Option<Guid>,
    /// The app's space.
    pub space: Option<Guid>,
    /// The space's org.
    pub org: Option<Guid>,
    /// The cell's BOSH instance id.
    pub cell: String,
    /// Its own address.
    pub address: IpAddr,
    /// The time when it was made, in nanoseconds since 1970.
    pub created: i64,
    /// The number of surviving lines that name the handle together with the process (for a task or
    /// build: the handle).
    pub(super) naming: AtomicU32,
    /// The number of surviving lines that name the handle.
    pub(super) bare: AtomicU32,
}

impl ContainerFacts {
    /// Returns the number of surviving lines that identify the container's owner.
    #[must_use]
    pub fn naming_lines(&self) -> u32 {
        self.naming.load(Ordering::Relaxed)
    }

    /// Returns the number of surviving lines that name its handle and do not identify the owner.
    #[must_use]
    pub fn bare_lines(&self) -> u32 {
        self.bare.load(Ordering::Relaxed)
    }
}

/// The names of an app, its space and its org at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are what they are called")]
pub struct NameSet {
    pub app: String,
    pub space: String,
    pub org: String,
}

/// The truth about one packet line.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Truth {
    /// The number of the packet: lines with equal numbers are about one packet.
    pub packet: u64,
    /// The time when the packet was logged by true time, in nanoseconds since 1970. The cell's
    /// clock may differ.
    pub time: i64,
    /// That instant by the cell's clock.
    pub wall: i64,
    /// The kind of the line.
    pub kind: Kind,
    /// The most precise name in its prefix.
    pub names: Names,
    /// The container that the rule was made for: the source of an outgoing packet, the destination
    /// of an incoming one.
    pub container: Option<Arc<ContainerFacts>>,
    /// The names of app, space and org at that time.
    pub named: Option<Arc<NameSet>>,
    /// The other container of a container-to-container packet.
    pub peer: Option<Arc<ContainerFacts>>,
    /// The line is cut: the rest may show less than the whole line.
    pub damaged: bool,
    /// Whether the packet has an earlier line: this one is written for the second time, or is
    /// iptables-logger's.
    pub copy: bool,
    /// The rules that it met; `None` without rules in the configuration, and for other planes.
    pub ruling: Option<Arc<Ruling>>,
}

impl Truth {
    /// Returns the JSON object of `truth.ndjson` for the line at this place.
    #[must_use]
    pub const fn at<'a>(&'a self, file: &'a str, line: u64) -> impl Serialize + 'a {
        Placed { truth: self, file, line }
    }
}

struct Placed<'a> {
    truth: &'a Truth,
    file: &'a str,
    line: u64,
}

impl Serialize for Placed<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let Truth { time, kind, names, container, named, peer, damaged, copy, .. } = self.truth;
        let mut map = s.serialize_map(None)?;
        map.serialize_entry("file", self.file)?;
        map.serialize_entry("line", &self.line)?;
        map.serialize_entry("time", &clock::text(*time))?;
        map.serialize_entry("kind", kind)?;
        map.serialize_entry("names", names)?;
        if let Some(container) = container {
            map.serialize_entry("handle", &container.handle)?;
            identity(&mut map, container)?;
        }
        if let Some(named) = named {
            map.serialize_entry("app", &named.app)?;
            map.serialize_entry("space", &named.space)?;
            map.serialize_entry("org", &named.org)?;
        }
        map.serialize_entry("peer_handle", &peer.as_ref().map(|peer| &peer.handle))?;
        map.serialize_entry("damaged", damaged)?;
        map.serialize_entry("copy", copy)?;
        map.end()
    }
}

fn identity<M: SerializeMap>(map: &mut M, container: &ContainerFacts) -> Result<(), M::Error> {
    let text = |guid: Option<Guid>| guid.map(|guid| guid.to_string());
    map.serialize_entry("workload", &container.workload)?;
    map.serialize_entry("process_guid", &container.process_guid)?;
    map.serialize_entry("index", &container.index)?;
    map.serialize_entry("app_guid", &text(container.app))?;
    map.serialize_entry("space_guid", &text(container.space))?;
    map.serialize_entry("org_guid", &text(container.org))
}

/// A container's whole life, reported when it is over.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Life {
    /// The container.
    pub facts: Arc<ContainerFacts>,
    /// The time when it was destroyed; `None` if it still existed at the end.
    pub destroyed: Option<i64>,
    /// Packets that a limit of denied packets kept out of the log.
    pub denied_unlogged: u64,
    /// Packets that the limit of UDP packets kept out of the log.
    pub udp_unlogged: u64,
}

impl Serialize for Life {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let facts = &*self.facts;
        let mut map = s.serialize_map(None)?;
        map.serialize_entry("handle", &facts.handle)?;
        identity(&mut map, facts)?;
        map.serialize_entry("cell", &facts.cell)?;
        map.serialize_entry("address", &facts.address)?;
        map.serialize_entry("created", &clock::text(facts.created))?;
        map.serialize_entry("destroyed", &self.destroyed.map(clock::text))?;
        map.serialize_entry("naming_lines", &facts.naming_lines())?;
        map.serialize_entry("bare_lines", &facts.bare_lines())?;
        map.serialize_entry("denied_unlogged", &self.denied_unlogged)?;
        map.serialize_entry("udp_unlogged", &self.udp_unlogged)?;
        map.end()
    }
}
