//! The values of one row as CSV.

use asg_core::bytes::SmallText;
use asg_core::packet::Address;
use asg_core::time::TimeText;

use super::value::Value;

/// The treatment of values that spreadsheets take for formulas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Formulas {
    /// They stay as they are.
    #[default]
    Keep,
    /// A text that begins with `=`, `+`, `-`, `@`, a tab or a carriage return gets an apostrophe in
    /// front of it, as OWASP recommends.
    Disarm,
}

impl Formulas {
    /// Returns the text to put in front of this one.
    pub(crate) fn mark(self, text: &str) -> &'static str {
        let is_formula = self == Self::Disarm && text.starts_with(['=', '+', '-', '@', '\t', '\r']);
        if is_formula { "'" } else { "" }
    }
}

/// Longer texts go into the buffer at once.
const MOST_SMALL: usize = 512;

/// A short text.
#[derive(Debug)]
pub(crate) struct Short {
    bytes: [u8; 32],
    len: usize,
}

impl Short {
    /// Returns the text, if it is short.
    pub(crate) fn of(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; 32];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self { bytes, len: text.len() })
    }
}

/// Writes values into a buffer, with a comma behind each.
#[derive(Debug, Default)]
pub(crate) struct CsvCells {
    formulas: Formulas,
    times: TimeText,
    /// Short values that are not in the buffer yet.
    small: SmallText,
    /// Room for one value.
    text: String,
}

impl CsvCells {
    pub(crate) fn new(formulas: Formulas) -> Self {
        Self { formulas, ..Self::default() }
    }

    /// Writes a value. Inlining lets the compiler drop the choice of kind.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "that is what makes rows cheap")]
    pub(crate) fn put(&mut self, out: &mut Vec<u8>, value: &Value<'_>) {
        let Self { times, small, .. } = self;
        match value {
            Value::Null => {}
            Value::Word(word) if word.len() < SmallText::ROOM => small.word(word),
            Value::Int(number) => {
                if *number < 0 {
                    small.byte(b'-');
                }
                small.number(number.unsigned_abs());
            }
            Value::Bool(true) => small.constant(b"true"),
            Value::Bool(false) => small.constant(b"false"),
            Value::Time(time) => times.write(small, *time),
            Value::Address(Address::V4(ip)) => small.dotted(ip.octets()),
            Value::Millis(millis @ 0..) => {
                small.number(millis.unsigned_abs() / 1_000);
                let fraction = (millis % 1_000) as u32;
                if fraction > 0 {
                    small.byte(b'.');
                    small.digits::<3>(fraction);
                    small.trim_zeros();
                }
            }
            other => self.put_any(out, other),
        }
        self.small.byte(b',');
        if !self.small.has_room() {
            self.flush(out);
        }
    }

    /// Writes values that are texts already, with a comma behind each.
    #[inline]
    pub(crate) fn put_texts(&mut self, out: &mut Vec<u8>, texts: &[u8]) {
        if self.small.room() < texts.len() + SmallText::ROOM {
            self.flush(out);
            if texts.len() > MOST_SMALL {
                return out.extend_from_slice(texts);
            }
        }
        self.small.bytes(texts);
    }

    /// Writes values that are a short text already, with a comma behind each.
    #[inline]
    pub(crate) fn put_short(&mut self, out: &mut Vec<u8>, texts: &Short) {
        self.small.first_bytes(&texts.bytes, texts.len);
        if !self.small.has_room() {
            self.flush(out);
        }
    }

    /// Ends a line: a line feed replaces the comma behind its last value.
    #[inline]
    pub(crate) fn end_line(&mut self, out: &mut Vec<u8>) {
        if self.small.is_empty() {
            out.pop();
        }
        self.small.pop();
        self.small.byte(b'\n');
        if !self.small.has_room() {
            self.flush(out);
        }
    }

    /// Writes a value that may be long, or must be quoted.
    #[inline(never)]
    fn put_any(&mut self, out: &mut Vec<u8>, value: &Value<'_>) {
        self.flush(out);
        self.text.clear();
        // Writing into a string does not fail.
        let _ = value.write_text(&mut self.text);
        push_text(out, &self.text, self.formulas);
    }

    /// Moves all values into the buffer.
    pub(crate) fn flush(&mut self, out: &mut Vec<u8>) {
        self.small.move_to(out);
    }
}

fn push_text(out: &mut Vec<u8>, text: &str, formulas: Formulas) {
    let mark = formulas.mark(text).as_bytes();
    if text.contains([',', '"', '\n', '\r']) {
        out.push(b'"');
        out.extend_from_slice(mark);
        out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(mark);
        out.extend_from_slice(text.as_bytes());
    }
}
