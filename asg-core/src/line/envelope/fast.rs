//! The fast path for the headers that most lines have: a stamp, a host, a tag and perhaps BOSH's
//! `[job=… index=…]`, before any text; and RFC 5424.
//!
//! At the first surprise it gives up, and the other parsers start again. Both give the same
//! envelope for the headers that the fast path accepts
//! (`tests::the_short_way_reads_a_header_as_the_long_one_does`).

use super::role::Role;
use super::{Dialect, Envelope, cisco, console, syslog};
use crate::bytes::digits::Digits;
use crate::bytes::find;
use crate::bytes::text::Text;
use crate::time::stamp;
use crate::time::{LogTime, Stamps, Timestamp, Uptime, rfc3339};

/// Parses a header into a new envelope. Returns `None`, and leaves the envelope unspecified, if it
/// is not one of the common ones.
pub(super) fn parse<'a>(text: &'a [u8], e: &mut Envelope<'a>) -> Option<()> {
    match text.first()? {
        b'0'..=b'9' => {
            let (time, len, false) = rfc3339(text)? else { return None };
            (e.dialect, e.time) = (Dialect::Rfc3339, LogTime::Instant(time));
            host_and_tag(text, len, e)?;
        }
        b'A'..=b'Z' => {
            let (time, len) = stamp::rfc3164(text)?;
            (e.dialect, e.time) = (Dialect::Rfc3164, time);
            host_and_tag(text, len, e)?;
        }
        b'<' => {
            let (priority, at) = syslog::priority(text, 0)?;
            let behind = text[at..].strip_prefix(b"1 ")?;
            if let Some(rest) = rfc5424(behind, e) {
                (e.dialect, e.body_at) = (Dialect::Rfc5424, text.len() - rest.len());
            } else {
                *e = Envelope::default();
                syslog::rfc5424(text, at + 2, e)?;
            }
            e.priority = Some(priority);
        }
        _ => return None,
    }
    match text.get(e.body_at)? {
        b'{' => {}
        b'[' => {
            if let Some((uptime, len)) = plain_uptime(&text[e.body_at..]) {
                e.uptime = Some(uptime);
                e.body_at += len;
            } else if let Some(stamp) = console::boot_stamp(&text[e.body_at..]) {
                stamp.put_into(e);
            }
        }
        // Two blanks, or the cookie of JSON in syslog.
        b' ' | b'@' => return None,
        _ if text[e.body_at..].starts_with(b"message repeated ") => return None,
        _ => {}
    }
    // Forwarders write other programs' lines, and relays repeat tags.
    let program = e.program?.as_bytes();
    let body = &text[e.body_at..];
    let may_go_on = program != b"kernel" && Role::of_program(program) == Role::Forwarder;
    if !body.starts_with(b"{") && (body.starts_with(program) || may_go_on) {
        return None;
    }
    e.body = Text::new(&text[e.body_at..]);
    Some(())
}

/// The beginning of a line, up to the end of its stamp.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opening {
    pub(crate) dialect: Dialect,
    pub(crate) time: LogTime,
    pub(crate) priority: Option<u8>,
    /// The length up to and including the blank behind the stamp.
    pub(crate) len: usize,
}

impl Opening {
    /// Parses the beginning of a line with a stamp of RFC 3339, RFC 3164 or RFC 5424, behind a
    /// priority or without one.
    pub(crate) fn parse(text: &[u8], stamps: &mut Stamps) -> Option<Self> {
        let (priority, at) = match text.first()? {
            b'<' => {
                let (priority, at) = syslog::priority(text, 0)?;
                (Some(priority), at)
            }
            _ => (None, 0),
        };
        let opening = match &text[at..] {
            [b'1', b' ', rest @ ..] if priority.is_some() => {
                let (time, len) = word_of_time(rest, stamps.parse(rest)?)?;
                let time = LogTime::Instant(time);
                Self { dialect: Dialect::Rfc5424, time, priority, len: at + 2 + len }
            }
            rest @ [b'0'..=b'9', ..] => {
                // syslog-release 9 forgot the blank behind the version.
                let version = usize::from(priority.is_some() && syslog::is_glued_version(rest));
                let (time, len, false) = stamps.parse(&rest[version..])? else { return None };
                let (time, len) = (LogTime::Instant(time), at + version + len);
                Self { dialect: Dialect::Rfc3339, time, priority, len }
            }
            rest @ [b'A'..=b'Z', ..] => {
                let (time, len) = stamps.read_rfc3164(rest)?;
                Self { dialect: Dialect::Rfc3164, time, priority, len: at + len }
            }
            _ => return None,
        };
        Some(opening)
    }

    /// Parses the kernel's stamp before a message, `[ 2447.391126] `, and returns its length too.
    pub(crate) fn uptime(text: &[u8]) -> Option<(Uptime, usize)> {
        text.starts_with(b"[").then(|| plain_uptime(text))?
    }
}

/// Parses RFC 5424 as syslog-release writes it, with neither PROCID nor MSGID and one element of
/// BOSH's. Returns the text behind it.
fn rfc5424<'a>(text: &'a [u8], e: &mut Envelope<'a>) -> Option<&'a [u8]> {
    let (time, len) = word_of_time(text, rfc3339(text)?)?;
    e.time = LogTime::Instant(time);
    let (host, rest) = word(text[len..].strip_prefix(b" ")?)?;
    e.host = Some(Text::new(host)).filter(|_| host != b"-");
    let (program, rest) = word(rest)?;
    e.program = Some(Text::new(program)).filter(|_| program != b"-");
    let (pid, rest) = word(rest)?;
    e.proc_id = Some(Text::new(pid)).filter(|_| pid != b"-");
    let rest = rest.strip_prefix(b"- [instance@47450 director=")?;
    let rest = quoted(rest, &mut e.director)?;
    let rest = match rest.strip_prefix(b" environment=") {
        Some(rest) => quoted(rest, &mut e.environment)?,
        None => rest,
    };
    let rest = quoted(rest.strip_prefix(b" deployment=")?, &mut e.deployment)?;
    let rest = quoted(rest.strip_prefix(b" group=")?, &mut e.job)?;
    let rest = quoted(rest.strip_prefix(b" az=")?, &mut e.az)?;
    let rest = quoted(rest.strip_prefix(b" id=")?, &mut e.instance)?;
    let rest = rest.strip_prefix(b"] ")?;
    (!rest.starts_with(b"\xef\xbb\xbf")).then_some(rest)
}

/// Returns RFC 5424's stamp, which never has a blank for the `T`.
fn word_of_time(
    text: &[u8],
    (time, len, is_comma): (Timestamp, usize, bool),
) -> Option<(Timestamp, usize)> {
    (!is_comma && text[10] != b' ').then_some((time, len))
}

/// Parses a value in quotes, without an escape.
#[inline]
fn quoted<'a>(text: &'a [u8], slot: &mut Option<Text<'a>>) -> Option<&'a [u8]> {
    let value = text.strip_prefix(b"\"")?;
    let (value, rest) = value.split_at(find::find2(b'"', b'\\', value)?);
    *slot = Some(Text::new(value)).filter(|_| !value.is_empty());
    rest.strip_prefix(b"\"")
}

/// Parses ` host program: ` or ` host program [job=… index=…] `.
fn host_and_tag<'a>(text: &'a [u8], at: usize, e: &mut Envelope<'a>) -> Option<()> {
    let (host, rest) = word(text[at..].strip_prefix(b" ")?)?;
    let (program, rest) = word(rest)?;
    // A tag without a host; or a container runtime's mark in the place of the host.
    if !syslog::is_host(host) || program.contains(&b',') {
        return None;
    }
    e.host = Some(Text::new(host));
    let rest = if let Some(program) = program.strip_suffix(b":") {
        if syslog::is_log_prefix(program, rest) || cisco::is_sequence(program) {
            return None;
        }
        program_and_pid(program, e)?;
        // `cf/diego-cell/<id>` is another of BOSH's marks.
        if !matches!(rest, [b'[' | b'{', ..])
            && word(rest).is_none_or(|(word, _)| word.contains(&b'/'))
        {
            return None;
        }
        rest
    } else {
        program_and_pid(program, e)?;
        let inside = rest.strip_prefix(b"[job=")?;
        // busybox's `kern.warn` is not a program, and a colon may end one.
        let is_facility = program.contains(&b'.') && !program.starts_with(b"vcap.");
        if is_facility || program.contains(&b':') {
            return None;
        }
        let (job, inside) = name(inside)?;
        let (index, inside) = name(inside.strip_prefix(b" index=")?)?;
        (e.job, e.index) = (Some(Text::new(job)), Some(Text::new(index)));
        if syslog::is_facility(host) {
            e.host = None;
        }
        let rest = inside.strip_prefix(b"] ")?;
        if let [b' ', b'[' | b'{', ..] = rest { &rest[1..] } else { rest }
    };
    // Another of BOSH's marks, or a text that looks like one.
    if rest.starts_with(b"[job=") || rest.starts_with(b"[bosh ") {
        return None;
    }
    e.body_at = text.len() - rest.len();
    Some(())
}

/// Parses `program` or `program[pid]`.
fn program_and_pid<'a>(name: &'a [u8], e: &mut Envelope<'a>) -> Option<()> {
    let program = match name.strip_suffix(b"]") {
        Some(inside) => {
            let pid = inside.iter().rev().take_while(|b| b.is_ascii_digit()).count();
            let (program, pid) = inside.split_at(inside.len() - pid);
            e.proc_id = Some(Text::new(pid));
            program.strip_suffix(b"[").filter(|_| !pid.is_empty())?
        }
        None => name,
    };
    e.program = Some(Text::new(program));
    // A colon inside a tag ends it: `ssh:[71]: `.
    (!program.is_empty() && !program.contains(&b':')).then_some(())
}

/// Returns the text before a blank, at least one byte, and the text behind it.
#[inline]
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = find::find(b' ', text)?;
    (len > 0).then(|| (&text[..len], &text[len + 1..]))
}

/// Parses `[ 2447.391126] ` without a caller: the uptime, and its length.
#[inline]
fn plain_uptime(text: &[u8]) -> Option<(Uptime, usize)> {
    const MICROS: [u8; 8] = *b"000000] ";
    let mut at = 1;
    while *text.get(at)? == b' ' {
        at += 1;
    }
    let seconds = Digits::new(*text[at..].first_chunk()?);
    let len = seconds.count();
    let [b'.', rest @ ..] = text.get(at + len..)? else { return None };
    let micros = Digits::without(*rest.first_chunk()?, MICROS);
    if len == 0 || !micros.are(MICROS) {
        return None;
    }
    let micros = seconds.number(len) * 1_000_000 + micros.number(6);
    Some((Uptime::from_micros(micros), at + len + 9))
}

/// Letters, digits, `.`, `-` and `_`.
const NAME: [bool; 256] = {
    let mut name = [false; 256];
    let mut b = 0;
    while b < 128 {
        name[b] = (b as u8).is_ascii_alphanumeric() || matches!(b as u8, b'.' | b'-' | b'_');
        b += 1;
    }
    name
};

/// Returns a name of at least one of these characters, and the rest.
fn name(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|b| !NAME[usize::from(*b)])?;
    (end > 0).then(|| text.split_at(end))
}
