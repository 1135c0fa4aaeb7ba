//! Answers as Python objects.

use std::sync::Arc;

use arrow_array::{ArrayRef, StructArray};
use arrow_schema::{DataType, Field, FieldRef};
use asg_cli::answers::{Cell, Grid};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use pyo3_arrow::ffi::{ArrayIterator, to_stream_pycapsule};

use crate::requested;

/// The native part of `asglog.Answer`.
#[pyclass(frozen, module = "asglog._asglog")]
pub(crate) struct Answer {
    grid: Grid,
}

impl From<Grid> for Answer {
    fn from(grid: Grid) -> Self {
        Self { grid }
    }
}

#[pymethods]
impl Answer {
    fn column_names(&self) -> Vec<&'static str> {
        self.grid.names()
    }

    /// Returns the rows: numbers, times, and texts for all other types.
    fn rows<'py>(&self, py: Python<'py>) -> PyResult<Vec<Vec<Bound<'py, PyAny>>>> {
        use pyo3::IntoPyObjectExt as _;
        let parse = py.import("asglog.times")?.getattr("Time")?.getattr("parse")?;
        let object = |cell: &Cell| match cell {
            Cell::Int(n) => n.into_bound_py_any(py),
            Cell::Time(time) => parse.call1((time.to_string(),)),
            cell => cell.value().text().into_bound_py_any(py),
        };
        self.grid.rows.iter().map(|row| row.iter().map(object).collect()).collect()
    }

    #[pyo3(signature = (requested_schema=None))]
    fn stream<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let batch = self.grid.batch();
        let fields = batch.schema().fields().clone();
        let requested = requested::lossless(py, &fields, requested_schema.as_ref())?;
        let field: FieldRef = Arc::new(Field::new("", DataType::Struct(fields), false));
        let only = [Ok(Arc::new(StructArray::from(batch)) as ArrayRef)];
        let stream = ArrayIterator::new(only, field);
        Ok(to_stream_pycapsule(py, Box::new(stream), requested)?)
    }

    fn __len__(&self) -> usize {
        self.grid.rows.len()
    }
}
