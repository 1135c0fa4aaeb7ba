//! Sources of lines, and who supervises their reading.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use asg_core::{Line, Origin};

use crate::error::Error;
use crate::input::Source;
use crate::monitor::{Monitor, Unattended};
use crate::pieces::{Feed, Piece, Size};
use crate::pipeline::Threads;
use crate::repeat::Pass;

/// One line, and its place.
#[derive(Debug, Clone, Copy)]
pub struct Raw<'l> {
    /// Its place.
    pub origin: Origin,
    /// The name of its source.
    pub source: &'l str,
    /// Its bytes, without the line feed.
    pub bytes: &'l [u8],
    /// Whether it is longer than what is kept of a line.
    pub is_cut: bool,
    /// The first line of the document that this is a further line of; the first has its whole text.
    pub part_of: Option<u64>,
    /// The BOSH instance that the name of an archive of `bosh logs` gives.
    pub instance: Option<&'l str>,
}

impl<'l> Raw<'l> {
    /// Returns the line, ready to be read.
    #[must_use]
    pub fn line(&self) -> Line<'l> {
        let line = if self.is_cut { Line::cut(self.bytes) } else { Line::new(self.bytes) };
        line.of_instance(self.instance)
    }
}

/// Sources that can be opened as often as needed.
#[derive(Debug, Clone)]
pub struct Readers {
    sources: Arc<[Arc<dyn Source>]>,
    monitor: Arc<dyn Monitor>,
    failures: Option<Failures>,
    /// Carriage returns in sources that have no line feed, by name.
    lone_returns: Arc<Mutex<BTreeMap<String, u64>>>,
    threads: Threads,
    pass: Pass,
}

/// Why sources could not be read, by name.
pub type Failures = Arc<Mutex<BTreeMap<String, String>>>;

impl Readers {
    /// Reads these sources one after the other.
    #[must_use]
    pub fn new(sources: Vec<Arc<dyn Source>>, monitor: Arc<dyn Monitor>) -> Self {
        let (threads, pass) = (Threads::default(), Pass::default());
        let lone_returns = Arc::default();
        Self { sources: sources.into(), monitor, failures: None, lone_returns, threads, pass }
    }

    /// Goes on when a source cannot be read, and keeps the reason here.
    #[must_use]
    pub fn leaving_out(self, failures: Failures) -> Self {
        Self { failures: Some(failures), ..self }
    }

    /// Returns whether all sources can be opened more than once.
    #[must_use]
    pub fn are_repeatable(&self) -> bool {
        self.sources.iter().all(|source| source.is_repeatable())
    }

    /// Returns the sum of the sizes in bytes, if all are known.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.sources.iter().map(|source| source.size()).sum()
    }

    /// Returns these sources in the order of their names, before the first reading.
    pub(crate) fn by_name(&self) -> Self {
        let mut sources = self.sources.to_vec();
        sources.sort_by(|one, other| one.name().cmp(other.name()));
        Self { sources: sources.into(), ..self.clone() }
    }

    /// Returns these sources without a display of progress.
    #[must_use]
    pub fn quietly(&self) -> Self {
        Self { monitor: Arc::new(Quiet(Arc::clone(&self.monitor))), ..self.clone() }
    }

    /// Returns the monitor, which may end a reading.
    #[must_use]
    pub fn monitor(&self) -> &Arc<dyn Monitor> {
        &self.monitor
    }

    /// Starts a reading in the caller's thread.
    #[must_use]
    pub fn open(&self, what: &'static str) -> LineReader {
        let feed = Feed::new(self, what, Size::Small, Threads::ONE.get());
        LineReader { feed, piece: Piece::default() }
    }

    /// Begins a first reading; all later ones must find the same bytes.
    pub(crate) fn first(&self) -> Self {
        Self { pass: self.pass.first(), ..self.clone() }
    }

    /// Returns which reading it is.
    pub(crate) const fn pass(&self) -> &Pass {
        &self.pass
    }

    /// Returns the sources.
    pub(crate) const fn sources(&self) -> &Arc<[Arc<dyn Source>]> {
        &self.sources
    }

    /// Returns the list for the reasons why sources could not be read.
    pub(crate) const fn failures(&self) -> Option<&Failures> {
        self.failures.as_ref()
    }

    /// Keeps how many carriage returns a source has, and no line feed.
    pub(crate) fn note_lone_returns(&self, name: &str, returns: u64) {
        let mut known = self.lone_returns.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(name.to_owned(), returns);
    }

    /// Returns the sources read so far whose lines end in carriage returns alone, and how many they
    /// have. Such lines are read as one.
    #[must_use]
    pub fn lone_returns(&self) -> BTreeMap<String, u64> {
        self.lone_returns.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns how many threads work on the lines.
    pub(crate) const fn threads(&self) -> Threads {
        self.threads
    }

    /// Chooses how many threads work on the lines; as many as there are processors unless this is
    /// called.
    #[must_use]
    pub fn with_threads(self, threads: Threads) -> Self {
        Self { threads, ..self }
    }
}

/// Reads sources one after the other, piece by piece.
#[derive(Debug)]
pub struct LineReader {
    feed: Feed,
    piece: Piece,
}

impl LineReader {
    /// Passes the lines of the next piece to `each`; returns `false` at the end.
    ///
    /// # Errors
    ///
    /// Those of reading, unless they are [kept](Readers::leaving_out), and those of the monitor.
    pub fn step(&mut self, each: impl FnMut(Raw<'_>)) -> Result<bool, Error> {
        let more = self.feed.next(&mut self.piece)?;
        if more {
            self.piece.for_each(each);
        }
        Ok(more)
    }
}

/// Ends what another monitor ends, and shows nothing.
#[derive(Debug)]
struct Quiet(Arc<dyn Monitor>);

impl Monitor for Quiet {
    fn check(&self) -> Result<(), Error> {
        self.0.check()
    }

    fn begin(
        &self,
        what: &'static str,
        total: Option<u64>,
    ) -> Result<Option<Box<dyn crate::monitor::Progress>>, Error> {
        Unattended.begin(what, total)
    }
}
