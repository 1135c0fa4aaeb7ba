//! Texts that look like a packet's or a container's, in lines that were not understood.

use super::Record;
use crate::bytes::find::position;
use crate::event::lager::LagerEvent;
use crate::line::envelope::tools;

/// Returns whether a text that was not understood looks like a packet's or a container's. No
/// [quiet](super::quiet) text does. A lager line that begins the text was read, if the platform
/// wrote it.
pub(super) fn holds_text(text: &[u8], is_platform: bool) -> bool {
    // Between the fields may be tabs, or whatever a store puts there for a blank.
    if let Some(at) = position!(b"SRC=", text)
        && position!(b"DST=", &text[at..]).is_some()
    {
        return true;
    }
    if holds_fields(text) {
        return true;
    }
    // UTF-16 without its mark is not known for what it is.
    if memchr::memchr(0, text).is_some() && position!(b"S\0R\0C\0=\0", text).is_some() {
        return true;
    }
    // One pass over the bytes rules out containers in most texts.
    if !LagerEvent::may_be_in(text) {
        return false;
    }
    // One behind something, or inside a JSON string or a page, was not.
    let of_page = || position!(b"{&quot;timestamp&quot;:", text);
    let escaped = position!(br#"{\"timestamp\":"#, text).or_else(of_page);
    let inner = match text.trim_ascii_start() {
        [b'{', ..] | [b'[', b'{' | b'[' | b'"' | b' ' | b'\n', ..]
            if is_platform && !tools::is_continuation(text) =>
        {
            [escaped, None, None]
        }
        _ => {
            [escaped, position!(br#"{"timestamp":"#, text), position!(br#"{""timestamp"":"#, text)]
        }
    };
    inner.into_iter().flatten().any(|at| names_container(&text[at..]))
}

/// Names of a packet's fields.
pub(super) const FIELDS: [&[u8]; 15] = [
    b"OUT", b"MAC", b"SRC", b"DST", b"LEN", b"TOS", b"PREC", b"TTL", b"ID", b"PROTO", b"SPT",
    b"DPT", b"WINDOW", b"RES", b"URGP",
];

/// Returns whether a text has three fields of a packet: so has a piece of a line that a terminal or
/// a letter has broken. One of them is `SRC`, `PREC` or `MAC`, without which the text would be
/// quiet.
fn holds_fields(text: &[u8]) -> bool {
    if position!(b"C=", text).is_none() {
        return false;
    }
    let is_field = |at: &usize| {
        let before = &text[..*at];
        let len = before.iter().rev().take_while(|b| b.is_ascii_uppercase()).count();
        let (before, name) = before.split_at(before.len() - len);
        before.last().is_none_or(|b| *b == b' ') && FIELDS.contains(&name)
    };
    memchr::memchr_iter(b'=', text).filter(is_field).nth(2).is_some()
}

/// The members of documents that name a container.
const MEMBERS: [&[u8]; 6] = [
    b"handle",
    b"instance_guid",
    b"process_guid",
    b"container_guid",
    b"task_guid",
    b"container-guid",
];

/// Returns whether a text is a line of an indented document that names a container, with or without
/// a prefix. Such a line is alone if its document was not understood. A whole document of the
/// platform's was read.
pub(super) fn holds_member(text: &[u8], is_platform: bool) -> bool {
    LagerEvent::may_be_in(text)
        && (!is_platform || memchr::memchr(b'\n', text).is_none())
        && text.split(|b| *b == b'\n').any(is_member)
}

/// Returns whether a line ends in one of [`MEMBERS`] that is alone there, as in
/// `    "handle": "d538d169-f2f6-4587-77b1-f00d",`. In a string its quotes have backslashes.
fn is_member(line: &[u8]) -> bool {
    let is_blank = |b: &u8| matches!(b, b' ' | b'\t');
    memchr::memchr_iter(b':', line).any(|at| {
        let quote = if line[..at].ends_with(b"\\\"") { &b"\\\""[..] } else { b"\"" };
        let name = || {
            let inside = line[..at].strip_suffix(quote)?;
            let begin = inside.iter().rposition(|b| *b == b'"')?;
            let before = line[..=begin].strip_suffix(quote)?;
            let is_alone = before.last().is_none_or(is_blank)
                && !matches!(before.trim_ascii_end().last(), Some(b'{' | b','));
            Some(&inside[begin + 1..]).filter(|_| is_alone)
        };
        let value = || {
            let value = line[at + 1..].trim_ascii_start().strip_prefix(quote)?;
            let (value, behind) = value.split_at(memchr::memmem::find(value, quote)?);
            let behind = behind[quote.len()..].trim_ascii_end();
            Some(value).filter(|_| quote.len() > 1 || matches!(behind, b"" | b","))
        };
        name().is_some_and(|name| MEMBERS.contains(&name)) && value().is_some_and(is_handle)
    })
}

/// Returns whether a value begins as a GUID does.
fn is_handle(value: &[u8]) -> bool {
    value.get(8) == Some(&b'-') && value[..8].iter().all(u8::is_ascii_hexdigit)
}

/// Returns whether a damaged text that gave nothing has a packet's or a container's text.
pub(super) fn has_payload(text: &[u8]) -> bool {
    let quoted = |at: usize| matches!(text.get(at), Some(b'"' | b'\'' | b'\\' | b'&'));
    let has_handle =
        || memchr::memmem::find_iter(text, b"handle").any(|at| quoted(at + b"handle".len()));
    (position!(b"SRC=", text).is_some() && position!(b"DST=", text).is_some())
        || [&b"container-guid"[..], b"process-guid", b"process_guid", b"instance-guid"]
            .into_iter()
            .any(|name| memchr::memmem::find(text, name).is_some())
        || has_handle()
}

/// Returns whether a damaged packet has a second packet, or a lager line, behind its own fields.
pub(super) fn holds_second(record: &Record<'_>, text: &[u8]) -> bool {
    let behind = |first: &[u8]| {
        memchr::memmem::find(text, first).map_or(&[][..], |at| &text[at + first.len()..])
    };
    record.packet().is_some() && {
        let rest = behind(b" DST=");
        position!(b" OUT=", rest).is_some() || position!(b"{\"timestamp\":", rest).is_some()
    }
}

/// Returns whether a text has a member of lager lines about containers.
fn names_container(text: &[u8]) -> bool {
    position!(b"container-guid", text).is_some()
        || position!(b"process-guid", text).is_some()
        || position!(b"instance-guid", text).is_some()
        || position!(b"handle", text).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::quiet::is_quiet;

    const PIECES: [&str; 18] = [
        "SRC=",
        "DST=",
        "S\0R\0C\0=\0",
        "\n",
        "\0",
        "{\"timestamp\":\"",
        "{\\\"timestamp\\\":",
        "{\"\"timestamp\"\":",
        "container-guid",
        "process-guid",
        "instance-guid",
        "handle",
        "\\",
        "u",
        "hello",
        " ",
        "C",
        "x",
    ];

    proptest! {
        #[test]
        fn a_quiet_text_holds_nothing_that_is_looked_for(
            pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..12),
            blanks in 0..90_usize,
        ) {
            let text = format!("{}{}", pieces.concat(), " ".repeat(blanks));
            let text = text.as_bytes();
            let has = |byte: u8| text.contains(&byte);
            if holds_text(text, true) || holds_text(text, false) || LagerEvent::may_be_in(text) || has(b'\n') || has(0) {
                prop_assert!(!is_quiet(text));
            }
        }
    }
}
