//! Exceptions for errors. The classes are those of `asglog.errors`.

use std::io;

use asg_cli::error::Error;
use pyo3::exceptions::{
    PyIsADirectoryError, PyKeyboardInterrupt, PyOSError, PyRuntimeError, PyValueError,
};
use pyo3::prelude::*;

/// The reason why a function of this module failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Reading or writing failed.
    Error(Error),
    /// A line is damaged, and the caller wants an exception for damage.
    Damaged(Box<Damage>),
    /// Python code raised.
    Python(PyErr),
}

/// The damage of a line.
#[derive(Debug)]
pub(crate) struct Damage {
    pub(crate) source: Option<String>,
    pub(crate) line: u64,
    /// Bytes from the start of the line.
    pub(crate) offset: usize,
    pub(crate) reason: String,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<asg_cc_client::Error> for Failure {
    fn from(error: asg_cc_client::Error) -> Self {
        Self::Error(error.into())
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Error(error) => exception(error),
            Failure::Damaged(damage) => {
                let Damage { source, line, offset, reason } = *damage;
                ours("ParseError", (line, offset, reason, source))
            }
            Failure::Python(raised) => raised,
        }
    }
}

fn exception(error: Error) -> PyErr {
    match error {
        Error::File(name, error) => os_error(name, &error),
        Error::Directory(message) => ours("DirectoryError", (message,)),
        Error::Ledger(message) => ours("LedgerError", (message,)),
        Error::Value(message) => PyValueError::new_err(message),
        Error::Busy(message) => PyRuntimeError::new_err(message),
        Error::Stopped => PyKeyboardInterrupt::new_err(()),
        // The exception is raised again, unchanged.
        Error::Callback(error) => match error.downcast::<PyErr>() {
            Ok(raised) => *raised,
            Err(error) => ours("AsgError", (error.to_string(),)),
        },
        error => ours("AsgError", (error.to_string(),)),
    }
}

/// Creates an exception of this package.
fn ours(name: &str, args: impl for<'py> pyo3::call::PyCallArgs<'py>) -> PyErr {
    Python::attach(|py| {
        let made = py.import("asglog.errors").and_then(|module| module.call_method1(name, args));
        made.map_or_else(|error| error, PyErr::from_value)
    })
}

/// Creates `OSError(errno, text, path)`, from which Python makes `FileNotFoundError` and its like.
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
