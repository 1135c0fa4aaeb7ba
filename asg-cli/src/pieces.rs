//! Sources in pieces of whole lines, so that several threads can work on one source.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::io::{Cursor, Read};
use std::num::NonZero;
use std::sync::{Arc, PoisonError};

use asg_core::Origin;
use asg_core::line::{Form, LogLines, RawLine, Transcoder, unfinished_document};

use crate::blocks::{Block, Blocks};
use crate::error::Error;
use crate::input::{Meter as _, Opened, ReadCounter, Source, Utf8};
use crate::lines::{Failures, Raw, Readers};
use crate::monitor::Watch;
use crate::origins::instance_in;
use crate::repeat::Pass;

/// How large pieces are, unless a line or a document is longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// Small enough for a processor's own cache.
    Small,
    /// Small enough that several fit in memory while a row group is written.
    Part,
    /// Large enough for a good record batch.
    Batch,
}

impl Size {
    /// Returns the size of the pieces that one thread reads, and the least number of bytes for a
    /// result; with 0, each piece gives one. Small pieces stay in the processor's cache.
    pub(crate) const fn for_one_thread(self) -> (Self, usize) {
        match self {
            Self::Small | Self::Part => (self, 0),
            Self::Batch => (Self::Small, self.bytes(NonZero::<usize>::MIN)),
        }
    }

    const fn bytes(self, threads: NonZero<usize>) -> usize {
        match (self, threads.get()) {
            (Self::Small, 1) => 128 << 10,
            (Self::Small, _) => 512 << 10,
            (Self::Part, _) => 1 << 20,
            (Self::Batch, _) => 4 << 20,
        }
    }

    /// Returns how many values of a column are taken at once.
    const fn values(self) -> usize {
        match self {
            Self::Small => 1 << 10,
            Self::Part => 1 << 12,
            Self::Batch => 1 << 14,
        }
    }
}

/// Some whole lines of a source, with all lines of a document.
#[derive(Default)]
pub(crate) struct Piece {
    source: Option<Arc<dyn Source>>,
    /// The number of its first line.
    first: u64,
    block: Block,
    /// The number of each line, and its end, if the source separates them.
    separate: Vec<(u64, usize)>,
    /// How many lines it has, once they were passed on.
    lines: Cell<Option<u64>>,
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Piece").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Piece {
    /// Passes its lines to `each`.
    pub(crate) fn for_each(&self, mut each: impl FnMut(Raw<'_>)) {
        let Some(source) = &self.source else { return };
        let (id, name) = (source.id(), source.name());
        let at = |line| Origin { source: id, line };
        let instance = instance_in(name);
        if !self.separate.is_empty() {
            let mut start = 0;
            for (number, end) in &self.separate {
                let bytes = &self.block.bytes()[start..*end];
                start = *end;
                let origin = at(*number);
                each(Raw { origin, source: name, bytes, is_cut: false, part_of: None, instance });
            }
            return;
        }
        let before = self.first - 1;
        let mut last = 0;
        let mut whole = |line: RawLine<'_>| {
            let RawLine { number, bytes, skipped, part_of, .. } = line;
            last = number;
            let (origin, part_of) = (at(before + number), part_of.map(|first| before + first));
            each(Raw { origin, source: name, bytes, is_cut: skipped > 0, part_of, instance });
        };
        let mut lines = LogLines::within(self.block.form().clone());
        lines.push(self.block.bytes(), &mut whole);
        lines.finish(whole);
        self.lines.set(Some(last));
    }

    /// Returns how many bytes it has.
    pub(crate) fn len(&self) -> usize {
        self.block.bytes().len()
    }

    /// Returns the number of lines that the source does not separate.
    fn count(&self) -> u64 {
        if let Some(lines) = self.lines.get() {
            return lines;
        }
        let bytes = self.block.bytes();
        let unfinished = !bytes.is_empty() && !bytes.ends_with(b"\n");
        memchr::memchr_iter(b'\n', bytes).count() as u64 + u64::from(unfinished)
    }
}

/// Cuts sources into pieces, one source after the other.
pub(crate) struct Feed {
    /// Those that are not over, the open one first.
    sources: VecDeque<Arc<dyn Source>>,
    /// How many are over.
    over: usize,
    pass: Pass,
    open: Open,
    /// The number of the next line of the source, unless the lines of the last piece are not
    /// counted.
    line: u64,
    /// Whether the lines of the last piece still count. With one thread they are counted when they
    /// have been passed on, which takes no search for their ends.
    is_owing: bool,
    is_alone: bool,
    size: usize,
    values: usize,
    counter: ReadCounter,
    watch: Watch,
    failures: Option<Failures>,
    readers: Readers,
    /// The carriage returns of a source without a line feed so far.
    lone_returns: Option<u64>,
    /// The error behind the last piece.
    failed: Option<Error>,
}

/// A source that is being read.
enum Open {
    Not,
    Stream(Blocks<Utf8<Box<dyn Read + Send>>>),
    /// Bytes or separate lines, so far, and the form of the bytes that follow.
    Memory(usize, Form),
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("sources", &self.sources).finish_non_exhaustive()
    }
}

impl Feed {
    /// Begins with the first source. `what` describes the reading.
    pub(crate) fn new(
        readers: &Readers,
        what: &'static str,
        size: Size,
        threads: NonZero<usize>,
    ) -> Self {
        let monitor = Arc::clone(readers.monitor());
        Self {
            sources: readers.sources().iter().cloned().collect(),
            over: 0,
            pass: readers.pass().clone(),
            open: Open::Not,
            line: 1,
            is_owing: false,
            is_alone: threads.get() == 1,
            size: size.bytes(threads),
            values: size.values(),
            counter: ReadCounter::new(Arc::clone(&monitor)),
            watch: Watch::new(monitor, what, readers.size()),
            failures: readers.failures().cloned(),
            readers: readers.clone(),
            lone_returns: Some(0),
            failed: None,
        }
    }

    /// Puts the next piece into this one; returns `false` after the last.
    ///
    /// # Errors
    ///
    /// Those of reading, unless they are [kept](Readers::leaving_out), and those of the monitor.
    /// Lines before an error are in the piece before.
    ///
    /// With one thread it must be the same piece each time.
    pub(crate) fn next(&mut self, piece: &mut Piece) -> Result<bool, Error> {
        loop {
            self.count(piece);
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            self.watch.look(self.counter.bytes())?;
            let Some(source) = self.source()? else {
                self.watch.finish(self.counter.bytes())?;
                return Ok(false);
            };
            piece.source = Some(Arc::clone(&source));
            piece.first = self.line;
            piece.separate.clear();
            piece.block.clear();
            piece.lines.set(None);
            let more = self.fill(&source, piece);
            let is_empty = piece.block.bytes().is_empty() && piece.separate.is_empty();
            self.is_owing = piece.separate.is_empty();
            if !self.is_alone {
                self.count(piece);
            }
            self.look_for_returns(piece);
            if !matches!(more, Ok(true)) {
                if let Some(returns @ 2..) = self.lone_returns.replace(0) {
                    self.readers.note_lone_returns(source.name(), returns);
                }
                self.close();
            }
            if let Err(error) = more {
                self.fail(error);
            }
            if !is_empty {
                return Ok(true);
            }
        }
    }

    /// Returns whether a source is open: the next piece probably comes from it.
    pub(crate) const fn is_open(&self) -> bool {
        !matches!(self.open, Open::Not)
    }

    /// Returns the source that is read: never a folder or an archive, but the logs in it.
    fn source(&mut self) -> Result<Option<Arc<dyn Source>>, Error> {
        while let Some(source) = self.sources.front().cloned() {
            if !matches!(self.open, Open::Not) {
                return Ok(Some(source));
            }
            if self.pass.is_first() {
                // An error comes again when it is opened.
                drop(source.hold());
            }
            match source.members(&self.counter) {
                Ok(None) if self.pass.is_empty(self.over) => self.close(),
                Ok(None) => return Ok(Some(source)),
                Ok(Some(members)) => {
                    self.sources.pop_front();
                    members.iter().rev().for_each(|one| self.sources.push_front(Arc::clone(one)));
                }
                Err(error) => {
                    self.pass.failed(self.over);
                    self.close();
                    self.fail(error);
                    if let Some(error) = self.failed.take() {
                        return Err(error);
                    }
                }
            }
        }
        Ok(None)
    }

    /// Counts the lines of the last piece.
    fn count(&mut self, last: &Piece) {
        if std::mem::take(&mut self.is_owing) {
            self.line += last.count();
        }
    }

    /// Goes on to the next source, because this one is over.
    fn close(&mut self) {
        (self.open, self.line, self.is_owing) = (Open::Not, 1, false);
        self.sources.pop_front();
        self.over += 1;
    }

    /// Lets the monitor end the reading.
    pub(crate) fn check(&mut self) -> Result<(), Error> {
        self.watch.look(self.counter.bytes())
    }

    fn look_for_returns(&mut self, piece: &Piece) {
        let Some(returns) = &mut self.lone_returns else { return };
        let bytes = piece.block.bytes();
        if memchr::memchr(b'\n', bytes).is_some() || !piece.separate.is_empty() {
            self.lone_returns = None;
        } else {
            *returns += memchr::memchr_iter(b'\r', bytes).count() as u64;
        }
    }

    /// Keeps an error for after the piece before it.
    fn fail(&mut self, error: Error) {
        match (error, &self.failures) {
            (Error::File(name, error), Some(failures)) => {
                let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
                failures.entry(name).or_insert_with(|| error.to_string());
            }
            (error, _) => self.failed = Some(error),
        }
    }

    /// Fills a piece with what comes next in a source; returns `false` at its end.
    fn fill(&mut self, source: &Arc<dyn Source>, piece: &mut Piece) -> Result<bool, Error> {
        let failed = |error| Error::file(source.name(), error);
        if let Open::Stream(blocks) = &mut self.open {
            return blocks.next(&mut piece.block).map_err(failed);
        }
        let opened = source.open(&self.counter).inspect_err(|_| self.pass.failed(self.over))?;
        match opened {
            Opened::Stream(stream) => {
                let stream = self.pass.check(self.over, source, stream);
                let mut blocks = Blocks::new(Utf8::new(stream), self.size);
                let more = blocks.next(&mut piece.block);
                self.open = Open::Stream(blocks);
                more.map_err(failed)
            }
            Opened::Bytes(whole) if self.done() == 0 && is_marked(whole) => {
                self.counter.add(whole.len()).map_err(failed)?;
                let stream: Box<dyn Read + Send> = Box::new(Cursor::new(utf8(whole)));
                let mut blocks = Blocks::new(Utf8::new(stream), self.size);
                let more = blocks.next(&mut piece.block);
                self.open = Open::Stream(blocks);
                more.map_err(failed)
            }
            Opened::Bytes(whole) => {
                let (done, form) = match std::mem::replace(&mut self.open, Open::Not) {
                    Open::Memory(done, form) => (done, form),
                    _ => (0, Form::of(whole)),
                };
                let end = done + end_of_piece(&whole[done..], self.size, &form);
                let behind = form.behind(&whole[done..end]);
                piece.block.set(&whole[done..end], form);
                self.open = Open::Memory(end, behind);
                self.counter.add(end - done).map_err(failed)?;
                Ok(end < whole.len())
            }
            Opened::Lines(column) => {
                // Each value is a line of its own, whatever its length.
                let mut done = self.done();
                let last = column.len().min(done + self.values);
                while done < last && piece.block.bytes().len() < self.size {
                    done += 1;
                    let Some(line) = column.line(done - 1) else { continue };
                    piece.block.push(line);
                    piece.separate.push((column.number(done - 1), piece.block.bytes().len()));
                }
                self.open = Open::Memory(done, Form::Lines);
                self.counter.add(piece.block.bytes().len()).map_err(failed)?;
                Ok(done < column.len())
            }
        }
    }

    const fn done(&self) -> usize {
        match self.open {
            Open::Memory(done, _) => done,
            _ => 0,
        }
    }
}

/// Returns whether a byte order mark shows that the bytes need transcoding.
fn is_marked(bytes: &[u8]) -> bool {
    [&b"\xef\xbb\xbf"[..], b"\xff\xfe", b"\xfe\xff"].iter().any(|mark| bytes.starts_with(mark))
}

fn utf8(bytes: &[u8]) -> Vec<u8> {
    let mut transcoder = Transcoder::new();
    let mut text = transcoder.push(bytes).to_vec();
    text.extend_from_slice(transcoder.finish());
    text
}

/// Returns the length of the next piece: about `size`, to the end of a line that is in no document.
fn end_of_piece(text: &[u8], size: usize, form: &Form) -> usize {
    let mut most = size.max(1);
    while most < text.len() {
        let end = memchr::memrchr(b'\n', &text[..most]).map(|n| n + 1);
        let end = end.or_else(|| Some(most + memchr::memchr(b'\n', &text[most..])? + 1));
        let Some(end) = end else { break };
        match unfinished_document(&text[..end], form) {
            None => return end,
            Some(0) => most = end.max(most) * 2,
            Some(start) => return start,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_end_behind_lines_and_documents() {
        for (text, size, expected) in [
            ("one\ntwo\n", 5, 4),
            ("one\ntwo\n", 2, 4),
            ("one\ntwo", 100, 7),
            ("one\n{\n  \"a\": 1\n}\ntwo\n", 9, 4),
            ("{\n  \"a\": 1\n}\ntwo\n", 4, 13),
            ("log\n9:{\n10:  \"a\": 1\n11:}\ntwo\n", 12, 4),
            ("9:{\n10:  \"a\": 1\n11:}\ntwo\n", 4, 25),
            ("{\n  \"a\": 1\n", 2, 11),
            ("{\n  \"a\": 1\nlog\n", 2, 15),
            ("__CURSOR=1\nA=1\n\n__CURSOR=2\nA=1\n", 30, 16),
        ] {
            let form = Form::of(text.as_bytes());
            assert_eq!(end_of_piece(text.as_bytes(), size, &form), expected, "{text}");
        }
    }
}
