//! Removes wrappings before the line in them can be parsed: records of `/dev/kmsg`, JSON, tables,
//! and several lines in one.
//!
//! | wrapping | writer |
//! |---|---|
//! | `4,339,637581122,-;…` | `/dev/kmsg` |
//! | JSON, of any structure | journald, `dmesg -J`, log stores and shippers; see [`json`] |
//! | `"…","…"`, `…⇥…`, `…;…`, `…\|…` | exports of log stores; see [`columns`]. A head makes objects of rows: [`head`] |
//! | `__CURSOR=…`, and fields on lines of their own | journald; see [`journal`] |
//! | `syslog,hostname=cell-1 message="…" 1714979350581301000` | Telegraf; see [`influx`] |
//! | `time=… host=cell-1 msg="…"` | logfmt; see [`logfmt`] |
//! | `CEF:0\|…\|msg=…`, `LEEF:1.0\|…\|msg=…` | security products; see [`cef`] |
//! | `tag: [time, {…}]`, `{"log"=>"…"}`, `"message" => "…"` | Fluent Bit, Logstash |
//! | `318 <4>1 …318 <4>1 …` | RFC 6587, a stream of octet counts without line feeds |
//! | lines without line feeds between them | datagrams of syslog, `ansible -o`; see [`glued`] |
//! | colours | grep, `aws logs tail` |
//! | `&quot;` | pages and XML |
//!
//! A wrapping may come behind layers ([`layers`](super::envelope::layers)), and the text in it may
//! have layers, or be wrapped again.

mod cef;
mod columns;
mod cut;
mod facts;
mod glued;
mod head;
mod influx;
mod journal;
mod json;
mod logfmt;
mod several;
mod table;

use std::borrow::Cow;

pub(super) use self::columns::{DELIMITERS, closing_quote, opens_quote, row};
pub use self::head::Head;
use super::envelope::role::Role;
use super::envelope::{Dialect, Envelope, layers};
use super::gather::frames::frame;
use super::is_like_lager;
use crate::bytes::find::position;
use crate::bytes::text::Text;
use crate::bytes::{colours, entities};
use crate::time::{LogTime, Uptime};

/// The contents of a line's wrappings: at least one line.
#[derive(Debug, Clone)]
pub(crate) struct Unwrapped<'a> {
    pub(crate) first: Part<'a>,
    pub(super) more: Vec<Part<'a>>,
}

impl Unwrapped<'_> {
    /// Returns whether one of the lines has colours.
    pub(super) fn has_colours(&self) -> bool {
        std::iter::once(&self.first).chain(&self.more).any(|part| has_colours(&part.text))
    }
}

/// One line, and the facts in its wrappings.
#[derive(Debug, Clone)]
pub(crate) struct Part<'a> {
    text: Cow<'a, [u8]>,
    /// The offset of the wrapped text in the raw line.
    starts: usize,
    outer: Outer,
}

/// The facts in a wrapping about the line inside. Each level completes the levels inside it.
#[derive(Debug, Clone, Default)]
struct Outer {
    dialect: Dialect,
    time: LogTime,
    uptime: Option<Uptime>,
    host: Option<String>,
    job: Option<String>,
    index: Option<String>,
    instance: Option<String>,
    /// Whether a tool named the machine that it ran on. The machine's own header may name it by
    /// another name, as it does behind the tool's prefix in text.
    is_tools: bool,
    program: Option<String>,
    /// The part of an app's log stream, in brackets, as a drain has it.
    stream: Option<String>,
    priority: Option<u8>,
    sequence: Option<u64>,
    continuation: bool,
    /// Whether the end of the wrapping is missing, and perhaps that of the line in it.
    is_cut: bool,
}

/// A text inside a wrapping.
struct Found<'t> {
    text: Cow<'t, [u8]>,
    /// Its offset in the text that was searched.
    starts: usize,
    outer: Outer,
}

/// The mark that some programs put before JSON in syslog.
///
/// Source: rsyslog, the documentation of mmjsonparse.
const COOKIE: &[u8] = b"@cee:";

/// The maximum nesting of wrappings.
const MOST_DEEP: usize = 4;

/// Removes the wrappings of a line; `None` if it has none.
pub(super) fn unwrap(raw: &[u8]) -> Option<Box<Unwrapped<'_>>> {
    // These two are very frequent: lines of lager's, and of the kernel's buffer.
    let is_kernels = match raw {
        [b'[', b'"' | b'[', ..] => false,
        [b'[', ..] => memchr::memchr(b'{', raw).is_none(),
        _ => false,
    };
    if is_kernels || is_like_lager(raw) {
        return None;
    }
    if let Some(Found { text, starts, outer }) = dev_kmsg(raw) {
        return Some(Box::new(Unwrapped { first: Part { text, starts, outer }, more: Vec::new() }));
    }
    let mut parts = Vec::new();
    let first = level(raw, &Outer::default())?;
    for found in first {
        inner(found, 1, Colours::Kept, &mut parts);
    }
    Unwrapped::of(parts)
}

/// Divides a text that holds several lines without line feeds between them; `None` if it is one.
pub(super) fn divided(raw: &[u8]) -> Option<Box<Unwrapped<'_>>> {
    let mut parts = Vec::new();
    let (lines, outer) = glued::divide(raw, false)?;
    for range in lines {
        let (text, starts) = (Cow::Borrowed(&raw[range.clone()]), range.start);
        let found = Found { text, starts, outer: outer.clone() };
        inner(found, 1, Colours::Kept, &mut parts);
    }
    Unwrapped::of(parts)
}

impl<'a> Unwrapped<'a> {
    fn of(parts: Vec<Part<'a>>) -> Option<Box<Self>> {
        let mut parts = parts.into_iter();
        // Nearly all have one, and an empty vector costs nothing.
        let first = parts.next()?;
        Some(Box::new(Self { first, more: parts.collect() }))
    }
}

/// Removes the colours of a line, and then its wrappings.
pub(super) fn without_colours(raw: &[u8]) -> Box<Unwrapped<'static>> {
    of_plain(&colours::without_colours(raw), Colours::Removed)
}

/// Undoes HTML's entities in a line, and then its wrappings.
pub(super) fn without_entities(raw: &[u8]) -> Box<Unwrapped<'static>> {
    of_plain(&entities::undone(raw), Colours::Kept)
}

fn of_plain(plain: &[u8], colours: Colours) -> Box<Unwrapped<'static>> {
    let text = || Cow::Owned(plain.to_vec());
    let mut parts = Vec::new();
    inner(Found { text: text(), starts: 0, outer: Outer::default() }, 0, colours, &mut parts);
    let mut parts = parts.into_iter();
    let whole = || Part { text: text(), starts: 0, outer: Outer::default() };
    let first = parts.next().unwrap_or_else(whole);
    Box::new(Unwrapped { first, more: parts.collect() })
}

/// The fate of colours in the texts that are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colours {
    Kept,
    Removed,
}

fn has_colours(text: &[u8]) -> bool {
    memchr::memchr(0x1b, text).is_some()
}

/// Searches the text that was found.
fn inner<'a>(found: Found<'a>, depth: usize, colours: Colours, parts: &mut Vec<Part<'a>>) {
    let Found { mut text, starts, outer } = found;
    if colours == Colours::Removed && outer.carries_lines() && has_colours(&text) {
        text = Cow::Owned(colours::without_colours(&text));
    }
    // The kernel prints no JSON, so an object under its name was put around a line on the way, and
    // the names in it are surer: journald's own, for one.
    let is_object = text.starts_with(b"{\"") || text.starts_with(COOKIE);
    let is_kernels = outer.role() == Some(Role::Kernel) && !is_object;
    let is_closed = !outer.carries_lines() || is_kernels;
    let level = if is_closed || depth >= MOST_DEEP { None } else { level(&text, &outer) };
    let is_borrowed = matches!(text, Cow::Borrowed(_));
    let Some(level) = level else {
        let is_kernels = outer.role() == Some(Role::Kernel);
        let lines = outer.carries_lines().then(|| glued::divide(&text, is_kernels)).flatten();
        match lines {
            None => parts.push(Part { text, starts, outer }),
            Some((lines, tools)) => parts.extend(lines.into_iter().map(|range| Part {
                starts: starts + if is_borrowed { range.start } else { 0 },
                text: Cow::Owned(text[range].to_vec()),
                outer: tools.clone().within(&outer),
            })),
        }
        return;
    };
    let level: Vec<_> = level
        .into_iter()
        .map(|found| Found {
            // The place in escaped text is not known: the beginning of that text is used.
            starts: starts + if is_borrowed { found.starts } else { 0 },
            text: Cow::Owned(found.text.into_owned()),
            outer: found.outer,
        })
        .collect();
    for found in level {
        inner(found, depth + 1, colours, parts);
    }
}

/// Returns the texts in the outermost wrapping of a text; `None` if it has none.
fn level<'t>(text: &'t [u8], outer: &Outer) -> Option<Vec<Found<'t>>> {
    if text.first() == Some(&0x1b) {
        let text = Cow::Owned(colours::without_colours(text));
        return Some(vec![Found { text, starts: 0, outer: outer.clone() }]);
    }
    if let Some(found) = dev_kmsg(text).or_else(|| event(text)) {
        return Some(vec![found.within(outer)]);
    }
    if let Some(found) = frames(text) {
        return Some(found.into_iter().map(|found| found.within(outer)).collect());
    }
    if let Some(found) = journal::find(text) {
        return Some(found.into_iter().map(|found| found.within(outer)).collect());
    }
    // The cheap test first: all other wrappings have one of these, and packets have none.
    let may_be_other = memchr::memchr3(b'{', b'"', b'\t', text);
    may_be_other.or_else(|| memchr::memchr3(b',', b';', b'|', text))?;
    if let Some(found) = json::tagged(text) {
        return Some(found.into_iter().map(|found| found.within(outer)).collect());
    }
    if let Some(found) = influx::find(text).or_else(|| columns::labelled(text)) {
        return Some(vec![found.within(outer)]);
    }
    if let Some(found) = logfmt::find(text) {
        return Some(found.into_iter().map(|found| found.within(outer)).collect());
    }
    let envelope = layers::peel_known(text);
    if !envelope.role().carries_lines() || envelope.uptime.is_some() {
        return None;
    }
    let at = text.len() - text[envelope.body_at..].trim_ascii_start().len();
    let body = &text[at..];
    if let Some(found) = event(body).filter(|_| body.starts_with(COOKIE)) {
        let found = Found { starts: found.starts + at, ..found };
        return Some(vec![found.within(&Outer::of(&envelope).within(outer))]);
    }
    if let Some(found) = cef::find(body) {
        let found = Found { starts: found.starts + at, ..found };
        let around = Outer::of(&envelope).within(outer);
        return Some(found.lines().into_iter().map(|found| found.within(&around)).collect());
    }
    let is_json = matches!(body, [b'{' | b'[', ..]);
    // Columns belong to the whole text: an apparent layer is one of them.
    let (found, at, around) = match envelope.role() {
        Role::Unnamed | Role::Forwarder if is_json => {
            (json::find(body), at, Outer::of(&envelope).within(outer))
        }
        // A string on its own, and not the first of several columns.
        Role::Unnamed if body.starts_with(b"\"") && json::find(body).is_some() => {
            (json::find(body), at, Outer::of(&envelope).within(outer))
        }
        Role::Unnamed if envelope.dialect == Dialect::Bare => {
            (columns::find(text).map(Found::lines), 0, outer.clone())
        }
        _ => return None,
    };
    let found = found?.into_iter().map(|mut found| {
        found.starts += at;
        found.within(&around)
    });
    Some(found.collect())
}

impl Found<'_> {
    /// Returns the lines of a text that may hold several.
    fn lines(self) -> Vec<Self> {
        if memchr::memchr(b'\n', &self.text).is_none() {
            return vec![self];
        }
        let of_line =
            |line| Self { text: Cow::Owned(line), starts: self.starts, outer: self.outer.clone() };
        several::lines(&self.text, false).into_iter().map(of_line).collect()
    }

    fn within(self, outer: &Outer) -> Self {
        Self { outer: self.outer.within(outer), ..self }
    }
}

impl Outer {
    /// Collects the facts in layers.
    fn of(envelope: &Envelope<'_>) -> Self {
        let own = |text: Option<Text<'_>>| text.map(|text| text.to_string());
        Self {
            dialect: envelope.dialect,
            time: envelope.time,
            uptime: envelope.uptime,
            host: own(envelope.host),
            job: own(envelope.job),
            index: own(envelope.index),
            instance: own(envelope.instance),
            is_tools: false,
            program: own(envelope.program),
            stream: None,
            priority: envelope.priority,
            sequence: envelope.sequence,
            continuation: envelope.continuation,
            is_cut: envelope.is_cut,
        }
    }

    fn envelope(&self) -> Envelope<'_> {
        Envelope {
            dialect: self.dialect,
            time: self.time,
            uptime: self.uptime,
            host: self.host.as_deref().map(Into::into),
            job: self.job.as_deref().map(Into::into),
            index: self.index.as_deref().map(Into::into),
            instance: self.instance.as_deref().map(Into::into),
            program: self.program.as_deref().map(Into::into),
            proc_id: self.stream.as_deref().map(Into::into),
            priority: self.priority,
            sequence: self.sequence,
            continuation: self.continuation,
            is_cut: self.is_cut,
            ..Envelope::default()
        }
    }

    fn within(self, outer: &Self) -> Self {
        let merged = Self::of(&self.envelope().within(&outer.envelope()));
        // A line inside an app's stream stays one, at any depth.
        let stream = self.stream.or_else(|| outer.stream.clone());
        if self.is_tools || !outer.is_tools {
            return Self { stream, is_tools: self.is_tools, ..merged };
        }
        let Self { job, index, instance, is_tools, .. } = outer.clone();
        Self { job, index, instance, is_tools, stream, ..merged }
    }

    /// Returns whether the text may have a header of its own. The kernel's own records contain the
    /// message and no header: a log prefix may look like one. Apps and users write text, and never
    /// headers.
    fn carries_lines(&self) -> bool {
        let is_record = matches!(self.dialect, Dialect::DevKmsg | Dialect::DmesgJson);
        !is_record && self.stream.is_none() && self.role().is_none_or(Role::carries_lines)
    }

    /// Returns whether it names a machine, a program or an app's stream.
    const fn names_writer(&self) -> bool {
        self.host.is_some() || self.program.is_some() || self.stream.is_some()
    }

    /// Returns the role of the program that the wrapping names.
    fn role(&self) -> Option<Role> {
        self.program.as_deref().map(|program| Role::of_program(program.as_bytes()))
    }
}

impl Part<'_> {
    /// Converts an offset in the text to one in the raw line.
    pub(crate) fn raw_offset(&self, offset: usize) -> usize {
        match self.text {
            Cow::Owned(_) => self.starts,
            Cow::Borrowed(_) => self.starts + offset,
        }
    }

    /// Parses the envelope of the line, and completes it from its wrappings.
    pub(crate) fn fill_envelope<'e>(&'e self, envelope: &mut Envelope<'e>) {
        if self.outer.carries_lines() {
            super::envelope::fill(&self.text, envelope);
            // The kernel's text without a header is its message, whatever it begins with.
            let has_header = envelope.dialect != Dialect::Bare || envelope.uptime.is_some();
            if !has_header && self.outer.role() == Some(Role::Kernel) {
                *envelope = Envelope { body: Text::new(&self.text), ..Envelope::default() };
            }
        } else {
            envelope.body = Text::new(&self.text);
        }
        let outer = self.outer.envelope();
        *envelope = envelope.within(&outer);
        if self.outer.is_tools {
            let Envelope { job, index, instance, .. } = outer;
            *envelope = Envelope { job, index, instance, ..*envelope };
        }
    }
}

/// Parses `data: {…}`, and an object behind a record separator, journald's forms `json-sse` and
/// `json-seq`; and one behind the cookie.
fn event(text: &[u8]) -> Option<Found<'_>> {
    let cookie = || text.strip_prefix(COOKIE).map(<[u8]>::trim_ascii_start);
    let rest = text.strip_prefix(b"data: ").or_else(|| text.strip_prefix(b"\x1e"));
    let rest = rest.or_else(cookie)?;
    let starts = text.len() - rest.len();
    let text = Cow::Borrowed(rest);
    rest.starts_with(b"{").then(|| Found { text, starts, outer: Outer::default() })
}

/// Parses `priority,sequence,microseconds,flags[,…];text`, with `\xNN` for bytes other than
/// printable ASCII.
///
/// Source: `Documentation/ABI/testing/dev-kmsg`.
fn dev_kmsg(raw: &[u8]) -> Option<Found<'_>> {
    let digits = raw.iter().take(4).take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 || raw.get(digits) != Some(&b',') {
        return None;
    }
    let head_end = memchr::memchr(b';', &raw[..raw.len().min(80)])?;
    let mut fields = raw[..head_end].split(|&b| b == b',');
    let mut number = || std::str::from_utf8(fields.next()?).ok()?.parse::<u64>().ok();
    let (priority, sequence, micros) = (number()?, number()?, number()?);
    let flags = fields.next()?;
    if !matches!(flags, [b'-' | b'c' | b'+', ..]) {
        return None;
    }
    let starts = head_end + 1;
    let text = &raw[starts..];
    let text = match memchr::memchr(b'\\', text) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(unescape(text)),
    };
    let outer = Outer {
        dialect: Dialect::DevKmsg,
        uptime: Some(Uptime::from_micros(micros)),
        priority: u8::try_from(priority).ok(),
        sequence: Some(sequence),
        continuation: flags == b"c" || flags == b"+",
        ..Outer::default()
    };
    Some(Found { text, starts, outer })
}

fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&b, after)) = rest.split_first() {
        let escaped = match rest {
            [b'\\', b'x', a, b, ..] => {
                std::str::from_utf8(&[*a, *b]).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok())
            }
            _ => None,
        };
        if let Some(byte) = escaped {
            out.push(byte);
            rest = &rest[4..];
        } else {
            out.push(b);
            rest = after;
        }
    }
    out
}

/// Splits `318 <4>1 …318 <4>1 …`: a line that is longer than its octet count contains several. A
/// message of several lines is several, too, unless its writer hands on no lines.
fn frames(text: &[u8]) -> Option<Vec<Found<'_>>> {
    let mut found = Vec::new();
    let (mut at, mut count) = (0, 0);
    while let Some((begins, len)) = frame(&text[at..]) {
        let starts = at + begins;
        let ends = starts.saturating_add(len).min(text.len());
        let frame = text[starts..ends].trim_ascii_end();
        let lines = several::of_frame(frame);
        if count == 0 && ends == text.len() && lines.is_none() {
            return None;
        }
        let of_frame = |text| Found { text, starts, outer: Outer::default() };
        match lines {
            None => found.push(of_frame(Cow::Borrowed(frame))),
            Some(lines) => found.extend(lines.into_iter().map(Cow::Owned).map(of_frame)),
        }
        (at, count) = (ends, count + 1);
    }
    // The rest is not a frame, so the number was not a count.
    if text[at..].trim_ascii().is_empty() {
        Some(found).filter(|found| found.len() > 1)
    } else {
        None
    }
}

/// Returns whether a text contains a packet, or a line of lager's, which may be in another string.
fn is_payload(text: &[u8]) -> bool {
    (position!(b"OUT=", text).is_some() && position!(b"IN=", text).is_some())
        || (position!(b"{\"timestamp\":", text).is_some()
            && position!(b"\"source\":", text).is_some())
        || (position!(b"{\\\"timestamp\\\":", text).is_some()
            && position!(b"\"source\\\":", text).is_some())
}
