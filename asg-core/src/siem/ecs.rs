//! Elastic Common Schema 9.4.0 (<https://github.com/elastic/ecs>, tag v9.4.0).
//!
//! A denied packet has the outcome `success`: the firewall did its job, and `event.type` carries
//! the denial. `start` is left out, because a line is a packet and not a connection.

use serde::{Serialize, Serializer};

use super::facts::{
    self, Action, Cell, DestinationName, Facts, Owner, Short, Shown, Subject, keyword,
};
use super::id::{CommunityId, FlowId};
use crate::bytes::text::Text;
use crate::correlate::flow::Peer;
use crate::guid::{Handle, HandlePrefix, ProcessName};
use crate::ledger::attribution::{Attribution, Certainty, Conflict, Reason};
use crate::names::identity::AppState;
use crate::packet::Address;
use crate::prefix::{Direction, Plane, Verdict};
use crate::time::Timestamp;

/// A flow as an ECS event; see [`Flow::to_ecs`](crate::Flow::to_ecs).
#[derive(Debug, Clone)]
pub struct Ecs<'f>(pub(super) Facts<'f>);

/// Declares a struct that leaves out members without a value.
macro_rules! object {
    ($name:ident<$life:lifetime> { $($(#[$meta:meta])* $field:ident: $ty:ty,)* }) => {
        #[derive(Serialize)]
        struct $name<$life> {
            $($(#[$meta])* #[serde(skip_serializing_if = "Option::is_none")] $field: Option<$ty>,)*
        }
    };
}

object!(Event<'r> {
    #[serde(rename = "@timestamp")]
    at: Timestamp,
    tags: [&'r str; 1],
    ecs: Version<'r>,
    #[serde(rename = "event")]
    what: What<'r>,
    data_stream: Stream<'r>,
    message: Shown<String>,
    source: End,
    destination: End,
    network: Net,
    observer: Observer<'r>,
    host: Host<'r>,
    related: Related<'r>,
    container: Id<Shown<&'r Handle>>,
    orchestrator: Orchestrator<'r>,
    cloudfoundry: CloudFoundry<'r>,
    rule: RuleObject<'r>,
    cf: Own<'r>,
});

object!(RuleObject<'r> {
    name: &'r str,
    ruleset: &'r str,
    uuid: &'r str,
    description: &'r str,
});

object!(Version<'r> {
    version: &'r str,
});

object!(What<'r> {
    kind: &'r str,
    category: [&'r str; 1],
    r#type: [&'r str; 2],
    outcome: &'r str,
    action: Action,
    dataset: &'r str,
    module: &'r str,
    provider: &'r str,
    id: FlowId,
});

object!(Stream<'r> {
    r#type: &'r str,
    dataset: &'r str,
    namespace: &'r str,
});

#[derive(Serialize)]
struct End {
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<Short>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Shown<Address>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

#[derive(Serialize)]
struct Net {
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<std::borrow::Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iana_number: Option<Shown<u8>>,
    direction: Direction,
    #[serde(skip_serializing_if = "Option::is_none")]
    community_id: Option<CommunityId>,
}

object!(Observer<'r> {
    r#type: &'r str,
    vendor: &'r str,
    product: &'r str,
    name: &'r str,
    ingress: Side<'r>,
    egress: Side<'r>,
});

object!(Side<'r> {
    interface: Name<Text<'r>>,
});

#[derive(Serialize)]
struct Name<T> {
    name: T,
}

#[derive(Serialize)]
struct Id<T> {
    id: T,
}

object!(Host<'r> {
    id: &'r str,
    name: &'r str,
});

#[derive(Serialize)]
struct Related<'r> {
    ip: Vec<Short>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hosts: Option<[&'r str; 1]>,
}

object!(Orchestrator<'r> {
    r#type: &'r str,
    namespace: &'r str,
    organization: &'r str,
    resource: Resource<'r>,
});

object!(Resource<'r> {
    r#type: &'r str,
    id: &'r str,
    name: &'r str,
    ip: [Short; 1],
});

object!(CloudFoundry<'r> {
    app: App<'r>,
    process: Process<'r>,
    space: Entity<'r>,
    org: Entity<'r>,
});

object!(App<'r> {
    id: &'r str,
    name: &'r str,
    instance: Id<Shown<u32>>,
});

object!(Process<'r> {
    r#type: &'r str,
});

object!(Entity<'r> {
    id: &'r str,
    name: &'r str,
});

#[derive(Serialize)]
struct Own<'r> {
    asg: Asg<'r>,
}

#[derive(Serialize)]
struct Asg<'r> {
    plane: Plane,
    verdict: Verdict,
    subject: Subject,
    #[serde(skip_serializing_if = "Option::is_none")]
    handle_prefix: Option<HandlePrefix<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_error_ms: Option<u64>,
    attribution: Answer,
    #[serde(skip_serializing_if = "Option::is_none")]
    inferred: Option<Inferred<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<PeerObject<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_name: Option<&'r str>,
    /// The GUID of the security group whose rule decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    security_group: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_state: Option<AppState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process_guid: Option<Shown<&'r ProcessName>>,
    source: &'r str,
    line: u64,
}

/// The certainty of the answer, and the reason.
#[derive(Serialize)]
pub(super) struct Answer {
    certainty: Certainty,
    reason: Reason,
    #[serde(skip_serializing_if = "Option::is_none")]
    conflict: Option<Conflict>,
    /// Handles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<Shown<Handle>>,
    #[serde(skip_serializing_if = "is_zero")]
    candidates_more: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Answer {
    pub(super) fn of(attribution: &Attribution<'_>) -> Self {
        let candidates = attribution.candidates().iter();
        Self {
            certainty: attribution.certainty,
            reason: attribution.reason,
            conflict: attribution.conflict(),
            candidates: candidates.map(|it| Shown(it.handle())).collect(),
            candidates_more: attribution.candidates_more,
        }
    }
}

object!(Inferred<'r> {
    container: Shown<&'r Handle>,
    process_guid: Shown<&'r ProcessName>,
    index: u32,
    app: Entity<'r>,
    space: Entity<'r>,
    org: Entity<'r>,
});

impl<'r> Inferred<'r> {
    fn of(owner: &'r Owner<'r>) -> Self {
        let app = owner.app.as_deref().filter(|_| owner.is_named);
        Self {
            container: owner.handle().map(Shown),
            process_guid: owner.process.map(Shown),
            // An index means little without the names.
            index: owner.index.filter(|_| app.is_some()),
            app: app.and_then(|it| entity(Some(it))),
            space: entity(owner.space),
            org: entity(owner.org),
        }
    }
}

#[derive(Serialize)]
struct PeerObject<'r> {
    address: std::net::IpAddr,
    attribution: Answer,
    #[serde(skip_serializing_if = "Option::is_none")]
    inferred: Option<Inferred<'r>>,
}

fn entity(it: Option<&crate::names::identity::Entity>) -> Option<Entity<'_>> {
    it.map(|it| Entity { id: Some(&*it.guid), name: it.name.as_deref() })
}

impl Serialize for Ecs<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let facts = &self.0;
        let [spt, dpt] = facts.ports();
        let owner = facts.certain();
        let app = owner.filter(|owner| owner.app_id().is_some());
        let peer = facts.peer.map(|peer| (peer, Owner::of(&peer.attribution, peer.identity)));
        Event {
            at: Some(facts.time_or_reading()),
            tags: facts.time.is_none().then_some(["asg_time_unknown"]),
            ecs: Some(Version { version: Some("9.4.0") }),
            what: Some(what(facts)),
            data_stream: Some(Stream {
                r#type: Some("logs"),
                dataset: Some("cloudfoundry.asg"),
                namespace: Some("default"),
            }),
            message: Some(Shown(message(facts))),
            source: Some(end(facts.src(), spt)),
            destination: Some(end(facts.dst(), dpt)),
            network: Some(Net {
                r#type: facts.ip_version().map(|v| if v == 4 { "ipv4" } else { "ipv6" }),
                transport: facts.proto().and_then(keyword),
                iana_number: facts.proto().map(|proto| Shown(proto.number())),
                direction: facts.cf.direction,
                community_id: facts.community,
            }),
            observer: Some(Observer {
                r#type: Some("firewall"),
                vendor: Some("Cloud Foundry"),
                product: Some("iptables"),
                name: facts.cell.map(Cell::name),
                ingress: facts.in_if().map(side),
                egress: facts.out_if().map(side),
            }),
            host: facts.cell.map(host),
            related: related(facts),
            container: owner.and_then(Owner::handle).map(|it| Id { id: Shown(it) }),
            orchestrator: Some(Orchestrator {
                r#type: Some("cloudfoundry"),
                namespace: owner.and_then(|it| it.space?.name.as_deref()),
                organization: owner.and_then(|it| it.org?.name.as_deref()),
                resource: app.map(|owner| Resource {
                    r#type: Some("app"),
                    id: owner.app_id(),
                    name: owner.app_name(),
                    ip: facts.subject_address().map(|it| [Short(it)]),
                }),
            }),
            cloudfoundry: owner.and_then(cloud_foundry),
            rule: facts.rule().map(|rule| RuleObject {
                name: Some(rule.name),
                ruleset: Some(rule.ruleset()),
                uuid: Some(rule.id),
                description: rule.description,
            }),
            cf: Some(Own { asg: own(facts, peer.as_ref()) }),
        }
        .serialize(s)
    }
}

fn what(facts: &Facts<'_>) -> What<'static> {
    let action = facts.action();
    What {
        kind: Some("event"),
        category: Some(["network"]),
        r#type: Some(["connection", facts::verdict(facts.cf.verdict)]),
        // The limit of connections may be in a dry run, and has denied nothing then.
        outcome: (action != Action::RateLimited).then_some("success"),
        action: Some(action),
        dataset: Some("cloudfoundry.asg"),
        module: Some("cloudfoundry"),
        provider: Some("kernel"),
        id: Some(facts.id),
    }
}

fn message(facts: &Facts<'_>) -> String {
    let (plane, verdict) = (facts::plane(facts.cf.plane), facts::verdict(facts.cf.verdict));
    format!("{plane} {verdict} {}", facts.path())
}

fn end(address: Option<Address>, port: Option<u16>) -> End {
    End { ip: address.map(Short), address: address.map(Shown), port }
}

const fn side(name: Text<'_>) -> Side<'_> {
    Side { interface: Some(Name { name }) }
}

const fn host(cell: Cell<'_>) -> Host<'_> {
    match cell {
        Cell::Instance(id) => Host { id: Some(id), name: None },
        cell => Host { id: None, name: Some(cell.name()) },
    }
}

fn related<'r>(facts: &Facts<'r>) -> Option<Related<'r>> {
    let mut ip: Vec<_> = [facts.src(), facts.dst()].into_iter().flatten().map(Short).collect();
    ip.sort_by_cached_key(ToString::to_string);
    ip.dedup();
    let hosts = facts.cell.map(|cell| [cell.name()]);
    (!ip.is_empty() || hosts.is_some()).then_some(Related { ip, hosts })
}

/// Returns what is known of an owner: the instance's index also where the app is not.
fn cloud_foundry<'r>(owner: &'r Owner<'_>) -> Option<CloudFoundry<'r>> {
    let has_app = owner.app_id().is_some() || owner.index.is_some();
    let found = CloudFoundry {
        app: has_app.then(|| App {
            id: owner.app_id(),
            name: owner.app_name(),
            instance: owner.index.map(|index| Id { id: Shown(index) }),
        }),
        process: owner.process_type.map(|it| Process { r#type: Some(it) }),
        space: entity(owner.space),
        org: entity(owner.org),
    };
    let is_empty = found.app.is_none()
        && found.process.is_none()
        && found.space.is_none()
        && found.org.is_none();
    (!is_empty).then_some(found)
}

fn own<'r>(facts: &'r Facts<'r>, peer: Option<&'r (&'r Peer<'r>, Owner<'r>)>) -> Asg<'r> {
    let owner = facts.certain();
    Asg {
        plane: facts.cf.plane,
        verdict: facts.cf.verdict,
        subject: facts.subject(),
        handle_prefix: facts.cf.handle_prefix,
        time_error_ms: facts.error_ms,
        attribution: Answer::of(facts.attribution),
        inferred: facts.inferred().map(Inferred::of),
        peer: peer.map(|(peer, owner)| PeerObject {
            address: peer.address,
            attribution: Answer::of(&peer.attribution),
            inferred: (peer.attribution.certainty >= Certainty::Inferred)
                .then(|| Inferred::of(owner)),
        }),
        destination_name: facts.destination.map(DestinationName::name),
        security_group: facts.rule().map(|rule| rule.group),
        app_state: owner.filter(|it| it.app_id().is_some()).map(|it| it.state),
        process_guid: owner.and_then(|it| it.process).map(Shown),
        source: facts.source,
        line: facts.line,
    }
}
