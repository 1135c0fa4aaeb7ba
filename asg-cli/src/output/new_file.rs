//! Files and folders that are never seen half written.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::in_use::check_output;

/// The names of all unfinished files and folders.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// The number of names given so far.
static MADE: AtomicU64 = AtomicU64::new(0);

/// Removes all unfinished files and folders of this process, for a program that ends before their
/// writers do.
pub fn remove_unfinished() {
    for path in &*UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner) {
        drop(std::fs::remove_file(path).or_else(|_| std::fs::remove_dir_all(path)));
    }
}

/// Returns the name of an unfinished file or folder, and remembers it.
fn unfinished(before: &Path) -> PathBuf {
    let mut path = before.as_os_str().to_owned();
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    path.push(format!(".{}-{number}.part", std::process::id()));
    let path = PathBuf::from(path);
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).push(path.clone());
    path
}

fn forget_unfinished(path: &Path) {
    let mut all = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(n) = all.iter().position(|known| known == path) {
        all.swap_remove(n);
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
        Self { beside: Some(unfinished(&path)), path }
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

    /// Returns whether there is a file that this one will replace.
    pub(super) fn replaces(&self) -> bool {
        self.beside.is_some() && self.path.exists()
    }

    /// Finishes the file: syncs it, moves it into place, and syncs the folder.
    ///
    /// # Errors
    ///
    /// Those of [`NewFile::create`]. The old file stays then.
    pub fn finish(&self, file: &File) -> io::Result<()> {
        if self.beside.is_none() {
            return self.put_in_place();
        }
        file.sync_all()?;
        self.put_in_place()?;
        sync_folder(&self.path)
    }

    /// Moves the file into place, without a sync.
    pub(super) fn put_in_place(&self) -> io::Result<()> {
        check_output(&self.path)?;
        let Some(beside) = &self.beside else { return Ok(()) };
        std::fs::rename(beside, &self.path)
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
        forget_unfinished(beside);
        // After a successful move there is nothing to remove.
        drop(std::fs::remove_file(beside));
    }
}

/// A folder that is filled beside its path, and moved there when it is complete.
///
/// Dropping it earlier removes it. A folder that is there already stays, and gets what is in the
/// new one.
///
/// ```
/// use asg_cli::output::NewFolder;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("shared");
/// let new = NewFolder::create(&path)?;
/// std::fs::write(new.work().join("flows.csv"), b"time,dst\n")?;
/// assert!(!path.exists());
/// new.finish()?;
/// assert_eq!(std::fs::read(path.join("flows.csv"))?, b"time,dst\n");
/// assert_eq!(std::fs::read_dir(folder.path())?.count(), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct NewFolder {
    work: PathBuf,
    path: PathBuf,
    is_there: bool,
}

impl NewFolder {
    /// Creates the folder to write into.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn create(path: &Path) -> io::Result<Self> {
        let is_there = path.is_dir();
        // Without a slash at its end.
        let path: PathBuf = path.components().collect();
        // A folder that is there may be of another file system than the one that it is in.
        let work = unfinished(&if is_there { path.join("") } else { path.clone() });
        let new = Self { work, path, is_there };
        std::fs::create_dir_all(&new.work)?;
        Ok(new)
    }

    /// Returns the folder to write into.
    #[must_use]
    pub fn work(&self) -> &Path {
        &self.work
    }

    /// Returns the folder's path in the end.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves the folder into its place.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn finish(self) -> io::Result<()> {
        if self.is_there {
            for entry in std::fs::read_dir(&self.work)? {
                let entry = entry?;
                std::fs::rename(entry.path(), self.path.join(entry.file_name()))?;
            }
        } else {
            std::fs::rename(&self.work, &self.path)?;
        }
        sync_folder(&self.path)
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        forget_unfinished(&self.work);
        // After a successful move there is nothing to remove but an empty folder.
        drop(std::fs::remove_dir_all(&self.work));
    }
}
