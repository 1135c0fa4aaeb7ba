//! Headers other than syslog: app logs as the cf CLI prints them, container runtimes, supervisord,
//! journald's fields.

use super::layers::header;
use super::{Dialect, Envelope};
use crate::bytes::text::Text;
use crate::time::{LogTime, stamp};

/// Parses the part behind an RFC 3339 stamp that has no host: `[CELL/0] OUT …`, `stdout F …`, or a
/// line that a runtime has stamped. `at` is where it begins.
pub(super) fn behind_stamp(text: &[u8], at: usize, time: LogTime) -> Option<Envelope<'_>> {
    let rest = &text[at..];
    let found = |dialect, body_at| Envelope { dialect, time, body_at, ..Envelope::default() };
    match rest {
        [b'{', ..] => Some(found(Dialect::Container, at)),
        [b'[', ..] if cf_logs(rest).is_some() => {
            let (source, body) = cf_logs(rest)?;
            let proc_id = Some(Text::new(source));
            Some(Envelope { proc_id, ..found(Dialect::CfLogs, at + body) })
        }
        [b'[' | b'<', ..] => header(rest).map(|_| found(Dialect::Container, at)),
        _ if stamp::is_at(rest) => Some(found(Dialect::Container, at)),
        _ => {
            let behind = ["stdout F ", "stderr F ", "stdout P ", "stderr P "]
                .iter()
                .find_map(|mark| rest.strip_prefix(mark.as_bytes()))?;
            let partial = rest[b"stdout ".len()] == b'P';
            let inner = found(Dialect::Container, text.len() - behind.len());
            Some(Envelope { continuation: partial, ..inner })
        }
    }
}

/// Parses `[CELL/0] OUT `, `[API]     ERR `: returns the brackets with their content, and the
/// length of the whole.
fn cf_logs(text: &[u8]) -> Option<(&[u8], usize)> {
    let close = memchr::memchr(b']', &text[..text.len().min(200)])?;
    let blanks = text[close + 1..].iter().take_while(|b| **b == b' ').count();
    let at = close + 1 + blanks;
    let mark = text.get(at..at + 3)?;
    // The brackets and their content are padded, except the longest.
    let is_stream = matches!(mark, b"OUT" | b"ERR") && text[1].is_ascii_uppercase();
    let end = at + 3 + usize::from(text.get(at + 3) == Some(&b' '));
    let ends = text.len() == at + 3 || end == at + 4;
    (is_stream && ends).then_some((&text[..=close], end))
}

/// Parses `2024-05-06 07:09:10,581 DEBG 'rep' stdout output: …`: what supervisord writes down of a
/// program's output.
///
/// Source: supervisor, `supervisor/dispatchers.py`, `POutputDispatcher`.
pub(super) fn supervisor(text: &[u8]) -> Option<Envelope<'_>> {
    let (time, len) = stamp::without_zone(text)?;
    let rest = text[len..].strip_prefix(b" DEBG '")?;
    let name = &rest[..rest.iter().take(256).position(|b| *b == b'\'')?];
    let rest = &rest[name.len()..];
    let marks = [&b"' stdout output:"[..], b"' stderr output:"];
    let behind = marks.iter().find_map(|mark| rest.strip_prefix(*mark))?;
    let behind = behind.strip_prefix(b" ").unwrap_or(behind);
    (!name.is_empty()).then(|| Envelope {
        dialect: Dialect::Container,
        time,
        program: Some(Text::new(name)),
        body_at: text.len() - behind.len(),
        ..Envelope::default()
    })
}

/// Parses `MESSAGE=…`: journald's export form, which has the other fields on lines of their own.
pub(super) fn field(text: &[u8]) -> Option<Envelope<'_>> {
    let body = text.strip_prefix(b"MESSAGE=")?;
    let body_at = text.len() - body.len();
    Some(Envelope { dialect: Dialect::JournalField, body_at, ..Envelope::default() })
}

/// Parses such a field behind blanks, as journald's verbose form has it, or an indented line of `cf
/// logs`.
pub(super) fn indented(text: &[u8]) -> Option<Envelope<'_>> {
    let blanks = text.iter().take(8).take_while(|b| **b == b' ').count();
    let rest = &text[blanks..];
    let inner = match rest.first()? {
        b'M' => field(rest)?,
        b'0'..=b'9' => header(rest).filter(|inner| inner.dialect == Dialect::CfLogs)?,
        _ => return None,
    };
    Some(Envelope { body_at: inner.body_at + blanks, ..inner })
}
