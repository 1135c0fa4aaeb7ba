//! Keeps the lines of a document together: of JSON, and of an entry of journald's.
//!
//! `cf curl`, `jq` and `json.tool` print a document indented: it begins in the first column with
//! `{` or `[`, and each further line begins with a blank, `}` or `]`, or is empty. A log line with
//! a header never begins like that. Therefore a document ends where its brackets are closed, and a
//! line that begins otherwise shows that it was not a document. A prefix on each line changes
//! nothing about that; see [`prefixed`]. `journalctl` prints the fields of an entry on lines of
//! their own; see [`entry`]. A frame with an octet count goes on to its end; see [`frames`] and
//! [`tail`]. Lines of several machines or containers are joined apart; see [`streams`].

mod brackets;
mod divide;
pub(super) mod entry;
mod form;
pub(super) mod frames;
mod held;
mod piece;
mod prefixed;
mod row;
mod streams;
mod tail;

use serde::de::IgnoredAny;

use self::brackets::Brackets;
pub use self::divide::unfinished_document;
use self::entry::Entry;
pub use self::form::Form;
use self::frames::FrameLines;
use self::prefixed::{Prefixed, ends_in_bracket};
use self::row::Row;
use self::streams::{Shows, StreamLines};
use self::tail::TailLines;
use super::split::{Lines, MOST_DOCUMENT, RawLine};
use super::wrapped::Head;
use crate::bytes::line_end::without_cr;
use crate::bytes::trailing;

/// Joins the lines of a JSON document, or of an entry of journald's.
///
/// Takes lines and passes them on. The first line of a document on several lines is passed on with
/// the text of all of them, without the prefixes of the others, and each further line with
/// [`RawLine::part_of`]. Lines that turn out not to be a document are passed on unchanged. Up to 64
/// MiB are held, and only for a document. An entry of `journalctl -o verbose` has no mark at its
/// end, so it is held until the next line.
///
/// # Example
///
/// ```
/// use asg_core::Lines;
/// use asg_core::line::DocumentLines;
///
/// let mut documents = DocumentLines::new();
/// let mut lines = Lines::new();
/// let mut seen = Vec::new();
/// lines.push(b"{\n  \"a\": 1\n}\nlog line\n", |line| {
///     documents.push(line, |line| seen.push((line.number, line.bytes.len(), line.part_of)));
/// });
/// documents.finish(|line| seen.push((line.number, line.bytes.len(), line.part_of)));
/// assert_eq!(seen, [(1, 12, None), (2, 8, Some(1)), (3, 1, Some(1)), (4, 8, None)]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct DocumentLines {
    /// The form of the log, once it is known.
    form: Option<Form>,
    /// The lines of a frame that has not ended.
    frames: FrameLines,
    /// Lines that may be the end of a frame.
    tail: TailLines,
    /// The lines of several streams, from the first that is not decided.
    streams: StreamLines,
    open: Option<Open>,
    /// The lines so far, with a line feed behind each.
    text: Vec<u8>,
    /// The offset of each of them in the stream.
    offsets: Vec<u64>,
    /// The number of the first.
    first: u64,
    /// The number of bytes that were skipped of a line, by its number: of over-long ones.
    skipped: Vec<(u64, u64)>,
    /// The offset behind the last one, if it ends with a line feed only.
    ends: u64,
}

/// A document that has begun.
#[derive(Debug, Clone)]
enum Open {
    Json(Brackets),
    Prefixed(Prefixed),
    Entry(Entry),
    Row(Row),
}

/// The state of a document after a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// More lines follow.
    Open,
    /// The line is the last.
    Closed,
    /// The line shows that it is not a document.
    Broken,
    /// The line is not a part of the document.
    Ended,
}

impl DocumentLines {
    /// Holds nothing yet.
    ///
    /// ```
    /// use asg_core::line::DocumentLines;
    /// let mut lines = 0;
    /// DocumentLines::new().finish(|_| lines += 1);
    /// assert_eq!(lines, 0);
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self::within(None)
    }

    const fn within(form: Option<Form>) -> Self {
        Self {
            form,
            frames: FrameLines::new(),
            tail: TailLines::new(),
            streams: StreamLines::new(),
            open: None,
            text: Vec::new(),
            offsets: Vec::new(),
            first: 0,
            skipped: Vec::new(),
            ends: 0,
        }
    }

    /// Takes the next line, and passes on the lines that are complete.
    ///
    /// ```
    /// use asg_core::Lines;
    /// use asg_core::line::DocumentLines;
    /// let (mut documents, mut found) = (DocumentLines::new(), Vec::new());
    /// Lines::new().push(b"{\n \"a\": 1\n}\nhello\n", |line| {
    ///     documents.push(line, |line| found.push(line.part_of));
    /// });
    /// assert_eq!(found, [None, Some(1), Some(1), None], "the document begins in line 1");
    /// ```
    #[inline]
    pub fn push(&mut self, line: RawLine<'_>, mut each: impl FnMut(RawLine<'_>)) {
        let may_begin = || match &self.form {
            Some(Form::Lines | Form::Export) => may_begin(line.bytes),
            _ => true,
        };
        if self.open.is_none() && !may_begin() {
            return each(line);
        }
        self.take(line, &mut each);
    }

    fn take(&mut self, line: RawLine<'_>, each: &mut impl FnMut(RawLine<'_>)) {
        let form = self.form.get_or_insert_with(|| match line.number {
            1 => Form::of(line.bytes),
            _ => Form::Lines,
        });
        if let Form::Cut(left) | Form::Tail(left) = form {
            match left.checked_sub(line.bytes.len() + 1) {
                Some(less) => *left = less,
                None if self.frames.begins().is_none() => {
                    *form = Form::Lines;
                    self.believe_tail(each);
                }
                None => {}
            }
        }
        match self.form {
            Some(Form::Frames | Form::Cut(_) | Form::Tail(_)) => {
                let mut frames = std::mem::take(&mut self.frames);
                frames.is_certain |= self.form == Some(Form::Frames);
                self.of_frames(|passed| frames.push(line, passed), each);
                if frames.is_certain {
                    self.form = Some(Form::Frames);
                }
                self.frames = frames;
            }
            Some(Form::Runtime | Form::Streams) => {
                let mut streams = std::mem::take(&mut self.streams);
                let is_open = self.open.is_some();
                streams.push(line, is_open, &mut |line, shows| self.take_piece(line, shows, each));
                self.streams = streams;
            }
            _ => self.take_line(line, each),
        }
    }

    /// Takes the lines that frames pass on. Before the first frame of a log that begins in one they
    /// wait for it.
    fn of_frames(
        &mut self,
        pass_on: impl FnOnce(&mut frames::Each<'_>),
        each: &mut impl FnMut(RawLine<'_>),
    ) {
        let may_be_tail = matches!(self.form, Some(Form::Tail(_)));
        let mut tail = std::mem::take(&mut self.tail);
        pass_on(&mut |line, is_certain| {
            if may_be_tail && !is_certain {
                return tail.push(line, &mut |line| self.take_line(line, each));
            }
            tail.refuse(line.offset, &mut |line| self.take_alone(line, each));
            self.take_line(line, each);
        });
        self.tail = tail;
    }

    /// Takes the lines that wait for the end of a frame whose beginning is missing, as none comes.
    fn believe_tail(&mut self, each: &mut impl FnMut(RawLine<'_>)) {
        let mut tail = std::mem::take(&mut self.tail);
        tail.believe(&mut |line| self.take_line(line, each));
        self.tail = tail;
    }

    /// Passes on a line that goes on no document.
    fn take_alone(&mut self, line: RawLine<'_>, each: &mut impl FnMut(RawLine<'_>)) {
        if self.open.is_some() {
            self.finish_document(each);
        }
        each(line);
    }

    /// Takes a line of a stream, which goes on no other document.
    fn take_piece(&mut self, line: RawLine<'_>, shows: Shows, each: &mut impl FnMut(RawLine<'_>)) {
        match shows {
            Shows::Nothing => self.take_line(line, each),
            Shows::Stream => self.take_alone(line, each),
        }
    }

    fn take_line(&mut self, line: RawLine<'_>, each: &mut impl FnMut(RawLine<'_>)) {
        if line.part_of.is_some() {
            return each(line);
        }
        let state = self.state_after(&line);
        if state != State::Ended {
            self.keep(&line);
        }
        match state {
            State::Open => {}
            State::Closed => self.pass_on_document(each),
            State::Broken => self.pass_on(each),
            State::Ended => {
                if self.open.is_some() {
                    self.finish_document(each);
                }
                let form = self.form.get_or_insert_default();
                // Outside of quotes nobody but the exporter writes a line.
                if let Form::Table(head) = form
                    && let Some(other) = Head::of(line.bytes)
                {
                    *head = other;
                    return each(line);
                }
                if let Form::Table(head) = form
                    && line.skipped == 0
                    && Row::begin(line.bytes, head).1 != State::Open
                {
                    let object = head.object(line.bytes);
                    return each(RawLine {
                        bytes: object.as_deref().unwrap_or(line.bytes),
                        ..line
                    });
                }
                if let Form::Rows(delimiter) = form
                    && Row::begin_with(line.bytes, *delimiter).1 != State::Open
                {
                    return each(line);
                }
                self.open = Open::begin(line.bytes, form).filter(|_| line.skipped == 0);
                if self.open.is_none() {
                    return each(line);
                }
                self.first = line.number;
                self.keep(&line);
            }
        }
    }

    fn state_after(&mut self, line: &RawLine<'_>) -> State {
        if self.text.len() + line.bytes.len() >= MOST_DOCUMENT {
            return State::Ended;
        }
        match &mut self.open {
            None => State::Ended,
            Some(Open::Json(_) | Open::Prefixed(_) | Open::Row(_)) if line.skipped > 0 => {
                State::Ended
            }
            Some(Open::Row(row)) => match row.take(line.bytes) {
                // Whatever it is, it is a text of the row's.
                State::Broken => State::Closed,
                state => state,
            },
            Some(Open::Json(brackets)) => brackets.take(line.bytes),
            Some(Open::Prefixed(prefixed)) => prefixed.take(line.bytes),
            Some(Open::Entry(entry)) => {
                let line_end: &[u8] = if line.offset > self.ends { b"\r\n" } else { b"\n" };
                entry.take(line_end, line.bytes, line.skipped)
            }
        }
    }

    fn keep(&mut self, line: &RawLine<'_>) {
        // A carriage return may belong to an entry's value.
        if matches!(self.open, Some(Open::Entry(_)))
            && line.offset > self.ends
            && let Some(feed) = self.text.pop()
        {
            self.text.extend_from_slice(&[b'\r', feed]);
        }
        self.text.extend_from_slice(line.bytes);
        self.text.push(b'\n');
        self.offsets.push(line.offset);
        if line.skipped > 0 {
            self.skipped.push((line.number, line.skipped));
        }
        self.ends = line.offset + line.bytes.len() as u64 + line.skipped + 1;
    }

    /// Ends the stream: a JSON document that is incomplete is passed on as single lines.
    ///
    /// ```
    /// use asg_core::Lines;
    /// use asg_core::line::DocumentLines;
    /// let (mut documents, mut found) = (DocumentLines::new(), 0);
    /// Lines::new().push(b"{\n \"a\": 1\n", |line| documents.push(line, |_| found += 1));
    /// documents.finish(|_| found += 1);
    /// assert_eq!(found, 2, "a document that is not closed is passed on line by line");
    /// ```
    pub fn finish(&mut self, mut each: impl FnMut(RawLine<'_>)) {
        let mut frames = std::mem::take(&mut self.frames);
        self.of_frames(|passed| frames.finish(passed), &mut each);
        self.believe_tail(&mut each);
        let mut streams = std::mem::take(&mut self.streams);
        streams.finish(&mut |line, shows| self.take_piece(line, shows, &mut each));
        self.finish_document(&mut each);
    }

    /// Passes on the lines that wait for the first frame of a log, because nothing has come for a
    /// while. A document still waits for its end.
    ///
    /// ```
    /// use asg_core::Lines;
    /// use asg_core::line::DocumentLines;
    /// let (mut documents, mut found) = (DocumentLines::new(), 0);
    /// // The log may begin in the middle of a frame.
    /// Lines::new().push(b"end of a line\na=1\n", |line| documents.push(line, |_| found += 1));
    /// assert_eq!(found, 1);
    /// documents.release(|_| found += 1);
    /// assert_eq!(found, 2);
    /// ```
    pub fn release(&mut self, mut each: impl FnMut(RawLine<'_>)) {
        self.believe_tail(&mut each);
    }

    fn finish_document(&mut self, each: &mut impl FnMut(RawLine<'_>)) {
        match self.open {
            Some(Open::Entry(_) | Open::Row(_)) => self.pass_on_document(each),
            _ => self.pass_on(each),
        }
    }

    /// Returns whether the lines are a document, whose text this is.
    fn is_document(&self, text: &[u8]) -> bool {
        // A prompt may follow it.
        let text = || std::str::from_utf8(trailing::divide(text).0);
        match self.open {
            Some(Open::Entry(_) | Open::Row(_)) => self.offsets.len() > 1,
            _ => text().is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok()),
        }
    }

    /// Passes on the lines, one by one.
    fn pass_on(&mut self, each: &mut impl FnMut(RawLine<'_>)) {
        for line in self.lines() {
            each(line);
        }
        self.clear();
    }

    /// Passes on the lines as a document, if they are one.
    fn pass_on_document(&mut self, each: &mut impl FnMut(RawLine<'_>)) {
        let (other, starts) = match (&self.open, &self.form) {
            (Some(Open::Row(_)), Some(Form::Table(head))) => (head.object(self.whole()), 0),
            (Some(Open::Prefixed(prefixed)), _) => {
                let (text, starts) = prefixed.joined(self.lines().map(|line| line.bytes));
                (Some(text), starts)
            }
            _ => (None, 0),
        };
        let bytes = other.as_deref().unwrap_or(self.whole());
        if !self.is_document(&bytes[starts..]) {
            return self.pass_on(each);
        }
        for line in self.lines() {
            each(if line.number == self.first {
                let skipped = self.skipped.iter().map(|(_, skipped)| skipped).sum();
                RawLine { bytes, skipped, ..line }
            } else {
                RawLine { part_of: Some(self.first), skipped: 0, ..line }
            });
        }
        self.clear();
    }

    /// Returns the text of all lines, without the last line feed.
    fn whole(&self) -> &[u8] {
        &self.text[..self.text.len() - 1]
    }

    fn lines(&self) -> impl Iterator<Item = RawLine<'_>> {
        // Carriage returns were put back, but not that of the last line.
        let has_cr = matches!(self.open, Some(Open::Entry(_)));
        let last = self.offsets.last();
        let lines = self.text.split_inclusive(|b| *b == b'\n').zip(&self.offsets);
        lines.zip(self.first..).map(move |((line, offset), number)| {
            let line = &line[..line.len() - 1];
            let bytes = if has_cr && Some(offset) != last { without_cr(line) } else { line };
            let place = self.skipped.binary_search_by_key(&number, |(of, _)| *of);
            let skipped = place.map_or(0, |place| self.skipped[place].1);
            RawLine { number, offset: *offset, bytes, skipped, part_of: None }
        })
    }

    fn clear(&mut self) {
        self.open = None;
        self.skipped.clear();
        self.offsets.clear();
        // A log has few documents, so the memory of a large one is released.
        self.text.clear();
        self.text.shrink_to(1 << 16);
    }
}

/// Returns whether a document may begin with this line, as its first bytes and its last show.
#[inline]
const fn may_begin(line: &[u8]) -> bool {
    matches!(
        line,
        [b'{' | b'[', ..] | [b'_', b'_', b'C', ..] | [_, _, _, b' ', _, _, _, _, b'-', ..]
    ) || ends_in_bracket(line)
}

impl Open {
    fn begin(line: &[u8], form: &Form) -> Option<Self> {
        if let Form::Table(head) = form {
            return Some(Self::Row(Row::begin(line, head).0));
        }
        if let Form::Rows(delimiter) = form {
            return Some(Self::Row(Row::begin_with(line, *delimiter).0));
        }
        let json = Brackets::begin(line).map(Self::Json);
        let has_documents =
            !matches!(form, Form::Export | Form::Frames | Form::Table(_) | Form::Rows(_));
        let may_be_prefixed = has_documents && ends_in_bracket(line);
        let prefixed = || Prefixed::begin(line).filter(|_| may_be_prefixed);
        json.or_else(|| Entry::begin(line, form).map(Self::Entry))
            .or_else(|| prefixed().map(Self::Prefixed))
    }
}

/// Splits a stream of bytes into the lines of a log: [`Lines`], and the documents among them.
///
/// # Example
///
/// ```
/// let mut lines = asg_core::line::LogLines::new();
/// let mut seen = Vec::new();
/// for piece in ["{\n  \"a\"", ": 1\n}\nlast"] {
///     lines.push(piece.as_bytes(), |line| seen.push((line.number, line.part_of)));
/// }
/// lines.finish(|line| seen.push((line.number, line.part_of)));
/// assert_eq!(seen, [(1, None), (2, Some(1)), (3, Some(1)), (4, None)]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct LogLines {
    lines: Lines,
    documents: DocumentLines,
}

impl LogLines {
    /// Starts at the beginning of a stream, with the limits of [`Lines::new`].
    ///
    /// ```
    /// use asg_core::line::LogLines;
    /// let mut lines = 0;
    /// LogLines::new().push(b"one\ntwo\n", |_| lines += 1);
    /// assert_eq!(lines, 2);
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self { lines: Lines::new(), documents: DocumentLines::new() }
    }

    /// Starts anywhere in a log of this form, outside of all documents.
    ///
    /// ```
    /// use asg_core::line::{Form, LogLines};
    /// let mut parts = Vec::new();
    /// let text = b"-- Boot --\n__CURSOR=s=1\nMESSAGE=hello\n\n";
    /// LogLines::within(Form::Export).push(text, |line| parts.push(line.part_of));
    /// assert_eq!(parts, [None, None, Some(2), Some(2)]);
    /// ```
    #[must_use]
    pub const fn within(form: Form) -> Self {
        Self { lines: Lines::new(), documents: DocumentLines::within(Some(form)) }
    }

    /// Starts at the beginning of a stream, with the limit of [`Lines::with_limit`].
    ///
    /// ```
    /// use asg_core::line::LogLines;
    /// let mut lengths = Vec::new();
    /// LogLines::with_limit(4).push(b"a long line\n", |line| lengths.push(line.bytes.len()));
    /// assert_eq!(lengths, [4]);
    /// ```
    #[must_use]
    pub const fn with_limit(limit: usize) -> Self {
        Self { lines: Lines::with_limit(limit), documents: DocumentLines::new() }
    }

    /// Takes the next piece of the stream, and passes on the lines that end in it, unless a
    /// document holds them back.
    ///
    /// ```
    /// use asg_core::line::LogLines;
    /// let (mut log, mut lines) = (LogLines::new(), 0);
    /// log.push(b"one\ntw", |_| lines += 1);
    /// log.push(b"o\n", |_| lines += 1);
    /// assert_eq!(lines, 2);
    /// ```
    #[inline]
    pub fn push(&mut self, piece: &[u8], mut each: impl FnMut(RawLine<'_>)) {
        let Self { lines, documents } = self;
        lines.push(piece, |line| documents.push(line, &mut each));
    }

    /// Passes on the lines that wait for the first frame of a log, because nothing has come for a
    /// while; see [`DocumentLines::release`].
    ///
    /// ```
    /// use asg_core::line::LogLines;
    /// let (mut log, mut lines) = (LogLines::new(), 0);
    /// log.push(b"end of a line\na=1\n", |_| lines += 1);
    /// log.release(|_| lines += 1);
    /// assert_eq!(lines, 2);
    /// ```
    pub fn release(&mut self, each: impl FnMut(RawLine<'_>)) {
        self.documents.release(each);
    }

    /// Ends the stream: passes on the rest. Another stream can follow; its lines and bytes are
    /// counted on.
    ///
    /// ```
    /// use asg_core::line::LogLines;
    /// let (mut log, mut lines) = (LogLines::new(), 0);
    /// log.push(b"one", |_| lines += 1);
    /// log.finish(|_| lines += 1);
    /// assert_eq!(lines, 1);
    /// ```
    pub fn finish(&mut self, mut each: impl FnMut(RawLine<'_>)) {
        let Self { lines, documents } = self;
        lines.finish(|line| documents.push(line, &mut each));
        documents.finish(each);
    }
}

#[cfg(test)]
mod tests;
