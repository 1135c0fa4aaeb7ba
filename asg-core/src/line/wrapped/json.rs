//! Finds lines in JSON by their content.
//!
//! Log stores put a line into a member of any name, at any depth, and several lines into arrays. So
//! the text is the string that contains a packet or a lager line. Host, time and program are beside
//! it or around it; see [`facts`](super::facts). If no string contains either, the members
//! with the usual names are the text, so that other lines are parsed too.
//!
//! Sources: systemd.journal-fields(7); rsyslog `runtime/msg.c`; syslog-ng's templates; Vector,
//! Fluent Bit and Filebeat by their documentation; Splunk's HEC; Elasticsearch; Loki
//! `docs/sources/reference/loki-http-api.md`; `CloudWatch` Logs; Azure Monitor's table `Syslog`;
//! Datadog's `LogAttributes`; the GELF specification; `opentelemetry-proto`, `logs.proto`.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::facts::{instant, pairs, told, unquoted};
use super::{Found, Outer, cut, is_payload, several, table};
use crate::bytes::json::Object;
use crate::bytes::trailing;
use crate::line::envelope::{Dialect, layers};
use crate::line::is_like_lager;
use crate::time::{LogTime, Timestamp, stamp};

/// Members with lines that are neither a packet's nor lager's, the surest first.
pub(super) const TEXTS: &[&str] = &[
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
            None => match serde_json::from_slice(trailing::divide_object(text).0) {
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
    if stamp::is_at(text)
        && let Some(colon) = memchr::memmem::find(head, b": {\"")
    {
        return fluentd(text, colon);
    }
    // Behind the header of an app there is only text of the app, and one of several columns may
    // name an app.
    if memchr::memchr(b'\t', head).is_some() || !layers::peel_known(text).role().carries_lines() {
        return None;
    }
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
        // Other lines of the same event name the program of a lager line.
        let dialect = match line.first() {
            Some(b'{') => Dialect::JournalField,
            _ => Dialect::Json,
        };
        let outer = Outer { dialect, time, ..Outer::default() };
        if memchr::memchr(b'\n', &line).is_none() {
            return Some(vec![Found { text: line, starts: quote, outer }]);
        }
        let found = several::lines(&line, false).into_iter().map(|line| Found {
            text: Cow::Owned(line),
            starts: quote,
            outer: outer.clone(),
        });
        return Some(found.collect());
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

/// Parses `2024-05-06 07:09:10 +0000 tag: {…}`: a stamp, one word, and an object that names
/// program and machine. Most objects of apps name neither, and syslog's header has a host before
/// the tag.
fn fluentd(text: &[u8], colon: usize) -> Option<Vec<Found<'_>>> {
    let starts = colon + b": ".len();
    let time = super::columns::time(&text[..memchr::memrchr(b' ', &text[..colon])?]);
    if time == LogTime::Unknown {
        return None;
    }
    let outer = Outer { time, ..Outer::default() };
    let mut found = find(&text[starts..])?;
    for found in &mut found {
        found.starts += starts;
        found.outer = std::mem::take(&mut found.outer).within(&outer);
    }
    let is_shippers = |it: &Found<'_>| it.outer.program.is_some() && it.outer.host.is_some();
    Some(found).filter(|found| found.iter().all(is_shippers))
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
                let is_line = |text: &Cow<'_, [u8]>| is_payload(text) || is_document(text);
                if let Some(text) = string(value).filter(is_line) {
                    self.push_lines(value, text, around, false);
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
        let facts = more.map(|more| told(&more)).or_else(|| table::row_without_names(&values));
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
        if let Some(Form { is_output, value, text, outer }) = longest {
            self.push_lines(value, text, &outer, is_output);
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
        // A document in a string of any name, or a line of another kind.
        if self.found.len() == known {
            for (_, value) in object.members().filter(|(_, value)| value.get().starts_with('"')) {
                if let Some(text) = string(value).filter(|text| is_document(text)) {
                    self.push_lines(value, text, &outer, false);
                }
            }
        }
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
            && let Some((names, rows)) = table::read(object)
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

    /// Adds each line of a string that may hold several, as a command's output does.
    fn push_lines(
        &mut self,
        value: &RawValue,
        text: Cow<'t, [u8]>,
        outer: &Outer,
        is_output: bool,
    ) {
        if memchr::memchr(b'\n', &text).is_none() {
            return self.push(value, text, outer.clone());
        }
        for line in several::lines(&text, is_output) {
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

/// Returns whether a string may be a document about containers: JSON that may hold a GUID.
fn is_document(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    text.len() > LEAST_DOCUMENT
        && matches!(text, [b'{', .., b'}'] | [b'[', .., b']'])
        && memchr::memchr(b'"', text).is_some()
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
    /// Whether it is a command's output.
    is_output: bool,
    value: &'t RawValue,
    text: Cow<'t, [u8]>,
    outer: Outer,
}

/// Members with the output of a command, whose lines are of many programs. Any other string is one
/// message.
///
/// Sources: bosh `ssh --json`; ansible `stdout`; salt `return`; AWS Systems Manager
/// `StandardOutputContent`.
const OUTPUTS: [&str; 9] = [
    "stdout",
    "stderr",
    "output",
    "content",
    "contents",
    "result",
    "return",
    "StandardOutputContent",
    "StandardErrorContent",
];

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
        let is_output = OUTPUTS.iter().any(|name| name.eq_ignore_ascii_case(key));
        let form = || text().map(|text| Form { is_output, value, text, outer: outer.clone() });
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

/// Returns a string, or decodes journald's form for text that is not UTF-8: an array of byte
/// values.
pub(super) fn string<'t>(value: &'t RawValue) -> Option<Cow<'t, [u8]>> {
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
