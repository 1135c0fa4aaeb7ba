//! The clocks of all machines, as lines show them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use asg_cli::error::Error;
use asg_cli::flows::gather;
use asg_cli::origins;
use asg_core::Gathering;
use asg_core::clock::UptimeClocks;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::Failure;
use crate::source::{Given, Item};

/// The native part of `asglog.Clocks`.
#[pyclass(frozen, module = "asglog._asglog")]
pub(crate) struct Clocks {
    held: Mutex<UptimeClocks>,
}

#[pymethods]
impl Clocks {
    #[new]
    fn new() -> Self {
        Self::of(UptimeClocks::default())
    }

    /// Returns empty clocks that can be merged with these.
    fn part(&self) -> Self {
        Self::of(self.held().part())
    }

    /// Loads saved clocks.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: &[u8], name: &str) -> Result<Self, Failure> {
        let loaded = py.detach(|| UptimeClocks::from_bytes(bytes, origins::number));
        let fail = |error| Error::Value(format!("{name}: {error}"));
        Ok(Self::of(loaded.map_err(fail)?))
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let bytes = py.detach(|| self.held().to_bytes(origins::name));
        PyBytes::new(py, &bytes)
    }

    /// Adds what these logs show; returns the number of lines.
    fn add(
        &self,
        py: Python<'_>,
        items: Vec<Item>,
        progress: Option<Py<PyAny>>,
    ) -> Result<u64, Failure> {
        let readers = Given::new(items, progress).readers();
        py.detach(|| {
            let found = gather(Gathering::new().teaching(&self.held()), &readers)?;
            self.held().merge(found.clocks());
            Ok(found.counts().lines)
        })
    }

    /// Adds those of another part; returns false if they cannot be merged.
    fn merge(&self, py: Python<'_>, other: Py<Self>) -> bool {
        py.detach(|| {
            // A copy, because two that are merged into each other must not wait for each other.
            let other = other.get().held().clone();
            let mut held = self.held();
            let can = held.can_merge(&other);
            if can {
                held.merge(&other);
            }
            can
        })
    }

    /// Returns these clocks, with other names of some sources.
    fn renamed(&self, py: Python<'_>, names: HashMap<String, String>) -> Result<Self, Failure> {
        let number = |name: &str| origins::number(names.get(name).map_or(name, |new| new.as_str()));
        let bytes = |clocks: &UptimeClocks| clocks.to_bytes(origins::name);
        let renamed = py.detach(|| UptimeClocks::from_bytes(&bytes(&self.held()), number));
        Ok(Self::of(renamed.map_err(|error| Error::Value(error.to_string()))?))
    }

    /// Returns the number of known boots of all machines.
    fn __len__(&self) -> usize {
        self.held().boots_known()
    }
}

impl Clocks {
    fn of(clocks: UptimeClocks) -> Self {
        Self { held: Mutex::new(clocks) }
    }

    /// Returns a copy.
    pub(crate) fn all(&self) -> UptimeClocks {
        self.held().clone()
    }

    pub(crate) fn held(&self) -> MutexGuard<'_, UptimeClocks> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
