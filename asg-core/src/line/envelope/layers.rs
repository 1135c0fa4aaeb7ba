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
//! The parsers are in `syslog`, `console`, `cisco`, `stream`, [`tools`] and [`unknown`].

use super::role::Role;
use super::tools::{
    ansible, ansible_result, blanks, bosh, file, first_word, grep, host, is_indented,
    is_of_document, is_opener, kubectl, labels, labels_of_writer, numbered, openers, ossec, prompt,
    service, stamp_alone, stern, tagged, up_to,
};
use super::unknown::behind_unknown;
use super::{Dialect, Envelope, cisco, console, stream, syslog};
use crate::bytes::colours;

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

pub(super) fn is_stamp(b: u8) -> bool {
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
pub(super) fn is_open(all: &Envelope<'_>) -> bool {
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

/// Parses a repeated program's tag: some relays make a tag of the one that is in the text.
fn again<'a>(text: &'a [u8], all: &Envelope<'a>) -> Option<Envelope<'a>> {
    let program = all.program?.as_bytes();
    let rest = text.strip_prefix(program)?.strip_prefix(b":")?;
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    (!program.is_empty() && !rest.starts_with(b"IN=")).then(|| up_to(text.len() - rest.len()))
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
