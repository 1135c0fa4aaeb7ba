//! Archives: their members as logs, and compressed files as archives of one member.
//!
//! An archive is walked from its beginning to its end, on a thread of its own, as often as its
//! members are read: first to list them, then once for each reading. Members that are opened in
//! their order share a walk, so a reading costs one.

use std::fmt;
use std::io::{self, Read, Seek as _};
use std::ops::ControlFlow;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use zip::ZipArchive;

use super::held::{Held, Place};
use super::packing::{Ahead, Budget, Kind, MOST_LAYERS, Unreadable, peel};
use super::tar::Tar;
use super::{Counted, Meter, OnDisk, read_piece};
use crate::monitor::PERIOD;

/// So much is handed over at once, and so many pieces may wait.
const PIECE: usize = 256 << 10;
const MOST_WAITING: usize = 4;

/// How many members an archive may have.
const MOST_MEMBERS: usize = 100_000;

/// A file with logs in it.
#[derive(Debug)]
pub(super) struct Archive {
    file: Arc<Held>,
    /// Walks that wait before a member.
    walks: Mutex<Vec<Walk>>,
}

/// The contents of a file.
pub(super) enum Listing {
    /// It is a log.
    Log,
    /// It is compressed, or an archive.
    Archive(Arc<Archive>, Vec<Listed>),
}

/// A member, or the reason why it cannot be read.
#[derive(Debug)]
pub(super) struct Listed {
    /// Its path in the archive; empty for a compressed log.
    pub(super) path: String,
    pub(super) is: Result<usize, Unreadable>,
}

impl Archive {
    /// Returns the file that it is.
    pub(super) fn file(&self) -> &Held {
        &self.file
    }

    /// Lists the members of a file.
    ///
    /// # Errors
    ///
    /// Those of opening the file and of reading its first bytes.
    pub(super) fn list(file: &Arc<Held>, meter: &impl Meter) -> io::Result<Listing> {
        let budget = Budget::default();
        let place = file.open()?;
        // The beginning of a log is read again as its text, and counted then.
        let ahead = Ahead::new(Box::new(budget.clone().count_read(place.clone())));
        let (kind, layers, _) = peel(ahead, &budget, MOST_LAYERS)?;
        let archive = || Arc::new(Self { file: Arc::clone(file), walks: Mutex::default() });
        match (kind, layers) {
            (Kind::Text, 0) => return Ok(Listing::Log),
            (Kind::Text, _) => {
                return Ok(Listing::Archive(
                    archive(),
                    vec![Listed { path: String::new(), is: Ok(0) }],
                ));
            }
            _ => {}
        }
        let mut listed = Vec::new();
        let mut members = 0;
        let meter = meter.clone();
        Walker::new(place, meter, |step| {
            match step {
                Step::Begin(path) => {
                    listed.push(Listed { path: path.to_owned(), is: Ok(members) });
                    members += 1;
                }
                Step::Bytes(_) | Step::End(_) => {}
                Step::Refused(path, why) => {
                    listed.push(Listed { path: path.to_owned(), is: Err(why) });
                }
            }
            ControlFlow::Continue(())
        })
        .walk();
        Ok(Listing::Archive(archive(), listed))
    }

    /// Keeps the file open.
    ///
    /// # Errors
    ///
    /// Those of opening it.
    pub(super) fn hold(&self) -> io::Result<()> {
        self.file.hold()
    }

    /// Returns the file as it is on disk, with its name; standard input is `-`.
    ///
    /// # Errors
    ///
    /// Those of opening it.
    pub(super) fn on_disk(&self) -> io::Result<OnDisk> {
        let name = self.file.path().display().to_string();
        let name = if name.is_empty() { "-".to_owned() } else { name };
        Ok((name, Box::new(self.file.open()?)))
    }

    /// Returns the bytes of a member.
    ///
    /// # Errors
    ///
    /// Those of opening the file.
    pub(super) fn open(self: &Arc<Self>, member: usize, meter: &impl Meter) -> io::Result<Member> {
        let mut walks = self.walks.lock().unwrap_or_else(PoisonError::into_inner);
        let before = walks.iter().enumerate().filter(|(_, walk)| walk.next <= member);
        let nearest = before.max_by_key(|(_, walk)| walk.next).map(|(at, _)| at);
        let walk = match nearest {
            Some(at) => walks.swap_remove(at),
            None => Walk::start(self.file.open()?, meter)?,
        };
        drop(walks);
        let wait = meter.clone();
        let wait = Box::new(move || wait.add(0));
        Ok(Member {
            archive: Arc::clone(self),
            walk: Some(walk),
            number: member,
            wait,
            piece: Vec::new(),
            at: 0,
        })
    }
}

/// A member that is being read.
pub(super) struct Member {
    archive: Arc<Archive>,
    /// `None` behind its end.
    walk: Option<Walk>,
    number: usize,
    /// Lets a monitor end the waiting for a piece.
    wait: Box<dyn Fn() -> io::Result<()> + Send>,
    piece: Vec<u8>,
    at: usize,
}

/// A walk on a thread of its own.
struct Walk {
    messages: Receiver<Message>,
    /// The number of the member that begins next, or has begun.
    next: usize,
    has_begun: bool,
}

enum Message {
    Begin,
    Bytes(Vec<u8>),
    End(Option<io::Error>),
}

impl fmt::Debug for Walk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walk").field("next", &self.next).finish_non_exhaustive()
    }
}

impl Walk {
    fn start(place: Place, meter: &impl Meter) -> io::Result<Self> {
        let (sender, messages) = mpsc::sync_channel(MOST_WAITING);
        let meter = Quiet(meter.clone());
        thread::Builder::new().name("decode".to_owned()).spawn(move || {
            Walker::new(place, meter, |step| send(&sender, step)).walk();
        })?;
        Ok(Self { messages, next: 0, has_begun: false })
    }

    /// Waits for the next message; `None` if the walk is over.
    fn message(&self, wait: &dyn Fn() -> io::Result<()>) -> io::Result<Option<Message>> {
        loop {
            match self.messages.recv_timeout(PERIOD) {
                Ok(message) => return Ok(Some(message)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => wait()?,
            }
        }
    }
}

fn send(to: &SyncSender<Message>, step: Step<'_>) -> ControlFlow<()> {
    let message = match step {
        Step::Begin(_) => Message::Begin,
        Step::Bytes(bytes) => Message::Bytes(bytes.to_vec()),
        Step::End(error) => Message::End(error),
        // The listing has it.
        Step::Refused(..) => return ControlFlow::Continue(()),
    };
    // Nobody may want the rest.
    if to.send(message).is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

/// Counts, and lets nobody end a reading from another thread than the reader's.
#[derive(Clone)]
struct Quiet<M>(M);

impl<M: Meter> Meter for Quiet<M> {
    fn add(&self, bytes: usize) -> io::Result<()> {
        if bytes > 0 { self.0.add(bytes) } else { Ok(()) }
    }
}

impl Read for Member {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            let Some(walk) = &mut self.walk else { return Ok(0) };
            match walk.message(&*self.wait)? {
                Some(Message::Begin) => walk.has_begun = true,
                // Bytes of members before it are skipped.
                Some(Message::Bytes(bytes)) if walk.next == self.number => {
                    (self.piece, self.at) = (bytes, 0);
                }
                Some(Message::Bytes(_)) => {}
                Some(Message::End(error)) => {
                    walk.has_begun = false;
                    walk.next += 1;
                    if walk.next > self.number {
                        let walk = self.walk.take();
                        let mut walks =
                            self.archive.walks.lock().unwrap_or_else(PoisonError::into_inner);
                        walks.extend(walk);
                        return error.map_or(Ok(0), Err);
                    }
                }
                None => {
                    self.walk = None;
                    let what = "the archive has fewer members than it had".to_owned();
                    return Err(Unreadable::Failed(io::ErrorKind::UnexpectedEof, what).into());
                }
            }
        }
        let n = buffer.len().min(self.piece.len() - self.at);
        buffer[..n].copy_from_slice(&self.piece[self.at..][..n]);
        self.at += n;
        Ok(n)
    }
}

/// A step of a walk.
enum Step<'s> {
    /// A log with this path.
    Begin(&'s str),
    /// Bytes of it.
    Bytes(&'s [u8]),
    /// Its end, and why it is not the whole.
    End(Option<io::Error>),
    /// Another format, or an archive that breaks off.
    Refused(&'s str, Unreadable),
}

/// A walk through a file.
struct Walker<M, F> {
    place: Place,
    meter: M,
    budget: Budget,
    members: usize,
    step: F,
}

/// `Break` ends a walk.
type Flow = ControlFlow<()>;

impl<M: Meter, F: FnMut(Step<'_>) -> Flow> Walker<M, F> {
    fn new(place: Place, meter: M, step: F) -> Self {
        Self { place, meter, budget: Budget::default(), members: 0, step }
    }

    fn walk(&mut self) {
        let counted = Counted::new(self.place.clone(), self.meter.clone());
        let bytes = Ahead::new(Box::new(self.budget.clone().count_read(counted)));
        let _ = self.item("", bytes, MOST_LAYERS);
    }

    /// Opens one file, whatever it is.
    fn item(&mut self, path: &str, bytes: Ahead<'_>, most: usize) -> Flow {
        let done = match peel(bytes, &self.budget, most) {
            Ok((Kind::Text, _, bytes)) => return self.log(path, bytes),
            Ok((_, layers, _)) if layers == most => Err(Unreadable::Nested.into()),
            Ok((Kind::Zip, layers, bytes)) => {
                let is_whole = layers == 0 && path.is_empty();
                let file = if is_whole { Ok(self.place.clone()) } else { spool(bytes) };
                file.and_then(|file| self.zip(path, file, most - layers - 1))
            }
            Ok((_, layers, bytes)) => self.tar(path, bytes, most - layers - 1),
            Err(error) => Err(error),
        };
        done.unwrap_or_else(|error| (self.step)(Step::Refused(path, error.into())))
    }

    fn log(&mut self, path: &str, mut bytes: impl Read) -> Flow {
        self.members += 1;
        if self.members > MOST_MEMBERS {
            (self.step)(Step::Refused(path, Unreadable::Members))?;
            return Flow::Break(());
        }
        (self.step)(Step::Begin(path))?;
        let mut piece = vec![0; PIECE];
        let end = loop {
            let mut filled = 0;
            let read = loop {
                match read_piece(&mut bytes, &mut piece[filled..]) {
                    Ok(0) => break Ok(()),
                    Ok(n) => filled += n,
                    Err(error) => break Err(error),
                }
            };
            if filled > 0 {
                (self.step)(Step::Bytes(&piece[..filled]))?;
            }
            match read {
                Ok(()) if filled < piece.len() => break None,
                Ok(()) => {}
                Err(error) => break Some(error),
            }
        };
        (self.step)(Step::End(end))
    }

    fn tar(&mut self, path: &str, bytes: Ahead<'_>, most: usize) -> io::Result<Flow> {
        let mut tar = Tar::new(bytes);
        while let Some(entry) = tar.next()? {
            let path = inside(path, &entry.path);
            if entry.is_file && self.item(&path, Ahead::new(Box::new(&mut tar)), most).is_break() {
                return Ok(Flow::Break(()));
            }
        }
        Ok(Flow::Continue(()))
    }

    fn zip(&mut self, path: &str, file: Place, most: usize) -> io::Result<Flow> {
        let mut zip = ZipArchive::new(file).map_err(|error| damaged(&error))?;
        for n in 0..zip.len() {
            let name = zip.name_for_index(n).and_then(Result::ok).unwrap_or_default().into_owned();
            let path = inside(path, &name);
            let member = match zip.by_index(n) {
                Ok(member) => member,
                Err(error) => {
                    let why = damaged(&error).into();
                    if (self.step)(Step::Refused(&path, why)).is_break() {
                        return Ok(Flow::Break(()));
                    }
                    continue;
                }
            };
            if !member.is_file() {
                continue;
            }
            let bytes = Ahead::new(Box::new(self.budget.clone().count_made(member)));
            if self.item(&path, bytes, most).is_break() {
                return Ok(Flow::Break(()));
            }
        }
        Ok(Flow::Continue(()))
    }
}

fn damaged(error: &zip::result::ZipError) -> io::Error {
    let kind = io::ErrorKind::InvalidData;
    Unreadable::Failed(kind, format!("the zip archive cannot be read: {error}")).into()
}

/// Returns the path of a member in an archive in an archive.
fn inside(outer: &str, path: &str) -> String {
    let path = path.trim_start_matches("./");
    if outer.is_empty() { path.to_owned() } else { format!("{outer}:{path}") }
}

/// Copies a zip archive to a temporary file, because it is read from its end.
fn spool(mut bytes: Ahead<'_>) -> io::Result<Place> {
    let mut file = tempfile::tempfile()?;
    io::copy(&mut bytes, &mut file)?;
    file.rewind()?;
    Ok(Place::new(Arc::new(file)))
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
