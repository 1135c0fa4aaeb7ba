//! One path that is followed, and the files that had it.
//!
//! A log is renamed and made anew (`create`), or copied and emptied (`copytruncate`). A renamed log
//! stays open until nothing came for ten seconds, because its writers notice the rotation late. The
//! copy of an emptied log has its last lines.

use std::collections::VecDeque;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use asg_core::line::{LogLines, RawLine};
use asg_core::{Origin, SourceId};

use super::rotated::{
    Continued, Identified, Place, REMEMBERED, Rest, Rotated, all, continued, newest,
};
use super::state::{Bytes, SavedFile, SavedTail};
use super::{Each, Note};
use crate::in_use::InUse;
use crate::input::{decompressed, is_compressed, read_piece};
use crate::origins;

/// A renamed log is closed after it was quiet for so long.
const QUIET: Duration = Duration::from_secs(10);

/// So much is read of one file before the next has its turn.
const TURN: u64 = 4 << 20;

/// A rotated log is looked for so long before it is given up: a rotation may be under way.
const PATIENCE: Duration = Duration::from_secs(1);

/// Of a line that is not whole so much is remembered.
const MOST_PARTIAL: usize = 64 << 10;

/// How many bytes identify a format that cannot be followed.
const HEAD: usize = 512;

/// A log that grows, is moved away and made anew, or is emptied.
#[derive(Debug)]
pub(crate) struct Tail {
    path: PathBuf,
    _in_use: InUse,
    id: SourceId,
    /// Renamed files that may still grow, oldest first, and then the one with the path.
    files: VecDeque<Grown>,
    /// Whether the last of `files` has the path.
    has_path: bool,
    /// Lines so far, of all files: their numbers are not given again.
    count: u64,
    complained: bool,
    /// Its format cannot be followed.
    is_refused: bool,
    /// Rotated logs that are read next.
    waiting: Vec<Waiting>,
    /// The newest rotated log that is not in `files`; `None` if the log had none at the beginning.
    before: Option<SavedFile>,
    has_begun: bool,
    patience: Duration,
    quiet: Duration,
}

/// A rotated log.
enum Waiting {
    /// The whole of it.
    Unread(Rotated),
    /// The rest of a compressed one among the files.
    Rest(Identified, Box<dyn Read + Send>),
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread(log) => log.fmt(f),
            Self::Rest(is, _) => is.fmt(f),
        }
    }
}

/// A file that grows.
#[derive(Debug)]
struct Grown {
    /// `None` if it does not grow any more.
    file: Option<File>,
    is: Identified,
    /// How many bytes were read.
    at: u64,
    /// Where the line begins that was not passed on yet.
    line_at: u64,
    /// The ends of whole lines from there on: a document holds its lines back.
    ends: VecDeque<u64>,
    /// The last bytes before `at`. If the file has others there, it was emptied and has grown
    /// since.
    end: Vec<u8>,
    lines: LogLines,
    /// Where `lines` began to read.
    base: u64,
    /// Places and numbers of lines: each but the first follows a line of another file.
    runs: Vec<(u64, u64)>,
    next: u64,
    quiet_since: Instant,
    /// Rotated logs between it and the one before were looked for.
    is_checked: bool,
    /// Since when the log before is looked for in vain.
    missing_since: Option<Instant>,
}

impl Grown {
    fn new(mut file: File, at: u64) -> io::Result<Self> {
        let is = Identified::by(&file.metadata()?)?;
        file.seek(SeekFrom::Start(at))?;
        Ok(Self { file: Some(file), ..Self::closed(is, at) })
    }

    /// Returns a log that does not grow.
    fn closed(is: Identified, at: u64) -> Self {
        Self {
            file: None,
            is,
            at,
            line_at: at,
            ends: VecDeque::new(),
            end: Vec::new(),
            lines: LogLines::new(),
            base: at,
            runs: Vec::new(),
            next: 0,
            quiet_since: Instant::now(),
            is_checked: false,
            missing_since: None,
        }
    }

    fn length(&self) -> io::Result<u64> {
        self.file.as_ref().map_or(Ok(self.at), |file| Ok(file.metadata()?.len()))
    }

    /// Returns whether the log before is worth another look: a rotation may be under way.
    fn may_come(&mut self, patience: Duration) -> bool {
        self.missing_since.get_or_insert_with(Instant::now).elapsed() < patience
    }

    /// Takes bytes, and passes on the lines that end in them.
    fn push(&mut self, bytes: &[u8], give: &mut Give<'_, '_>) {
        self.ends.extend(memchr::memchr_iter(b'\n', bytes).map(|n| self.at + n as u64 + 1));
        self.at += bytes.len() as u64;
        self.end.extend(bytes);
        let partial = to_usize(self.at - self.line_at);
        let most = REMEMBERED + partial.min(MOST_PARTIAL);
        self.end.drain(..self.end.len().saturating_sub(most));
        let Self { lines, runs, next, base, ends, line_at, .. } = self;
        lines.push(bytes, |line| {
            *line_at = ends.pop_front().unwrap_or(*line_at);
            give.line(line, *base, runs, next);
        });
    }

    /// Passes on the lines that wait for a frame: nothing more has come.
    fn release(&mut self, give: &mut Give<'_, '_>) {
        let Self { lines, runs, next, base, ends, line_at, .. } = self;
        lines.release(|line| {
            *line_at = ends.pop_front().unwrap_or(*line_at);
            give.line(line, *base, runs, next);
        });
    }

    /// Ends the file: the beginning of a last line counts as a line.
    fn finish(&mut self, give: &mut Give<'_, '_>) {
        let Self { lines, runs, next, base, .. } = self;
        std::mem::replace(lines, LogLines::new()).finish(|line| give.line(line, *base, runs, next));
        self.line_at = self.at;
    }

    /// Passes on what has come, up to a turn's; true if there was something.
    fn pass_on(&mut self, give: &mut Give<'_, '_>) -> io::Result<bool> {
        let mut buffer = vec![0; 64 << 10];
        let mut read = 0;
        while read < TURN {
            let Some(file) = &mut self.file else { break };
            match read_piece(file, &mut buffer)? {
                0 => break,
                n => {
                    read += n as u64;
                    self.push(&buffer[..n], give);
                }
            }
        }
        if read > 0 {
            self.quiet_since = Instant::now();
        } else {
            self.release(give);
        }
        Ok(read > 0)
    }

    fn place(&self) -> Place<'_> {
        Place { at: self.at, end: &self.end, from: self.at }
    }

    /// Returns whether the file still has the bytes that were read.
    fn is_as_it_was(&mut self) -> io::Result<bool> {
        let place = self.place();
        self.file.as_ref().map_or(Ok(true), |file| place.is_in(file))
    }

    fn saved(&self) -> SavedFile {
        SavedFile {
            is: self.is,
            at: self.line_at,
            read: self.at,
            end: Bytes(self.end.clone()),
            runs: self.runs.clone(),
            is_over: self.file.is_none() && self.line_at == self.at,
        }
    }
}

/// Numbers lines and passes them on.
struct Give<'g, 'e> {
    id: SourceId,
    count: &'g mut u64,
    each: &'g mut Each<'e>,
}

impl Give<'_, '_> {
    fn line(&mut self, line: RawLine<'_>, base: u64, runs: &mut Vec<(u64, u64)>, next: &mut u64) {
        *self.count += 1;
        if *next != *self.count {
            runs.push((base + line.offset, *self.count));
        }
        *next = *self.count + 1;
        (self.each)(Origin { source: self.id, line: *self.count }, line);
    }
}

impl Tail {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            _in_use: InUse::new(&path),
            id: origins::number(&path.display().to_string()),
            path,
            files: VecDeque::new(),
            has_path: false,
            count: 0,
            complained: false,
            is_refused: false,
            waiting: Vec::new(),
            before: None,
            has_begun: false,
            patience: PATIENCE,
            quiet: QUIET,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Closes renamed files after this time, and looks no longer than this for missing ones.
    #[cfg(test)]
    pub(super) fn hurry(&mut self, quiet: Duration) {
        (self.quiet, self.patience) = (quiet, quiet);
    }

    /// Opens the file, if it is there and can be followed.
    pub(super) fn begin(&mut self) {
        if !self.has_path {
            drop(self.open());
        }
    }

    /// Passes on the lines that have come; true if there were any.
    pub(super) fn poll(&mut self, each: &mut Each<'_>, note: &mut Note<'_>) -> bool {
        if self.is_refused {
            return false;
        }
        let (before, mut any) = (self.count, false);
        match self.look(each, note) {
            Ok(more) => any = more,
            // It is tried again and again.
            Err(error) if !std::mem::replace(&mut self.complained, true) => {
                note(format!("{}: {error}; waiting for it", self.path.display()));
            }
            Err(_) => {}
        }
        any || self.count > before
    }

    fn look(&mut self, each: &mut Each<'_>, note: &mut Note<'_>) -> io::Result<bool> {
        let mut any = !self.waiting.is_empty();
        for waiting in std::mem::take(&mut self.waiting) {
            self.take(waiting, each, note);
        }
        any |= self.drain(each)?;
        if !self.has_path && !self.open()? {
            self.is_refused = true;
            note(format!("{}: its format cannot be followed", self.path.display()));
            return Ok(any);
        }
        let before = self.before();
        let open_files: Vec<_> = self.files.iter().map(|file| file.is).collect();
        let Self { files, count, id, path, waiting, has_path, patience, .. } = self;
        let Some(open) = files.back_mut() else { return Ok(any) };
        let mut give = Give { id: *id, count, each };
        if !open.is_as_it_was()? {
            let found = continued(path, open.is, open.place());
            if found.is_none() && open.may_come(*patience) {
                return Ok(any);
            }
            let file = open.file.take();
            match found {
                Some(Continued { rest, is: copy, unread }) => {
                    to_the_end(open, rest, &mut give)?;
                    open.is = copy;
                    waiting.extend(unread.into_iter().map(Waiting::Unread));
                }
                None => note(format!(
                    "{}: it was emptied, and the lines just before may be missing",
                    path.display()
                )),
            }
            open.finish(&mut give);
            open.quiet_since = Instant::now();
            *has_path = false;
            if let Some(file) = file {
                files.push_back(Grown::new(file, 0)?);
                *has_path = true;
            }
            return Ok(true);
        }
        let is_begun = open.at > 0;
        let now = fs::metadata(&*path).and_then(|known| Identified::by(&known));
        let is_moved = now.as_ref().is_ok_and(|now| *now != open.is);
        if !is_begun && (is_moved || !open.is_checked || open.length()? > 0) {
            let mut unread = match unread_since(before.as_ref(), path) {
                Some(unread) => unread,
                None if open.may_come(*patience) => return Ok(any),
                // Retention removes the oldest logs first, so the ones that are there are newer.
                None => {
                    note(format!(
                        "{}: its rotated log is gone, and lines of that may be missing",
                        path.display()
                    ));
                    all(path)
                }
            };
            open.is_checked = true;
            // Newer ones are looked for later.
            let older = unread.iter().position(|log| log.is == open.is).unwrap_or(unread.len());
            unread.truncate(older);
            // The open files are read anyway, also under other names.
            unread.retain(|log| !open_files.contains(&log.is));
            if !unread.is_empty() {
                waiting.extend(unread.into_iter().map(Waiting::Unread));
                return Ok(true);
            }
        }
        if open.pass_on(&mut give)? {
            return Ok(true);
        }
        match now {
            Ok(_) if !is_moved => {}
            Ok(_) => {
                open.quiet_since = Instant::now();
                *has_path = false;
                any = true;
            }
            // A rotation moves the log before it makes the new one.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(any)
    }

    /// Returns the newest rotated log that was read.
    fn before(&self) -> Option<SavedFile> {
        let old = self.files.len() - usize::from(self.has_path);
        let newest = old.checked_sub(1).map(|n| self.files[n].saved());
        newest.or_else(|| self.before.clone())
    }

    /// Reads the renamed files, and closes those that are quiet.
    fn drain(&mut self, each: &mut Each<'_>) -> io::Result<bool> {
        let Self { files, count, id, has_path, before, quiet, .. } = self;
        let old = files.len() - usize::from(*has_path);
        let mut give = Give { id: *id, count, each };
        let mut any = false;
        for file in files.iter_mut().take(old) {
            any |= file.pass_on(&mut give)?;
        }
        for file in files.iter_mut().take(old) {
            if file.file.is_none() || file.quiet_since.elapsed() >= *quiet {
                file.finish(&mut give);
                file.file = None;
            }
        }
        // In their order, because the last of them shows which log comes next.
        let over = files.iter().take(old).take_while(|file| file.file.is_none()).count();
        if let Some(last) = files.drain(..over).next_back() {
            *before = Some(last.saved());
        }
        Ok(any)
    }

    /// Opens the file with the path; false if it cannot be followed.
    fn open(&mut self) -> io::Result<bool> {
        let mut file = File::open(&self.path)?;
        if is_packed(&mut file)? {
            return Ok(false);
        }
        if !std::mem::replace(&mut self.has_begun, true) {
            self.before = newest(&self.path).map(|log| log.saved());
        }
        self.files.push_back(Grown::new(file, 0)?);
        (self.has_path, self.complained) = (true, false);
        Ok(true)
    }

    /// Reads a rotated log.
    fn take(&mut self, waiting: Waiting, each: &mut Each<'_>, note: &mut Note<'_>) {
        let Self { files, count, id, path, has_path, .. } = self;
        let mut give = Give { id: *id, count, each };
        let read = match waiting {
            Waiting::Rest(is, mut bytes) => {
                let file = files.iter_mut().find(|file| file.is == is);
                file.map_or(Ok(()), |file| push_all(file, &mut bytes, &mut give))
            }
            Waiting::Unread(Rotated { mut file, .. }) => file.try_clone().and_then(|copy| {
                let mut grown = Grown::new(copy, 0)?;
                // Copies have odd names at times; no other log has the number of an open file.
                if files.iter().any(|open| open.is == grown.is) {
                    return Ok(());
                }
                // Programs may still write to it, unless it is compressed.
                if is_packed(&mut file)? {
                    grown.file = None;
                    push_all(&mut grown, &mut decompressed(file)?, &mut give)?;
                }
                files.insert(files.len() - usize::from(*has_path), grown);
                Ok(())
            }),
        };
        if let Err(error) = read {
            note(format!("a rotated log of {}: {error}", path.display()));
        }
    }

    /// Continues where another run was, and passes the lines before that to `recall`.
    pub(super) fn resume(&mut self, saved: SavedTail, recall: &mut Each<'_>, note: &mut Note<'_>) {
        (self.count, self.before, self.has_begun) = (saved.count, saved.before, true);
        for file in saved.files {
            match self.resume_file(&file, recall) {
                Ok(true) => {}
                Ok(false) if file.is_over => {}
                Ok(false) => note(format!(
                    "{}: its rotated log is gone, and lines of that may be missing",
                    self.path.display()
                )),
                Err(error) => note(format!("{}: {error}", self.path.display())),
            }
        }
    }

    /// Finds a file of another run; false if it is gone.
    fn resume_file(&mut self, saved: &SavedFile, recall: &mut Each<'_>) -> io::Result<bool> {
        let begun = Instant::now();
        let found = loop {
            let found = self.find(saved);
            // A rotation may be under way.
            if found.is_some() || begun.elapsed() >= self.patience {
                break found;
            }
            thread::sleep(self.patience / 20);
        };
        let mut grown = match found {
            None => return Ok(false),
            Some(Continued { rest: Rest::Packed(bytes), is, .. }) => {
                self.waiting.push(Waiting::Rest(is, bytes));
                Grown::closed(is, saved.at)
            }
            Some(Continued { rest: Rest::Plain(file), .. }) => {
                recall_lines(&file, saved, self.id, recall)?;
                Grown::new(file, saved.at)?
            }
        };
        let half = saved.half().unwrap_or_default();
        if saved.half().is_some() {
            grown.end = saved.end.0[..saved.end.0.len() - half.len()].to_vec();
        }
        grown.runs.clone_from(&saved.runs);
        // It gave no line before, and gives none now.
        let mut give = Give { id: self.id, count: &mut self.count, each: &mut |_, _| {} };
        grown.push(half, &mut give);
        let at = grown.at;
        grown.file.as_mut().map_or(Ok(0), |file| file.seek(SeekFrom::Start(at)))?;
        self.files.push_back(grown);
        Ok(true)
    }

    /// Finds a file of another run: it still has the path, or is a rotated log.
    fn find(&mut self, saved: &SavedFile) -> Option<Continued> {
        let place = saved.place();
        let is_present = |file: &File| -> io::Result<bool> {
            Ok(Identified::by(&file.metadata()?)? == saved.is && place.is_in(file)?)
        };
        match File::open(&self.path) {
            Ok(file) if is_present(&file).unwrap_or(false) => {
                self.has_path = true;
                Some(Continued { rest: Rest::Plain(file), is: saved.is, unread: Vec::new() })
            }
            _ => continued(&self.path, saved.is, place),
        }
    }

    /// Returns where a later run can go on.
    pub(super) fn place(&self) -> SavedTail {
        let old = self.files.len() - usize::from(self.has_path);
        // Nothing is known yet about the logs before one that has the path and was not read.
        let known = self.files.iter().enumerate().filter(|(n, file)| *n < old || file.at > 0);
        SavedTail {
            path: Bytes::of_path(&self.path),
            count: self.count,
            files: known.map(|(_, file)| file.saved()).collect(),
            before: self.before(),
        }
    }
}

fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Returns whether a file has a format that cannot be followed. It is at its beginning afterwards.
fn is_packed(file: &mut File) -> io::Result<bool> {
    let mut head = Vec::with_capacity(HEAD);
    file.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(0))?;
    // The places in a log are those of its bytes, so that it is not transcoded.
    let is_utf16 = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    Ok(is_compressed(&head) || is_utf16)
}

/// Returns the rotated logs that are newer than one that was read, the oldest first; `None` if that
/// is missing.
fn unread_since(before: Option<&SavedFile>, path: &Path) -> Option<Vec<Rotated>> {
    let Some(before) = before else { return Some(all(path)) };
    Some(continued(path, before.is, before.place())?.unread)
}

/// Reads the rest of a log in its copy.
fn to_the_end(open: &mut Grown, rest: Rest, give: &mut Give<'_, '_>) -> io::Result<()> {
    match rest {
        Rest::Plain(mut file) => push_all(open, &mut file, give),
        Rest::Packed(mut bytes) => push_all(open, &mut bytes, give),
    }
}

/// Passes on all lines of a log that does not grow.
fn push_all(to: &mut Grown, from: &mut impl Read, give: &mut Give<'_, '_>) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match read_piece(from, &mut buffer)? {
            0 => break,
            n => to.push(&buffer[..n], give),
        }
    }
    to.finish(give);
    Ok(())
}

/// Passes on the lines before a place, each with the number that it had.
fn recall_lines(
    mut file: &File,
    saved: &SavedFile,
    id: SourceId,
    recall: &mut Each<'_>,
) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    let mut bytes = file.by_ref().take(saved.at);
    let (mut lines, mut buffer) = (LogLines::new(), vec![0; 64 << 10]);
    let mut runs = saved.runs.iter().peekable();
    let mut number = None;
    loop {
        let n = read_piece(&mut bytes, &mut buffer)?;
        let each = |line: RawLine<'_>| {
            number = number.map(|number: u64| number + 1);
            while let Some((_, first)) = runs.next_if(|(at, _)| *at <= line.offset) {
                number = Some(*first);
            }
            if let Some(line_number) = number {
                recall(Origin { source: id, line: line_number }, line);
            }
        };
        if n == 0 {
            lines.finish(each);
            break;
        }
        lines.push(&buffer[..n], each);
    }
    Ok(())
}
