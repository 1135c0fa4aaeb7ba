//! A source as lines: read in pieces when asked, so that the caller decides how much is in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, ArrayRef};
use arrow_schema::DataType;
use asg_core::{Lines, Origin, SourceId};
use pyo3::prelude::*;

use crate::errors::Failure;
use crate::source::{Item, Open};

/// How much is read at once.
const PIECE: usize = 256 << 10;

/// How many values of a column are taken at once.
const VALUES: usize = 1024;

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
}

impl Reader {
    pub(crate) fn new(items: Arc<Vec<Item>>, progress: Option<Py<PyAny>>) -> Self {
        Self {
            items,
            at: 0,
            done: 0,
            stream: None,
            lines: Lines::new(),
            buffer: Vec::new(),
            bytes: Arc::default(),
            watch: Watch { progress, last: Instant::now(), told: 0 },
        }
    }

    /// Reads the next piece and hands its lines on; false if there was none left.
    pub(crate) fn step(&mut self, mut each: impl FnMut(Origin, &[u8])) -> Result<bool, Failure> {
        let items = Arc::clone(&self.items);
        let Some(item) = items.get(self.at) else {
            self.watch.finish(self.bytes.load(Ordering::Relaxed))?;
            return Ok(false);
        };
        let source = SourceId(u32::try_from(self.at).unwrap_or(u32::MAX));
        self.watch.look(self.bytes.load(Ordering::Relaxed))?;
        let ended = if self.stream.is_some() {
            self.step_stream(item, source, &mut each)
        } else {
            match item.open(&self.bytes)? {
                Open::Stream(stream) => {
                    self.stream = Some(stream);
                    self.buffer.resize(PIECE, 0);
                    self.step_stream(item, source, &mut each)
                }
                Open::Bytes(whole) => {
                    let piece = &whole[self.done..whole.len().min(self.done + PIECE)];
                    self.lines
                        .push(piece, |line| each(Origin { source, line: line.number }, line.bytes));
                    self.done += piece.len();
                    self.bytes.fetch_add(piece.len() as u64, Ordering::Relaxed);
                    Ok(self.done == whole.len())
                }
                Open::Column(column) => {
                    let end = column.len().min(self.done + VALUES);
                    for n in self.done..end {
                        let Some(line) = column.line(n) else { continue };
                        self.bytes.fetch_add(line.len() as u64, Ordering::Relaxed);
                        each(Origin { source, line: n as u64 + 1 }, line);
                    }
                    self.done = end;
                    Ok(end == column.len())
                }
            }
        };
        if !matches!(ended, Ok(false)) {
            // Whatever ended it: the beginning of a last line is a line.
            self.lines.finish(|line| each(Origin { source, line: line.number }, line.bytes));
            self.lines = Lines::new();
            self.stream = None;
            self.done = 0;
            self.at += 1;
        }
        ended.map(|_| true)
    }

    fn step_stream(
        &mut self,
        item: &Item,
        source: SourceId,
        each: &mut impl FnMut(Origin, &[u8]),
    ) -> Result<bool, Failure> {
        let Some(stream) = &mut self.stream else { return Ok(true) };
        let n = loop {
            match stream.read(&mut self.buffer) {
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => Watch::look_now()?,
                read => break read.map_err(|error| Failure::read(&item.name, error))?,
            }
        };
        self.lines
            .push(&self.buffer[..n], |line| each(Origin { source, line: line.number }, line.bytes));
        Ok(n == 0)
    }
}

/// Looks up from the work now and then: has somebody pressed Ctrl-C, and does somebody want to know how far it is?
struct Watch {
    progress: Option<Py<PyAny>>,
    last: Instant,
    told: u64,
}

impl Watch {
    const PERIOD: Duration = Duration::from_millis(40);

    fn look(&mut self, bytes: u64) -> Result<(), Failure> {
        if self.last.elapsed() < Self::PERIOD {
            return Ok(());
        }
        Self::look_now()?;
        self.tell(bytes)?;
        self.last = Instant::now();
        Ok(())
    }

    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method alone is not general enough"
    )]
    fn look_now() -> Result<(), Failure> {
        Ok(Python::attach(|py| py.check_signals())?)
    }

    fn finish(&mut self, bytes: u64) -> Result<(), Failure> {
        self.tell(bytes)
    }

    fn tell(&mut self, bytes: u64) -> Result<(), Failure> {
        let new = bytes - self.told;
        if let Some(progress) = self.progress.as_ref().filter(|_| new > 0) {
            Python::attach(|py| progress.call1(py, (new,)))?;
        }
        self.told = bytes;
        Ok(())
    }
}

/// An Arrow column in which each value is a line.
#[derive(Debug)]
pub(crate) struct Column {
    chunks: Vec<ArrayRef>,
    /// Where each chunk begins, and where the last one ends.
    starts: Vec<usize>,
}

impl Column {
    /// `None` if it is neither text nor binary.
    pub(crate) fn new(chunks: &[ArrayRef]) -> Option<Self> {
        let plain = |chunk: &ArrayRef| match chunk.data_type() {
            DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView => Some(Arc::clone(chunk)),
            DataType::Dictionary(_, values) => arrow_cast::cast(chunk, values).ok(),
            // An empty or missing column has no type of its own.
            DataType::Null => arrow_cast::cast(chunk, &DataType::Binary).ok(),
            _ => None,
        };
        let chunks: Vec<ArrayRef> = chunks.iter().map(plain).collect::<Option<_>>()?;
        let mut starts = vec![0];
        for chunk in &chunks {
            starts.push(starts[starts.len() - 1] + chunk.len());
        }
        let column = Self { chunks, starts };
        (column.chunks.iter().all(|chunk| chunk.is_empty() || !chunk.data_type().is_nested()))
            .then_some(column)
    }

    pub(crate) fn len(&self) -> usize {
        self.starts[self.starts.len() - 1]
    }

    /// The line, without the line feed that it may end in; `None` if the value is missing.
    fn line(&self, n: usize) -> Option<&[u8]> {
        let chunk = self.starts.partition_point(|start| *start <= n) - 1;
        let (chunk, n) = (&self.chunks[chunk], n - self.starts[chunk]);
        if chunk.is_null(n) {
            return None;
        }
        let line = match chunk.data_type() {
            DataType::Utf8 => chunk.as_string::<i32>().value(n).as_bytes(),
            DataType::LargeUtf8 => chunk.as_string::<i64>().value(n).as_bytes(),
            DataType::Utf8View => chunk.as_string_view().value(n).as_bytes(),
            DataType::Binary => chunk.as_binary::<i32>().value(n),
            DataType::LargeBinary => chunk.as_binary::<i64>().value(n),
            _ => chunk.as_binary_view().value(n),
        };
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}
