//! The marks of an app's log stream: names of members, labels and tags, and values that only the
//! platform writes.
//!
//! Stores spell one name in several ways, and put it at several depths. So a dot equals an
//! underscore, other words may precede a name, and nested objects are searched, too.
//!
//! Sources: firehose-to-syslog `events/events.go`; log-cache and loggregator-api
//! `v2/envelope.proto`, whose tags are these; logsearch-for-cloudfoundry `app.conf`; Filebeat's
//! input `cloudfoundry`; the OpenTelemetry collector's `cloudfoundryreceiver`; the firehose nozzle
//! of Azure's Log Analytics, whose names end with the type of a column; Datadog's tags.

use serde_json::value::RawValue;

use crate::bytes::find::position;
use crate::bytes::json::{self, Object};

/// Members with the part of an app's log stream.
const STREAMS: &[&str] = &["source_type", "cf_source_type", "@source.type", "SourceType_s"];

/// Members that only an app's line has.
const APPS: &[&str] = &[
    "ApplicationName_s",
    "ApplicationID_s",
    "cf_app_id",
    "cf_app_guid",
    "cf_app_name",
    "application_id",
    "@cf.app_id",
    "cloudfoundry.app.id",
    "cloudfoundry.app.name",
];

/// Endings of such names, behind other words and a dot or an underscore. The part must then be one
/// that apps have, because other programs have a `source_type`, too.
const STREAM_ENDINGS: &[&str] = &["source_type", "sourceType"];
const APP_ENDINGS: &[&str] =
    &["cf_app_id", "cf_app_guid", "cf_app_name", "cloudfoundry_app_id", "cloudfoundry_app_name"];

/// The ending of the OpenTelemetry collector's attribute. Its value may be the part of any stream.
const COLLECTORS: &str = "cloudfoundry_source_type";

const EVENT_TYPE: &str = "event_type";

/// Objects, and the names that have this meaning only inside them.
const WITHIN: &[(&str, &[&str], &[&str])] = &[
    ("@source", &["type"], &[]),
    ("@cf", &[], &["app_id"]),
    ("cf", &[], &["app_id"]),
    ("cloudfoundry", &["source_type"], &["app", "app_id", "app_name"]),
];

/// Parts of streams whose text is an app's, a user's or a client's.
const PARTS: [&str; 4] = ["APP", "STG", "SSH", "RTR"];

/// The longest value that is read as a mark.
const LONGEST: usize = 255;

/// How deep nested objects are searched.
const MOST_DEEP: usize = 6;

/// The meaning of a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// The value is a part of a stream if it begins with a capital letter.
    Stream,
    /// The value is a part of a stream if it is one of [`PARTS`].
    PerhapsStream,
    App,
    Event,
}

impl Sign {
    /// Returns what a name means in an object of this name.
    fn of(around: &str, name: &str) -> Option<Self> {
        let is = |names: &[&str]| names.iter().any(|it| are_alike(it, name));
        let ends = |names: &[&str]| names.iter().any(|it| ends_with(name, it));
        let within = || WITHIN.iter().find(|(key, ..)| key == &around || ends_with(around, key));
        if is(STREAMS) || ends(&[COLLECTORS]) || within().is_some_and(|it| is(it.1)) {
            Some(Self::Stream)
        } else if is(APPS) || ends(APP_ENDINGS) || within().is_some_and(|it| is(it.2)) {
            Some(Self::App)
        } else if ends(STREAM_ENDINGS) {
            Some(Self::PerhapsStream)
        } else {
            (name == EVENT_TYPE).then_some(Self::Event)
        }
    }

    /// Returns whether a text under this name is the part of a stream. Vector's `source_type` has
    /// another meaning: `file`, `syslog`.
    fn is_part(self, text: &str) -> bool {
        match self {
            Self::Stream => text.starts_with(|c: char| c.is_ascii_uppercase()),
            Self::PerhapsStream => is_apps(text),
            Self::App | Self::Event => false,
        }
    }
}

/// Returns whether two names are the same but for dots and underscores.
fn are_alike(one: &str, other: &str) -> bool {
    let plain = |b: u8| if b == b'.' { b'_' } else { b };
    one.len() == other.len() && one.bytes().zip(other.bytes()).all(|(a, b)| plain(a) == plain(b))
}

/// Returns whether a name is this one, perhaps behind others.
fn ends_with(name: &str, ending: &str) -> bool {
    let Some(at) = name.len().checked_sub(ending.len()) else { return false };
    let is_divided = at == 0 || matches!(name.as_bytes()[at - 1], b'.' | b'_');
    is_divided && name.get(at..).is_some_and(|end| are_alike(end, ending))
}

/// Returns whether a text is a part of a stream that has an app's, a user's or a client's text.
fn is_apps(text: &str) -> bool {
    let is_end = |rest: &str| rest.is_empty() || rest.starts_with('/');
    PARTS.iter().any(|part| text.strip_prefix(*part).is_some_and(is_end))
}

/// Returns the part of a stream that a value names by its form, in brackets: `[APP/PROC/WEB/0]`,
/// `org.space.app[[APP/PROC/WEB/0]]:`. Behind a blank it would be a message's.
pub(crate) fn of_value(value: &[u8]) -> Option<String> {
    let value = value.strip_suffix(b":").unwrap_or(value);
    let inside = value.strip_suffix(b"]").filter(|it| it.len() < LONGEST)?;
    let text = std::str::from_utf8(inside).ok()?.trim_end_matches(']');
    let (before, part) = text.rsplit_once('[')?;
    let is_mark = is_apps(part) && part.contains('/') && !before.contains([' ', '"', '{']);
    is_mark.then(|| format!("[{part}]"))
}

/// Returns whether a label, or a tag of a line, marks it as one of an app's log stream.
pub(crate) fn is_label(name: &[u8], value: &[u8]) -> bool {
    let Ok(name) = std::str::from_utf8(name) else { return false };
    let value_is = |sign: Sign| std::str::from_utf8(value).is_ok_and(|it| sign.is_part(it));
    Sign::of("", name).is_some_and(|sign| sign == Sign::App || value_is(sign))
        || of_value(value).is_some()
}

/// Returns the part of an app's log stream that an object's line belongs to, as a drain shows it:
/// `[APP/PROC/WEB/0]`.
pub(crate) fn stream_of(object: &Object<'_>) -> Option<String> {
    in_object(object, "", MOST_DEEP)
}

fn in_object(object: &Object<'_>, around: &str, depth: usize) -> Option<String> {
    let (mut part, mut mark, mut is_app) = (None, None, false);
    for (name, value) in object.members() {
        match Sign::of(around, name) {
            Some(Sign::App) => is_app = true,
            Some(Sign::Event) => {
                is_app |= json::string(Some(value)).is_some_and(|it| &*it == "LogMessage");
            }
            Some(sign) if part.is_none() => {
                part = text_of(value).filter(|text| sign.is_part(text));
            }
            _ => {}
        }
        mark = mark.or_else(|| short(value).and_then(|text| of_value(text.as_bytes())));
    }
    if let Some(part) = part {
        let index = object.string(&["source_instance", "instance_id"]);
        return Some(format!("[{part}/{}]", index.as_deref().unwrap_or("-")));
    }
    let found = mark.or_else(|| is_app.then(|| "[APP]".to_owned()));
    found.or_else(|| in_members(object, depth.checked_sub(1)?))
}

/// Searches the objects, lists and texts in an object.
fn in_members(object: &Object<'_>, depth: usize) -> Option<String> {
    // The data of a lager line is about a container, and may have the tags of its stream.
    let is_lager = ["source", "message"].iter().all(|key| object.get(&[key]).is_some());
    let mut others = object.members().filter(|(name, _)| !(is_lager && *name == "data"));
    others.find_map(|(name, value)| match value.get().as_bytes() {
        [b'{', ..] => in_object(&json::object(Some(value))?, name, depth),
        [b'[', b'"', ..] => {
            let tags: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
            tags.into_iter().filter_map(short).find_map(|tag| of_tag(&tag))
        }
        // A column or a member may have an object as text. A lager line is not one.
        text @ [b'"', b'{', ..] if may_mark(text) => {
            let text: String = serde_json::from_str(value.get()).ok()?;
            let inner = Object::parse(text.as_bytes()).ok()?;
            let is_line = inner.get(&["timestamp"]).is_some() && inner.get(&["source"]).is_some();
            if is_line { None } else { in_object(&inner, name, depth) }
        }
        [b'"', ..] if name.ends_with("tags") => {
            text_of(value)?.split(',').find_map(|tag| of_tag(tag.trim()))
        }
        _ => None,
    })
}

/// Returns whether a text may have one of the names or values.
fn may_mark(text: &[u8]) -> bool {
    position!(b"ource", text).is_some_and(|_| {
        position!(b"source_type", text).is_some()
            || position!(b"source.type", text).is_some()
            || position!(b"ourceType", text).is_some()
    }) || position!(b"cloudfoundry", text).is_some()
        || position!(b"cf_app_", text).is_some()
        || position!(b"[APP/", text).is_some()
}

/// Returns the part of a stream that a tag shows: `source_type:APP/PROC/WEB`, or a value's form.
fn of_tag(tag: &str) -> Option<String> {
    if let Some(mark) = of_value(tag.as_bytes()) {
        return Some(mark);
    }
    let (name, value) = tag.split_once([':', '='])?;
    is_label(name.as_bytes(), value.as_bytes()).then(|| "[APP]".to_owned())
}

/// Returns a text that is short enough for a mark.
fn short(value: &RawValue) -> Option<String> {
    let text = value.get();
    let is_short = text.starts_with('"') && text.len() <= LONGEST + 2;
    // Its end shows most others to be none.
    (is_short && text.contains([']', ':', '='])).then(|| text_of(value))?
}

/// Returns a text: alone, in a list, or in an object of one member.
fn text_of(value: &RawValue) -> Option<String> {
    if let Some(text) = json::string(Some(value)) {
        return Some(text.as_str().to_owned());
    }
    match value.get().as_bytes().first()? {
        b'[' => {
            let list: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
            json::string(list.first().copied()).map(|it| it.as_str().to_owned())
        }
        b'{' => {
            let object = json::object(Some(value))?;
            let (_, text) = object.members().next()?;
            json::string(Some(text)).map(|it| it.as_str().to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_alike_whatever_stands_before_them_and_values_decide() {
        for (name, value, expected) in [
            ("source_type", "APP/PROC/WEB", true),
            ("source_type", "CELL", true),
            ("source_type", "file", false),
            ("source.type", "APP", true),
            ("org.cloudfoundry.source_type", "APP", true),
            ("org_cloudfoundry_source_type", "CELL", true),
            ("Attributes.org.cloudfoundry.source_type", "APP", true),
            ("sap.cf.source_type", "APP", true),
            ("log.source.type", "APP/TASK/x", true),
            ("log.source.type", "Kernel", false),
            ("resource_type", "APP", false),
            ("sourcetype", "Syslog", false),
            ("org_cloudfoundry_app_id", "g", true),
            ("cloudfoundry.app.name", "g", true),
            ("client_application_id", "g", false),
            ("app_id", "g", false),
            ("procid", "[APP/PROC/WEB/0]", true),
            ("tag", "org.space.app[[APP/PROC/WEB/0]]:", true),
            ("x", "[RTR/1]", true),
            ("x", "[CELL/0]", false),
            ("x", "rep[7]:", false),
            ("x", "a line of [APP/PROC/WEB/0]", false),
            ("x", "[APPLE/1]", false),
            ("x", "[APP]", false),
        ] {
            assert_eq!(is_label(name.as_bytes(), value.as_bytes()), expected, "{name}={value}");
        }
    }
}
