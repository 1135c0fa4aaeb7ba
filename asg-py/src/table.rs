//! The lazy table: a query with the Python objects that it calls.

use std::path::PathBuf;
use std::sync::Arc;

use asg_cli::answers::{self, Measure, Span};
use asg_cli::error::Error;
use asg_cli::explain::DecidedRules;
use asg_cli::flows::Gathered;
use asg_cli::labels::Labels;
use asg_cli::lock::Lock;
use asg_cli::origins;
use asg_cli::output::csv::{self, Formulas};
use asg_cli::output::parquet;
use asg_cli::output::zone::Zone;
use asg_cli::query::columns::{COLUMNS, Column, In, schema};
use asg_cli::query::{Counts, Given as Value, Query, Row, Rows};
use asg_core::record::OutcomeCounts;
use asg_core::siem::Standard;
use asg_core::{TimePolicy, Timestamp};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyList, PyString, PyTuple};
use pyo3::{PyTraverseError, PyVisit};
use pyo3_arrow::ffi::to_schema_pycapsule;

use crate::answer::Answer;
use crate::callback::PyMonitor;
use crate::clocks::Clocks;
use crate::directory::{Export, GivenDirectory};
use crate::errors::Failure;
use crate::ledger::Ledger;
use crate::policy::Policy;
use crate::source::{Given, Item};
use crate::{objects, stream, time_policy};

/// Rows as texts.
type Texts = Vec<Vec<Option<String>>>;

/// The native part of `asglog.Table`.
#[pyclass(frozen, module = "asglog._asglog")]
pub(crate) struct Table {
    called: Called,
    query: Query,
}

/// The Python objects that a reading calls, with the references of one owner to them.
#[derive(Default)]
pub(crate) struct Called {
    given: Given,
    directory: Option<GivenDirectory>,
}

impl Called {
    /// Returns a copy for another owner, and a query that calls its objects.
    fn another(&self, py: Python<'_>, query: &Query) -> (Self, Query) {
        let given = self.given.another(py);
        let directory = self.directory.as_ref().map(|directory| directory.another(py));
        let names = directory.as_ref().map(GivenDirectory::names);
        let query = query.with_sources(given.readers(), names);
        (Self { given, directory }, query)
    }

    /// Returns whether a reading of everything is quick, and asks nobody who is far away.
    fn is_near(&self, py: Python<'_>) -> PyResult<bool> {
        let is_quiet = match &self.directory {
            None => true,
            Some(directory) => directory.0.get(py)?.is_instance_of::<Export>(),
        };
        Ok(is_quiet && self.given.is_small())
    }

    fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.given.visit(visit)?;
        self.directory.as_ref().map_or(Ok(()), |directory| directory.0.visit(visit))
    }

    fn clear(&self) {
        self.given.clear();
        self.directory.iter().for_each(|directory| directory.0.clear());
    }
}

#[pymethods]
impl Table {
    #[staticmethod]
    fn packets(
        items: Vec<Item>,
        year: Option<i16>,
        utc_offset: f64,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let policy = time_policy(year, utc_offset)?;
        let given = Given::new(items, progress);
        let query = Query::packets(given.readers(), policy);
        Ok(Self { called: Called { given, directory: None }, query })
    }

    /// Creates a table of the packets that the kernel or iptables-logger reports.
    #[staticmethod]
    fn reports(items: Vec<Item>) -> PyResult<Self> {
        let given = Given::new(items, None);
        let query = Query::reports(given.readers(), TimePolicy::default());
        Ok(Self { called: Called { given, directory: None }, query })
    }

    /// Creates a table of flows. The items come sorted by name, because the order of a caller's
    /// arguments must not matter. `knows_all` is [`Gathered::knowing_all`].
    #[staticmethod]
    #[pyo3(signature = (items, directory, ledger, year, utc_offset, progress, clocks, knows_all = false))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords")]
    fn flows(
        items: Vec<Item>,
        directory: Option<GivenDirectory>,
        ledger: Option<Py<Ledger>>,
        year: Option<i16>,
        utc_offset: f64,
        progress: Option<Py<PyAny>>,
        clocks: Option<Py<Clocks>>,
        knows_all: bool,
    ) -> PyResult<Self> {
        let policy = time_policy(year, utc_offset)?;
        let ledger = ledger.map(|ledger| ledger.get().shared());
        let clocks = clocks.map(|clocks| clocks.get().all());
        let gathered =
            Arc::new(Gathered::new(policy, ledger).with_clocks(clocks).knowing_all(knows_all));
        let given = Given::new(items, progress);
        let names = directory.as_ref().map(GivenDirectory::names);
        let query = Query::flows(given.readers(), policy, gathered, names);
        Ok(Self { called: Called { given, directory }, query })
    }

    /// Adds a condition.
    fn filter(&self, py: Python<'_>, name: &str, values: Vec<Bound<'_, PyAny>>) -> PyResult<Self> {
        let given = values.iter().map(|value| given(name, value)).collect::<PyResult<_>>()?;
        Ok(self.with(py, &self.query.filter(name, given).map_err(Failure::from)?))
    }

    /// Keeps rows between two times, in nanoseconds since the epoch.
    #[pyo3(signature = (from, until, /))]
    fn between(&self, py: Python<'_>, from: Option<i64>, until: Option<i64>) -> Self {
        let [from, until] = [from, until].map(|time| time.map(Timestamp::from_nanos));
        self.with(py, &self.query.between(from, until))
    }

    /// Keeps these columns, in this order. A name for several columns is replaced by these.
    fn select(&self, py: Python<'_>, names: Vec<String>) -> Result<Self, Failure> {
        Ok(self.with(py, &self.query.select_by(&names)?))
    }

    /// Adds names of networks and verdicts of log prefixes, from texts of CSV or JSON. Each has the
    /// name of its file.
    fn labelled(
        &self,
        py: Python<'_>,
        networks: Vec<(String, String)>,
        prefixes: Vec<(String, String)>,
    ) -> Result<Self, Failure> {
        let mut labels = Labels::default();
        let named = |name: &str, error: Error| Error::Value(format!("{name}: {error}"));
        for (name, text) in &networks {
            labels.add_networks(text).map_err(|error| named(name, error))?;
        }
        for (name, text) in &prefixes {
            labels.add_prefixes(text).map_err(|error| named(name, error))?;
        }
        Ok(self.with(py, &self.query.labelled(labels)))
    }

    /// Keeps `take` rows, or all to the end, behind the first `skip`.
    fn slice(&self, py: Python<'_>, skip: u64, take: Option<u64>) -> Self {
        self.with(py, &self.query.slice(skip, take))
    }

    /// Returns the flows with their explanations.
    fn explained(&self, py: Python<'_>, policy: &Policy) -> Result<Self, Failure> {
        Ok(self.with(py, &self.query.explained(&policy.held)?))
    }

    const fn is_explained(&self) -> bool {
        self.query.is_explained()
    }

    /// Returns all rows, read once and kept in memory.
    fn cached(&self, py: Python<'_>) -> Result<Self, Failure> {
        Ok(Self::saved(&py.detach(|| self.query.cached())?))
    }

    /// Returns the rows of a Parquet file.
    #[staticmethod]
    fn from_parquet(py: Python<'_>, path: PathBuf) -> Result<Self, Failure> {
        Ok(Self::saved(&py.detach(|| Query::from_parquet(path))?))
    }

    fn column_names(&self) -> Vec<&'static str> {
        self.query.columns().iter().map(|column| column.name).collect()
    }

    const fn has_flows(&self) -> bool {
        self.query.has_flows()
    }

    /// Returns a stream from the beginning. Exceptions are added to `failures`, because consumers
    /// convert them to texts.
    #[pyo3(signature = (requested_schema=None, failures=None))]
    fn stream<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
        failures: Option<Py<PyList>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let (_, query) = self.called.another(py, &self.query);
        stream::capsule(py, &query, requested_schema.as_ref(), failures)
    }

    /// Returns the largest groups.
    fn top(
        &self,
        py: Python<'_>,
        by: Vec<String>,
        most: Option<usize>,
        measure: &str,
    ) -> Result<Answer, Failure> {
        let (by, measure) = (self.query.by(&by)?, Measure::parse(measure)?);
        Ok(py.detach(|| answers::top(&self.query, &by, most, measure))?.into())
    }

    /// Returns sums by spans of so many nanoseconds, by the clock of a zone.
    fn timeline(
        &self,
        py: Python<'_>,
        nanos: i64,
        by: Vec<String>,
        zone: &str,
    ) -> Result<Answer, Failure> {
        let by = self.query.by_time(Span::new(nanos, Zone::named(zone)?), &by)?;
        Ok(py.detach(|| answers::timeline(&self.query, &by))?.into())
    }

    fn summary(&self, py: Python<'_>) -> Result<Answer, Failure> {
        Ok(py.detach(|| answers::summary(&self.query))?.into())
    }

    fn new_destinations(&self, py: Python<'_>, baseline: &Self) -> Result<Answer, Failure> {
        Ok(py.detach(|| answers::new_destinations(&self.query, &baseline.query))?.into())
    }

    /// Returns runs with gaps of at most so many nanoseconds.
    fn denied_episodes(&self, py: Python<'_>, gap: i64) -> Result<Answer, Failure> {
        Ok(py.detach(|| answers::denied_episodes(&self.query, gap))?.into())
    }

    /// Returns the rows as objects of the output contract, or flows as records of a standard, read
    /// at this time in nanoseconds.
    #[pyo3(signature = (standard = None, read_at = 0))]
    fn objects(&self, py: Python<'_>, standard: Option<&str>, read_at: i64) -> PyResult<Objects> {
        let reading = asg_core::siem::Reading::new(Timestamp::from_nanos(read_at));
        let standard = match standard {
            None => None,
            Some(name) => {
                let names = Standard::ALL.map(Standard::as_str).join(", ");
                let unknown = || {
                    PyValueError::new_err(format!("the standards are {names}, and not {name:?}"))
                };
                Some((Standard::named(name).ok_or_else(unknown)?, reading))
            }
        };
        let (called, query) = self.called.another(py, &self.query);
        let state = Reading {
            rows: query.rows(),
            policy: *query.policy(),
            standard,
            rules: query.rules().map(DecidedRules::new),
            ready: Vec::new().into_iter(),
            more: true,
        };
        Ok(Objects { called, state: Lock::new(state) })
    }

    /// Returns the first rows as texts, and how they were found: `rows`, if they are complete;
    /// `packets`, if only a reading of all evidence would find their owners; `part`, if there may
    /// be more in what was not read, because people do not want to wait; `never`, if looking would
    /// take rows away from the next reading.
    fn preview(&self, py: Python<'_>, rows: usize) -> Result<(&'static str, Texts), Failure> {
        // Of rows at hand more is read, because a piece can be of a few rows.
        const PIECES: usize = 32;
        const PIECES_AT_HAND: usize = 4_096;
        if !self.called.given.is_repeatable() {
            return Ok(("never", Vec::new()));
        }
        let is_near = self.called.is_near(py)?;
        py.detach(|| {
            let known = self.query.is_ready() || is_near;
            let query =
                if known { Some(self.query.quietly()) } else { self.query.without_owners() };
            let Some(query) = query.map(|query| query.quietly()) else {
                return Ok(("never", Vec::new()));
            };
            let (mut reading, mut found) = (query.rows(), Vec::new());
            let mut is_whole = false;
            let pieces = if is_near { PIECES_AT_HAND } else { PIECES };
            for _ in 0..pieces {
                let more = reading.step(&mut |row| {
                    if found.len() < rows {
                        found.push(query.columns().iter().map(|c| c.value(row).text()).collect());
                    }
                })?;
                is_whole = !more;
                if !more || found.len() == rows {
                    break;
                }
            }
            let how = match (known, is_whole || found.len() == rows) {
                (_, false) => "part",
                (true, _) => "rows",
                (false, _) => "packets",
            };
            Ok((how, found))
        })
    }

    /// Returns the lines, packets, damaged packets and rows of the last complete reading.
    fn counts(&self) -> Option<[u64; 4]> {
        let Counts { lines, packets, damaged, rows, .. } = self.query.counts()?;
        Some([lines, packets, damaged, rows])
    }

    /// Returns the sources of that reading by name, each with its lines by class.
    fn outcomes(&self) -> Vec<(&'static str, Vec<(&'static str, u64)>)> {
        let outcomes = self.query.counts().unwrap_or_default().outcomes;
        let words = |counts: &OutcomeCounts| {
            counts.iter().map(|(outcome, lines)| (outcome.as_str(), lines)).collect()
        };
        outcomes.sources().map(|(id, counts)| (origins::name(id), words(counts))).collect()
    }

    fn write_parquet(&self, py: Python<'_>, path: PathBuf) -> Result<(), Failure> {
        Ok(py.detach(|| parquet::write_query(&self.query, &path))?)
    }

    fn write_csv(&self, py: Python<'_>, path: PathBuf, safe: bool) -> Result<(), Failure> {
        let formulas = if safe { Formulas::Disarm } else { Formulas::Keep };
        Ok(py.detach(|| csv::write_query(&self.query, formulas, &path))?)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.called.visit(&visit)
    }

    fn __clear__(&self) {
        self.called.clear();
    }
}

impl Table {
    /// Creates a table that calls only the signal handlers.
    fn saved(query: &Query) -> Self {
        let called = Called::default();
        let query = query.with_sources(called.given.readers(), None);
        Self { called, query }
    }

    /// Returns another table of the same objects.
    fn with(&self, py: Python<'_>, query: &Query) -> Self {
        let (called, query) = self.called.another(py, query);
        Self { called, query }
    }
}

/// Converts a Python value for the column with this name.
///
/// # Errors
///
/// `TypeError` for a type that no column can be compared with.
fn given(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Value> {
    if value.is_none() {
        return Ok(Value::Missing);
    }
    if value.is_instance_of::<PyString>() {
        return Ok(Value::Text(value.extract()?));
    }
    if let Ok(flag) = value.extract() {
        return Ok(Value::Bool(flag));
    }
    if value.is_instance_of::<PyTuple>()
        && let Ok((first, last)) = value.extract()
    {
        return Ok(Value::Range(first, last));
    }
    match value.extract() {
        Ok(number) => Ok(Value::Int(number)),
        Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) => {
            let shown = value.str().map(|text| text.to_string());
            Ok(Value::Huge(shown.unwrap_or_else(|_| "one so large".to_owned())))
        }
        Err(_) => Err(PyTypeError::new_err(format!(
            "{name} is compared with a text, a whole number, a range of them, True, False, None, or \
             a list of these, not with {}",
            value.get_type().name()?
        ))),
    }
}

/// Returns the columns of all tables: name, Arrow type, whether values may be missing, `packets`,
/// `flows`, `explained` or `request`, meaning.
#[pyfunction]
pub(crate) fn columns() -> Vec<(&'static str, String, bool, &'static str, &'static str)> {
    let one = |column: &Column| {
        let of = match column.of {
            In::Packets => "packets",
            In::Flows => "flows",
            In::Explained => "explained",
            In::Labelled => "labelled",
            In::OnRequest => "request",
        };
        (column.name, column.kind.name().to_owned(), column.nullable, of, column.doc)
    };
    COLUMNS.iter().map(one).collect()
}

/// Returns the Arrow schema of these columns.
#[pyfunction]
pub(crate) fn schema_of(py: Python<'_>, names: Vec<String>) -> PyResult<Bound<'_, PyCapsule>> {
    let column = |name: &String| COLUMNS.iter().find(|column| column.name == *name);
    let columns: Vec<_> = names.iter().filter_map(column).collect();
    Ok(to_schema_pycapsule(py, schema(&columns))?)
}

/// Rows as objects, one by one.
#[pyclass(frozen, module = "asglog._asglog")]
pub(crate) struct Objects {
    called: Called,
    state: Lock<Reading>,
}

struct Reading {
    rows: Box<dyn Rows>,
    policy: TimePolicy,
    /// Another standard, if its records are wanted.
    standard: Option<(Standard, asg_core::siem::Reading<'static>)>,
    /// The rules that decided, if flows are explained.
    rules: Option<DecidedRules>,
    ready: std::vec::IntoIter<serde_json::Value>,
    more: bool,
}

#[pymethods]
impl Objects {
    const fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        // The interpreter is released for each piece of rows, and not for each row.
        let ready = self.state.try_lock().and_then(|mut state| state.ready.next());
        let value = match ready {
            Some(value) => Some(value),
            None => {
                py.detach(|| self.state.lock(&PyMonitor::QUIET)?.next()).map_err(Failure::from)?
            }
        };
        value.map(|value| objects::object(py, &value)).transpose()
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.called.visit(&visit)
    }

    fn __clear__(&self) {
        self.called.clear();
    }
}

impl Reading {
    fn next(&mut self) -> Result<Option<serde_json::Value>, Error> {
        loop {
            if let Some(value) = self.ready.next() {
                return Ok(Some(value));
            }
            if !self.more {
                return Ok(None);
            }
            let (mut found, policy, standard) = (Vec::new(), self.policy, self.standard);
            let Self { rows, rules, more, .. } = self;
            *more = rows.step(&mut |row| match standard {
                None => found.push(row.to_object(&policy)),
                Some((standard, reading)) => {
                    found.extend(record(row, standard, &reading, rules.as_mut()));
                }
            })?;
            self.ready = found.into_iter();
        }
    }
}

/// Returns the record of a flow; `None` for packets that are not Cloud Foundry's.
fn record(
    row: &Row<'_>,
    standard: Standard,
    reading: &asg_core::siem::Reading<'_>,
    rules: Option<&mut DecidedRules>,
) -> Option<serde_json::Value> {
    let flow = row.flow()?;
    let source = origins::name(flow.origin.source);
    let explained = match row {
        Row::Read(read) => read.explained,
        Row::Saved(_) => None,
    };
    let rule = rules.zip(explained).and_then(|(rules, explained)| rules.of(explained));
    let found = match standard {
        Standard::Ecs => serde_json::to_value(flow.to_ecs(source, reading)?.with_rule(rule)),
        Standard::Ocsf => serde_json::to_value(flow.to_ocsf(source, reading)?.with_rule(rule)),
        Standard::Otlp => serde_json::to_value(flow.to_otlp(source, reading)?.with_rule(rule)),
        Standard::Cim => serde_json::to_value(flow.to_cim(source, reading)?.with_rule(rule)),
        _ => Ok(flow.to_cef(source, reading)?.with_rule(rule).to_string().into()),
    };
    found.ok()
}
