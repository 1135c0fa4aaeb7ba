//! Splunk's Common Information Model 8.5, data model Network Traffic.
//!
//! The model's `app` is an application protocol and its `process_guid` an endpoint product's: apps
//! of Cloud Foundry are in `cf_app_*`. Splunk fills missing fields with "unknown" at search time,
//! so they are left out here.

use serde::{Serialize, Serializer};

use super::facts::{self, Cell, DestinationName, Facts, Owner, Short, Shown, keyword};
use super::id::{CommunityId, FlowId};
use crate::bytes::text::Text;
use crate::guid::Handle;
use crate::packet::TcpFlags;
use crate::prefix::{Direction, Plane, Verdict};

/// A flow as an event of Splunk's data model; see [`Flow::to_cim`](crate::Flow::to_cim).
#[derive(Debug, Clone)]
pub struct Cim<'f>(pub(super) Facts<'f>);

#[derive(Serialize)]
struct Event<'r> {
    #[serde(rename = "_time")]
    time: f64,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    src: Option<Short>,
    #[serde(skip_serializing_if = "Option::is_none")]
    src_ip: Option<Short>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dest: Option<Short>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dest_ip: Option<Short>,
    #[serde(skip_serializing_if = "Option::is_none")]
    src_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dest_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<std::borrow::Cow<'static, str>>,
    protocol: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol_version: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp_type: Option<u8>,
    direction: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dvc: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    src_interface: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dest_interface: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp_flag: Option<Flags>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_id: Option<&'r str>,
    vendor_product: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor_account: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_id: Option<CommunityId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cf_app_id: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cf_app_name: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cf_space_name: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cf_org_name: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cf_container: Option<Shown<&'r Handle>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cf_dest_name: Option<&'r str>,
    cf_certainty: &'static str,
    cf_plane: Plane,
    cf_subject: &'static str,
    cf_event_id: FlowId,
}

/// The flags that the model knows.
const FLAGS: [&str; 6] = ["SYN", "ACK", "FIN", "RST", "URG", "PSH"];

/// One word, or a list of them.
#[derive(Serialize)]
#[serde(untagged)]
enum Flags {
    One(&'static str),
    Several(Vec<&'static str>),
}

fn flags(flags: TcpFlags) -> Option<Flags> {
    let known: Vec<_> = flags.names().filter(|name| FLAGS.contains(name)).collect();
    match known[..] {
        [] => None,
        [one] => Some(Flags::One(one)),
        _ => Some(Flags::Several(known)),
    }
}

impl Serialize for Cim<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let facts = &self.0;
        let (src, dst) = (facts.src().map(Short), facts.dst().map(Short));
        let [src_port, dest_port] = facts.ports();
        let ip = &facts.packet.ip;
        let owner = facts.certain();
        let nanos = facts.time_or_reading().as_nanos();
        Event {
            time: seconds(nanos),
            action: match facts.cf.verdict {
                Verdict::Allowed => "allowed",
                Verdict::Denied => "blocked",
            },
            src,
            src_ip: src,
            dest: dst,
            dest_ip: dst,
            src_port,
            dest_port,
            transport: match facts.proto().map(crate::packet::Proto::number) {
                Some(58) => Some("icmp".into()),
                _ => facts.proto().and_then(keyword),
            },
            protocol: "ip",
            protocol_version: facts.ip_version().map(|v| if v == 4 { "ipv4" } else { "ipv6" }),
            icmp_type: ip.icmp_type,
            direction: match facts.cf.direction {
                Direction::Egress => "outbound",
                Direction::Ingress => "inbound",
            },
            dvc: facts.cell.map(Cell::name),
            src_interface: facts.in_if(),
            dest_interface: facts.out_if(),
            tcp_flag: ip.flags.and_then(flags),
            rule: facts.rule().map(|rule| rule.name),
            rule_id: facts.rule().map(|rule| rule.id),
            vendor_product: "Cloud Foundry Container Networking",
            vendor_account: owner.and_then(|it| it.org).map(|org| &*org.guid),
            flow_id: facts.community,
            cf_app_id: owner.and_then(|it| it.app_id()),
            cf_app_name: owner.and_then(|it| it.app_name()),
            cf_space_name: owner.and_then(|it| it.space?.name.as_deref()),
            cf_org_name: owner.and_then(|it| it.org?.name.as_deref()),
            cf_container: owner.and_then(Owner::handle).map(Shown),
            cf_dest_name: facts.destination.map(DestinationName::name),
            cf_certainty: facts::certainty(facts.attribution.certainty),
            cf_plane: facts.cf.plane,
            cf_subject: facts.subject().word(),
            cf_event_id: facts.id,
        }
        .serialize(s)
    }
}

/// Returns seconds since 1970, with the microseconds that the number can hold.
#[expect(clippy::cast_precision_loss, reason = "53 bits hold microseconds until 2255")]
fn seconds(nanos: i64) -> f64 {
    nanos.div_euclid(1_000) as f64 / 1e6
}
