//! Exports of a Cloud Controller, written anew: the members that a directory reads, and no others.

use asg_core::Timestamp;
use serde_json::{Map, Value};

use super::event::process_type;
use super::policy;
use super::redactor::Redactor;

/// What a member of an export holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An object, or a list of them, with members of this table.
    Inside,
    /// A GUID.
    Id,
    Name,
    /// A word of the API, or a type of process.
    Word,
    Time,
    Link,
    Number,
    Flag,
    /// An object that is there; what is in it is dropped.
    Presence,
    /// The rules of a security group.
    Rules,
    /// Lists of the API, in the file that describes an export.
    Lists,
    /// The line that an export's description begins with.
    Format,
}

/// The members that are written.
const MEMBERS: &[(Kind, &[&str])] = &[
    (
        Kind::Inside,
        &[
            "resources",
            "included",
            "spaces",
            "organizations",
            "apps",
            "pagination",
            "relationships",
            "app",
            "space",
            "organization",
            "running_spaces",
            "staging_spaces",
            "data",
            "links",
            "self",
            "uaa",
            "login",
            "first",
            "last",
            "next",
            "previous",
            "new_processes",
            "globally_enabled",
            "target",
            "actor",
            "metadata",
            "entity",
            "request",
            "cloud_controller_v2",
            "cloud_controller_v3",
            "build",
        ],
    ),
    (
        Kind::Id,
        &[
            "guid",
            "process_guid",
            "task_guid",
            "build_guid",
            "space_guid",
            "organization_guid",
            "app_guid",
            "actee",
            "quota_definition_guid",
        ],
    ),
    (Kind::Name, &["name", "actee_name"]),
    (Kind::Word, &["type", "process_type"]),
    (Kind::Time, &["created_at", "updated_at", "taken_at", "finished_at", "timestamp"]),
    (Kind::Link, &["href", "url", "next_url", "prev_url"]),
    (Kind::Number, &["total_results", "total_pages"]),
    (
        Kind::Flag,
        &[
            "running",
            "staging",
            "sees_everything",
            "suspended",
            "running_default",
            "staging_default",
        ],
    ),
    (Kind::Presence, &["lifecycle"]),
    (Kind::Rules, &["rules"]),
    (Kind::Lists, &["absent"]),
    (Kind::Format, &["format"]),
];

fn kind(name: &str) -> Option<Kind> {
    MEMBERS.iter().find(|(_, names)| names.contains(&name)).map(|(kind, _)| *kind)
}

/// Writes a page of an export anew.
#[must_use]
pub fn page(redactor: &Redactor, old: &Value) -> Value {
    match old {
        Value::Array(items) => items.iter().map(|item| page(redactor, item)).collect(),
        Value::Object(members) => {
            let new = |(name, value): (&String, &Value)| {
                let new = member(redactor, kind(name)?, value)?;
                Some((name.clone(), new))
            };
            Value::Object(members.iter().filter_map(new).collect::<Map<_, _>>())
        }
        // `null` is an answer: the last page has no next one. A text or a number is not wanted
        // here.
        _ => Value::Null,
    }
}

fn member(redactor: &Redactor, kind: Kind, value: &Value) -> Option<Value> {
    if value.is_null() {
        return Some(Value::Null);
    }
    let text = value.as_str();
    match kind {
        // v2's `build` is a text.
        Kind::Inside if text.is_some() => text.map(|_| "v2".into()),
        Kind::Inside => Some(page(redactor, value)),
        Kind::Id => text.map(|text| redactor.id(text).into()),
        Kind::Name => text.map(|text| redactor.name(text).into()),
        Kind::Word => text.map(|text| word(redactor, text).into()),
        Kind::Time => time(value),
        Kind::Link => text.map(|text| link(redactor, text).into()),
        Kind::Number => value.as_i64().map(Value::from),
        Kind::Flag => value.as_bool().map(Value::from),
        Kind::Presence => Some(Value::Object(Map::new())),
        Kind::Rules => Some(policy::rules(redactor, value, "", &mut Vec::new()).into()),
        Kind::Lists => {
            let lists = value.as_array()?.iter().filter_map(Value::as_str);
            Some(lists.filter(|list| is_path_word(list)).collect::<Vec<_>>().into())
        }
        Kind::Format => text.filter(|text| *text == "asglog export 1").map(Value::from),
    }
}

/// Keeps the API's own words.
fn word(redactor: &Redactor, text: &str) -> String {
    const WORDS: [&str; 9] =
        ["app", "space", "organization", "process", "task", "build", "user", "buildpack", "docker"];
    let is_event = text.strip_prefix("audit.").is_some_and(|rest| {
        EVENTS.iter().any(|subject| rest.starts_with(subject))
            && rest.len() < 48
            && rest.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'.' | b'-' | b'_'))
    });
    if is_event || WORDS.contains(&text) { text.to_owned() } else { process_type(redactor, text) }
}

const EVENTS: [&str; 3] = ["app.", "space.", "organization."];

/// Keeps a time.
pub(super) fn time(value: &Value) -> Option<Value> {
    let text = value.as_str()?;
    Timestamp::parse(text.as_bytes()).ok().map(|_| text.into())
}

/// The words of the API's paths that a directory knows.
const PATH: [&str; 18] = [
    "v2",
    "v3",
    "apps",
    "processes",
    "tasks",
    "builds",
    "deployments",
    "spaces",
    "organizations",
    "audit_events",
    "events",
    "security_groups",
    "info",
    "running_spaces",
    "staging_spaces",
    "service_instances",
    "actions",
    "stats",
];

fn is_path_word(text: &str) -> bool {
    PATH.contains(&text)
}

/// Writes a link anew: the API's words stay, GUIDs are renamed, and the host is gone.
fn link(redactor: &Redactor, old: &str) -> String {
    let (path, query) = old.split_once('?').unwrap_or((old, ""));
    let is_absolute = path.contains("://");
    let path = path
        .split_once("://")
        .map_or(path, |(_, rest)| rest.find('/').map_or("", |at| &rest[at..]));
    let part = |part: &str| {
        if part.is_empty() || is_path_word(part) { part.to_owned() } else { redactor.id(part) }
    };
    let path: Vec<_> = path.split('/').map(part).collect();
    let mut out = if is_absolute { "https://api.redacted".to_owned() } else { String::new() };
    out.push_str(&path.join("/"));
    let pairs = query.split('&').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let is_number = value.bytes().all(|b| b.is_ascii_digit());
        match name {
            "page" | "per_page" | "results-per-page" if is_number => Some(pair.to_owned()),
            "order_by" | "order-direction" | "include" => {
                let is_word = value
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'-' | b'.'));
                (is_word && value.len() < 32).then(|| pair.to_owned())
            }
            "types" => {
                let types = value.replace("%2C", ",").replace("%2c", ",");
                let types: Vec<_> = types.split(',').map(|it| word(redactor, it)).collect();
                Some(format!("types={}", types.join(",")))
            }
            _ => None,
        }
    });
    let pairs: Vec<_> = pairs.collect();
    if !pairs.is_empty() {
        out.push('?');
        out.push_str(&pairs.join("&"));
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::redact::Key;

    #[test]
    fn members_that_no_directory_reads_are_dropped_and_links_lose_their_host() {
        let redactor = Redactor::new(&Key::from([5; 32]));
        let app = "4ccbb24c-268e-421a-9d1b-3678b6eb40d0";
        let old = json!({
            "pagination": { "total_results": 1, "next": null,
                "first": { "href": "https://api.secret.example/v3/apps?page=1&per_page=50&names=orders" } },
            "resources": [{ "guid": app, "name": "orders", "type": "cron-job", "lifecycle": { "data": "java" },
                "metadata": { "labels": { "team": "payments" } }, "environment": "prod",
                "links": { "self": { "href": format!("https://api.secret.example/v3/apps/{app}") } } }],
        });
        let new = page(&redactor, &old);
        let text = new.to_string();
        for word in ["secret", "orders", "cron", "payments", "java", "prod", app] {
            assert!(!text.contains(word), "{word}: {text}");
        }
        assert_eq!(
            new["pagination"]["first"]["href"],
            "https://api.redacted/v3/apps?page=1&per_page=50"
        );
        let own = format!("https://api.redacted/v3/apps/{}", redactor.id(app));
        assert_eq!(new["resources"][0]["links"]["self"]["href"], own.as_str());
        assert_eq!(new["pagination"]["next"], Value::Null);
    }
}
