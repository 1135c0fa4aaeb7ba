//! Files that are never seen half written.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::in_use::check_output;

/// The names of all unfinished files.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// The number of names given so far.
static MADE: AtomicU64 = AtomicU64::new(0);

/// Removes all unfinished files of this process, for a program that ends before their writers do.
pub fn remove_unfinished() {
    for path in &*UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner) {
        drop(std::fs::remove_file(path));
    }
}

/// A file that is written beside its path, and moved there when it is complete. Dropping it earlier
/// removes it.
///
/// A symbolic link stays one, and a replaced file keeps its permissions. A device or a pipe is
/// written to directly.
///
/// ```
/// use std::io::Write as _;
/// use asg_cli::output::NewFile;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("flows.csv");
/// let new = NewFile::new(&path);
/// let mut file = new.create()?;
/// file.write_all(b"time,dst\n")?;
/// assert!(!path.exists());
/// new.finish(&file)?;
/// assert_eq!(std::fs::read(&path)?, b"time,dst\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct NewFile {
    /// `None` if the path is written to directly.
    beside: Option<PathBuf>,
    path: PathBuf,
}

impl NewFile {
    /// Prepares a file for this path. Nothing is created yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
        if std::fs::metadata(&path).is_ok_and(|there| !there.is_file()) {
            return Self { beside: None, path };
        }
        let mut beside = path.as_os_str().to_owned();
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        beside.push(format!(".{}-{number}.part", std::process::id()));
        let beside = PathBuf::from(beside);
        UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).push(beside.clone());
        Self { beside: Some(beside), path }
    }

    /// Creates the file to write to.
    ///
    /// # Errors
    ///
    /// Those of the system, and one for a file that this process reads as an input.
    pub fn create(&self) -> io::Result<File> {
        check_output(&self.path)?;
        let file = File::create(self.beside.as_deref().unwrap_or(&self.path))?;
        if let (Some(_), Ok(there)) = (&self.beside, std::fs::metadata(&self.path)) {
            file.set_permissions(there.permissions())?;
        }
        Ok(file)
    }

    /// Returns whether the path is that of a file, or of nothing yet: neither a device nor a pipe.
    pub(super) const fn is_regular(&self) -> bool {
        self.beside.is_some()
    }

    /// Finishes the file: syncs it, moves it into place, and syncs the folder.
    ///
    /// # Errors
    ///
    /// Those of [`NewFile::create`]. The old file stays then.
    pub fn finish(&self, file: &File) -> io::Result<()> {
        check_output(&self.path)?;
        let Some(beside) = &self.beside else { return Ok(()) };
        file.sync_all()?;
        std::fs::rename(beside, &self.path)?;
        sync_folder(&self.path)
    }
}

/// Makes a new name in a folder last, where the system can.
fn sync_folder(path: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match File::open(folder.unwrap_or(Path::new(".")))?.sync_all() {
        // Some file systems sync no folders.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        result => result,
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        let Some(beside) = &self.beside else { return };
        let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(n) = unfinished.iter().position(|path| path == beside) {
            unfinished.swap_remove(n);
        }
        // After a successful move there is nothing to remove.
        drop(std::fs::remove_file(beside));
    }
}
