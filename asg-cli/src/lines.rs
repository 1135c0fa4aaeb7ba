//! Sources as lines, read in pieces on request, so that the caller decides how much is in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use asg_core::{Lines, Origin, RawLine};
use memchr::memmem;

use crate::error::Error;
use crate::input::{Opened, ReadCounter, Source};
use crate::monitor::{Monitor, Unattended, Watch};

/// How much is read at once.
const PIECE: usize = 256 << 10;

/// How many values of a column are taken at once.
const VALUES: usize = 1024;

/// One line, and where it stood.
#[derive(Debug, Clone, Copy)]
pub struct Raw<'l> {
    /// Its place.
    pub origin: Origin,
    /// The name of its source.
    pub source: &'l str,
    /// Its bytes, without the line feed.
    pub bytes: &'l [u8],
    /// Whether it is longer than what is kept of a line.
    pub is_cut: bool,
}

impl<'l> Raw<'l> {
    fn of(source: &'l dyn Source, line: &RawLine<'l>) -> Self {
        Self {
            origin: Origin { source: source.id(), line: line.number },
            source: source.name(),
            bytes: line.bytes,
            is_cut: line.skipped > 0,
        }
    }
}

/// Returns `false` for lines that certainly hold no packet, at the speed of memory. A packet's line
/// contains `IN=`, unless a JSON wrapping hides it behind an escape or in an array of bytes.
#[must_use]
pub fn may_be_packet(line: &[u8]) -> bool {
    static IN: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(b"IN="));
    IN.find(line).is_some()
        || matches!(line.first(), Some(b'{' | b' ' | b'\t'))
            && memchr::memchr2(b'\\', b'[', line).is_some()
        // The kernel continues a long message in another record.
        || memmem::find(line, b"OUT=").is_some()
}

/// Sources that can be opened as often as needed.
#[derive(Debug, Clone)]
pub struct Readers {
    sources: Arc<[Arc<dyn Source>]>,
    monitor: Arc<dyn Monitor>,
    failures: Option<Failures>,
}

/// Why sources could not be read, by name.
pub type Failures = Arc<Mutex<BTreeMap<String, String>>>;

impl Readers {
    /// Reads these sources one after the other.
    #[must_use]
    pub fn new(sources: Vec<Arc<dyn Source>>, monitor: Arc<dyn Monitor>) -> Self {
        Self { sources: sources.into(), monitor, failures: None }
    }

    /// Goes on when a source cannot be read, and keeps the reason here.
    #[must_use]
    pub fn leaving_out(self, failures: Failures) -> Self {
        Self { failures: Some(failures), ..self }
    }

    /// Whether all sources can be opened more than once.
    #[must_use]
    pub fn are_repeatable(&self) -> bool {
        self.sources.iter().all(|source| source.is_repeatable())
    }

    /// The sum of the sizes in bytes, if all are known.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.sources.iter().map(|source| source.size()).sum()
    }

    /// The same sources without a display of progress.
    #[must_use]
    pub fn quietly(&self) -> Self {
        Self { monitor: Arc::new(Quiet(Arc::clone(&self.monitor))), ..self.clone() }
    }

    /// Who may end a reading.
    #[must_use]
    pub fn monitor(&self) -> &Arc<dyn Monitor> {
        &self.monitor
    }

    /// Starts a reading at the beginning of the first source.
    #[must_use]
    pub fn open(&self, what: &'static str) -> Reader {
        Reader {
            sources: Arc::clone(&self.sources),
            at: 0,
            done: 0,
            stream: None,
            lines: Lines::new(),
            buffer: Vec::new(),
            counter: ReadCounter::new(Arc::clone(&self.monitor)),
            watch: Watch::new(Arc::clone(&self.monitor), what, self.size()),
            monitor: Arc::clone(&self.monitor),
            failures: self.failures.clone(),
        }
    }
}

/// Ends what another monitor ends, and shows nothing.
#[derive(Debug)]
struct Quiet(Arc<dyn Monitor>);

impl Monitor for Quiet {
    fn check(&self) -> Result<(), Error> {
        self.0.check()
    }

    fn begin(
        &self,
        what: &'static str,
        total: Option<u64>,
    ) -> Result<Option<Box<dyn crate::monitor::Progress>>, Error> {
        Unattended.begin(what, total)
    }
}

/// Reads sources one after the other, piece by piece.
pub struct Reader {
    sources: Arc<[Arc<dyn Source>]>,
    at: usize,
    /// How far a slice or column was read.
    done: usize,
    stream: Option<Box<dyn std::io::Read + Send>>,
    lines: Lines,
    buffer: Vec<u8>,
    counter: ReadCounter,
    watch: Watch,
    monitor: Arc<dyn Monitor>,
    failures: Option<Failures>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("sources", &self.sources).finish_non_exhaustive()
    }
}

impl Reader {
    /// Reads the next piece and passes its lines to `each`; returns `false` at the end.
    ///
    /// # Errors
    ///
    /// Those of reading, unless they are [kept](Readers::leaving_out), and those of the monitor.
    pub fn step(&mut self, mut each: impl FnMut(Raw<'_>)) -> Result<bool, Error> {
        let sources = Arc::clone(&self.sources);
        let Some(source) = sources.get(self.at) else {
            self.watch.finish(self.counter.bytes())?;
            return Ok(false);
        };
        self.watch.look(self.counter.bytes())?;
        let ended = self.piece(&**source, &mut each);
        if !matches!(ended, Ok(false)) {
            // Also after an error, the beginning of a last line is a line.
            self.lines.finish(|line| each(Raw::of(&**source, &line)));
            self.lines = Lines::new();
            self.stream = None;
            self.done = 0;
            self.at += 1;
        }
        match (ended, &self.failures) {
            (Err(Error::File(name, error)), Some(failures)) => {
                let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
                failures.entry(name).or_insert_with(|| error.to_string());
                Ok(true)
            }
            (ended, _) => ended.map(|_| true),
        }
    }

    /// Reads the next piece of a source; returns `true` if it was the last.
    fn piece(
        &mut self,
        source: &dyn Source,
        each: &mut impl FnMut(Raw<'_>),
    ) -> Result<bool, Error> {
        let mut whole_lines = |line: RawLine<'_>| each(Raw::of(source, &line));
        if self.stream.is_some() {
            return self.step_stream(source, &mut whole_lines);
        }
        match source.open(&self.counter)? {
            Opened::Stream(stream) => {
                self.stream = Some(stream);
                self.buffer.resize(PIECE, 0);
                self.step_stream(source, &mut whole_lines)
            }
            Opened::Bytes(whole) => {
                let piece = &whole[self.done..whole.len().min(self.done + PIECE)];
                self.lines.push(piece, &mut whole_lines);
                self.done += piece.len();
                crate::input::Meter::add(&self.counter, piece.len())
                    .map_err(|error| Error::file(source.name(), error))?;
                Ok(self.done == whole.len())
            }
            Opened::Lines(column) => {
                // Each value is a line of its own, whatever its length.
                let end = column.len().min(self.done + VALUES);
                let mut bytes = 0;
                while self.done < end && bytes < PIECE {
                    let n = self.done;
                    self.done += 1;
                    let Some(line) = column.line(n) else { continue };
                    bytes += line.len();
                    let origin = Origin { source: source.id(), line: n as u64 + 1 };
                    each(Raw { origin, source: source.name(), bytes: line, is_cut: false });
                }
                crate::input::Meter::add(&self.counter, bytes)
                    .map_err(|error| Error::file(source.name(), error))?;
                Ok(self.done == column.len())
            }
        }
    }

    fn step_stream(
        &mut self,
        source: &dyn Source,
        each: &mut impl FnMut(RawLine<'_>),
    ) -> Result<bool, Error> {
        let Some(stream) = &mut self.stream else { return Ok(true) };
        let n = loop {
            match stream.read(&mut self.buffer) {
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => self.monitor.check()?,
                read => break read.map_err(|error| Error::file(source.name(), error))?,
            }
        };
        self.lines.push(&self.buffer[..n], each);
        Ok(n == 0)
    }
}
