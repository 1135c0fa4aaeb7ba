//! The native module of the Python package `asglog`: it hands bytes to `asg_core` and gives back what that says.
//!
//! Rooms: [`input`] reads logs, [`correlate`] walks them twice, [`directory`] is who is asked for names, [`objects`] makes
//! Python objects of the output contract, [`errors`] makes exceptions of errors.
#![forbid(unsafe_code)]
#![allow(
    clippy::doc_markdown,
    clippy::needless_pass_by_value,
    reason = "docs of what Python sees are Python's, and pyo3 hands arguments over by value"
)]

mod correlate;
mod directory;
mod errors;
mod input;
mod objects;

use asg_core::{TimePolicy, YearPolicy};
use pyo3::prelude::*;

/// How times are completed, from the keyword arguments that all functions share. `utc_offset` is in hours.
fn time_policy(year: Option<i16>, utc_offset: f64) -> PyResult<TimePolicy> {
    if !(-24.0..=24.0).contains(&utc_offset) {
        let message = "utc_offset is in hours, from -24 to 24";
        return Err(pyo3::exceptions::PyValueError::new_err(message));
    }
    Ok(TimePolicy {
        year: year.map_or(YearPolicy::Unset, YearPolicy::Fixed),
        utc_offset: (utc_offset * 3600.0).round() as i32,
        boot: None,
    })
}

/// The native half of asglog.
#[pymodule(gil_used = false)]
mod _asglog {
    use super::{Bound, PyAny, PyModule, PyResult, Python, pyfunction, time_policy};
    use crate::directory::AnyDirectory;
    use crate::objects;
    use asg_core::{Line, Record};
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::directory::{CloudController, Export};
    #[pymodule_export]
    use crate::errors::{AsgError, DirectoryError};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }

    /// The record of one line, as the object of the output contract.
    #[pyfunction]
    fn parse_line<'py>(
        py: Python<'py>,
        line: &[u8],
        number: u64,
        year: Option<i16>,
        utc_offset: f64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let policy = time_policy(year, utc_offset)?;
        let line = Line::new(line);
        objects::to_python(py, &Record::read(&line).to_output(number, &policy))
    }

    /// The flow of each packet in these files, as objects of the output contract.
    #[pyfunction]
    fn correlate(
        py: Python<'_>,
        paths: Vec<std::path::PathBuf>,
        directory: Option<AnyDirectory>,
        year: Option<i16>,
        utc_offset: f64,
    ) -> PyResult<Bound<'_, PyAny>> {
        let policy = time_policy(year, utc_offset)?;
        let directory = directory.map(|directory| directory.shared());
        let flows = py.detach(|| crate::correlate::flows(&paths, directory.as_deref(), policy))?;
        objects::to_python(py, &flows)
    }
}
