//! The lazy table: it says what is to be read, and reads it anew for each stream that is asked of it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{ArrayRef, StructArray};
use arrow_schema::{ArrowError, DataType, Field, FieldRef};
use asg_core::{TimePolicy, Timestamp};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use pyo3_arrow::ffi::{ArrayReader, to_schema_pycapsule, to_stream_pycapsule};
use serde_json::Value;

use crate::columns::{COLUMNS, Column, In, schema};
use crate::directory::AnyDirectory;
use crate::errors::Failure;
use crate::filter::{Filter, Given};
use crate::lines::Reader;
use crate::rows::{Counts, Flows, Gathered, Known, Packets, Rows, View};
use crate::source::Item;
use crate::{objects, time_policy, write};

/// What a table is made of, behind `asglog.Table`.
#[pyclass(frozen, module = "asglog._asglog")]
#[derive(Clone)]
pub(crate) struct Table {
    items: Arc<Vec<Item>>,
    policy: TimePolicy,
    /// Where flows get their owners from; `None` for packets.
    gathered: Option<Arc<Gathered>>,
    view: View,
    progress: Option<Arc<Py<PyAny>>>,
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
        Ok(Self::new(items, time_policy(year, utc_offset)?, None, progress))
    }

    #[staticmethod]
    fn flows(
        mut items: Vec<Item>,
        directory: Option<AnyDirectory>,
        year: Option<i16>,
        utc_offset: f64,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        if !items.iter().all(Item::is_repeatable) {
            return Err(Failure::Usage(
                "logs are read twice to be correlated: give a file that can seek",
            )
            .into());
        }
        // Numbered by sorted name: the order of the arguments must not matter.
        items.sort_by(|a, b| a.name.cmp(&b.name));
        let policy = time_policy(year, utc_offset)?;
        let gathered = Gathered::new(policy, directory.map(|directory| directory.shared()));
        Ok(Self::new(items, policy, Some(Arc::new(gathered)), progress))
    }

    /// The same with one more condition.
    fn filter(&self, name: &str, values: Vec<Given>) -> PyResult<Self> {
        let filter = self.view.filter.clone().and(name, values, |column| self.has(column));
        Ok(self.with(View { filter: filter.map_err(Failure::Value)?, ..self.view.clone() }))
    }

    /// The same between two times, in nanoseconds since the epoch.
    #[pyo3(signature = (from, until, /))]
    fn between(&self, from: Option<i64>, until: Option<i64>) -> Self {
        let [from, until] = [from, until].map(|time| time.map(Timestamp::from_nanos));
        self.with(View {
            filter: self.view.filter.clone().and_between(from, until),
            ..self.view.clone()
        })
    }

    /// The same with these columns, in this order.
    fn select(&self, names: Vec<String>) -> PyResult<Self> {
        let column = |name: &String| {
            let found = COLUMNS.iter().find(|column| column.name == *name && self.has(column));
            found.ok_or_else(|| Failure::Value(format!("there is no column {name:?}")))
        };
        let columns = names.iter().map(column).collect::<Result<_, _>>()?;
        Ok(self.with(View { columns, ..self.view.clone() }))
    }

    fn column_names(&self) -> Vec<&'static str> {
        self.view.columns.iter().map(|column| column.name).collect()
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        Ok(to_schema_pycapsule(py, schema(&self.view.columns))?)
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let stream = Stream { rows: self.rows(py), ended: false };
        Ok(to_stream_pycapsule(py, Box::new(stream), requested_schema)?)
    }

    /// The flows as objects of the output contract.
    fn objects(&self, py: Python<'_>) -> PyResult<Objects> {
        match &self.gathered {
            Some(gathered) => Ok(Objects {
                flows: Mutex::new((self.flow_rows(py, gathered), Vec::new().into_iter(), true)),
            }),
            None => Err(Failure::Usage("packets are no flows").into()),
        }
    }

    /// Lines, packets, damaged packets and rows of the last reading that came to its end.
    fn counts(&self) -> Option<[u64; 4]> {
        let Counts { lines, packets, damaged, rows } = self.known.get()?;
        Some([lines, packets, damaged, rows])
    }

    fn write_parquet(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let rows = self.rows(py);
        Ok(py.detach(|| write::parquet(rows, &path))?)
    }
}

impl Table {
    fn new(
        items: Vec<Item>,
        policy: TimePolicy,
        gathered: Option<Arc<Gathered>>,
        progress: Option<Py<PyAny>>,
    ) -> Self {
        let flows = gathered.is_some();
        let shown =
            |column: &&'static Column| column.of == In::Packets || column.of == In::Flows && flows;
        Self {
            items: Arc::new(items),
            policy,
            gathered,
            view: View {
                columns: COLUMNS.iter().filter(shown).collect(),
                filter: Filter::default(),
            },
            progress: progress.map(Arc::new),
            known: Known::default(),
        }
    }

    fn has(&self, column: &Column) -> bool {
        column.of != In::Flows || self.gathered.is_some()
    }

    fn with(&self, view: View) -> Self {
        Self { view, known: Known::default(), ..self.clone() }
    }

    fn reader(&self, py: Python<'_>) -> Reader {
        let progress = self.progress.as_ref().map(|progress| progress.clone_ref(py));
        Reader::new(Arc::clone(&self.items), progress)
    }

    /// A new reading from the beginning.
    fn rows(&self, py: Python<'_>) -> Box<dyn Rows> {
        match &self.gathered {
            Some(gathered) => Box::new(self.flow_rows(py, gathered)),
            None => Box::new(Packets::new(
                Arc::clone(&self.items),
                self.reader(py),
                self.policy,
                self.view.clone(),
                self.known.clone(),
            )),
        }
    }

    fn flow_rows(&self, py: Python<'_>, gathered: &Arc<Gathered>) -> Flows {
        Flows::new(
            Arc::clone(&self.items),
            (self.reader(py), self.reader(py)),
            Arc::clone(gathered),
            self.view.clone(),
            self.known.clone(),
        )
    }
}

/// The Arrow stream of a table.
struct Stream {
    rows: Box<dyn Rows>,
    ended: bool,
}

impl Iterator for Stream {
    type Item = Result<ArrayRef, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        // Some consumers hold the interpreter while they wait and some do not: it is let go of in any case.
        let batch = Python::attach(|py| py.detach(|| self.rows.next_batch()));
        self.ended = !matches!(batch, Ok(Some(_)));
        match batch {
            Ok(batch) => batch.map(|batch| Ok(Arc::new(StructArray::from(batch)) as ArrayRef)),
            Err(failure) => Some(Err(foreign(failure))),
        }
    }
}

/// A stream's error is a text. So that Ctrl-C stays what it is, it is pressed again once the consumer has given up.
fn foreign(failure: Failure) -> ArrowError {
    Python::attach(|py| {
        let raised = PyErr::from(failure);
        if raised.is_instance_of::<pyo3::exceptions::PyKeyboardInterrupt>(py) {
            let again =
                py.import("_thread").and_then(|thread| thread.call_method0("interrupt_main"));
            return ArrowError::ExternalError(again.err().unwrap_or(raised).to_string().into());
        }
        ArrowError::ExternalError(raised.to_string().into())
    })
}

impl ArrayReader for Stream {
    fn field(&self) -> FieldRef {
        Arc::new(Field::new("", DataType::Struct(self.rows.schema().fields().clone()), false))
    }
}

/// Flows as objects, one by one.
#[pyclass(frozen, module = "asglog._asglog")]
pub(crate) struct Objects {
    /// What is read, what is ready, and whether there is more.
    flows: Mutex<(Flows, std::vec::IntoIter<Value>, bool)>,
}

#[pymethods]
impl Objects {
    const fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let next = || -> Result<Option<Value>, Failure> {
            let mut held = self.flows.lock().unwrap_or_else(PoisonError::into_inner);
            let (flows, ready, more) = &mut *held;
            loop {
                if let Some(value) = ready.next() {
                    return Ok(Some(value));
                }
                if !*more {
                    return Ok(None);
                }
                let mut found = Vec::new();
                *more = flows.next_objects(&mut found)?;
                *ready = found.into_iter();
            }
        };
        py.detach(next)?.map(|value| objects::object(py, &value)).transpose()
    }
}
