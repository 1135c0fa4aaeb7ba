//! Documents and divided lines of several streams, whose lines come one between the other.
//!
//! `bosh ssh -c 'jq . store.json'` prints the lines of all machines as they arrive. A container's
//! runtime divides long lines, and its other output may print in between. So a document is joined
//! of the lines of one stream, and all lines wait until it is decided: they are passed on in their
//! order. Lines that show no stream change nothing.
//!
//! A line of a document whose beginning is nowhere shows that lines are missing or in disorder.
//! Then no document that is open is joined.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

use super::State;
use super::brackets::Brackets;
use super::held::{Held, HeldLines};
use super::piece::{self, Piece, may_begin};
use crate::line::split::{MOST_DOCUMENT, RawLine};

/// A document is given up if so many bytes follow its last line, all of other streams.
const MOST_BETWEEN: u64 = 4 << 20;

/// The lines of streams.
#[derive(Debug, Clone, Default)]
pub(super) struct StreamLines {
    /// Lines that wait, the first of them for the end of a document.
    held: HeldLines<Fate>,
    /// The place in `open` of each stream that has begun a document since no line waited.
    places: BTreeMap<Vec<u8>, usize>,
    open: Vec<Option<Open>>,
    /// The offset of the first line that waited since then.
    since: Option<u64>,
}

/// The part of a line in documents.
#[derive(Debug, Clone)]
enum Fate {
    /// It is in what is open at this place.
    Waits(usize),
    /// It is a line by itself.
    Single(Shows),
    /// It begins a document, with this text.
    Whole(Vec<u8>),
    /// It is a further line of the document that begins in the line of this number.
    PartOf(u64),
}

/// Whether a line shows its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    /// It does, so it is in no document but its stream's.
    Stream,
    Nothing,
}

/// A document, or a divided line, that has begun.
#[derive(Debug, Clone)]
struct Open {
    /// The brackets of a document.
    brackets: Option<Brackets>,
    /// The numbers of its lines.
    lines: Vec<u64>,
    /// The texts of its lines.
    text: Vec<u8>,
    /// The text of a document's line so far, which the runtime has divided.
    part: Vec<u8>,
    /// Where its first line begins, and where its last one ends.
    begins: u64,
    ends: u64,
}

impl StreamLines {
    pub(super) const fn new() -> Self {
        Self { held: HeldLines::new(), places: BTreeMap::new(), open: Vec::new(), since: None }
    }

    /// Returns the offset of the first line whose fate, or that of a later one, is open.
    pub(super) const fn begins(&self) -> Option<u64> {
        self.since
    }

    /// Takes the next line, and passes on those that are decided. Of most lines nothing is asked
    /// but whether a document may begin there, unless the caller asks for more.
    pub(super) fn push(
        &mut self,
        line: RawLine<'_>,
        ask: bool,
        each: &mut impl FnMut(RawLine<'_>, Shows),
    ) {
        if self.held.is_empty() && !ask && !may_begin(line.bytes) {
            return each(line, Shows::Nothing);
        }
        let piece = Piece::of(line.bytes);
        let shows = if piece.is_some() { Shows::Stream } else { Shows::Nothing };
        let begins = |it: &Piece<'_>| line.skipped == 0 && (it.goes_on || it.is_bracket());
        if self.held.is_empty() && !piece.as_ref().is_some_and(begins) {
            return each(line, shows);
        }
        self.since.get_or_insert(line.offset);
        self.held.push(&line, Fate::Single(shows));
        if let Some(piece) = piece {
            self.take(&line, &piece);
        }
        self.settle(each);
    }

    /// Ends the stream: what is open is passed on line by line.
    pub(super) fn finish(&mut self, each: &mut impl FnMut(RawLine<'_>, Shows)) {
        self.give_all_up();
        self.settle(each);
    }

    /// Takes the last line that is held: a piece of its stream.
    fn take(&mut self, line: &RawLine<'_>, piece: &Piece<'_>) {
        let place = self.places.get(&*piece.stream).copied();
        let state = match place.and_then(|place| self.open[place].take().zip(Some(place))) {
            Some((mut open, place)) => {
                let is_like = || piece.is_like(line.bytes, self.bytes_of(open.lines[0]));
                let is_its = line.skipped == 0
                    && line.offset - open.begins < MOST_DOCUMENT as u64
                    && is_like();
                let state = if is_its { open.take(piece) } else { State::Ended };
                match state {
                    State::Open => {
                        open.add(line);
                        self.open[place] = Some(open);
                        self.set(line.number, Fate::Waits(place));
                    }
                    State::Closed => {
                        open.add(line);
                        self.close(&open);
                    }
                    State::Broken | State::Ended => self.give_up(&open),
                }
                state
            }
            None if place.is_none() && piece.is_json() => {
                self.give_all_up();
                State::Broken
            }
            None => State::Ended,
        };
        if state == State::Ended && line.skipped == 0 {
            self.begin(line, piece);
        }
    }

    fn begin(&mut self, line: &RawLine<'_>, piece: &Piece<'_>) {
        let text = piece.text.as_deref().unwrap_or_default();
        let brackets = if piece.goes_on {
            None
        } else {
            let Some(brackets) = Brackets::begin(text).filter(|_| piece.is_bracket()) else {
                return;
            };
            Some(brackets)
        };
        let begins = line.offset;
        let mut open = Open {
            brackets,
            lines: Vec::new(),
            text: Vec::new(),
            part: Vec::new(),
            begins,
            ends: begins,
        };
        open.text.extend_from_slice(text);
        open.add(line);
        let known = self.places.get(&*piece.stream).copied();
        let place = known.unwrap_or_else(|| {
            self.open.push(None);
            self.places.insert(piece.stream.to_vec(), self.open.len() - 1);
            self.open.len() - 1
        });
        self.open[place] = Some(open);
        self.set(line.number, Fate::Waits(place));
    }

    /// Joins what is complete.
    fn close(&mut self, open: &Open) {
        let is_document = open.brackets.is_some();
        let is_whole =
            !is_document || serde_json::from_slice::<IgnoredAny>(open.text.trim_ascii()).is_ok();
        let first = open.lines[0];
        let whole = piece::with(self.bytes_of(first), &open.text).filter(|_| is_whole);
        let Some(whole) = whole else { return self.give_up(open) };
        self.set(first, Fate::Whole(whole));
        for number in &open.lines[1..] {
            self.set(*number, Fate::PartOf(first));
        }
    }

    fn give_up(&mut self, open: &Open) {
        for number in &open.lines {
            self.set(*number, Fate::Single(Shows::Stream));
        }
    }

    fn give_all_up(&mut self) {
        for place in 0..self.open.len() {
            if let Some(open) = self.open[place].take() {
                self.give_up(&open);
            }
        }
    }

    /// Passes on the lines up to the first that waits.
    fn settle(&mut self, each: &mut impl FnMut(RawLine<'_>, Shows)) {
        let ends = self.held.last().map_or(0, Held::ends);
        while let Some(first) = self.held.first() {
            if let Fate::Waits(place) = first.note {
                let open = self.open[place].as_ref();
                let is_late = |open: &&Open| {
                    ends - open.ends > MOST_BETWEEN || ends - open.begins > MOST_DOCUMENT as u64
                };
                let Some(_) = open.filter(is_late) else { return };
                if let Some(open) = self.open[place].take() {
                    self.give_up(&open);
                }
                continue;
            }
            self.held.pass_first(|line, fate| pass_on(line, fate, each));
        }
        self.places.clear();
        self.open.clear();
        self.since = None;
    }

    fn set(&mut self, number: u64, fate: Fate) {
        let place = self.place_of(number);
        if let Some(held) = self.held.get_mut(place) {
            held.note = fate;
        }
    }

    fn bytes_of(&self, number: u64) -> &[u8] {
        let place = self.place_of(number);
        self.held.get(place).map_or(&[], |held| self.held.text_of(held))
    }

    fn place_of(&self, number: u64) -> usize {
        let first = self.held.first().map_or(number, |held| held.number);
        usize::try_from(number - first).unwrap_or(usize::MAX)
    }
}

/// Passes on a line with its part in documents.
fn pass_on(line: RawLine<'_>, fate: Fate, each: &mut impl FnMut(RawLine<'_>, Shows)) {
    match fate {
        Fate::Waits(_) => each(line, Shows::Stream),
        Fate::Single(shows) => each(line, shows),
        Fate::Whole(bytes) => each(RawLine { bytes: &bytes, ..line }, Shows::Stream),
        Fate::PartOf(first) => each(RawLine { part_of: Some(first), ..line }, Shows::Stream),
    }
}

impl Open {
    /// Takes a further piece of the same stream.
    fn take(&mut self, piece: &Piece<'_>) -> State {
        let Some(text) = piece.text.as_deref() else { return State::Ended };
        let Some(brackets) = &mut self.brackets else {
            self.text.extend_from_slice(text);
            return if piece.goes_on { State::Open } else { State::Closed };
        };
        self.part.extend_from_slice(text);
        if piece.goes_on {
            return State::Open;
        }
        let state = brackets.take(&self.part);
        if matches!(state, State::Open | State::Closed) {
            self.text.push(b'\n');
            self.text.append(&mut self.part);
        }
        state
    }

    fn add(&mut self, line: &RawLine<'_>) {
        self.lines.push(line.number);
        self.ends = line.offset + line.bytes.len() as u64;
    }
}
