//! The files that are being read, so that no output takes the place of one.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The files that are being read, and by how many.
static FILES: Mutex<BTreeMap<PathBuf, usize>> = Mutex::new(BTreeMap::new());

fn files() -> MutexGuard<'static, BTreeMap<PathBuf, usize>> {
    FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Marks a file as being read, until it is dropped.
#[derive(Debug)]
pub(crate) struct InUse(Option<PathBuf>);

impl InUse {
    /// Marks the file of a path, if there is one.
    pub(crate) fn new(path: &Path) -> Self {
        let path = std::fs::canonicalize(path).ok();
        if let Some(path) = &path {
            *files().entry(path.clone()).or_default() += 1;
        }
        Self(path)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let Some(path) = &self.0 else { return };
        let mut files = files();
        if let Some(readers) = files.get_mut(path) {
            *readers -= 1;
            if *readers == 0 {
                files.remove(path);
            }
        }
    }
}

/// Refuses to write to a file that is being read.
///
/// # Errors
///
/// A sentence for the user, if it is.
pub(crate) fn check_output(path: &Path) -> io::Result<()> {
    let is_read = std::fs::canonicalize(path).is_ok_and(|path| files().contains_key(&path));
    let what = "it is read as an input, and would be lost: choose another name for the output";
    if is_read { Err(io::Error::new(io::ErrorKind::InvalidInput, what)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_be_written_when_its_last_reader_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kern.log");
        std::fs::write(&path, "").unwrap();
        let other = folder.path().join(".").join("kern.log");
        assert!(check_output(&path).is_ok());
        let (one, two) = (InUse::new(&path), InUse::new(&other));
        assert!(check_output(&other).is_err());
        drop(one);
        assert!(check_output(&path).is_err());
        drop(two);
        assert!(check_output(&path).is_ok());
        assert!(check_output(&folder.path().join("new.log")).is_ok());
    }
}
