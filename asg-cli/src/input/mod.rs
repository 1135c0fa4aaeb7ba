//! Reading logs: files, folders, archives and standard input, decompressed, as bytes and as lines.
//!
//! The content of a file decides its format, and its name does not.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use asg_core::line::{LogLines, RawLine};

use self::archive::{Archive, Listing};
use self::held::Held;
use self::packing::{Ahead, Budget, Kind, MOST_LAYERS, peel};
use crate::error::Error;

mod archive;
mod held;
mod packing;
mod source;
mod tar;
mod utf8;

pub use packing::Unreadable;
pub use source::{Log, Members, OnDisk, Opened, ReadCounter, SeparateLines, Source, Version};
pub use utf8::Utf8;

/// How much is read at once.
const PIECE: usize = 256 << 10;

/// Counts the bytes that are read, and can end the reading. Clones count together.
pub trait Meter: Clone + Send + 'static {
    /// Adds to the number of bytes read, as they are on disk.
    ///
    /// # Errors
    ///
    /// To end the reading, which fails with this error then.
    fn add(&self, bytes: usize) -> io::Result<()>;
}

/// Counts only.
impl Meter for Arc<AtomicU64> {
    fn add(&self, bytes: usize) -> io::Result<()> {
        self.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(())
    }
}

/// A log to read, or a file or folder that holds some.
#[derive(Debug)]
pub struct Input {
    name: String,
    from: From,
    /// Whether it is known to be one log.
    is_log: bool,
}

#[derive(Debug)]
enum From {
    File(Arc<Held>),
    Stdin,
    /// A pipe whose first bytes were looked at. It is read once.
    Begun(Mutex<Option<Ahead<'static>>>),
    Bundled(&'static [u8]),
    Member {
        archive: Arc<Archive>,
        number: usize,
        /// The first member has the size of the archive.
        size: u64,
    },
    Unreadable(Unreadable),
}

impl Input {
    /// Creates an input from a command-line argument: `-` is standard input.
    #[must_use]
    pub fn from_arg(arg: impl Into<PathBuf>) -> Self {
        let path = arg.into();
        if path == Path::new("-") { Self::new("-", From::Stdin) } else { Self::file(path) }
    }

    /// Returns a file or a folder, whatever its name.
    #[must_use]
    pub fn file(path: PathBuf) -> Self {
        Self::new(path.display().to_string(), From::File(Arc::new(Held::new(path))))
    }

    /// Returns a log that is part of the program.
    #[must_use]
    pub fn bundled(name: &str, text: &'static [u8]) -> Self {
        Self::new(name, From::Bundled(text))
    }

    fn new(name: impl Into<String>, from: From) -> Self {
        let is_log = matches!(from, From::Bundled(_) | From::Member { .. } | From::Unreadable(_));
        Self { name: name.into(), from, is_log }
    }

    /// Returns the name by which outputs call it. Members of archives are called
    /// `logs.tgz:rep/rep.stdout.log`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the number of bytes, as they are on disk, if that is known before reading.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        match &self.from {
            // A missing file gives no bytes, and an error when it is opened.
            From::File(file) => {
                file.metadata().map_or(Some(0), |known| known.is_file().then_some(known.len()))
            }
            From::Bundled(text) => Some(text.len() as u64),
            From::Member { size, .. } => Some(*size),
            From::Unreadable(_) => Some(0),
            From::Stdin | From::Begun(_) => None,
        }
    }

    /// Returns the version of the file that it is in, if it is in one.
    pub(crate) fn version(&self) -> Option<Version> {
        let file = match &self.from {
            From::File(file) => file,
            From::Member { archive, .. } => archive.file(),
            From::Stdin | From::Begun(_) | From::Bundled(_) | From::Unreadable(_) => return None,
        };
        file.metadata().ok().filter(fs::Metadata::is_file).as_ref().and_then(Version::of)
    }

    /// Returns whether it is a pipe, which is read once only.
    #[must_use]
    pub const fn is_pipe(&self) -> bool {
        matches!(self.from, From::Stdin | From::Begun(_))
    }

    /// Returns the open pipe, if it is one.
    fn pipe(&self) -> io::Result<Option<Box<dyn Read + Send>>> {
        Ok(match &self.from {
            From::Stdin => Some(Box::new(io::stdin())),
            From::File(held) => match held.metadata() {
                Ok(known) if !known.is_file() && !known.is_dir() => {
                    Some(Box::new(File::open(held.path())?))
                }
                _ => None,
            },
            _ => None,
        })
    }

    /// Makes sure that it can be read again: the text from a pipe is written to a temporary file.
    ///
    /// # Errors
    ///
    /// Those of reading, and of writing the temporary file. The text from the pipe until then is
    /// lost.
    pub fn keep(&mut self, meter: &impl Meter) -> io::Result<()> {
        let Some(pipe) = self.pipe()? else { return Ok(()) };
        self.spool(&mut Counted::new(pipe, meter.clone()))
    }

    fn spool(&mut self, pipe: &mut impl Read) -> io::Result<()> {
        let mut spooled = tempfile::tempfile()?;
        let mut buffer = vec![0; PIECE];
        loop {
            match read_piece(pipe, &mut buffer)? {
                0 => break,
                n => spooled.write_all(&buffer[..n])?,
            }
        }
        self.from = From::File(Arc::new(Held::spooled(spooled)));
        Ok(())
    }

    /// Looks at the first bytes of a pipe, which is read once otherwise: only an archive is
    /// [kept](Self::keep).
    ///
    /// # Errors
    ///
    /// As [`Input::keep`], and [`Unreadable`] for formats that are not logs.
    pub fn begin(&mut self, meter: &impl Meter) -> io::Result<()> {
        let Some(pipe) = self.pipe()? else { return Ok(()) };
        let budget = Budget::default();
        let counted = Counted::new(pipe, meter.clone());
        let ahead = Ahead::new(Box::new(budget.clone().count_read(counted)));
        let (kind, _, mut bytes) = peel(ahead, &budget, MOST_LAYERS)?;
        if kind != Kind::Text {
            return self.spool(&mut bytes);
        }
        self.from = From::Begun(Mutex::new(Some(bytes)));
        self.is_log = true;
        Ok(())
    }

    /// Keeps the file open, so that all readings are of the same one; see [`Source::hold`].
    ///
    /// # Errors
    ///
    /// Those of opening it.
    pub fn hold(&self) -> io::Result<()> {
        match &self.from {
            From::File(file) => match file.metadata() {
                Ok(known) if known.is_file() => file.hold(),
                _ => Ok(()),
            },
            From::Member { archive, .. } => archive.hold(),
            _ => Ok(()),
        }
    }

    /// Returns the logs in it; `None` if it is one log itself. Unreadable members are among them
    /// and fail when they are opened. Files in folders are sorted by their names.
    ///
    /// # Errors
    ///
    /// Those of the meter, if it ends the reading of an archive.
    pub fn members(&self, meter: &impl Meter) -> Result<Option<Vec<Self>>, Error> {
        let From::File(file) = &self.from else { return Ok(None) };
        if self.is_log {
            return Ok(None);
        }
        let found = match file.metadata() {
            Ok(known) if known.is_dir() => {
                let mut files = Vec::new();
                folder(file.path(), &mut BTreeSet::new(), &mut files);
                return Ok(Some(files));
            }
            Ok(known) if known.is_file() => match Archive::list(file, meter) {
                // The system's error comes again, as it is, when the file is opened.
                Err(error) if error.raw_os_error().is_some() => return Ok(None),
                found => found,
            },
            _ => return Ok(None),
        };
        match found.map_err(|error| Error::file(&*self.name, error)) {
            Ok(Listing::Log) => Ok(None),
            Ok(Listing::Archive(archive, listed)) => {
                let mut size = self.size().unwrap_or(0);
                let member = |listed: archive::Listed| {
                    let name = match &*listed.path {
                        "" => self.name.clone(),
                        path => format!("{}:{path}", self.name),
                    };
                    let from = match listed.is {
                        Ok(number) => {
                            let (archive, size) = (Arc::clone(&archive), std::mem::take(&mut size));
                            From::Member { archive, number, size }
                        }
                        Err(why) => From::Unreadable(why),
                    };
                    Self::new(name, from)
                };
                Ok(Some(listed.into_iter().map(member).collect()))
            }
            Err(Error::File(name, error)) => {
                Ok(Some(vec![Self::new(name, From::Unreadable(error.into()))]))
            }
            Err(error) => Err(error),
        }
    }

    /// Expands folders and archives until each input is one log; see [`Input::members`].
    ///
    /// # Errors
    ///
    /// As [`Input::members`].
    pub fn logs(self, meter: &impl Meter) -> Result<Vec<Self>, Error> {
        // An error comes again when it is opened.
        drop(self.hold());
        match self.members(meter)? {
            None => Ok(vec![Self { is_log: true, ..self }]),
            Some(members) => {
                let mut logs = Vec::new();
                for member in members {
                    logs.extend(member.logs(meter)?);
                }
                Ok(logs)
            }
        }
    }

    /// Passes each line to `each`, until the end or until `each` returns `Break`.
    ///
    /// # Errors
    ///
    /// Those of opening and reading. The lines before the error were passed on, the last of them as
    /// far as it was read.
    pub fn for_each_line(
        &self,
        meter: &impl Meter,
        each: impl FnMut(RawLine<'_>) -> ControlFlow<()>,
    ) -> io::Result<()> {
        for_each_line(self.open(meter)?, each)
    }

    /// Returns the file that it is in, as it is on disk, with the file's name; see
    /// [`Source::on_disk`].
    ///
    /// # Errors
    ///
    /// Those of opening it.
    pub fn on_disk(&self) -> io::Result<Option<OnDisk>> {
        Ok(match &self.from {
            From::File(held) => Some((self.name.clone(), Box::new(held.open()?))),
            From::Bundled(text) => Some((self.name.clone(), Box::new(*text))),
            From::Member { archive, .. } => Some(archive.on_disk()?),
            From::Stdin | From::Begun(_) | From::Unreadable(_) => None,
        })
    }

    /// Opens its bytes, decompressed, from the first. All but a pipe can be open several times at
    /// once.
    ///
    /// # Errors
    ///
    /// Those of opening, and of reading the first bytes.
    pub fn open(&self, meter: &impl Meter) -> io::Result<Box<dyn Read + Send>> {
        if let Some(pipe) = self.pipe()? {
            return decompressed(Counted::new(pipe, meter.clone()));
        }
        match &self.from {
            From::File(held) => decompressed(Counted::new(held.open()?, meter.clone())),
            From::Bundled(text) => Ok(Box::new(Counted::new(*text, meter.clone()))),
            From::Member { archive, number, .. } => Ok(Box::new(archive.open(*number, meter)?)),
            From::Unreadable(why) => Err(why.clone().into()),
            From::Stdin | From::Begun(_) => {
                let From::Begun(begun) = &self.from else { return Ok(Box::new(io::empty())) };
                let begun = begun.lock().unwrap_or_else(PoisonError::into_inner).take();
                let read = || io::Error::other("a pipe can be read only once");
                Ok(Box::new(begun.ok_or_else(read)?))
            }
        }
    }
}

/// Adds the files in a folder and in the folders in it. `above` are the folders that hold it,
/// because links may lead back to them.
fn folder(path: &Path, above: &mut BTreeSet<PathBuf>, files: &mut Vec<Input>) {
    let unreadable = |path: &Path, why: Unreadable| {
        Input::new(path.display().to_string(), From::Unreadable(why))
    };
    let entries = || -> io::Result<(PathBuf, Vec<PathBuf>)> {
        let found = fs::read_dir(path)?.map(|entry| Ok(entry?.path()));
        let mut found = found.collect::<io::Result<Vec<_>>>()?;
        found.sort();
        Ok((fs::canonicalize(path)?, found))
    };
    let (real, entries) = match entries() {
        Ok(found) => found,
        Err(error) => return files.push(unreadable(path, error.into())),
    };
    if !above.insert(real.clone()) {
        return;
    }
    for path in entries {
        match fs::metadata(&path) {
            Ok(known) if known.is_dir() => folder(&path, above, files),
            Ok(known) if known.is_file() => files.push(Input::file(path)),
            Ok(_) => files.push(unreadable(&path, Unreadable::Special)),
            Err(error) => files.push(unreadable(&path, error.into())),
        }
    }
    above.remove(&real);
}

/// Decodes all compressions, also nested ones and concatenated members. Plain text stays as it is.
///
/// # Errors
///
/// Those of reading the first bytes, and [`Unreadable`] for archives and formats that are not logs.
pub fn decompressed(input: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let budget = Budget::default();
    let ahead = Ahead::new(Box::new(budget.clone().count_read(input)));
    match peel(ahead, &budget, MOST_LAYERS)? {
        (Kind::Tar, ..) => Err(Unreadable::Archive("a tar archive").into()),
        (Kind::Zip, ..) => Err(Unreadable::Archive("a zip archive").into()),
        (_, _, bytes) => Ok(Box::new(bytes)),
    }
}

/// Returns whether the bytes begin as something that [`decompressed`] decompresses or refuses.
#[must_use]
pub fn is_compressed(bytes: &[u8]) -> bool {
    Kind::of(bytes) != Kind::Text
}

/// A reader whose bytes are counted.
#[derive(Debug)]
pub struct Counted<R, M> {
    inner: R,
    meter: M,
}

impl<R, M> Counted<R, M> {
    /// Reports to `meter` the bytes that are read from `inner`.
    pub const fn new(inner: R, meter: M) -> Self {
        Self { inner, meter }
    }
}

impl<R: Read, M: Meter> Read for Counted<R, M> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer);
        if let Err(e) = &read
            && e.kind() == io::ErrorKind::Interrupted
        {
            // The caller tries again, unless the meter ends the reading.
            self.meter.add(0)?;
        }
        let n = read?;
        self.meter.add(n)?;
        Ok(n)
    }
}

fn for_each_line(
    input: impl Read,
    mut each: impl FnMut(RawLine<'_>) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut input = Utf8::new(input);
    let mut lines = LogLines::new();
    let mut buffer = vec![0; PIECE];
    let mut flow = ControlFlow::Continue(());
    let mut each = |line: RawLine<'_>, flow: &mut ControlFlow<()>| {
        if flow.is_continue() {
            *flow = each(line);
        }
    };
    let mut result = Ok(());
    while flow.is_continue() {
        match read_piece(&mut input, &mut buffer) {
            Ok(0) => break,
            Ok(n) => lines.push(&buffer[..n], |line| each(line, &mut flow)),
            Err(e) => {
                result = Err(e);
                break;
            }
        }
    }
    lines.finish(|line| each(line, &mut flow));
    result
}

/// Reads once, and again if a signal interrupts the read.
pub(crate) fn read_piece(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(buffer) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn lines_in(bytes: &[u8]) -> (Vec<String>, io::Result<()>) {
        let mut lines = Vec::new();
        let result = decompressed(io::Cursor::new(bytes.to_vec())).and_then(|input| {
            for_each_line(input, |line| {
                lines.push(String::from_utf8_lossy(line.bytes).into_owned());
                ControlFlow::Continue(())
            })
        });
        (lines, result)
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn compressed_logs_are_read_as_they_are_and_so_are_several_in_one_file() {
        let plain = "one\ntwo\n";
        let members = [gzip("one\n"), gzip("two\n")].concat();
        let frames = ["one\n", "two\n"].map(|text| zstd::encode_all(text.as_bytes(), 1).unwrap());
        for bytes in [plain.as_bytes().to_vec(), gzip(plain), members, frames.concat()] {
            let (lines, result) = lines_in(&bytes);
            result.unwrap();
            assert_eq!(lines, ["one", "two"]);
        }
        for short in ["", "a", "\x1f", "\u{28}"] {
            let (lines, result) = lines_in(short.as_bytes());
            result.unwrap();
            assert_eq!(lines.concat(), short);
        }
    }

    #[test]
    fn whoever_has_seen_enough_gets_no_more_lines() {
        let mut seen = 0;
        let result = for_each_line(&b"1\n2\n3\n4"[..], |_| {
            seen += 1;
            if seen == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        result.unwrap();
        assert_eq!(seen, 2);
    }

    #[test]
    fn a_compressed_log_that_breaks_off_gives_its_lines_and_an_error() {
        let noise: String =
            (0..2_000).map(|n: u64| format!("{}\n", n.wrapping_mul(0x9e37_79b9))).collect();
        let mut bytes = gzip(&noise);
        bytes.truncate(bytes.len() / 2);
        let (lines, result) = lines_in(&bytes);
        assert!(result.is_err());
        assert!(lines.len() > 100 && noise.starts_with(&lines[..100].join("\n")));
    }

    #[test]
    fn what_was_kept_is_read_by_several_at_once() {
        let mut spooled = tempfile::tempfile().unwrap();
        spooled.write_all(&gzip("one\ntwo\n")).unwrap();
        let input = Input::new("-", From::File(Arc::new(Held::spooled(spooled))));
        let meter = Arc::new(AtomicU64::new(0));
        let mut open = [input.open(&meter).unwrap(), input.open(&meter).unwrap()];
        for reading in &mut open {
            let mut text = String::new();
            reading.read_to_string(&mut text).unwrap();
            assert_eq!(text, "one\ntwo\n");
        }
        assert_eq!(meter.load(Ordering::Relaxed), 2 * input.size().unwrap());
    }

    #[test]
    fn a_meter_ends_the_reading() {
        #[derive(Clone)]
        struct Enough;
        impl Meter for Enough {
            fn add(&self, _: usize) -> io::Result<()> {
                Err(io::Error::other("enough"))
            }
        }
        let input = Input::bundled("it", b"one\n");
        let result = input.for_each_line(&Enough, |_| panic!("no line is to be read"));
        assert_eq!(result.unwrap_err().to_string(), "enough");
    }
}
