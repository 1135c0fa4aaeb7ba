//! Evidence that outlives the logs.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use asg_cli::flows::{SharedLedger, gather};
use asg_cli::ledger_file;
use asg_cli::who::{Question, owner_object};
use asg_core::{Gathering, Timestamp};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::Failure;
use crate::objects;
use crate::source::{Given, Item};

/// The native part of `asglog.Ledger`.
#[pyclass(frozen, module = "asglog._asglog")]
pub(crate) struct Ledger {
    held: SharedLedger,
}

#[pymethods]
impl Ledger {
    #[new]
    fn new() -> Self {
        Self { held: SharedLedger::default() }
    }

    /// Loads a saved ledger. Its evidence cites lines of a source called `name`.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: &[u8], name: &str) -> Result<Self, Failure> {
        Ok(Self::of(py.detach(|| ledger_file::parse(bytes, name))?))
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let bytes = py.detach(|| self.held().to_bytes());
        PyBytes::new(py, &bytes)
    }

    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> Result<Self, Failure> {
        Ok(Self::of(py.detach(|| ledger_file::load(&path))?))
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> Result<(), Failure> {
        Ok(py.detach(|| ledger_file::save(&self.held(), &path))?)
    }

    /// Adds the evidence of these logs; returns the numbers of lines and of lines with evidence.
    fn add(
        &self,
        py: Python<'_>,
        items: Vec<Item>,
        progress: Option<Py<PyAny>>,
    ) -> Result<(u64, u64), Failure> {
        let readers = Given::new(items, progress).readers();
        py.detach(|| {
            let found = gather(Gathering::new(), &readers)?;
            // All or nothing: an interrupted call leaves the ledger as it was.
            self.held().merge(found.ledger());
            Ok((found.counts().lines, found.counts().evidence))
        })
    }

    fn merge(&self, py: Python<'_>, other: Py<Self>) {
        py.detach(|| {
            // A copy, because two ledgers that are merged into each other must not wait for each
            // other.
            let other = other.get().held().clone();
            self.held().merge(&other);
        });
    }

    /// Returns the owner of a log prefix, as an object. `at` is in nanoseconds since the epoch.
    fn who<'py>(
        &self,
        py: Python<'py>,
        prefix: &str,
        cell: Option<&str>,
        at: Option<i64>,
        address: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let question = Question::new(prefix, cell, at.map(Timestamp::from_nanos), address)
            .map_err(Failure::from)?;
        let answer = py.detach(|| owner_object(&question.ask(&self.held())));
        objects::object(py, &answer)
    }

    fn __len__(&self) -> usize {
        self.held().len()
    }
}

impl Ledger {
    fn of(ledger: asg_core::Ledger) -> Self {
        Self { held: Arc::new(Mutex::new(ledger)) }
    }

    pub(crate) fn shared(&self) -> SharedLedger {
        Arc::clone(&self.held)
    }

    fn held(&self) -> MutexGuard<'_, asg_core::Ledger> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
