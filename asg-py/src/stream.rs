//! Arrow streams of tables.
//!
//! A consumer may call a stream with or without the interpreter, so the stream releases it in any
//! case. That is impossible inside a callback; see [`callback`]. There a stream is read to its end
//! when it is created, while the interpreter is surely held, and then only hands out the rows.

use std::sync::Arc;
use std::thread;

use arrow_array::{ArrayRef, RecordBatch, StructArray};
use arrow_schema::{ArrowError, DataType, Field, FieldRef};
use asg_cli::error::Error;
use asg_cli::query::{Batches, Query};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyList};
use pyo3_arrow::ffi::{ArrayIterator, ArrayReader, to_stream_pycapsule};

use crate::errors::Failure;
use crate::{callback, requested};

/// Creates a new stream of the rows. Exceptions are added to `failures`.
pub(crate) fn capsule<'py>(
    py: Python<'py>,
    query: &Query,
    requested_schema: Option<&Bound<'py, PyCapsule>>,
    failures: Option<Py<PyList>>,
) -> PyResult<Bound<'py, PyCapsule>> {
    let batches = query.batches();
    let schema = batches.schema();
    let field: FieldRef =
        Arc::new(Field::new("", DataType::Struct(schema.fields().clone()), false));
    let requested = requested::lossless(py, schema.fields(), requested_schema)?;
    let reader: Box<dyn ArrayReader + Send> = if callback::is_inside() {
        let all: Result<Vec<RecordBatch>, Error> = py.detach(|| batches.collect());
        let all = all.map_err(Failure::from)?;
        Box::new(ArrayIterator::new(all.into_iter().map(|batch| Ok(array(batch))), field))
    } else {
        Box::new(Stream { open: Some(Open { batches, failures }), field })
    };
    Ok(to_stream_pycapsule(py, reader, requested)?)
}

fn array(batch: RecordBatch) -> ArrayRef {
    Arc::new(StructArray::from(batch))
}

struct Stream {
    /// `None` behind the end.
    open: Option<Open>,
    field: FieldRef,
}

struct Open {
    batches: Batches,
    failures: Option<Py<PyList>>,
}

impl Iterator for Stream {
    type Item = Result<ArrayRef, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let open = self.open.as_mut()?;
        if callback::is_inside() {
            let what = "a stream that was opened before a callback cannot be read inside it";
            return Some(Err(ArrowError::ExternalError(what.into())));
        }
        let batch = Python::attach(|py| py.detach(|| open.batches.next_batch()));
        let item = match batch {
            Ok(Some(batch)) => return Some(Ok(array(batch))),
            Ok(None) => None,
            Err(error) => Some(Err(open.report(error))),
        };
        self.open = None;
        item
    }
}

impl Open {
    /// Makes the error text, which is all that a consumer gets. If an interruption cannot be
    /// reported otherwise, Ctrl-C is simulated, so that it is raised after the consumer has given
    /// up.
    fn report(&self, error: Error) -> ArrowError {
        Python::attach(|py| {
            let raised = PyErr::from(Failure::from(error));
            let text = raised.to_string();
            let reported = match &self.failures {
                Some(failures) => failures.bind(py).append(raised.into_value(py)),
                None if raised.is_instance_of::<PyKeyboardInterrupt>(py) => py
                    .import("_thread")
                    .and_then(|thread| thread.call_method0("interrupt_main").map(drop)),
                None => Ok(()),
            };
            let text = reported.err().map_or(text, |error| error.to_string());
            ArrowError::ExternalError(text.into())
        })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let Some(open) = self.open.take().filter(|_| callback::is_inside()) else { return };
        // Inside a callback this thread may be without the interpreter, which Python's objects
        // need.
        thread::spawn(move || Python::attach(|_| drop(open)));
    }
}

impl ArrayReader for Stream {
    fn field(&self) -> FieldRef {
        Arc::clone(&self.field)
    }
}
