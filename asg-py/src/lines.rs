//! A source as lines: read in pieces when asked, so that the caller decides how much is in memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use asg_core::{Lines, Origin, RawLine};
use memchr::memmem;
use pyo3::prelude::*;

use crate::errors::Failure;
use crate::source::{Item, Open};
use crate::watch::Watch;

/// How much is read at once.
const PIECE: usize = 256 << 10;

/// How many values of a column are taken at once.
const VALUES: usize = 1024;

/// One line, and where it stood.
pub(crate) struct Raw<'l> {
    pub(crate) origin: Origin,
    pub(crate) source: &'l str,
    pub(crate) bytes: &'l [u8],
    /// The line is longer than what is kept of one.
    pub(crate) is_cut: bool,
}

impl<'l> Raw<'l> {
    fn of(item: &'l Item, line: &RawLine<'l>) -> Self {
        Self {
            origin: Origin { source: item.id, line: line.number },
            source: &item.name,
            bytes: line.bytes,
            is_cut: line.skipped > 0,
        }
    }
}

/// False for what is no packet's line for sure, which most lines are: this is as fast as memory. `IN=` is in all of them,
/// unless a wrapping of JSON hides it behind an escape or in an array of bytes.
pub(crate) fn may_be_packet(line: &[u8]) -> bool {
    static IN: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(b"IN="));
    IN.find(line).is_some()
        || matches!(line.first(), Some(b'{' | b' ' | b'\t'))
            && memchr::memchr2(b'\\', b'[', line).is_some()
        // What the kernel goes on with in another record.
        || memmem::find(line, b"OUT=").is_some()
}

/// What a table reads, to be opened as often as needed.
#[derive(Clone)]
pub(crate) struct Readers {
    items: Arc<Vec<Item>>,
    /// Makes what is told of progress, for each reading its own.
    progress: Option<Arc<Py<PyAny>>>,
    left_out: Option<LeftOut>,
}

/// What could not be read, by name: where that is kept, the rest is read nevertheless.
pub(crate) type LeftOut = Arc<Mutex<BTreeMap<String, String>>>;

impl Readers {
    pub(crate) fn new(items: Vec<Item>, progress: Option<Py<PyAny>>) -> Self {
        Self { items: Arc::new(items), progress: progress.map(Arc::new), left_out: None }
    }

    /// The same, for whoever has the rest read if something cannot be.
    pub(crate) fn leaving_out(self, left_out: LeftOut) -> Self {
        Self { left_out: Some(left_out), ..self }
    }

    /// True if all can be opened more than once.
    pub(crate) fn are_repeatable(&self) -> bool {
        self.items.iter().all(Item::is_repeatable)
    }

    /// The same, of which nobody is told how far they are.
    pub(crate) fn quietly(&self) -> Self {
        Self { progress: None, ..self.clone() }
    }

    pub(crate) fn open(&self) -> Reader {
        Reader {
            items: Arc::clone(&self.items),
            at: 0,
            done: 0,
            stream: None,
            lines: Lines::new(),
            buffer: Vec::new(),
            bytes: Arc::default(),
            watch: Watch::new(self.progress.clone()),
            left_out: self.left_out.clone(),
        }
    }
}

/// Reads items one after the other, piece by piece.
pub(crate) struct Reader {
    items: Arc<Vec<Item>>,
    at: usize,
    /// How far a slice or column was read.
    done: usize,
    stream: Option<Box<dyn std::io::Read + Send>>,
    lines: Lines,
    buffer: Vec<u8>,
    bytes: Arc<AtomicU64>,
    watch: Watch,
    left_out: Option<LeftOut>,
}

impl Reader {
    /// Reads the next piece and hands its lines on; false if there was none left.
    pub(crate) fn step(&mut self, mut each: impl FnMut(Raw<'_>)) -> Result<bool, Failure> {
        let items = Arc::clone(&self.items);
        let Some(item) = items.get(self.at) else {
            self.watch.finish(self.bytes.load(Ordering::Relaxed))?;
            return Ok(false);
        };
        self.watch.look(self.bytes.load(Ordering::Relaxed))?;
        let ended = self.piece(item, &mut each);
        if !matches!(ended, Ok(false)) {
            // Whatever ended it: the beginning of a last line is a line.
            self.lines.finish(|line| each(Raw::of(item, &line)));
            self.lines = Lines::new();
            self.stream = None;
            self.done = 0;
            self.at += 1;
        }
        match (ended, &self.left_out) {
            (Err(Failure::Read(name, error)), Some(left_out)) => {
                let mut left_out = left_out.lock().unwrap_or_else(PoisonError::into_inner);
                left_out.entry(name).or_insert_with(|| error.to_string());
                Ok(true)
            }
            (ended, _) => ended.map(|_| true),
        }
    }

    /// Reads the next piece of an item; true if it was the last.
    fn piece(&mut self, item: &Item, each: &mut impl FnMut(Raw<'_>)) -> Result<bool, Failure> {
        let mut whole_lines = |line: RawLine<'_>| each(Raw::of(item, &line));
        if self.stream.is_some() {
            self.step_stream(item, &mut whole_lines)
        } else {
            match item.open(&self.bytes)? {
                Open::Stream(stream) => {
                    self.stream = Some(stream);
                    self.buffer.resize(PIECE, 0);
                    self.step_stream(item, &mut whole_lines)
                }
                Open::Bytes(whole) => {
                    let piece = &whole[self.done..whole.len().min(self.done + PIECE)];
                    self.lines.push(piece, &mut whole_lines);
                    self.done += piece.len();
                    self.bytes.fetch_add(piece.len() as u64, Ordering::Relaxed);
                    Ok(self.done == whole.len())
                }
                Open::Column(column) => {
                    // Each value is a line of its own, whatever its length.
                    let end = column.len().min(self.done + VALUES);
                    let mut bytes = 0;
                    while self.done < end && bytes < PIECE {
                        let n = self.done;
                        self.done += 1;
                        let Some(line) = column.line(n) else { continue };
                        bytes += line.len();
                        let origin = Origin { source: item.id, line: n as u64 + 1 };
                        each(Raw { origin, source: &item.name, bytes: line, is_cut: false });
                    }
                    self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
                    Ok(self.done == column.len())
                }
            }
        }
    }

    fn step_stream(
        &mut self,
        item: &Item,
        each: &mut impl FnMut(RawLine<'_>),
    ) -> Result<bool, Failure> {
        let Some(stream) = &mut self.stream else { return Ok(true) };
        let n = loop {
            match stream.read(&mut self.buffer) {
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => Watch::look_now()?,
                read => break read.map_err(|error| Failure::read(&item.name, error))?,
            }
        };
        self.lines.push(&self.buffer[..n], each);
        Ok(n == 0)
    }
}
