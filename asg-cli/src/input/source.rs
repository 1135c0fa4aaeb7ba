//! Sources of lines: files, bytes in memory, and whatever else implements [`Source`].

use std::fmt;
use std::fs::Metadata;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use asg_core::SourceId;

use super::{Input, Meter};
use crate::error::Error;
use crate::monitor::Monitor;

/// Something whose lines can be read, several times if it [is repeatable](Source::is_repeatable).
pub trait Source: fmt::Debug + Send + Sync {
    /// Returns the name by which outputs call it.
    fn name(&self) -> &str;

    /// Returns its number; see [`crate::origins`].
    fn id(&self) -> SourceId;

    /// Opens it at its beginning. Bytes are counted as they lie on disk, before decompression.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, or cannot be opened again.
    fn open(&self, counter: &ReadCounter) -> Result<Opened<'_>, Error>;

    /// Returns its size in bytes on disk, if known.
    fn size(&self) -> Option<u64>;

    /// Returns the version of the file that it is in, by which readings see that nothing was
    /// written between them; `None` if it is in no file.
    fn version(&self) -> Option<Version> {
        None
    }

    /// Returns whether it can be opened more than once.
    fn is_repeatable(&self) -> bool;

    /// Makes all readings from now on read the same file, whatever becomes of its name.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    fn hold(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Returns the logs in it, if it is a folder or an archive; they are read instead of it.
    ///
    /// # Errors
    ///
    /// As [`Input::members`].
    fn members(&self, _counter: &ReadCounter) -> Result<Option<Members>, Error> {
        Ok(None)
    }

    /// Returns the file that it is in, as it is on disk, with the file's name: the archive of a
    /// member, and the text of a pipe. `None` if it is in no file.
    ///
    /// # Errors
    ///
    /// Those of opening it.
    fn on_disk(&self) -> io::Result<Option<OnDisk>> {
        Ok(None)
    }
}

/// The size of a file, and when it was written last: equal ones show that nothing was written
/// between two readings, if the first was a while after the last write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    size: u64,
    written: SystemTime,
}

impl Version {
    /// Returns the version that these facts show, where the system knows the time.
    #[must_use]
    pub fn of(known: &Metadata) -> Option<Self> {
        Some(Self { size: known.len(), written: known.modified().ok()? })
    }

    /// Returns whether bytes were written behind those of this version, or none.
    pub(crate) fn may_begin(&self, later: &Self) -> bool {
        later == self || later.size > self.size
    }

    /// Returns whether nothing was written for a while, so that any later write shows: clocks of
    /// file systems have steps.
    pub(crate) fn is_settled(&self) -> bool {
        const STEP: Duration = Duration::from_secs(2);
        self.written.elapsed().is_ok_and(|age| age >= STEP)
    }
}

/// The logs in a folder or an archive, in the order in which they are read.
pub type Members = Arc<[Arc<dyn Source>]>;

/// The name of a file, and its bytes as they are on disk.
pub type OnDisk = (String, Box<dyn Read + Send>);

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
    /// Returns the number of lines, missing ones included.
    fn len(&self) -> usize;

    /// Returns whether it is empty.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the line at this place, from 0, without its line feed; `None` if it is missing.
    fn line(&self, place: usize) -> Option<&[u8]>;

    /// Returns the number of the line at this place. Numbers grow with the places, and begin with
    /// 1.
    fn number(&self, place: usize) -> u64 {
        place as u64 + 1
    }
}

/// Counts the bytes of one reading. It checks the monitor when a signal interrupts a read.
#[derive(Debug, Clone)]
pub struct ReadCounter {
    bytes: Arc<AtomicU64>,
    monitor: Arc<dyn Monitor>,
}

impl ReadCounter {
    /// Creates a counter that starts at zero.
    #[must_use]
    pub fn new(monitor: Arc<dyn Monitor>) -> Self {
        Self { bytes: Arc::default(), monitor }
    }

    /// Returns the bytes read so far.
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
    /// `Some(None)` if it is one log.
    members: OnceLock<Option<Members>>,
}

impl Log {
    /// Combines an input with its number.
    #[must_use]
    pub const fn new(input: Input, id: SourceId) -> Self {
        Self { input, id, members: OnceLock::new() }
    }

    /// Returns a file by its path, numbered by its name.
    #[must_use]
    pub fn file(path: PathBuf) -> Self {
        let input = Input::file(path);
        let id = crate::origins::number(input.name());
        Self::new(input, id)
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

    fn version(&self) -> Option<Version> {
        self.input.version()
    }

    fn is_repeatable(&self) -> bool {
        !self.input.is_pipe()
    }

    fn hold(&self) -> Result<(), Error> {
        self.input.hold().map_err(|error| Error::file(self.input.name(), error))
    }

    fn members(&self, counter: &ReadCounter) -> Result<Option<Members>, Error> {
        if let Some(known) = self.members.get() {
            return Ok(known.clone());
        }
        let found = self.input.members(counter)?.map(|found| {
            // Numbers follow the names, so that the order in an archive does not matter.
            let mut names: Vec<_> = found.iter().map(|input| input.name().to_owned()).collect();
            names.sort_unstable();
            for name in &names {
                let _ = crate::origins::number(name);
            }
            let log = |input: Input| -> Arc<dyn Source> {
                let id = crate::origins::number(input.name());
                Arc::new(Self::new(input, id))
            };
            found.into_iter().map(log).collect()
        });
        Ok(self.members.get_or_init(|| found).clone())
    }

    fn on_disk(&self) -> io::Result<Option<OnDisk>> {
        self.input.on_disk()
    }
}
