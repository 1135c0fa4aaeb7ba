//! A folder of redacted files.
//!
//! Logs are numbered in the order of their names, because that order decides whose line of two
//! counts; so every answer about the new files is that about the old ones.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use asg_core::record::{Outcome, Outcomes};
use asg_core::{Reader, Record, SourceId};
use serde_json::Value;

use super::line::{Fate, Written, rewrite};
use super::redactor::Redactor;
use crate::error::Error;
use crate::lines::Readers;
use crate::output::{NewFolder, Out};
use crate::pieces::{Piece, Size};
use crate::pipeline::{Pipeline, Work};

/// How many lines had which fate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    by_fate: BTreeMap<Fate, u64>,
    /// Classes of the lines before, for the program's usual sentences.
    pub(crate) outcomes: Outcomes,
}

impl Lines {
    /// Returns how many lines had this fate.
    #[must_use]
    pub fn of(&self, fate: Fate) -> u64 {
        self.by_fate.get(&fate).copied().unwrap_or_default()
    }

    fn add(&mut self, other: &Self) {
        for (fate, lines) in &other.by_fate {
            *self.by_fate.entry(*fate).or_default() += lines;
        }
        self.outcomes.add(&other.outcomes);
    }
}

/// A new folder that redacted files are written into. It has its name from
/// [`finish`](Folder::finish) on; dropping it before removes what was written.
#[derive(Debug)]
pub struct Folder {
    new: NewFolder,
    redactor: Redactor,
}

impl Folder {
    /// Creates the folder.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] if it is there and not empty, [`Error::File`] if it cannot be made.
    pub fn create(path: &Path, redactor: Redactor) -> Result<Self, Error> {
        let file = |error| Error::file(path.display().to_string(), error);
        if path.is_file() {
            let what = "is a file: name a new folder with --output";
            return Err(Error::Value(format!("{} {what}", path.display())));
        }
        if path.is_dir() && fs::read_dir(path).map_err(file)?.next().is_some() {
            let what = "is not empty: name a new folder with --output";
            return Err(Error::Value(format!("{} {what}", path.display())));
        }
        Ok(Self { new: NewFolder::create(path).map_err(file)?, redactor })
    }

    /// Gives the folder its name: all files are written.
    ///
    /// # Errors
    ///
    /// [`Error::File`].
    pub fn finish(self) -> Result<(), Error> {
        let path = self.new.path().to_owned();
        self.new.finish().map_err(|error| Error::file(path.display().to_string(), error))
    }

    /// Redacts logs into `logs/0001.log` and so on. A line stays at its place.
    ///
    /// # Errors
    ///
    /// Those of reading, of the monitor and of writing.
    pub fn logs(&self, readers: &Readers) -> Result<Lines, Error> {
        let mut sources: Vec<_> =
            readers.sources().iter().map(|source| (source.name(), source.id().0)).collect();
        sources.sort_unstable();
        let width = sources.len().to_string().len().max(4);
        let file = |id: SourceId| {
            let place =
                sources.iter().position(|(_, known)| *known == id.0).unwrap_or_default() + 1;
            format!("logs/{place:0width$}.log")
        };
        let work = || Redacting { reader: Reader::new(), redactor: self.redactor.clone() };
        let mut pipeline = Pipeline::new(readers, "redacting", Size::Small, work);
        let mut all = Lines::default();
        let mut open: Option<(SourceId, PathBuf, Out)> = None;
        while let Some(done) = pipeline.next()? {
            for Redacted { source, text, lines } in done {
                all.add(&lines);
                let is_same = open.as_ref().is_some_and(|(known, ..)| *known == source);
                if !is_same {
                    self.close(open.take())?;
                    let path = self.path_of(&file(source))?;
                    let out = Out::new(Some(&path)).map_err(|error| self.written(&path, error))?;
                    open = Some((source, path, out));
                }
                if let Some((_, path, out)) = &mut open {
                    out.write_all(&text).map_err(|error| self.written(path, error))?;
                }
            }
        }
        self.close(open)?;
        Ok(all)
    }

    /// Writes a JSON document.
    ///
    /// # Errors
    ///
    /// [`Error::File`].
    pub fn document(&self, name: &str, document: &Value) -> Result<(), Error> {
        self.text(name, format!("{document}\n").as_bytes())
    }

    /// Writes a text.
    ///
    /// # Errors
    ///
    /// [`Error::File`].
    pub fn text(&self, name: &str, text: &[u8]) -> Result<(), Error> {
        let path = self.path_of(name)?;
        let write = || {
            let mut out = Out::new(Some(&path))?;
            out.write_all(text)?;
            out.finish()
        };
        write().map_err(|error| self.written(&path, error))
    }

    fn path_of(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.new.work().join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| self.written(parent, error))?;
        }
        Ok(path)
    }

    /// Returns an error about a file, by the name that it has in the end.
    fn written(&self, path: &Path, error: io::Error) -> Error {
        let inside = path.strip_prefix(self.new.work()).unwrap_or(path);
        Error::file(self.new.path().join(inside).display().to_string(), error)
    }

    fn close(&self, open: Option<(SourceId, PathBuf, Out)>) -> Result<(), Error> {
        let Some((_, path, out)) = open else { return Ok(()) };
        out.finish().map_err(|error| self.written(&path, error))
    }
}

/// The work of one thread.
struct Redacting {
    reader: Reader,
    redactor: Redactor,
}

/// The new lines of one source in a piece.
struct Redacted {
    source: SourceId,
    text: Vec<u8>,
    lines: Lines,
}

impl Work for Redacting {
    type Done = Vec<Redacted>;

    fn piece(&mut self, piece: &Piece) -> Self::Done {
        let Self { reader, redactor } = self;
        let mut done: Vec<Redacted> = Vec::new();
        piece.for_each(|raw| {
            let source = raw.origin.source;
            if done.last().is_none_or(|last| last.source != source) {
                done.push(Redacted { source, text: Vec::new(), lines: Lines::default() });
            }
            let Some(Redacted { text, lines, .. }) = done.last_mut() else { return };
            let line = raw.line();
            // Further lines of a document stay as empty ones, so that every line keeps its number.
            let (written, outcome) = if raw.part_of.is_some() {
                (Written { text: String::new(), fate: Fate::Kept }, Outcome::Other)
            } else {
                let record: Record<'_> = reader.classify(&line);
                (rewrite(redactor, &line, &record), Outcome::of(&line, &record))
            };
            lines.outcomes.count(raw.origin, outcome);
            *lines.by_fate.entry(written.fate).or_default() += 1;
            text.extend(written.text.as_bytes());
            text.push(b'\n');
        });
        done
    }
}
