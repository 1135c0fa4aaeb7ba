//! The lazy table: it says what is to be read, and reads it anew for each stream that is asked of it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{ArrayRef, StructArray};
use arrow_schema::{ArrowError, DataType, Field, FieldRef};
use asg_core::{TimePolicy, Timestamp};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyList};
use pyo3_arrow::ffi::{ArrayReader, to_schema_pycapsule, to_stream_pycapsule};
use serde_json::Value;

use crate::answers::{self, Answer, By, Measure};
use crate::columns::{COLUMNS, Column, In, Row, schema};
use crate::directory::AnyDirectory;
use crate::errors::Failure;
use crate::filter::{Filter, Given};
use crate::flows::{Flows, Gathered};
use crate::ledger::Ledger;
use crate::lines::Readers;
use crate::rows::{Batches, Counts, Known, Packets, Rows, View};
use crate::source::Item;
use crate::{objects, origins, requested, time_policy, write};

/// What a table is made of, behind `asglog.Table`.
#[pyclass(frozen, module = "asglog._asglog")]
#[derive(Clone)]
pub(crate) struct Table {
    readers: Readers,
    policy: TimePolicy,
    /// Where flows get their owners from; `None` for packets.
    gathered: Option<Arc<Gathered>>,
    view: View,
    /// What the last reading that came to its end has seen.
    known: Known,
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
        Ok(Self::new(Readers::new(items, progress), policy, None))
    }

    /// The items come sorted by name, and their numbers are by name too: the order of a caller's arguments must not matter.
    #[staticmethod]
    fn flows(
        items: Vec<Item>,
        directory: Option<AnyDirectory>,
        ledger: Option<Py<Ledger>>,
        year: Option<i16>,
        utc_offset: f64,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let policy = time_policy(year, utc_offset)?;
        let gathered = Gathered::new(policy, directory.map(|given| given.0), ledger);
        Ok(Self::new(Readers::new(items, progress), policy, Some(Arc::new(gathered))))
    }

    /// The same with one more condition.
    fn filter(&self, name: &str, values: Vec<Bound<'_, PyAny>>) -> PyResult<Self> {
        let given = values.iter().map(|value| Given::new(name, value)).collect::<PyResult<_>>()?;
        Ok(self.filtered(name, given)?)
    }

    /// The same between two times, in nanoseconds since the epoch.
    #[pyo3(signature = (from, until, /))]
    fn between(&self, from: Option<i64>, until: Option<i64>) -> Self {
        let [from, until] = [from, until].map(|time| time.map(Timestamp::from_nanos));
        let filter = self.view.filter.clone().and_between(from, until);
        self.with(View { filter, ..self.view.clone() })
    }

    /// The same with these columns, in this order.
    fn select(&self, names: Vec<String>) -> PyResult<Self> {
        let column = |name: &String| {
            let found = COLUMNS.iter().find(|column| column.name == *name && self.has(column));
            found.ok_or_else(|| Failure::Value(format!("there is no column {name:?}")))
        };
        let columns: Vec<_> = names.iter().map(column).collect::<Result<_, _>>()?;
        let twice = (1..names.len()).find(|&n| names[..n].contains(&names[n]));
        if let Some(n) = twice {
            return Err(Failure::Value(format!("column {:?} is named twice", names[n])).into());
        }
        Ok(self.with(View { columns, ..self.view.clone() }))
    }

    fn column_names(&self) -> Vec<&'static str> {
        self.view.columns.iter().map(|column| column.name).collect()
    }

    fn has_flows(&self) -> bool {
        self.gathered.is_some()
    }

    /// True if looking at the first rows costs little: no reading of everything before, and nothing that comes only once.
    fn is_ready(&self, py: Python<'_>) -> bool {
        self.readers.are_repeatable()
            && py.detach(|| self.gathered.as_ref().is_none_or(|gathered| gathered.is_ready()))
    }

    /// A stream from the beginning. What goes wrong is put into `failures` as it was raised, for the consumer makes a text
    /// of it.
    #[pyo3(signature = (requested_schema=None, failures=None))]
    fn stream<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
        failures: Option<Py<PyList>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let stream = Stream { batches: self.batches(), ended: false, failures };
        let schema = stream.batches.schema();
        let requested = requested::lossless(py, schema.fields(), requested_schema.as_ref())?;
        Ok(to_stream_pycapsule(py, Box::new(stream), requested)?)
    }

    /// The largest groups.
    fn top(
        &self,
        py: Python<'_>,
        by: Vec<String>,
        most: Option<usize>,
        measure: &str,
    ) -> PyResult<Answer> {
        let by = self.by(&by)?;
        let measure = Measure::parse(measure).map_err(Failure::Value)?;
        Ok(py.detach(|| answers::top(self.all(), by, most, measure))?.into())
    }

    /// Sums by pieces of so many nanoseconds.
    fn timeline(&self, py: Python<'_>, nanos: i64, by: Vec<String>) -> PyResult<Answer> {
        let by = By::spans(nanos, &by, self.has_flows(), |column| self.has(column));
        let by = by.map_err(Failure::Value)?;
        Ok(py.detach(|| answers::timeline(self.all(), by))?.into())
    }

    fn summary(&self, py: Python<'_>) -> PyResult<Answer> {
        Ok(py.detach(|| answers::summary(self.all(), |column| self.has(column)))?.into())
    }

    fn new_destinations(&self, py: Python<'_>, baseline: &Self) -> PyResult<Answer> {
        Ok(py.detach(|| answers::new_destinations(self.all(), baseline.all()))?.into())
    }

    /// Runs with gaps of at most so many nanoseconds.
    fn denied_episodes(&self, py: Python<'_>, gap: i64) -> PyResult<Answer> {
        Ok(py.detach(|| answers::denied_episodes(self.all(), gap))?.into())
    }

    /// The rows as objects of the output contract.
    fn objects(&self) -> Objects {
        Objects {
            state: Mutex::new(Reading {
                rows: self.rows(),
                policy: self.policy,
                ready: Vec::new().into_iter(),
                more: true,
            }),
        }
    }

    /// The first rows as texts, among the first pieces only: for people, who do not want to wait.
    fn head(&self, py: Python<'_>, rows: usize) -> PyResult<Vec<Vec<Option<String>>>> {
        const PIECES: usize = 32;
        let read = || {
            let quiet = Self { readers: self.readers.quietly(), ..self.clone() };
            let (mut reading, mut found) = (quiet.rows(), Vec::new());
            for _ in 0..PIECES {
                let more = reading.step(&mut |row| {
                    if found.len() < rows {
                        found.push(self.view.columns.iter().map(|c| (c.get)(row).text()).collect());
                    }
                })?;
                if !more || found.len() == rows {
                    break;
                }
            }
            Ok::<_, Failure>(found)
        };
        Ok(py.detach(read)?)
    }

    /// Lines, packets, damaged packets and rows of the last reading that came to its end.
    fn counts(&self) -> Option<[u64; 4]> {
        let Counts { lines, packets, damaged, rows } = self.known.get()?;
        Some([lines, packets, damaged, rows])
    }

    fn write_parquet(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        Ok(py.detach(|| write::parquet(self.batches(), &path))?)
    }
}

/// The columns of all tables: name, Arrow type, whether values may be missing, `packets`, `flows` or `request`, meaning.
#[pyfunction]
pub(crate) fn columns() -> Vec<(&'static str, String, bool, &'static str, &'static str)> {
    let one = |column: &Column| {
        let of = match column.of {
            In::Packets => "packets",
            In::Flows => "flows",
            In::OnRequest => "request",
        };
        (column.name, column.kind.name().to_owned(), column.nullable, of, column.doc)
    };
    COLUMNS.iter().map(one).collect()
}

/// The Arrow schema of these columns.
#[pyfunction]
pub(crate) fn schema_of(py: Python<'_>, names: Vec<String>) -> PyResult<Bound<'_, PyCapsule>> {
    let column = |name: &String| COLUMNS.iter().find(|column| column.name == *name);
    let columns: Vec<_> = names.iter().filter_map(column).collect();
    Ok(to_schema_pycapsule(py, schema(&columns))?)
}

impl Table {
    pub(crate) fn new(
        readers: Readers,
        policy: TimePolicy,
        gathered: Option<Arc<Gathered>>,
    ) -> Self {
        let flows = gathered.is_some();
        let shown =
            |column: &&'static Column| column.of == In::Packets || column.of == In::Flows && flows;
        Self {
            readers,
            policy,
            gathered,
            view: View {
                columns: COLUMNS.iter().filter(shown).collect(),
                filter: Filter::default(),
            },
            known: Known::default(),
        }
    }

    fn has(&self, column: &Column) -> bool {
        column.of != In::Flows || self.gathered.is_some()
    }

    fn with(&self, view: View) -> Self {
        Self { view, known: Known::default(), ..self.clone() }
    }

    /// The same with one more condition.
    pub(crate) fn filtered(&self, name: &str, values: Vec<Given>) -> Result<Self, Failure> {
        let filter = self.view.filter.clone().and(name, values, |column| self.has(column));
        Ok(self.with(View { filter: filter.map_err(Failure::Value)?, ..self.view.clone() }))
    }

    /// True if the row is one of this table's.
    pub(crate) fn admits(&self, row: &Row<'_>) -> bool {
        self.view.filter.admits(row)
    }

    /// The columns that are shown.
    pub(crate) fn columns(&self) -> &[&'static Column] {
        &self.view.columns
    }

    /// How many lines the last reading saw that came to its end.
    pub(crate) fn lines(&self) -> u64 {
        self.known.get().map_or(0, |counts| counts.lines)
    }

    /// What is grouped by, among the columns that are there.
    pub(crate) fn by(&self, names: &[String]) -> Result<By, Failure> {
        By::new(names, self.has_flows(), |column| self.has(column)).map_err(Failure::Value)
    }

    /// A new reading of all rows that the filter admits, with their times, whatever columns are chosen.
    pub(crate) fn all(&self) -> Box<dyn Rows> {
        let columns = COLUMNS.iter().filter(|column| column.name == "time").collect();
        let view = View { columns, ..self.view.clone() };
        Self { view, ..self.clone() }.rows()
    }

    /// A new reading from the beginning.
    pub(crate) fn rows(&self) -> Box<dyn Rows> {
        let known = self.known.clone();
        match &self.gathered {
            Some(gathered) => Box::new(Flows::new(
                self.readers.clone(),
                Arc::clone(gathered),
                self.view.clone(),
                known,
            )),
            None => Box::new(Packets::new(self.readers.open(), self.policy, &self.view, known)),
        }
    }

    pub(crate) fn batches(&self) -> Batches {
        Batches::new(self.rows(), &self.view.columns)
    }
}

/// The Arrow stream of a table.
struct Stream {
    batches: Batches,
    ended: bool,
    failures: Option<Py<PyList>>,
}

impl Iterator for Stream {
    type Item = Result<ArrayRef, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        // Some consumers hold the interpreter while they wait and some do not: it is let go of in any case.
        let batch = Python::attach(|py| py.detach(|| self.batches.next_batch()));
        self.ended = !matches!(batch, Ok(Some(_)));
        match batch {
            Ok(batch) => batch.map(|batch| Ok(Arc::new(StructArray::from(batch)) as ArrayRef)),
            Err(failure) => Some(Err(self.told(failure))),
        }
    }
}

impl Stream {
    /// A stream's error is a text. Who cannot be told more has Ctrl-C pressed again once the consumer has given up.
    fn told(&self, failure: Failure) -> ArrowError {
        Python::attach(|py| {
            let raised = PyErr::from(failure);
            let text = raised.to_string();
            let told = match &self.failures {
                Some(failures) => failures.bind(py).append(raised.into_value(py)),
                None if raised.is_instance_of::<PyKeyboardInterrupt>(py) => py
                    .import("_thread")
                    .and_then(|thread| thread.call_method0("interrupt_main").map(drop)),
                None => Ok(()),
            };
            ArrowError::ExternalError(told.err().map_or(text, |error| error.to_string()).into())
        })
    }
}

impl ArrayReader for Stream {
    fn field(&self) -> FieldRef {
        let fields = self.batches.schema().fields().clone();
        Arc::new(Field::new("", DataType::Struct(fields), false))
    }
}

/// Rows as objects, one by one.
#[pyclass(frozen, module = "asglog._asglog")]
pub(crate) struct Objects {
    state: Mutex<Reading>,
}

struct Reading {
    rows: Box<dyn Rows>,
    policy: TimePolicy,
    ready: std::vec::IntoIter<Value>,
    more: bool,
}

#[pymethods]
impl Objects {
    const fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let next = || self.state.lock().unwrap_or_else(PoisonError::into_inner).next();
        py.detach(next)?.map(|value| objects::object(py, &value)).transpose()
    }
}

impl Reading {
    fn next(&mut self) -> Result<Option<Value>, Failure> {
        loop {
            if let Some(value) = self.ready.next() {
                return Ok(Some(value));
            }
            if !self.more {
                return Ok(None);
            }
            let (mut found, policy) = (Vec::new(), self.policy);
            self.more = self.rows.step(&mut |row| found.push(object(row, &policy)))?;
            self.ready = found.into_iter();
        }
    }
}

fn object(row: &Row<'_>, policy: &TimePolicy) -> Value {
    let object = match row.flow {
        Some(flow) => serde_json::to_value(flow.to_output(origins::name)),
        None => serde_json::to_value(row.record.to_output(row.origin.line, policy)),
    };
    let mut object = object.unwrap_or_default();
    if let Value::Object(members) = &mut object {
        members.insert("source".into(), row.source.into());
    }
    object
}
