//! Where an entry of journald's ends: `journalctl -o export`, and `-o verbose`.
//!
//! An entry of the export form begins with its field `__CURSOR` and ends with an empty line. A
//! value that is not printable text has its name on a line of its own, and then its length, so a
//! line in it never begins an entry, whatever it looks like. The verbose form begins with a stamp
//! and the cursor in brackets. Its fields are indented by four blanks, and further lines of a value
//! by more.
//!
//! Source: systemd, "Journal Export Formats", and `src/shared/logs-show.c`, `output_verbose`.

use super::{Form, State};
use crate::line::split::MOST_DOCUMENT;

/// The beginning of each entry of the export form.
pub(in crate::line) const CURSOR: &[u8] = b"__CURSOR=";

/// An entry that has begun.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    Verbose,
    Export(Reading),
}

/// The kind of an entry's next bytes.
#[derive(Debug, Clone)]
pub(super) enum Reading {
    Fields,
    /// The line end of a name without a value on its line.
    Name,
    /// The length of a value; so many bytes of it were read.
    Length {
        bytes: [u8; 8],
        read: usize,
    },
    /// A value and its line feed: so many bytes are left.
    Value {
        left: u64,
    },
}

impl Entry {
    /// Begins an entry with this line.
    pub(super) fn begin(line: &[u8], form: &Form) -> Option<Self> {
        if *form == Form::Export && line.starts_with(CURSOR) {
            return Some(Self::Export(Reading::Fields));
        }
        is_verbose_head(line).then_some(Self::Verbose)
    }

    /// Takes a further line without `skipped` bytes at its end; `line_end` ended the line before.
    pub(super) fn take(&mut self, line_end: &[u8], line: &[u8], skipped: u64) -> State {
        let Self::Export(reading) = self else {
            return if line.starts_with(INDENT) { State::Open } else { State::Ended };
        };
        if !reading.consume(line_end, 0) {
            return State::Broken;
        }
        if !matches!(reading, Reading::Fields) {
            let may_be = reading.consume(line, skipped);
            return if may_be { State::Open } else { State::Broken };
        }
        if line.is_empty() {
            return State::Closed;
        }
        let name = name_len(line);
        if name == 0 || line.starts_with(CURSOR) {
            return State::Ended;
        }
        match line.get(name) {
            Some(b'=') => State::Open,
            None => {
                *reading = Reading::Name;
                State::Open
            }
            Some(_) => State::Ended,
        }
    }
}

impl Reading {
    /// Takes the next bytes, and so many that were skipped; returns `false` if they cannot be what
    /// is awaited: no value is longer than a document, and its line feed ends a line.
    fn consume(&mut self, bytes: &[u8], skipped: u64) -> bool {
        let mut rest = bytes;
        match self {
            Self::Fields => return true,
            Self::Name => {
                *self = Self::Length { bytes: [0; 8], read: 0 };
                return true;
            }
            Self::Length { bytes: length, read } => {
                let (now, behind) = rest.split_at(rest.len().min(length.len() - *read));
                length[*read..][..now.len()].copy_from_slice(now);
                *read += now.len();
                if *read < length.len() {
                    return true;
                }
                rest = behind;
                let length = u64::from_le_bytes(*length);
                if length > MOST_DOCUMENT as u64 {
                    return false;
                }
                *self = Self::Value { left: length + 1 };
            }
            Self::Value { .. } => {}
        }
        let Self::Value { left } = self else { return true };
        let taken = rest.len() as u64 + skipped;
        let is_feed = rest.last() == Some(&b'\n');
        if taken > *left || (taken == *left && !is_feed) {
            return false;
        }
        *left -= taken;
        if *left == 0 {
            *self = Self::Fields;
        }
        true
    }
}

/// The blanks before a field of the verbose form.
pub(in crate::line) const INDENT: &[u8] = b"    ";

/// Returns the length of the field name at the start of a text; 0 without one.
pub(in crate::line) fn name_len(text: &[u8]) -> usize {
    let is_name = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_';
    text.iter().take_while(|b| is_name(b)).count()
}

/// Returns whether a text begins as an entry of the verbose form does: with `Mon 2024-05-06
/// 07:09:10.000101 UTC [s=…]`.
pub(in crate::line) fn is_verbose_head(line: &[u8]) -> bool {
    cursor(line).is_some()
}

/// Returns the cursor in brackets at the end of such a beginning.
pub(in crate::line) fn cursor(line: &[u8]) -> Option<&[u8]> {
    let [a, b, c, b' ', _, _, _, _, b'-', ..] = line else { return None };
    let is_day = a.is_ascii_uppercase() && b.is_ascii_lowercase() && c.is_ascii_lowercase();
    let at = memchr::memmem::find(&line[..line.len().min(MOST_STAMP)], b" [s=")?;
    // Day, date, time and zone.
    let is_stamp = is_day && line[..at].split(|b| *b == b' ').count() == 4;
    let inside = line[at + b" [".len()..].strip_suffix(b"]")?;
    (is_stamp && memchr::memchr(b']', inside).is_none()).then_some(inside)
}

/// The greatest length of the stamp before a cursor, with the beginning of that.
const MOST_STAMP: usize = 64;
