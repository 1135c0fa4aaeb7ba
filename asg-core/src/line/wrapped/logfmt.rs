//! `time=… level=info host=cell-1 msg="…"`: logfmt. Its keys are read as an object's members.
//!
//! Sources: brandur.org/logfmt; logrus `text_formatter.go`; Go's `log/slog`, `TextHandler`; Loki's
//! and Vector's decoders.

use std::borrow::Cow;

use super::journal::{Field, object};
use super::json::{self, TEXTS};
use super::{Found, is_payload};
use crate::line::envelope::members;

/// The largest number of keys.
const MOST: usize = 64;

/// Finds the line in a text of such keys; `None` if something else is between them, or the
/// first is not known.
pub(super) fn find(text: &[u8]) -> Option<Vec<Found<'_>>> {
    if !text.first()?.is_ascii_alphabetic() && !matches!(text[0], b'_' | b'@') {
        return None;
    }
    let mut fields = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let field = field(text, at)?;
        if fields.is_empty() && !is_known(field.name) {
            return None;
        }
        at = field.ends;
        fields.push(Field { name: field.name, value: field.value, starts: field.starts });
        at += text[at..].iter().take_while(|b| matches!(b, b' ' | b'\r')).count();
        if fields.len() > MOST {
            return None;
        }
    }
    // Only a value in quotes has blanks: what has none is a field of journald's, or no line.
    let is_line = |field: &&Field<'_>| {
        text[field.starts - 1] == b'"' && fields.len() > 1 && is_payload(&field.value)
    };
    let starts = fields.iter().find(is_line)?.starts;
    let object = object(&fields)?;
    let owned = |Found { text, outer, .. }: Found<'_>| Found {
        text: Cow::Owned(text.into_owned()),
        starts,
        outer,
    };
    Some(json::find(object.as_bytes())?.into_iter().map(owned).collect())
}

fn is_known(name: &[u8]) -> bool {
    let text = std::str::from_utf8(name).unwrap_or_default();
    matches!(text, "level" | "lvl" | "severity")
        || TEXTS.contains(&text)
        || members::of(name).is_some()
}

struct Pair<'t> {
    name: &'t [u8],
    value: Cow<'t, [u8]>,
    starts: usize,
    ends: usize,
}

/// Parses `key=value` or `key="value"`, with a backslash before a quote in it.
fn field(text: &[u8], at: usize) -> Option<Pair<'_>> {
    let rest = &text[at..];
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'@');
    let len = rest.iter().take(128).take_while(|b| is_name(b)).count();
    let (name, behind) = (&rest[..len], rest[len..].strip_prefix(b"=").filter(|_| len > 0)?);
    let begins = at + len + 1;
    if behind.first() != Some(&b'"') {
        let len = memchr::memchr(b' ', behind).unwrap_or(behind.len());
        let value = Cow::Borrowed(&behind[..len]);
        return Some(Pair { name, value, starts: begins, ends: begins + len });
    }
    let mut values = serde_json::Deserializer::from_slice(behind).into_iter::<String>();
    let value = values.next()?.ok()?;
    let ends = begins + values.byte_offset();
    let is_end = matches!(text.get(ends), None | Some(b' ' | b'\r'));
    let value = Cow::Owned(value.into_bytes());
    is_end.then_some(Pair { name, value, starts: begins + 1, ends })
}
