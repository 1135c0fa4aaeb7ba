//! OCSF 1.8.0, class 4001 Network Activity (<https://github.com/ocsf/ocsf-schema>, tag 1.8.0).
//!
//! Consumers refuse attributes that they do not know, and those of a profile are unknown unless
//! `metadata.profiles` names it: `container`, `datetime`, `host`, `security_control`.

use serde::{Serialize, Serializer};

use super::ecs::Answer;
use super::facts::{Action, Cell, DestinationName, Facts, Owner, Short, Shown, Subject, keyword};
use super::id::{CommunityId, FlowId};
use crate::bytes::text::Text;
use crate::guid::{Handle, HandlePrefix, ProcessName};
use crate::ledger::attribution::Certainty;
use crate::names::identity::{AppState, Entity};
use crate::packet::{Address, TcpFlags};
use crate::prefix::{Plane, Verdict};
use crate::time::Timestamp;

/// A flow as an OCSF event; see [`Flow::to_ocsf`](crate::Flow::to_ocsf).
#[derive(Debug, Clone)]
pub struct Ocsf<'f>(pub(super) Facts<'f>);

#[derive(Serialize)]
struct Event<'r> {
    class_uid: u16,
    class_name: &'static str,
    category_uid: u8,
    category_name: &'static str,
    activity_id: u8,
    activity_name: &'static str,
    type_uid: u32,
    type_name: &'static str,
    severity_id: u8,
    severity: &'static str,
    /// Milliseconds.
    time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_dt: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_detail: Option<&'static str>,
    action_id: u8,
    action: &'static str,
    disposition_id: u8,
    disposition: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    firewall_rule: Option<FirewallRule<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<Group<'r>>,
    metadata: Metadata<'r>,
    connection_info: Connection,
    src_endpoint: Endpoint<'r>,
    dst_endpoint: Endpoint<'r>,
    observation_point_id: u8,
    observation_point: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<Device<'r>>,
    observables: Vec<Observable>,
    enrichments: Vec<Enrichment<'r>>,
    unmapped: Unmapped<'r>,
}

#[derive(Serialize)]
struct FirewallRule<'r> {
    name: &'r str,
    uid: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    desc: Option<&'r str>,
}

/// A security group.
#[derive(Serialize)]
struct Group<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'r str>,
    uid: &'r str,
}

#[derive(Serialize)]
struct Metadata<'r> {
    version: &'static str,
    uid: FlowId,
    profiles: Vec<&'static str>,
    event_code: Action,
    log_provider: &'static str,
    log_source: &'r str,
    product: Product,
    transformation_info_list: [Name; 1],
}

#[derive(Serialize)]
struct Product {
    vendor_name: &'static str,
    name: &'static str,
    feature: Feature,
}

#[derive(Serialize)]
struct Feature {
    name: Plane,
}

#[derive(Serialize)]
struct Name {
    name: &'static str,
}

#[derive(Serialize)]
struct Connection {
    direction_id: u8,
    direction: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    boundary_id: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    boundary: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol_num: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol_name: Option<std::borrow::Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol_ver_id: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp_flags: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    community_uid: Option<CommunityId>,
}

#[derive(Serialize)]
struct Endpoint<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<Short>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interface_name: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    svc_name: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<Container<'r>>,
}

#[derive(Serialize)]
struct Container<'r> {
    uid: Shown<&'r Handle>,
    orchestrator: &'static str,
}

#[derive(Serialize, Default)]
struct Device<'r> {
    type_id: u8,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<&'r str>,
}

#[derive(Serialize)]
struct Observable {
    name: &'static str,
    type_id: u8,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Short>,
}

#[derive(Serialize)]
struct Enrichment<'r> {
    name: &'static str,
    value: String,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'static str>,
    data: Data<'r>,
}

#[derive(Serialize)]
struct Data<'r> {
    #[serde(flatten)]
    answer: Answer,
    #[serde(flatten)]
    certain: Option<Names<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inferred: Option<Inferred<'r>>,
}

#[derive(Serialize)]
struct Names<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<App<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    space: Option<Named<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    org: Option<Named<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process_guid: Option<Shown<&'r ProcessName>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u32>,
}

#[derive(Serialize)]
struct App<'r> {
    #[serde(flatten)]
    entity: Named<'r>,
    state: AppState,
}

#[derive(Serialize)]
struct Named<'r> {
    guid: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'r str>,
}

#[derive(Serialize)]
struct Inferred<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<Shown<&'r Handle>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process_guid: Option<Shown<&'r ProcessName>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<Named<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    space: Option<Named<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    org: Option<Named<'r>>,
}

#[derive(Serialize)]
struct Unmapped<'r> {
    asg: Asg<'r>,
}

#[derive(Serialize)]
struct Asg<'r> {
    plane: Plane,
    #[serde(skip_serializing_if = "Option::is_none")]
    handle_prefix: Option<HandlePrefix<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_error_ms: Option<u64>,
    line: u64,
}

impl Serialize for Ocsf<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let facts = &self.0;
        let is_allowed = facts.cf.verdict == Verdict::Allowed;
        let subject = facts.subject();
        let owner = facts.certain();
        let handle = owner.and_then(Owner::handle);
        let endpoint = |end: Subject| {
            let [spt, dpt] = facts.ports();
            let (address, port, interface) = match end {
                Subject::Source => (facts.src(), spt, facts.in_if()),
                Subject::Destination => (facts.dst(), dpt, facts.out_if()),
            };
            let owner = owner.filter(|_| end == subject);
            let (name, zone) = match facts.destination.filter(|_| end == Subject::Destination) {
                Some(DestinationName::Address(name)) => (Some(name), None),
                Some(DestinationName::Network(name)) => (None, Some(name)),
                None => (None, None),
            };
            Endpoint {
                ip: address.map(Short),
                port,
                // Other interfaces are the cell's.
                interface_name: interface.filter(|name| name.as_bytes().starts_with(b"s-")),
                name,
                zone,
                svc_name: owner.and_then(|it| it.app_name()),
                container: owner
                    .and_then(Owner::handle)
                    .map(|uid| Container { uid: Shown(uid), orchestrator: "cloudfoundry" }),
            }
        };
        let is_c2c = facts.cf.plane == Plane::C2c;
        let (activity_id, activity_name, type_name) = if is_allowed {
            (6, "Traffic", "Network Activity: Traffic")
        } else {
            (5, "Refuse", "Network Activity: Refuse")
        };
        Event {
            class_uid: 4_001,
            class_name: "Network Activity",
            category_uid: 4,
            category_name: "Network Activity",
            activity_id,
            activity_name,
            type_uid: 400_100 + u32::from(activity_id),
            type_name,
            severity_id: 1,
            severity: "Informational",
            time: facts.time_or_reading().as_nanos().div_euclid(1_000_000),
            time_dt: facts.time,
            status_detail: (facts.action() == Action::RateLimited)
                .then_some("outbound connection limit; a dry run denies nothing"),
            action_id: if is_allowed { 1 } else { 2 },
            action: if is_allowed { "Allowed" } else { "Denied" },
            disposition_id: if is_allowed { 1 } else { 2 },
            disposition: if is_allowed { "Allowed" } else { "Blocked" },
            firewall_rule: facts.rule().map(|rule| FirewallRule {
                name: rule.name,
                uid: rule.id,
                desc: rule.description,
            }),
            policy: facts.rule().map(|rule| Group { name: rule.group_name, uid: rule.group }),
            metadata: Metadata {
                version: "1.8.0",
                uid: facts.id,
                profiles: profiles(facts, handle.is_some()),
                event_code: facts.action(),
                log_provider: "kernel",
                log_source: facts.source,
                product: Product {
                    vendor_name: "Cloud Foundry",
                    name: "Container Networking",
                    feature: Feature { name: facts.cf.plane },
                },
                transformation_info_list: [Name { name: "asglog" }],
            },
            connection_info: Connection {
                direction_id: if is_c2c { 3 } else { 2 },
                direction: if is_c2c { "Lateral" } else { "Outbound" },
                boundary_id: is_c2c.then_some(2),
                boundary: is_c2c.then_some("Internal"),
                protocol_num: facts.proto().map(crate::packet::Proto::number),
                protocol_name: facts.proto().and_then(keyword),
                protocol_ver_id: facts.ip_version(),
                tcp_flags: facts.packet.ip.flags.map(tcp_flags),
                community_uid: facts.community,
            },
            src_endpoint: endpoint(Subject::Source),
            dst_endpoint: endpoint(Subject::Destination),
            observation_point_id: if subject == Subject::Source { 1 } else { 2 },
            observation_point: match subject {
                Subject::Source => "Source",
                Subject::Destination => "Destination",
            },
            device: facts.cell.map(device),
            observables: observables(facts, handle.is_some()),
            enrichments: enrichments(facts),
            unmapped: Unmapped {
                asg: Asg {
                    plane: facts.cf.plane,
                    handle_prefix: facts.cf.handle_prefix,
                    time_error_ms: facts.error_ms,
                    line: facts.line,
                },
            },
        }
        .serialize(s)
    }
}

/// Returns the profiles, in alphabetical order.
fn profiles(facts: &Facts<'_>, has_container: bool) -> Vec<&'static str> {
    let all = [
        ("container", has_container),
        ("datetime", facts.time.is_some()),
        ("host", facts.cell.is_some()),
        ("security_control", true),
    ];
    all.into_iter().filter(|(_, is_used)| *is_used).map(|(name, _)| name).collect()
}

/// Returns the bits as TCP has them (RFC 9293).
pub(super) fn tcp_flags(flags: TcpFlags) -> u16 {
    let bits = [
        (TcpFlags::FIN, 1),
        (TcpFlags::SYN, 2),
        (TcpFlags::RST, 4),
        (TcpFlags::PSH, 8),
        (TcpFlags::ACK, 16),
        (TcpFlags::URG, 32),
        (TcpFlags::ECE, 64),
        (TcpFlags::CWR, 128),
        (TcpFlags::AE, 256),
    ];
    bits.into_iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, bit)| bit).sum()
}

fn device(cell: Cell<'_>) -> Device<'_> {
    let known = Device { r#type: "Unknown", ..Device::default() };
    match cell {
        Cell::Instance(uid) => Device { uid: Some(uid), ..known },
        Cell::Job(name) => Device { name: Some(name), ..known },
        Cell::Host(name) => Device { hostname: Some(name), ..known },
        Cell::Address(ip) => Device { ip: Some(ip), ..known },
    }
}

fn observables(facts: &Facts<'_>, has_container: bool) -> Vec<Observable> {
    let address = |name, address: Option<Address>| {
        let ip = |value| Observable { name, type_id: 2, r#type: "IP Address", value: Some(value) };
        address.map(Short).map(ip)
    };
    let name = match facts.subject() {
        Subject::Source => "src_endpoint.container",
        Subject::Destination => "dst_endpoint.container",
    };
    let container = Observable { name, type_id: 27, r#type: "Container", value: None };
    let ends = [address("src_endpoint.ip", facts.src()), address("dst_endpoint.ip", facts.dst())];
    ends.into_iter().flatten().chain(has_container.then_some(container)).collect()
}

/// Returns the certainty of the owner, and the other container if a lease shows it.
fn enrichments<'r>(facts: &'r Facts<'_>) -> Vec<Enrichment<'r>> {
    let (uid, ip) = match facts.subject() {
        Subject::Source => ("src_endpoint.container.uid", "src_endpoint.ip"),
        Subject::Destination => ("dst_endpoint.container.uid", "dst_endpoint.ip"),
    };
    let owner = facts.certain();
    let handle = owner.and_then(Owner::handle);
    let (name, value) = match (handle, facts.subject_address()) {
        (Some(handle), _) => (uid, handle.to_string()),
        (None, Some(address)) => (ip, Short(address).to_string()),
        // Without a handle and an address the enrichment has no subject.
        (None, None) => return Vec::new(),
    };
    let inferred = facts.inferred();
    vec![Enrichment {
        name,
        value,
        r#type: "cloudfoundry identity",
        provider: provider(owner.or(inferred), facts.attribution.certainty),
        data: Data {
            answer: Answer::of(facts.attribution),
            certain: owner.map(names),
            inferred: inferred.map(|it| Inferred {
                container: it.handle().map(Shown),
                process_guid: it.process.map(Shown),
                app: it.app.as_deref().filter(|_| it.is_named).map(named),
                space: it.space.map(named),
                org: it.org.map(named),
            }),
        },
    }]
}

fn provider(owner: Option<&Owner<'_>>, certainty: Certainty) -> Option<&'static str> {
    match owner {
        Some(owner) if owner.is_named => Some("Cloud Controller"),
        _ => (certainty >= Certainty::Inferred).then_some("Diego rep log"),
    }
}

fn names<'r>(owner: &'r Owner<'_>) -> Names<'r> {
    let app = owner.app.as_deref();
    Names {
        app: app.map(|app| App { entity: named(app), state: owner.state }),
        space: owner.space.map(named),
        org: owner.org.map(named),
        process_guid: owner.process.map(Shown),
        index: owner.index,
    }
}

fn named(entity: &Entity) -> Named<'_> {
    Named { guid: &entity.guid, name: entity.name.as_deref() }
}
