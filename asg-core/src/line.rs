//! One line, its outer wrapping taken off.
//!
//! Some transports escape what they carry: `/dev/kmsg` writes `\xNN`, journald and log shippers write JSON. What they
//! carry has to be written down anew before it can be read, so a [`Line`] may own text. All others are borrowed.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Timestamp;
use crate::envelope::{self, Dialect, Envelope};
use crate::time::{LogTime, Uptime};

/// One line of a log, ready to be read.
///
/// ```
/// use asg_core::Line;
///
/// let line = Line::new(br"4,31017,2343595381,-;caf\xc3\xa9 IN= OUT=eth0 ");
/// assert_eq!(line.envelope().body, "caf\u{e9} IN= OUT=eth0 ");
/// assert_eq!(line.envelope().uptime.unwrap().to_string(), "2343.595381");
/// ```
#[derive(Debug, Clone)]
pub struct Line<'a> {
    text: Cow<'a, [u8]>,
    wrapping: Option<Box<Wrapping>>,
}

/// What an outer wrapping said of the line in it.
#[derive(Debug, Clone)]
pub(crate) struct Wrapping {
    dialect: Dialect,
    /// Where the wrapped text begins in the raw line.
    starts: usize,
    time: LogTime,
    uptime: Option<Uptime>,
    host: Option<String>,
    program: Option<String>,
    priority: Option<u8>,
    sequence: Option<u64>,
    continuation: bool,
}

impl<'a> Line<'a> {
    /// Takes any bytes; a carriage return at the end is dropped.
    #[must_use]
    pub fn new(raw: &'a [u8]) -> Self {
        let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
        let unwrapped = match raw.first() {
            Some(b'0'..=b'9') => dev_kmsg(raw),
            Some(b'{' | b' ' | b'\t') => json(raw),
            _ => None,
        };
        unwrapped.unwrap_or(Self { text: Cow::Borrowed(raw), wrapping: None })
    }

    /// How the line reached us, and its body.
    #[must_use]
    pub fn envelope(&self) -> Envelope<'_> {
        let text = &*self.text;
        let Some(outer) = &self.wrapping else { return envelope::read(text) };
        // What was wrapped is a line itself: a kernel text, or one of syslog.
        let mut inner = envelope::read(text);
        if inner.dialect == Dialect::Bare {
            inner.dialect = outer.dialect;
        }
        if inner.time == LogTime::Unknown {
            inner.time = outer.time;
        }
        inner.uptime = inner.uptime.or(outer.uptime);
        inner.host = inner.host.or(outer.host.as_deref().map(Into::into));
        inner.program = inner.program.or(outer.program.as_deref().map(Into::into));
        inner.priority = inner.priority.or(outer.priority);
        inner.sequence = outer.sequence;
        inner.continuation = outer.continuation;
        inner
    }

    /// The place in the raw line of a place in the text that [`Line::envelope`] reads. Inside escaped text it is the
    /// nearest that is known: where that text begins.
    #[must_use]
    pub fn raw_offset(&self, offset: usize) -> usize {
        match (&self.wrapping, &self.text) {
            (Some(outer), Cow::Owned(_)) => outer.starts,
            (Some(outer), Cow::Borrowed(_)) => outer.starts + offset,
            (None, _) => offset,
        }
    }
}

/// `priority,sequence,microseconds,flags[,…];text`, with `\xNN` for what is not printable ASCII.
///
/// Source: `Documentation/ABI/testing/dev-kmsg`.
fn dev_kmsg(raw: &[u8]) -> Option<Line<'_>> {
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
    let wrapping = Wrapping {
        dialect: Dialect::DevKmsg,
        starts,
        time: LogTime::Unknown,
        uptime: Some(Uptime::from_micros(micros)),
        host: None,
        program: None,
        priority: u8::try_from(priority).ok(),
        sequence: Some(sequence),
        continuation: flags == b"c" || flags == b"+",
    };
    Some(Line { text, wrapping: Some(Box::new(wrapping)) })
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

/// The keys under which wrappers put a line, and what they say of it. Text is kept raw until it is known to be wanted.
#[derive(Deserialize)]
struct Wrapper<'j> {
    #[serde(borrow, rename = "MESSAGE")]
    journal: Option<&'j RawValue>,
    #[serde(borrow)]
    msg: Option<&'j RawValue>,
    #[serde(borrow)]
    log: Option<&'j RawValue>,
    #[serde(borrow)]
    message: Option<&'j RawValue>,
    #[serde(borrow, rename = "_HOSTNAME")]
    journal_host: Option<&'j RawValue>,
    #[serde(borrow)]
    host: Option<&'j RawValue>,
    #[serde(borrow, rename = "SYSLOG_IDENTIFIER")]
    identifier: Option<&'j RawValue>,
    #[serde(borrow, rename = "PRIORITY")]
    priority: Option<&'j RawValue>,
    #[serde(borrow)]
    pri: Option<&'j RawValue>,
    #[serde(borrow, rename = "__REALTIME_TIMESTAMP")]
    realtime: Option<&'j RawValue>,
    #[serde(borrow, rename = "_SOURCE_MONOTONIC_TIMESTAMP")]
    monotonic: Option<&'j RawValue>,
    #[serde(borrow)]
    time: Option<&'j RawValue>,
    #[serde(borrow, rename = "@timestamp")]
    at: Option<&'j RawValue>,
    // A lager line is the message itself, not a wrapping.
    #[serde(borrow)]
    data: Option<&'j RawValue>,
    #[serde(borrow)]
    log_level: Option<&'j RawValue>,
    #[serde(borrow)]
    source: Option<&'j RawValue>,
}

/// journald's JSON, `dmesg -J`, and log shippers' objects with the line under `log` or `message`.
fn json(raw: &[u8]) -> Option<Line<'_>> {
    let start = raw.iter().position(|b| !b.is_ascii_whitespace())?;
    let object = raw[start..].trim_ascii_end();
    let object = object.strip_suffix(b",").unwrap_or(object);
    // Lager is nearly all of the JSON that comes by, and begins so. It must not cost a parse here.
    if raw[start..].starts_with(br#"{"timestamp":"#) || object.first() != Some(&b'{') {
        return None;
    }
    let wrapper: Wrapper<'_> = serde_json::from_slice(object).ok()?;
    if wrapper.data.is_some() || wrapper.log_level.is_some() || wrapper.source.is_some() {
        return None;
    }
    let (value, dialect) = match (wrapper.journal, wrapper.msg, wrapper.log, wrapper.message) {
        (Some(value), ..) => (value, Dialect::JournalJson),
        (None, Some(value), ..) => (value, Dialect::DmesgJson),
        (None, None, Some(value), _) | (None, None, None, Some(value)) => (value, Dialect::Json),
        _ => return None,
    };
    let text = message(value)?;
    let number = |value: Option<&RawValue>| {
        value.and_then(|v| v.get().trim_matches('"').parse::<u64>().ok())
    };
    let string =
        |value: Option<&RawValue>| value.and_then(|v| serde_json::from_str::<String>(v.get()).ok());
    let realtime =
        number(wrapper.realtime).and_then(|micros| i64::try_from(micros).ok()?.checked_mul(1_000));
    let shipped = string(wrapper.at).and_then(|time| Timestamp::parse(time.as_bytes()).ok());
    let time =
        realtime.map(Timestamp::from_nanos).or(shipped).map_or(LogTime::Unknown, LogTime::Instant);
    let booted = wrapper
        .time
        .and_then(|time| envelope::uptime_text(time.get().trim_matches('"').as_bytes()));
    // The offset of `msg` in `raw`: both are pieces of one allocation.
    let starts = value.get().as_ptr() as usize - raw.as_ptr() as usize;
    let wrapping = Wrapping {
        dialect,
        starts,
        time,
        uptime: number(wrapper.monotonic)
            .map(Uptime::from_micros)
            .or(booted.filter(|_| dialect == Dialect::DmesgJson)),
        host: string(wrapper.journal_host).or_else(|| string(wrapper.host)),
        program: string(wrapper.identifier),
        priority: number(wrapper.priority)
            .or_else(|| number(wrapper.pri))
            .and_then(|n| u8::try_from(n).ok()),
        sequence: None,
        continuation: false,
    };
    Some(Line { text: Cow::Owned(text), wrapping: Some(Box::new(wrapping)) })
}

/// A string, or what journald writes for text that is not UTF-8: an array of byte values.
fn message(value: &RawValue) -> Option<Vec<u8>> {
    match value.get().as_bytes().first()? {
        b'"' => serde_json::from_str::<String>(value.get())
            .ok()
            .map(|text| text.trim_end_matches('\n').into()),
        b'[' => serde_json::from_str::<Vec<u8>>(value.get()).ok(),
        _ => None,
    }
}
