//! `syslog,appname=kernel,hostname=cell-1 message="…",version=1i 1714979350581301000`: lines in
//! Telegraf's and `InfluxDB`'s line protocol.
//!
//! Tags follow the name of the measurement, fields follow a blank, and the time in nanoseconds is
//! at the end. Only strings have quotes.
//!
//! Source: docs.influxdata.com, "Line protocol"; Telegraf's plugins `inputs.syslog`, `inputs.tail`.

use std::borrow::Cow;

use super::{Found, Outer, is_payload};
use crate::line::envelope::members::{self, Sureness, Tells};
use crate::line::envelope::{Dialect, marks};
use crate::time::{LogTime, stamp};

/// The largest number of tags and fields.
const MOST: usize = 64;

/// Returns the line in a text of the line protocol; `None` for any other text.
pub(super) fn find(text: &[u8]) -> Option<Found<'_>> {
    let name = text.iter().take(128).take_while(|b| is_name(**b)).count();
    if name == 0 || text.get(name) != Some(&b',') || memchr::memmem::find(text, b"=\"").is_none() {
        return None;
    }
    let mut outer = Outer { dialect: Dialect::Json, ..Outer::default() };
    let mut surest = Surest::default();
    let mut at = name + 1;
    for _ in 0..MOST {
        let (key, value) = key(text, at)?;
        let len = unescaped(&text[value..], |b| matches!(b, b',' | b' '))?;
        tell(&mut outer, &mut surest, key, &text[value..value + len]);
        at = value + len + 1;
        if text[at - 1] == b' ' {
            break;
        }
    }
    let mut found = None;
    for _ in 0..MOST {
        let (key, value) = key(text, at)?;
        if text.get(value) == Some(&b'"') {
            let len = unescaped(&text[value + 1..], |b| b == b'"')?;
            let inside = &text[value + 1..value + 1 + len];
            let line = Cow::from(inside);
            let line = if inside.contains(&b'\\') { Cow::from(plain(inside)) } else { line };
            if is_payload(&line) {
                found = Some((line, value + 1));
            }
            at = value + len + 2;
        } else {
            let len = text[value..].iter().position(|b| matches!(b, b',' | b' '))?;
            if key == b"timestamp" {
                outer.time = time(&text[value..value + len]);
            }
            at = value + len;
        }
        match text.get(at) {
            Some(b',') => at += 1,
            Some(b' ') if outer.time == LogTime::Unknown => {
                outer.time = time(text[at + 1..].trim_ascii());
                break;
            }
            _ => break,
        }
    }
    let (text, starts) = found?;
    Some(Found { text, starts, outer })
}

const fn is_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')
}

/// Returns the key that begins here, and where its value begins.
fn key(text: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = text.get(at..)?;
    let len = rest.iter().take(128).position(|b| !is_name(*b))?;
    (len > 0 && rest[len] == b'=').then(|| (&rest[..len], at + len + 1))
}

/// Returns the place of the first such byte without a backslash before it.
fn unescaped(text: &[u8], is_end: impl Fn(u8) -> bool) -> Option<usize> {
    let mut at = 0;
    while let Some(b) = text.get(at) {
        if is_end(*b) {
            return Some(at);
        }
        at += 1 + usize::from(*b == b'\\');
    }
    None
}

/// Returns a string without its escapes.
fn plain(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((b, after)) = rest.split_first() {
        rest = match (b, after) {
            (b'\\', [escaped @ (b'"' | b'\\'), after @ ..]) => {
                out.push(*escaped);
                after
            }
            _ => {
                out.push(*b);
                after
            }
        };
    }
    out
}

/// The facts in the tags so far, each with the sureness of its name.
#[derive(Default)]
struct Surest {
    host: Option<Sureness>,
    program: Option<Sureness>,
}

/// Takes the fact of a tag. Telegraf's `host` is the machine that it runs on, and `hostname` the
/// sender.
fn tell(outer: &mut Outer, surest: &mut Surest, key: &[u8], value: &[u8]) {
    if marks::is_label(key, value) {
        outer.stream = Some("[APP]".to_owned());
    }
    let Some((tells, sureness)) = members::of(key) else { return };
    let (slot, surest) = match tells {
        Tells::Host => (&mut outer.host, &mut surest.host),
        Tells::Program => (&mut outer.program, &mut surest.program),
        _ => return,
    };
    if surest.is_none_or(|other| sureness < other) {
        *slot = Some(String::from_utf8_lossy(value).into_owned());
        *surest = Some(sureness);
    }
}

/// Returns the time of a number of nanoseconds.
fn time(value: &[u8]) -> LogTime {
    let digits = value.strip_suffix(b"i").unwrap_or(value);
    stamp::since_epoch(digits).map_or(LogTime::Unknown, LogTime::Instant)
}
