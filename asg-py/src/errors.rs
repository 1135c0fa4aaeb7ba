//! Exceptions: what Rust reports as an error, Python raises.

use std::io;

use arrow_schema::ArrowError;
use pyo3::exceptions::{PyException, PyOSError, PyValueError};
use pyo3::prelude::*;

pyo3::create_exception!(asglog, AsgError, PyException, "The base of this package's exceptions.");
pyo3::create_exception!(
    asglog,
    DirectoryError,
    AsgError,
    "A directory could not answer; then nothing is known, least of all that an app is gone."
);

/// Why a function of this module failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A file could not be read, or written.
    Read(String, io::Error),
    /// A directory could not answer.
    Directory(String),
    /// Asked for what cannot be done.
    Usage(&'static str),
    /// Asked for with a value that makes no sense.
    Value(String),
    /// Arrow, or a writer, failed.
    Arrow(String),
    /// Python's own: from a file object, a callback, or Ctrl-C.
    Python(PyErr),
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
            Failure::Directory(message) => DirectoryError::new_err(message),
            Failure::Usage(message) => AsgError::new_err(message),
            Failure::Value(message) => PyValueError::new_err(message),
            Failure::Arrow(message) => AsgError::new_err(message),
            Failure::Python(raised) => raised,
        }
    }
}

/// `OSError(errno, text, path)`, which Python turns into `FileNotFoundError` and its like.
fn os_error(name: String, error: &io::Error) -> PyErr {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default().to_owned();
    match error.raw_os_error() {
        Some(number) => PyOSError::new_err((number, text, name)),
        None if error.kind() == io::ErrorKind::IsADirectory => {
            pyo3::exceptions::PyIsADirectoryError::new_err(format!("it is a folder: {name}"))
        }
        None => PyOSError::new_err(format!("{text}: {name}")),
    }
}
