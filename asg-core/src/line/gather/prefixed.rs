//! Indented documents behind a prefix on each line: blanks, or the layers that a tool has printed.
//!
//! `bosh ssh -c 'jq . store.json'` prints each line of the document behind the name of the machine,
//! `kubectl logs --timestamps` behind a stamp. Names of machines and programs have to be the same
//! on all lines; stamps and numbers may differ.
//!
//! Whether a line may be inside such a document shows in that line alone. So a log can be divided
//! behind a line that cannot be.

use super::State;
use super::brackets::{Brackets, is_continuation};
use crate::bytes::trailing;
use crate::line::envelope::{layers, tools};

/// A document that has begun behind a prefix.
#[derive(Debug, Clone)]
pub(super) struct Prefixed {
    brackets: Brackets,
    /// The first line: the prefix, and a bracket.
    first: Vec<u8>,
    /// Where the document's text begins on each line.
    starts: Vec<usize>,
    /// Whether the prefix is a shell's prompt, which the other lines do not have.
    is_prompt: bool,
}

impl Prefixed {
    /// Begins a document with this line if it is a prefix and a bracket.
    pub(super) fn begin(line: &[u8]) -> Option<Self> {
        let (_, before) = line.split_last().filter(|_| ends_in_bracket(line))?;
        let is_prompt = before.ends_with(b" ") && trailing::is_prompt(before);
        let is_prefix =
            || layers::before_document(line).is_some_and(|it| it.body_at == before.len());
        if !is_prompt && !is_indent(before) && !is_prefix() {
            return None;
        }
        let brackets = Brackets::begin(&line[before.len()..])?;
        Some(Self { brackets, first: line.to_vec(), starts: vec![before.len()], is_prompt })
    }

    /// Takes a further line.
    pub(super) fn take(&mut self, line: &[u8]) -> State {
        let Some(start) = self.start(line) else { return State::Ended };
        let state = self.brackets.take(&line[start..]);
        if state != State::Ended {
            self.starts.push(start);
        }
        state
    }

    /// Returns where the text of a line begins behind the same prefix.
    fn start(&self, line: &[u8]) -> Option<usize> {
        if self.is_prompt {
            return Some(0);
        }
        let prefix = &self.first[..self.first.len() - 1];
        if is_indent(prefix) {
            return if line.starts_with(prefix) {
                Some(prefix.len())
            } else {
                line.trim_ascii().is_empty().then_some(line.len())
            };
        }
        let found = layers::before_document(line)?;
        let is_same = &line[..found.body_at] == prefix
            || layers::before_document(&self.first)?.has_writer_of(&found);
        is_same.then_some(found.body_at)
    }

    /// Returns the document behind the prefix of its first line, and the length of that.
    pub(super) fn joined<'a>(&self, lines: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, usize) {
        let len = self.first.len() - 1;
        let mut text = self.first[..len].to_vec();
        for (line, start) in lines.zip(&self.starts) {
            text.extend_from_slice(&line[*start..]);
            text.push(b'\n');
        }
        text.pop();
        (text, len)
    }
}

/// Returns whether a line ends in an opening bracket. Every line is asked that: it takes one byte.
#[inline]
pub(super) const fn ends_in_bracket(line: &[u8]) -> bool {
    matches!(line, [.., b'{' | b'['])
}

/// Returns whether a line may be a further line of a document, behind a prefix or none.
pub(super) fn may_be_inside(line: &[u8]) -> bool {
    let behind = || layers::before_document(line).map(|layer| &line[layer.body_at..]);
    is_continuation(line) || behind().is_some_and(is_continuation)
}

/// Returns whether a text is of blanks, and not of so many that the line may go on a message.
fn is_indent(text: &[u8]) -> bool {
    text.iter().all(|b| matches!(b, b' ' | b'\t')) && !tools::is_continuation(text)
}
