//! Checks records against the standards, by their own lists of names, types and values.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

fn data(name: &str) -> Value {
    let path = format!("{}/../asg-core/fixtures/siem/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The faults of a record; empty if it is correct.
pub(crate) type Problems = Vec<String>;

/// Calls `each` with the path of every leaf. Arrays of values are leaves.
fn leaves<'v>(value: &'v Value, path: &str, each: &mut impl FnMut(&str, &'v Value)) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                leaves(value, &path, each);
            }
        }
        leaf => each(path, leaf),
    }
}

/// Returns whether no member is `null`, empty, or a word for nothing.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !matches!(&**text, "" | "-" | "unknown" | "null"),
        Value::Array(list) => !list.is_empty() && list.iter().all(says_something),
        _ => true,
    }
}

/// Checks an ECS event.
pub(crate) fn ecs(event: &Value) -> Problems {
    static FIELDS: LazyLock<Value> = LazyLock::new(|| data("ecs-9.4.0.json"));
    const TYPES: [&str; 8] =
        ["access", "allowed", "connection", "denied", "end", "info", "protocol", "start"];
    let mut problems = Vec::new();
    for required in ["@timestamp", "ecs"] {
        if event.get(required).is_none() {
            problems.push(format!("{required} is missing"));
        }
    }
    if event.as_object().is_some_and(|event| event.keys().any(|name| name.contains('.'))) {
        problems.push("a name contains a dot".into());
    }
    leaves(event, "", &mut |path, value| {
        let is_own = ["cf.asg.", "cloudfoundry."].iter().any(|own| path.starts_with(own));
        let is_certainty = path.ends_with("attribution.certainty") || path.ends_with("app_state");
        if !is_certainty && !says_something(value) {
            problems.push(format!("{path} says nothing: {value}"));
        }
        if is_own {
            return;
        }
        let Some(field) = FIELDS["fields"].get(path) else {
            return problems.push(format!("{path} is no field"));
        };
        if field.get("array").is_some() != value.is_array() {
            problems.push(format!("{path} is an array, or is none: {value}"));
        }
        let values = value.as_array().map_or_else(|| vec![value], |list| list.iter().collect());
        for value in values {
            let kind = field["type"].as_str().unwrap();
            let is_right = match kind {
                "ip" => value.as_str().is_some_and(is_short),
                "long" => value.is_u64(),
                "date" => value
                    .as_str()
                    .is_some_and(|text| asg_core::Timestamp::parse(text.as_bytes()).is_ok()),
                _ => value.is_string(),
            };
            if !is_right {
                problems.push(format!("{path} is of type {kind}: {value}"));
            }
            let allowed = field.get("allowed_values").and_then(Value::as_array);
            if allowed.is_some_and(|allowed| !allowed.contains(value)) {
                problems.push(format!("{path} is none of the values: {value}"));
            }
            if path == "event.type" && !TYPES.iter().any(|ty| value == ty) {
                problems.push(format!("event.type {value} is not one of category network"));
            }
        }
    });
    let is_limited = event["event"]["action"] == "rate-limited";
    let outcome = event["event"].get("outcome");
    if outcome.is_some() == is_limited || outcome.is_some_and(|outcome| outcome != "success") {
        problems.push("the outcome is success, but for the limit of connections".into());
    }
    let known = ["certainty", "reason"];
    if known.iter().any(|it| event["cf"]["asg"]["attribution"].get(it).is_none()) {
        problems.push("certainty and reason are always there".into());
    }
    if !is_certain(&event["cf"]["asg"]["attribution"]["certainty"]) {
        for path in ["/container", "/orchestrator/resource", "/cloudfoundry", "/cf/asg/app_state"] {
            if event.pointer(path).is_some() {
                problems.push(format!("{path} names somebody who is not certain"));
            }
        }
    }
    if event["data_stream"]["dataset"].as_str().is_some_and(|name| name.contains('-')) {
        problems.push("a data set's name has no hyphen".into());
    }
    problems
}

fn is_certain(word: &Value) -> bool {
    word == "exact" || word == "unique_prefix"
}

/// Returns whether it is an address in the form of RFC 5952.
fn is_short(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok_and(|ip| ip.to_string() == text)
}

/// Checks an OCSF event.
pub(crate) fn ocsf(event: &Value) -> Problems {
    static SCHEMA: LazyLock<Validator> =
        LazyLock::new(|| jsonschema::validator_for(&data("ocsf-1.8.0.schema.json")).unwrap());
    let mut problems: Problems =
        SCHEMA.iter_errors(event).map(|e| format!("{}: {e}", e.instance_path())).collect();
    let number = |name: &str| event[name].as_u64().unwrap_or_default();
    if number("type_uid") != number("class_uid") * 100 + number("activity_id") {
        problems.push("type_uid does not fit".into());
    }
    let is_allowed = number("action_id") == 1;
    if (number("activity_id"), number("disposition_id")) != if is_allowed { (6, 1) } else { (5, 2) }
    {
        problems.push("activity, action and disposition differ".into());
    }
    let at = |path: &str| event.pointer(&format!("/{}", path.replace('.', "/")));
    for observable in event["observables"].as_array().into_iter().flatten() {
        let found = at(observable["name"].as_str().unwrap_or_default());
        if found.is_none() || observable.get("value").is_some_and(|value| Some(value) != found) {
            problems.push(format!("an observable is not in the event: {observable}"));
        }
    }
    for (id, caption, captions) in [
        ("activity_id", "activity_name", &[(5, "Refuse"), (6, "Traffic")][..]),
        ("action_id", "action", &[(1, "Allowed"), (2, "Denied")]),
        ("disposition_id", "disposition", &[(1, "Allowed"), (2, "Blocked")]),
        ("observation_point_id", "observation_point", &[(1, "Source"), (2, "Destination")]),
    ] {
        if !captions.iter().any(|(n, word)| number(id) == *n && event[caption] == *word) {
            problems.push(format!("{caption} is not the caption of {id}"));
        }
    }
    for enrichment in event["enrichments"].as_array().into_iter().flatten() {
        if at(enrichment["name"].as_str().unwrap_or_default()) != Some(&enrichment["value"]) {
            problems.push(format!("an enrichment is about nothing: {enrichment}"));
        }
        let data = &enrichment["data"];
        let names = ["app", "space", "org", "process_guid"].iter();
        let is_named = names.filter(|name| data.get(name).is_some()).count() > 0;
        if is_named && !is_certain(&data["certainty"]) {
            problems.push("somebody is named who is not certain".into());
        }
        let ends = ["src_endpoint", "dst_endpoint"].iter();
        let known = ["container", "svc_name"];
        let is_shown =
            ends.flat_map(|end| known.map(|it| event[end].get(it))).any(|it| it.is_some());
        if is_shown && !is_certain(&data["certainty"]) {
            problems.push("an endpoint names somebody who is not certain".into());
        }
    }
    for end in ["src_endpoint", "dst_endpoint"] {
        let name = event[end].get("interface_name").and_then(Value::as_str);
        if name.is_some_and(|name| !name.starts_with("s-")) {
            problems.push(format!("{end} has the cell's interface"));
        }
        let ip = event[end].get("ip").and_then(Value::as_str);
        if ip.is_some_and(|ip| !is_short(ip)) {
            problems.push(format!("{end} has a long address"));
        }
    }
    let profiles = event["metadata"]["profiles"].as_array();
    if profiles.is_some_and(|list| !list.is_sorted_by_key(Value::to_string)) {
        problems.push("profiles are not in order".into());
    }
    problems
}

/// Checks an OTLP/JSON request.
pub(crate) fn otlp(request: &Value) -> Problems {
    static SCHEMA: LazyLock<Validator> =
        LazyLock::new(|| jsonschema::validator_for(&data("otlp-logs.schema.json")).unwrap());
    static REGISTRY: LazyLock<Value> = LazyLock::new(|| data("otel-1.44.0.json"));
    let mut problems: Problems =
        SCHEMA.iter_errors(request).map(|e| format!("{}: {e}", e.instance_path())).collect();
    let check = |attributes: &Value, problems: &mut Problems| {
        let mut known = BTreeSet::new();
        for attribute in attributes.as_array().into_iter().flatten() {
            let key = attribute["key"].as_str().unwrap_or_default();
            if !known.insert(key.to_owned()) {
                problems.push(format!("{key} stands twice"));
            }
            let value = &attribute["value"];
            if value
                .get("stringValue")
                .is_some_and(|text| key != "cf.asg.attribution.certainty" && !says_something(text))
            {
                problems.push(format!("{key} says nothing"));
            }
            if key.starts_with("cf.asg.") {
                continue;
            }
            let expected = match REGISTRY["attributes"].get(key) {
                Some(it) if it.get("deprecated").is_none() => &it["type"],
                _ => {
                    problems.push(format!("{key} is no attribute"));
                    continue;
                }
            };
            let member = if expected == "int" { "intValue" } else { "stringValue" };
            if value.get(member).is_none() {
                problems.push(format!("{key} is of type {expected}"));
            }
        }
        let has = |key: &str| known.contains(key);
        let certainty = attributes
            .as_array()
            .into_iter()
            .flatten()
            .find(|attribute| attribute["key"] == "cf.asg.attribution.certainty");
        let names = ["container.id", "cloudfoundry.app.id", "cloudfoundry.process.id"];
        if let Some(certainty) = certainty
            && names.iter().any(|name| has(name))
            && !is_certain(&certainty["value"]["stringValue"])
        {
            problems.push("somebody is named who is not certain".into());
        }
    };
    for resource in request["resourceLogs"].as_array().into_iter().flatten() {
        check(&resource["resource"]["attributes"], &mut problems);
        for scope in resource["scopeLogs"].as_array().into_iter().flatten() {
            for record in scope["logRecords"].as_array().into_iter().flatten() {
                check(&record["attributes"], &mut problems);
                for time in ["timeUnixNano", "observedTimeUnixNano"] {
                    if record.get(time).is_some_and(|time| !time.is_string()) {
                        problems.push(format!("{time} is text"));
                    }
                }
                if record["severityNumber"] != 9 {
                    problems.push("the severity is a constant".into());
                }
            }
        }
    }
    problems
}

/// Checks a line of CEF.
pub(crate) fn cef(line: &str) -> Problems {
    static KEYS: LazyLock<Value> = LazyLock::new(|| data("cef-27.json"));
    let mut problems = Vec::new();
    let header = divided(line, '|', 8);
    if header.len() != 8 || header[0] != "CEF:0" || line.contains(['\n', '\r']) {
        return vec!["it is no line of CEF".into()];
    }
    if !header[6].parse::<u8>().is_ok_and(|severity| severity <= 10) {
        problems.push(format!("the severity is {}", header[6]));
    }
    let mut known = BTreeSet::new();
    for (key, value) in extension(&header[7]) {
        let Some(of) = KEYS["extensions"].get(&key) else {
            problems.push(format!("{key} is no key"));
            continue;
        };
        if of["audience"] == "consumer" {
            problems.push(format!("{key} is the consumer's"));
        }
        let length = of["length"].as_u64().unwrap_or(u64::MAX);
        if value.is_empty() || value.chars().count() as u64 > length || value.trim() != value {
            problems.push(format!("{key} is empty, too long or has blanks: {value}"));
        }
        let is_right = match of["type"].as_str().unwrap_or_default() {
            "int" | "integer" | "long" => value.parse::<i64>().is_ok(),
            "ipv4" | "IPv4 Address" => value.parse::<Ipv4Addr>().is_ok(),
            "ipv6" | "IPv6 Address" => value.parse::<Ipv6Addr>().is_ok(),
            _ => true,
        };
        let is_address = matches!(&*key, "src" | "dst");
        let is_time = key == "rt" && value.parse::<u64>().is_err();
        if !is_right || is_time || (is_address && value.parse::<Ipv4Addr>().is_err()) {
            problems.push(format!("{key} has another type: {value}"));
        }
        if !known.insert(key.clone()) {
            problems.push(format!("{key} stands twice"));
        }
    }
    for key in &known {
        let is_custom = ["cs", "c6a", "flex"].iter().any(|start| key.starts_with(start));
        if is_custom && !key.ends_with("Label") && !known.contains(&format!("{key}Label")) {
            problems.push(format!("{key} has no label"));
        }
    }
    for required in ["rt", "act", "externalId", "cs5"] {
        if !known.contains(required) {
            problems.push(format!("{required} is missing"));
        }
    }
    problems
}

/// Returns the parts of a text between marks that have no backslash before them.
fn divided(text: &str, mark: char, most: usize) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if parts.len() == most {
            parts.last_mut().unwrap().push(c);
        } else if c == '\\' {
            parts.last_mut().unwrap().extend(chars.next());
        } else if c == mark {
            parts.push(String::new());
        } else {
            parts.last_mut().unwrap().push(c);
        }
    }
    parts
}

/// Returns keys and values: a key is the word before an equals sign that has no backslash.
fn extension(text: &str) -> Vec<(String, String)> {
    let bytes = text.as_bytes();
    let ends: Vec<_> =
        (1..bytes.len()).filter(|n| bytes[*n] == b'=' && bytes[n - 1] != b'\\').collect();
    let starts: Vec<_> =
        ends.iter().map(|end| text[..*end].rfind(' ').map_or(0, |blank| blank + 1)).collect();
    let mut found = Vec::new();
    for (n, (start, end)) in starts.iter().zip(&ends).enumerate() {
        let next = starts.get(n + 1).map_or(text.len(), |next| next.saturating_sub(1));
        let until = next.max(end + 1);
        let value = text[end + 1..until].replace("\\=", "=").replace("\\n", "\n");
        found.push((text[*start..*end].to_owned(), value.replace("\\\\", "\\")));
    }
    found
}

/// Checks an event of Splunk's model.
pub(crate) fn cim(event: &Value) -> Problems {
    static FIELDS: LazyLock<Value> = LazyLock::new(|| data("cim-8.5.json"));
    let mut problems = Vec::new();
    let Some(members) = event.as_object() else { return vec!["it is no object".into()] };
    for (name, value) in members {
        if name != "cf_certainty" && !says_something(value) {
            problems.push(format!("{name} says nothing"));
        }
        if name.starts_with("cf_") {
            continue;
        }
        let Some(field) = FIELDS["fields"].get(name) else {
            problems.push(format!("{name} is no field"));
            continue;
        };
        if field.get("set_by_splunk").is_some() {
            problems.push(format!("{name} is Splunk's"));
        }
        let values = value.as_array().map_or_else(|| vec![value], |list| list.iter().collect());
        for value in values {
            let is_right = match field["type"].as_str() {
                Some("number") => value.is_number(),
                Some("base") => true,
                _ => value.is_string(),
            };
            if !is_right {
                problems.push(format!("{name} has another type: {value}"));
            }
            let prescribed = field.get("prescribed_values").and_then(Value::as_array);
            let is_range = name == "icmp_type";
            if prescribed.is_some_and(|values| !is_range && !values.contains(value)) {
                problems.push(format!("{name} has another value: {value}"));
            }
        }
    }
    for required in ["_time", "action", "cf_certainty", "cf_event_id"] {
        if !members.contains_key(required) {
            problems.push(format!("{required} is missing"));
        }
    }
    if !members.get("_time").is_some_and(Value::is_f64) {
        problems.push("_time is a number with a fraction".into());
    }
    let names = ["cf_app_id", "cf_container", "vendor_account"];
    if names.iter().any(|name| members.contains_key(*name)) && !is_certain(&event["cf_certainty"]) {
        problems.push("somebody is named who is not certain".into());
    }
    problems
}
