//! Distributes pieces of sources to threads, and returns the results in order.
//!
//! The caller's thread reads pieces, hands them to workers, and gets their results in the order of
//! the pieces. At most a few pieces are under way at once, so memory is bounded. The caller's
//! thread works on pieces itself instead of waiting.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZero;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::error::Error;
use crate::lines::Readers;
use crate::monitor::PERIOD;
use crate::pieces::{Feed, Piece, Size};

/// How many threads work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threads(NonZero<usize>);

impl Threads {
    /// One thread: the caller's.
    pub const ONE: Self = Self(NonZero::<usize>::MIN);

    /// Uses so many threads.
    #[must_use]
    pub const fn new(threads: NonZero<usize>) -> Self {
        Self(threads)
    }

    pub(crate) const fn get(self) -> NonZero<usize> {
        self.0
    }
}

/// As many as there are processors.
impl Default for Threads {
    fn default() -> Self {
        Self(thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN))
    }
}

/// The work of one thread.
pub(crate) trait Work: Send + 'static {
    /// The result of a piece.
    type Done: Send + 'static;

    /// Works on a piece.
    fn piece(&mut self, piece: &Piece) -> Self::Done;

    /// Works on a piece whose result may become part of the next one.
    fn part(&mut self, piece: &Piece) -> Option<Self::Done> {
        Some(self.piece(piece))
    }

    /// Returns the result of the parts behind the last piece, if there are any.
    fn rest(&mut self) -> Option<Self::Done> {
        None
    }
}

/// How many pieces for each thread are under way at most.
const MOST_AHEAD: usize = 3;

/// Sources that threads work on.
pub(crate) struct Pipeline<W: Work> {
    feed: Feed,
    crew: Crew<W>,
}

enum Crew<W: Work> {
    Alone(Alone<W>),
    Team(Team<W>),
}

/// The caller's thread.
struct Alone<W> {
    work: W,
    piece: Piece,
    /// How many bytes the pieces of a result have at least.
    least: usize,
    /// How the reading ended.
    end: Option<Result<(), Error>>,
}

struct Team<W: Work> {
    /// The work of the caller's thread.
    own: Option<W>,
    jobs: Option<SyncSender<(u64, Piece)>>,
    /// The pieces that nobody works on yet.
    open: Arc<Mutex<Receiver<(u64, Piece)>>>,
    done: Receiver<(u64, W::Done, Piece)>,
    /// Results whose turn has not come.
    early: BTreeMap<u64, W::Done>,
    spare: Vec<Piece>,
    sent: u64,
    given: u64,
    most: u64,
    is_over: bool,
    failed: Option<Error>,
    workers: Vec<JoinHandle<W>>,
}

impl<W: Work> fmt::Debug for Pipeline<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline").field("feed", &self.feed).finish_non_exhaustive()
    }
}

impl<W: Work> Pipeline<W> {
    /// Begins with the first source. `work` makes the work of each thread.
    pub(crate) fn new(
        readers: &Readers,
        what: &'static str,
        size: Size,
        mut work: impl FnMut() -> W,
    ) -> Self {
        // A source of unknown size may be a pipe that somebody types into: its lines must not wait
        // for others.
        let threads = if readers.size().is_some() { readers.threads() } else { Threads::ONE };
        let threads = threads.get();
        let feed = |size| Feed::new(readers, what, size, threads);
        match threads.get() {
            1 => {
                let (size, least) = size.for_one_thread();
                let alone = Alone { work: work(), piece: Piece::default(), least, end: None };
                Self { feed: feed(size), crew: Crew::Alone(alone) }
            }
            many => {
                let team = Team::new(work(), (1..many).map(|_| work()).collect());
                Self { feed: feed(size), crew: Crew::Team(team) }
            }
        }
    }

    /// Returns the next result, of a piece or of several parts; `None` after the last.
    ///
    /// # Errors
    ///
    /// Those of reading and of the monitor.
    pub(crate) fn next(&mut self) -> Result<Option<W::Done>, Error> {
        match &mut self.crew {
            Crew::Alone(alone) => alone.next(&mut self.feed),
            Crew::Team(team) => team.next(&mut self.feed),
        }
    }

    /// Ends the work, and returns that of each thread.
    pub(crate) fn finish(self) -> Vec<W> {
        match self.crew {
            Crew::Alone(alone) => vec![alone.work],
            Crew::Team(mut team) => team.join(),
        }
    }
}

impl<W: Work> Alone<W> {
    fn next(&mut self, feed: &mut Feed) -> Result<Option<W::Done>, Error> {
        let Self { work, piece, least, end } = self;
        let (mut bytes, start) = (0, Instant::now());
        while end.is_none() {
            match feed.next(piece) {
                Ok(true) => {
                    bytes += piece.len();
                    // The parts of a slow source do not wait for more.
                    let is_late = || start.elapsed() > PERIOD;
                    if bytes >= *least || !feed.is_open() || is_late() {
                        return Ok(Some(work.piece(piece)));
                    }
                    if let Some(done) = work.part(piece) {
                        return Ok(Some(done));
                    }
                }
                Ok(false) => *end = Some(Ok(())),
                Err(error) => *end = Some(Err(error)),
            }
        }
        // The parts before an error come first.
        if let Some(done) = work.rest() {
            return Ok(Some(done));
        }
        match end.replace(Ok(())) {
            Some(Err(error)) => Err(error),
            _ => Ok(None),
        }
    }
}

impl<W: Work> Team<W> {
    fn new(own: W, others: Vec<W>) -> Self {
        let most = (others.len() + 1) * MOST_AHEAD;
        let (jobs, open) = mpsc::sync_channel(most);
        let (results, done) = mpsc::channel();
        let open = Arc::new(Mutex::new(open));
        let start = |work| {
            let (open, results) = (Arc::clone(&open), results.clone());
            thread::spawn(move || work_on(work, &open, &results))
        };
        let workers = others.into_iter().map(start).collect();
        Self {
            own: Some(own),
            jobs: Some(jobs),
            open,
            done,
            early: BTreeMap::new(),
            spare: Vec::new(),
            sent: 0,
            given: 0,
            most: most as u64,
            is_over: false,
            failed: None,
            workers,
        }
    }

    fn next(&mut self, feed: &mut Feed) -> Result<Option<W::Done>, Error> {
        loop {
            if let Some(done) = self.early.remove(&self.given) {
                self.given += 1;
                return Ok(Some(done));
            }
            while !self.is_over && self.sent - self.given < self.most {
                self.send(feed);
            }
            if self.given == self.sent {
                return self.failed.take().map_or(Ok(None), Err);
            }
            self.take_finished();
            if self.early.contains_key(&self.given) || self.help() {
                continue;
            }
            match self.done.recv_timeout(PERIOD) {
                Ok(done) => self.take(done),
                Err(RecvTimeoutError::Timeout) => {
                    if self.workers.iter().any(JoinHandle::is_finished) {
                        self.join();
                    }
                    feed.check()?;
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.join();
                    return Ok(None);
                }
            }
        }
    }

    /// Passes the next piece to a free worker.
    fn send(&mut self, feed: &mut Feed) {
        let mut piece = self.spare.pop().unwrap_or_default();
        match feed.next(&mut piece) {
            Ok(true) => {
                if let Some(jobs) = &self.jobs
                    && jobs.send((self.sent, piece)).is_ok()
                {
                    self.sent += 1;
                } else {
                    self.join();
                    self.is_over = true;
                }
            }
            Ok(false) => self.is_over = true,
            Err(error) => {
                self.failed = Some(error);
                self.is_over = true;
            }
        }
        self.take_finished();
    }

    fn take_finished(&mut self) {
        while let Ok(done) = self.done.try_recv() {
            self.take(done);
        }
    }

    /// Works on the next waiting piece; returns false if every piece was taken.
    fn help(&mut self) -> bool {
        // A worker that waits for a piece has the lock.
        let job = self.open.try_lock().ok().and_then(|open| open.try_recv().ok());
        let (Some((number, piece)), Some(own)) = (job, &mut self.own) else { return false };
        let done = own.piece(&piece);
        self.take((number, done, piece));
        true
    }

    fn take(&mut self, (number, done, piece): (u64, W::Done, Piece)) {
        self.early.insert(number, done);
        self.spare.push(piece);
    }

    /// Ends all workers. A worker's panic goes on here.
    fn join(&mut self) -> Vec<W> {
        self.jobs = None;
        let join =
            |worker: JoinHandle<W>| worker.join().unwrap_or_else(|p| std::panic::resume_unwind(p));
        self.own.take().into_iter().chain(self.workers.drain(..).map(join)).collect()
    }
}

impl<W: Work> Drop for Team<W> {
    fn drop(&mut self) {
        self.jobs = None;
        for worker in self.workers.drain(..) {
            // Nobody wants its result, or its panic has been passed on.
            drop(worker.join());
        }
    }
}

fn work_on<W: Work>(
    mut work: W,
    open: &Mutex<Receiver<(u64, Piece)>>,
    results: &Sender<(u64, W::Done, Piece)>,
) -> W {
    loop {
        let job = open.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, piece)) = job else { return work };
        let done = work.piece(&piece);
        if results.send((number, done, piece)).is_err() {
            return work;
        }
    }
}

#[cfg(test)]
mod tests;
