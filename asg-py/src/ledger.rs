//! Evidence that outlives the logs, in Python's hands.

use std::io::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use asg_core::{Attribution, Correlator, Lifetime, LogPrefix, Origin, Sighting, Timestamp};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde_json::{Value, json};

use crate::errors::Failure;
use crate::lines::Readers;
use crate::source::Item;
use crate::write::Half;
use crate::{objects, origins};

/// What a ledger is made of, behind `asglog.Ledger`.
#[pyclass(frozen, module = "asglog._asglog")]
pub(crate) struct Ledger {
    held: Mutex<asg_core::Ledger>,
}

#[pymethods]
impl Ledger {
    #[new]
    fn new() -> Self {
        Self { held: Mutex::default() }
    }

    /// `name` is what its containers' lines will be told as lines of.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: &[u8], name: &str) -> PyResult<Self> {
        Ok(py.detach(|| Self::parse(bytes, name))?)
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let bytes = py.detach(|| self.held().to_bytes());
        PyBytes::new(py, &bytes)
    }

    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        Ok(py.detach(|| Self::read(&path))?)
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        Ok(py.detach(|| self.write(&path))?)
    }

    /// Takes what all lines of these logs prove; gives lines, and lines that are evidence.
    fn add(
        &self,
        py: Python<'_>,
        items: Vec<Item>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<(u64, u64)> {
        let readers = Readers::new(items, progress);
        let read = || {
            let mut found = Correlator::new();
            let mut reader = readers.open();
            while reader.step(|raw| {
                found.observe(raw.origin, raw.bytes);
            })? {}
            let counts = (found.counts().lines, found.counts().evidence);
            // All or nothing: whoever presses Ctrl-C has the ledger as it was.
            self.held().merge(found.ledger());
            Ok::<_, Failure>(counts)
        };
        Ok(py.detach(read)?)
    }

    fn merge(&self, py: Python<'_>, other: Py<Self>) {
        // Two ledgers that are merged into each other at a time must not wait for each other.
        py.detach(|| {
            let other = other.get().held().clone();
            self.held().merge(&other);
        });
    }

    /// Whose a log prefix is, as an object.
    fn who<'py>(
        &self,
        py: Python<'py>,
        prefix: &str,
        cell: Option<&str>,
        at: Option<i64>,
        address: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let asking = Asking::new(prefix, cell, at, address)?;
        let answer = py.detach(|| owner(&asking.of(&self.held())));
        objects::object(py, &answer)
    }

    fn __len__(&self) -> usize {
        self.held().len()
    }
}

impl Ledger {
    pub(crate) fn empty() -> Self {
        Self::new()
    }

    fn parse(bytes: &[u8], name: &str) -> Result<Self, Failure> {
        let loaded = asg_core::Ledger::from_bytes(bytes, origins::number(name));
        let loaded = loaded.map_err(|error| Failure::Ledger(format!("{name}: {error}")))?;
        Ok(Self { held: Mutex::new(loaded) })
    }

    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.to_string_lossy();
        let bytes = std::fs::read(path).map_err(|e| Failure::read(&*name, e))?;
        Self::parse(&bytes, &name)
    }

    /// A crash leaves the old file or the new one.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        let half = Half::new(path);
        let write = || {
            let bytes = self.held().to_bytes();
            let mut file = half.create()?;
            file.write_all(&bytes)?;
            // A pipe has nothing that could be kept.
            if file.metadata()?.is_file() {
                file.sync_all()?;
            }
            half.finish()
        };
        write().map_err(|error| Failure::read(path.to_string_lossy(), error))
    }

    /// It is never waited for with the interpreter held, but by what does not wait for that in its turn.
    pub(crate) fn held(&self) -> MutexGuard<'_, asg_core::Ledger> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question to a ledger.
pub(crate) struct Asking<'q> {
    prefix: LogPrefix<'q>,
    seen: Sighting<'q>,
}

impl<'q> Asking<'q> {
    /// `at` is in nanoseconds since the epoch.
    ///
    /// # Errors
    ///
    /// If the prefix is none, nor a handle or the beginning of one; or for what is no address.
    pub(crate) fn new(
        prefix: &'q str,
        cell: Option<&'q str>,
        at: Option<i64>,
        address: Option<&str>,
    ) -> Result<Self, Failure> {
        let parsed = LogPrefix::parse(prefix.as_bytes())
            // The beginning of a handle as people copy it, too short to be known for one in a log.
            .map(|parsed| (parsed, None))
            .or_else(|| Some((LogPrefix::parse(b"OK_00000000")?, Some(prefix))));
        let Some((mut prefix, shown)) = parsed else {
            return Err(Failure::Value(format!("no log prefix: {prefix:?}")));
        };
        if let Some(shown) = shown {
            let handle = asg_core::HandlePrefix::parse(shown).ok_or_else(|| {
                Failure::Value(format!(
                    "{shown:?} is neither a handle, nor the beginning of one, nor a log prefix"
                ))
            })?;
            prefix.handle_prefix = Some(handle);
        }
        let address: Option<Result<IpAddr, _>> = address.map(str::parse);
        let address = address.transpose();
        let address = address.map_err(|_| Failure::Value("address is an IP address".into()))?;
        let mut seen = Sighting::default();
        if let Some(time) = at {
            seen = Sighting::at(Timestamp::from_nanos(time));
        }
        if let Some(cell) = cell {
            seen = seen.on(cell);
        }
        if let Some(address) = address {
            seen = seen.with_address(address);
        }
        Ok(Self { prefix, seen })
    }

    pub(crate) fn of<'l>(&self, ledger: &'l asg_core::Ledger) -> Attribution<'l> {
        ledger.attribute(&self.prefix, &self.seen)
    }
}

/// An answer as an object, in the words of a flow's.
pub(crate) fn owner(answer: &Attribution<'_>) -> Value {
    let line = |at: &Origin| json!({"source": origins::name(at.source), "line": at.line});
    let candidate = |c: &Lifetime<'_>| json!({"handle": c.handle(), "process_guid": c.process(), "index": c.index()});
    let container = answer.container();
    json!({
        "attribution": {
            "certainty": answer.certainty,
            "reason": answer.reason,
            "candidates": answer.candidates().iter().map(candidate).collect::<Vec<_>>(),
            "evidence": answer.evidence().iter().map(line).collect::<Vec<_>>(),
        },
        "handle": container.map(Lifetime::handle),
        "process_guid": answer.process(),
        "index": container.and_then(Lifetime::index),
        "subject_guid": answer.subject().map(|guid| guid.to_string()),
        "cell": container.and_then(Lifetime::cell),
        "created": container.and_then(Lifetime::created),
        "destroyed": container.and_then(Lifetime::destroyed),
    })
}
