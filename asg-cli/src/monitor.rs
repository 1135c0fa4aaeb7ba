//! Supervision of long runs: progress, and a way to end them.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::input::Meter;

/// Half of what people perceive as immediate.
pub const PERIOD: Duration = Duration::from_millis(40);

/// Supervises long runs: may end them, and shows progress.
pub trait Monitor: fmt::Debug + Send + Sync {
    /// Decides whether the run goes on; called every [`PERIOD`] or so while something is read or
    /// waited for.
    ///
    /// # Errors
    ///
    /// To end the run. The error comes out of whatever was running.
    fn check(&self) -> Result<(), Error>;

    /// Starts to show the progress of one reading over `total` bytes; `None` shows nothing.
    ///
    /// # Errors
    ///
    /// To end the run.
    fn begin(
        &self,
        what: &'static str,
        total: Option<u64>,
    ) -> Result<Option<Box<dyn Progress>>, Error>;

    /// Shows that the run waits for a slow answer. By default it shows nothing.
    fn waiting(&self, _what: &str) {}
}

/// Shows how far one reading is.
pub trait Progress: fmt::Debug + Send {
    /// Shows that `bytes` more were read since the last call.
    ///
    /// # Errors
    ///
    /// To end the run.
    fn advance(&mut self, bytes: u64) -> Result<(), Error>;

    /// Shows that the reading is complete, and that `bytes` more were read since the last call.
    ///
    /// # Errors
    ///
    /// To end the run.
    fn finish(&mut self, bytes: u64) -> Result<(), Error>;
}

/// Lets every run go on, and shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unattended;

impl Monitor for Unattended {
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    fn begin(&self, _: &'static str, _: Option<u64>) -> Result<Option<Box<dyn Progress>>, Error> {
        Ok(None)
    }
}

/// A request to end a run, made by one thread and noticed by others. Clones share the request.
///
/// ```
/// use asg_cli::monitor::Stop;
///
/// let stop = Stop::default();
/// assert_eq!(stop.status(), None);
/// stop.clone().request(130);
/// assert_eq!(stop.status(), Some(130));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicUsize>);

impl Stop {
    /// Asks for the end of the run, with this exit status. The first request counts.
    pub fn request(&self, status: u8) {
        let wanted = usize::from(status).max(1);
        let _ = self.0.compare_exchange(0, wanted, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Returns the exit status that was asked for; `None` while the run may go on.
    #[must_use]
    pub fn status(&self) -> Option<u8> {
        u8::try_from(self.0.load(Ordering::Relaxed)).ok().filter(|status| *status != 0)
    }
}

/// One reading under supervision.
#[derive(Debug)]
pub(crate) struct Watch {
    monitor: Arc<dyn Monitor>,
    what: &'static str,
    total: Option<u64>,
    /// Set by the first look that comes after a [`PERIOD`], so that short readings show nothing.
    progress: Option<Box<dyn Progress>>,
    is_finished: bool,
    last: Instant,
    shown: u64,
}

impl Watch {
    pub(crate) fn new(monitor: Arc<dyn Monitor>, what: &'static str, total: Option<u64>) -> Self {
        Self {
            monitor,
            what,
            total,
            progress: None,
            is_finished: false,
            last: Instant::now(),
            shown: 0,
        }
    }

    /// Checks the monitor and shows progress, at most once a [`PERIOD`]. `bytes` were read so far.
    pub(crate) fn look(&mut self, bytes: u64) -> Result<(), Error> {
        if self.last.elapsed() < PERIOD {
            return Ok(());
        }
        self.monitor.check()?;
        let new = bytes - self.shown;
        // Work goes on after the end of a reading.
        if !self.is_finished
            && let Some(progress) = self.progress()?
        {
            progress.advance(new)?;
            self.shown = bytes;
        }
        self.last = Instant::now();
        Ok(())
    }

    /// Shows that the reading is complete.
    pub(crate) fn finish(&mut self, bytes: u64) -> Result<(), Error> {
        if self.is_finished {
            return Ok(());
        }
        let new = bytes - self.shown;
        if let Some(progress) = self.progress()? {
            progress.finish(new)?;
        }
        self.is_finished = true;
        Ok(())
    }

    fn progress(&mut self) -> Result<Option<&mut Box<dyn Progress>>, Error> {
        if self.progress.is_none() {
            self.progress = self.monitor.begin(self.what, self.total)?;
        }
        Ok(self.progress.as_mut())
    }
}

/// A meter over what several threads read for one purpose, under supervision.
#[derive(Debug, Clone)]
pub struct Supervised(Arc<Mutex<Reading>>);

#[derive(Debug)]
struct Reading {
    watch: Watch,
    bytes: u64,
}

impl Supervised {
    /// Supervises a reading of `total` bytes, if their number is known; `what` is what it does.
    #[must_use]
    pub fn new(monitor: Arc<dyn Monitor>, what: &'static str, total: Option<u64>) -> Self {
        let watch = Watch::new(monitor, what, total);
        Self(Arc::new(Mutex::new(Reading { watch, bytes: 0 })))
    }
}

impl Meter for Supervised {
    fn add(&self, bytes: usize) -> io::Result<()> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Reading { watch, bytes: read } = &mut *held;
        *read += bytes as u64;
        Ok(watch.look(*read)?)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        // An error here has no receiver.
        if self.watch.monitor.check().is_ok() {
            drop(self.watch.finish(self.bytes));
        }
    }
}
