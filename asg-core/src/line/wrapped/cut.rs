//! JSON whose end is missing: the line in its last string is read with the facts before it, and is
//! damaged.

use std::borrow::Cow;

use super::{Found, is_payload, json};
use crate::bytes::find::position;

/// A text that nests deeper is not closed.
const MOST_NESTED: usize = 128;

/// Finds the packets in a JSON text that ends too early; `None` if it does not. The members that
/// are missing may name another writer, so nothing else counts.
pub(super) fn find(text: &[u8]) -> Option<Vec<Found<'_>>> {
    if !matches!(text, [b'{' | b'[', ..]) || !is_packet(text) {
        return None;
    }
    let error = serde_json::from_slice::<serde::de::IgnoredAny>(text).err()?;
    if !error.is_eof() {
        return None;
    }
    let open = Open::of(text)?;
    let whole = (!open.cuts_value(text)).then(|| open.close(text));
    let shorter = || {
        let text = &text[..open.comma?];
        Some(Open::of(text)?.close(text))
    };
    let is_json = |text: &Vec<u8>| serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok();
    let closed = whole.filter(is_json).or_else(|| shorter().filter(is_json))?;
    let found = json::find(&closed)?.into_iter().filter(|it| is_packet(&it.text));
    let found = found.map(|mut found| {
        found.outer.is_cut = true;
        Found {
            text: Cow::Owned(found.text.into_owned()),
            starts: found.starts,
            outer: found.outer,
        }
    });
    Some(found.collect()).filter(|found: &Vec<_>| !found.is_empty())
}

fn is_packet(text: &[u8]) -> bool {
    is_payload(text) && position!(b"OUT=", text).is_some()
}

/// The strings and brackets that are open at the end of a text.
struct Open {
    /// The closing bracket of each open one.
    closers: Vec<u8>,
    /// Where the last string begins, if it is open.
    string: Option<usize>,
    /// The last comma outside of strings.
    comma: Option<usize>,
}

impl Open {
    fn of(text: &[u8]) -> Option<Self> {
        let mut open = Self { closers: Vec::new(), string: None, comma: None };
        let mut at = 0;
        while let Some(&byte) = text.get(at) {
            match byte {
                b'\\' if open.string.is_some() => at += 1,
                b'"' => open.string = open.string.map_or(Some(at), |_| None),
                _ if open.string.is_some() => {}
                b'{' => open.closers.push(b'}'),
                b'[' => open.closers.push(b']'),
                b'}' | b']' => {
                    open.closers.pop().filter(|closer| *closer == byte)?;
                }
                b',' => open.comma = Some(at),
                _ => {}
            }
            if open.closers.len() > MOST_NESTED {
                return None;
            }
            at += 1;
        }
        Some(open)
    }

    /// Returns whether the text ends in a value other than a packet's text. The beginning of a
    /// name, a time or a number is another one.
    fn cuts_value(&self, text: &[u8]) -> bool {
        match self.string {
            Some(string) => !is_packet(&text[string..]),
            None => text.last().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'.'),
        }
    }

    /// Returns the text with everything closed.
    fn close(&self, text: &[u8]) -> Vec<u8> {
        let mut closed = text.to_vec();
        if let Some(string) = self.string {
            closed.truncate(string + whole(&text[string..]));
            closed.push(b'"');
        }
        closed.extend(self.closers.iter().rev());
        closed
    }
}

/// Returns the length of an open string without an escape or a character that is cut.
fn whole(string: &[u8]) -> usize {
    let mut end = string.len();
    // The longest escape is that of two halves of a character: `\ud83d\ude00`.
    let from = end.saturating_sub(12);
    if let Some(at) = memchr::memrchr(b'\\', &string[from..]).map(|at| from + at) {
        let before = string[..at].iter().rev().take_while(|b| **b == b'\\').count();
        let is_escaped = before % 2 == 1;
        let has = end - at;
        let needs = if string.get(at + 1) == Some(&b'u') { 6 } else { 2 };
        if !is_escaped && has < needs {
            end = at;
        }
    }
    match std::str::from_utf8(&string[..end]) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => end,
    }
}
