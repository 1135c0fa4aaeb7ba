//! Finds lines in JSON by their content.
//!
//! Log stores put a line into a member of any name, at any depth, and several lines into arrays. So
//! the text is the string that contains a packet or a lager line. Host, time and program are beside
//! it or around it, under names that [`MEMBERS`] lists. If no string contains either, the members
//! with the usual names are the text, so that other lines are parsed too.
//!
//! Sources: systemd.journal-fields(7); rsyslog `runtime/msg.c`; syslog-ng's templates; Vector,
//! Fluent Bit and Filebeat by their documentation; Splunk's HEC; Elasticsearch; Loki
//! `docs/sources/reference/loki-http-api.md`; `CloudWatch` Logs; Azure Monitor's table `Syslog`;
//! Datadog's `LogAttributes`; the GELF specification; `opentelemetry-proto`, `logs.proto`.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{Found, Outer, cut, is_payload, several};
use crate::bytes::json::Object;
use crate::bytes::trailing;
use crate::line::envelope::role::Role;
use crate::line::envelope::{Dialect, role, uptime_text};
use crate::line::is_like_lager;
use crate::time::{LogTime, Timestamp, Uptime, rfc3339, stamp};

/// The meaning of a member for the line beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tells {
    Host,
    Instance,
    Job,
    Program,
    /// The program, by a name that only an object about a process has.
    Process,
    Priority,
    Time,
}

/// The members with a meaning, the surest first.
const MEMBERS: &[(Tells, &[&str])] = &[
    (
        Tells::Host,
        &[
            "_HOSTNAME",
            "hostname",
            "host",
            "HOST",
            "Hostname",
            "HostName",
            "log.syslog.hostname",
            "fromhost",
            "Computer",
            "host.hostname",
            "host.name",
            "source_name",
        ],
    ),
    (Tells::Instance, &["id"]),
    (Tells::Job, &["group", "job"]),
    (
        Tells::Program,
        &[
            "SYSLOG_IDENTIFIER",
            "syslog_identifier",
            "identifier",
            "programname",
            "ident",
            "app-name",
            "appname",
            "PROGRAM",
            "ProcessName",
            "program",
            "program_name",
            "SourceName",
            "appName",
            "app_name",
            "syslogtag",
            "log.syslog.appname",
            "process.name",
            "service",
            "component",
        ],
    ),
    (Tells::Process, &["program", "name"]),
    (Tells::Priority, &["PRIORITY", "pri"]),
    (
        Tells::Time,
        &[
            "@timestamp",
            "timestamp",
            "timereported",
            "time",
            "_time",
            "date",
            "ISODATE",
            "R_ISODATE",
            "S_ISODATE",
            "DATE",
            "TIMESTAMP",
            "generated_at",
            "received_at",
            "TimeGenerated",
            "EventTime",
            "timeUnixNano",
            "TimeStamp",
            "_messagetime",
            "ts",
            "dt",
        ],
    ),
];

/// Objects with members about the line beside the object, and the meanings that these may have. A
/// dot separates an object from one in it.
const NESTED: &[(&str, &[Tells])] = &[
    ("log.syslog", &[Tells::Host, Tells::Program]),
    ("event.syslog", &[Tells::Host, Tells::Program, Tells::Time]),
    ("process", &[Tells::Process]),
    ("host", &[Tells::Host]),
    ("beat", &[Tells::Host]),
    ("agent", &[Tells::Host]),
    ("labels", &[Tells::Host, Tells::Program]),
    ("stream", &[Tells::Host, Tells::Program]),
    ("predecoder", &[Tells::Host, Tells::Program]),
    ("syslog", &[Tells::Host, Tells::Program]),
    ("attributes", &[Tells::Host, Tells::Program]),
    ("tags", &[Tells::Host, Tells::Program]),
    ("kubernetes", &[Tells::Host]),
    ("@source", &[Tells::Host, Tells::Instance, Tells::Job, Tells::Program]),
    ("instance@47450", &[Tells::Instance, Tells::Job]),
];

/// Members with lines that are neither a packet's nor lager's, the surest first.
const TEXTS: &[&str] = &[
    "MESSAGE",
    "msg",
    "log",
    "message",
    "_raw",
    "line",
    "full_message",
    "short_message",
    "@message",
    "textPayload",
    "SyslogMessage",
    "Message",
    "full_log",
    "@rawstring",
    "event",
];

/// Lists of `{"key":…,"value":{"stringValue":…}}` about the lines beside or below them.
const LISTS: [&str; 2] = ["resource", "attributes"];

/// The largest number of objects in each other; an array counts twice.
const MOST_DEEP: usize = 10;

/// The length of a document that names a container by its GUID is greater.
const LEAST_DOCUMENT: usize = 64;

/// Finds the lines in a JSON text; `None` if it is not JSON, or is itself a line of lager's.
pub(super) fn find(text: &[u8]) -> Option<Vec<Found<'_>>> {
    let text = text.trim_ascii_end();
    let text = text.strip_suffix(b",").unwrap_or(text);
    // Most JSON in a log is lager's, so it must not cost a parse here.
    if is_like_lager(text) {
        return None;
    }
    let whole = serde_json::from_slice(text).ok();
    // A lager line among several is not the whole line.
    let several = || glued(text).or_else(|| row(text).map(|row| vec![row]));
    let (values, is_glued) = match whole {
        Some(value) => (vec![value], false),
        None => match several() {
            Some(several) => (several, true),
            None => match serde_json::from_slice(trailing::divide(text).0) {
                Ok(value) => (vec![value], false),
                Err(_) => return cut::find(text),
            },
        },
    };
    let depth = MOST_DEEP - usize::from(is_glued);
    let mut lines = Lines { text, found: Vec::new() };
    for value in values {
        let known = lines.found.len();
        lines.value(value, &Outer::default(), depth);
        // It may be a document, unless it is too short for a GUID.
        let text = value.get().as_bytes();
        if is_glued && lines.found.len() == known && text.len() > LEAST_DOCUMENT {
            let outer = Object::parse(text).map_or_else(|_| Outer::default(), |it| told(&it));
            lines.push(value, Cow::Borrowed(text), outer);
        }
    }
    Some(lines.found).filter(|found| !found.is_empty())
}

/// Parses two objects or more without line feeds between them, as Kinesis Data Firehose writes
/// `CloudWatch`'s documents.
///
/// Source: the documentation of subscription filters of `CloudWatch` Logs, of what arrives in S3.
fn glued(text: &[u8]) -> Option<Vec<&RawValue>> {
    let values = serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>();
    let all = values.collect::<Result<Vec<_>, _>>().ok()?;
    let are_objects = all.len() > 1 && all.iter().all(|value| value.get().starts_with('{'));
    are_objects.then_some(all)
}

/// Parses the first or last row of an array that has each row on a line of its own: `[{…},` or
/// `{…}]`.
///
/// Source: `SQLite`'s shell, mode `json`.
fn row(text: &[u8]) -> Option<&RawValue> {
    let inside = text.strip_prefix(b"[").or_else(|| text.strip_suffix(b"]"))?;
    let inside = inside.trim_ascii();
    inside.starts_with(b"{").then(|| serde_json::from_slice(inside).ok())?
}

/// Parses `2024-05-06 07:09:10 +0000 tag: {…}` of fluentd's standard output, `tag:
/// [1714979350.581301, {…}]` of Fluent Bit's files, `[0] tag: [[1714979350.5, {}], {"log"=>"…"}]`
/// of its standard output, and `"message" => "…",` of Logstash.
pub(super) fn tagged(text: &[u8]) -> Option<Vec<Found<'_>>> {
    let head = &text[..text.len().min(256)];
    if let Some(found) = fluent_bit(text, head) {
        return Some(found);
    }
    if let Some(arrow) = memchr::memmem::find(head, b"=>") {
        let quote = arrow + 2 + text[arrow + 2..].iter().take_while(|b| **b == b' ').count();
        let value = serde_json::Deserializer::from_slice(text.get(quote..)?)
            .into_iter::<&RawValue>()
            .next()?
            .ok()?;
        let line = string(value).filter(|line| is_payload(line))?;
        let stamp = memchr::memmem::find(head, b"[[").and_then(|at| epoch(&text[at + 2..]));
        let time = stamp.map_or(LogTime::Unknown, LogTime::Instant);
        let outer = Outer { dialect: Dialect::Json, time, ..Outer::default() };
        if memchr::memchr(b'\n', &line).is_none() {
            return Some(vec![Found { text: line, starts: quote, outer }]);
        }
        let found = several::lines(&line).into_iter().map(|line| Found {
            text: Cow::Owned(line),
            starts: quote,
            outer: outer.clone(),
        });
        return Some(found.collect());
    }
    if stamp::is_at(text)
        && let Some(colon) = memchr::memmem::find(head, b": {\"")
    {
        let starts = colon + b": ".len();
        let stamp = &head[..memchr::memrchr(b' ', &head[..colon])?];
        let outer = Outer { time: super::columns::time(stamp), ..Outer::default() };
        let mut found = find(&text[starts..])?;
        for found in &mut found {
            found.starts += starts;
            found.outer = std::mem::take(&mut found.outer).within(&outer);
        }
        // An app's object has no program and no machine.
        let is_shippers = |it: &Found<'_>| it.outer.program.is_some() && it.outer.host.is_some();
        return Some(found).filter(|found| found.iter().all(is_shippers));
    }
    let at = memchr::memmem::find(head, b": [")? + b": [".len();
    let time = epoch(&text[at..])?;
    let comma = at + memchr::memchr(b',', &text[at..])?;
    let starts = comma + b", ".len();
    let object = text.get(starts..)?.trim_ascii_end().strip_suffix(b"]")?;
    let outer = Outer { time: LogTime::Instant(time), ..Outer::default() };
    let mut found = find(object)?;
    for found in &mut found {
        found.starts += starts;
        found.outer = std::mem::take(&mut found.outer).within(&outer);
    }
    Some(found)
}

/// `[0] tag: [[1714979350.5, {}], {"host"=>"cell-1", "message"=>"…"}]`: JSON with arrows.
fn fluent_bit<'t>(text: &'t [u8], head: &[u8]) -> Option<Vec<Found<'t>>> {
    let tag = memchr::memmem::find(head, b": [").filter(|_| head.starts_with(b"["))? + b": ".len();
    let time = epoch(text[tag..].trim_ascii_start_of(b'['))?;
    let at = tag + memchr::memmem::find(head.get(tag..)?, b"{\"")?;
    let json = with_colons(&text[at..])?;
    let mut values = serde_json::Deserializer::from_slice(&json).into_iter::<&RawValue>();
    let found = find(values.next()?.ok()?.get().as_bytes())?;
    let outer = Outer { time: LogTime::Instant(time), ..Outer::default() };
    let owned = found.into_iter().map(|found| Found {
        text: Cow::Owned(found.text.into_owned()),
        starts: at,
        outer: found.outer.within(&outer),
    });
    Some(owned.collect())
}

/// Replaces each arrow outside of strings by a colon; returns `None` without an arrow.
fn with_colons(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let (mut is_string, mut at, mut any) = (false, 0, false);
    while let Some(b) = text.get(at) {
        match b {
            b'\\' if is_string => {
                out.extend_from_slice(text.get(at..at + 2)?);
                at += 2;
                continue;
            }
            b'"' => is_string = !is_string,
            b'=' if !is_string && text.get(at + 1) == Some(&b'>') => {
                out.push(b':');
                (at, any) = (at + 2, true);
                continue;
            }
            _ => {}
        }
        out.push(*b);
        at += 1;
    }
    any.then_some(out)
}

/// Parses the number at the start of a text as seconds since the epoch.
fn epoch(text: &[u8]) -> Option<Timestamp> {
    let len = text.iter().take(32).take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    stamp::since_epoch(&text[..len])
}

/// The lines that were found in a text.
struct Lines<'t> {
    text: &'t [u8],
    found: Vec<Found<'t>>,
}

impl<'t> Lines<'t> {
    /// Searches a value. `around` comes from the objects around it.
    fn value(&mut self, value: &'t RawValue, around: &Outer, depth: usize) {
        if depth == 0 {
            return;
        }
        match value.get().as_bytes().first() {
            Some(b'{') => {
                if let Ok(object) = Object::parse(value.get().as_bytes()) {
                    self.object(value, &object, around, depth);
                }
            }
            Some(b'[') => self.array(value, around, depth),
            Some(b'"') => {
                if let Some(text) = string(value).filter(|text| is_payload(text)) {
                    self.push_lines(value, text, around);
                }
            }
            _ => {}
        }
    }

    fn array(&mut self, value: &'t RawValue, around: &Outer, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        let Ok(values) = serde_json::from_str::<Vec<&'t RawValue>>(value.get()) else { return };
        // Loki's pairs of a time and a line.
        let time = values.first().and_then(|first| instant(first));
        let with_time = time
            .filter(|_| values.len() > 1)
            .map(|time| Outer { time: LogTime::Instant(time), ..around.clone() });
        let around = with_time.as_ref().unwrap_or(around);
        for value in values {
            self.value(value, around, depth);
        }
    }

    /// Searches an object. Its strings, and those of the objects in it, are several forms of one
    /// line; the longest has the most facts. The elements of arrays are lines of their own.
    fn object(&mut self, value: &'t RawValue, object: &Object<'t>, around: &Outer, depth: usize) {
        let outer = told(object).within(around);
        if is_lager(object) {
            // Shippers merge the members of a lager line with their own.
            let is_wrapped = outer.host.is_some() || outer.stream.is_some() || depth < MOST_DEEP;
            if is_wrapped {
                let text = Cow::Borrowed(value.get().as_bytes());
                self.push(value, text, Outer { dialect: Dialect::Json, ..outer });
            }
            return;
        }
        let mut forms = Vec::new();
        let mut arrays = Vec::new();
        strings(object, &outer, depth, &mut forms, &mut arrays);
        let longest = forms.into_iter().reduce(|longest, form| {
            if form.text.len() > longest.text.len() { form } else { longest }
        });
        if let Some(Form { value, text, outer }) = longest {
            self.push_lines(value, text, &outer);
            return;
        }
        let known = self.found.len();
        self.nested(object, &outer, depth);
        if self.found.len() > known {
            return;
        }
        for array in arrays {
            self.array(array, &outer, depth - 1);
        }
        // A line of another kind.
        if self.found.len() == known
            && let Some((key, value)) =
                TEXTS.iter().find_map(|key| Some((*key, object.get(&[key])?)))
            && let Some(text) = string(value)
        {
            let dialect = if key == "MESSAGE" { Dialect::JournalJson } else { outer.dialect };
            self.push(value, text, Outer { dialect, ..outer });
        }
    }

    /// Searches the objects of an object for lager lines.
    fn nested(&mut self, object: &Object<'t>, outer: &Outer, depth: usize) {
        for (_, value) in object.members() {
            if value.get().starts_with('{')
                && let Ok(inner) = Object::parse(value.get().as_bytes())
                && depth > 1
            {
                let known = self.found.len();
                if is_lager(&inner) || holds_array(&inner, depth - 1) {
                    self.object(value, &inner, outer, depth - 1);
                }
                if self.found.len() > known && is_lager(&inner) {
                    return;
                }
            }
        }
    }

    /// Adds each line of a string that may hold several, as a command's output does.
    fn push_lines(&mut self, value: &RawValue, text: Cow<'t, [u8]>, outer: &Outer) {
        if memchr::memchr(b'\n', &text).is_none() {
            return self.push(value, text, outer.clone());
        }
        for line in several::lines(&text) {
            self.push(value, Cow::Owned(line), outer.clone());
        }
    }

    fn push(&mut self, value: &RawValue, text: Cow<'t, [u8]>, outer: Outer) {
        // Both are pieces of one allocation.
        let starts = value.get().as_ptr().addr() - self.text.as_ptr().addr();
        let dialect = if outer.dialect == Dialect::Bare { Dialect::Json } else { outer.dialect };
        self.found.push(Found { text, starts, outer: Outer { dialect, ..outer } });
    }
}

/// Returns whether an object contains an array, at any depth.
fn holds_array(object: &Object<'_>, depth: usize) -> bool {
    depth > 0
        && object.members().any(|(_, value)| match value.get().as_bytes().first() {
            Some(b'[') => true,
            Some(b'{') => Object::parse(value.get().as_bytes())
                .is_ok_and(|inner| holds_array(&inner, depth - 1)),
            _ => false,
        })
}

/// One form of a line.
struct Form<'t> {
    value: &'t RawValue,
    text: Cow<'t, [u8]>,
    outer: Outer,
}

/// Returns the strings of an object and of the objects in it that contain a line, and the object's
/// arrays.
fn strings<'t>(
    object: &Object<'t>,
    outer: &Outer,
    depth: usize,
    forms: &mut Vec<Form<'t>>,
    arrays: &mut Vec<&'t RawValue>,
) {
    for (key, value) in object.members() {
        let text = || string(value).filter(|text| is_payload(text));
        let form = || text().map(|text| Form { value, text, outer: outer.clone() });
        match value.get().as_bytes().first() {
            Some(b'"') => forms.extend(form()),
            Some(b'[') if key == "MESSAGE" => forms.extend(form()),
            Some(b'[') => arrays.push(value),
            Some(b'{') if depth > 1 => {
                if let Ok(inner) = Object::parse(value.get().as_bytes())
                    && !is_lager(&inner)
                {
                    let outer = told(&inner).within(outer);
                    strings(&inner, &outer, depth - 1, forms, &mut Vec::new());
                }
            }
            _ => {}
        }
    }
}

/// Returns whether an object is a lager line: it has a source, a message and a stamp, and data or a
/// level.
fn is_lager(object: &Object<'_>) -> bool {
    let has = |key: &str| object.get(&[key]).is_some();
    let is_message =
        || object.get(&["message"]).and_then(string).is_some_and(|message| !is_payload(&message));
    has("source")
        && has("timestamp")
        && (has("data") || has("log_level") || has("level"))
        && is_message()
}

/// Returns the facts in the members of an object about the line in it.
fn told(object: &Object<'_>) -> Outer {
    let mut outer = Outer { stream: role::stream_of(object), ..Outer::default() };
    tell(&mut outer, object, &[Tells::Host, Tells::Program, Tells::Priority, Tells::Time]);
    for (path, tells) in NESTED {
        let inner = match path.split_once('.') {
            Some((key, path)) => object.object(&[key]).and_then(|inner| inner.object(&[path])),
            None => object.object(&[path]),
        };
        if let Some(inner) = inner {
            tell(&mut outer, &inner, tells);
        }
    }
    for name in LISTS {
        tell_list(&mut outer, object, name);
    }
    // Graylog's own members show that `source` is the sender.
    if outer.host.is_none() && object.get(&["gl2_source_input", "gl2_message_id"]).is_some() {
        outer.host = object.string(&["source"]).map(|name| name.as_str().to_owned());
    }
    if let Some(host) = object.object(&["host", "beat", "agent"])
        && outer.host.is_none()
    {
        outer.host = host.string(&["name", "hostname"]).map(|name| name.as_str().to_owned());
    }
    let number = |key: &str| object.get(&[key])?.get().trim_matches('"').parse::<u64>().ok();
    if let Some(micros) = number("__REALTIME_TIMESTAMP").and_then(|it| i64::try_from(it).ok()) {
        let nanos = micros.checked_mul(1_000);
        outer.time = nanos.map_or(outer.time, |it| LogTime::Instant(Timestamp::from_nanos(it)));
    }
    outer.uptime = number("_SOURCE_MONOTONIC_TIMESTAMP").map(Uptime::from_micros);
    // `dmesg -J`, and Fluent Bit's records of the kernel's buffer.
    let booted = || uptime_text(object.get(&["time"])?.get().trim_matches('"').as_bytes());
    if object.get(&["msg"]).is_some()
        && let Some(uptime) = booted().or_else(|| {
            let (seconds, micros) = (number("sec")?, number("usec")?);
            Some(Uptime::from_micros(seconds.checked_mul(1_000_000)?.checked_add(micros)?))
        })
    {
        outer.uptime = outer.uptime.or(Some(uptime));
        outer.dialect = Dialect::DmesgJson;
        if booted().is_some() {
            outer.time = LogTime::Unknown;
        }
    }
    if object.get(&["__REALTIME_TIMESTAMP"]).is_some() || object.get(&["_HOSTNAME"]).is_some() {
        outer.dialect = Dialect::JournalJson;
    }
    journald_program(&mut outer, object);
    outer
}

/// Finds the program of journald's entry. Any process may call itself `kernel`, and give itself two
/// names; `_TRANSPORT` comes from journald.
///
/// Source: systemd.journal-fields(7), "Trusted Journal Fields".
fn journald_program(outer: &mut Outer, object: &Object<'_>) {
    let names = object.get(&["SYSLOG_IDENTIFIER"]).map(RawValue::get);
    if let Some(names) = names.filter(|names| names.starts_with('[')) {
        outer.program = Some(names.to_owned());
    }
    let Some(transport) = object.string(&["_TRANSPORT"]) else { return };
    let is_kernel = |name: &String| Role::of_program(name.as_bytes()) == Role::Kernel;
    match (transport.as_str(), &outer.program) {
        // Programs that write to `/dev/kmsg` have a name.
        ("kernel", None) => outer.program = Some("kernel".to_owned()),
        ("kernel", Some(_)) => {}
        (transport, Some(name)) if is_kernel(name) => {
            outer.program = Some(format!("{name} by {transport}"));
        }
        _ => {}
    }
}

/// Takes these facts from an object.
fn tell(outer: &mut Outer, object: &Object<'_>, of: &[Tells]) {
    for (tells, keys) in MEMBERS.iter().filter(|(tells, _)| of.contains(tells)) {
        let text = || {
            let found = keys.iter().find_map(|key| object.string(&[key]));
            found.map(|text| text.as_str().to_owned())
        };
        let slot = match tells {
            Tells::Host => &mut outer.host,
            Tells::Instance => &mut outer.instance,
            Tells::Job => &mut outer.job,
            Tells::Program | Tells::Process => {
                if outer.program.is_none() {
                    outer.program = text().map(|tag| program_of(&tag).to_owned());
                }
                continue;
            }
            Tells::Priority => {
                let number = object.get(keys).map(|it| it.get().trim_matches('"'));
                outer.priority = outer.priority.or(number.and_then(|it| it.parse().ok()));
                continue;
            }
            Tells::Time => {
                if outer.time == LogTime::Unknown {
                    let values = keys.iter().filter_map(|key| object.get(&[key]));
                    let times = values.map(time).find(|time| *time != LogTime::Unknown);
                    outer.time = times.unwrap_or_default();
                }
                continue;
            }
        };
        if slot.is_none() {
            *slot = text();
        }
    }
}

/// Takes the facts in a list of OpenTelemetry's, of an object or of its resource.
fn tell_list(outer: &mut Outer, object: &Object<'_>, name: &str) {
    let resource = || object.object(&[name])?.get(&["attributes"]);
    let list = object.get(&[name]).filter(|list| list.get().starts_with('['));
    let Some(list) = list.or_else(resource).filter(|list| list.get().starts_with('[')) else {
        return;
    };
    let Ok(pairs) = serde_json::from_str::<Vec<&RawValue>>(list.get()) else { return };
    let pairs = pairs.into_iter().filter_map(|pair| {
        let pair = Object::parse(pair.get().as_bytes()).ok()?;
        let value = pair.object(&["value"])?.string(&["stringValue"])?;
        Some((pair.string(&["key"])?.as_str().to_owned(), value.as_str().to_owned()))
    });
    let pairs: Vec<_> = pairs.collect();
    let value = |of: Tells| {
        let (_, keys) = MEMBERS.iter().find(|(tells, _)| *tells == of)?;
        let found = |key: &&str| pairs.iter().find(|(name, _)| name == key);
        keys.iter().find_map(found).map(|(_, value)| value.clone())
    };
    outer.host = outer.host.take().or_else(|| value(Tells::Host));
    let program = outer.program.take().or_else(|| value(Tells::Program));
    outer.program = program.map(|tag| program_of(&tag).to_owned());
}

/// Returns the program that a tag names: `rep` of `rep[7]:`.
fn program_of(tag: &str) -> &str {
    let name = tag.strip_suffix(':').unwrap_or(tag);
    match name.strip_suffix(']').and_then(|name| name.rsplit_once('[')) {
        Some((name, pid)) if pid.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => name,
    }
}

/// Parses the time of a value: text, or a number since the epoch.
fn time(value: &RawValue) -> LogTime {
    if let Some(time) = instant(value) {
        return LogTime::Instant(time);
    }
    let text = value.get().trim_matches('"').as_bytes();
    super::columns::time(text)
}

/// Parses the instant of a value.
fn instant(value: &RawValue) -> Option<Timestamp> {
    let text = value.get().trim_matches('"').as_bytes();
    match rfc3339(text) {
        Some((time, len, _)) if len == text.len() => Some(time),
        _ => stamp::since_epoch(text),
    }
}

/// Returns a string, or decodes journald's form for text that is not UTF-8: an array of byte
/// values.
fn string<'t>(value: &'t RawValue) -> Option<Cow<'t, [u8]>> {
    let text = value.get();
    let text: Cow<'t, [u8]> = match text.as_bytes() {
        [b'"', inside @ .., b'"'] if memchr::memchr(b'\\', inside).is_none() => {
            Cow::Borrowed(inside)
        }
        [b'"', ..] => Cow::Owned(serde_json::from_str::<String>(text).ok()?.into_bytes()),
        [b'[', ..] => Cow::Owned(serde_json::from_str::<Vec<u8>>(text).ok()?),
        _ => return None,
    };
    Some(match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_ascii_end_of_lines()),
        Cow::Owned(mut text) => {
            text.truncate(text.trim_ascii_end_of_lines().len());
            Cow::Owned(text)
        }
    })
}

/// Drops line feeds at the end, and bytes of one kind at the beginning.
trait EndOfLines {
    fn trim_ascii_end_of_lines(&self) -> &[u8];
    fn trim_ascii_start_of(&self, byte: u8) -> &[u8];
}

impl EndOfLines for [u8] {
    fn trim_ascii_end_of_lines(&self) -> &[u8] {
        let ends = self.iter().rev().take_while(|b| matches!(b, b'\n' | b'\r')).count();
        &self[..self.len() - ends]
    }

    fn trim_ascii_start_of(&self, byte: u8) -> &[u8] {
        let begins = self.iter().take_while(|b| **b == byte).count();
        &self[begins..]
    }
}
