//! Lines about containers, written anew: a lager line with the facts that were read, and nothing
//! else.

use std::fmt::Write as _;

use asg_core::event::{LoggerEvent, RepEvent, RepEventKind};
use asg_core::line::Role;
use asg_core::names::Names;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::header::lager_stamp;
use super::redactor::Redactor;

/// The message that stands for each event.
const MESSAGES: [(RepEventKind, &str); 11] = [
    (RepEventKind::Creating, "rep.run-container.creating-container"),
    (RepEventKind::Created, "rep.node-create.created-container-in-garden"),
    (RepEventKind::Running, "rep.process-running-container.bbs-start-actual-lrp"),
    (RepEventKind::Seen, "rep.seen"),
    (RepEventKind::Evacuating, "rep.process-running-container.bbs-evacuate-running-actual-lrp"),
    (RepEventKind::Stopping, "rep.stop-container"),
    (RepEventKind::Completed, "rep.node-complete"),
    (RepEventKind::Failed, "rep.container-allocation-failure"),
    (RepEventKind::Destroying, "rep.deleting-container"),
    (RepEventKind::Destroyed, "rep.node-destroy.destroyed-container-in-garden"),
    (RepEventKind::Missing, "rep.failed-to-get-container"),
];

/// Components whose names are kept: any other's is `other`.
fn source(name: &str) -> &str {
    let line = format!("2024-05-06T07:09:10Z cell {name}: -");
    let is_plain = name.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'-' | b'_'));
    let is_known =
        is_plain && asg_core::Line::new(line.as_bytes()).envelope().role() == Role::Component;
    if is_known { name } else { "other" }
}

/// Returns the members that are there.
fn members<const N: usize>(all: [(&str, Option<Value>); N]) -> Map<String, Value> {
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// Returns an object, unless it would be empty.
fn object<const N: usize>(all: [(&str, Option<Value>); N]) -> Option<Value> {
    let members = members(all);
    (!members.is_empty()).then_some(Value::Object(members))
}

/// The executor's words in an app's stream, for each event.
const LIFE: [(RepEventKind, &str); 5] = [
    (RepEventKind::Creating, "creating container for instance"),
    (RepEventKind::Created, "successfully created container for instance"),
    (RepEventKind::Stopping, "stopping instance"),
    (RepEventKind::Destroying, "destroying container for instance"),
    (RepEventKind::Destroyed, "successfully destroyed container for instance"),
];

/// Returns the text of an event in an app's stream, or in the router's access log.
pub(super) fn spoken(redactor: &Redactor, event: &RepEvent<'_>) -> String {
    let handle = event.handle.as_ref().map(|handle| redactor.id(handle)).unwrap_or_default();
    let words = LIFE.iter().find(|(kind, _)| *kind == event.event);
    match (&*event.source, words) {
        _ if event.rules_updated => RULES_UPDATED.to_owned(),
        ("executor", Some((_, words))) => {
            let cell = event.cell_id.as_deref().map(|cell| redactor.machine(cell));
            format!("Cell {} {words} {handle}", cell.unwrap_or_default())
        }
        ("gorouter", _) => access_log(redactor, event, &handle),
        _ => "-".to_owned(),
    }
}

/// Returns a line of the router's access log.
fn access_log(redactor: &Redactor, event: &RepEvent<'_>, handle: &str) -> String {
    let mut text = format!("- - [{}] \"-\"", lager_stamp(event.time));
    let app = event.names.as_deref().and_then(|names| names.app_guid.as_ref());
    if let Some(app) = app {
        let _ = write!(text, " app_id:\"{}\"", redactor.id(app));
    }
    if let Some(index) = event.index {
        let _ = write!(text, " app_index:\"{index}\"");
    }
    let _ = write!(text, " instance_id:\"{handle}\"");
    // The router tried a container, and did not reach it.
    if event.event == RepEventKind::Missing {
        text.push_str(" x_cf_routererror:\"endpoint_failure\"");
    }
    text
}

/// Returns the tags that loggregator adds to an app's line: `[tags@47450 app_id="…"]`.
pub(super) fn line_tags(redactor: &Redactor, event: &RepEvent<'_>) -> String {
    let tags = envelope_tags(redactor, event);
    let tags = tags.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
    let tags: String = tags.map(|(name, value)| format!(" {name}=\"{value}\"")).collect();
    format!("[tags@47450{tags}]")
}

/// Returns the members of loggregator's tags.
fn envelope_tags(redactor: &Redactor, event: &RepEvent<'_>) -> Map<String, Value> {
    let mut all = match event.names.as_deref().map(|names| tags(redactor, names)) {
        Some(Value::Object(names)) => names,
        _ => Map::new(),
    };
    let cell = event.cell_id.as_deref().map(|cell| redactor.machine(cell));
    let is_reps = event.cell_ip.is_some() || cell.is_some();
    all.extend(members([
        ("process_instance_id", event.handle.as_ref().map(|it| redactor.id(it).into())),
        ("instance_id", event.index.map(|index| index.to_string().into())),
        ("origin", is_reps.then(|| "rep".into())),
        ("index", cell.map(Value::from)),
        ("ip", event.cell_ip.map(|ip| redactor.address(ip).to_string().into())),
    ]));
    all
}

/// Returns log-cache's envelope of an event.
fn envelope(redactor: &Redactor, event: &RepEvent<'_>) -> Value {
    let mut tags = envelope_tags(redactor, event);
    let text = spoken(redactor, event);
    let is_task = event.handle.as_deref().is_some_and(|handle| handle.len() == 36);
    let part = match (&*text, is_task) {
        ("-", _) => "APP",
        (_, true) => "STG",
        (_, false) => "CELL",
    };
    tags.insert("source_type".into(), part.into());
    let nanos = event.time.map_or(0, asg_core::Timestamp::as_nanos).to_string();
    let log = json!({ "payload": STANDARD.encode(text) });
    json!({ "timestamp": nanos, "source_id": "-", "tags": tags, "log": log })
}

const RULES_UPDATED: &str = "Security group rules were updated";

/// Returns the candidates for an event, the best first. Notices of new rules have no lager form.
pub(super) fn lines(redactor: &Redactor, event: &RepEvent<'_>) -> Vec<String> {
    if event.rules_updated {
        return vec![envelope(redactor, event).to_string()];
    }
    vec![rep(redactor, event)]
}

/// Returns the documents that may hold these events: one of each kind that the reader knows.
pub(super) fn documents(redactor: &Redactor, events: &[RepEvent<'_>]) -> Vec<String> {
    let of = |entry: fn(&Redactor, &RepEvent<'_>) -> Value| {
        events.iter().map(|event| entry(redactor, event)).collect::<Vec<_>>()
    };
    let all = [json!({ "batch": of(envelope) }), json!({ "resources": of(stats) })];
    let mut all: Vec<_> = all.iter().map(ToString::to_string).collect();
    // By hand, because members keep their order, and those of a store may be of one name.
    if let [instance, evacuating] = &of(actual_lrp)[..] {
        all.push(format!("{{\"instance\":{instance},\"evacuating\":{evacuating}}}"));
    }
    let key = |event: &RepEvent<'_>| json!(event.handle.as_ref().map(|it| redactor.id(it)));
    let entry = |event: &RepEvent<'_>| format!("{}:{}", key(event), stored(redactor, event));
    let members: Vec<_> = events.iter().map(entry).collect();
    all.push(format!("{{{}}}", members.join(",")));
    all
}

/// Returns an entry of silk's store.
fn stored(redactor: &Redactor, event: &RepEvent<'_>) -> Value {
    let address = |ip: Option<std::net::IpAddr>| ip.map(|ip| json!(redactor.address(ip)));
    let names = event.names.as_deref();
    Value::Object(members([
        ("handle", event.handle.as_ref().map(|it| redactor.id(it).into())),
        ("ip", Some(address(event.container_ip).unwrap_or_default())),
        ("ipv6", address(event.container_ipv6)),
        ("metadata", names.map(|names| tags(redactor, names))),
    ]))
}

/// Returns an entry of Cloud Controller's process stats.
fn stats(redactor: &Redactor, event: &RepEvent<'_>) -> Value {
    let address = |ip: Option<std::net::IpAddr>| ip.map(|ip| json!(redactor.address(ip)));
    let word = event.names.as_deref().and_then(|names| names.process_type.as_deref());
    let is_running = event.event == RepEventKind::Running;
    let measured = event.time.map(|time| json!({ "time": lager_stamp(Some(time)) }));
    Value::Object(members([
        ("instance_guid", event.instance_guid.as_ref().map(|it| redactor.id(it).into())),
        ("index", event.index.map(Value::from)),
        ("host", address(event.cell_ip)),
        ("instance_internal_ip", address(event.container_ip)),
        ("state", is_running.then(|| "RUNNING".into())),
        ("usage", measured),
        ("type", word.map(|word| process_type(redactor, word).into())),
    ]))
}

/// Returns an instance as `cfdot actual-lrp-groups` prints it.
fn actual_lrp(redactor: &Redactor, event: &RepEvent<'_>) -> Value {
    let id = |text: Option<&asg_core::bytes::JsonStr<'_>>| text.map(|it| redactor.id(it).into());
    let address = |ip: Option<std::net::IpAddr>| ip.map(|ip| json!(redactor.address(ip)));
    let is_evacuating = event.event == RepEventKind::Evacuating;
    let state = match event.event {
        RepEventKind::Creating => "CLAIMED",
        RepEventKind::Running | RepEventKind::Evacuating => "RUNNING",
        _ => "-",
    };
    Value::Object(members([
        ("process_guid", id(event.process_guid.as_ref())),
        ("index", event.index.map(Value::from)),
        ("domain", event.domain.as_deref().map(|name| domain(name).into())),
        ("instance_guid", id(event.instance_guid.as_ref())),
        ("cell_id", event.cell_id.as_deref().map(|cell| redactor.machine(cell).into())),
        ("address", address(event.cell_ip)),
        ("instance_address", address(event.container_ip)),
        ("instance_ipv6_address", address(event.container_ipv6)),
        ("state", Some(state.into())),
        ("presence", is_evacuating.then(|| "EVACUATING".into())),
        ("since", event.time.map(|time| time.as_nanos().into())),
    ]))
}

/// Returns the lager line of an event with its new values.
pub(super) fn rep(redactor: &Redactor, event: &RepEvent<'_>) -> String {
    let id = |text: Option<&asg_core::bytes::JsonStr<'_>>| text.map(|text| redactor.id(text));
    let (handle, instance) = (id(event.handle.as_ref()), id(event.instance_guid.as_ref()));
    let process = id(event.process_guid.as_ref());
    let domain = event.domain.as_deref().map(domain);
    let cell = event.cell_id.as_deref().map(|cell| redactor.machine(cell));
    let address = |ip: Option<std::net::IpAddr>| ip.map(|ip| json!(redactor.address(ip)));
    let names = event.names.as_deref();
    let bridge = event.bridge.as_deref().map(|bridge| json!(redactor.interface(bridge)));
    // A request about another container makes a line contradict itself.
    let request = event.is_contradictory.then(|| json!("/v1/lrps/-/instances/-/-"));
    let data = members([
        ("container-guid", handle.map(Value::from)),
        (
            "lrp-instance-key",
            object([
                ("instance_guid", instance.map(Value::from)),
                ("cell_id", cell.map(Value::from)),
            ]),
        ),
        (
            "lrp-key",
            object([
                ("process_guid", process.map(Value::from)),
                ("index", event.index.map(Value::from)),
                ("domain", domain.map(Value::from)),
            ]),
        ),
        (
            "net_info",
            object([
                ("address", address(event.cell_ip)),
                ("instance_address", address(event.container_ip)),
                ("instance_ipv6_address", address(event.container_ipv6)),
            ]),
        ),
        ("config", object([("BridgeName", bridge)])),
        ("info", names.map(|names| json!({ "log_config": { "tags": tags(redactor, names) } }))),
        ("request", request),
    ]);
    let known = MESSAGES.iter().find(|(kind, _)| *kind == event.event);
    let message = known.map_or("rep.seen", |(_, message)| message);
    line(event.time, source(&event.source), message, &Value::Object(data))
}

/// Returns Diego's own words for a domain, or a pseudonym's place.
fn domain(name: &str) -> &str {
    match name {
        "cf-apps" | "cf-tasks" | "cf-app-staging" | "cf-app-docker-staging" => name,
        _ => "other",
    }
}

fn tags(redactor: &Redactor, names: &Names<'_>) -> Value {
    let id = |text: &Option<asg_core::bytes::JsonStr<'_>>| {
        text.as_ref().map(|text| redactor.id(text).into())
    };
    let name = |text: &Option<asg_core::bytes::JsonStr<'_>>| {
        text.as_ref().map(|text| redactor.name(text).into())
    };
    let process_type =
        names.process_type.as_deref().map(|word| process_type(redactor, word).into());
    Value::Object(members([
        ("app_id", id(&names.app_guid)),
        ("app_name", name(&names.app_name)),
        ("space_id", id(&names.space_guid)),
        ("space_name", name(&names.space_name)),
        ("organization_id", id(&names.org_guid)),
        ("organization_name", name(&names.org_name)),
        ("process_type", process_type),
    ]))
}

/// Keeps the two types that every app may have; others are the developer's words.
pub(super) fn process_type(redactor: &Redactor, word: &str) -> String {
    match word {
        "web" | "worker" => word.to_owned(),
        _ => redactor.name(word),
    }
}

/// Returns the line of iptables-logger with its new values.
pub(super) fn logger(redactor: &Redactor, event: &LoggerEvent<'_>) -> String {
    let address = |text: &Option<asg_core::bytes::JsonStr<'_>>| {
        let ip = text.as_ref()?.parse().ok().map(|ip| redactor.address(ip).to_string());
        Some(ip.unwrap_or_default().into())
    };
    let id = |text: &Option<asg_core::bytes::JsonStr<'_>>| {
        text.as_ref().map(|text| redactor.id(text).into())
    };
    let machine = |text: &Option<asg_core::bytes::JsonStr<'_>>| {
        text.as_ref().map(|text| redactor.machine(text).into())
    };
    // Words of a closed set, and numbers.
    let word = |text: &Option<asg_core::bytes::JsonStr<'_>>| {
        let word = text.as_ref()?;
        let is_word = word.len() <= 10 && word.bytes().all(|b| b.is_ascii_alphanumeric());
        is_word.then(|| word.as_str().into())
    };
    let direction = match event.direction.as_deref() {
        Some("ingress") => "ingress",
        _ => "egress",
    };
    let verdict = if event.allowed == Some(false) { "denied" } else { "allowed" };
    let owner = members([
        ("container_id", id(&event.container_id)),
        ("app_guid", id(&event.app_guid)),
        ("space_guid", id(&event.space_guid)),
        ("organization_guid", id(&event.organization_guid)),
        ("host_ip", address(&event.host_ip)),
        ("host_guid", machine(&event.host_guid)),
    ]);
    let packet = members([
        ("direction", word(&event.direction)),
        ("allowed", event.allowed.map(Value::from)),
        ("src_ip", address(&event.src_ip)),
        ("dst_ip", address(&event.dst_ip)),
        ("src_port", event.src_port.map(Value::from)),
        ("dst_port", event.dst_port.map(Value::from)),
        ("protocol", word(&event.protocol)),
        ("mark", word(&event.mark)),
        ("icmp_type", event.icmp_type.map(Value::from)),
        ("icmp_code", event.icmp_code.map(Value::from)),
    ]);
    let side = if direction == "ingress" { "destination" } else { "source" };
    let data = json!({ "packet": packet, side: owner });
    let source = "cfnetworking.iptables";
    line(event.time, source, &format!("{source}.{direction}-{verdict}"), &data)
}

/// Returns a lager line about no container, which shows the time.
pub(super) fn time(time: asg_core::Timestamp) -> String {
    line(Some(time), "rep", "rep.-", &json!({}))
}

fn line(time: Option<asg_core::Timestamp>, source: &str, message: &str, data: &Value) -> String {
    // In lager's order, which the quick reader knows.
    let stamp = lager_stamp(time);
    format!(
        r#"{{"timestamp":"{stamp}","level":"info","source":"{source}","message":"{message}","data":{data}}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_a_message_that_says_it() {
        for (kind, message) in MESSAGES {
            assert_eq!(RepEventKind::of(message), kind, "{message}");
        }
    }
}
