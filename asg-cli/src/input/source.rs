//! Sources of lines: files, bytes in memory, and whatever else implements [`Source`].

use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use asg_core::SourceId;

use super::{Input, Meter};
use crate::error::Error;
use crate::monitor::Monitor;

/// Something whose lines can be read, several times if it [is repeatable](Source::is_repeatable).
pub trait Source: fmt::Debug + Send + Sync {
    /// The name by which outputs call it.
    fn name(&self) -> &str;

    /// Its number; see [`crate::origins`].
    fn id(&self) -> SourceId;

    /// Opens it at its beginning. Bytes are counted as they lie on disk, before decompression.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, or cannot be opened again.
    fn open(&self, counter: &ReadCounter) -> Result<Opened<'_>, Error>;

    /// Its size in bytes as it lies on disk, if known.
    fn size(&self) -> Option<u64>;

    /// Whether it can be opened more than once.
    fn is_repeatable(&self) -> bool;
}

/// An open [`Source`].
pub enum Opened<'s> {
    /// Uncompressed text in memory.
    Bytes(&'s [u8]),
    /// A stream of uncompressed text.
    Stream(Box<dyn Read + Send>),
    /// Lines that are separated already.
    Lines(&'s dyn SeparateLines),
}

impl fmt::Debug for Opened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes(_) => "Opened::Bytes",
            Self::Stream(_) => "Opened::Stream",
            Self::Lines(_) => "Opened::Lines",
        })
    }
}

/// A sequence of separate lines, such as the values of a column.
pub trait SeparateLines: Send + Sync {
    /// The number of lines, missing ones included.
    fn len(&self) -> usize;

    /// Whether there are no lines.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The line at this place, from 0, without its line feed; `None` if it is missing.
    fn line(&self, place: usize) -> Option<&[u8]>;
}

/// Counts the bytes of one reading. It checks the monitor when a signal interrupts a read.
#[derive(Debug, Clone)]
pub struct ReadCounter {
    bytes: Arc<AtomicU64>,
    monitor: Arc<dyn Monitor>,
}

impl ReadCounter {
    /// Nothing was read yet.
    #[must_use]
    pub fn new(monitor: Arc<dyn Monitor>) -> Self {
        Self { bytes: Arc::default(), monitor }
    }

    /// The bytes read so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Meter for ReadCounter {
    fn add(&self, bytes: usize) -> io::Result<()> {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        if bytes > 0 { Ok(()) } else { Ok(self.monitor.check()?) }
    }
}

/// An [`Input`] with its number.
#[derive(Debug)]
pub struct Log {
    input: Input,
    id: SourceId,
}

impl Log {
    /// Gives the input a number.
    #[must_use]
    pub const fn new(input: Input, id: SourceId) -> Self {
        Self { input, id }
    }

    /// A file by its path, numbered by its name.
    #[must_use]
    pub fn file(path: PathBuf) -> Self {
        let input = Input::file(path);
        let id = crate::origins::number(input.name());
        Self { input, id }
    }

    /// Makes it repeatable; see [`Input::keep`].
    ///
    /// # Errors
    ///
    /// As [`Input::keep`].
    pub fn keep(&mut self, meter: &impl Meter) -> Result<(), Error> {
        self.input.keep(meter).map_err(|error| Error::file(self.input.name(), error))
    }
}

impl Source for Log {
    fn name(&self) -> &str {
        self.input.name()
    }

    fn id(&self) -> SourceId {
        self.id
    }

    fn open(&self, counter: &ReadCounter) -> Result<Opened<'_>, Error> {
        let stream = self.input.open(counter);
        Ok(Opened::Stream(stream.map_err(|error| Error::file(self.input.name(), error))?))
    }

    fn size(&self) -> Option<u64> {
        self.input.size()
    }

    fn is_repeatable(&self) -> bool {
        !self.input.is_standard_input()
    }
}
