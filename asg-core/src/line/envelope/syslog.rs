//! Syslog: stamp, host, tag, and BOSH's marks between them.

use super::role::Role;
use super::{Dialect, Envelope, cisco, console, stream, unknown};
use crate::bytes::find;
use crate::bytes::text::Text;
use crate::time::stamp;
use crate::time::{LogTime, rfc3339};

/// Parses `<PRI>` and a header behind it.
pub(super) fn with_priority(text: &[u8]) -> Option<Envelope<'_>> {
    prioritised(text, 0)
}

/// Parses `1 2024-05-06T07:09:10Z cell-1 …`: RFC 5424 without the priority, which some programs
/// remove. With a colon behind the program, 1 is the number of a line.
pub(super) fn without_priority(text: &[u8]) -> Option<Envelope<'_>> {
    rfc3339(text.strip_prefix(b"1 ")?)?;
    let mut envelope = Envelope::default();
    rfc5424(text, 2, &mut envelope)?;
    let is_tag = envelope.program.is_some_and(|program| program.as_bytes().ends_with(b":"));
    (!is_tag).then_some(envelope)
}

/// Parses `318 <4>1 …`: octet counting, RFC 6587.
pub(super) fn counted(text: &[u8]) -> Option<Envelope<'_>> {
    let digits = text.iter().take(8).take_while(|b| b.is_ascii_digit()).count();
    text[digits..].starts_with(b" <").then(|| prioritised(text, digits + 1))?
}

fn prioritised(text: &[u8], at: usize) -> Option<Envelope<'_>> {
    let (priority, at) = priority(text, at)?;
    let envelope = match &text[at..] {
        [b'1', b' ', ..] => {
            let mut envelope = Envelope::default();
            rfc5424(text, at + 2, &mut envelope).map(|()| envelope)
        }
        // Some programs put a blank before the version.
        [b' ', b'1', b' ', ..] => {
            let mut envelope = Envelope::default();
            rfc5424(text, at + 3, &mut envelope).map(|()| envelope)
        }
        [b'[', ..] => console::dmesg(text, at),
        // syslog-release 9 forgot the blank behind the version.
        rest if is_glued_version(rest) => stamped(text, at + 1),
        _ => cisco::header(text, at).or_else(|| stamped(text, at)),
    };
    envelope.map(|envelope| Envelope { priority: Some(priority), ..envelope })
}

/// Returns whether a text begins with RFC 5424's version and a year behind it, without a blank.
pub(super) fn is_glued_version(text: &[u8]) -> bool {
    matches!(text, [b'1', a, b, c, d, b'-', ..] if [a, b, c, d].into_iter().all(u8::is_ascii_digit))
}

/// Parses `<PRI>` and returns where it ends.
pub(super) fn priority(text: &[u8], at: usize) -> Option<(u8, usize)> {
    let digits = text[at + 1..].iter().take(4).take_while(|b| b.is_ascii_digit()).count();
    let close = at + 1 + digits;
    let priority = std::str::from_utf8(&text[at + 1..close]).ok()?.parse().ok()?;
    (text.get(close) == Some(&b'>')).then_some((priority, close + 1))
}

/// Parses a stamp of any kind, then host and tag; or the stamp alone, if another header follows.
pub(super) fn stamped(text: &[u8], at: usize) -> Option<Envelope<'_>> {
    let rest = &text[at..];
    let (dialect, time, len, needs_tag) = if let Some((time, len, comma)) = rfc3339(rest) {
        if comma {
            return console::iso(text, at);
        }
        (Dialect::Rfc3339, LogTime::Instant(time), len, false)
    } else if let Some((time, len)) = stamp::rfc3164(rest) {
        (Dialect::Rfc3164, time, len, false)
    } else if let Some(len) = stamp::without_month(rest) {
        (Dialect::Rfc3164, LogTime::Unknown, len, false)
    } else {
        // Numbers and words of other kinds are stamps only where a host and a tag follow.
        let (time, len) = stamp::zoned(rest)
            .or_else(|| stamp::without_zone(rest))
            .or_else(|| stamp::unix(rest))
            .or_else(|| stamp::full(rest))
            .or_else(|| stamp::with_year(rest))
            .or_else(|| stamp::year_first(rest))
            .or_else(|| stamp::by_numbers(rest))?;
        (Dialect::Rfc3339, time, len, true)
    };
    behind_time(text, at + len, (dialect, time), needs_tag)
}

/// Parses `[2024-05-06 07:09:10] cell-1 kernel: …`: a stamp in brackets, where a host and a tag
/// follow, or another header.
pub(super) fn bracketed(text: &[u8]) -> Option<Envelope<'_>> {
    let inside = text.strip_prefix(b"[")?;
    let inside = &inside[..inside.iter().take(48).position(|b| *b == b']')?];
    let instant = rfc3339(inside).map(|(time, len, _)| (LogTime::Instant(time), len));
    let found = instant
        .or_else(|| stamp::zoned(inside))
        .or_else(|| stamp::without_zone(inside))
        .or_else(|| stamp::by_numbers(inside));
    let (time, _) = found.filter(|(_, len)| *len == inside.len())?;
    // Without a header an object may be anybody's: many programs print such stamps.
    if text.get(inside.len() + 3) == Some(&b'{') {
        return None;
    }
    behind_time(text, inside.len() + 2, (Dialect::Rfc3339, time), true)
}

/// Parses host and tag behind a stamp, or nothing if another header follows.
fn behind_time(
    text: &[u8],
    at: usize,
    (dialect, time): (Dialect, LogTime),
    needs_tag: bool,
) -> Option<Envelope<'_>> {
    let mut words = Words { text, at };
    // promtail's dry run prints a tab before the labels.
    if text[words.at..].starts_with(b"\t{") {
        words.at += 1;
    } else {
        words.blank()?;
    }
    if let Some(found) = stream::behind_stamp(text, words.at, time) {
        return Some(found);
    }
    // Cisco's devices and some templates print the zone behind the stamp.
    if stamp::is_zone(peek(words)) {
        words.word()?;
        words.blank()?;
    }
    let mut envelope = Envelope { dialect, time, body_at: words.at, ..Envelope::default() };
    // rsyslog's template may print these before the host: `kern warning cell-1 kernel: `.
    let leading = if is_facility(peek(words)) { facility_and_level(&mut words) } else { None };
    envelope.body_at = words.at;
    let before_host = words;
    let host = words.word()?;
    // metron's mark is behind a tag: some aggregators print no host before it.
    let is_tag = text[words.at..].starts_with(b" [job=");
    if is_host(host) && !is_tag {
        envelope.host = Some(Text::new(host));
        envelope.body_at = words.at;
        words.blank()?;
        // Cisco's firewalls put a colon of its own behind the host.
        words.at += if text[words.at..].starts_with(b": ") { 2 } else { 0 };
        envelope.body_at = words.at;
    } else {
        words = before_host;
    }
    envelope.priority = facility_and_level(&mut words).or(leading);
    tag(&mut words, &mut envelope);
    // `Jun 16 23:18:38 kern kernel [job=…]`: an aggregator printed the facility in the place of the
    // host.
    if envelope.job.is_some() && is_facility(host) {
        envelope.host = None;
    }
    (!needs_tag || envelope.program.is_some()).then_some(envelope)
}

/// Returns the next word, and leaves it where it is.
fn peek(mut words: Words<'_>) -> &[u8] {
    words.word().unwrap_or_default()
}

/// Returns whether a word behind a stamp can name a host: not a tag, a date, a level, or the
/// beginning of a log prefix or a text.
pub(crate) fn is_host(word: &[u8]) -> bool {
    let is_name = |b: &u8| {
        b.is_ascii_alphanumeric()
            || matches!(b, b'.' | b'-' | b'_' | b':' | b'%' | b'/' | b'@' | 0x80..)
    };
    word.len() <= 255
        && (!word.ends_with(b":") || word.ends_with(b"::"))
        && word.iter().all(is_name)
        && !word.iter().all(u8::is_ascii_digit)
        // Words of dates and levels are short, and levels have no digits.
        && (word.len() > 16
            || !stamp::is_word(word) && !stamp::is_zone(word) && level_of_facility(word).is_none())
        && (word.iter().any(u8::is_ascii_digit) || level(word).is_none())
        && ![&b"OK_"[..], b"DENY_", b"stdout", b"stderr"].iter().any(|mark| word.starts_with(mark))
}

/// Parses `Mon Mar 23 13:16:49 2026 kern.warn kernel: …`: `OpenWrt`'s logread.
///
/// Source: ubox `log/logread.c`.
pub(super) fn logread(text: &[u8]) -> Option<Envelope<'_>> {
    let (time, len) = stamp::ctime(text)?;
    let mut words = Words { text, at: len };
    words.blank()?;
    let priority = Some(facility_and_level(&mut words)?);
    let dialect = Dialect::Rfc3164;
    let mut envelope =
        Envelope { dialect, time, priority, body_at: words.at, ..Envelope::default() };
    tag(&mut words, &mut envelope);
    Some(envelope)
}

/// Parses `kern.warn `, as busybox's syslogd puts it between host and tag, or `kern warning ` or
/// `warning `, as other programs do.
fn facility_and_level(words: &mut Words<'_>) -> Option<u8> {
    let mut behind = *words;
    let word = behind.word()?;
    let priority = match level_of_facility(word) {
        Some(priority) => priority,
        None if is_facility(word) => {
            behind.blank()?;
            let level = level(behind.word()?)?;
            facility(word)? * 8 + level
        }
        None => level(word)?,
    };
    behind.blank()?;
    *words = behind;
    u8::try_from(priority).ok()
}

/// Parses `kern.warn`; or `Kernel.Warning`, as Kiwi Syslog Server writes it.
fn level_of_facility(word: &[u8]) -> Option<usize> {
    let (name, severity) = split_at(word, b".")?;
    let name = if name.eq_ignore_ascii_case(b"kernel") { b"kern" } else { name };
    Some(facility(name)? * 8 + level(severity)?)
}

/// Returns the number of a severity, by any of its names.
fn level(word: &[u8]) -> Option<usize> {
    const LEVELS: [&[&str]; 8] = [
        &["emerg", "panic"],
        &["alert"],
        &["crit", "critical", "fatal"],
        &["err", "error"],
        &["warn", "warning"],
        &["notice"],
        &["info"],
        &["debug", "trace"],
    ];
    let is_it = |name: &&str| word.eq_ignore_ascii_case(name.as_bytes());
    LEVELS.iter().position(|names| names.iter().any(is_it))
}

/// Returns whether a word is a level's or a facility's.
pub(crate) fn is_level_or_facility(word: &[u8]) -> bool {
    let is_facility = FACILITIES.iter().any(|name| name.as_bytes().eq_ignore_ascii_case(word));
    level(word).is_some() || is_facility || level_of_facility(word).is_some()
}

fn facility(name: &[u8]) -> Option<usize> {
    match FACILITIES.iter().position(|known| known.as_bytes().eq_ignore_ascii_case(name))? {
        n @ 0..12 => Some(n),
        local => Some(local + 4),
    }
}

pub(super) fn is_facility(host: &[u8]) -> bool {
    FACILITIES.iter().any(|name| name.as_bytes() == host)
}

const FACILITIES: [&str; 20] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];

/// Parses `host program[pid]: ` behind a stamp of the kernel's: journald's short-monotonic. A log
/// prefix may have a colon too, so a tag without a number counts only if it is the kernel's, or
/// JSON or one of Cloud Foundry's prefixes follows.
pub(super) fn host_and_tag<'a>(text: &'a [u8], envelope: &mut Envelope<'a>) {
    let mut words = Words { text, at: envelope.body_at };
    let (Some(host), Some(())) = (words.word(), words.blank()) else { return };
    let mut behind = words;
    let Some(word) = behind.word() else { return };
    // No log prefix has two words before one of Cloud Foundry's.
    let is_text =
        [&b" {"[..], b" OK_", b" DENY_"].iter().any(|it| text[behind.at..].starts_with(it));
    let has_number = word.ends_with(b"]:")
        && word.strip_suffix(b":").and_then(program_and_pid).is_some_and(|(_, it)| it.is_some());
    if word == b"kernel:" || has_number || (is_text && word.ends_with(b":")) {
        envelope.host = Some(Text::new(host));
        tag(&mut words, envelope);
    }
}

/// Parses `program[pid]: `, or `program ` where one of BOSH's marks or the kernel's stamp follows;
/// else the text behind the host is the body.
fn tag<'a>(words: &mut Words<'a>, envelope: &mut Envelope<'a>) {
    let start = words.at;
    let Some(word) = words.word() else { return };
    let number = word.strip_suffix(b":").unwrap_or_default();
    if cisco::is_sequence(number) && cisco::header(words.text, start).is_some() {
        words.at = start;
        return;
    }
    if is_device(word) {
        if words.blank().is_some() {
            envelope.body_at = words.at;
            tag(words, envelope);
        }
        return;
    }
    if let Some(len) = glued_tag(word) {
        let Some((program, proc_id)) = program_and_pid(&word[..len]) else { return };
        (envelope.program, envelope.proc_id) = (Some(program), proc_id);
        envelope.body_at = start + len + 1;
        return;
    }
    if words.blank().is_none() && words.at < words.text.len() {
        return;
    }
    // rsyslog makes a tag of RFC 5424's name and process: `name[[APP/PROC/WEB/0]]`.
    if let Some(stream) = unknown::stream_mark(word) {
        let name = memchr::memchr(b'[', word).map_or(word, |open| &word[..open]);
        (envelope.program, envelope.proc_id) = (non_empty(name), Some(stream));
        envelope.body_at = words.at;
        return;
    }
    // Some programs put an extra blank before metron's mark.
    if words.text[words.at..].starts_with(b" [job=") {
        words.at += 1;
    }
    let tag = word.strip_suffix(b":");
    let name = tag.unwrap_or(word);
    let bosh = bosh_mark(words, envelope);
    // rsyslog makes a tag without a colon of RFC 5424's name and process: `rep[rs2] {"timestamp":`.
    let is_tag = || {
        let behind = &words.text[words.at..];
        console::boot_stamp(behind).is_some() || behind.starts_with(b"{\"timestamp\":")
    };
    if tag.is_none() && !bosh && !is_tag() {
        words.at = start;
        return;
    }
    if !bosh && is_log_prefix(name, &words.text[words.at..]) {
        words.at = start;
        return;
    }
    envelope.body_at = words.at;
    let (program, pid) =
        match name.strip_suffix(b"]").and_then(|n| Some((n, memchr::memrchr(b'[', n)?))) {
            Some((inside, open)) => (&inside[..open], Some(&inside[open + 1..])),
            None => (name, None),
        };
    envelope.program = non_empty(program);
    envelope.proc_id = pid.and_then(non_empty);
}

/// Parses `program` or `program[pid]`.
pub(super) fn program_and_pid(name: &[u8]) -> Option<(Text<'_>, Option<Text<'_>>)> {
    let (program, pid) =
        match name.strip_suffix(b"]").and_then(|n| Some((n, memchr::memrchr(b'[', n)?))) {
            Some((inside, open)) => (&inside[..open], non_empty(&inside[open + 1..])),
            None => (name, None),
        };
    Some((non_empty(program)?, pid))
}

/// Returns the length of a tag that is glued to its message: `kernel:[88008.920287]`,
/// `rep:{"timestamp":…`. rsyslog's `%syslogtag%%msg%` gives this for messages that begin without a
/// blank.
fn glued_tag(word: &[u8]) -> Option<usize> {
    let len = word.iter().take(64).position(|b| *b == b':')?;
    let (name, rest) = (&word[..len], &word[len + 1..]);
    if rest.is_empty() || rest.starts_with(b"IN=") {
        return None;
    }
    let (program, _) = program_and_pid(name)?;
    let is_text = || [&b"{"[..], b"[", b"OK_", b"DENY_"].iter().any(|mark| rest.starts_with(mark));
    (Role::of_program(program.as_bytes()) != Role::Speaker || is_text()).then_some(len)
}

/// Returns whether a word is the label of an access point before the tag:
/// `U7PG2,fcecda000000,v4.3.20.11298:`.
fn is_device(word: &[u8]) -> bool {
    let mut parts = word.strip_suffix(b":").unwrap_or_default().split(|b| *b == b',');
    let (Some(model), Some(mac), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    !model.is_empty()
        && mac.len() == 12
        && mac.iter().all(u8::is_ascii_hexdigit)
        && version.starts_with(b"v")
}

/// Returns whether an apparent tag is the log prefix of a packet, as in ulogd's files: `host DROP:
/// IN=eth0 OUT=…`. The kernel's own lines have its tag, and daemons print their process id.
pub(super) fn is_log_prefix(tag: &[u8], behind: &[u8]) -> bool {
    behind.starts_with(b"IN=")
        && tag != b"kernel"
        && !tag.starts_with(b"ulogd")
        && !tag.ends_with(b"]")
}

/// Parses `[job=diego_cell index=1] `, `[bosh instance="cf/diego-cell/<id>"] `, `diego-cell/<id> `
/// or `cf/diego-cell/<id> `.
fn bosh_mark<'a>(words: &mut Words<'a>, envelope: &mut Envelope<'a>) -> bool {
    let rest = &words.text[words.at..];
    let found = if let Some(inside) = rest.strip_prefix(b"[job=") {
        (|| {
            let close = memchr::memchr(b']', inside)?;
            let (job, index) = split_at(&inside[..close], b" index=")?;
            (envelope.job, envelope.index) = (non_empty(job), non_empty(index));
            Some(b"[job=".len() + close + 1)
        })()
    } else if let Some(inside) = rest.strip_prefix(b"[bosh instance=\"") {
        (|| {
            let close = memchr::memmem::find(inside, b"\"]")?;
            path(&inside[..close], envelope)?;
            Some(b"[bosh instance=\"".len() + close + 2)
        })()
    } else {
        (|| {
            let end = memchr::memchr(b' ', rest)?;
            // Two or three parts. Any text may contain a slash, so the last part has to be an id.
            let word = &rest[..end];
            if matches!(word, [b'{' | b'[', ..]) {
                return None;
            }
            let id = word.rsplit(|&b| b == b'/').next()?;
            let is_id = crate::guid::Guid::parse(id).is_ok()
                || (!id.is_empty() && id.iter().all(u8::is_ascii_digit));
            if !is_id {
                return None;
            }
            path(word, envelope)?;
            Some(end)
        })()
    };
    let Some(len) = found else { return false };
    words.at += len;
    let _ = words.blank();
    true
}

/// Parses `deployment/job/id` or `job/id`.
fn path<'a>(text: &'a [u8], envelope: &mut Envelope<'a>) -> Option<()> {
    let mut parts = text.split(|&b| b == b'/');
    let (deployment, job, id) = match (parts.next()?, parts.next()?, parts.next(), parts.next()) {
        (deployment, job, Some(id), None) => (non_empty(deployment), job, id),
        (job, id, None, None) => (None, job, id),
        _ => return None,
    };
    (envelope.deployment, envelope.job, envelope.instance) =
        (deployment, non_empty(job), non_empty(id));
    Some(())
}

/// Parses `TIMESTAMP HOST APP-NAME PROCID MSGID [structured data] MSG`, behind `<PRI>1 `.
pub(super) fn rfc5424<'a>(text: &'a [u8], at: usize, envelope: &mut Envelope<'a>) -> Option<()> {
    let mut words = Words { text, at };
    envelope.dialect = Dialect::Rfc5424;
    envelope.time = match words.word()? {
        b"-" => LogTime::Unknown,
        word => match rfc3339(word)? {
            (time, len, false) if len == word.len() => LogTime::Instant(time),
            _ => return None,
        },
    };
    for slot in [&mut envelope.host, &mut envelope.program, &mut envelope.proc_id] {
        words.blank()?;
        // A drain leaves the app's GUID empty where it knows none: `host  [APP/PROC/WEB/0] - - `.
        if text[words.at..].starts_with(b" [") {
            continue;
        }
        *slot = nil(words.word()?);
    }
    words.blank()?;
    words.word()?;
    words.blank()?;
    let rest = &text[words.at..];
    if let Some(b'-') = rest.first() {
        words.at += 1;
    } else {
        // Some drains leave the structured data out, so the kernel's stamp is in its place.
        while text.get(words.at) == Some(&b'[') && console::boot_stamp(&text[words.at..]).is_none()
        {
            words.at += element(&text[words.at..], envelope)?;
        }
    }
    let _ = words.blank();
    envelope.body_at = words.at + if text[words.at..].starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    Some(())
}

/// Parses one element of structured data, `[id name="value" …]`, and returns its length. Values
/// stay escaped (`\"`, `\]`, `\\`); BOSH's have no such characters.
fn element<'a>(text: &'a [u8], envelope: &mut Envelope<'a>) -> Option<usize> {
    let mut words = Words { text, at: 1 };
    let id_end = find::find2(b' ', b']', text)?;
    let is_bosh = &text[1..id_end] == b"instance@47450";
    let is_tags = &text[1..id_end] == b"tags@47450";
    words.at = id_end;
    loop {
        match text.get(words.at)? {
            b']' => {
                if is_tags {
                    envelope.tags = non_empty(&text[id_end..words.at]);
                }
                return Some(words.at + 1);
            }
            b' ' => words.at += 1,
            _ => {
                let name_end = words.at + find::find(b'=', &text[words.at..])?;
                let name = &text[words.at..name_end];
                if text.get(name_end + 1) != Some(&b'"') {
                    return None;
                }
                let value = name_end + 2;
                let end = value + closing_quote(&text[value..])?;
                if is_bosh {
                    let slot = match name {
                        b"director" => &mut envelope.director,
                        b"environment" => &mut envelope.environment,
                        b"deployment" => &mut envelope.deployment,
                        b"group" => &mut envelope.job,
                        b"az" => &mut envelope.az,
                        b"id" => &mut envelope.instance,
                        _ => &mut None,
                    };
                    *slot = non_empty(&text[value..end]);
                }
                words.at = end + 1;
            }
        }
    }
}

/// Returns the place of the first `"` without a backslash before it.
fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += find::find2(b'"', b'\\', &text[at..])?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
        if at > text.len() {
            return None;
        }
    }
}

/// Words between single blanks.
#[derive(Debug, Clone, Copy)]
struct Words<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Words<'a> {
    /// Returns the characters up to the next blank or the end; `None` for an empty word.
    fn word(&mut self) -> Option<&'a [u8]> {
        let rest = &self.text[self.at..];
        let end = find::find(b' ', rest).unwrap_or(rest.len());
        self.at += end;
        (end > 0).then(|| &rest[..end])
    }

    fn blank(&mut self) -> Option<()> {
        (self.text.get(self.at) == Some(&b' ')).then(|| self.at += 1)
    }
}

fn split_at<'a>(text: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = memchr::memmem::find(text, mark)?;
    Some((&text[..at], &text[at + mark.len()..]))
}

fn non_empty(text: &[u8]) -> Option<Text<'_>> {
    (!text.is_empty()).then(|| Text::new(text))
}

/// Returns the value, unless it is RFC 5424's `-`, which means an absent one.
fn nil(text: &[u8]) -> Option<Text<'_>> {
    non_empty(text).filter(|text| *text != "-")
}
