//! Python objects that a reading calls: progress, file objects, directories.
//!
//! A reading may run for a consumer that has released the interpreter behind pyo3's back, such as
//! pyarrow. That is safe, except inside a callback: there pyo3 believes that the thread still holds
//! the interpreter. [`is_inside`] detects that case.

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};

use asg_cli::error::Error;
use asg_cli::monitor::{Monitor, Progress};
use pyo3::exceptions::PyReferenceError;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

thread_local! {
    /// The number of callbacks that this thread is inside.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Returns whether this thread is inside a callback.
pub(crate) fn is_inside() -> bool {
    DEPTH.get() > 0
}

/// Runs Python code on behalf of a reading.
pub(crate) fn call<T>(code: impl FnOnce(Python<'_>) -> PyResult<T>) -> Result<T, Error> {
    struct Inside;
    impl Drop for Inside {
        fn drop(&mut self) {
            DEPTH.set(DEPTH.get() - 1);
        }
    }
    Python::attach(|py| {
        DEPTH.set(DEPTH.get() + 1);
        let _inside = Inside;
        code(py)
    })
    .map_err(Error::callback)
}

/// A reference to a Python object. One owner shows it to the garbage collector; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Slot(Arc<Mutex<Option<Py<PyAny>>>>);

impl Slot {
    pub(crate) fn new(object: Py<PyAny>) -> Self {
        Self(Arc::new(Mutex::new(Some(object))))
    }

    /// Returns a reference of its own to the same object, for another owner.
    pub(crate) fn another(&self, py: Python<'_>) -> Self {
        let object = self.lock().as_ref().map(|object| object.clone_ref(py));
        Self(Arc::new(Mutex::new(object)))
    }

    pub(crate) fn get<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let object = self.lock().as_ref().map(|object| object.clone_ref(py));
        let object = object.ok_or_else(|| PyReferenceError::new_err("the object is gone"))?;
        Ok(object.into_bound(py))
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(self.lock().as_ref())
    }

    /// Drops the reference; the object dies with the garbage that it belongs to.
    pub(crate) fn clear(&self) {
        let object = self.lock().take();
        drop(object);
    }

    /// Locked for moments only, and never while Python code runs.
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Py<PyAny>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a reading for Ctrl-C and other signals whose handlers raise, and reports progress.
#[derive(Debug)]
pub(crate) struct PyMonitor {
    /// Called for each reading. It returns a function of the number of bytes, and of whether the
    /// reading is complete.
    pub(crate) progress: Option<Slot>,
}

impl PyMonitor {
    /// Without progress.
    pub(crate) const QUIET: Self = Self { progress: None };
}

impl Monitor for PyMonitor {
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method alone is not general enough"
    )]
    fn check(&self) -> Result<(), Error> {
        call(|py| py.check_signals())
    }

    fn begin(&self, _: &'static str, _: Option<u64>) -> Result<Option<Box<dyn Progress>>, Error> {
        let Some(progress) = &self.progress else { return Ok(None) };
        let tell = call(|py| Ok(progress.get(py)?.call0()?.unbind()))?;
        Ok(Some(Box::new(PyProgress(tell))))
    }
}

/// A function of bytes, and of whether the reading is complete.
#[derive(Debug)]
struct PyProgress(Py<PyAny>);

impl PyProgress {
    fn tell(&self, bytes: u64, is_done: bool) -> Result<(), Error> {
        call(|py| self.0.call1(py, (bytes, is_done)).map(drop))
    }
}

impl Progress for PyProgress {
    fn advance(&mut self, bytes: u64) -> Result<(), Error> {
        self.tell(bytes, false)
    }

    fn finish(&mut self, bytes: u64) -> Result<(), Error> {
        self.tell(bytes, true)
    }
}
