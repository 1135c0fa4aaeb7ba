//! The slow, obvious parser of a lager line's container event: a list of paths for each field,
//! looked up in a `serde_json::Value`. If two places contradict each other, the field is unknown.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::RepEventKind;

const HANDLE: &[&str] = &[
    "container-guid",
    "guid",
    "Guid",
    "handle",
    "task-guid",
    "task_guid",
    "config/ContainerHandle",
    "info/guid",
    "info/Guid",
    "info/handle",
    "failed-request/Guid",
    "failed-request/guid",
    "request/Handle",
    "request/handle",
];
const INSTANCE: &[&str] = &[
    "lrp-instance-key/instance_guid",
    "lrp-container-key/instance_guid",
    "actual_lrp_instance_key/instance_guid",
    "instance_key/instance_guid",
    "instance_guid/instance_guid",
    "instance-guid",
    "instance_guid",
    "info/Tags/instance-guid",
    "info/tags/instance-guid",
    "failed-request/Tags/instance-guid",
    "failed-request/tags/instance-guid",
    "request/properties/tag:instance-guid",
    "request/Properties/tag:instance-guid",
];
const PROCESS: &[&str] = &[
    "lrp-key/process_guid",
    "actual_lrp_key/process_guid",
    "lrp_key/process_guid",
    "key/process_guid",
    "process-guid",
    "process_guid",
    "info/Tags/process-guid",
    "info/tags/process-guid",
    "failed-request/Tags/process-guid",
    "failed-request/tags/process-guid",
    "request/properties/tag:process-guid",
    "request/Properties/tag:process-guid",
];
const DOMAIN: &[&str] = &[
    "lrp-key/domain",
    "actual_lrp_key/domain",
    "lrp_key/domain",
    "key/domain",
    "info/Tags/domain",
    "info/tags/domain",
    "failed-request/Tags/domain",
    "failed-request/tags/domain",
    "request/properties/tag:domain",
    "request/Properties/tag:domain",
];
const CELL: &[&str] = &[
    "lrp-instance-key/cell_id",
    "lrp-container-key/cell_id",
    "actual_lrp_instance_key/cell_id",
    "instance_key/cell_id",
    "instance_guid/cell_id",
];
const INDEX: &[&str] = &[
    "lrp-key/index",
    "actual_lrp_key/index",
    "lrp_key/index",
    "key/index",
    "info/Tags/process-index",
    "info/tags/process-index",
    "failed-request/Tags/process-index",
    "failed-request/tags/process-index",
    "request/properties/tag:process-index",
    "request/Properties/tag:process-index",
];
const ADDRESS: &[&str] = &[
    "net_info/instance_address",
    "net-info/instance_address",
    "info/internal_ip",
    "config/ContainerIP",
];

const OUTPUTS: [&str; 2] =
    ["properties/garden.network.container-ip", "Properties/garden.network.container-ip"];

/// Returns the `rep` object of the output for a lager line; `None` if the line is not about a
/// container.
pub(super) fn rep(line: &Value) -> Option<Value> {
    let data = line.get("data")?;
    let message = line.get("message").and_then(usable)?;
    line.get("source").and_then(usable)?;
    if message.starts_with("cfnetworking.iptables.") || !data.is_object() {
        return None;
    }
    let is_task = message.contains(".cancel-task");
    let instance = one(data, INSTANCE, usable).filter(|name| is_name(name));
    let handles = HANDLE.iter().filter_map(|path| usable(at(data, path)?));
    let handle = agreed(handles.chain(instance.clone().filter(|_| is_task)));
    let handle = handle.or_else(|| dumped(data)).filter(|name| is_name(name));
    let instance = instance.filter(|_| !is_task);
    let process = one(data, PROCESS, usable);
    if handle.is_none() && instance.is_none() && process.is_none() {
        return None;
    }
    let beside = if process.is_some() { &["index"][..] } else { &[] };
    let index = one(data, &[INDEX, beside].concat(), number);
    let mut object = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            object.insert(key.to_owned(), value);
        }
    };
    put("handle", handle.map(Value::from));
    put("process_guid", process.map(Value::from));
    put("instance_guid", instance.map(Value::from));
    put("index", index.map(Value::from));
    put("domain", one(data, DOMAIN, usable).map(Value::from));
    put("cell_id", one(data, CELL, usable).map(Value::from));
    put("container_ip", container_ip(&message, data).map(|ip| json!(ip)));
    put("event", Some(json!(RepEventKind::of(&message))));
    Some(Value::Object(object))
}

fn at<'v>(data: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('/').try_fold(data, |value, key| value.as_object()?.get(key))
}

fn one<T: PartialEq>(data: &Value, paths: &[&str], read: fn(&Value) -> Option<T>) -> Option<T> {
    agreed(paths.iter().filter_map(|path| read(at(data, path)?)))
}

fn agreed<T: PartialEq>(values: impl Iterator<Item = T>) -> Option<T> {
    let values: Vec<T> = values.collect();
    if values.iter().all(|value| *value == values[0]) { values.into_iter().next() } else { None }
}

fn usable(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let usable = !text.is_empty() && text != "*REDACTED*" && !text.ends_with("-(truncated)");
    usable.then(|| text.to_owned())
}

fn is_name(name: &str) -> bool {
    !name.ends_with("-envoy")
        && !name.trim_end_matches(|c: char| c.is_ascii_digit()).ends_with("-healthcheck-")
}

fn number(value: &Value) -> Option<u32> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(n) => n.as_u64().and_then(|n| u32::try_from(n).ok()).or_else(|| {
            n.as_f64()
                .filter(|n| n.fract() == 0.0 && (0.0..4_294_967_296.0).contains(n))
                .map(|n| n as u32)
        }),
        _ => None,
    }
}

fn container_ip(message: &str, data: &Value) -> Option<IpAddr> {
    let ip = |value: &Value| usable(value)?.parse::<IpAddr>().ok();
    let mut found: Vec<_> = ADDRESS.iter().filter_map(|path| ip(at(data, path)?)).collect();
    if message.ends_with("external-networker-result") {
        let inside = |key: &str| serde_json::from_str::<Value>(&usable(data.get(key)?)?).ok();
        let in_both = [inside("stdin"), inside("stdout")].map(Option::unwrap_or_default);
        for (document, paths) in in_both.iter().zip([["ContainerIP", "container_ip"], OUTPUTS]) {
            found.extend(paths.iter().filter_map(|path| ip(at(document, path)?)));
        }
    }
    agreed(found.into_iter())
}

/// Finds `"container-guid":"…"` inside the Go dump of data that lager could not serialise.
fn dumped(data: &Value) -> Option<String> {
    let dump = usable(data.get("data_dump")?)?;
    ["container-guid", "guid", "handle"].iter().find_map(|key| {
        let rest = dump.split(&format!("\"{key}\":\"")).nth(1)?;
        let name = rest.split('"').next().filter(|_| rest.contains('"'))?;
        let fits = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        (fits && !name.is_empty()).then(|| name.to_owned())
    })
}
