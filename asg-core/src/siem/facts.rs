//! The common parts of all formats.

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

use super::Reading;
use super::id::{CommunityId, FlowId};
use crate::bytes::text::Text;
use crate::correlate::flow::{Flow, Peer};
use crate::correlate::output::app_entity;
use crate::guid::{Handle, ProcessName};
use crate::ledger::attribution::{Attribution, Certainty};
use crate::names::identity::{AppState, Entity, Identity};
use crate::packet::{Address, Packet, Proto};
use crate::prefix::{Direction, LogPrefix, Plane, Verdict};
use crate::time::{TimeRange, Timestamp};

/// A flow with Cloud Foundry's prefix.
#[derive(Debug, Clone)]
pub(super) struct Facts<'f> {
    pub(super) reading: Reading<'f>,
    pub(super) time: Option<Timestamp>,
    /// The maximum error of the time, in milliseconds.
    pub(super) error_ms: Option<u64>,
    pub(super) source: &'f str,
    pub(super) line: u64,
    pub(super) cell: Option<Cell<'f>>,
    pub(super) cf: &'f LogPrefix<'f>,
    pub(super) packet: &'f Packet<'f>,
    pub(super) id: FlowId,
    pub(super) community: Option<CommunityId>,
    pub(super) attribution: &'f Attribution<'f>,
    pub(super) owner: Owner<'f>,
    pub(super) peer: Option<&'f Peer<'f>>,
    pub(super) destination: Option<DestinationName<'f>>,
    rule: Option<Rule<'f>>,
}

/// The rule of a security group that alone can have decided about a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct Rule<'r> {
    /// The rule for people, such as `tcp 10.0.11.0/24 5432`: rules have no names.
    pub name: &'r str,
    /// An id of its own: the group's GUID, a slash, and the rule's place in the group, from 0.
    pub id: &'r str,
    /// The group's GUID.
    pub group: &'r str,
    /// The group's name.
    pub group_name: Option<&'r str>,
    /// The rule's description.
    pub description: Option<&'r str>,
}

impl<'r> Rule<'r> {
    /// Returns the group's name, or its GUID without one.
    pub(super) fn ruleset(&self) -> &'r str {
        self.group_name.unwrap_or(self.group)
    }
}

/// The caller's name for a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DestinationName<'n> {
    /// The name of the address.
    Address(&'n str),
    /// The name of a network that the address is in.
    Network(&'n str),
}

impl<'n> DestinationName<'n> {
    /// Returns the name.
    #[must_use]
    pub const fn name(self) -> &'n str {
        match self {
            Self::Address(name) | Self::Network(name) => name,
        }
    }
}

impl<'f> Facts<'f> {
    /// Collects the facts of a flow; `None` without Cloud Foundry's prefix.
    pub(super) fn of(
        flow: &'f Flow<'_, '_>,
        source: &'f str,
        reading: Reading<'f>,
    ) -> Option<Self> {
        let cf = flow.cf.as_ref()?;
        let packet = flow.packet();
        Some(Self {
            reading,
            time: flow.time,
            error_ms: error_ms(flow.range, flow.time),
            source,
            line: flow.origin.line,
            cell: flow.cell.as_deref().filter(|cell| !cell.is_empty()).map(Cell::of),
            cf,
            packet,
            id: FlowId::of(flow, source),
            community: CommunityId::of(&packet.ip, 0),
            attribution: &flow.attribution,
            owner: Owner::of(&flow.attribution, flow.identity),
            peer: flow.peer.as_ref(),
            destination: None,
            rule: None,
        })
    }

    pub(super) fn with_rule(self, rule: Option<Rule<'f>>) -> Self {
        Self { rule, ..self }
    }

    /// Returns the rule that decided, if it is certain whose rules hold.
    pub(super) fn rule(&self) -> Option<Rule<'f>> {
        self.rule.filter(|_| self.certain().is_some())
    }

    /// Returns the time, or that of the reading if the line shows none.
    pub(super) fn time_or_reading(&self) -> Timestamp {
        self.time.unwrap_or(self.reading.at())
    }

    /// Returns the end that the prefix names.
    pub(super) const fn subject(&self) -> Subject {
        match self.cf.direction {
            Direction::Egress => Subject::Source,
            Direction::Ingress => Subject::Destination,
        }
    }

    pub(super) fn subject_address(&self) -> Option<Address> {
        match self.subject() {
            Subject::Source => self.src(),
            Subject::Destination => self.dst(),
        }
    }

    pub(super) fn src(&self) -> Option<Address> {
        self.packet.ip.src.filter(|address| address.ip().is_some())
    }

    pub(super) fn dst(&self) -> Option<Address> {
        self.packet.ip.dst.filter(|address| address.ip().is_some())
    }

    pub(super) fn ports(&self) -> [Option<u16>; 2] {
        self.packet.ip.ports()
    }

    /// Returns the owner, if it is certain enough for a search to join on it.
    pub(super) fn certain(&self) -> Option<&Owner<'f>> {
        (self.attribution.certainty >= Certainty::UniquePrefix).then_some(&self.owner)
    }

    /// Returns the owner that only an address lease shows.
    pub(super) fn inferred(&self) -> Option<&Owner<'f>> {
        (self.attribution.certainty == Certainty::Inferred).then_some(&self.owner)
    }

    pub(super) fn in_if(&self) -> Option<Text<'f>> {
        self.packet.in_if.filter(|name| !name.is_empty())
    }

    pub(super) fn out_if(&self) -> Option<Text<'f>> {
        self.packet.out_if.filter(|name| !name.is_empty())
    }

    /// Returns 4 or 6.
    pub(super) fn ip_version(&self) -> Option<u8> {
        match self.packet.ip.src.or(self.packet.ip.dst)? {
            Address::V4(_) => Some(4),
            Address::V6(_) => Some(6),
            Address::Blank => None,
        }
    }

    pub(super) const fn action(&self) -> Action {
        match (self.cf.plane, self.cf.verdict) {
            (Plane::Asg, Verdict::Allowed) => Action::AsgAllowed,
            (Plane::Asg, Verdict::Denied) => Action::AsgDenied,
            (Plane::C2c, Verdict::Allowed) => Action::C2cAllowed,
            (Plane::C2c, Verdict::Denied) => Action::C2cDenied,
            (Plane::RateLimit, _) => Action::RateLimited,
        }
    }

    /// Returns `10.255.73.3:51858 -> 10.0.16.8:443`, as logged.
    pub(super) const fn path(&self) -> Path<'_> {
        Path(self)
    }

    pub(super) fn proto(&self) -> Option<Proto> {
        self.packet.ip.proto
    }
}

/// Returns the maximum error of a time, in milliseconds.
pub(super) fn error_ms(range: Option<TimeRange>, time: Option<Timestamp>) -> Option<u64> {
    let (range, time) = range.zip(time)?;
    let millis = |end: Timestamp| end.as_nanos().abs_diff(time.as_nanos()).div_ceil(1_000_000);
    Some(millis(range.earliest()).max(millis(range.latest())))
}

/// The end of a packet that its prefix names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Subject {
    Source,
    Destination,
}

impl Subject {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
        }
    }
}

/// The action, and the set of rules that took it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Action {
    AsgAllowed,
    AsgDenied,
    C2cAllowed,
    C2cDenied,
    /// silk's limit of connections may be in a dry run, so it does not prove a denial.
    RateLimited,
}

impl Action {
    /// Returns the word, and a name for people.
    pub(super) const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::AsgAllowed => ("asg-allowed", "ASG allowed"),
            Self::AsgDenied => ("asg-denied", "ASG denied"),
            Self::C2cAllowed => ("c2c-allowed", "Container to container allowed"),
            Self::C2cDenied => ("c2c-denied", "Container to container denied"),
            Self::RateLimited => ("rate-limited", "Outbound connection limit denied"),
        }
    }
}

pub(super) const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allowed => "allowed",
        Verdict::Denied => "denied",
    }
}

pub(super) const fn plane(plane: Plane) -> &'static str {
    match plane {
        Plane::Asg => "asg",
        Plane::C2c => "c2c",
        Plane::RateLimit => "rate_limit",
    }
}

pub(super) const fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Egress => "egress",
        Direction::Ingress => "ingress",
    }
}

pub(super) const fn certainty(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Unknown => "unknown",
        Certainty::Ambiguous => "ambiguous",
        Certainty::Inferred => "inferred",
        Certainty::UniquePrefix => "unique_prefix",
        Certainty::Exact => "exact",
    }
}

/// The name of a cell. Records put it into a field by the kind of name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cell<'f> {
    /// A BOSH instance's GUID.
    Instance(&'f str),
    /// `job/index`.
    Job(&'f str),
    Address(&'f str),
    Host(&'f str),
}

impl<'f> Cell<'f> {
    fn of(name: &'f str) -> Self {
        if name.parse::<crate::guid::Guid>().is_ok() {
            Self::Instance(name)
        } else if name.contains('/') {
            Self::Job(name)
        } else if name.parse::<std::net::IpAddr>().is_ok() {
            Self::Address(name)
        } else {
            Self::Host(name)
        }
    }

    pub(super) const fn name(self) -> &'f str {
        match self {
            Self::Instance(name) | Self::Job(name) | Self::Address(name) | Self::Host(name) => name,
        }
    }
}

/// An owner, by all names.
#[derive(Debug, Clone)]
pub(super) struct Owner<'f> {
    handle: Option<Handle>,
    pub(super) process: Option<&'f ProcessName>,
    pub(super) index: Option<u32>,
    pub(super) app: Option<Cow<'f, Entity>>,
    pub(super) state: AppState,
    /// Whether a directory names the app.
    pub(super) is_named: bool,
    pub(super) process_type: Option<&'f str>,
    pub(super) space: Option<&'f Entity>,
    pub(super) org: Option<&'f Entity>,
}

impl<'f> Owner<'f> {
    pub(super) fn of(attribution: &'f Attribution<'f>, identity: Option<&'f Identity>) -> Self {
        static NOT_ASKED: Identity = Identity::not_asked();
        let container = attribution.container();
        let known = identity.unwrap_or(&NOT_ASKED);
        Self {
            handle: container.map(crate::ledger::Lifetime::handle),
            process: attribution.process(),
            index: container.and_then(crate::ledger::Lifetime::index),
            app: app_entity(attribution, identity),
            state: known.state,
            is_named: known.app.is_some() && known.state != AppState::NotAsked,
            process_type: known.process_type.as_deref(),
            space: known.space.as_ref(),
            org: known.org.as_ref(),
        }
    }

    pub(super) const fn handle(&self) -> Option<&Handle> {
        self.handle.as_ref()
    }

    pub(super) fn app_id(&self) -> Option<&str> {
        self.app.as_ref().map(|app| &*app.guid)
    }

    pub(super) fn app_name(&self) -> Option<&str> {
        self.app.as_ref().and_then(|app| app.name.as_deref())
    }

    /// Returns the process's GUID without that of its version.
    pub(super) fn process_id(&self) -> Option<String> {
        let name = self.process?.to_string();
        (name.len() == 73).then(|| name[..36].to_owned())
    }
}

/// The source and destination of a packet.
#[derive(Debug)]
pub(super) struct Path<'f>(&'f Facts<'f>);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [spt, dpt] = self.0.ports();
        let end = |f: &mut fmt::Formatter<'_>, address: Option<Address>, port: Option<u16>| {
            match address {
                Some(address) => address.fmt(f)?,
                None => f.write_str("?")?,
            }
            port.map_or(Ok(()), |port| write!(f, ":{port}"))
        };
        end(f, self.0.src(), spt)?;
        f.write_str(" -> ")?;
        end(f, self.0.dst(), dpt)
    }
}

/// Serialises a value by its `Display`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown<T>(pub(super) T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.0)
    }
}

/// An address as RFC 5952 has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Short(pub(super) Address);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.ip().map_or(Ok(()), |ip| ip.fmt(f))
    }
}

impl Serialize for Short {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// Returns IANA's keyword for a protocol, in lower case.
pub(super) fn keyword(proto: Proto) -> Option<Cow<'static, str>> {
    match proto.number() {
        6 => Some("tcp".into()),
        17 => Some("udp".into()),
        58 => Some("ipv6-icmp".into()),
        _ => proto.name().map(|name| name.to_ascii_lowercase().into()),
    }
}
