//! The native module of the Python package `asglog`: it hands bytes to `asg_core` and gives back what that says.
//!
//! Rooms, in the way of the data: [`source`] is what is read, [`lines`] reads it piece by piece ([`line_column`] is a
//! source that is lines already, [`watch`] looks up from the work), [`rows`] makes packets of lines and [`flows`] flows,
//! [`columns`] says what is in them and [`vocabulary`] what can be, [`filter`] which are wanted, [`batch`] makes Arrow of
//! rows ([`cells`] are one column's, [`requested`] says which types a consumer gets), [`write`] makes files of that, and
//! [`table`] is all of it in Python's hands. [`records`] gives every line as an object, [`ledger`] keeps evidence,
//! [`directory`] is who is asked for names, [`origins`] numbers sources, [`objects`] makes Python objects of the output
//! contract, [`errors`] makes exceptions of errors. [`answers`] are small tables made of all rows of a large one, and
//! [`cli`] is the command line.
#![forbid(unsafe_code)]
#![allow(
    clippy::doc_markdown,
    clippy::needless_pass_by_value,
    reason = "docs of what Python sees are Python's, and pyo3 hands arguments over by value"
)]

mod answers;
mod batch;
mod cells;
mod cli;
mod columns;
mod directory;
mod errors;
mod filter;
mod flows;
mod ledger;
mod line_column;
mod lines;
mod lock;
mod objects;
mod origins;
mod records;
mod requested;
mod rows;
mod source;
mod table;
mod vocabulary;
mod watch;
mod words;
mod write;

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
        // 0 is the default, and what is assumed where no line shows a zone.
        utc_offset: (utc_offset != 0.0).then(|| (utc_offset * 3600.0).round() as i32),
        boot: None,
    })
}

/// The native half of asglog.
#[pymodule(gil_used = false)]
mod _asglog {
    use super::{Bound, PyAny, PyModule, PyResult, Python, pyfunction, time_policy};
    use crate::objects;
    use asg_core::{Line, Record};
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::answers::Answer;
    #[pymodule_export]
    use crate::cli::{command_line, remove_halves, stop_command_line};
    #[pymodule_export]
    use crate::directory::{CloudController, Export};
    #[pymodule_export]
    use crate::ledger::Ledger;
    #[pymodule_export]
    use crate::records::Records;
    #[pymodule_export]
    use crate::table::{Objects, Table, columns, schema_of};

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
}
