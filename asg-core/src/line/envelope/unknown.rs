//! Texts of no known form: before a header, and where a header was not understood.

use super::layers::{header, is_open, is_stamp};
use super::role::Role;
use super::{Dialect, Envelope, console, syslog, tools};
use crate::bytes::text::Text;
use crate::time::LogTime;

/// The longest text of no known form before a header.
const MOST_UNKNOWN: usize = 160;

/// Names of streams that tools put before a colon, like names of machines.
pub(crate) const STREAMS: [&[u8]; 4] = [b"out", b"err", b"stdout", b"stderr"];

/// Finds a whole header, with stamp, machine and program, behind a text of no known form: the marks
/// of a list, a diff or code, and tools that no table has. A text with a program's tag in it is
/// that program's, so the rest of it proves nothing.
pub(super) fn behind_unknown<'a>(text: &'a [u8], all: &Envelope<'a>) -> Option<Envelope<'a>> {
    if !is_open(all) || tools::is_continuation(text) {
        return None;
    }
    let most = text.len().min(MOST_UNKNOWN);
    // The text begins there.
    let begins = [&b"IN="[..], b"{\""].into_iter();
    let most =
        begins.filter_map(|it| memchr::memmem::find(&text[..most], it)).min().unwrap_or(most);
    let is_word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.');
    let starts = (1..most).filter(|at| !is_word(text[at - 1]));
    for at in starts.filter(|at| text[*at] == b'<' || is_stamp(text[*at])) {
        let Some(found) = header(&text[at..]) else { continue };
        let has_stamp =
            matches!(found.dialect, Dialect::Rfc3164 | Dialect::Rfc3339 | Dialect::Rfc5424);
        if has_stamp && found.time != LogTime::Unknown && found.program.is_some() {
            let is_cut = has_open_quote(&text[..at]) && has_open_quote(text);
            let unknown = &text[..at];
            let is_others = has_tag(unknown) || is_others(unknown, [all.host, found.host]);
            let found = Envelope { body_at: at + found.body_at, is_cut, ..found };
            return (!is_others).then_some(found);
        }
    }
    None
}

/// Returns whether a text is the beginning of a line in which users or apps have a field of their
/// own: of an access log, of a table with a column for programs, of an app's stream.
fn is_others(text: &[u8], machines: [Option<Text<'_>>; 2]) -> bool {
    let end = text.trim_ascii_end();
    let has_fields = memchr::memchr(b'|', text).is_some() || end.ends_with(b"=");
    has_request(text)
        || stream_mark(text).is_some()
        || end.ends_with(b"] OUT")
        || end.ends_with(b"] ERR")
        || (has_fields && may_name_writer(text, machines))
}

/// Returns whether a text has the version of an HTTP request in it, as access logs write it.
pub(super) fn has_request(text: &[u8]) -> bool {
    memchr::memmem::find(text, b" HTTP/").is_some_and(|at| text[at + 6..].first() > Some(&b'0'))
}

/// Returns whether one of several fields may be the name of a program: a word that is neither the
/// machine, nor a time, a level, a path or the name of a program that forwards lines.
fn may_name_writer(text: &[u8], machines: [Option<Text<'_>>; 2]) -> bool {
    let ends = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'|' | b',' | b';' | b'=' | b'"');
    text.split(ends).any(|word| {
        let word = trimmed(word);
        let is_machine = machines.iter().flatten().any(|name| name.as_bytes() == word);
        let is_known = is_machine
            || memchr::memchr(b'/', word).is_some()
            || crate::time::stamp::is_word(word)
            || syslog::is_level_or_facility(word)
            || STREAMS.contains(&word)
            || Role::of_program(word) != Role::Speaker;
        // Stamps begin with a digit.
        word.first().is_some_and(u8::is_ascii_alphabetic) && !is_known
    })
}

/// Returns a word without the marks around it.
fn trimmed(word: &[u8]) -> &[u8] {
    let is_mark = |b: &u8| !b.is_ascii_alphanumeric();
    let start = word.iter().position(|b| !is_mark(b)).unwrap_or(word.len());
    let end = word.iter().rposition(|b| !is_mark(b)).map_or(start, |at| at + 1);
    &word[start..end]
}

/// Returns whether a quote in a text is not closed. A doubled quote is closed.
pub(crate) fn has_open_quote(text: &[u8]) -> bool {
    let is_mark = |at: usize| at == 0 || text[at - 1] != b'\\';
    memchr::memchr_iter(b'"', text).filter(|at| is_mark(*at)).count() % 2 == 1
}

/// Returns whether a text has a program's tag in it.
fn has_tag(text: &[u8]) -> bool {
    memchr::memmem::find_iter(text, b": ").any(|at| {
        let word = text[..at].rsplit(|b| matches!(b, b' ' | b'\t')).next().unwrap_or_default();
        let is_name = word.last().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b']');
        is_name && !STREAMS.contains(&word)
    })
}

/// Parses the end of a header that was not understood: the kernel's stamp, and before that the tag
/// of a program. A mark of an app's stream counts anywhere in it, and a request, which users write.
pub(crate) fn unread_end<'a>(header: &'a [u8], envelope: &mut Envelope<'a>) {
    let request = || has_request(header).then(|| Text::new(b"[RTR]"));
    envelope.proc_id = envelope.proc_id.or_else(|| stream_mark(header)).or_else(request);
    envelope.program = envelope.program.or_else(|| product(header));
    let mut rest = header;
    if let Some(at) = memchr::memrchr(b'[', header)
        && let Some(stamp) = console::boot_stamp(&header[at..])
    {
        let mut read = Envelope::default();
        stamp.put_into(&mut read);
        if at + read.body_at == header.len() {
            envelope.uptime = envelope.uptime.or(read.uptime);
            rest = &header[..at];
        }
    }
    // `May  6 07:09:10 [kernel] …`, as metalog writes it.
    let bracketed = rest.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"] "));
    let is_tag = |name: &&[u8]| name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-');
    if let Some(name) = bracketed.filter(is_tag)
        && envelope.time != LogTime::Unknown
        && envelope.program.is_none()
    {
        envelope.program = Some(Text::new(name));
        return;
    }
    let Some(rest) = rest.strip_suffix(b": ") else { return };
    let mut words = rest.split(|b| matches!(b, b' ' | b'\t'));
    // Behind a header that names the machine, the first tag is the writer's. Without one, it may be
    // a tool's name of the machine.
    let first = words.clone().find_map(|word| {
        let is_writers = envelope.host.is_some() && !STREAMS.contains(&word);
        word.strip_suffix(b":").filter(|name| is_writers && !name.is_empty())
    });
    let word = first.or(words.next_back()).unwrap_or_default();
    // Behind the mark of a stream is only text of the stream.
    if envelope.program.is_none()
        && envelope.proc_id.is_none()
        && !STREAMS.contains(&word)
        && let Some((program, proc_id)) = syslog::program_and_pid(word)
    {
        (envelope.program, envelope.proc_id) = (Some(program), proc_id);
    }
}

/// Returns the product of an event of CEF or LEEF in a text, which is the event's writer.
fn product(text: &[u8]) -> Option<Text<'_>> {
    let at = [&b"CEF:0|"[..], b"LEEF:"].iter().find_map(|it| memchr::memmem::find(text, it))?;
    text[at..].split(|b| *b == b'|').nth(2).map(Text::new)
}

/// Returns the first `[APP/PROC/WEB/0]` or its like.
pub(super) fn stream_mark(header: &[u8]) -> Option<Text<'_>> {
    memchr::memchr_iter(b'[', header).find_map(|at| {
        // A mark is short.
        let mark = &header[at..header.len().min(at + 80)];
        let mark = &mark[..=memchr::memchr(b']', mark)?];
        let name = &mark[1..memchr::memchr(b'/', mark)?];
        let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_uppercase);
        (is_name && !mark.contains(&b' ')).then(|| Text::new(mark))
    })
}
