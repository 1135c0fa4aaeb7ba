//! Logs that are still being written: files through their rotations, folders, and pipes.
//!
//! | file | what |
//! |---|---|
//! | `tail` | one path, and the files that had it |
//! | `rotated` | names that logrotate gives, and the file that continues a place |
//! | `pipe` | standard input and named pipes, on threads of their own |
//! | `state` | the file that lets a run go on after a restart |

mod pipe;
mod rotated;
mod state;
mod tail;
#[cfg(test)]
mod tail_tests;

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use asg_core::Origin;
use asg_core::line::RawLine;

use self::pipe::Pipe;
pub(crate) use self::state::{Bytes, SavedHeld, SavedTail, State, StateFile, standard_output};
use self::tail::Tail;

/// How often folders are listed.
const LISTED: Duration = Duration::from_secs(1);

/// Takes each line with its place.
pub(crate) type Each<'e> = dyn FnMut(Origin, RawLine<'_>) + 'e;

/// Is called with sentences about what is left out or waited for.
pub(crate) type Note<'n> = dyn FnMut(String) + 'n;

/// All that is followed.
#[derive(Debug, Default)]
pub(crate) struct Tails {
    files: Vec<Tail>,
    pipes: Vec<Pipe>,
    folders: Vec<PathBuf>,
    listed: Option<Instant>,
    known: HashSet<PathBuf>,
    /// A file of our own, which is not a log.
    state: Option<PathBuf>,
}

impl Tails {
    /// Follows these paths; `-` is standard input. `state` may lie in one of the folders.
    ///
    /// # Errors
    ///
    /// If the system starts no thread for a pipe.
    pub(crate) fn new(paths: &[PathBuf], state: Option<&Path>) -> io::Result<Self> {
        let mut all = Self { state: state.map(Path::to_path_buf), ..Self::default() };
        for path in paths {
            if path == Path::new("-") {
                all.pipes.push(Pipe::standard_input()?);
            } else if is_pipe(path) {
                all.pipes.push(Pipe::named(path.clone())?);
            } else if path.is_dir() {
                all.folders.push(path.clone());
            } else {
                all.add(path.clone());
            }
        }
        all.list();
        Ok(all)
    }

    fn add(&mut self, path: PathBuf) {
        if self.known.insert(path.clone()) {
            self.files.push(Tail::new(path));
        }
    }

    /// Returns the files among these paths, which can be read before they are followed.
    pub(crate) fn readable(paths: &[PathBuf]) -> Vec<PathBuf> {
        let is_file = |path: &&PathBuf| *path != Path::new("-") && !is_pipe(path);
        paths.iter().filter(is_file).cloned().collect()
    }

    /// Continues at the places of a run before, and passes each line before them to `recall`.
    /// Returns places of logs that are not followed now.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub(crate) fn resume(
        &mut self,
        saved: Vec<SavedTail>,
        recall: &mut Each<'_>,
        note: &mut Note<'_>,
    ) -> Vec<SavedTail> {
        let mut others = Vec::new();
        for place in saved {
            // A log that is in a followed folder may be gone for now.
            let path = place.path.to_path();
            if !self.known.contains(&path) && self.folders.iter().any(|f| path.starts_with(f)) {
                self.add(path.clone());
            }
            match self.files.iter_mut().find(|tail| tail.path() == path) {
                Some(tail) => tail.resume(place, recall, note),
                None => others.push(place),
            }
        }
        others
    }

    /// Opens the files that are there, so that a run that ends early has their places.
    pub(crate) fn open(&mut self) {
        // An error comes again when it is read.
        self.files.iter_mut().for_each(Tail::begin);
    }

    /// Returns the places of all files.
    pub(crate) fn places(&self) -> Vec<SavedTail> {
        self.files.iter().map(Tail::place).collect()
    }

    /// Passes on the lines that have come; true if there were any.
    pub(crate) fn poll(&mut self, each: &mut Each<'_>, note: &mut Note<'_>) -> bool {
        if !self.folders.is_empty() && self.listed.is_none_or(|at| at.elapsed() >= LISTED) {
            self.list();
        }
        let mut any = false;
        for tail in &mut self.files {
            any |= tail.poll(each, note);
        }
        for pipe in &mut self.pipes {
            any |= pipe.poll(each, note);
        }
        any
    }

    /// Returns whether nothing can come any more: all were pipes, and are over.
    pub(crate) fn are_over(&self) -> bool {
        self.files.is_empty() && self.folders.is_empty() && self.pipes.iter().all(Pipe::is_over)
    }

    /// Returns whether it is the state file, or an unfinished one.
    fn is_own(&self, path: &Path) -> bool {
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let folder = |path: &Path| path.parent().map(|folder| folder.canonicalize().ok());
        self.state.as_deref().is_some_and(|state| {
            let (own, name) = (name(state).unwrap_or_default(), name(path).unwrap_or_default());
            let rest = name.strip_prefix(&own);
            rest.is_some_and(|rest| rest.is_empty() || rest.strip_suffix(".part").is_some())
                && folder(state) == folder(path)
        })
    }

    /// Adds the files that are new in folders.
    fn list(&mut self) {
        self.listed = Some(Instant::now());
        let mut found = Vec::new();
        for folder in &self.folders {
            files_in(folder, 0, &mut found);
        }
        found.sort();
        for path in found {
            // A log is missing between its renaming and the creation of the next.
            let is_log = |path: &Path| self.known.contains(path) || path.exists();
            if !rotated::is_rotated(&path, is_log) && !self.is_own(&path) {
                self.add(path);
            }
        }
    }
}

/// Folders lie no deeper in each other than this.
const MOST_DEEP: usize = 16;

/// Adds the files in a folder that can be listed. Links to folders are not followed.
fn files_in(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, kind) = (entry.path(), entry.file_type());
        match kind {
            Ok(kind) if kind.is_dir() && depth < MOST_DEEP => files_in(&path, depth + 1, found),
            Ok(_) if fs::metadata(&path).is_ok_and(|known| known.is_file()) => found.push(path),
            _ => {}
        }
    }
}

#[cfg(unix)]
fn is_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    fs::metadata(path).is_ok_and(|known| {
        let kind = known.file_type();
        kind.is_fifo() || kind.is_char_device() || kind.is_socket()
    })
}

#[cfg(not(unix))]
fn is_pipe(_: &Path) -> bool {
    false
}
