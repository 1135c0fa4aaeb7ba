//! `CEF:0|vendor|product|…|msg=…` and `LEEF:1.0|vendor|product|…|msg=…`: events of security
//! products.
//!
//! The header names the product, which is the writer. Nothing else does: values of the keys behind
//! it come from users, too.
//!
//! Sources: Micro Focus, "`ArcSight` Common Event Format"; IBM, "Log Event Extended Format".

use std::borrow::Cow;

use super::{Found, Outer, is_payload};
use crate::line::envelope::{Dialect, is_host};
use crate::time::{LogTime, stamp};

/// A format of such events.
struct Format {
    begins: &'static [u8],
    /// The number of fields between bars before the keys.
    header: usize,
    /// The byte between two keys.
    between: u8,
}

const FORMATS: [Format; 3] = [
    Format { begins: b"CEF:", header: 7, between: b' ' },
    Format { begins: b"LEEF:1.0|", header: 5, between: b'\t' },
    // Behind the header is the byte between two keys; a tab if it is empty.
    Format { begins: b"LEEF:2.0|", header: 6, between: b'\t' },
];

/// The place of the product in the header.
const PRODUCT: usize = 2;

/// Keys with the machine, and with its time in milliseconds.
const HOSTS: [&[u8]; 2] = [b"dvchost", b"dvc"];
const TIMES: [&[u8]; 2] = [b"rt", b"devTime"];

/// The largest number of keys.
const MOST: usize = 128;

/// Finds the line in an event; `None` if the text is not one, or has no line in `msg`.
pub(super) fn find(text: &[u8]) -> Option<Found<'_>> {
    let format = FORMATS.iter().find(|format| text.starts_with(format.begins))?;
    let mut header = Vec::new();
    let mut at = 0;
    while header.len() < format.header {
        let len = unescaped(&text[at..], b'|')?;
        header.push(&text[at..at + len]);
        at += len + 1;
    }
    let between = match header.get(5) {
        Some([byte]) if format.begins != b"CEF:" => *byte,
        _ => format.between,
    };
    let mut outer = Outer { dialect: Dialect::Json, ..Outer::default() };
    let product = plain(header.get(PRODUCT)?);
    outer.program = Some(String::from_utf8_lossy(&product).into_owned());
    let mut line = None;
    for (key, starts, value) in keys(text, at, between) {
        if key == b"msg" {
            line = line.or(Some((starts, value)));
        } else if HOSTS.contains(&key) && is_host(value) {
            outer.host.get_or_insert_with(|| String::from_utf8_lossy(value).into_owned());
        } else if TIMES.contains(&key) && outer.time == LogTime::Unknown {
            outer.time = stamp::since_epoch(value).map_or(LogTime::Unknown, LogTime::Instant);
        }
    }
    let (starts, value) = line?;
    let text = plain(value);
    is_payload(&text).then_some(Found { text, starts, outer })
}

/// Returns the keys, each with the place of its value and the value. Keys begin with a small letter
/// here, because a packet's fields in a value without escapes do not.
fn keys(text: &[u8], begins: usize, between: u8) -> impl Iterator<Item = (&[u8], usize, &[u8])> {
    let mut at = begins;
    std::iter::from_fn(move || {
        let len = key_len(text.get(at..)?)?;
        let (key, starts) = (&text[at..at + len], at + len + 1);
        let rest = &text[starts..];
        let is_next = |place: &usize| key_len(&rest[place + 1..]).is_some();
        let end = memchr::memchr_iter(between, rest).find(is_next).unwrap_or(rest.len());
        at = starts + end + 1;
        Some((key, starts, &rest[..end]))
    })
    .take(MOST)
}

/// Returns the length of a key before `=`; `None` without one.
fn key_len(text: &[u8]) -> Option<usize> {
    let is_key = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    let len = text.iter().take(64).take_while(|b| is_key(b)).count();
    (text.first()?.is_ascii_lowercase() && text.get(len) == Some(&b'=')).then_some(len)
}

/// Returns the place of the first such byte without a backslash before it.
fn unescaped(text: &[u8], byte: u8) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(byte, b'\\', text.get(at..)?)?;
        if text[at] == byte {
            return Some(at);
        }
        at += 2;
    }
}

/// Undoes the escapes of a value.
fn plain(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', value).is_none() {
        return Cow::Borrowed(value);
    }
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&byte, behind)) = rest.split_first() {
        let escaped = match rest {
            [b'\\', b'n', ..] => Some(b'\n'),
            [b'\\', b'r', ..] => Some(b'\r'),
            [b'\\', mark @ (b'\\' | b'=' | b'|'), ..] => Some(*mark),
            _ => None,
        };
        out.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &rest[2..] } else { behind };
    }
    Cow::Owned(out)
}
