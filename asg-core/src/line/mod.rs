//! One line, its outer wrapping taken off.
//!
//! Some transports escape what they carry: `/dev/kmsg` writes `\xNN`, journald and log shippers write JSON. What they
//! carry has to be written down anew before it can be read, so a [`Line`] may own text. All others are borrowed.

pub(crate) mod envelope;
pub(crate) mod gather;
pub(crate) mod split;
pub(crate) mod transcode;

use std::borrow::Cow;

use serde_json::value::RawValue;

use self::envelope::{Dialect, Envelope};
use crate::bytes::json::Object;
use crate::bytes::line_end::without_line_end;
use crate::bytes::text::Text;
use crate::time::{LogTime, Timestamp, Uptime};

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
    /// Takes any bytes. A line feed at the end, a carriage return, or both are dropped.
    ///
    /// ```
    /// use asg_core::Line;
    ///
    /// for end in ["", "\n", "\r\n", "\r"] {
    ///     let text = format!("[    1.000002] text{end}");
    ///     assert_eq!(Line::new(text.as_bytes()).envelope().body, "text");
    /// }
    /// ```
    #[inline]
    #[must_use]
    pub fn new(raw: &'a [u8]) -> Self {
        let raw = without_line_end(raw);
        match raw {
            // Most lines that begin with a digit begin with a year.
            [b'0'..=b'9', _, _, b'0'..=b'9', b'-', ..] => Self::bare(raw),
            [b'0'..=b'9' | b'{' | b' ' | b'\t', ..] => Self::unwrapped(raw),
            _ => Self::bare(raw),
        }
    }

    const fn bare(raw: &'a [u8]) -> Self {
        Self { text: Cow::Borrowed(raw), wrapping: None }
    }

    fn unwrapped(raw: &'a [u8]) -> Self {
        let is_record = raw.first().is_some_and(u8::is_ascii_digit);
        let line = if is_record { dev_kmsg(raw) } else { json(raw) };
        line.unwrap_or_else(|| Self::bare(raw))
    }

    /// How the line reached us, and its body.
    #[must_use]
    pub fn envelope(&self) -> Envelope<'_> {
        let mut envelope = Envelope::default();
        self.read_envelope(&mut envelope);
        envelope
    }

    /// The same, in place: an envelope is large.
    pub(crate) fn read_envelope<'e>(&'e self, inner: &mut Envelope<'e>) {
        let Some(outer) = &self.wrapping else { return envelope::read(&self.text, inner) };
        match outer.dialect {
            // The kernel's own records hold the message and no header: what looks like one is a log prefix.
            Dialect::DevKmsg | Dialect::DmesgJson => inner.body = Text::new(&self.text),
            // Others carry lines: a kernel text, or one of syslog.
            _ => envelope::read(&self.text, inner),
        }
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
    }

    /// The line itself, if no wrapping was taken off.
    pub(crate) fn unwrapped_text(&self) -> Option<&[u8]> {
        self.wrapping.is_none().then_some(&self.text)
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
    if *raw.iter().find(|b| !b.is_ascii_digit())? != b',' {
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

/// Where wrappers put a line, the surest first: journald, `dmesg -J`, rsyslog's templates, Docker and Fluentd, Logstash
/// and Filebeat, Splunk, Loki, GELF.
const TEXTS: &[&str] =
    &["MESSAGE", "msg", "log", "message", "_raw", "line", "full_message", "short_message"];
const HOSTS: &[&str] = &["_HOSTNAME", "host", "hostname", "fromhost"];
const PROGRAMS: &[&str] = &["SYSLOG_IDENTIFIER", "programname", "ident", "app-name", "appname"];
const PRIORITIES: &[&str] = &["PRIORITY", "pri"];
const TIMES: &[&str] = &["@timestamp", "timestamp", "timereported", "time", "_time"];

/// journald's JSON, `dmesg -J`, and log shippers' objects.
fn json(raw: &[u8]) -> Option<Line<'_>> {
    let start = raw.iter().position(|b| !b.is_ascii_whitespace())?;
    let object = raw[start..].trim_ascii_end();
    let object = object.strip_suffix(b",").unwrap_or(object);
    // Lager is nearly all of the JSON that comes by. It must not cost a parse here.
    if object.first() != Some(&b'{') || begins_as_lager(object) {
        return None;
    }
    let object = Object::parse(object).ok()?;
    let has = |key: &str| object.get(&[key]).is_some();
    // A lager line is the message itself, not a wrapping.
    if has("data") || has("log_level") || (has("source") && has("level") && has("timestamp")) {
        return None;
    }
    let (key, value, text) = TEXTS
        .iter()
        .find_map(|key| Some((*key, object.get(&[key])?, message(object.get(&[key])?)?)))?;
    let number = |keys: &[&str]| {
        object.get(keys).and_then(|v| v.get().trim_matches('"').parse::<u64>().ok())
    };
    let realtime = number(&["__REALTIME_TIMESTAMP"])
        .and_then(|micros| i64::try_from(micros).ok()?.checked_mul(1_000))
        .map(Timestamp::from_nanos);
    let shown =
        || TIMES.iter().find_map(|key| Timestamp::parse(object.string(&[key])?.as_bytes()).ok());
    let time = realtime.or_else(shown).map_or(LogTime::Unknown, LogTime::Instant);
    let booted = || {
        let stamp = object.get(&["time"])?.get().trim_matches('"');
        envelope::uptime_text(stamp.as_bytes())
    };
    let booted = if key == "msg" { booted() } else { None };
    let dialect = match key {
        "MESSAGE" => Dialect::JournalJson,
        "msg" if booted.is_some() => Dialect::DmesgJson,
        _ => Dialect::Json,
    };
    let host = object.string(HOSTS).or_else(|| {
        // Beats write an object.
        object.object(&["host"])?.string(&["name", "hostname"])
    });
    // The offset of the text in `raw`: both are pieces of one allocation.
    let starts = value.get().as_ptr() as usize - raw.as_ptr() as usize;
    let wrapping = Wrapping {
        dialect,
        starts,
        time,
        uptime: number(&["_SOURCE_MONOTONIC_TIMESTAMP"]).map(Uptime::from_micros).or(booted),
        host: host.map(|host| host.as_str().to_owned()),
        program: object.string(PROGRAMS).map(|program| program.as_str().to_owned()),
        priority: number(PRIORITIES).and_then(|n| u8::try_from(n).ok()),
        sequence: None,
        continuation: false,
    };
    Some(Line { text: Cow::Owned(text), wrapping: Some(Box::new(wrapping)) })
}

/// `{"timestamp":"…","source":` or `{"timestamp":"…","level":`.
pub(crate) fn begins_as_lager(object: &[u8]) -> bool {
    let Some(rest) = object.strip_prefix(br#"{"timestamp":""#) else { return false };
    let stamp = &rest[..rest.len().min(48)];
    memchr::memchr(b'"', stamp).is_some_and(|end| {
        [&br#","source":"#[..], br#","level":"#].iter().any(|key| rest[end + 1..].starts_with(key))
    })
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
