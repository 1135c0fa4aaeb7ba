//! Names of rotated logs, and how a place in a log is found again.
//!
//! logrotate calls the log before `kern.log.1`, or `kern.log-20261129` with `dateext`, and may
//! compress it (logrotate(8), 3.21: `compress`, `delaycompress`, `copytruncate`).

use std::cmp::Reverse;
use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::state::{Bytes, SavedFile};
use crate::input::decompressed;

/// So many of the last bytes are enough to know a log by: its lines have stamps.
pub(super) const REMEMBERED: usize = 256;

/// The age of a rotated log; the least is the newest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Age {
    Number(u64),
    Date(Reverse<String>),
}

/// Returns the name without the ending of a compression.
fn unpacked(name: &str) -> &str {
    let packed = [".gz", ".bz2", ".xz", ".zst"];
    packed.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}

impl Age {
    /// Parses the age behind the name of the log.
    fn parse(suffix: &str) -> Option<Self> {
        let suffix = unpacked(suffix);
        let (mark, rest) = suffix.split_at_checked(1)?;
        let is_number = !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit());
        let is_date = rest.len() >= 6
            && rest.starts_with(|c: char| c.is_ascii_digit())
            && rest.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'_' | b':'));
        match mark {
            "." if is_number && rest.len() < 6 => rest.parse().ok().map(Self::Number),
            "-" | "." if is_date => Some(Self::Date(Reverse(rest.to_owned()))),
            _ => None,
        }
    }
}

/// Returns whether a file is a rotated log: its name is that of a log with an age behind it.
pub(super) fn is_rotated(path: &Path, is_log: impl Fn(&Path) -> bool) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let ends = name.char_indices().filter(|(at, c)| *at > 0 && matches!(c, '.' | '-'));
    let mut bases = ends.filter(|(at, _)| Age::parse(&name[*at..]).is_some());
    bases.any(|(at, _)| is_log(&path.with_file_name(&name[..at])))
        || (unpacked(name) != name && is_log(&path.with_file_name(unpacked(name))))
}

/// How often a folder is listed at most until two lists agree.
const MOST_LISTS: usize = 16;

/// A rotated log. It stays open, because a rotation may rename it at any moment.
#[derive(Debug)]
pub(super) struct Rotated {
    path: PathBuf,
    pub(super) file: File,
    pub(super) is: Identified,
}

impl Rotated {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let is = Identified::by(&file.metadata()?)?;
        Ok(Self { path: path.to_path_buf(), file, is })
    }

    fn is_packed(&self) -> bool {
        let name = self.path.to_string_lossy();
        unpacked(&name) != name
    }

    /// Returns its length and its last bytes, as of now.
    fn end(&self) -> io::Result<(u64, Vec<u8>)> {
        let at = self.file.metadata()?.len();
        let start = at.saturating_sub(REMEMBERED as u64);
        let mut file = &self.file;
        file.seek(SeekFrom::Start(start))?;
        let mut end = Vec::with_capacity(REMEMBERED);
        file.take(at - start).read_to_end(&mut end)?;
        Ok((start + end.len() as u64, end))
    }

    /// Saves that place, so that a later run finds it.
    pub(super) fn saved(&self) -> SavedFile {
        match self.end() {
            Ok((at, end)) if !self.is_packed() => {
                SavedFile { at, read: at, end: Bytes(end), ..SavedFile::empty(self.is) }
            }
            _ => SavedFile::empty(self.is),
        }
    }

    /// Returns the rest behind a place; `None` if it does not have that place.
    fn rest(&self, place: Place<'_>) -> io::Result<Option<Rest>> {
        let mut file = self.file.try_clone()?;
        if !self.is_packed() {
            return Ok(place.is_in(&file)?.then_some(Rest::Plain(file)));
        }
        let mut behind = |length: u64| -> io::Result<_> {
            file.seek(SeekFrom::Start(0))?;
            let mut bytes = decompressed(file.try_clone()?)?;
            io::copy(&mut bytes.by_ref().take(length), &mut io::sink())?;
            Ok(bytes)
        };
        if place.is_next(&mut behind(place.at.saturating_sub(place.end.len() as u64))?)? {
            return Ok(Some(Rest::Packed(behind(place.from)?)));
        }
        Ok(None)
    }
}

/// Returns the rotated logs of a path, the newest first. A list that is made during a rotation may
/// lack a log that is renamed at that moment, so the list is made until it holds for what was
/// opened.
fn siblings(path: &Path) -> Vec<Rotated> {
    let mut found = Vec::new();
    for _ in 0..MOST_LISTS {
        let names = list(path);
        found = names.iter().filter_map(|path| Rotated::open(path).ok()).collect();
        let is_still = |log: &Rotated| identified(&log.path) == Some(log.is);
        if list(path) == names && found.iter().all(is_still) {
            break;
        }
    }
    found
}

/// Lists the rotated logs once. Where a log is there plain and compressed, it is being compressed,
/// and the plain one is whole.
fn list(path: &Path) -> Vec<PathBuf> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder.unwrap_or(Path::new("."))).into_iter().flatten().flatten() {
        let other = entry.file_name();
        let age = other.to_str().and_then(|other| Age::parse(other.strip_prefix(name)?));
        if let Some(age) = age {
            let is_packed = other.to_str().is_some_and(|other| unpacked(other) != other);
            found.push((age, is_packed, path.with_file_name(other)));
        }
    }
    found.sort();
    found.dedup_by(|later, first| later.0 == first.0);
    found.into_iter().map(|(_, _, path)| path).collect()
}

/// A place in a log: the bytes before it, and where it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'p> {
    pub(super) at: u64,
    pub(super) end: &'p [u8],
    /// Where reading goes on.
    pub(super) from: u64,
}

impl Place<'_> {
    /// Returns whether a file has these bytes before this place. Its next byte is where reading
    /// goes on.
    pub(super) fn is_in(self, mut file: &File) -> io::Result<bool> {
        let Some(start) = self.at.checked_sub(self.end.len() as u64) else { return Ok(false) };
        file.seek(SeekFrom::Start(start))?;
        let is_in = self.is_next(&mut file)? && file.metadata()?.len() >= self.at;
        file.seek(SeekFrom::Start(self.from))?;
        Ok(is_in)
    }

    fn is_next(self, from: &mut impl Read) -> io::Result<bool> {
        let mut now = vec![0; self.end.len()];
        match from.read_exact(&mut now) {
            Ok(()) => Ok(now == self.end),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(e) => Err(e),
        }
    }
}

/// The log that continues a place, and the logs between it and the present one.
#[derive(Debug)]
pub(super) struct Continued {
    pub(super) rest: Rest,
    pub(super) is: Identified,
    /// Newer rotated logs, the oldest first.
    pub(super) unread: Vec<Rotated>,
}

/// A rotated log, behind a place in it.
pub(super) enum Rest {
    /// Programs may still write to it.
    Plain(File),
    Packed(Box<dyn Read + Send>),
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain",
            Self::Packed(_) => "Packed",
        })
    }
}

/// Looks for the rotated log of `path` that has this place: the file itself under another name, a
/// copy, or a compressed one.
pub(super) fn continued(path: &Path, is: Identified, place: Place<'_>) -> Option<Continued> {
    let mut siblings = siblings(path);
    let same = siblings.iter().position(|log| log.is == is);
    let others = (0..siblings.len()).filter(|n| Some(*n) != same);
    for n in same.into_iter().chain(others) {
        // An empty place is in any log.
        if place.end.is_empty() && Some(n) != same {
            continue;
        }
        if let Ok(Some(rest)) = siblings[n].rest(place) {
            let is = siblings[n].is;
            siblings.truncate(n);
            return Some(Continued { rest, is, unread: unread(path, siblings) });
        }
    }
    None
}

/// Returns the rotated logs of a path, the oldest first.
pub(super) fn all(path: &Path) -> Vec<Rotated> {
    unread(path, siblings(path))
}

/// Returns the newest rotated log of a path.
pub(super) fn newest(path: &Path) -> Option<Rotated> {
    siblings(path).into_iter().next()
}

/// Returns the number of the file with this path.
pub(super) fn identified(path: &Path) -> Option<Identified> {
    fs::metadata(path).ok().and_then(|known| Identified::by(&known).ok())
}

/// Returns all of these but a copy of the present log, which will be emptied next. A copy is empty
/// at first, and then a beginning of the log.
fn unread(path: &Path, newest: Vec<Rotated>) -> Vec<Rotated> {
    let present = File::open(path);
    let is_copy = |log: &Rotated| -> io::Result<bool> {
        let (at, end) = log.end()?;
        let Ok(present) = &present else { return Ok(at == 0) };
        Ok(Place { at, end: &end, from: at }.is_in(present)?
            && head(&log.file, at)? == head(present, at)?)
    };
    newest.into_iter().rev().filter(|log| !is_copy(log).unwrap_or(false)).collect()
}

/// Returns the first bytes of a file, at most `length` and at most [`REMEMBERED`].
fn head(mut file: &File, length: u64) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(REMEMBERED);
    file.seek(SeekFrom::Start(0))?;
    file.take(length.min(REMEMBERED as u64)).read_to_end(&mut head)?;
    Ok(head)
}

/// The number of a file, which it keeps when it is renamed, and when it was made: a number is given
/// again once its file is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Identified(u64, u64, u64);

impl Identified {
    /// # Errors
    ///
    /// If it is a folder.
    pub(super) fn by(metadata: &Metadata) -> io::Result<Self> {
        if metadata.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        Self::number(metadata)
    }

    #[cfg(unix)]
    #[allow(clippy::unnecessary_wraps, reason = "other systems may fail")]
    fn number(metadata: &Metadata) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;
        // Some file systems do not know it.
        let created = metadata.created().ok();
        let created = created.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        let nanos = created.map_or(0, |at| at.as_nanos() as u64);
        Ok(Self(metadata.dev(), metadata.ino(), nanos))
    }

    #[cfg(not(unix))]
    fn number(metadata: &Metadata) -> io::Result<Self> {
        let created = metadata.created()?.duration_since(std::time::UNIX_EPOCH);
        let created = created.map_err(io::Error::other)?;
        Ok(Self(0, created.as_secs(), created.subsec_nanos().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_logs_are_known_by_their_names_and_sorted_by_their_ages() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in [
            "kern.log",
            "kern.log.1",
            "kern.log.2.gz",
            "kern.log.10.gz",
            "kern.log.2",
            "kern.log.bak",
            "kern.log.1.swp",
            "kern.log-old",
            "kern.log2",
            "rep.log",
            "rep.log-20261128.gz",
            "rep.log-20261129",
            "rep.log-20261129-17",
            "10.0.16.15.log",
            "10.0.16.15",
        ] {
            fs::write(at(name), name).unwrap();
        }
        let found = |name: &str| -> Vec<PathBuf> {
            siblings(&at(name)).into_iter().map(|log| log.path).collect()
        };
        let named = |names: &[&str]| names.iter().map(|name| at(name)).collect::<Vec<_>>();
        let kern = ["kern.log.1", "kern.log.2", "kern.log.10.gz"];
        assert_eq!(found("kern.log"), named(&kern));
        let rep = ["rep.log-20261129-17", "rep.log-20261129", "rep.log-20261128.gz"];
        assert_eq!(found("rep.log"), named(&rep));
        for name in kern.iter().chain(&rep).chain(&["kern.log.2.gz"]) {
            assert!(is_rotated(&at(name), Path::exists), "{name}");
        }
        for name in ["kern.log", "kern.log.bak", "kern.log2", "10.0.16.15.log", "10.0.16.15"] {
            assert!(!is_rotated(&at(name), Path::exists), "{name}");
        }
        assert!(!is_rotated(&at("gone.log.1"), Path::exists), "without a log it is one itself");
    }
}
