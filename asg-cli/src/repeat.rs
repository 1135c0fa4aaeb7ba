//! Finished logs are read more than once, and each reading must find the same bytes.
//!
//! The first reading notes how many bytes a source had, and their sum. Later ones read no further,
//! because logs grow, and fail if the bytes are others.

use std::fmt;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use crc32fast::Hasher;

use crate::input::Unreadable;

/// The findings of the first reading, by the places of the sources.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorded(Arc<Mutex<Vec<Option<Found>>>>);

/// The bytes of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    bytes: u64,
    sum: u32,
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
            self.recorded.set(place, Found { bytes: 0, sum: 0 });
        }
    }

    /// Notes what is read of the source at this place, or compares it with what was noted.
    pub(crate) fn check(&self, place: usize, inner: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        match self.recorded.get(place) {
            _ if self.is_first => Box::new(Recording {
                inner,
                recorded: self.recorded.clone(),
                place,
                bytes: 0,
                sum: Hasher::new(),
            }),
            Some(found) => {
                Box::new(Checking { inner, found, left: found.bytes, sum: Hasher::new() })
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

/// A first reading of one source.
struct Recording {
    inner: Box<dyn Read + Send>,
    recorded: Recorded,
    place: usize,
    bytes: u64,
    sum: Hasher,
}

impl Read for Recording {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.sum.update(&buffer[..n]);
        self.bytes += n as u64;
        Ok(n)
    }
}

/// Bytes before an error count as well: a later reading ends there.
impl Drop for Recording {
    fn drop(&mut self) {
        let found = Found { bytes: self.bytes, sum: self.sum.clone().finalize() };
        self.recorded.set(self.place, found);
    }
}

/// A later reading of one source.
struct Checking {
    inner: Box<dyn Read + Send>,
    found: Found,
    left: u64,
    sum: Hasher,
}

impl fmt::Debug for Checking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checking").field("found", &self.found).finish_non_exhaustive()
    }
}

impl Read for Checking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let n = self.inner.read(&mut buffer[..most])?;
        self.sum.update(&buffer[..n]);
        self.left -= n as u64;
        let is_other = self.left == 0 && self.sum.clone().finalize() != self.found.sum;
        if n == 0 || is_other {
            return Err(Unreadable::Changed.into());
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(pass: &Pass, bytes: &'static [u8]) -> Result<Vec<u8>, io::Error> {
        let mut all = Vec::new();
        pass.check(0, Box::new(bytes)).read_to_end(&mut all)?;
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

    #[test]
    fn what_could_not_be_opened_first_is_not_read_later() {
        let again = Pass::default();
        again.first().failed(1);
        assert!(again.is_empty(1) && !again.is_empty(0));
    }
}
