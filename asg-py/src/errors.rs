//! Exceptions: what Rust reports as an error, Python raises.

use std::io;
use std::path::{Path, PathBuf};

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

pyo3::create_exception!(
    asglog,
    AsgError,
    pyo3::exceptions::PyException,
    "The base of this package's exceptions."
);
pyo3::create_exception!(
    asglog,
    DirectoryError,
    AsgError,
    "A directory could not answer; then nothing is known, least of all that an app is gone."
);

/// Why a function of this module failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A file could not be read.
    Read(PathBuf, io::Error),
    /// A directory could not answer.
    Directory(String),
}

impl Failure {
    pub(crate) fn read(path: &Path, error: io::Error) -> Self {
        Self::Read(path.to_owned(), error)
    }
}

impl From<asg_cc_client::Error> for Failure {
    fn from(error: asg_cc_client::Error) -> Self {
        Self::Directory(error.to_string())
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Read(path, error) => os_error(&path, &error),
            Failure::Directory(message) => DirectoryError::new_err(message),
        }
    }
}

/// `OSError(errno, text, path)`, which Python turns into `FileNotFoundError` and its like.
fn os_error(path: &Path, error: &io::Error) -> PyErr {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default().to_owned();
    let path = path.to_string_lossy().into_owned();
    match error.raw_os_error() {
        Some(number) => PyOSError::new_err((number, text, path)),
        None => PyOSError::new_err(format!("{text}: {path}")),
    }
}
