//! Looks up from the work now and then: has somebody pressed Ctrl-C, and does somebody want to know how far it is?

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use asg_cli::input::Meter;
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

use crate::errors::Failure;

/// The command line works in a thread, to which Python tells nothing: its main thread says here that all is to end.
static IS_STOPPED: AtomicBool = AtomicBool::new(false);

/// Ends all readings of this process, soon.
pub(crate) fn stop() {
    IS_STOPPED.store(true, Ordering::Relaxed);
}

pub(crate) fn is_stopped() -> bool {
    IS_STOPPED.load(Ordering::Relaxed)
}

/// One for each reading.
pub(crate) struct Watch {
    /// Called once, for what is told: `tell(bytes, is_done)`.
    make: Option<Arc<Py<PyAny>>>,
    tell: Option<Py<PyAny>>,
    last: Instant,
    told: u64,
}

impl Watch {
    /// Half of what people take for at once.
    pub(crate) const PERIOD: Duration = Duration::from_millis(40);

    pub(crate) fn new(make: Option<Arc<Py<PyAny>>>) -> Self {
        Self { make, tell: None, last: Instant::now(), told: 0 }
    }

    /// So many bytes were read so far.
    pub(crate) fn look(&mut self, bytes: u64) -> Result<(), Failure> {
        if self.last.elapsed() < Self::PERIOD {
            return Ok(());
        }
        Self::look_now()?;
        self.tell(bytes, false)?;
        self.last = Instant::now();
        Ok(())
    }

    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method alone is not general enough"
    )]
    pub(crate) fn look_now() -> Result<(), Failure> {
        if is_stopped() {
            return Err(Failure::Python(PyKeyboardInterrupt::new_err(())));
        }
        Ok(Python::attach(|py| py.check_signals())?)
    }

    /// That was all.
    pub(crate) fn finish(&mut self, bytes: u64) -> Result<(), Failure> {
        self.tell(bytes, true)?;
        // Whoever asks again what comes behind the end is told nothing more.
        self.make = None;
        Ok(())
    }

    fn tell(&mut self, bytes: u64, is_done: bool) -> Result<(), Failure> {
        let Some(make) = &self.make else { return Ok(()) };
        Python::attach(|py| -> PyResult<()> {
            let tell = match &self.tell {
                Some(tell) => tell,
                None => self.tell.insert(make.call0(py)?),
            };
            tell.call1(py, (bytes - self.told, is_done))?;
            self.told = bytes;
            Ok(())
        })?;
        Ok(())
    }
}

/// A [`Watch`] over what several threads read. Clones are the same.
#[derive(Clone)]
pub(crate) struct Watching(Arc<Mutex<Watched>>);

struct Watched {
    watch: Watch,
    bytes: u64,
}

impl Watching {
    pub(crate) fn new(make: Option<Py<PyAny>>) -> Self {
        let watch = Watch::new(make.map(Arc::new));
        Self(Arc::new(Mutex::new(Watched { watch, bytes: 0 })))
    }
}

impl Meter for Watching {
    fn add(&self, bytes: usize) -> io::Result<()> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Watched { watch, bytes: read } = &mut *held;
        *read += bytes as u64;
        // `Failure::read` takes the exception out again.
        watch.look(*read).map_err(|failure| io::Error::other(PyErr::from(failure)))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // Nobody is left who could be told that this failed.
        if !is_stopped() {
            drop(self.watch.finish(self.bytes));
        }
    }
}
