//! The prefixes that tools print before lines, and their parsers.
//!
//! Sources: bosh-cli `ssh/streaming_writer.go`; kubectl `pkg/cmd/logs`; stern `stern/main.go`;
//! pdsh(1); Loki `pkg/logcli/output/default.go`; wazuh `src/analysisd/alerts/log.c`, `OS_Store`.

use super::marks;
use super::members::{self, Tells};
use super::role::Role;
use super::{Dialect, Envelope, syslog};
use crate::bytes::text::Text;
use crate::bytes::trailing;
use crate::guid::Guid;
use crate::time::LogTime;

/// Returns a layer without content of its own.
pub(super) fn up_to<'a>(body_at: usize) -> Envelope<'a> {
    Envelope { body_at, ..Envelope::default() }
}

/// Returns a word that is followed by a blank, at most this long.
fn word(text: &[u8]) -> Option<&[u8]> {
    let len = text.iter().take(256).position(|b| *b == b' ')?;
    Some(&text[..len])
}

/// Parses `diego-cell/<id>: stdout | …`, `diego-cell/<id> kern.log | …`, `diego_cell/1 | …`.
pub(super) fn bosh(text: &[u8]) -> Option<Envelope<'_>> {
    let word = word(text)?;
    let name = word.strip_suffix(b":").unwrap_or(word);
    let (job, id, is_index) = members::machine(name)?;
    let rest = &text[word.len() + 1..];
    let rest = match rest.strip_prefix(b"| ") {
        Some(rest) => rest,
        // The stream, or the file's name.
        None => rest[self::word(rest)?.len() + 1..].strip_prefix(b"| ")?,
    };
    let (index, instance) = if is_index { (Some(id), None) } else { (None, Some(id)) };
    Some(Envelope {
        job: Some(Text::new(job)),
        index: index.map(Text::new),
        instance: instance.map(Text::new),
        body_at: text.len() - rest.len(),
        ..Envelope::default()
    })
}

/// Parses `cell-1 | CHANGED | rc=0 | (stdout) …`: `ansible -o`.
///
/// Source: ansible, `plugins/callback/oneline.py`.
pub(super) fn ansible(text: &[u8]) -> Option<Envelope<'_>> {
    let name = word(text).filter(|name| syslog::is_host(name))?;
    let rest = text[name.len()..].strip_prefix(b" | ")?;
    let rest = rest[word(rest)?.len()..].strip_prefix(b" | rc=")?;
    let rest = rest[word(rest)?.len()..].strip_prefix(b" | (stdout) ")?;
    Some(Envelope { host: Some(Text::new(name)), ..up_to(text.len() - rest.len()) })
}

/// Parses `changed: [cell-1] => {…`: `ansible-playbook -v`.
///
/// Source: ansible, `plugins/callback/default.py`.
pub(super) fn ansible_result(text: &[u8]) -> Option<Envelope<'_>> {
    const RESULTS: [&[u8]; 5] = [b"ok", b"changed", b"failed", b"fatal", b"skipping"];
    let rest = RESULTS.iter().find_map(|it| text.strip_prefix(*it))?.strip_prefix(b": [")?;
    let name = &rest[..rest.iter().take(256).position(|b| *b == b']')?];
    let at = memchr::memmem::find(&rest[..rest.len().min(512)], b"=> {\"")? + b"=> ".len();
    let body_at = text.len() - rest.len() + at;
    syslog::is_host(name).then(|| Envelope { host: Some(Text::new(name)), ..up_to(body_at) })
}

/// Parses `name   | …`: docker compose, ansible, and other programs that run one on several
/// machines.
pub(super) fn service(text: &[u8]) -> Option<Envelope<'_>> {
    let name = word(text)?;
    let rest = text[name.len()..].trim_ascii_start().strip_prefix(b"| ")?;
    let source_file = Some(Text::new(name));
    Some(Envelope { source_file, ..up_to(text.len() - rest.len()) })
}

/// Parses `cell-1: …`, as pdsh prints it. A name without a digit, a dot or a hyphen may be a
/// program's.
pub(super) fn host(text: &[u8]) -> Option<Envelope<'_>> {
    let name = word(text)?.strip_suffix(b":")?;
    names_host(name).then(|| Envelope { host: Some(Text::new(name)), ..up_to(name.len() + 2) })
}

/// Returns whether a name that a tool prints is a machine's.
fn names_host(name: &[u8]) -> bool {
    name.iter().any(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-'))
        && syslog::is_host(name)
        // A GUID is an app's.
        && Guid::parse(name).is_err()
        && Role::of_program(name) == Role::Speaker
}

/// Parses `vcap@cell-1:~$ {"…`: a shell's prompt.
pub(super) fn prompt(text: &[u8]) -> Option<Envelope<'_>> {
    let mark = text.iter().take(128).position(|b| matches!(b, b'$' | b'#' | b'%'))? + 1;
    let is_prompt = text.get(mark) == Some(&b' ') && trailing::is_prompt(&text[..mark]);
    is_prompt.then(|| up_to(mark + 1))
}

/// Parses `[pod/name/container] …`.
pub(super) fn kubectl(text: &[u8]) -> Option<Envelope<'_>> {
    let name = word(text)?.strip_prefix(b"[pod/")?.strip_suffix(b"]")?;
    Some(Envelope { source_file: Some(Text::new(name)), ..up_to(name.len() + b"[pod/] ".len()) })
}

/// Parses `{host="cell-1", job="syslog"} …`: the labels that logcli prints behind its stamp.
pub(super) fn labels(text: &[u8]) -> Option<Envelope<'_>> {
    let (labels, rest) = braced(text)?;
    // logcli prints a blank behind the labels; promtail's dry run, a tab.
    let rest = rest.strip_prefix(b" ").or_else(|| rest.strip_prefix(b"\t"))?.trim_ascii_start();
    Some(Envelope { body_at: text.len() - rest.len(), ..about(labels) })
}

/// Parses `{host="cell-1",job="syslog"}`, and nothing behind it.
pub(crate) fn labels_alone(text: &[u8]) -> Option<Envelope<'_>> {
    braced(text).filter(|(_, rest)| rest.is_empty()).map(|(labels, _)| about(labels))
}

/// Returns the labels in braces, and the text behind these.
fn braced(text: &[u8]) -> Option<(&[u8], &[u8])> {
    // A quote would begin a JSON object.
    let inside = text.strip_prefix(b"{").filter(|inside| !inside.starts_with(b"\""))?;
    let close = inside.iter().take(2_048).position(|b| *b == b'}')?;
    let labels = &inside[..close];
    let is_label = memchr::memmem::find(labels, b"=\"").is_some_and(|at| at > 0);
    (labels.is_empty() || is_label).then(|| (labels, &inside[close + 1..]))
}

/// Returns the machine and the program that labels name.
fn about(labels: &[u8]) -> Envelope<'_> {
    let mut surest = [None; 2];
    let mut proc_id = None;
    for (name, value) in pairs(labels) {
        if marks::is_label(name, value) {
            proc_id = Some(Text::new(b"[APP]"));
        }
        let Some((tells, sureness)) = members::of(name) else { continue };
        let slot = match tells {
            Tells::Host => &mut surest[0],
            Tells::Program => &mut surest[1],
            _ => continue,
        };
        if slot.is_none_or(|(other, _)| sureness < other) {
            *slot = Some((sureness, Text::new(value)));
        }
    }
    let [host, program] = surest.map(|it| it.map(|(_, value)| value));
    Envelope { host, program, proc_id, ..Envelope::default() }
}

/// Returns the labels of `host="cell-1", job="syslog"`, each with its value.
fn pairs(labels: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = labels;
    std::iter::from_fn(move || {
        let at = memchr::memmem::find(rest, b"=\"")?;
        let name = rest[..at].trim_ascii_start();
        let name = name.strip_prefix(b",").unwrap_or(name).trim_ascii_start();
        let value = &rest[at + 2..];
        let end = memchr::memchr(b'"', value)?;
        rest = &value[end + 1..];
        Some((name, &value[..end]))
    })
}

/// Parses labels that name the program, or mark an app's stream. The text behind them is that
/// program's, so they differ from a prefix that any text may have.
pub(super) fn labels_of_writer(text: &[u8]) -> Option<Envelope<'_>> {
    labels(text).filter(|found| found.program.is_some() || found.proc_id.is_some())
}

/// Parses `     7⇥…`: cat -n and nl.
pub(super) fn numbered(text: &[u8]) -> Option<Envelope<'_>> {
    let blanks = text.iter().take(12).take_while(|b| **b == b' ').count();
    let digits = text[blanks..].iter().take(12).take_while(|b| b.is_ascii_digit()).count();
    let at = blanks + digits;
    (digits > 0 && text.get(at) == Some(&b'\t')).then(|| up_to(at + 1))
}

/// Parses `12:`, `file:12:` before a line of a document, as grep -n prints them.
pub(super) fn grep(text: &[u8]) -> Option<Envelope<'_>> {
    let head = &text[..text.len().min(1024)];
    let ends = |b: &u8| matches!(b, b' ' | b'"' | b'{' | b'}' | b'[' | b']');
    let word = head[..head.iter().position(ends).unwrap_or(head.len())].strip_suffix(b":")?;
    let digits = word.iter().rev().take(12).take_while(|b| b.is_ascii_digit()).count();
    let source_file = match &word[..word.len() - digits] {
        [] => None,
        [name @ .., b':'] if !name.is_empty() => Some(Text::new(name)),
        _ => return None,
    };
    (digits > 0).then(|| Envelope { source_file, ..up_to(word.len() + 1) })
}

/// Endings of file names that grep prints before a line.
const FILES: [&[u8]; 4] = [b".json", b".txt", b".log", b".out"];

/// Parses `store.json:` or `/tmp/store:` before a line of a document: `grep -H`.
pub(super) fn file(text: &[u8]) -> Option<Envelope<'_>> {
    let head = &text[..text.len().min(1024)];
    let ends = |b: &u8| matches!(b, b' ' | b'\t' | b'"' | b'{' | b'}' | b'[' | b']');
    let word = &head[..head.iter().position(ends).unwrap_or(head.len())];
    // With numbers behind the name, another layer parses it.
    let name = word.strip_suffix(b":").filter(|name| memchr::memchr(b':', name).is_none())?;
    let is_file =
        memchr::memchr(b'/', name).is_some() || FILES.iter().any(|end| name.ends_with(end));
    let is_its = is_file && is_indented(&text[word.len()..]);
    is_its.then(|| Envelope { source_file: Some(Text::new(name)), ..up_to(word.len()) })
}

/// Parses `cell-1⇥` before a line of a document: `parallel --tag`.
pub(super) fn tagged(text: &[u8]) -> Option<Envelope<'_>> {
    let name = &text[..text.iter().take(256).position(|b| *b == b'\t')?];
    let is_name = |b: &u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'{' | b'}' | b'[' | b']');
    let is_number = name.iter().all(u8::is_ascii_digit);
    let is_its = !is_number && name.iter().all(is_name) && is_indented(&text[name.len() + 1..]);
    is_its.then(|| {
        let found = up_to(name.len() + 1);
        if names_host(name) {
            Envelope { host: Some(Text::new(name)), ..found }
        } else {
            Envelope { source_file: Some(Text::new(name)), ..found }
        }
    })
}

/// Parses `pod container ` before a line of a document: stern. Names of pods have a hyphen.
pub(super) fn stern(text: &[u8]) -> Option<Envelope<'_>> {
    let pod = word(text)?;
    let container = word(&text[pod.len() + 1..])?;
    let is_label = |name: &[u8]| {
        let is_its = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
        name.first().is_some_and(u8::is_ascii_alphanumeric) && name.iter().all(is_its)
    };
    let len = pod.len() + 1 + container.len() + 1;
    let is_its = memchr::memchr(b'-', pod).is_some()
        && is_label(pod)
        && is_label(container)
        && Role::of_program(container) != Role::Kernel
        && is_indented(&text[len..]);
    is_its.then(|| Envelope { source_file: Some(Text::new(&text[..len - 1])), ..up_to(len) })
}

/// Returns whether a text is a line of an indented document, or a whole one: a bracket alone, or a
/// line that begins with a blank or a closing bracket.
pub(super) const fn is_indented(text: &[u8]) -> bool {
    matches!(text, [b'{' | b'['] | [b'{' | b'[', b'\n', ..] | [b' ' | b'\t' | b'}' | b']', ..])
}

/// Parses a stamp before a line of a document.
pub(super) fn stamp_alone(text: &[u8]) -> Option<Envelope<'_>> {
    let word = word(text)?;
    let (time, len, _) = crate::time::rfc3339(word)?;
    let is_alone = len == word.len() && is_of_document(&text[len + 1..]);
    is_alone.then(|| Envelope {
        dialect: Dialect::Container,
        time: LogTime::Instant(time),
        ..up_to(len + 1)
    })
}

/// Skips blanks before a line, as people paste it.
pub(super) fn blanks(text: &[u8]) -> Option<Envelope<'_>> {
    let len = count_blanks(text);
    (len > 0 && !is_continuation(text)).then(|| up_to(len))
}

/// Returns whether a byte may be a mark of a list, a table or code before a line.
pub(super) const fn is_opener(b: u8) -> bool {
    matches!(b, b'\'' | b'"' | b'`' | b'|' | b'(' | b'[' | b'*' | b'-')
}

/// Skips marks of lists, tables and code, and tags of HTML, before a line of lager's: `['{"…`.
pub(super) fn openers(text: &[u8]) -> Option<Envelope<'_>> {
    const MOST_MARKS: usize = 16;
    let head = &text[..text.len().min(MOST_MARKS)];
    let at = memchr::memchr(b'{', head)?;
    let is_mark = |b: &u8| is_opener(*b) || matches!(b, b' ' | b'\t');
    let are_marks = head[..at].iter().all(is_mark)
        || (head.starts_with(b"<") && head[..at].ends_with(b">") && head[1].is_ascii_alphabetic());
    (are_marks && text[at..].starts_with(b"{\"timestamp\":")).then(|| up_to(at))
}

fn count_blanks(text: &[u8]) -> usize {
    text.iter().take(256).take_while(|b| matches!(b, b' ' | b'\t')).count()
}

/// Returns whether a line has so many blanks before it that it may be a further line of a message:
/// `journalctl` indents these by the width of the header, which names their writer. No header with
/// stamp, machine and program is shorter.
pub(crate) fn is_continuation(text: &[u8]) -> bool {
    const MOST: usize = 16;
    count_blanks(text) > MOST
}

/// Parses `pod container …`, as stern prints them. Only the stamp behind such words shows that they
/// are a prefix.
pub(super) fn first_word(text: &[u8]) -> Option<Envelope<'_>> {
    let mut at = 0;
    for _ in 0..2 {
        let word = word(&text[at..])?;
        // `kern.log:<4>1 …`: a header begins inside it.
        if word.ends_with(b">1") {
            return None;
        }
        // A name before a colon may be a program's. Paths and machines have other signs.
        let may_be_program = word.last() == Some(&b':')
            && !word.iter().any(|b| b.is_ascii_digit() || matches!(b, b'/' | b'.' | b'-'));
        if may_be_program {
            return None;
        }
        at += word.len() + 1;
        if crate::time::stamp::is_at(&text[at..]) {
            return Some(up_to(at));
        }
    }
    None
}

/// Parses `2024 May  6 07:09:10 (agent) 10.0.16.15->/var/log/kern.log …`, or without the agent.
pub(super) fn ossec(text: &[u8]) -> Option<Envelope<'_>> {
    let (time, len) = crate::time::stamp::year_first(text)?;
    let rest = text[len..].strip_prefix(b" ")?;
    let (agent, rest) = match rest.strip_prefix(b"(") {
        Some(inside) => {
            let close = inside.iter().take(256).position(|b| *b == b')')?;
            (Some(&inside[..close]), inside[close + 1..].strip_prefix(b" ")?)
        }
        None => (None, rest),
    };
    let place = word(rest)?;
    let arrow = memchr::memmem::find(place, b"->")?;
    let host = agent.unwrap_or(&place[..arrow]);
    let rest = &rest[place.len() + 1..];
    Some(Envelope {
        dialect: Dialect::Container,
        time,
        host: Some(Text::new(host)).filter(|_| !host.is_empty()),
        ..up_to(text.len() - rest.len())
    })
}

/// Returns whether a text begins as a line of an indented document does.
pub(super) fn is_of_document(text: &[u8]) -> bool {
    matches!(text, [] | b"[" | [b' ' | b'\t' | b'{' | b'}' | b']', ..])
}
