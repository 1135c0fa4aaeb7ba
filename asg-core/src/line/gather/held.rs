//! Lines that wait, in their order, until it is decided what they are.

use std::collections::VecDeque;
use std::collections::vec_deque::Iter;

use crate::line::split::RawLine;

/// Lines that wait, each with a note.
#[derive(Debug, Clone)]
pub(super) struct HeldLines<T> {
    lines: VecDeque<Held<T>>,
    /// Their texts, behind what was passed on already.
    text: Vec<u8>,
}

/// A line that waits.
#[derive(Debug, Clone)]
pub(super) struct Held<T> {
    pub(super) number: u64,
    pub(super) offset: u64,
    pub(super) skipped: u64,
    /// Where it lies in the text.
    starts: usize,
    len: usize,
    pub(super) note: T,
}

impl<T> Held<T> {
    /// Returns where the line ends in the stream, without its line feed.
    pub(super) const fn ends(&self) -> u64 {
        self.offset + self.len as u64 + self.skipped
    }
}

impl<T> HeldLines<T> {
    pub(super) const fn new() -> Self {
        Self { lines: VecDeque::new(), text: Vec::new() }
    }

    pub(super) fn push(&mut self, line: &RawLine<'_>, note: T) {
        let RawLine { number, offset, skipped, bytes, .. } = *line;
        let (starts, len) = (self.text.len(), bytes.len());
        self.text.extend_from_slice(bytes);
        self.lines.push_back(Held { number, offset, skipped, starts, len, note });
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(super) fn first(&self) -> Option<&Held<T>> {
        self.lines.front()
    }

    pub(super) fn last(&self) -> Option<&Held<T>> {
        self.lines.back()
    }

    pub(super) fn iter(&self) -> Iter<'_, Held<T>> {
        self.lines.iter()
    }

    /// Returns the number of lines before the first for which this is false. It must be true for
    /// all lines before some place, and for none behind it.
    pub(super) fn count_while(&self, mut is_before: impl FnMut(&Held<T>) -> bool) -> usize {
        self.lines.partition_point(|held| is_before(held))
    }

    /// Returns the line at a place behind the first.
    pub(super) fn get(&self, place: usize) -> Option<&Held<T>> {
        self.lines.get(place)
    }

    /// As [`get`](Self::get), with a note that may change.
    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Held<T>> {
        self.lines.get_mut(place)
    }

    /// Returns the text of a line.
    pub(super) fn text_of(&self, held: &Held<T>) -> &[u8] {
        &self.text[held.starts..][..held.len]
    }

    /// Passes on the first line with its note.
    pub(super) fn pass_first(&mut self, each: impl FnOnce(RawLine<'_>, T)) {
        let Some(held) = self.lines.pop_front() else { return };
        let bytes = self.text_of(&held);
        let Held { number, offset, skipped, note, .. } = held;
        each(RawLine { number, offset, bytes, skipped, part_of: None }, note);
        self.drop_passed();
    }

    /// Drops so many bytes of the first line.
    pub(super) fn cut_first(&mut self, bytes: usize) {
        let Some(first) = self.lines.front_mut() else { return };
        (first.starts, first.len) = (first.starts + bytes, first.len - bytes);
        first.offset += bytes as u64;
        self.drop_passed();
    }

    /// Drops the texts of lines that were passed on, once they are the larger part.
    fn drop_passed(&mut self) {
        let done = self.lines.front().map_or(self.text.len(), |first| first.starts);
        if done == 0 || done * 2 < self.text.len() {
            return;
        }
        self.text.drain(..done);
        for held in &mut self.lines {
            held.starts -= done;
        }
        if self.text.is_empty() {
            self.text.shrink_to(1 << 16);
        }
    }
}

impl<T> Default for HeldLines<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_as_they_went_in() {
        let texts = ["one", "", "a much longer line than the others", "x", "", "last"];
        for wait in 1..=texts.len() {
            let mut held = HeldLines::new();
            let mut passed = Vec::new();
            let mut pass = |line: RawLine<'_>, note| {
                assert_eq!((line.number, line.offset), (note, note * 100));
                passed.push(String::from_utf8_lossy(line.bytes).into_owned());
            };
            for (number, text) in (1..).zip(texts) {
                let line = RawLine {
                    number,
                    offset: number * 100,
                    bytes: text.as_bytes(),
                    skipped: 0,
                    part_of: None,
                };
                held.push(&line, number);
                if held.len() == wait {
                    held.pass_first(&mut pass);
                }
            }
            while !held.is_empty() {
                held.pass_first(&mut pass);
            }
            assert_eq!(passed, texts, "{wait} lines wait");
            assert!(held.text.is_empty());
        }
    }
}
