//! Lines in tables: fields between commas, semicolons, bars or tabs, perhaps in quotes.
//!
//! A line does not show the table's head, so the field with a packet or a lager line is the text,
//! and the other fields are recognised by their form: a time, a program, a host. A name behind the
//! host's is a program's, and a program that is not known proves nothing.
//!
//! Sources: splunk-sdk-python's samples; help.papertrailapp.com, permanent log archives;
//! graylog2-server `SimpleMessageChunkCsvWriter`; kibana `generate_csv.ts`; Sumo Logic's and Azure
//! Monitor's exports; Synology's log center.

use std::borrow::Cow;
use std::net::IpAddr;

use super::journal::{Field, object};
use super::{Found, Outer, facts, is_payload, json};
use crate::bytes::json::Object;
use crate::line::envelope::role::Role;
use crate::line::envelope::{Dialect, is_host, layers, marks, members};
use crate::time::{LogTime, Timestamp, rfc3339, stamp};

/// The maximum number of fields in a row.
pub(super) const MOST: usize = 64;

/// Finds the line in a row of a table; `None` if the text is not a row, or has no line in it.
pub(super) fn find(text: &[u8]) -> Option<Found<'_>> {
    let is_payload_in = |text| is_quoted(text) && is_payload(&unquoted(text));
    if !(is_payload(text) || is_payload_in(text)) {
        return None;
    }
    let fields = if memchr::memchr(b'\t', text).is_some() {
        let quoted = fields(text, b'\t').filter(|(_, has_quotes)| *has_quotes);
        let plain = || tabs(text).map(|(at, field)| (at, Cow::Borrowed(field))).collect();
        quoted.filter(|(fields, _)| holds_line(fields)).map_or_else(plain, |(fields, _)| fields)
    } else {
        let rows =
            [b',', b';', b'|'].into_iter().filter_map(|delimiter| plain_row(text, delimiter));
        rows.into_iter().next()?
    };
    if !(2..=MOST).contains(&fields.len()) {
        return None;
    }
    if let Some(found) = by_places(text, &fields) {
        return Some(found);
    }
    let place = fields.iter().position(|(_, field)| is_payload(field))?;
    let others = fields.iter().enumerate().filter(|(n, _)| *n != place);
    let mut outer = told(others.map(|(_, (_, field))| field.as_ref()));
    let (starts, text) = fields.into_iter().nth(place)?;
    // A line with a header of its own names machine and program; columns around it do not. But an
    // app may print a header.
    let header = layers::peel(&text);
    if header.program.is_some() {
        outer.program = outer.program.filter(|program| !names_carrier(program));
        outer.host = outer.host.filter(|_| header.host.is_none());
    }
    Some(Found { text, starts, outer })
}

fn holds_line(fields: &Fields<'_>) -> bool {
    fields.iter().any(|(_, field)| is_payload(field))
}

/// Returns the fields of a row that has one in quotes, or that has a time and the line as its last
/// field: another may be a part of a message.
fn plain_row(text: &[u8], delimiter: u8) -> Option<Fields<'_>> {
    // The cheap test first: rows are few among texts with commas.
    if memchr::memchr(b'"', text).is_none() && !is_row(text, delimiter) {
        return None;
    }
    let (mut fields, has_quotes) = fields(text, delimiter)?;
    if delimiter == b'|' {
        // Tables for people have blanks around the bars.
        for (at, field) in &mut fields {
            if let Cow::Borrowed(text) = field {
                *at += text.len() - text.trim_ascii_start().len();
                *text = text.trim_ascii();
            }
        }
    }
    let is_told = || {
        let (_, last) = fields.last()?;
        let has_time = fields.iter().any(|(_, field)| is_time(field));
        (fields.len() > 2 && has_time && is_payload(last)).then_some(())
    };
    let is_row = if has_quotes && holds_line(&fields) { Some(()) } else { is_told() };
    is_row.map(|()| fields)
}

/// Returns whether a program of this name hands on lines of others.
pub(super) fn names_carrier(program: &str) -> bool {
    Outer { program: Some(program.to_owned()), ..Outer::default() }.carries_lines()
}

/// A table without a head, whose columns are known by their places. The line is the last of them.
struct Places {
    names: &'static [&'static [u8]],
    /// Whether a row is one of its rows.
    is_row: fn(&[&[u8]]) -> bool,
}

/// Tables without heads.
///
/// Sources: help.papertrailapp.com, permanent log archives; Sumo Logic's documentation, forwarding
/// to S3.
const PLACES: [Places; 2] = [
    // The message may have tabs. Two numbers and two times show that it is one.
    Places {
        names: &[
            b"event_id",
            b"generated_at",
            b"received_at",
            b"source_id",
            b"source_name",
            b"source_ip",
            b"facility_name",
            b"severity_name",
            b"program",
        ],
        is_row: |row| {
            let [id, generated, received, source, ..] = row else { return false };
            row.len() > 9
                && is_number(id)
                && is_number(source)
                && is_time(generated)
                && is_time(received)
        },
    },
    Places {
        names: &[
            b"messageid",
            b"sourcename",
            b"sourcehost",
            b"sourcecategory",
            b"messagetime",
            b"receipttime",
            b"sourceid",
            b"collectorid",
            b"count",
            b"format",
            b"view",
            b"encoding",
        ],
        is_row: |row| {
            row.len() == 13
                && is_number(row[0].strip_prefix(b"-").unwrap_or(row[0]))
                && row[4..9].iter().all(|it| is_number(it))
        },
    },
];

fn is_number(field: &[u8]) -> bool {
    !field.is_empty() && field.iter().all(u8::is_ascii_digit)
}

fn is_time(field: &[u8]) -> bool {
    time(field) != LogTime::Unknown
}

/// Finds the line in a row of a table without a head.
fn by_places<'t>(text: &'t [u8], fields: &[(usize, Cow<'t, [u8]>)]) -> Option<Found<'t>> {
    let row: Vec<&[u8]> = fields.iter().map(|(_, field)| &**field).collect();
    let Places { names, .. } = PLACES.iter().find(|places| (places.is_row)(&row))?;
    let (starts, line) = fields.get(names.len())?;
    let named = names.iter().zip(fields).map(|(name, (starts, value))| Field {
        name,
        value: value.clone(),
        starts: *starts,
    });
    let object = object(&named.collect::<Vec<_>>())?;
    let outer = facts::told(&Object::parse(object.as_bytes()).ok()?);
    let is_last = fields.len() == names.len() + 1;
    let text = if is_last { line.clone() } else { Cow::Borrowed(&text[*starts..]) };
    Some(Found { text, starts: *starts, outer })
}

/// Finds the line in fields with labels: LTSV, `time:…⇥host:…⇥ident:…⇥message:…`.
///
/// Source: ltsv.org; fluentd's `out_file` and `formatter_ltsv`.
pub(super) fn labelled(text: &[u8]) -> Option<Found<'_>> {
    memchr::memchr(b'\t', text).filter(|_| text[0].is_ascii_alphabetic())?;
    let fields: Vec<_> = tabs(text).map(|(at, text)| label(at, text)).collect::<Option<_>>()?;
    let starts = fields.iter().find(|field| is_payload(&field.value))?.starts;
    let object = object(&fields)?;
    let found = json::find(object.as_bytes())?.into_iter().next()?;
    Some(Found { text: Cow::Owned(found.text.into_owned()), starts, outer: found.outer })
}

/// Returns the fields between tabs, each with its offset.
fn tabs(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    text.split(|b| *b == b'\t').map(move |field| {
        let starts = at;
        at += field.len() + 1;
        (starts, field)
    })
}

fn label(at: usize, text: &[u8]) -> Option<Field<'_>> {
    let colon = memchr::memchr(b':', text)?;
    let (name, value) = (&text[..colon], &text[colon + 1..]);
    let is_label = |b: &u8| b.is_ascii_alphabetic() || matches!(b, b'_' | b'.' | b'@');
    let is_name = !name.is_empty() && name.iter().all(is_label) && !value.is_empty();
    is_name.then_some(Field { name, value: Cow::Borrowed(value), starts: at + colon + 1 })
}

/// Returns the facts in the fields beside a line, by their form. A field of labels has names, so
/// the forms of the other fields then prove nothing.
pub(super) fn told<'t>(fields: impl Iterator<Item = &'t [u8]> + Clone) -> Outer {
    let mut outer = Outer { dialect: Dialect::Json, ..Outer::default() };
    let mut before: &[u8] = b"";
    for field in fields.clone() {
        // A date may have a column of its own, before that of the clock.
        if outer.time == LogTime::Unknown && stamp::is_date(before) {
            outer.time = time(&[before, b" ", field].concat());
        }
        tell(&mut outer, field);
        before = field;
    }
    if outer.time == LogTime::Unknown {
        outer.time = epoch(fields.clone());
    }
    match labels(fields) {
        Some(labels) if labels.names_writer() => {
            let Outer { dialect, time, stream, .. } = outer;
            let time = Outer { dialect, time, stream, ..Outer::default() };
            labels.within(&time)
        }
        _ => outer,
    }
}

/// Returns the facts in the fields with labels, objects of JSON; `None` without such a field.
pub(super) fn labels<'t>(fields: impl Iterator<Item = &'t [u8]>) -> Option<Outer> {
    let labels = fields.filter(|field| field.starts_with(b"{\""));
    let labels = labels.filter_map(|field| Object::parse(field).ok()).map(|it| facts::told(&it));
    labels.reduce(|inner, outer| inner.within(&outer))
}

/// Returns the time in the fields that are numbers since the epoch. An identifier may have as many
/// digits, so numbers that are a day apart or more do not count.
fn epoch<'t>(fields: impl Iterator<Item = &'t [u8]>) -> LogTime {
    let mut times = fields.filter_map(|field| stamp::since_epoch(field.trim_ascii()));
    let Some(first) = times.next() else { return LogTime::Unknown };
    let is_near = |it: Timestamp| it.as_nanos().abs_diff(first.as_nanos()) < DAY;
    if times.all(is_near) { LogTime::Instant(first) } else { LogTime::Unknown }
}

/// A day, in nanoseconds.
const DAY: u64 = 86_400_000_000_000;

/// Takes the fact that a field shows by its form.
fn tell(outer: &mut Outer, field: &[u8]) {
    outer.stream = outer.stream.take().or_else(|| marks::of_value(field));
    let own = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
    match time(field) {
        LogTime::Unknown => {}
        time => {
            if outer.time == LogTime::Unknown {
                outer.time = time;
            }
            return;
        }
    }
    // A tag: `rep:`, `rep[7]:`.
    let tag = field.strip_suffix(b":").map(without_number);
    if let Some(name) = tag.filter(|name| is_host(name)) {
        outer.program.get_or_insert_with(|| own(name));
        return;
    }
    if is_no_name(field) {
        return;
    }
    let is_address = is_address(field);
    let names_machine = outer.host.is_some() || outer.instance.is_some() || outer.index.is_some();
    let is_known = Role::of_program(field) != Role::Speaker;
    let may_be_host = is_address || (is_host(field) && !field.contains(&b'/'));
    if !is_known && !names_machine && may_be_host {
        outer.host = Some(own(field));
    } else if let Some((job, id, is_index)) = members::machine(field).filter(|_| !names_machine) {
        let slot = if is_index { &mut outer.index } else { &mut outer.instance };
        (*slot, outer.job) = (Some(own(id)), Some(own(job)));
    } else if !is_address {
        // A second name, or one that no machine has: the program's.
        outer.program.get_or_insert_with(|| own(field));
    }
}

/// Bytes that no name has.
const NO_NAME: &[u8] = b" :\"=<>(){}\t\0";

/// Splunk's `date_zone` of a time without a zone, and its first index.
const NO_NAMES: [&[u8]; 2] = [b"local", b"main"];

/// Returns whether a field is certainly no name: a number, a level, a part of a date, a path, a
/// source, a file, a kind of records, or a text.
fn is_no_name(field: &[u8]) -> bool {
    let is_level = || crate::line::envelope::is_level_or_facility(field) && field != b"kernel";
    let ends = [&b".log"[..], b".txt", b".json", b".gz"];
    is_decimal(field)
        || is_level()
        || stamp::is_whole_word(field)
        || stamp::is_date(field)
        || NO_NAMES.contains(&field)
        || field.starts_with(b"/")
        || field.iter().any(|b| NO_NAME.contains(b)) && !is_address(field)
        || ends.iter().any(|end| field.ends_with(end))
        || field.iter().all(u8::is_ascii_uppercase)
}

/// Returns whether a field is empty or a number, perhaps with a fraction.
fn is_decimal(field: &[u8]) -> bool {
    let number = field.strip_prefix(b"-").unwrap_or(field);
    let points = memchr::memchr_iter(b'.', number).count();
    points < 2 && number.iter().all(|b| b.is_ascii_digit() || *b == b'.')
}

fn is_address(field: &[u8]) -> bool {
    std::str::from_utf8(field).is_ok_and(|it| it.parse::<IpAddr>().is_ok())
}

/// Returns a program's name without its process id.
fn without_number(tag: &[u8]) -> &[u8] {
    let number = memchr::memchr(b'[', tag).filter(|_| tag.ends_with(b"]"));
    let number = number.filter(|at| tag[at + 1..tag.len() - 1].iter().all(u8::is_ascii_digit));
    number.map_or(tag, |at| &tag[..at])
}

/// Parses the time of a field.
pub(super) fn time(field: &[u8]) -> LogTime {
    let text = field.trim_ascii();
    if let Some((time, len, _)) = rfc3339(text)
        && len == text.len()
    {
        return LogTime::Instant(time);
    }
    let found = stamp::zoned(text)
        .or_else(|| stamp::without_zone(text))
        .or_else(|| stamp::by_numbers(text));
    if let Some((time, _)) = found.filter(|(_, len)| *len == text.len()) {
        return time;
    }
    match stamp::rfc3164(text) {
        Some((time, len)) if len == text.len() => time,
        _ => stamp::american(text).or_else(|| stamp::kibana(text)).unwrap_or_default(),
    }
}

fn is_quoted(text: &[u8]) -> bool {
    memchr::memmem::find(text, b"\"\"").is_some()
}

/// Returns the text with its doubled quotes undone.
fn unquoted(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, b"\"\"") {
        out.extend_from_slice(&rest[..=at]);
        rest = &rest[at + 2..];
    }
    out.extend_from_slice(rest);
    out
}

/// Bytes that divide columns.
pub(in crate::line) const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// Returns whether a line begins with a quote that it does not close, as the first value of a row.
pub(in crate::line) fn opens_quote(line: &[u8]) -> bool {
    matches!(line, [b'"', inside @ ..] if !inside.is_empty() && closing_quote(inside).is_none())
}

/// Returns the byte between two columns if a line is a row of a table without a head: it has three
/// fields or more, and one is a whole time. Its last value may go on in the next line; then two
/// suffice.
pub(in crate::line) fn row(line: &[u8]) -> Option<u8> {
    DELIMITERS.into_iter().find(|delimiter| is_row(line, *delimiter))
}

fn is_row(line: &[u8], delimiter: u8) -> bool {
    let (mut at, mut count, mut has_time) = (0, 0, false);
    loop {
        let rest = &line[at..];
        let field = if let [b'"', inside @ ..] = rest {
            let Some(len) = closing_quote(inside) else { break };
            at += len + 2;
            &inside[..len]
        } else {
            let len = memchr::memchr(delimiter, rest).unwrap_or(rest.len());
            at += len;
            &rest[..len]
        };
        count += 1;
        let is_time =
            || time(field) != LogTime::Unknown || epoch([field].into_iter()) != LogTime::Unknown;
        has_time = has_time || is_time();
        match line.get(at) {
            None => break,
            Some(b) if *b == delimiter && count < MOST => at += 1,
            Some(_) => return false,
        }
    }
    let is_open = at < line.len();
    // Papertrail's rows have no quotes around values.
    let has_quotes = || {
        let fields: Vec<_> = tabs(line).map(|(_, field)| field).collect();
        delimiter != b'\t' || !(PLACES[0].is_row)(&fields)
    };
    (count > 2 || is_open)
        && has_time
        && layers::peel_known(line).dialect == Dialect::Bare
        && has_quotes()
}

/// The fields of a row, each with its offset.
pub(super) type Fields<'t> = Vec<(usize, Cow<'t, [u8]>)>;

/// Returns the fields of a row, and whether one of them is in quotes; `None` if text follows a
/// closing quote.
pub(super) fn fields(text: &[u8], delimiter: u8) -> Option<(Fields<'_>, bool)> {
    let mut fields = Vec::new();
    let mut has_quotes = false;
    let mut at = 0;
    loop {
        let rest = &text[at..];
        if rest.first() == Some(&b'"') {
            has_quotes = true;
            let len = closing_quote(&rest[1..])?;
            let inside = &rest[1..=len];
            let field = if is_quoted(inside) {
                Cow::Owned(unquoted(inside))
            } else {
                Cow::Borrowed(inside)
            };
            fields.push((at + 1, field));
            at += len + 2;
        } else {
            let len = memchr::memchr(delimiter, rest).unwrap_or(rest.len());
            fields.push((at, Cow::Borrowed(&rest[..len])));
            at += len;
        }
        match text.get(at) {
            None => break,
            Some(b) if *b == delimiter && fields.len() < MOST => at += 1,
            // Blanks at the end.
            Some(_) if text[at..].trim_ascii().is_empty() => break,
            Some(_) => return None,
        }
    }
    Some((fields, has_quotes))
}

/// Returns the place of the quote that ends a field: the first that is not doubled.
pub(in crate::line) fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr(b'"', text.get(at..)?)?;
        if text.get(at + 1) != Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}
