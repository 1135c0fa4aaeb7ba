//! Lines without line feeds between them: datagrams of syslog that were written one behind the
//! other, and lines whose ends became another mark.
//!
//! A line ends where a packet's fields or a lager object ends, if a whole header follows there. A
//! mark in the place of a line end also ends the kernel's other lines. A text inside a line is
//! never asked: the program of the first header decides, and an app's text reaches to the end. So
//! neither an app nor a log prefix can print a line of another program.
//!
//! Sources: RFC 6587, 3.4.2, and `nc -u -l`, which writes datagrams as they come; ansible
//! `plugins/callback/oneline.py`, which writes `\n` for a line feed; rsyslog
//! `$EscapeControlCharactersOnReceive`, which writes `#012`.

use std::ops::Range;

use serde::de::IgnoredAny;

use super::Outer;
use super::several::may_hold;
use crate::bytes::find::position;
use crate::line::envelope::role::Role;
use crate::line::envelope::{Dialect, Envelope, fill_common, layers};
use crate::time::LogTime;

/// Marks in the place of a line end.
const ENDS: [&[u8]; 8] = [b"\\r", b"\\n", b"#015", b"#012", b"\r", b"\0", b"\x0b", b"\x0c"];

/// A header is not longer.
const MOST_HEADER: usize = 1_024;

/// nft keeps so many bytes of a log prefix, which may look like a header.
const MOST_PREFIX: usize = 127;

/// `IN=` lies at most this far before `OUT=`.
const MOST_BETWEEN: usize = 128;

/// The beginning of a line of lager's.
const LAGER: &[u8] = b"{\"timestamp\":\"";

/// Returns where the lines of a text lie that hold a packet's or a container's text, and what is
/// known of each; `None` if the text is one line. `is_kernels` is true if the text is the kernel's
/// where it names no program.
pub(super) fn divide(text: &[u8], is_kernels: bool) -> Option<(Vec<Range<usize>>, Outer)> {
    let mut found = Vec::new();
    let mut keep = |range: Range<usize>| {
        if may_hold(&text[range.clone()]) {
            found.push(range);
        }
    };
    let mut line =
        Begun { at: 0, head: first_head(text), is_kernels, is_first: true, out: Some(0) };
    // Behind a tool's prefix, lines may name no machine.
    let Envelope { host, job, index, instance, program, .. } = line.head;
    let tools = Envelope { host, job, index, instance, ..Envelope::default() };
    let outer = if program.is_none() { Outer::of(&tools) } else { Outer::default() };
    while let Some((end, next)) = line.end(text) {
        keep(line.at..end);
        line = next;
    }
    if line.is_first {
        return None;
    }
    keep(line.at..text.len());
    Some((found, outer)).filter(|(found, _)| !found.is_empty())
}

/// A line whose end is looked for.
struct Begun<'t> {
    at: usize,
    head: Envelope<'t>,
    is_kernels: bool,
    /// Whether no line is before it.
    is_first: bool,
    /// No `OUT=` lies before this place and behind the line's beginning; `None` without any.
    out: Option<usize>,
}

impl<'t> Begun<'t> {
    /// Returns where the line ends, and the next one.
    fn end(&self, text: &'t [u8]) -> Option<(usize, Self)> {
        let role = self.head.role();
        if !role.carries_lines() {
            return None;
        }
        let begins = self.at + self.head.body_at;
        let body = &text[begins..];
        if body.starts_with(b"{") {
            let mut values = serde_json::Deserializer::from_slice(body).into_iter::<IgnoredAny>();
            values.next()?.ok()?;
            return self.line_behind(text, begins + values.byte_offset());
        }
        let is_kernels = self.head.is_kernel_as(role)
            || role == Role::PacketLogger
            || (self.is_kernels && role == Role::Unnamed);
        if !is_kernels {
            return None;
        }
        // The packet's fields, if it is a packet.
        let out = self.out.and_then(|out| {
            let from = out.max(begins);
            position!(b"OUT=", &text[from..]).map(|at| from + at)
        });
        let line = Self { out, ..*self };
        let fields = out.and_then(|out| {
            let from = out.saturating_sub(MOST_BETWEEN).max(begins);
            memchr::memmem::rfind(&text[from..out], b"IN=").map(|at| from + at)
        });
        let before = begins..fields.unwrap_or(text.len());
        if let Some(found) = line.line_in_prefix(text, before) {
            return Some(found);
        }
        let end = end_of_fields(text, fields?);
        line.line_behind(text, end)
    }

    /// Returns the line that begins behind this place, at most some marks behind it.
    fn line_behind(&self, text: &'t [u8], end: usize) -> Option<(usize, Self)> {
        let marks = ends(&text[end..]);
        let blanks = text[end + marks..].iter().take_while(|b| **b == b' ').count();
        Some((end, self.line_at(text, end + marks + blanks)?))
    }

    /// Finds the next line in the text before a packet: the kernel's other line, if a mark ends it;
    /// or if it is too long for a log prefix, or lines came before without a mark.
    fn line_in_prefix(&self, text: &'t [u8], range: Range<usize>) -> Option<(usize, Self)> {
        let may_be_glued = !self.is_first || range.len() > MOST_PREFIX;
        let prefix = &text[range.clone()];
        let mut at = 0;
        loop {
            at += prefix[at..].iter().position(|b| matches!(b, b'<' | b'\\' | b'#' | 0..=0x1f))?;
            let (end, marks) = (range.start + at, ends(&prefix[at..]));
            if marks > 0 {
                if let Some(next) = self.line_at(text, end + marks) {
                    return Some((end, next));
                }
            } else if prefix[at] == b'<' && prefix.get(at + 1).is_some_and(u8::is_ascii_digit) {
                // The first priority counts, whatever follows it: behind it is another's text.
                return if may_be_glued { Some((end, self.line_at(text, end)?)) } else { None };
            }
            at += marks.max(1);
        }
    }

    /// Returns the line that begins at this place with a whole header: with a time and a program,
    /// or with an uptime or an object, as the line before.
    fn line_at(&self, text: &'t [u8], at: usize) -> Option<Self> {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let begins = matches!(rest[0], b'<' | b'[' | b'{') || rest[0].is_ascii_alphanumeric();
        let window = &rest[..rest.len().min(MOST_HEADER)];
        let head = head(window).filter(|_| begins)?;
        let is_named = head.time != LogTime::Unknown && head.role() != Role::Unnamed;
        let is_alike = self.head.program.is_none() && head.program.is_none();
        let is_bare = is_alike
            && ((head.dialect == Dialect::Console && head.uptime.is_some())
                || (head.body_at == 0 && rest.starts_with(LAGER)));
        (is_named || is_bare).then_some(Self { at, head, is_first: false, ..*self })
    }
}

/// Parses the header of a whole text, as that of a line is parsed.
fn first_head(text: &[u8]) -> Envelope<'_> {
    let mut head = Envelope::default();
    if fill_common(text, &mut head) { head } else { layers::peel(text) }
}

/// Parses the header at the start of a text; an object has none.
fn head(text: &[u8]) -> Option<Envelope<'_>> {
    let mut head = Envelope::default();
    if fill_common(text, &mut head) {
        return Some(head);
    }
    if text.starts_with(LAGER) { Some(Envelope::default()) } else { layers::headers(text) }
}

/// Returns the length of the marks and blanks at the start of a text; 0 without a mark.
fn ends(text: &[u8]) -> usize {
    let mut at = 0;
    let mut any = false;
    loop {
        let rest = &text[at..];
        let blanks = rest.iter().take_while(|b| **b == b' ').count();
        let mark = ENDS.iter().find(|end| rest[blanks..].starts_with(end));
        match mark {
            Some(mark) => (at, any) = (at + blanks + mark.len(), true),
            None => return if any { at + blanks } else { 0 },
        }
    }
}

/// Returns where a packet's fields end that begin there.
fn end_of_fields(text: &[u8], begins: usize) -> usize {
    let mut at = begins;
    loop {
        let word = &text[at..];
        let len = word.iter().position(|b| *b == b' ').unwrap_or(word.len());
        let word = &word[..len];
        // A mark or a priority may follow the last value.
        if let Some(end) = word.iter().position(|b| matches!(b, b'<' | b'\\' | b'#' | 0..=0x1f)) {
            let is_end = word[end] == b'<' || ends(&word[end..]) > 0;
            if is_end && (end == 0 || is_field(&word[..end])) {
                return at + end;
            }
        }
        if !is_field(word) {
            return at;
        }
        at += len;
        if at == text.len() {
            return at;
        }
        at += text[at..].iter().take_while(|b| **b == b' ').count();
    }
}

/// Returns whether a word may be a packet's field.
fn is_field(word: &[u8]) -> bool {
    let name = word.iter().take_while(|b| b.is_ascii_uppercase() || b.is_ascii_digit()).count();
    let is_name = word.first().is_some_and(u8::is_ascii_uppercase);
    let is_whole = is_name && matches!(word.get(name), None | Some(b'=' | b':' | b']'));
    // A quoted packet, options, and `INCOMPLETE [8 bytes]`.
    let is_quoted = || match word {
        [b'[', inside @ ..] => {
            inside.first().is_some_and(u8::is_ascii_uppercase) && is_field(inside)
                || (!inside.is_empty() && inside.iter().all(u8::is_ascii_digit))
        }
        [b'(', ..] => word.ends_with(b")"),
        _ => matches!(word, b"]" | b"bytes]"),
    };
    is_whole || is_quoted()
}
