//! Pieces of a packet line that something broke into several lines of the log.

use super::unread::FIELDS;

/// Further names of fields whose values are numbers or addresses, and words without a value.
const MORE_FIELDS: [&[u8]; 17] = [
    b"SEQ",
    b"ACK",
    b"TYPE",
    b"CODE",
    b"GATEWAY",
    b"MTU",
    b"TC",
    b"HOPLIMIT",
    b"FLOWLBL",
    b"UID",
    b"GID",
    b"MARK",
    b"SPI",
    b"MACSRC",
    b"MACDST",
    b"MACPROTO",
    b"FRAG",
];
const FLAGS: [&[u8]; 12] =
    [b"DF", b"MF", b"CE", b"SYN", b"ACK", b"FIN", b"RST", b"PSH", b"URG", b"ECE", b"CWR", b"ECN"];

/// The longest line of a terminal, or of a program that divides lines.
const MOST_PIECE: usize = 1024;

/// Returns whether a text is a middle piece of a packet's line that was broken: of nothing but the
/// words of a packet, one of them a whole field. The first and the last may be cut. Most lines show
/// by their first two bytes that they are not.
pub(super) fn is_piece(text: &[u8]) -> bool {
    let may_begin = |b: &u8| {
        b.is_ascii_uppercase() || b.is_ascii_hexdigit() || matches!(b, b'=' | b'.' | b':' | b'x')
    };
    let begins = text.trim_ascii_start();
    if !begins.iter().take(2).all(may_begin) {
        return false;
    }
    let text = &text[..text.len().min(MOST_PIECE)];
    let mut words = text.split(|b| *b == b' ').filter(|word| !word.is_empty()).peekable();
    let (mut count, mut fields) = (0, 0);
    while let Some(word) = words.next() {
        let is_last = words.peek().is_none();
        let is_whole = is_field(word);
        let is_cut = || (count == 0 && ends_field(word)) || (is_last && begins_field(word));
        if !is_whole && !FLAGS.contains(&word) && !is_cut() {
            return false;
        }
        count += 1;
        fields += usize::from(is_whole);
    }
    count > 1 && fields > 0
}

fn fields() -> impl Iterator<Item = &'static [u8]> {
    FIELDS.into_iter().chain(MORE_FIELDS)
}

/// Returns whether a text is a number, an address or a name of a protocol, or a part of one.
fn is_value(text: &[u8]) -> bool {
    !text.is_empty()
        && text.iter().all(|b| b.is_ascii_hexdigit() || matches!(b, b'x' | b'.' | b':'))
}

fn is_field(word: &[u8]) -> bool {
    let Some(equals) = memchr::memchr(b'=', word) else { return false };
    let (name, value) = (&word[..equals], &word[equals + 1..]);
    let is_protocol = || name == b"PROTO" && value.iter().all(u8::is_ascii_alphanumeric);
    fields().any(|field| field == name) && (is_value(value) || is_protocol())
}

/// Returns whether a word is the end of a field.
fn ends_field(word: &[u8]) -> bool {
    match memchr::memchr(b'=', word) {
        None => is_value(word) && word.iter().any(u8::is_ascii_digit),
        Some(equals) => {
            fields().any(|field| field.ends_with(&word[..equals])) && is_value(&word[equals + 1..])
        }
    }
}

/// Returns whether a word is the beginning of a field.
fn begins_field(word: &[u8]) -> bool {
    let name = word.strip_suffix(b"=").unwrap_or(word);
    fields().any(|field| field.starts_with(name))
}
