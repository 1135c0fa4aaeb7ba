//! Finds lines in JSON by their content.
//!
//! Log stores put a line into a member of any name, at any depth, and several lines into arrays. So
//! the text is the string that contains a packet or a lager line. Host, time and program are beside
//! it or around it, under names that [`members`] lists. If no string contains either, the members
//! with the usual names are the text, so that other lines are parsed too.
//!
//! Sources: systemd.journal-fields(7); rsyslog `runtime/msg.c`; syslog-ng's templates; Vector,
//! Fluent Bit and Filebeat by their documentation; Splunk's HEC; Elasticsearch; Loki
//! `docs/sources/reference/loki-http-api.md`; `CloudWatch` Logs; Azure Monitor's table `Syslog`;
//! Datadog's `LogAttributes`; the GELF specification; `opentelemetry-proto`, `logs.proto`.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{Found, Outer, is_payload};
use crate::bytes::json::Object;
use crate::bytes::trailing;
use crate::line::envelope::members::{self, Sureness, Tells};
use crate::line::envelope::role::Role;
use crate::line::envelope::{Dialect, role, uptime_text};
use crate::line::is_like_lager;
use crate::time::{LogTime, Timestamp, Uptime, rfc3339, stamp};

/// The meanings that a member beside a line may have.
const BESIDE: &[Tells] =
    &[Tells::Host, Tells::Machine, Tells::Program, Tells::Tag, Tells::Priority, Tells::Time];

/// Objects with members about the line beside the object, and the meanings that these may have by
/// their own names. A dot separates an object from one in it. A member with the object's name
/// before its own means the same as one that is written so: `process.name`.
const NESTED: &[(&str, &[Tells])] = &[
    ("log.syslog", &[Tells::Host, Tells::Program]),
    ("event.syslog", &[Tells::Host, Tells::Program, Tells::Time]),
    ("process", &[]),
    ("service", &[]),
    ("host", &[]),
    ("beat", &[]),
    ("agent", &[]),
    ("labels", LABELS),
    ("stream", LABELS),
    ("structuredMetadata", LABELS),
    ("parsed", LABELS),
    ("predecoder", &[Tells::Host, Tells::Program]),
    ("syslog", &[Tells::Host, Tells::Program]),
    ("attributes", &[Tells::Host, Tells::Program]),
    ("resource", &[Tells::Host, Tells::Program]),
    ("Resource", &[Tells::Host, Tells::Program]),
    ("ResourceAttributes", &[Tells::Host, Tells::Program]),
    ("Attributes", &[Tells::Host, Tells::Program]),
    ("LogAttributes", &[Tells::Host, Tells::Program]),
    ("resource.labels", &[Tells::Host, Tells::Program]),
    ("resource.attributes", &[Tells::Host, Tells::Program]),
    ("tags", &[Tells::Host, Tells::Program]),
    ("kubernetes", &[Tells::Host]),
    ("@source", &[Tells::Host, Tells::Instance, Tells::Job, Tells::Program]),
    ("instance@47450", &[Tells::Instance, Tells::Job]),
];

/// The meanings of labels.
const LABELS: &[Tells] = &[Tells::Host, Tells::Machine, Tells::Program, Tells::Tag];

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

/// Lists of pairs about the lines beside or below them, in an object or in itself.
const LISTS: [&str; 3] = ["attributes", "resource.attributes", "fields"];

/// The names of a pair's two members: OpenTelemetry's, those of `CloudWatch` Logs Insights, and
/// those of VMware's Log Insight.
const PAIRS: [(&str, &str); 3] = [("key", "value"), ("field", "value"), ("name", "content")];

/// Members that say a value's type, around the value: OpenTelemetry's and Athena's.
const TYPES: [&str; 2] = ["stringValue", "VarCharValue"];

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
    let (values, depth) = match serde_json::from_slice(text) {
        Ok(value) => (vec![value], MOST_DEEP),
        Err(_) => match glued(text) {
            // A lager line among several is not the whole line.
            Some(several) => (several, MOST_DEEP - 1),
            None => (vec![serde_json::from_slice(trailing::divide(text).0).ok()?], MOST_DEEP),
        },
    };
    let mut lines = Lines { text, found: Vec::new() };
    let is_glued = values.len() > 1;
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
        return Some(vec![Found { text: line, starts: quote, outer }]);
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
                    self.push(value, text, around.clone());
                }
            }
            _ => {}
        }
    }

    fn array(&mut self, value: &'t RawValue, around: &Outer, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        let Ok(values) = serde_json::from_str::<Vec<&'t RawValue>>(value.get()) else { return };
        if let Some(object) = pairs(&values) {
            return self.object(value, &object, around, depth);
        }
        // Loki's pairs of a time and a line, perhaps with what else is known of it.
        let time = values.first().filter(|_| values.len() > 1).and_then(|first| instant(first));
        let time = time.map_or(LogTime::Unknown, LogTime::Instant);
        let more = values.get(2).filter(|_| time != LogTime::Unknown);
        let more = more.and_then(|more| Object::parse(more.get().as_bytes()).ok());
        let facts = more.map(|more| told(&more)).or_else(|| row_without_names(&values));
        let time = Outer { time, ..Outer::default() };
        let facts = facts.unwrap_or_default().within(&time);
        let around = facts.within(around);
        for value in values {
            self.value(value, &around, depth);
        }
    }

    /// Searches an object. Its strings, and those of the objects in it, are several forms of one
    /// line; the longest has the most facts. The elements of arrays are lines of their own.
    fn object(&mut self, value: &'t RawValue, object: &Object<'t>, around: &Outer, depth: usize) {
        let outer = told(object).within(around);
        if self.table(object, &outer, depth) {
            return;
        }
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
            self.push(value, text, outer);
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

    /// Searches the rows of a table, each as an object with the names of the columns. Returns
    /// whether there are lines in it.
    fn table(&mut self, object: &Object<'t>, outer: &Outer, depth: usize) -> bool {
        let known = self.found.len();
        if let Some(depth) = depth.checked_sub(2)
            && let Some((names, rows)) = table(object)
        {
            for (value, cells) in rows {
                // Athena's first row is the head.
                let is_head =
                    names.iter().zip(&cells).all(|(name, it)| unquoted(it) == Some(*name));
                if is_head {
                    continue;
                }
                // Some have rows without their last cells.
                let row = Object::of(names.iter().copied().zip(cells));
                self.object(value, &row, outer, depth);
            }
        }
        self.found.len() > known
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

/// A member that tells something about a line.
struct Fact<'t> {
    tells: Tells,
    /// The surest fact is the smallest: by its name, and then by its object.
    order: (Sureness, usize),
    value: &'t RawValue,
}

/// Returns the facts in the members of an object about the line in it.
pub(super) fn told(object: &Object<'_>) -> Outer {
    let mut facts = Vec::new();
    collect(&mut facts, object, None, BESIDE, 0);
    for (n, (path, own)) in NESTED.iter().enumerate() {
        if let Some(inner) = at_path(object, path, |object, key| object.object(&[key])) {
            collect(&mut facts, &inner, Some(path), own, n + 1);
        }
    }
    for path in LISTS {
        let list = at_path(object, path, |object, key| object.get(&[key]));
        if let Some(inner) = list.and_then(elements).and_then(|list| pairs(&list)) {
            collect(&mut facts, &inner, None, &[Tells::Host, Tells::Program], NESTED.len() + 1);
        }
    }
    facts.sort_by_key(|fact| fact.order);
    let mut outer = Outer { stream: role::stream_of(object), ..Outer::default() };
    for fact in facts.chunk_by(|a, b| a.order == b.order) {
        tell(&mut outer, fact);
    }
    // Graylog's own members show that `source` is the sender.
    if outer.host.is_none() && object.get(&["gl2_source_input", "gl2_message_id"]).is_some() {
        outer.host = object.string(&["source"]).map(|name| name.as_str().to_owned());
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

/// Returns what a path of one or two names leads to.
fn at_path<'t, T>(
    object: &Object<'t>,
    path: &str,
    get: impl Fn(&Object<'t>, &str) -> Option<T>,
) -> Option<T> {
    match path.split_once('.') {
        Some((key, path)) => object.object(&[key]).and_then(|inner| get(&inner, path)),
        None => get(object, path),
    }
}

/// Takes the members that tell something: by their own names what `own` lists, and by the name of
/// the object before theirs anything.
fn collect<'t>(
    facts: &mut Vec<Fact<'t>>,
    object: &Object<'t>,
    path: Option<&str>,
    own: &[Tells],
    place: usize,
) {
    for (name, value) in object.members() {
        let nested = path.and_then(|path| members::of_nested(path, name));
        let of_own = members::of(name.as_bytes()).filter(|(tells, _)| own.contains(tells));
        let both = [nested.map(|it| (it, 0)), of_own.map(|it| (it, place))];
        for ((tells, sureness), place) in both.into_iter().flatten() {
            let value = scalar(value);
            let text = || crate::bytes::json::string(Some(value));
            let tells = match tells {
                Tells::Tag if text().is_some_and(|it| members::is_tag(&it)) => Tells::Program,
                Tells::Tag => continue,
                Tells::Program if name == DERIVED && is_derived(object, text().as_deref()) => {
                    continue;
                }
                tells => tells,
            };
            facts.push(Fact { tells, order: (sureness, place), value });
        }
    }
}

/// The label that Loki adds to each stream without one.
const DERIVED: &str = "service_name";

/// Returns whether Loki made the name of a service out of the name of a scrape job, or of nothing:
/// neither is a program.
///
/// Source: Loki, `pkg/distributor/distributor.go`, `discover_service_name`.
fn is_derived(labels: &Object<'_>, service: Option<&str>) -> bool {
    let job = labels.string(&["job"]);
    service.is_some_and(|it| it == "unknown_service" || job.is_some_and(|job| *job == *it))
}

/// Takes a fact, unless a surer one was taken. There are several if an object has a name more than
/// once.
fn tell(outer: &mut Outer, fact: &[Fact<'_>]) {
    let mut texts = fact.iter().map(|fact| crate::bytes::json::string(Some(fact.value)));
    let mut own = || {
        let text = crate::bytes::json::agreed(texts.by_ref())?;
        Some(text.as_str().to_owned())
    };
    let slot = match fact[0].tells {
        Tells::Host => &mut outer.host,
        Tells::Instance => &mut outer.instance,
        Tells::Job => &mut outer.job,
        Tells::Machine => {
            if let Some(name) = own()
                && let Some((job, id, is_index)) = members::machine(name.as_bytes())
                && outer.instance.is_none()
                && outer.index.is_none()
            {
                let text = |name| Some(String::from_utf8_lossy(name).into_owned());
                let slot = if is_index { &mut outer.index } else { &mut outer.instance };
                (*slot, outer.job) = (text(id), text(job));
                outer.is_tools = true;
            }
            return;
        }
        Tells::Program | Tells::Tag => {
            if outer.program.is_none() {
                outer.program = program(fact);
            }
            return;
        }
        Tells::Priority => {
            let mut numbers = fact.iter().map(|it| it.value.get().trim_matches('"').parse().ok());
            outer.priority = outer.priority.or_else(|| numbers.find_map(|it| it));
            return;
        }
        Tells::Time => {
            if outer.time == LogTime::Unknown {
                let mut times = fact.iter().map(|fact| time(fact.value));
                outer.time = times.find(|it| *it != LogTime::Unknown).unwrap_or_default();
            }
            return;
        }
    };
    if slot.is_none() {
        *slot = own();
    }
}

/// Returns the program that a member names. Several names are nobody's.
fn program(fact: &[Fact<'_>]) -> Option<String> {
    let texts = fact.iter().filter_map(|fact| match fact.value.get() {
        list if list.starts_with('[') && list.len() > 2 => Some(list.to_owned()),
        _ => crate::bytes::json::string(Some(fact.value)).map(|text| text.as_str().to_owned()),
    });
    let mut names = texts.map(|tag| members::program_of(&tag).to_owned());
    let first = names.next()?;
    Some(match names.find(|other| *other != first) {
        Some(other) => format!("{first}, {other}"),
        None => first,
    })
}

/// Returns the value itself, out of a list of one, and out of an object that says its type.
fn scalar(value: &RawValue) -> &RawValue {
    match value.get().as_bytes().first() {
        Some(b'[') => match serde_json::from_str::<Vec<&RawValue>>(value.get()).as_deref() {
            Ok([one]) => one,
            _ => value,
        },
        Some(b'{') => {
            let object = Object::parse(value.get().as_bytes());
            object.ok().and_then(|it| it.get(&TYPES)).unwrap_or(value)
        }
        _ => value,
    }
}

/// Makes an object of a list of pairs: of names, and of values. A name with an escape is no name
/// that is known here.
fn pairs<'t>(list: &[&'t RawValue]) -> Option<Object<'t>> {
    let (name, value) = {
        let first = Object::parse(list.first()?.get().as_bytes()).ok()?;
        let fits = |(name, value): &&(&str, &str)| {
            first.get(&[name]).is_some() && first.get(&[value]).is_some()
        };
        *PAIRS.iter().find(fits)?
    };
    let pairs = list.iter().filter_map(|pair| {
        let pair = Object::parse(pair.get().as_bytes()).ok()?;
        Some((unquoted(pair.get(&[name])?)?, pair.get(&[value])?))
    });
    Some(Object::of(pairs))
}

/// Returns the elements of an array.
fn elements(value: &RawValue) -> Option<Vec<&RawValue>> {
    let list = Some(value.get()).filter(|list| list.starts_with('['))?;
    serde_json::from_str(list).ok()
}

/// Members with the names of a table's columns, as strings or as objects with a name. The array may
/// be in an object of that name.
///
/// Sources: Azure Monitor's query API (`columns`, `rows`); Elasticsearch's SQL (`columns`, `rows`)
/// and ES|QL (`columns`, `values`); OpenSearch's SQL (`schema`, `datarows`); Splunk's
/// `json_rows` and `json_cols` (`fields`); Athena's `GetQueryResults` (`ColumnInfo`, `Rows`);
/// `ClickHouse`'s `JSONCompact` (`meta`, `data`); `InfluxDB`'s query API (`columns`, `values`).
const COLUMNS: [&str; 5] = ["fields", "columns", "schema", "meta", "ResultSetMetadata"];
const COLUMNS_INSIDE: [&str; 2] = ["ColumnInfo", "fields"];
const NAME: [&str; 2] = ["name", "Name"];

/// Members with the rows beside the names, and the member with the cells if a row is an object.
const ROWS: [&str; 5] = ["rows", "values", "datarows", "data", "Rows"];
const CELLS: [&str; 1] = ["Data"];

/// The rows of a table: each a value that stands for it, and its cells.
type Rows<'t> = Vec<(&'t RawValue, Vec<&'t RawValue>)>;

/// Returns the names of a table's columns, and its rows; `None` if an object is not a table.
fn table<'t>(object: &Object<'t>) -> Option<(Vec<&'t str>, Rows<'t>)> {
    let lists = COLUMNS.iter().filter_map(|key| {
        let value = object.get(&[key])?;
        let inside = || Object::parse(value.get().as_bytes()).ok()?.get(&COLUMNS_INSIDE);
        if value.get().starts_with('{') { inside() } else { Some(value) }
    });
    let names = lists.filter_map(column_names).next()?;
    let rows = |key: &&str| elements(object.get(&[key])?)?.into_iter().map(row).collect();
    let rows: Option<Rows<'t>> = ROWS.iter().find_map(rows);
    let fits = |rows: &Rows<'t>| rows.iter().any(|(_, cells)| cells.len() == names.len());
    if let Some(rows) = rows.filter(fits) {
        return Some((names, rows));
    }
    // Splunk's columns, each with the cells of all rows.
    let columns = elements(object.get(&["columns"])?)?;
    let columns = columns.into_iter().map(elements).collect::<Option<Vec<_>>>()?;
    let most = columns.first().filter(|_| columns.len() == names.len())?.len();
    let row = |n: usize| {
        let cells: Vec<_> = columns.iter().map_while(|cells| cells.get(n).copied()).collect();
        Some((*cells.first()?, cells))
    };
    Some((names, (0..most).filter_map(row).collect()))
}

/// Returns the names in a list of columns. A name with an escape is none that is known here.
fn column_names(list: &RawValue) -> Option<Vec<&str>> {
    let names: Option<Vec<_>> = elements(list)?.into_iter().map(column_name).collect();
    names.filter(|names| !names.is_empty())
}

fn column_name(value: &RawValue) -> Option<&str> {
    if value.get().starts_with('{') {
        return unquoted(Object::parse(value.get().as_bytes()).ok()?.get(&NAME)?);
    }
    unquoted(value)
}

/// Returns the cells of a row.
fn row(value: &RawValue) -> Option<(&RawValue, Vec<&RawValue>)> {
    if value.get().starts_with('{') {
        let object = Object::parse(value.get().as_bytes()).ok()?;
        let cells = elements(object.get(&CELLS)?)?;
        return Some((value, cells.into_iter().map(scalar).collect()));
    }
    Some((value, elements(value)?))
}

/// Returns what the cells beside a line show by their form, if one of them is a time: a row without
/// its table's names.
fn row_without_names(cells: &[&RawValue]) -> Option<Outer> {
    if !(3..=MOST_CELLS).contains(&cells.len()) || !cells.iter().all(|it| is_cell(it)) {
        return None;
    }
    let texts: Vec<_> = cells.iter().filter_map(|cell| string(cell)).collect();
    let (lines, others): (Vec<_>, Vec<_>) = texts.iter().partition(|text| is_payload(text));
    let is_row = lines.len() == 1;
    let outer = is_row.then(|| super::columns::told(others.iter().map(|text| text.as_ref())))?;
    (outer.time != LogTime::Unknown).then_some(outer)
}

/// The largest number of cells in a row without names.
const MOST_CELLS: usize = 64;

fn is_cell(value: &RawValue) -> bool {
    !matches!(value.get().as_bytes().first(), Some(b'[' | b'{'))
}

/// Returns the text between the quotes of a string, as it stands there.
fn unquoted(value: &RawValue) -> Option<&str> {
    value.get().strip_prefix('"')?.strip_suffix('"')
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
