//! Lines before the first frame of a log that begins in the middle of one.
//!
//! They are the end of a frame whose header is missing, so any program may have written them. But
//! until a whole frame follows, they look like lines of any log. So lines that may prove something
//! wait for it. If it comes, they get a header that names an unknown program, and prove nothing:
//! those with a packet's or a container's text are counted. If none comes, they are what they seem
//! to be.

use super::brackets::Brackets;
use super::held::HeldLines;
use super::prefixed::ends_in_bracket;
use crate::line::envelope::{Dialect, Envelope, layers};
use crate::line::split::RawLine;

/// A longer object counts as whole.
const MOST_OBJECT: usize = 64 << 10;

/// The header of a line whose own is missing.
pub(super) const HEADER: &[u8] = b"<13>1 - - cut-frame - - - ";

/// The lines before the first frame, from the first that may prove something.
#[derive(Debug, Clone, Default)]
pub(super) struct TailLines {
    held: HeldLines<()>,
    /// The places of the first of them and of the first frame, once that has come.
    ended: Option<(u64, u64)>,
}

impl TailLines {
    pub(super) const fn new() -> Self {
        Self { held: HeldLines::new(), ended: None }
    }

    /// Takes the next line, and passes it on if it proves nothing and none waits.
    pub(super) fn push(&mut self, line: RawLine<'_>, each: &mut impl FnMut(RawLine<'_>)) {
        if self.held.is_empty() && !may_prove(line.bytes) {
            return each(line);
        }
        self.held.push(&line, ());
    }

    /// Returns where the first line begins whose fate is open if the lines behind `waiting` are not
    /// known: without the first frame, that of all lines before it is.
    pub(super) fn begins(&self, waiting: Option<u64>) -> Option<u64> {
        let ended = self.ended.filter(|(_, frame)| waiting.is_some_and(|at| at <= *frame));
        self.held.first().map(|first| first.offset).or(ended.map(|(first, _)| first))
    }

    /// Passes on all lines as they are: no frame follows.
    pub(super) fn believe(&mut self, each: &mut impl FnMut(RawLine<'_>)) {
        self.pass_on(each);
    }

    /// Passes on all lines behind the header of an unknown program: a frame follows there.
    pub(super) fn refuse(&mut self, frame: u64, each: &mut impl FnMut(RawLine<'_>)) {
        if let Some(first) = self.held.first() {
            self.ended = Some((first.offset, frame));
        }
        let mut text = Vec::new();
        self.pass_on(&mut |line| {
            text.clear();
            text.extend_from_slice(HEADER);
            text.extend_from_slice(line.bytes);
            each(RawLine { bytes: &text, ..line });
        });
    }

    fn pass_on(&mut self, each: &mut impl FnMut(RawLine<'_>)) {
        while !self.held.is_empty() {
            self.held.pass_first(|line, ()| each(line));
        }
    }
}

/// Returns whether the first line of a log is a fragment of a line, or has the header of a frame
/// that has lost its count. Then the lines behind it may be the same frame's.
pub(super) fn is_fragment(line: &[u8]) -> bool {
    match line {
        [b'{' | b'[', ..] if Brackets::begin(line).is_some() => false,
        [b'{', ..] if line.len() > MOST_OBJECT => false,
        [b'{', ..] => serde_json::from_slice::<serde::de::IgnoredAny>(line).is_err(),
        _ => {
            let header = layers::peel(line);
            header.is_bare() || is_speakers(line, &header) || layers::is_end_of_header(line)
        }
    }
}

/// Returns whether a line is a message of a program that hands on no lines, as a frame has it.
fn is_speakers(line: &[u8], header: &Envelope<'_>) -> bool {
    let may_be_framed = || {
        header.priority.is_some()
            || header.dialect == Dialect::Rfc5424
            || layers::headers(line).is_none()
    };
    !header.role().carries_lines() && may_be_framed()
}

/// Returns whether a line is the end of an object: a quote and closing brackets.
pub(super) fn ends_object(line: &[u8]) -> bool {
    let is_end = |b: &u8| matches!(b, b'}' | b']' | b' ' | b'\r');
    matches!(line, [b'"', b'}' | b']', rest @ ..] if rest.iter().all(is_end))
}

/// Returns whether a line may hold a packet's or a container's text, or a time.
fn may_prove(line: &[u8]) -> bool {
    memchr::memchr3(b'=', b'"', b'[', line).is_some()
        || ends_in_bracket(line)
        || layers::headers(line).is_some()
}
