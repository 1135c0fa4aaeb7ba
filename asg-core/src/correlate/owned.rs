//! A flow apart from its log.

use serde::{Deserialize, Serialize};

use super::flow::{Flow, Peer};
use super::output::{SCHEMA_VERSION, app_entity, error, printed_number, protocol_text};
use crate::evidence::{Origin, SourceId};
use crate::guid::Handle;
use crate::ledger::Lifetime;
use crate::ledger::attribution::{Attribution, Certainty, Conflict, Reason};
use crate::names::history::NamesThen;
use crate::names::identity::{AppState, Entity, Identity};
use crate::packet::Address;
use crate::prefix::{Direction, Plane, Verdict};
use crate::time::Timestamp;

/// A flow that owns its contents: it can be kept, sorted, compared, sent to another thread, and
/// read back from the output contract.
///
/// Its fields are the members of the object that [`Flow::to_output`] writes, and it serialises to
/// the same JSON.
///
/// ```
/// use asg_core::{Certainty, FlowBuf, Gathering, Line, Origin, SourceId};
///
/// let text = b"[1122561.945562] d08bb414-cdba-4381-412a-e9eccIN=wbrdg-0afe0008 OUT=eth0 SRC=10.254.0.10 \
///     DST=10.0.16.10 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=60879 DF PROTO=TCP SPT=42630 DPT=80 WINDOW=28280 RES=0x00 \
///     SYN URGP=0 ";
/// let at = Origin { source: SourceId(0), line: 1 };
/// let mut gathering = Gathering::new();
/// gathering.ingest(at, text);
/// let correlation = gathering.finish(|_| Ok::<(), std::convert::Infallible>(()))?.correlate();
/// let line = Line::new(text);
/// let flow = correlation.reader().flow(at, &line).unwrap();
///
/// let kept = FlowBuf::new(&flow, |_| "kern.log".into());
/// assert_eq!((kept.dst.as_deref(), kept.dpt), (Some("10.0.16.10"), Some(80)));
/// assert_eq!(kept.attribution.certainty, Certainty::Unknown);
///
/// let json = serde_json::to_string(&kept).unwrap();
/// assert_eq!(json, serde_json::to_string(&flow.to_output(|_| "kern.log")).unwrap());
/// assert_eq!(serde_json::from_str::<FlowBuf>(&json).unwrap(), kept);
/// # Ok::<(), std::convert::Infallible>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FlowBuf {
    /// When the packet was logged.
    pub time: Option<Timestamp>,
    /// How far the time can be out, in seconds.
    pub time_error: Option<f64>,
    /// The log.
    pub source: String,
    /// The number of the line in it, from 1.
    pub line: u64,
    /// Other lines about the same packet.
    pub also: Vec<PlaceBuf>,
    /// The cell: BOSH instance, or job and index, or host.
    pub cell: Option<String>,
    /// Whether the packet was let through.
    pub verdict: Option<Verdict>,
    /// Which set of rules decided.
    pub plane: Option<Plane>,
    /// The direction, as the prefix's subject sees it.
    pub direction: Option<Direction>,
    /// The input interface.
    #[serde(rename = "in", default, skip_serializing_if = "Option::is_none")]
    pub in_if: Option<String>,
    /// The output interface.
    #[serde(rename = "out", default, skip_serializing_if = "Option::is_none")]
    pub out_if: Option<String>,
    /// The protocol: its name, or its number where it has none.
    pub proto: Option<String>,
    /// The source address, in the form of RFC 5952.
    pub src: Option<String>,
    /// The source port.
    pub spt: Option<u16>,
    /// The destination address, in the form of RFC 5952.
    pub dst: Option<String>,
    /// The destination port.
    pub dpt: Option<u16>,
    /// The number of the protocol, where that is what the line shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proto_num: Option<u8>,
    /// The length of the IP packet, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub len: Option<u32>,
    /// The type of an ICMP message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp_type: Option<u8>,
    /// Its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp_code: Option<u8>,
    /// The TCP flags, in the kernel's order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<Vec<String>>,
    /// The kernel's uptime, in seconds with six decimals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uptime: Option<String>,
    /// The characters of a handle or an app's GUID that the prefix shows.
    pub handle_prefix: Option<String>,
    /// The owner, as far as the evidence goes.
    pub attribution: AttributionBuf,
    /// The owner.
    #[serde(flatten)]
    pub owner: OwnerBuf,
    /// The container that a packet between two went to, where a lease proves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<ContainerBuf>,
    /// The other container of a packet between two.
    pub peer: Option<PeerBuf>,
    /// The version of the output contract.
    #[serde(default)]
    pub schema_version: u32,
}

/// The place of a line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct PlaceBuf {
    /// The log.
    pub source: String,
    /// The number of the line in it, from 1.
    pub line: u64,
}

/// An attribution apart from its evidence base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AttributionBuf {
    /// How sure it is.
    pub certainty: Certainty,
    /// The reason.
    pub reason: Reason,
    /// The contradiction in the evidence, where that is why nothing is certain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<Conflict>,
    /// The containers in question, where it is not one.
    pub candidates: Vec<ContainerBuf>,
    /// How many more there are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub candidates_more: usize,
    /// The lines that decided.
    pub evidence: Vec<PlaceBuf>,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ContainerBuf {
    /// Its handle.
    pub handle: Handle,
    /// The process, in Diego's words.
    pub process_guid: Option<String>,
    /// Which instance of it, from 0.
    pub index: Option<u32>,
}

/// An owner, by all names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OwnerBuf {
    /// The container's handle.
    pub handle: Option<Handle>,
    /// The process, in Diego's words.
    pub process_guid: Option<String>,
    /// Which instance of it, from 0.
    pub index: Option<u32>,
    /// The app.
    pub app: AppBuf,
    /// Its space.
    pub space: EntityBuf,
    /// The org of the space.
    pub org: EntityBuf,
}

/// An app, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AppBuf {
    /// Its GUID and names.
    #[serde(flatten)]
    pub entity: EntityBuf,
    /// Whether it is there.
    pub state: AppState,
    /// Why nothing better is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<String>,
    /// The process type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_type: Option<String>,
    /// When the app was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

/// An app, space or org.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EntityBuf {
    /// Its GUID.
    pub guid: Option<String>,
    /// Its name today, or its last.
    pub name: Option<String>,
    /// Its name at the packet's time, if events prove it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_then: Option<String>,
}

/// The other container of a packet between two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PeerBuf {
    /// Its address.
    pub address: String,
    /// The attribution of the address.
    pub attribution: AttributionBuf,
    /// The owner.
    #[serde(flatten)]
    pub owner: OwnerBuf,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl FlowBuf {
    /// Copies the contents of a flow. `source` names a source by its number.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use asg_core::{Gathering, Line, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// # let line = Line::new(packet);
    /// # let mut gathering = Gathering::new();
    /// # gathering.ingest(at, packet);
    /// # let gathered = gathering.finish(|_| Ok::<(), Infallible>(())).unwrap();
    /// # let correlation = gathered.correlate();
    /// let flow = correlation.reader().flow(at, &line).unwrap();
    /// let kept = asg_core::FlowBuf::new(&flow, |_| "kern.log".into());
    /// assert_eq!((kept.source.as_str(), kept.dpt), ("kern.log", Some(53)));
    /// ```
    #[must_use]
    pub fn new(flow: &Flow<'_, '_>, source: impl Fn(SourceId) -> String) -> Self {
        let packet = flow.packet();
        let ip = &packet.ip;
        let [spt, dpt] = ip.ports();
        let cf = flow.cf.as_ref();
        let place = |at: &Origin| PlaceBuf { source: source(at.source), line: at.line };
        let address = |address: Address| address.ip().map_or_else(String::new, |ip| ip.to_string());
        let interface = |name: Option<crate::bytes::text::Text<'_>>| {
            name.filter(|name| !name.is_empty()).map(|name| name.to_string())
        };
        let attribution = |it: &Attribution<'_>| AttributionBuf::new(it, place);
        let owner = OwnerBuf::new(&flow.attribution, flow.identity, flow.names_then());
        Self {
            time: flow.time,
            time_error: flow.range.zip(flow.time).map(|(range, time)| error(range, time)),
            source: source(flow.origin.source),
            line: flow.origin.line,
            also: flow.also.iter().map(place).collect(),
            cell: flow.cell.as_deref().map(Into::into),
            verdict: cf.map(|cf| cf.verdict),
            plane: cf.map(|cf| cf.plane),
            direction: cf.map(|cf| cf.direction),
            in_if: interface(packet.in_if),
            out_if: interface(packet.out_if),
            proto: ip.proto.map(|proto| protocol_text(proto).into_owned()),
            src: ip.src.map(address),
            spt,
            dst: ip.dst.map(address),
            dpt,
            proto_num: printed_number(ip.proto),
            len: ip.len,
            icmp_type: ip.icmp_type,
            icmp_code: ip.icmp_code,
            flags: ip.flags.map(|flags| flags.names().map(Into::into).collect()),
            uptime: flow.record.envelope.uptime.map(|uptime| uptime.to_string()),
            handle_prefix: cf.and_then(|cf| cf.handle_prefix).map(|it| it.as_str().into()),
            attribution: attribution(&flow.attribution),
            owner,
            destination: flow.destination().map(ContainerBuf::new),
            peer: flow.peer.as_ref().map(|peer| {
                let Peer { address, attribution: it, identity } = peer;
                let then = super::flow::names_then(*identity, flow.range);
                PeerBuf {
                    address: address.to_string(),
                    attribution: attribution(it),
                    owner: OwnerBuf::new(it, *identity, then),
                }
            }),
            schema_version: SCHEMA_VERSION,
        }
    }
}

impl AttributionBuf {
    fn new(it: &Attribution<'_>, place: impl Fn(&Origin) -> PlaceBuf) -> Self {
        Self {
            certainty: it.certainty,
            reason: it.reason,
            conflict: it.conflict(),
            candidates: it.candidates().iter().map(|it| ContainerBuf::new(*it)).collect(),
            candidates_more: it.candidates_more,
            evidence: it.evidence().iter().map(place).collect(),
        }
    }
}

impl ContainerBuf {
    fn new(it: Lifetime<'_>) -> Self {
        let process_guid = it.process().map(ToString::to_string);
        Self { handle: it.handle(), process_guid, index: it.index() }
    }
}

impl OwnerBuf {
    fn new(it: &Attribution<'_>, identity: Option<&Identity>, then: NamesThen<'_>) -> Self {
        let container = it.container();
        let not_asked = Identity::not_asked();
        let identity = identity.unwrap_or(&not_asked);
        Self {
            handle: container.map(Lifetime::handle),
            process_guid: it.process().map(ToString::to_string),
            index: container.and_then(Lifetime::index),
            app: AppBuf {
                entity: EntityBuf::new(app_entity(it, Some(identity)).as_deref(), then.app),
                state: identity.state,
                state_reason: identity.state_reason.clone(),
                process_type: identity.process_type.clone(),
                deleted_at: identity.deleted_at,
            },
            space: EntityBuf::new(identity.space.as_ref(), then.space),
            org: EntityBuf::new(identity.org.as_ref(), then.org),
        }
    }
}

impl EntityBuf {
    fn new(entity: Option<&Entity>, name_then: Option<&str>) -> Self {
        Self {
            guid: entity.map(|entity| entity.guid.clone()),
            name: entity.and_then(|entity| entity.name.clone()),
            name_then: name_then.map(Into::into),
        }
    }
}
