//! The file of `--state`: what a later run needs to go on.
//!
//! | bytes | what |
//! |---|---|
//! | 16 | `ASGLOG-STATE 2\n` and a blank |
//! | 21 | how many bytes of the output were written, and a line feed |
//! | 9 | CRC-32 of all behind it, in hexadecimal digits, and a line feed |
//! | 21 | the length of the JSON, and a line feed |
//! | … | a [`State`] as JSON, and then a ledger |
//!
//! A run saves the state together with the output that it is about to write, and notes in the file
//! how much of that was written. So a run that is killed at any moment leaves the places, and the
//! output that belongs to them. If the output is a file, its length shows how much was written. A
//! run that is killed between writing to a pipe and noting that may repeat 4,096 bytes at most.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use asg_core::Ledger;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::rotated::{Identified, Place};
use crate::error::Error;
use crate::ledger_file;
use crate::output::NewFile;
use crate::report::Failure;

const MAGIC: &[u8] = b"ASGLOG-STATE 2\n ";
/// The length of the first word, which all versions have.
const WORD: usize = "ASGLOG-STATE".len();
const SENT: usize = 16;
const SUM: usize = SENT + 21;
const LENGTH: usize = SUM + 9;
const BODY: usize = LENGTH + 21;

/// So much is written at once: a pipe takes it wholly or not at all (pipe(7), `PIPE_BUF`).
const CHUNK: usize = 4_096;

/// All but the ledger.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct State {
    /// The place of each log.
    pub(crate) logs: Vec<SavedTail>,
    /// Packets that wait for evidence.
    pub(crate) held: Vec<SavedHeld>,
    /// The output that comes next.
    pub(crate) output: String,
    /// Where it begins, if it goes to a file.
    pub(crate) out: Option<OutPlace>,
}

/// A place in the file that takes the output.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct OutPlace {
    is: Identified,
    length: u64,
}

/// The place of a log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SavedTail {
    pub(super) path: Bytes,
    pub(super) count: u64,
    /// Its files, the oldest first.
    pub(super) files: Vec<SavedFile>,
    /// The newest rotated log that was read.
    pub(super) before: Option<SavedFile>,
}

/// The place of a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SavedFile {
    pub(super) is: Identified,
    /// A line begins there.
    pub(super) at: u64,
    /// How many bytes were read, with half a line at their end.
    pub(super) read: u64,
    /// The last bytes before that.
    pub(super) end: Bytes,
    /// Places and numbers of lines: each but the first follows a line of another file.
    pub(super) runs: Vec<(u64, u64)>,
    /// No more lines are expected of it.
    #[serde(default)]
    pub(super) is_over: bool,
}

impl SavedFile {
    pub(super) fn place(&self) -> Place<'_> {
        let from = if self.half().is_some() { self.read } else { self.at };
        Place { at: self.read, end: &self.end.0, from }
    }

    /// Returns the line that is not whole, with the lines that are held back before it; `None` if
    /// it is too long to be kept.
    pub(super) fn half(&self) -> Option<&[u8]> {
        let length = usize::try_from(self.read.checked_sub(self.at)?).ok()?;
        self.end.0.get(self.end.0.len().checked_sub(length)?..)
    }

    /// Returns a log that is known by its number only.
    pub(super) const fn empty(is: Identified) -> Self {
        Self { is, at: 0, read: 0, end: Bytes(Vec::new()), runs: Vec::new(), is_over: false }
    }
}

/// A packet that waits.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedHeld {
    pub(crate) source: String,
    pub(crate) line: u64,
    pub(crate) text: Bytes,
    /// Whether the rest of the line was skipped.
    #[serde(default)]
    pub(crate) is_cut: bool,
}

/// Any bytes. In JSON each is the character with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Bytes {
    pub(super) fn of_path(path: &Path) -> Self {
        Self(path.as_os_str().as_encoded_bytes().to_vec())
    }

    /// Returns the path of these bytes, as far as the system can have it.
    pub(super) fn to_path(&self) -> PathBuf {
        #[cfg(unix)]
        let path = {
            use std::os::unix::ffi::OsStrExt as _;
            PathBuf::from(std::ffi::OsStr::from_bytes(&self.0))
        };
        #[cfg(not(unix))]
        let path = PathBuf::from(String::from_utf8_lossy(&self.0).into_owned());
        path
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text: String = self.0.iter().map(|byte| char::from(*byte)).collect();
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = text.chars().map(|c| u8::try_from(u32::from(c)));
        bytes.collect::<Result<_, _>>().map(Self).map_err(serde::de::Error::custom)
    }
}

/// The file, and the output that it is about.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    /// Standard output, if it is a file.
    out: Option<File>,
}

impl StateFile {
    /// Returns the state of an output that goes to a file `out`, or else to a pipe.
    pub(crate) const fn new(path: PathBuf, out: Option<File>) -> Self {
        Self { path, out }
    }

    /// Loads the state of the run before, without the output that it wrote; `None` without a file.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is damaged.
    pub(crate) fn load(&self) -> Result<Option<(State, Ledger)>, Error> {
        self.remove_stale();
        let name = self.path.to_string_lossy();
        let bytes = match std::fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(|error| Error::file(&*name, error))?,
        };
        let damaged = || {
            let is_state = bytes.starts_with(&MAGIC[..WORD]) || bytes.len() < WORD;
            let what = if is_state {
                "it is a state of another version, or is damaged; remove it to begin anew"
            } else {
                "it is no state: name a file of its own, in which this command keeps its place"
            };
            Error::file(&*name, io::Error::new(io::ErrorKind::InvalidData, what))
        };
        let (mut state, sent, ledger) = parse(&bytes).ok_or_else(damaged)?;
        let sent = self.written(&state).unwrap_or(sent);
        if !state.output.is_char_boundary(sent) {
            return Err(damaged());
        }
        state.output.drain(..sent);
        Ok(Some((state, ledger_file::parse(ledger, &name)?)))
    }

    /// Removes the unfinished files of runs that were killed, where the system shows who runs.
    fn remove_stale(&self) {
        let is_dead = |name: &str| -> Option<bool> {
            let own = self.path.file_name()?.to_str()?;
            let number = name.strip_prefix(own)?.strip_prefix('.')?.strip_suffix(".part")?;
            let process: u32 = number.split_once('-')?.0.parse().ok()?;
            let shown = Path::new("/proc");
            Some(shown.join("self").exists() && !shown.join(process.to_string()).exists())
        };
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let entries = std::fs::read_dir(folder.unwrap_or(Path::new(".")));
        for entry in entries.into_iter().flatten().flatten() {
            if entry.file_name().to_str().and_then(is_dead) == Some(true) {
                drop(std::fs::remove_file(entry.path()));
            }
        }
    }

    /// Returns how much of the output is in its file; `None` if that is unknown.
    fn written(&self, state: &State) -> Option<usize> {
        let (out, place) = (self.out.as_ref()?, state.out?);
        let known = out.metadata().ok()?;
        if Identified::by(&known).ok()? != place.is {
            return None;
        }
        let written = usize::try_from(known.len().checked_sub(place.length)?).ok()?;
        let expected = state.output.as_bytes().get(..written)?;
        // Another program may have written to it since.
        read_back(out, place.length, written)
            .is_none_or(|found| found == expected)
            .then_some(written)
    }

    /// Saves the state, and then writes its output.
    ///
    /// # Errors
    ///
    /// [`Failure::Output`] for the output, and others for the state.
    pub(crate) fn commit(
        &self,
        mut state: State,
        ledger: &Ledger,
        out: &mut impl io::Write,
    ) -> Result<(), Failure> {
        state.out = self.out_place()?;
        let fail = |error| Failure::from(Error::file(self.path.to_string_lossy(), error));
        let json = serde_json::to_vec(&state).map_err(|error| fail(error.into()))?;
        let ledger = ledger.to_bytes();
        let mut sum = crc32fast::Hasher::new();
        sum.update(&json);
        sum.update(&ledger);
        let mut head = MAGIC.to_vec();
        let numbers = format!("{:020}\n{:08x}\n{:020}\n", 0, sum.finalize(), json.len());
        head.extend(numbers.as_bytes());
        let new = NewFile::new(&self.path);
        let save = || -> io::Result<File> {
            let mut file = new.create()?;
            file.write_all(&[head, json, ledger].concat())?;
            new.finish(&file)?;
            Ok(file)
        };
        let file = save().map_err(fail)?;
        let mut sent = 0;
        while sent < state.output.len() {
            let rest = &state.output.as_bytes()[sent..];
            // Whole lines, if one is short enough.
            let most = rest.len().min(CHUNK);
            let end = memchr::memrchr(b'\n', &rest[..most]).map_or(most, |end| end + 1);
            out.write_all(&rest[..end])?;
            out.flush()?;
            sent += end;
            put_sent(&file, sent).map_err(fail)?;
        }
        Ok(())
    }

    /// Returns where the output goes on, after everything before it is on the disk.
    fn out_place(&self) -> io::Result<Option<OutPlace>> {
        let Some(out) = &self.out else { return Ok(None) };
        out.sync_data()?;
        let known = out.metadata()?;
        Ok(Some(OutPlace { is: Identified::by(&known)?, length: known.len() }))
    }
}

/// Standard output, if it is a file.
pub(crate) fn standard_output() -> Option<File> {
    #[cfg(unix)]
    let out = {
        use std::os::fd::AsFd as _;
        io::stdout().as_fd().try_clone_to_owned().ok().map(File::from)
    };
    #[cfg(not(unix))]
    let out: Option<File> = None;
    out.filter(|out| out.metadata().is_ok_and(|known| known.is_file()))
}

/// Bytes of a file that is open for writing; `None` where the system opens no file by its
/// descriptor.
fn read_back(file: &File, from: u64, bytes: usize) -> Option<Vec<u8>> {
    #[cfg(unix)]
    {
        use std::io::{Read as _, Seek as _};
        use std::os::fd::AsRawFd as _;
        let mut file = File::open(format!("/dev/fd/{}", file.as_raw_fd())).ok()?;
        file.seek(io::SeekFrom::Start(from)).ok()?;
        let mut found = vec![0; bytes];
        file.read_exact(&mut found).ok()?;
        Some(found)
    }
    #[cfg(not(unix))]
    {
        let _ = (file, from, bytes);
        None
    }
}

/// Notes how much of the output was written.
fn put_sent(file: &File, sent: usize) -> io::Result<()> {
    let text = format!("{sent:020}");
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::write_all_at(file, text.as_bytes(), SENT as u64);
    #[cfg(windows)]
    return std::os::windows::fs::FileExt::seek_write(file, text.as_bytes(), SENT as u64).map(drop);
}

/// Returns the state, how much of its output was written, and the bytes of the ledger.
fn parse(bytes: &[u8]) -> Option<(State, usize, &[u8])> {
    let number = |range: std::ops::Range<usize>, radix| {
        let text = std::str::from_utf8(bytes.get(range)?).ok()?;
        u64::from_str_radix(text, radix).ok()
    };
    let body = bytes.strip_prefix(MAGIC).and(bytes.get(BODY..))?;
    if [SUM - 1, LENGTH - 1, BODY - 1].iter().any(|at| bytes[*at] != b'\n') {
        return None;
    }
    let sent = usize::try_from(number(SENT..SENT + 20, 10)?).ok()?;
    let sum = number(SUM..SUM + 8, 16)?;
    let length = usize::try_from(number(LENGTH..LENGTH + 20, 10)?).ok()?;
    if u64::from(crc32fast::hash(body)) != sum {
        return None;
    }
    let (json, ledger) = body.split_at_checked(length)?;
    Some((serde_json::from_slice(json).ok()?, sent, ledger))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        State {
            logs: Vec::new(),
            held: vec![SavedHeld {
                source: "kern.log".into(),
                line: 7,
                text: Bytes((0..=255).collect()),
                is_cut: true,
            }],
            output: "one\ntwo\n".repeat(2_000),
            out: None,
        }
    }

    /// A reader that goes away.
    struct Broken(Vec<u8>);

    impl io::Write for Broken {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0.len() > 6_000 {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.0.extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_state_comes_back_with_the_output_that_was_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let file = StateFile::new(path.clone(), None);
        let stale = folder.path().join("state.4294967295-7.part");
        let other = folder.path().join(format!("state.{}-7.part", std::process::id()));
        std::fs::write(&stale, "").unwrap();
        std::fs::write(&other, "").unwrap();
        assert!(file.load().unwrap().is_none());
        assert!(other.exists() && (!stale.exists() || !Path::new("/proc/self").exists()));
        let mut out = Vec::new();
        file.commit(state(), &Ledger::new(), &mut out).unwrap();
        assert_eq!(out, state().output.as_bytes());
        let (found, _) = file.load().unwrap().unwrap();
        assert_eq!(
            (found.held[0].text.clone(), &found.output[..]),
            (state().held[0].text.clone(), "")
        );

        let mut broken = Broken(Vec::new());
        assert!(file.commit(state(), &Ledger::new(), &mut broken).is_err());
        let (found, _) = file.load().unwrap().unwrap();
        let both = [String::from_utf8(broken.0).unwrap(), found.output].concat();
        assert_eq!(both, state().output);
    }

    #[test]
    fn the_length_of_an_output_file_counts_more_than_the_note() {
        let folder = tempfile::tempdir().unwrap();
        let (path, flows) = (folder.path().join("state"), folder.path().join("flows"));
        let append = || File::options().create(true).append(true).open(&flows).unwrap();
        append().write_all(b"before\n").unwrap();
        let file = StateFile::new(path.clone(), Some(append()));
        file.commit(state(), &Ledger::new(), &mut append()).unwrap();
        let left = || file.load().unwrap().unwrap().0.output.len();
        assert_eq!(left(), 0);
        // It was killed before all was written.
        append().set_len(7 + 4_000).unwrap();
        assert_eq!(left(), 16_000 - 4_000);
        // Something else is there, so that the note counts.
        append().set_len(7).unwrap();
        append().write_all(b"other\n").unwrap();
        assert_eq!(left(), 0);
    }

    #[test]
    fn a_damaged_state_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let file = StateFile::new(path.clone(), None);
        file.commit(State::default(), &Ledger::new(), &mut Vec::new()).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        // But for the count of written bytes, which is changed in place.
        for at in (0..SENT).chain(SUM - 1..bytes.len()) {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            assert!(file.load().is_err(), "{at}");
        }
        for end in 0..bytes.len() {
            std::fs::write(&path, &bytes[..end]).unwrap();
            assert!(file.load().is_err(), "{end}");
        }
    }

    #[test]
    fn only_a_state_is_to_be_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kern.log");
        for (text, says) in [
            ("May  6 07:09:10 cell kernel: x\n", "it is no state: name a file of its own"),
            ("ASGLOG-STATE 1\n", "it is a state of another version"),
            ("", "remove it to begin anew"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = StateFile::new(path.clone(), None).load().map(|_| ()).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}
