//! The lines of sources as a table: for engines that deal lines to workers.

use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::builder::{BinaryBuilder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, StructArray};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields};
use asg_cli::lines::LineReader;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use pyo3_arrow::ffi::{ArrayIterator, to_stream_pycapsule};

use crate::errors::Failure;
use crate::requested;
use crate::source::{Given, Item};

/// The bytes of lines in one batch: Spark's workers hold some of them at once.
const TOGETHER: usize = 8 << 20;

/// Reads sources piece by piece.
#[pyclass(frozen, module = "asglog._asglog")]
pub(crate) struct Lines {
    lines: Mutex<LineReader>,
}

#[pymethods]
impl Lines {
    #[new]
    fn new(items: Vec<Item>) -> Self {
        let given = Given::new(items, None);
        Self { lines: Mutex::new(given.readers().open("reading")) }
    }

    /// Returns the next lines as a stream of one batch, with the columns `source`, `line` and
    /// `value`; `None` behind the last one.
    fn next_batch<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyCapsule>>> {
        let batch = py.detach(|| {
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            batch(&mut lines)
        });
        let Some(batch) = batch.map_err(Failure::from)? else { return Ok(None) };
        let requested = requested::lossless(py, batch.fields(), None)?;
        let field: FieldRef =
            Arc::new(Field::new("", DataType::Struct(batch.fields().clone()), false));
        let only: [Result<ArrayRef, ArrowError>; 1] = [Ok(Arc::new(batch))];
        let stream = ArrayIterator::new(only, field);
        Ok(Some(to_stream_pycapsule(py, Box::new(stream), requested)?))
    }
}

fn batch(lines: &mut LineReader) -> Result<Option<StructArray>, asg_cli::error::Error> {
    let (mut sources, mut numbers) = (StringBuilder::new(), Int64Builder::new());
    let mut values = BinaryBuilder::new();
    let (mut bytes, mut more) = (0, true);
    while more && bytes < TOGETHER {
        more = lines.step(|raw| {
            // The first line of a document has its whole text.
            if raw.part_of.is_none() {
                sources.append_value(raw.source);
                numbers.append_value(i64::try_from(raw.origin.line).unwrap_or(i64::MAX));
                values.append_value(raw.bytes);
                bytes += raw.bytes.len();
            }
        })?;
    }
    let columns: [ArrayRef; 3] =
        [Arc::new(sources.finish()), Arc::new(numbers.finish()), Arc::new(values.finish())];
    if columns[0].is_empty() {
        return Ok(None);
    }
    let fields = Fields::from(vec![
        Field::new("source", DataType::Utf8, false),
        Field::new("line", DataType::Int64, false),
        Field::new("value", DataType::Binary, false),
    ]);
    Ok(Some(StructArray::new(fields, columns.into(), None)))
}
