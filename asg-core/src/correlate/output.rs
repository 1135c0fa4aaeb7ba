//! A flow as the object of the output contract.

use std::borrow::Cow;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::flow::{Flow, Peer, names_then};
use crate::evidence::{Origin, SourceId};
use crate::ledger::Lifetime;
use crate::ledger::attribution::{Attribution, Certainty, Owners};
use crate::names::identity::{Entity, Identity};
use crate::packet::{Address, Proto};
use crate::time::{TimeRange, Timestamp};

/// The version of the output contract. It grows with each member that is added.
pub(crate) const SCHEMA_VERSION: u32 = 2;

/// A flow as the object of the output contract; see [`Flow::to_output`].
#[derive(Debug)]
pub struct FlowOutput<'f, F> {
    flow: &'f Flow<'f, 'f>,
    source: F,
}

impl<'f, F> FlowOutput<'f, F> {
    pub(super) const fn new(flow: &'f Flow<'f, 'f>, source: F) -> Self {
        Self { flow, source }
    }
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
        let packet = self.flow.packet();
        present(&mut map, "in", packet.in_if.filter(|name| !name.is_empty()))?;
        present(&mut map, "out", packet.out_if.filter(|name| !name.is_empty()))?;
        map.serialize_entry("proto", &ip.proto.map(protocol_text))?;
        map.serialize_entry("src", &ip.src.map(AddressOutput))?;
        map.serialize_entry("spt", &spt)?;
        map.serialize_entry("dst", &ip.dst.map(AddressOutput))?;
        map.serialize_entry("dpt", &dpt)?;
        present(&mut map, "proto_num", printed_number(ip.proto))?;
        present(&mut map, "len", ip.len)?;
        present(&mut map, "icmp_type", ip.icmp_type)?;
        present(&mut map, "icmp_code", ip.icmp_code)?;
        present(&mut map, "flags", ip.flags)?;
        present(&mut map, "uptime", self.flow.record.envelope.uptime)?;
        map.serialize_entry("handle_prefix", &cf.and_then(|cf| cf.handle_prefix))?;
        map.serialize_entry(
            "attribution",
            &AttributionOutput { attribution, source: &self.source },
        )?;
        owner(&mut map, attribution, *identity, *range)?;
        present(&mut map, "destination", self.flow.destination().map(DestinationOutput))?;
        let peer = peer.as_ref();
        let peer = peer.map(|peer| PeerOutput { peer, range: *range, source: &self.source });
        map.serialize_entry("peer", &peer)?;
        map.serialize_entry("schema_version", &SCHEMA_VERSION)?;
        map.end()
    }
}

/// Writes a member, if it has a value.
fn present<M: SerializeMap>(
    map: &mut M,
    name: &'static str,
    value: Option<impl Serialize>,
) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(name, &value))
}

/// Returns the name of a protocol, or its number where it has none.
pub(super) fn protocol_text(proto: Proto) -> Cow<'static, str> {
    proto.name().map_or_else(|| proto.number().to_string().into(), Cow::Borrowed)
}

/// Returns the number of a protocol, if the line shows no name.
pub(super) fn printed_number(proto: Option<Proto>) -> Option<u8> {
    match proto {
        Some(Proto::Other(number)) => Some(number),
        _ => None,
    }
}

/// An address as RFC 5952 has it, or nothing where it was blanked.
struct AddressOutput(Address);

impl Serialize for AddressOutput {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.0.ip() {
            Some(ip) => s.collect_str(&ip),
            None => s.serialize_str(""),
        }
    }
}

/// `{"handle":…,"process_guid":…,"index":…}`: a container that an address was leased to.
struct DestinationOutput<'f>(Lifetime<'f>);

impl Serialize for DestinationOutput<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(Some(3))?;
        map.serialize_entry("handle", &self.0.handle())?;
        map.serialize_entry("process_guid", &self.0.process())?;
        map.serialize_entry("index", &self.0.index())?;
        map.end()
    }
}

/// Returns the app, by the directory; or without one its GUID, where the lines show that.
pub(crate) fn app_entity<'f>(
    attribution: &Attribution<'_>,
    identity: Option<&'f Identity>,
) -> Option<Cow<'f, Entity>> {
    let known = identity.and_then(|identity| identity.app.as_ref()).map(Cow::Borrowed);
    known.or_else(|| {
        let app = match &attribution.owners {
            Owners::App { app, .. } => Some(*app),
            Owners::Container(lifetime) => lifetime.app(),
            Owners::None | Owners::Several(_) => None,
        };
        let app = app.filter(|_| attribution.certainty > Certainty::Ambiguous)?;
        Some(Cow::Owned(Entity::unnamed(app.to_string())))
    })
}

/// How far a time can be out, in seconds, rounded up to a millisecond.
pub(super) fn error(range: TimeRange, time: Timestamp) -> f64 {
    // Whole numbers of this size are exact.
    range.millis_around(time).map_or(f64::INFINITY, f64::from) / 1_000.0
}

/// Writes the owner, by all names, for either end of a packet.
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
    map.serialize_entry("app", &App { attribution, identity, name_then: then.app })?;
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
    attribution: &'f Attribution<'f>,
    identity: &'f Identity,
    name_then: Option<&'f str>,
}

impl Serialize for App<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let Self { attribution, identity, name_then } = *self;
        let mut map = s.serialize_map(None)?;
        let entity = app_entity(attribution, Some(identity));
        EntityOutput { entity: entity.as_deref(), name_then }.members(&mut map)?;
        map.serialize_entry("state", &identity.state)?;
        present(&mut map, "state_reason", identity.state_reason.as_ref())?;
        present(&mut map, "process_type", identity.process_type.as_ref())?;
        present(&mut map, "deleted_at", identity.deleted_at)?;
        map.end()
    }
}
