//! The time stamps that the kernel and dmesg put before a message.

use super::role::Role;
use super::{Dialect, Envelope, layers, syslog};
use crate::bytes::text::Text;
use crate::time::stamp;
use crate::time::{LogTime, Uptime, rfc3339};

/// `[ 2447.391126] ` at the start of a text, and what may follow in brackets.
#[derive(Debug, Clone, Copy)]
pub(super) struct BootStamp<'a> {
    uptime: Uptime,
    caller: Option<&'a [u8]>,
    len: usize,
}

impl<'a> BootStamp<'a> {
    pub(super) fn put_into(self, envelope: &mut Envelope<'a>) {
        envelope.uptime = Some(self.uptime);
        envelope.caller = self.caller.map(Text::new);
        envelope.body_at += self.len;
    }
}

/// Parses `[%5lu.%06lu] `, and `[  T123]` or `[    C0]` between the two with
/// `CONFIG_PRINTK_CALLER`.
pub(super) fn boot_stamp(text: &[u8]) -> Option<BootStamp<'_>> {
    let inside = text.strip_prefix(b"[")?;
    let close = memchr::memchr(b']', &inside[..inside.len().min(40)])?;
    let uptime = uptime_text(&inside[..close])?;
    let mut rest = &inside[close + 1..];
    let mut caller = None;
    // util-linux prints a blank between the two.
    if let Some(after) = rest.strip_prefix(b" [").or_else(|| rest.strip_prefix(b"["))
        && let Some(close) = memchr::memchr(b']', &after[..after.len().min(12)])
        && is_caller(after[..close].trim_ascii_start())
    {
        caller = Some(after[..close].trim_ascii_start());
        rest = &after[close + 1..];
    }
    // A message may be empty, and tools drop the blank then.
    let rest = rest.strip_prefix(b" ").or_else(|| rest.is_empty().then_some(rest))?;
    Some(BootStamp { uptime, caller, len: text.len() - rest.len() })
}

fn is_caller(text: &[u8]) -> bool {
    matches!(text, [b'T' | b'C', digits @ ..] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit))
}

/// Parses `  637.581122`: always six decimals; other programs write three.
pub(crate) fn uptime_text(text: &[u8]) -> Option<Uptime> {
    let text = text.trim_ascii_start();
    let point = text.len().checked_sub(7)?;
    let (seconds, micros) = (&text[..point], text[point..].strip_prefix(b".")?);
    if seconds.is_empty() || seconds.len() > 12 {
        return None;
    }
    let number = |digits: &[u8]| {
        digits
            .iter()
            .try_fold(0_u64, |n, b| b.is_ascii_digit().then(|| n * 10 + u64::from(b - b'0')))
    };
    Some(Uptime::from_micros(number(seconds)? * 1_000_000 + number(micros)?))
}

/// Returns whether a text begins with a header that names time, machine and program.
fn is_whole_header(text: &[u8]) -> bool {
    layers::header(text).is_some_and(|it| {
        let is_syslogs =
            matches!(it.dialect, Dialect::Rfc3164 | Dialect::Rfc3339 | Dialect::Rfc5424);
        is_syslogs && it.time != LogTime::Unknown && it.host.is_some() && it.program.is_some()
    })
}

/// Parses any of dmesg's stamps in brackets; the priority, if there is one, was parsed before `at`.
pub(super) fn dmesg(text: &[u8], at: usize) -> Option<Envelope<'_>> {
    let mut envelope = Envelope { dialect: Dialect::Console, body_at: at, ..Envelope::default() };
    if let Some(boot) = boot_stamp(&text[at..]) {
        boot.put_into(&mut envelope);
        syslog::host_and_tag(text, &mut envelope);
        return Some(envelope);
    }
    let mut has_delta = false;
    let inside = text[at..].strip_prefix(b"[")?;
    let close = memchr::memchr(b']', &inside[..inside.len().min(48)])?;
    let stamp = &inside[..close];
    if let Some((time, len)) = stamp::ctime(stamp).filter(|(_, len)| *len == stamp.len()) {
        debug_assert_eq!(len, stamp.len());
        envelope.time = time;
    } else if let Some(uptime) = with_delta(stamp) {
        envelope.uptime = uptime;
        has_delta = true;
    } else if !is_short(stamp) {
        return None;
    }
    let rest = inside[close + 1..].strip_prefix(b" ")?;
    envelope.body_at = text.len() - rest.len();
    // A terminal's stamp looks like dmesg's, which has no fraction and no header behind it.
    if envelope.time != LogTime::Unknown && is_whole_header(rest) {
        envelope.dialect = Dialect::Container;
    }
    if has_delta {
        // journald's form has host and tag, too.
        syslog::host_and_tag(text, &mut envelope);
    }
    Some(envelope)
}

/// Parses `[ 2343.595381 <    0.007446>]`, `[<    0.007446>]`, `[ 2343.595381               ]` and
/// `[  +0.007446]`: the time since the last line, and in some of them the uptime.
#[expect(clippy::option_option, reason = "no such stamp, and a stamp without an uptime")]
fn with_delta(stamp: &[u8]) -> Option<Option<Uptime>> {
    if let Some(delta) = stamp.trim_ascii_start().strip_prefix(b"+") {
        return uptime_text(delta).map(|_| None);
    }
    // The first line has room for the time since the last.
    let Some(open) = memchr::memchr(b'<', stamp) else {
        let uptime = stamp.strip_suffix(b" ").and_then(|it| uptime_text(it.trim_ascii_end()));
        return uptime.map(Some);
    };
    uptime_text(stamp[open + 1..].strip_suffix(b">")?.trim_ascii_end())?;
    let before = stamp[..open].trim_ascii();
    if before.is_empty() { Some(None) } else { uptime_text(before).map(Some) }
}

/// Returns whether the text is `Nov23 04:03`: dmesg's relative form, where the minute changes. It
/// has no seconds, so it does not count as a time.
fn is_short(stamp: &[u8]) -> bool {
    stamp::month(stamp).is_some()
        && matches!(stamp[3..], [a, b, b' ', c, d, b':', e, f]
            if [b, c, d, e, f].iter().all(u8::is_ascii_digit) && (a.is_ascii_digit() || a == b' '))
}

/// Parses `kern  :warn  : [ 2343.595381] …`: dmesg -x.
pub(super) fn decoded(text: &[u8]) -> Option<Envelope<'_>> {
    const FACILITIES: [&str; 12] = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron",
        "authpriv", "ftp",
    ];
    const LEVELS: [&str; 8] = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"];
    let name = |field: &[u8], names: &[&str]| {
        let field = field.trim_ascii_end();
        names.iter().position(|name| name.as_bytes() == field)
    };
    let colon = memchr::memchr(b':', &text[..text.len().min(12)])?;
    let facility = name(&text[..colon], &FACILITIES)?;
    let rest = &text[colon + 1..];
    let colon = memchr::memchr(b':', &rest[..rest.len().min(12)])?;
    let level = name(&rest[..colon], &LEVELS)?;
    let rest = rest[colon + 1..].strip_prefix(b" ")?;
    let at = text.len() - rest.len();
    let priority = u8::try_from(facility * 8 + level).ok();
    // dmesg -x -t prints no stamp.
    let bare = Envelope { dialect: Dialect::Console, body_at: at, ..Envelope::default() };
    let stamped = dmesg(text, at).or_else(|| iso(text, at));
    Some(Envelope { priority, ..stamped.unwrap_or(bare) })
}

/// Parses `kernel: …` or `rep[7]: {…}`: syslog's tag without a stamp and a host. The name of an
/// unknown program is a tag only before the kernel's stamp or a lager line, because log prefixes
/// have colons too.
pub(super) fn tagged(text: &[u8]) -> Option<Envelope<'_>> {
    let word = &text[..text.iter().take(64).position(|b| *b == b' ')?];
    let (program, proc_id) = syslog::program_and_pid(word.strip_suffix(b":")?)?;
    let rest = &text[word.len() + 1..];
    // pdsh and similar tools print an address.
    let is_address = std::str::from_utf8(program.as_bytes())
        .is_ok_and(|name| name.parse::<std::net::IpAddr>().is_ok());
    // A tab is between columns.
    let is_tag = !is_address
        && memchr::memchr(b'\t', word).is_none()
        && (Role::of_program(program.as_bytes()) != Role::Speaker
            || boot_stamp(rest).is_some()
            || rest.starts_with(b"{\"timestamp\":"));
    is_tag.then(|| Envelope {
        dialect: Dialect::Console,
        program: Some(program),
        proc_id,
        body_at: text.len() - rest.len(),
        ..Envelope::default()
    })
}

/// Parses `cell-1 kernel: [88008.920287] …`: a host and the kernel's tag without a stamp, which a
/// store took away.
pub(super) fn of_host(text: &[u8]) -> Option<Envelope<'_>> {
    let host = &text[..text.iter().take(256).position(|b| *b == b' ')?];
    let behind = text[host.len()..].strip_prefix(b" kernel: ")?;
    boot_stamp(behind)?;
    syslog::is_host(host).then(|| Envelope {
        dialect: Dialect::Console,
        host: Some(Text::new(host)),
        program: Some(Text::new(b"kernel")),
        body_at: text.len() - behind.len(),
        ..Envelope::default()
    })
}

/// Parses `2017-07-24T19:19:10,581122+00:00 …`: dmesg --time-format=iso. The comma distinguishes it
/// from syslog, but some loggers put a host and a tag behind such a stamp.
pub(super) fn iso(text: &[u8], at: usize) -> Option<Envelope<'_>> {
    let (time, len, true) = rfc3339(&text[at..])? else { return None };
    let rest = text[at + len..].strip_prefix(b" ")?;
    let mut envelope = Envelope {
        dialect: Dialect::Console,
        time: LogTime::Instant(time),
        body_at: text.len() - rest.len(),
        ..Envelope::default()
    };
    syslog::host_and_tag(text, &mut envelope);
    Some(envelope)
}
