//! Entries of journald's on several lines: `journalctl -o export`, and `-o verbose`.
//!
//! Their fields are those of `journalctl -o json`, so they are read as such an object.
//!
//! Source: systemd, "Journal Export Formats", and `src/shared/logs-show.c`.

use std::borrow::Cow;

use serde_json::Value;

use super::{Found, json};
use crate::bytes::line_end::without_cr;
use crate::line::gather::entry::{self, INDENT, name_len};

/// Finds the message of an entry; `None` if the text is not one.
pub(super) fn find(text: &[u8]) -> Option<Vec<Found<'_>>> {
    let fields = fields(text)?;
    let starts = fields.iter().find(|field| field.name == b"MESSAGE")?.starts;
    let json = object(&fields)?;
    let found = json::find(json.as_bytes())?;
    let owned = |found: Found<'_>| Found {
        text: Cow::Owned(found.text.into_owned()),
        starts,
        outer: found.outer,
    };
    Some(found.into_iter().map(owned).collect())
}

pub(super) struct Field<'t> {
    pub(super) name: &'t [u8],
    pub(super) value: Cow<'t, [u8]>,
    /// The offset of the value in the text.
    pub(super) starts: usize,
}

fn fields(text: &[u8]) -> Option<Vec<Field<'_>>> {
    match text {
        [b'_', ..] if text.starts_with(entry::CURSOR) => exported(text),
        [_, _, _, b' ', ..] => verbose(text),
        _ => None,
    }
}

/// Makes an object of fields. A name with several values has an array of them.
pub(super) fn object(fields: &[Field<'_>]) -> Option<String> {
    let mut object = serde_json::Map::new();
    for Field { name, value, .. } in fields {
        let value = match std::str::from_utf8(value) {
            Ok(text) => text.into(),
            Err(_) => value.as_ref().into(),
        };
        match object.entry(std::str::from_utf8(name).ok()?) {
            serde_json::map::Entry::Vacant(place) => _ = place.insert(value),
            serde_json::map::Entry::Occupied(mut place) => match place.get_mut() {
                Value::Array(several) => several.push(value),
                first => *first = [first.take(), value].into_iter().collect(),
            },
        }
    }
    serde_json::to_string(&object).ok()
}

/// Parses `NAME=value` lines, and names on lines of their own with the length of a value and the
/// value behind.
fn exported(text: &[u8]) -> Option<Vec<Field<'_>>> {
    let mut fields = Vec::new();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        if rest.trim_ascii().is_empty() {
            return Some(fields);
        }
        let name = Some(&rest[..name_len(rest)]).filter(|name| !name.is_empty())?;
        let behind = &rest[name.len()..];
        let (starts, value) = match behind.first()? {
            b'=' => {
                let value = &behind[1..];
                let end = memchr::memchr(b'\n', value).unwrap_or(value.len());
                (at + name.len() + 1, &value[..end])
            }
            b'\n' => {
                let (length, value) = behind[1..].split_first_chunk()?;
                let len = usize::try_from(u64::from_le_bytes(*length)).ok()?;
                (at + name.len() + 1 + length.len(), value.get(..len)?)
            }
            _ => return None,
        };
        at = starts + value.len();
        match text.get(at) {
            Some(b'\n') => at += 1,
            Some(_) => return None,
            None => {}
        }
        let is_line = behind.starts_with(b"=");
        let value = Cow::Borrowed(if is_line { without_cr(value) } else { value });
        fields.push(Field { name, value, starts });
    }
}

/// Parses a stamp with a cursor, and fields behind four blanks. Further lines of a value have as
/// many blanks as its first has bytes before it.
fn verbose(text: &[u8]) -> Option<Vec<Field<'_>>> {
    let mut lines = text.split(|b| *b == b'\n').map(without_cr);
    let cursor = entry::cursor(lines.next()?)?;
    let mut fields: Vec<Field<'_>> = time(cursor).into_iter().collect();
    for line in lines {
        let rest = line.strip_prefix(INDENT)?;
        let name = &rest[..name_len(rest)];
        match rest.get(name.len()) {
            Some(b'=') if !name.is_empty() => {
                let value = &rest[name.len() + 1..];
                let starts = value.as_ptr().addr() - text.as_ptr().addr();
                fields.push(Field { name, value: Cow::Borrowed(value), starts });
            }
            _ => {
                let field = fields.last_mut()?;
                let value = field.value.to_mut();
                value.push(b'\n');
                value.extend_from_slice(rest.get(field.name.len() + 1..).unwrap_or_default());
            }
        }
    }
    Some(fields)
}

/// Takes the time out of a cursor: `t=`, in hexadecimal microseconds.
fn time(cursor: &[u8]) -> Option<Field<'static>> {
    let mut parts = cursor.split(|b| *b == b';');
    let micros = parts.find_map(|part| part.strip_prefix(b"t="))?;
    let micros = u64::from_str_radix(std::str::from_utf8(micros).ok()?, 16).ok()?;
    let value = Cow::Owned(micros.to_string().into_bytes());
    Some(Field { name: b"__REALTIME_TIMESTAMP", value, starts: 0 })
}
