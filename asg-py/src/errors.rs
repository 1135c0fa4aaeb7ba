//! Exceptions: what Rust reports as an error, Python raises. The classes are `asglog.errors`'.

use std::io;

use arrow_schema::ArrowError;
use pyo3::exceptions::{PyIsADirectoryError, PyOSError, PyValueError};
use pyo3::prelude::*;

/// Why a function of this module failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A file could not be read, or written.
    Read(String, io::Error),
    /// A directory could not answer.
    Directory(String),
    /// A file is no ledger.
    Ledger(String),
    /// A line is damaged, and that was not to be.
    Damaged(Box<Damage>),
    /// Asked for what cannot be done.
    Usage(&'static str),
    /// Asked for with a value that makes no sense.
    Value(String),
    /// Arrow, or a writer, failed.
    Arrow(String),
    /// Python's own: from a file object, a callback, or Ctrl-C.
    Python(PyErr),
}

/// What is wrong with a line.
#[derive(Debug)]
pub(crate) struct Damage {
    pub(crate) source: Option<String>,
    pub(crate) line: u64,
    /// Bytes from the start of the line.
    pub(crate) offset: usize,
    pub(crate) reason: String,
}

impl Failure {
    pub(crate) fn read(name: impl Into<String>, error: io::Error) -> Self {
        // A file object's exception comes as it was raised.
        match error.downcast::<PyErr>() {
            Ok(raised) => Self::Python(raised),
            Err(error) => Self::Read(name.into(), error),
        }
    }
}

impl From<asg_cc_client::Error> for Failure {
    fn from(error: asg_cc_client::Error) -> Self {
        Self::Directory(error.to_string())
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl From<ArrowError> for Failure {
    fn from(error: ArrowError) -> Self {
        Self::Arrow(error.to_string())
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Read(name, error) => os_error(name, &error),
            Failure::Directory(message) => ours("DirectoryError", (message,)),
            Failure::Ledger(message) => ours("LedgerError", (message,)),
            Failure::Damaged(damage) => {
                let Damage { source, line, offset, reason } = *damage;
                ours("ParseError", (line, offset, reason, source))
            }
            Failure::Usage(message) => ours("AsgError", (message,)),
            Failure::Value(message) => PyValueError::new_err(message),
            Failure::Arrow(message) => ours("AsgError", (message,)),
            Failure::Python(raised) => raised,
        }
    }
}

/// An exception of this package's.
fn ours(name: &str, args: impl for<'py> pyo3::call::PyCallArgs<'py>) -> PyErr {
    Python::attach(|py| {
        let made = py.import("asglog.errors").and_then(|module| module.call_method1(name, args));
        made.map_or_else(|error| error, PyErr::from_value)
    })
}

/// `OSError(errno, text, path)`, which Python turns into `FileNotFoundError` and its like.
fn os_error(name: String, error: &io::Error) -> PyErr {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default().to_owned();
    match error.raw_os_error() {
        Some(number) => PyOSError::new_err((number, text, name)),
        None if error.kind() == io::ErrorKind::IsADirectory => {
            PyIsADirectoryError::new_err(format!("it is a folder: {name}"))
        }
        None => PyOSError::new_err(format!("{text}: {name}")),
    }
}
