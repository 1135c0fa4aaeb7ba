//! Where an indented JSON document ends: where its brackets are closed.

use super::State;
use crate::bytes::trailing;

/// A document that is evidence never nests deeper than this.
const MOST_NESTED: usize = 128;

/// The open brackets of a document.
#[derive(Debug, Clone, Default)]
pub(super) struct Brackets {
    /// The closing bracket of each of them.
    closers: Vec<u8>,
}

impl Brackets {
    /// Begins a document with this line. A line that ends in a closing bracket is a document of its
    /// own, or not one: nearly all lines of `rep` are.
    pub(super) fn begin(line: &[u8]) -> Option<Self> {
        let may_begin = matches!(line.first(), Some(b'{' | b'['))
            && !matches!(line.trim_ascii_end().last(), Some(b'}' | b']'));
        let mut begun = Self::default();
        (may_begin && begun.scan(line) == State::Open).then_some(begun)
    }

    /// Takes a further line.
    pub(super) fn take(&mut self, line: &[u8]) -> State {
        if is_continuation(line) { self.scan(line) } else { State::Ended }
    }

    fn scan(&mut self, line: &[u8]) -> State {
        let mut at = 0;
        while let Some(&byte) = line.get(at) {
            at += 1;
            match byte {
                b'{' | b'[' if self.closers.len() < MOST_NESTED => {
                    self.closers.push(if byte == b'{' { b'}' } else { b']' });
                }
                b'}' | b']' if self.closers.last() == Some(&byte) => {
                    self.closers.pop();
                    if self.closers.is_empty() {
                        let rest = &line[at..];
                        let is_end = rest.trim_ascii().is_empty() || trailing::is_prompt(rest);
                        return if is_end { State::Closed } else { State::Broken };
                    }
                }
                b'{' | b'[' | b'}' | b']' => return State::Broken,
                // A string ends on its line.
                b'"' => match string_len(&line[at..]) {
                    Some(len) => at += len + 1,
                    None => return State::Broken,
                },
                _ => {}
            }
        }
        State::Open
    }
}

/// Returns the place of the first `"` without a backslash before it.
fn string_len(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// Returns whether a line may be a further line of a document.
pub(super) const fn is_continuation(line: &[u8]) -> bool {
    matches!(line.first(), None | Some(b' ' | b'\t' | b'\r' | b'}' | b']'))
}
