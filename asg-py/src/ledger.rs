//! Evidence that outlives the logs.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use asg_cli::error::Error;
use asg_cli::flows::{SharedLedger, gather};
use asg_cli::ledger_file;
use asg_cli::search::{self, By};
use asg_cli::who::{
    Found, Nobody, Question, Search, add_names, containers, owner_object, same_handle,
};
use asg_core::ledger::{Attribution, Lifetime, Reason};
use asg_core::{Certainty, Gathering, Guid, Identity, Timestamp};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::clocks::Clocks;
use crate::directory::GivenDirectory;
use crate::errors::Failure;
use crate::objects;
use crate::source::{Given, Item};
use crate::text_keys::TextKeys;

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

    /// Adds the evidence of these logs, to `clocks` what they show about clocks, and to `texts` the
    /// keys of packets' texts. Returns the numbers of lines, of lines with evidence, and of lines
    /// of iptables-logger.
    #[pyo3(signature = (items, progress, clocks, texts = None))]
    fn add(
        &self,
        py: Python<'_>,
        items: Vec<Item>,
        progress: Option<Py<PyAny>>,
        clocks: Option<Py<Clocks>>,
        texts: Option<Py<TextKeys>>,
    ) -> Result<(u64, u64, u64), Failure> {
        let readers = Given::new(items, progress).readers();
        py.detach(|| {
            let mut gathering = Gathering::new();
            if let Some(clocks) = &clocks {
                gathering = gathering.teaching(&clocks.get().held());
            }
            if texts.is_some() {
                gathering = gathering.keeping_text_keys();
            }
            let found = gather(gathering, &readers)?;
            // All or nothing: an interrupted call leaves the ledger as it was.
            self.held().merge(found.ledger());
            if let Some(clocks) = &clocks {
                clocks.get().held().merge(found.clocks());
            }
            if let Some(texts) = &texts {
                texts.get().held().extend_from_slice(found.text_keys());
            }
            let counts = found.counts();
            Ok((counts.lines, counts.evidence, counts.logger_lines))
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

    /// Returns the owner, as an object. `at` is in nanoseconds since the epoch.
    fn who<'py>(
        &self,
        py: Python<'py>,
        text: &str,
        cell: Option<&str>,
        at: Option<i64>,
        address: Option<&str>,
        directory: Option<GivenDirectory>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let search = Search { text, cell, at: at.map(Timestamp::from_nanos), address };
        let answer = py.detach(|| {
            // A copy, because a directory of Python's may use this ledger.
            let ledger = self.held().clone();
            let names = named(&ledger, directory.as_ref())?;
            owner(&search, &ledger, &names)
        });
        objects::object(py, &answer.map_err(Failure::from)?)
    }

    /// Returns the containers that a text means, or all of them, as a table.
    fn containers(
        &self,
        py: Python<'_>,
        text: Option<&str>,
        cell: Option<&str>,
        at: Option<i64>,
        directory: Option<GivenDirectory>,
    ) -> Result<Answer, Failure> {
        let at = at.map(Timestamp::from_nanos);
        let grid = py.detach(|| {
            let ledger = self.held().clone();
            let names = named(&ledger, directory.as_ref())?;
            let found = match text {
                Some(text) => {
                    let found = search::find(&ledger, text, &names);
                    found.map(|(_, found)| found).unwrap_or_default()
                }
                None => search::all(&ledger),
            };
            let search = Search { text: "", cell, at, address: None };
            let found: Vec<_> = found.into_iter().filter(|it| search.is_meant(*it)).collect();
            Ok::<_, Error>(containers(&ledger, &names, &found))
        })?;
        Ok(grid.into())
    }

    fn __len__(&self) -> usize {
        self.held().len()
    }
}

/// Returns a directory's answers about all that ran in the containers.
fn named(
    ledger: &asg_core::Ledger,
    directory: Option<&GivenDirectory>,
) -> Result<HashMap<Guid, Identity>, Error> {
    let Some(directory) = directory else { return Ok(HashMap::new()) };
    let mut guids: Vec<_> = ledger.lifetimes().filter_map(Lifetime::subject).collect();
    guids.sort_unstable();
    guids.dedup();
    directory.names().identities(&guids)
}

fn owner(
    search: &Search<'_>,
    ledger: &asg_core::Ledger,
    names: &HashMap<Guid, Identity>,
) -> Result<Value, Error> {
    let (by, found) = match search.of(ledger, names)? {
        Found::Owner(answer) => return Ok(one(&answer, names)),
        // As of a packet, with the candidates and what is against them.
        Found::Nobody(Nobody::Then(By::Handle)) => {
            let Search { text, cell, at, address } = *search;
            return Ok(one(&Question::new(text, cell, at, address)?.ask(ledger), names));
        }
        Found::Nobody(nobody) => {
            let mut object = one(&Attribution::unknown(nobody.reason()), names);
            if nobody == Nobody::Name {
                object["attribution"]["reason"] = "unknown_name".into();
            }
            return Ok(object);
        }
        Found::Containers(by, found) => (by, found),
    };
    if same_handle(&found) {
        let answer = search.owner(found[0], ledger)?;
        let mut object = one(&answer, names);
        if answer.certainty > Certainty::Ambiguous {
            let is_beginning = matches!(by, By::App | By::Process) && search.text.len() < 36;
            let certainty = if is_beginning { Certainty::UniquePrefix } else { answer.certainty };
            object["attribution"]["certainty"] = json!(certainty);
            object["attribution"]["reason"] = "one_container".into();
        }
        return Ok(object);
    }
    let mut object = owner_object(&Attribution::unknown(Reason::AmbiguousHandlePrefix));
    object["attribution"]["certainty"] = "ambiguous".into();
    if by != By::Handle {
        object["attribution"]["reason"] = "several_containers".into();
    }
    let candidate = |it: &Lifetime<'_>| {
        let process = it.process().map(ToString::to_string);
        json!({"handle": it.handle().to_string(), "process_guid": process, "index": it.index()})
    };
    object["attribution"]["candidates"] = found.iter().map(candidate).collect();
    let first = found[0];
    if found.iter().all(|it| it.process() == first.process()) {
        object["process_guid"] = json!(first.process().map(ToString::to_string));
    }
    if let Some(guid) = first.subject()
        && found.iter().all(|it| it.subject() == Some(guid))
    {
        object["subject_guid"] = guid.to_string().into();
        if let Some(identity) = names.get(&guid) {
            add_names(&mut object, identity);
        }
    }
    Ok(object)
}

fn one(answer: &Attribution<'_>, names: &HashMap<Guid, Identity>) -> Value {
    let mut object = owner_object(answer);
    if let Some(identity) = answer.subject().and_then(|guid| names.get(&guid)) {
        add_names(&mut object, identity);
    }
    object
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
