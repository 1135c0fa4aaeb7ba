//! Lines that name a container without being lager's: lines of an app's log stream, and of the
//! router's access log.
//!
//! | writer | line |
//! |---|---|
//! | executor, since Diego 2.1 | `Cell <cell> creating container for instance <handle>`, in the app's own log stream |
//! | gorouter | `… app_id:"<app>" app_index:"0" instance_id:"<handle>" …` |
//! | loggregator's syslog agent | `[tags@47450 app_id="<app>" … process_instance_id="<handle>" …]` on any line of an app |
//! | log-cache | the same tags as JSON, and the text in base64: `cf tail --json`, `/api/v1/read/<app>` |
//! | silk's agent, since silk 3.4.0 | `Security group rules were updated`, in the stream that executor writes to; only the tags name the container |
//!
//! An app can print anything, so the text of a line counts only if the platform wrote it; the tags
//! always count. `[STG/0]` is the stream of a staging task: a buildpack prints there, too, so its
//! text counts as little as an app's.
//!
//! Sources: executor `depot/containerstore/storenode.go`; gorouter
//! `accesslog/schema/access_log_record.go`; loggregator-agent-release
//! `pkg/egress/syslog/converter.go`; go-loggregator 10 `rpc/loggregator_v2/envelope.proto`;
//! silk-release `vxlan-policy-agent/converger/converger.go`.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::bytes::base64;
use crate::bytes::json::{JsonStr, Object, agreed};
use crate::event::lager::{RepEvent, RepEventKind};
use crate::guid::{Guid, GuidPrefix};
use crate::line::envelope::{Dialect, Envelope};
use crate::names::Names;
use crate::time::{LogTime, Timestamp, rfc3339};

/// Extracts the container event from a line of an app or of the router.
pub(crate) fn classify<'a>(envelope: &Envelope<'a>) -> Option<RepEvent<'a>> {
    let stream = envelope.stream();
    let mut event = match stream {
        Some(b"CELL") => executor(envelope, &[28]),
        Some(b"RTR") => router(envelope),
        Some(_) => None,
        None if envelope.dialect == Dialect::Bare => {
            executor(envelope, &[28, 36]).or_else(|| router(envelope))
        }
        None => router(envelope),
    };
    if let (Some(event), Some(program), Some(_)) = (&mut event, envelope.program, stream) {
        // A drain puts the app's GUID where syslog has the program.
        if let Some(app) = text(program.as_bytes()).filter(|app| app.parse::<Guid>().is_ok()) {
            say_app(event, app);
        }
    }
    let Some(tags) = envelope.tags else { return event };
    let tag = |name: &str| {
        agreed(Tags(tags.as_bytes()).filter(|(n, _)| *n == name.as_bytes()).map(|(_, value)| value))
    };
    with_tags(event, tag, stream != Some(b"STG")).map(|mut event| {
        event.time = event.time.or(instant(envelope));
        event.rules_updated =
            stream == Some(b"CELL") && envelope.body.as_bytes().trim_ascii() == RULES_UPDATED;
        event
    })
}

/// Extracts the container event from an envelope of log-cache:
/// `{"timestamp":"1741082400000000000","source_id":…,"tags":{…},"log":{"payload":"aGVsbG8="}}`.
pub(crate) fn classify_envelope<'a>(object: &Object<'a>) -> Option<RepEvent<'a>> {
    let tags = object.object(&["tags"])?;
    object.string(&["source_id"])?;
    let nanos: i64 = object.string(&["timestamp"])?.parse().ok()?;
    let source = tags.string(&["source_type"]);
    let is_cells = source.as_deref() == Some("CELL");
    let text = || base64::decode(object.object(&["log"])?.string(&["payload"])?.as_bytes());
    let text = if is_cells { text() } else { None };
    let said = text.as_ref().and_then(|text| lives(text, &[28])).map(RepEvent::into_owned);
    let is_apps = source.as_deref() != Some("STG");
    let event = with_tags(said, |name| tags.string(&[name]), is_apps)?;
    let rules_updated = text.is_some_and(|text| text.trim_ascii() == RULES_UPDATED);
    Some(RepEvent { time: Some(Timestamp::from_nanos(nanos)), rules_updated, ..event })
}

/// The words of silk's agent behind each set of rules that it puts into a container's chain. Only
/// an app's own containers have a stream to which no program of a user writes: the output of a task
/// or of a buildpack may come with the same source as the agent's line.
const RULES_UPDATED: &[u8] = b"Security group rules were updated";

const LIFE: &[(&str, RepEventKind)] = &[
    ("creating container for instance ", RepEventKind::Creating),
    ("successfully created container for instance ", RepEventKind::Created),
    ("stopping instance ", RepEventKind::Stopping),
    ("destroying container for instance ", RepEventKind::Destroying),
    ("successfully destroyed container for instance ", RepEventKind::Destroyed),
];

/// Parses `Cell <cell> creating container for instance <handle>`. The line may be cut inside the
/// handle, so the handle must have one of the lengths that handles have.
fn executor<'a>(envelope: &Envelope<'a>, lengths: &[usize]) -> Option<RepEvent<'a>> {
    let mut event = lives(envelope.body.as_bytes(), lengths)?;
    event.time = instant(envelope);
    if envelope.stream() == Some(b"CELL") {
        event.index = envelope.stream_index();
    }
    Some(event)
}

fn lives<'a>(body: &'a [u8], lengths: &[usize]) -> Option<RepEvent<'a>> {
    let body = body.trim_ascii().strip_prefix(b"Cell ")?;
    let (cell, rest) = text(body)?.split_once(' ')?;
    let (kind, handle) =
        LIFE.iter().find_map(|(verb, kind)| Some((*kind, rest.strip_prefix(verb)?)))?;
    let guid = GuidPrefix::parse(handle.as_bytes()).ok()?;
    if !lengths.contains(&guid.len()) {
        return None;
    }
    let mut event = RepEvent::seen("executor", "app log");
    event.handle = Some(JsonStr::borrowed(handle));
    event.cell_id = Some(JsonStr::borrowed(cell));
    event.event = kind;
    Some(event)
}

static INSTANCE_ID: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("instance_id:"));

/// Parses `host - [time] "GET / HTTP/1.1" 200 … name:"value" …`. Texts from the client are quoted,
/// and quotes in them are escaped, so they cannot pass for names; the host cannot contain a blank.
fn router<'a>(envelope: &Envelope<'a>) -> Option<RepEvent<'a>> {
    let body = envelope.body.as_bytes();
    INSTANCE_ID.find(body)?;
    let host = memchr::memchr(b' ', body)?;
    // Columns before the host may name another program.
    if body[..host].contains(&b'\t') {
        return None;
    }
    let rest = body[host..].strip_prefix(b" - [")?;
    let close = memchr::memchr(b']', rest)?;
    let words = rest[close + 1..].strip_prefix(b" \"").map(|_| &rest[close + 2..])?;
    let (mut handles, mut apps, mut indexes) = (Vec::new(), Vec::new(), Vec::new());
    let mut failed = false;
    for (name, value) in Fields(words) {
        match name {
            b"instance_id" => handles.push(value),
            b"app_id" => apps.push(value),
            b"app_index" => indexes.push(value),
            b"x_cf_routererror" => failed |= value != b"-",
            _ => {}
        }
    }
    let one = |values: Vec<&'a [u8]>| {
        agreed(
            values.into_iter().map(|value| text(value).filter(|value| !matches!(*value, "" | "-"))),
        )
    };
    let is_platforms = apps.contains(&&b"-"[..]);
    let handle = one(handles)?;
    GuidPrefix::parse(handle.as_bytes()).ok().filter(|guid| matches!(guid.len(), 28 | 36))?;
    let mut event = RepEvent::seen("gorouter", "access log");
    let time = rfc3339(&rest[..close]).filter(|(_, len, _)| *len == close);
    event.time = time.map(|(time, ..)| time).or_else(|| instant(envelope));
    event.handle = Some(JsonStr::borrowed(handle));
    event.index = one(indexes).and_then(|index| index.parse().ok());
    // The platform's own routes have instances too, which are not containers.
    match one(apps) {
        Some(app) => say_app(&mut event, app),
        None if is_platforms => return None,
        None => {}
    }
    if failed {
        // The router may have tried a container that was gone.
        event.event = RepEventKind::Missing;
    }
    Some(event)
}

/// `name:value` and `name:"value"` between other words. A value that may be cut by the line's end
/// is left out.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.0 = self.0.trim_ascii_start();
            let end = memchr::memchr3(b' ', b'"', b':', self.0)?;
            let (word, rest) = (&self.0[..end], &self.0[end..]);
            let value = match rest {
                [b':', b'"', ..] => self.quoted(&rest[1..])?,
                [b':', bare @ ..] => {
                    let end = memchr::memchr(b' ', bare)?;
                    self.0 = &bare[end..];
                    &bare[..end]
                }
                [b'"', ..] => {
                    self.quoted(rest)?;
                    continue;
                }
                _ => {
                    self.0 = rest;
                    continue;
                }
            };
            return Some((word, value));
        }
    }
}

impl<'a> Fields<'a> {
    /// Returns the quoted text at the start, and moves behind it.
    fn quoted(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        let len = quoted_len(&text[1..])?;
        self.0 = &text[len + 2..];
        Some(&text[1..=len])
    }
}

/// Returns the place of the first `"` without a backslash before it.
fn quoted_len(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// Adds the facts of the tags. Returns `None` if they contradict the text, or if neither names a
/// container.
fn with_tags<'a>(
    event: Option<RepEvent<'a>>,
    tag: impl Fn(&str) -> Option<JsonStr<'a>>,
    has_index: bool,
) -> Option<RepEvent<'a>> {
    let handle = tag("process_instance_id");
    let mut event = match (event, handle) {
        (Some(event), Some(handle)) => Some(event).filter(|e| e.handle.as_ref() == Some(&handle)),
        (Some(event), None) => Some(event),
        (None, Some(handle)) => {
            let mut event = RepEvent::seen("loggregator", "app log");
            event.handle = Some(handle);
            Some(event)
        }
        (None, None) => None,
    }?;
    if has_index && event.index.is_none() {
        event.index = tag("instance_id").and_then(|index| index.parse().ok());
    }
    // A line of rep comes from the cell itself.
    if tag("origin").is_some_and(|origin| &*origin == "rep") {
        event.cell_id = event.cell_id.or_else(|| tag("index"));
        event.cell_ip = tag("ip").and_then(|ip| ip.parse().ok());
    }
    let said = event.names.take().and_then(|names| names.app_guid);
    let names = Names {
        app_guid: agreed([said, tag("app_id")]),
        app_name: tag("app_name"),
        space_guid: tag("space_id"),
        space_name: tag("space_name"),
        org_guid: tag("organization_id"),
        org_name: tag("organization_name"),
        process_type: tag("process_type"),
    };
    event.names = (names != Names::default()).then(|| Box::new(names));
    Some(event)
}

/// `name="value"` pairs of structured data; `\"`, `\\` and `\]` in values are unescaped.
struct Tags<'a>(&'a [u8]);

impl<'a> Iterator for Tags<'a> {
    type Item = (&'a [u8], Option<JsonStr<'a>>);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.0.trim_ascii_start();
        let equals = memchr::memchr(b'=', rest)?;
        let inside = rest[equals + 1..].strip_prefix(b"\"")?;
        let len = quoted_len(inside)?;
        self.0 = &inside[len + 1..];
        let value = text(&inside[..len]).filter(|value| !value.is_empty()).map(|value| {
            if value.contains('\\') {
                JsonStr::owned(unescaped(value))
            } else {
                JsonStr::borrowed(value)
            }
        });
        Some((&rest[..equals], value))
    }
}

fn unescaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (c, chars.as_str().chars().next()) {
            ('\\', Some(next @ ('"' | '\\' | ']'))) => {
                out.push(next);
                chars.next();
            }
            _ => out.push(c),
        }
    }
    out
}

fn say_app<'a>(event: &mut RepEvent<'a>, app: &'a str) {
    let names = Names { app_guid: Some(JsonStr::borrowed(app)), ..Names::default() };
    event.names = Some(Box::new(names));
}

fn instant(envelope: &Envelope<'_>) -> Option<crate::time::Timestamp> {
    match envelope.time {
        LogTime::Instant(time) => Some(time),
        _ => None,
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
