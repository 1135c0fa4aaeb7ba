//! Layers: the headers that programs put around a line, peeled off one at a time.
//!
//! A line may have several, in any order: a shipper's stamp before a relay's header before the
//! machine's own. Two tables list the possible layers. A *header* is recognised by its form: a
//! stamp, a priority, a program's tag. A *prefix* is a tool's, and counts only where a header or a
//! lager line follows, because a log prefix can look like anything.
//!
//! The innermost machine and time win, and outer layers fill the gaps of the inner ones. Peeling
//! ends at the first program that does not forward other lines: its text is its own. So an app
//! cannot print a header.
//!
//! Sources: bosh-cli `ssh/streaming_writer.go`; kubectl `pkg/cmd/logs`; stern `stern/main.go`;
//! pdsh(1); Loki `pkg/logcli/output/default.go`; wazuh `src/analysisd/alerts/log.c`, `OS_Store`.

use super::members::{self, Tells};
use super::role::{self, Role};
use super::{Dialect, Envelope, cisco, console, stream, syslog};
use crate::bytes::text::Text;
use crate::bytes::{colours, trailing};
use crate::guid::Guid;
use crate::time::LogTime;

/// A layer: the bytes that it may begin with, and its parser. The envelope's body begins where the
/// layer ends.
struct Layer {
    begins: fn(u8) -> bool,
    read: for<'a> fn(&'a [u8]) -> Option<Envelope<'a>>,
}

const fn layer(
    begins: fn(u8) -> bool,
    read: for<'a> fn(&'a [u8]) -> Option<Envelope<'a>>,
) -> Layer {
    Layer { begins, read }
}

fn is_stamp(b: u8) -> bool {
    b.is_ascii_digit() || b.is_ascii_uppercase() || b == b'*'
}

const fn is_letter(b: u8) -> bool {
    b.is_ascii_alphabetic()
}

const fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric()
}

fn is_path(b: u8) -> bool {
    is_word(b) || matches!(b, b'/' | b'.')
}

/// Layers that are recognised by their form, in the order in which they are tried.
const HEADERS: &[Layer] = &[
    layer(|b| b == b'<', syslog::with_priority),
    layer(|b| b == b'1', syslog::without_priority),
    layer(|b| b == b'[', |text| console::dmesg(text, 0)),
    layer(|b| b == b'[', syslog::bracketed),
    layer(|b| b.is_ascii_digit(), ossec),
    layer(|b| b.is_ascii_digit() || matches!(b, b'*' | b'.' | b':'), |text| cisco::header(text, 0)),
    layer(|b| b.is_ascii_digit(), stream::supervisor),
    layer(is_stamp, |text| syslog::stamped(text, 0)),
    layer(|b| b.is_ascii_uppercase(), |text| cisco::header(text, 0)),
    layer(|b| b.is_ascii_digit(), syslog::counted),
    layer(|b| b == b'M', stream::field),
    layer(|b| b == b'{', labels_of_writer),
    layer(is_letter, syslog::logread),
    layer(is_letter, console::decoded),
    layer(is_word, console::tagged),
    layer(is_word, console::of_host),
    layer(|b| matches!(b, b' ' | b'\t'), stream::indented),
];

/// Prefixes that tools print. Each counts only where a header or a lager line follows.
const PREFIXES: &[Layer] = &[
    layer(is_word, bosh),
    layer(is_word, ansible),
    layer(is_letter, ansible_result),
    layer(is_word, service),
    layer(is_path, file),
    layer(is_word, host),
    layer(|b| b == b'[', kubectl),
    layer(is_word, tagged),
    layer(is_word, stern),
    layer(|b| b == b'{', labels),
    layer(|b| b.is_ascii_graphic(), prompt),
    layer(|b| b == b'>', |text| text.starts_with(b"> ").then(|| up_to(2))),
    layer(|b| matches!(b, b' ' | b'\t') || b.is_ascii_digit(), numbered),
    layer(|b| matches!(b, b' ' | b'\t'), blanks),
    layer(|b| is_opener(b) || b == b'<', openers),
    layer(is_word, first_word),
];

/// Layers before a line of an indented document, which are tried before a header.
const BEFORE_DOCUMENTS: &[Layer] = &[
    layer(|b| b.is_ascii_digit(), stamp_alone),
    layer(is_word, grep),
    layer(is_word, bosh),
    layer(is_word, service),
    layer(is_path, file),
    layer(is_word, host),
    layer(|b| b == b'[', kubectl),
    layer(|b| b == b'>', |text| text.starts_with(b"> ").then(|| up_to(2))),
    layer(|b| matches!(b, b' ' | b'\t') || b.is_ascii_digit(), numbered),
    layer(is_word, tagged),
    layer(is_word, stern),
];

/// Layers with the name of a machine or a container, which a tool prints before each line of it.
/// The last ones count only before a line of an indented document.
const TOOLS: &[Layer] = &[
    layer(is_word, bosh),
    layer(is_word, service),
    layer(is_path, file),
    layer(is_word, host),
    layer(|b| b == b'[', kubectl),
    layer(is_word, tagged),
    layer(is_word, stern),
];

/// The largest number of layers of a line.
const MOST: usize = 8;

/// The largest number of prefixes before a header.
const MOST_PREFIXES: usize = 3;

/// Peels all layers of a line, also behind a text of no known form. The body is the rest.
pub(crate) fn peel(text: &[u8]) -> Envelope<'_> {
    peel_with(text, behind_unknown)
}

/// Peels all layers of known form.
pub(crate) fn peel_known(text: &[u8]) -> Envelope<'_> {
    peel_with(text, |_, _| None)
}

/// Peels all headers of a text that begins with one, and no prefixes of tools.
pub(crate) fn headers(text: &[u8]) -> Option<Envelope<'_>> {
    let mut all = header(text)?;
    for _ in 1..MOST {
        let Some(inner) = header(&text[all.body_at..]).filter(|_| is_open(&all)) else { break };
        let at = all.body_at + inner.body_at;
        all = inner.within(&all);
        all.body_at = at;
    }
    Some(all)
}

/// Returns whether a text begins with the stamp of RFC 5424, and has the rest of such a header of a
/// program that hands on no lines: the beginning is missing.
pub(crate) fn is_end_of_header(text: &[u8]) -> bool {
    let text = text.strip_prefix(b" ").unwrap_or(text);
    let mut found = Envelope::default();
    syslog::rfc5424(text, 0, &mut found).is_some()
        && matches!(text[..found.body_at].trim_ascii_end(), [.., b' ', b'-'] | [.., b']'])
        && found.program.is_some()
        && !found.role().carries_lines()
}

/// Peels the layers before a line of an indented document: up to a blank or a bracket, or to the
/// line's end. Returns `None` without a layer, or with another text behind the layers.
pub(crate) fn before_document(line: &[u8]) -> Option<Envelope<'_>> {
    let mut all = Envelope::default();
    for n in 0..MOST {
        let rest = &line[all.body_at..];
        if n > 0 && is_of_document(rest) {
            return Some(all);
        }
        let inner = parse(BEFORE_DOCUMENTS, rest).or_else(|| header(rest));
        let inner = inner.filter(|inner| inner.body_at > 0 && is_open(&all))?;
        let at = all.body_at + inner.body_at;
        all = inner.within(&all);
        all.body_at = at;
    }
    None
}

/// Returns the length of what a tool prints before each line of a machine or a container.
pub(crate) fn tool(text: &[u8]) -> Option<usize> {
    parse(TOOLS, text).map(|found| found.body_at)
}

/// Returns where the text begins behind a stamp before a line of an indented document.
pub(crate) fn stamped_document(text: &[u8]) -> Option<usize> {
    text.first().filter(|b| b.is_ascii_digit())?;
    let at = stamp_alone(text)?.body_at;
    is_indented(&text[at..]).then_some(at)
}

/// Returns whether a text begins as a line of an indented document does.
fn is_of_document(text: &[u8]) -> bool {
    matches!(text, [] | b"[" | [b' ' | b'\t' | b'{' | b'}' | b']', ..])
}

fn peel_with<'a>(
    text: &'a [u8],
    other: fn(&'a [u8], &Envelope<'a>) -> Option<Envelope<'a>>,
) -> Envelope<'a> {
    let mut all = Envelope { body_at: marks(text), ..Envelope::default() };
    for n in 0..MOST {
        let rest = &text[all.body_at..];
        let found = if is_open(&all) {
            // An object is a text, and has no layer before it. Names of labels have no quotes.
            if is_json(rest) {
                break;
            }
            let may_be_file = n == 0 || all.job.is_some();
            // Behind a header that names the machine, a name before a colon is a program's.
            let is_its = |found: &Envelope<'_>| found.host.is_none() || all.host.is_none();
            header(rest).or_else(|| prefix(rest, MOST_PREFIXES, may_be_file).filter(is_its))
        } else {
            again(rest, &all)
        };
        let Some(inner) = found.or_else(|| other(rest, &all)) else { break };
        let at = all.body_at + inner.body_at;
        all = inner.within(&all);
        all.body_at = at + marks(&text[at..]);
    }
    all
}

/// Returns whether a line with these layers may have another one. The kernel's text follows its
/// stamp, and programs of other roles write text of their own.
fn is_open(all: &Envelope<'_>) -> bool {
    let is_kernels = all.uptime.is_some()
        || (all.dialect == Dialect::Console && all.program.is_none())
        || matches!(all.dialect, Dialect::DevKmsg | Dialect::JournalField);
    !is_kernels && matches!(all.role(), Role::Unnamed | Role::Forwarder)
}

/// Parses the header at the start of a text.
pub(super) fn header(text: &[u8]) -> Option<Envelope<'_>> {
    parse(HEADERS, text)
}

fn parse<'a>(layers: &[Layer], text: &'a [u8]) -> Option<Envelope<'a>> {
    let first = *text.first()?;
    layers.iter().filter(|layer| (layer.begins)(first)).find_map(|layer| (layer.read)(text))
}

/// Parses a prefix that a header or a lager line follows. Finding a file's name takes a search, so
/// it is looked for at the start of a line, and behind the name of a machine.
fn prefix(text: &[u8], most: usize, may_be_file: bool) -> Option<Envelope<'_>> {
    let first = *text.first()?;
    let fitting = PREFIXES.iter().filter(|layer| (layer.begins)(first));
    let mut found = fitting.filter_map(|layer| (layer.read)(text));
    let at_text = |layer: &Envelope<'_>| layer.body_at + marks(&text[layer.body_at..]);
    let is_followed = |layer: &Envelope<'_>| {
        let rest = &text[at_text(layer)..];
        let may_be_file = layer.job.is_some();
        most > 0 && (is_line(rest) || prefix(rest, most - 1, may_be_file).is_some())
    };
    found.find(is_followed).or_else(|| if may_be_file { super::file_name(text) } else { None })
}

/// Returns whether a text is a line by itself: it has a header, or is lager's.
pub(super) fn is_line(text: &[u8]) -> bool {
    header(text).is_some() || is_json(text)
}

/// Returns whether a text is an object, or begins an indented document.
const fn is_json(text: &[u8]) -> bool {
    matches!(text, [b'{', b'"' | b'\n', ..] | [b'[', b'\n', ..])
}

/// The longest text of no known form before a header.
const MOST_UNKNOWN: usize = 160;

/// Names of streams that tools put before a colon, like names of machines.
pub(crate) const STREAMS: [&[u8]; 4] = [b"out", b"err", b"stdout", b"stderr"];

/// Finds a whole header, with stamp, machine and program, behind a text of no known form: the marks
/// of a list, a diff or code, and tools that no table has. A text with a program's tag in it is
/// that program's, so the rest of it proves nothing.
fn behind_unknown<'a>(text: &'a [u8], all: &Envelope<'a>) -> Option<Envelope<'a>> {
    if !is_open(all) || is_continuation(text) {
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

/// Parses a repeated program's tag: some relays make a tag of the one that is in the text.
fn again<'a>(text: &'a [u8], all: &Envelope<'a>) -> Option<Envelope<'a>> {
    let program = all.program?.as_bytes();
    let rest = text.strip_prefix(program)?.strip_prefix(b":")?;
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    (!program.is_empty() && !rest.starts_with(b"IN=")).then(|| up_to(text.len() - rest.len()))
}

/// Returns a layer without content of its own.
fn up_to<'a>(body_at: usize) -> Envelope<'a> {
    Envelope { body_at, ..Envelope::default() }
}

/// Returns the length of the byte order marks and colours at the start of a text.
fn marks(text: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match &text[at..] {
            [0xef, 0xbb, 0xbf, ..] => at += 3,
            rest => match colours::sequence(rest) {
                Some(len) => at += len,
                None => return at,
            },
        }
    }
}

/// Returns a word that is followed by a blank, at most this long.
fn word(text: &[u8]) -> Option<&[u8]> {
    let len = text.iter().take(256).position(|b| *b == b' ')?;
    Some(&text[..len])
}

/// Parses `diego-cell/<id>: stdout | …`, `diego-cell/<id> kern.log | …`, `diego_cell/1 | …`.
fn bosh(text: &[u8]) -> Option<Envelope<'_>> {
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
fn ansible(text: &[u8]) -> Option<Envelope<'_>> {
    let name = word(text).filter(|name| syslog::is_host(name))?;
    let rest = text[name.len()..].strip_prefix(b" | ")?;
    let rest = rest[word(rest)?.len()..].strip_prefix(b" | rc=")?;
    let rest = rest[word(rest)?.len()..].strip_prefix(b" | (stdout) ")?;
    Some(Envelope { host: Some(Text::new(name)), ..up_to(text.len() - rest.len()) })
}

/// Parses `changed: [cell-1] => {…`: `ansible-playbook -v`.
///
/// Source: ansible, `plugins/callback/default.py`.
fn ansible_result(text: &[u8]) -> Option<Envelope<'_>> {
    const RESULTS: [&[u8]; 5] = [b"ok", b"changed", b"failed", b"fatal", b"skipping"];
    let rest = RESULTS.iter().find_map(|it| text.strip_prefix(*it))?.strip_prefix(b": [")?;
    let name = &rest[..rest.iter().take(256).position(|b| *b == b']')?];
    let at = memchr::memmem::find(&rest[..rest.len().min(512)], b"=> {\"")? + b"=> ".len();
    let body_at = text.len() - rest.len() + at;
    syslog::is_host(name).then(|| Envelope { host: Some(Text::new(name)), ..up_to(body_at) })
}

/// Parses `name   | …`: docker compose, ansible, and other programs that run one on several
/// machines.
fn service(text: &[u8]) -> Option<Envelope<'_>> {
    let name = word(text)?;
    let rest = text[name.len()..].trim_ascii_start().strip_prefix(b"| ")?;
    let source_file = Some(Text::new(name));
    Some(Envelope { source_file, ..up_to(text.len() - rest.len()) })
}

/// Parses `cell-1: …`, as pdsh prints it. A name without a digit, a dot or a hyphen may be a
/// program's.
fn host(text: &[u8]) -> Option<Envelope<'_>> {
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
fn prompt(text: &[u8]) -> Option<Envelope<'_>> {
    let mark = text.iter().take(128).position(|b| matches!(b, b'$' | b'#' | b'%'))? + 1;
    let is_prompt = text.get(mark) == Some(&b' ') && trailing::is_prompt(&text[..mark]);
    is_prompt.then(|| up_to(mark + 1))
}

/// Parses `[pod/name/container] …`.
fn kubectl(text: &[u8]) -> Option<Envelope<'_>> {
    let name = word(text)?.strip_prefix(b"[pod/")?.strip_suffix(b"]")?;
    Some(Envelope { source_file: Some(Text::new(name)), ..up_to(name.len() + b"[pod/] ".len()) })
}

/// Parses `{host="cell-1", job="syslog"} …`: the labels that logcli prints behind its stamp.
fn labels(text: &[u8]) -> Option<Envelope<'_>> {
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
        if role::is_streams(name, value) {
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
fn labels_of_writer(text: &[u8]) -> Option<Envelope<'_>> {
    labels(text).filter(|found| found.program.is_some() || found.proc_id.is_some())
}

/// Parses `     7⇥…`: cat -n and nl.
fn numbered(text: &[u8]) -> Option<Envelope<'_>> {
    let blanks = text.iter().take(12).take_while(|b| **b == b' ').count();
    let digits = text[blanks..].iter().take(12).take_while(|b| b.is_ascii_digit()).count();
    let at = blanks + digits;
    (digits > 0 && text.get(at) == Some(&b'\t')).then(|| up_to(at + 1))
}

/// Parses `12:`, `file:12:` before a line of a document, as grep -n prints them.
fn grep(text: &[u8]) -> Option<Envelope<'_>> {
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
fn file(text: &[u8]) -> Option<Envelope<'_>> {
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
fn tagged(text: &[u8]) -> Option<Envelope<'_>> {
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
fn stern(text: &[u8]) -> Option<Envelope<'_>> {
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
const fn is_indented(text: &[u8]) -> bool {
    matches!(text, [b'{' | b'['] | [b'{' | b'[', b'\n', ..] | [b' ' | b'\t' | b'}' | b']', ..])
}

/// Parses a stamp before a line of a document.
fn stamp_alone(text: &[u8]) -> Option<Envelope<'_>> {
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
fn blanks(text: &[u8]) -> Option<Envelope<'_>> {
    let len = count_blanks(text);
    (len > 0 && !is_continuation(text)).then(|| up_to(len))
}

/// Returns whether a byte may be a mark of a list, a table or code before a line.
const fn is_opener(b: u8) -> bool {
    matches!(b, b'\'' | b'"' | b'`' | b'|' | b'(' | b'[' | b'*' | b'-')
}

/// Skips marks of lists, tables and code, and tags of HTML, before a line of lager's: `['{"…`.
fn openers(text: &[u8]) -> Option<Envelope<'_>> {
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
fn first_word(text: &[u8]) -> Option<Envelope<'_>> {
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
fn ossec(text: &[u8]) -> Option<Envelope<'_>> {
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

/// The maximum delay of a shipper's stamp behind the line's, and the maximum lead, for both to
/// count as one clock's: in nanoseconds.
const LATE: i64 = 600_000_000_000;
const EARLY: i64 = 2_000_000_000;

impl Envelope<'_> {
    /// Returns whether the other header names the same writer. Stamps and numbers may differ.
    pub(crate) fn has_writer_of(&self, other: &Self) -> bool {
        let (time, uptime, sequence) = (self.time, self.uptime, self.sequence);
        let (body, body_at) = (self.body, self.body_at);
        *self == Envelope { time, uptime, sequence, body, body_at, ..*other }
    }

    /// Completes this layer from the layer around it.
    pub(crate) fn within(self, outer: &Self) -> Self {
        // A tool's prefix names the machine. Among headers, the inner one does, because the outer
        // one is a relay's.
        let is_named = self.host.is_some_and(|host| host != "localhost")
            || self.instance.is_some()
            || self.job.is_some();
        let machine =
            if is_named && outer.dialect != Dialect::Bare { Self::default() } else { *outer };
        Self {
            dialect: if self.dialect == Dialect::Bare { outer.dialect } else { self.dialect },
            time: within_time(self.time, outer.time),
            priority: self.priority.or(outer.priority),
            host: self.host.filter(|host| *host != "localhost").or(machine.host).or(self.host),
            job: self.job.or(machine.job),
            index: self.index.or(machine.index),
            instance: self.instance.or(machine.instance),
            deployment: self.deployment.or(machine.deployment),
            az: self.az.or(machine.az),
            director: self.director.or(machine.director),
            environment: self.environment.or(machine.environment),
            program: self.program.or(outer.program),
            proc_id: if self.program.is_some() {
                self.proc_id
            } else {
                self.proc_id.or(outer.proc_id)
            },
            uptime: self.uptime.or(outer.uptime),
            caller: self.caller.or(outer.caller),
            sequence: self.sequence.or(outer.sequence),
            continuation: self.continuation || outer.continuation,
            is_cut: self.is_cut || outer.is_cut,
            repeated: self.repeated.or(outer.repeated),
            source_file: self.source_file.or(outer.source_file),
            tags: self.tags.or(outer.tags),
            body: self.body,
            body_at: self.body_at,
        }
    }
}

/// Returns the inner stamp. One without a year or zone is in UTC if the outer one then follows it
/// at once.
fn within_time(inner: LogTime, outer: LogTime) -> LogTime {
    match (inner, outer) {
        (LogTime::Unknown, _) => outer,
        (LogTime::NoYear(civil), LogTime::Local(outer)) => {
            // Both are somebody's local time, so the nearest year is the right one.
            let far = |year: i16| {
                let apart =
                    civil.at(year, 0)?.as_nanos().abs_diff(outer.at(outer.year, 0)?.as_nanos());
                Some((apart, year))
            };
            let years = [outer.year - 1, outer.year, outer.year + 1];
            let nearest = years.into_iter().filter_map(far).min();
            nearest.map_or(inner, |(_, year)| LogTime::Local(crate::time::Civil { year, ..civil }))
        }
        (LogTime::NoYear(civil) | LogTime::Local(civil), LogTime::Instant(shown)) => {
            let year = match inner {
                LogTime::Local(_) => civil.year,
                _ => crate::time::Civil::of(shown).year,
            };
            let in_utc = [year, year - 1].into_iter().filter_map(|year| civil.at(year, 0));
            let fits = |time: &crate::time::Timestamp| {
                let late = shown.as_nanos().saturating_sub(time.as_nanos());
                (-EARLY..=LATE).contains(&late)
            };
            in_utc.into_iter().find(fits).map_or(inner, LogTime::Instant)
        }
        _ => inner,
    }
}
