//! The flow: a packet with the answer to who sent it, and its names once a directory was asked.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::evidence::{Origin, SourceId};
use crate::ledger::Lifetime;
use crate::ledger::attribution::Attribution;
use crate::names::history::NamesThen;
use crate::names::identity::{Entity, Identity};
use crate::packet::Packet;
use crate::prefix::LogPrefix;
use crate::record::Record;
use crate::time::{TimeRange, Timestamp};

/// A packet, who sent it, and the names of the sender.
///
/// It borrows from the line (`'a`) and from the evidence (`'l`).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Flow<'a, 'l> {
    /// When the packet was logged: the time that its line shows, or where it shows an uptime only,
    /// what other lines of its machine make of that. `None` if neither is known.
    pub time: Option<Timestamp>,
    /// The bounds of that time, by what the line shows and by the machine's uptime.
    pub range: Option<TimeRange>,
    /// The line.
    pub origin: Origin,
    /// Other lines about the same packet: the line by another way, iptables-logger's line about it.
    pub also: Vec<Origin>,
    /// The cell: BOSH instance, or job and index, or host, whichever the line shows, else the one
    /// in the evidence.
    pub cell: Option<Cow<'l, str>>,
    /// The meaning of the log prefix, if it is Cloud Foundry's.
    pub cf: Option<LogPrefix<'a>>,
    /// The line, parsed.
    pub record: Record<'a>,
    /// The sender, or whoever else the prefix names.
    pub attribution: Attribution<'l>,
    /// The names of the owner; `None` if no directory was asked and no line shows them.
    pub identity: Option<&'l Identity>,
    /// The other container of a packet between two.
    pub peer: Option<Peer<'l>>,
    /// See [`Flow::key`].
    pub(super) key: Option<FlowKey>,
}

/// What many flows that one thread makes have in common; see [`Flow::key`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlowKey(pub(super) u32);

impl FlowKey {
    /// A small number, for tables: the keys of one [`FlowCache`](super::FlowCache) are numbered
    /// from 0.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The container at the other end of a packet between containers. The line shows nothing but its
/// address, so it is `inferred` at best, by the lease of that address at the time.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Peer<'l> {
    /// Its address.
    pub address: IpAddr,
    /// Whose that was.
    pub attribution: Attribution<'l>,
    /// What a directory says about the owner; `None` if none was asked.
    pub identity: Option<&'l Identity>,
}

impl<'a> Flow<'a, '_> {
    /// The packet.
    #[must_use]
    pub fn packet(&self) -> &Packet<'a> {
        match self.record.packet() {
            Some((packet, _)) => packet,
            None => unreachable!("a flow is made of a packet's record"),
        }
    }

    /// The owner's names at the packet's time, as far as events prove them; [`Flow::identity`] has
    /// today's.
    #[must_use]
    pub fn names_then(&self) -> NamesThen<'_> {
        names_then(self.identity, self.range)
    }

    /// A number for the packet's time: flows of one identity that share it have the same
    /// [`Flow::names_then`].
    #[must_use]
    pub fn names_period(&self) -> (usize, usize) {
        match (self.identity, self.range) {
            (Some(identity), Some(range)) => identity.history.period(range),
            _ => (0, 0),
        }
    }

    /// A key that two flows made with one [`FlowCache`](super::FlowCache) share only if they have
    /// in common:
    ///
    /// * the source, the cell and all of the envelope but times and the body;
    /// * the log prefix, the interfaces and the link header; of packets from a container also the
    ///   source address;
    /// * the attribution, the identity, and that there is no peer.
    ///
    /// So a writer need format these only once for each key. `None` if no other flow is known to
    /// share them.
    #[must_use]
    pub const fn key(&self) -> Option<FlowKey> {
        self.key
    }

    /// The object of the output contract. `source` names a source by its number.
    pub const fn to_output<F: Fn(SourceId) -> S, S: Serialize>(
        &self,
        source: F,
    ) -> FlowOutput<'_, F> {
        FlowOutput { flow: self, source }
    }
}

/// A flow as the object of the output contract; see [`Flow::to_output`].
#[derive(Debug)]
pub struct FlowOutput<'f, F> {
    flow: &'f Flow<'f, 'f>,
    source: F,
}

impl<F: Fn(SourceId) -> N, N: Serialize> Serialize for FlowOutput<'_, F> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let Flow { time, range, origin, also, cell, cf, attribution, identity, peer, .. } =
            self.flow;
        let ip = &self.flow.packet().ip;
        let [spt, dpt] = ip.ports();
        let mut map = s.serialize_map(None)?;
        map.serialize_entry("time", time)?;
        map.serialize_entry(
            "time_error",
            &range.zip(*time).map(|(range, time)| error(range, time)),
        )?;
        map.serialize_entry("source", &(self.source)(origin.source))?;
        map.serialize_entry("line", &origin.line)?;
        map.serialize_entry("also", &places(also, &self.source))?;
        map.serialize_entry("cell", cell)?;
        map.serialize_entry("verdict", &cf.map(|cf| cf.verdict))?;
        map.serialize_entry("plane", &cf.map(|cf| cf.plane))?;
        map.serialize_entry("direction", &cf.map(|cf| cf.direction))?;
        map.serialize_entry("proto", &ip.proto)?;
        map.serialize_entry("src", &ip.src)?;
        map.serialize_entry("spt", &spt)?;
        map.serialize_entry("dst", &ip.dst)?;
        map.serialize_entry("dpt", &dpt)?;
        map.serialize_entry("handle_prefix", &cf.and_then(|cf| cf.handle_prefix))?;
        map.serialize_entry(
            "attribution",
            &AttributionOutput { attribution, source: &self.source },
        )?;
        owner(&mut map, attribution, *identity, *range)?;
        let peer = peer.as_ref();
        let peer = peer.map(|peer| PeerOutput { peer, range: *range, source: &self.source });
        map.serialize_entry("peer", &peer)?;
        map.end()
    }
}

fn names_then(identity: Option<&Identity>, range: Option<TimeRange>) -> NamesThen<'_> {
    let known = identity.zip(range);
    known.map_or_else(NamesThen::default, |(identity, range)| identity.history.during(range))
}

/// How far a time can be out, in seconds, rounded up to a millisecond.
fn error(range: TimeRange, time: Timestamp) -> f64 {
    let nanos = |end: Timestamp| end.as_nanos().abs_diff(time.as_nanos());
    let millis = nanos(range.earliest()).max(nanos(range.latest())).div_ceil(1_000_000);
    // Whole numbers of this size are exact.
    u32::try_from(millis).map_or(f64::INFINITY, f64::from) / 1_000.0
}

/// Who it is, by all names: the same for both ends of a packet.
fn owner<M: SerializeMap>(
    map: &mut M,
    attribution: &Attribution<'_>,
    identity: Option<&Identity>,
    range: Option<TimeRange>,
) -> Result<(), M::Error> {
    let then = names_then(identity, range);
    let container = attribution.container();
    map.serialize_entry("handle", &container.map(Lifetime::handle))?;
    map.serialize_entry("process_guid", &attribution.process())?;
    map.serialize_entry("index", &container.and_then(Lifetime::index))?;
    let not_asked = Identity::not_asked();
    let identity = identity.unwrap_or(&not_asked);
    map.serialize_entry("app", &App { identity, name_then: then.app })?;
    let entity = |entity, name_then| EntityOutput { entity, name_then };
    map.serialize_entry("space", &entity(identity.space.as_ref(), then.space))?;
    map.serialize_entry("org", &entity(identity.org.as_ref(), then.org))
}

struct PeerOutput<'f, F> {
    peer: &'f Peer<'f>,
    /// The packet's time.
    range: Option<TimeRange>,
    source: &'f F,
}

impl<F: Fn(SourceId) -> N, N: Serialize> Serialize for PeerOutput<'_, F> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let Peer { address, attribution, identity } = self.peer;
        let mut map = s.serialize_map(None)?;
        map.serialize_entry("address", address)?;
        map.serialize_entry(
            "attribution",
            &AttributionOutput { attribution, source: self.source },
        )?;
        owner(&mut map, attribution, *identity, self.range)?;
        map.end()
    }
}

struct AttributionOutput<'f, F> {
    attribution: &'f Attribution<'f>,
    source: &'f F,
}

impl<F: Fn(SourceId) -> N, N: Serialize> Serialize for AttributionOutput<'_, F> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Candidate<'f> {
            handle: crate::guid::Handle,
            process_guid: Option<&'f crate::guid::ProcessName>,
            index: Option<u32>,
        }
        let candidates: Vec<_> = self
            .attribution
            .candidates()
            .iter()
            .map(|l| Candidate { handle: l.handle(), process_guid: l.process(), index: l.index() })
            .collect();
        let evidence = places(&self.attribution.evidence(), self.source);
        let mut map = s.serialize_map(None)?;
        map.serialize_entry("certainty", &self.attribution.certainty)?;
        map.serialize_entry("reason", &self.attribution.reason)?;
        if let Some(conflict) = self.attribution.conflict() {
            map.serialize_entry("conflict", &conflict)?;
        }
        map.serialize_entry("candidates", &candidates)?;
        if self.attribution.candidates_more > 0 {
            map.serialize_entry("candidates_more", &self.attribution.candidates_more)?;
        }
        map.serialize_entry("evidence", &evidence)?;
        map.end()
    }
}

/// `{"source":…,"line":…}`.
#[derive(Serialize)]
struct Place<N> {
    source: N,
    line: u64,
}

fn places<N>(origins: &[Origin], source: impl Fn(SourceId) -> N) -> Vec<Place<N>> {
    origins.iter().map(|at| Place { source: source(at.source), line: at.line }).collect()
}

/// `{"guid":…,"name":…,"name_then":…}`, with nulls for what is not known today.
struct EntityOutput<'f> {
    entity: Option<&'f Entity>,
    /// Left out if nothing proves it.
    name_then: Option<&'f str>,
}

impl EntityOutput<'_> {
    fn members<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("guid", &self.entity.map(|e| &e.guid))?;
        map.serialize_entry("name", &self.entity.and_then(|e| e.name.as_ref()))?;
        self.name_then.map_or(Ok(()), |name| map.serialize_entry("name_then", name))
    }
}

impl Serialize for EntityOutput<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(None)?;
        self.members(&mut map)?;
        map.end()
    }
}

struct App<'f> {
    identity: &'f Identity,
    name_then: Option<&'f str>,
}

impl Serialize for App<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let Self { identity, name_then } = *self;
        let mut map = s.serialize_map(None)?;
        EntityOutput { entity: identity.app.as_ref(), name_then }.members(&mut map)?;
        map.serialize_entry("state", &identity.state)?;
        if let Some(reason) = &identity.state_reason {
            map.serialize_entry("state_reason", reason)?;
        }
        map.end()
    }
}
