//! Finished logs are read more than once, and each reading must find the same bytes.
//!
//! The first reading notes how many bytes a source had, and their sum. Later ones read no further,
//! because logs grow, and fail if the bytes are others.
//!
//! A file that nobody writes needs no sum: its size and time show that it is the same. Some bytes
//! of it are summed, for the case that it grows all the same.

use std::fmt;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use crc32fast::Hasher;

use crate::input::{Source, Unreadable, Version};

/// The findings of the first reading, by the places of the sources.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorded(Arc<Mutex<Vec<Option<Found>>>>);

/// The bytes of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    bytes: u64,
    sum: u32,
    /// The version of the file, if nobody wrote it. The sum is then that of some bytes.
    version: Option<Version>,
}

/// One reading of all sources.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pass {
    recorded: Recorded,
    is_first: bool,
}

impl Pass {
    /// Starts a first reading, which forgets what others before it found.
    pub(crate) fn first(&self) -> Self {
        self.recorded.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Self { is_first: true, recorded: self.recorded.clone() }
    }

    /// Returns whether it is a first reading, after which there is another.
    pub(crate) const fn is_first(&self) -> bool {
        self.is_first
    }

    /// Returns whether the first reading found nothing in the source at this place.
    pub(crate) fn is_empty(&self, place: usize) -> bool {
        !self.is_first && self.recorded.get(place).is_some_and(|found| found.bytes == 0)
    }

    /// Notes that the source at this place could not be opened.
    pub(crate) fn failed(&self, place: usize) {
        if self.is_first {
            self.recorded.set(place, Found { bytes: 0, sum: 0, version: None });
        }
    }

    /// Notes what is read of the source at this place, or compares it with what was noted.
    pub(crate) fn check(
        &self,
        place: usize,
        source: &Arc<dyn Source>,
        inner: Box<dyn Read + Send>,
    ) -> Box<dyn Read + Send> {
        match self.recorded.get(place) {
            _ if self.is_first => {
                let version = source.version().filter(Version::is_settled);
                let (recorded, sum) = (self.recorded.clone(), Sum::new(version.is_none()));
                Box::new(Recording { inner, recorded, place, sum, version })
            }
            Some(found) => {
                let (source, sum) = (Arc::clone(source), Sum::new(found.version.is_none()));
                Box::new(Checking { inner, source, found, sum })
            }
            None => inner,
        }
    }
}

impl Recorded {
    fn get(&self, place: usize) -> Option<Found> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(place).copied().flatten()
    }

    fn set(&self, place: usize, found: Found) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() <= place {
            held.resize(place + 1, None);
        }
        held[place] = Some(found);
    }
}

/// The sum of all bytes, or of some.
struct Sum {
    hasher: Hasher,
    bytes: u64,
    is_of_all: bool,
}

impl Sum {
    fn new(is_of_all: bool) -> Self {
        Self { hasher: Hasher::new(), bytes: 0, is_of_all }
    }

    fn add(&mut self, bytes: &[u8]) {
        /// Of so many bytes the first are summed.
        const BLOCK: usize = 4 << 10;
        const SUMMED: usize = 128;
        if self.is_of_all {
            self.hasher.update(bytes);
        } else {
            let at = (self.bytes % BLOCK as u64) as usize;
            let (begun, whole) = bytes.split_at(bytes.len().min(BLOCK - at));
            let most = SUMMED.saturating_sub(at);
            self.hasher.update(&begun[..begun.len().min(most)]);
            for block in whole.chunks(BLOCK) {
                self.hasher.update(&block[..block.len().min(SUMMED)]);
            }
        }
        self.bytes += bytes.len() as u64;
    }

    fn get(&self) -> u32 {
        self.hasher.clone().finalize()
    }
}

/// A first reading of one source.
struct Recording {
    inner: Box<dyn Read + Send>,
    recorded: Recorded,
    place: usize,
    sum: Sum,
    version: Option<Version>,
}

impl Read for Recording {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.sum.add(&buffer[..n]);
        Ok(n)
    }
}

/// Bytes before an error count as well: a later reading ends there.
impl Drop for Recording {
    fn drop(&mut self) {
        let Self { sum, version, .. } = self;
        let found = Found { bytes: sum.bytes, sum: sum.get(), version: *version };
        self.recorded.set(self.place, found);
    }
}

/// A later reading of one source.
struct Checking {
    inner: Box<dyn Read + Send>,
    source: Arc<dyn Source>,
    found: Found,
    sum: Sum,
}

impl Checking {
    /// Returns whether all bytes were the same.
    fn is_same(&self) -> bool {
        let may_be = |found: &Version| {
            self.source.version().is_some_and(|version| found.may_begin(&version))
        };
        self.sum.get() == self.found.sum && self.found.version.as_ref().is_none_or(may_be)
    }
}

impl fmt::Debug for Checking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checking").field("found", &self.found).finish_non_exhaustive()
    }
}

impl Read for Checking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.found.bytes - self.sum.bytes;
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let n = self.inner.read(&mut buffer[..most])?;
        self.sum.add(&buffer[..n]);
        let is_last = self.sum.bytes == self.found.bytes;
        if n == 0 || (is_last && !self.is_same()) {
            return Err(Unreadable::Changed.into());
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    use asg_core::SourceId;

    use super::*;
    use crate::input::{Input, Log, Opened, ReadCounter};
    use crate::monitor::Unattended;

    fn through(pass: &Pass, bytes: &'static [u8]) -> Result<Vec<u8>, io::Error> {
        let source: Arc<dyn Source> = Arc::new(Log::new(Input::bundled("log", b""), SourceId(0)));
        let mut all = Vec::new();
        pass.check(0, &source, Box::new(bytes)).read_to_end(&mut all)?;
        Ok(all)
    }

    #[test]
    fn a_later_reading_finds_what_the_first_found_or_fails() {
        let again = Pass::default();
        assert_eq!(through(&again, b"before any first reading").unwrap().len(), 24);
        assert_eq!(through(&again.first(), b"one\ntwo\n").unwrap().len(), 8);
        for (now, expected) in [
            (&b"one\ntwo\n"[..], Some(&b"one\ntwo\n"[..])),
            // It has grown.
            (b"one\ntwo\nthree\n", Some(b"one\ntwo\n")),
            (b"one\ntw", None),
            (b"", None),
            (b"one\ntwx\n", None),
        ] {
            let found = through(&again, now);
            assert_eq!(found.as_deref().ok(), expected);
            if let Err(error) = found {
                let why = error.get_ref().unwrap().downcast_ref::<Unreadable>();
                assert_eq!(why, Some(&Unreadable::Changed));
            }
        }
        assert_eq!(through(&again.first(), b"x").unwrap(), b"x");
        assert_eq!(through(&again, b"xy").unwrap(), b"x");
    }

    /// Writes a file that looks as if nobody had written it for so long.
    fn written(path: &Path, bytes: &[u8], ago: Duration) {
        std::fs::write(path, bytes).unwrap();
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - ago).unwrap();
    }

    #[test]
    fn a_file_that_is_written_between_readings_is_read_as_far_as_it_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kern.log");
        let line = b"kernel: a line of a log, one of many\n";
        let text = line.repeat(1_000);
        let with = |at: usize, bytes: &[u8]| {
            let mut text = text.clone();
            text[at..at + bytes.len()].copy_from_slice(bytes);
            text
        };
        let grown = [&text[..], line].concat();
        let (old, new) = (Duration::from_secs(3_600), Duration::ZERO);
        for ago in [old, new] {
            for (now, is_same) in [
                (text.clone(), true),
                (grown.clone(), true),
                (text[..text.len() - 1].to_vec(), false),
                (with(2_000, b"K"), false),
                (with(text.len() - 2, b"K"), false),
                ([b"x", &grown[..]].concat(), false),
            ] {
                written(&path, &text, ago);
                let source: Arc<dyn Source> = Arc::new(Log::file(path.clone()));
                let again = Pass::default();
                let read = |pass: &Pass| {
                    let Opened::Stream(stream) =
                        source.open(&ReadCounter::new(Arc::new(Unattended))).unwrap()
                    else {
                        panic!("a file is a stream");
                    };
                    let mut found = Vec::new();
                    pass.check(0, &source, stream).read_to_end(&mut found).map(|_| found)
                };
                assert_eq!(read(&again.first()).unwrap(), text);
                if now != text {
                    std::fs::write(&path, &now).unwrap();
                }
                let found = read(&again);
                assert_eq!(found.is_ok(), is_same, "{ago:?} {}", now.len());
                assert!(found.is_err() || found.unwrap() == text);
            }
        }
    }

    #[test]
    fn some_bytes_have_one_sum_whatever_the_pieces() {
        let text: Vec<u8> = (0..30_000_u32).map(|n| (n % 251) as u8).collect();
        let sum = |piece: usize, is_of_all| {
            let mut sum = Sum::new(is_of_all);
            text.chunks(piece).for_each(|piece| sum.add(piece));
            (sum.bytes, sum.get())
        };
        for is_of_all in [true, false] {
            for piece in [1, 100, 4_095, 4_096, 4_097, 10_000] {
                assert_eq!(sum(piece, is_of_all), sum(30_000, is_of_all), "{piece}");
            }
        }
        assert_ne!(sum(1, true), sum(1, false));
    }

    #[test]
    fn what_could_not_be_opened_first_is_not_read_later() {
        let again = Pass::default();
        again.first().failed(1);
        assert!(again.is_empty(1) && !again.is_empty(0));
    }
}
