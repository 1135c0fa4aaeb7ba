//! Looks up from the work now and then: has somebody pressed Ctrl-C, and does somebody want to know how far it is?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

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
