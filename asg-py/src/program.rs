//! The console script: the program of `asg-cli` in a Python process.

use std::ffi::OsString;

use pyo3::exceptions::PySystemExit;
use pyo3::prelude::*;

/// Runs the program and returns its exit status. Signals whose handlers raise end it: with the
/// status of a `SystemExit`, or 130 for other exceptions. After that the caller must end the
/// process.
#[pyfunction]
pub(crate) fn command_line(py: Python<'_>, args: Vec<OsString>) -> u8 {
    py.detach(|| {
        asg_cli::program::main(args, || {
            Python::attach(|py| py.check_signals().err().map(|e| status(py, &e)))
        })
    })
}

fn status(py: Python<'_>, raised: &PyErr) -> u8 {
    let exit = raised.is_instance_of::<PySystemExit>(py);
    let code = exit.then(|| raised.value(py).getattr("code").and_then(|code| code.extract()));
    code.and_then(Result::ok).unwrap_or(130)
}
