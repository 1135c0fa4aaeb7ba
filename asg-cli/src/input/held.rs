//! Files that are opened once and read several times.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::Unreadable;
use crate::in_use::InUse;

/// How many files are held open. More than so many are opened again by their names; a reading then
/// notices if a file was replaced meanwhile. Some systems allow a process 256.
const MOST_HELD: usize = 128;

static HELD: AtomicUsize = AtomicUsize::new(0);

/// A file by its name, or one without a name.
#[derive(Debug)]
pub(super) struct Held {
    path: PathBuf,
    /// With its size at that time.
    file: OnceLock<(Arc<File>, u64)>,
    is_counted: bool,
    _in_use: Option<InUse>,
}

impl Held {
    pub(super) fn new(path: PathBuf) -> Self {
        let in_use = Some(InUse::new(&path));
        Self { path, file: OnceLock::new(), is_counted: true, _in_use: in_use }
    }

    /// Returns a file that has no name.
    pub(super) fn spooled(file: File) -> Self {
        let file = OnceLock::from((Arc::new(file), 0));
        Self { path: PathBuf::new(), file, is_counted: false, _in_use: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the file at its beginning: the one that is held, or the one that has the name now.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub(super) fn open(&self) -> io::Result<Place> {
        let (file, least) = match self.file.get() {
            Some((file, size)) => (Arc::clone(file), *size),
            None => open_file(&self.path)?,
        };
        Ok(Place { file, at: 0, least })
    }

    /// Keeps the file open, so that it can be moved or removed. Many files are not held.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub(super) fn hold(&self) -> io::Result<()> {
        if self.file.get().is_some() || !self.is_counted {
            return Ok(());
        }
        if HELD.fetch_add(1, Ordering::Relaxed) < MOST_HELD {
            let opened = open_file(&self.path);
            let is_new = opened.map(|opened| self.file.set(opened).is_ok());
            if let Ok(true) = is_new {
                return Ok(());
            }
            HELD.fetch_sub(1, Ordering::Relaxed);
            return is_new.map(drop);
        }
        HELD.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }

    /// Returns its size and kind.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub(super) fn metadata(&self) -> io::Result<std::fs::Metadata> {
        match self.file.get() {
            Some((file, _)) => file.metadata(),
            None => std::fs::metadata(&self.path),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.is_counted && self.file.get().is_some() {
            HELD.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Returns the file and its size. A folder opens, and fails only when it is read.
fn open_file(path: &Path) -> io::Result<(Arc<File>, u64)> {
    let file = File::open(path)?;
    let known = file.metadata()?;
    if known.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
    }
    Ok((Arc::new(file), known.len()))
}

/// A place in a file that several read at once, each from its own place.
#[derive(Debug, Clone)]
pub(super) struct Place {
    file: Arc<File>,
    at: u64,
    /// The size when it was opened. Logs grow, and a shorter one was emptied.
    least: u64,
}

impl Place {
    pub(super) const fn new(file: Arc<File>) -> Self {
        Self { file, at: 0, least: 0 }
    }
}

impl Read for Place {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let n = std::os::unix::fs::FileExt::read_at(&*self.file, buffer, self.at)?;
        #[cfg(windows)]
        let n = std::os::windows::fs::FileExt::seek_read(&*self.file, buffer, self.at)?;
        self.at += n as u64;
        if n == 0 && !buffer.is_empty() && self.at < self.least {
            return Err(Unreadable::Changed.into());
        }
        Ok(n)
    }
}

impl Seek for Place {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let from = |base: u64, by: i64| base.checked_add_signed(by);
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => from(self.at, by),
            SeekFrom::End(by) => from(self.file.metadata()?.len(), by),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}
