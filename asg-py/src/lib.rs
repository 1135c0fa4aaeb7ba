//! The native module of the Python package `asglog`: Python classes around `asg_cli` and
//! `asg_core`.
//!
//! | file | what |
//! |---|---|
//! | [`source`], [`line_column`] | paths, bytes, file objects and columns as sources |
//! | [`callback`] | Python objects that a reading calls; progress and signals |
//! | [`table`], [`stream`], [`requested`] | the lazy table, its Arrow streams, and their types |
//! | [`answer`], [`records`], [`lines`], [`evidence`], [`ledger`], [`clocks`], [`text_keys`], [`directory`], [`policy`] | further classes |
//! | [`program`] | the console script |
//! | [`objects`], [`errors`] | Python objects and exceptions |
#![forbid(unsafe_code)]
#![allow(
    clippy::doc_markdown,
    clippy::needless_pass_by_value,
    reason = "docs of what Python sees are Python's, and pyo3 hands arguments over by value"
)]

mod answer;
mod callback;
mod clocks;
mod directory;
mod errors;
mod evidence;
mod ledger;
mod line_column;
mod lines;
mod objects;
mod policy;
mod program;
mod records;
mod requested;
mod source;
mod stream;
mod table;
mod text_keys;

use asg_core::TimePolicy;
use asg_core::time::YearPolicy;
use pyo3::prelude::*;

/// Converts the keyword arguments that all functions share for completing times. `utc_offset` is in
/// hours.
fn time_policy(year: Option<i16>, utc_offset: f64) -> PyResult<TimePolicy> {
    if !(-24.0..=24.0).contains(&utc_offset) {
        let message = "utc_offset is in hours, from -24 to 24";
        return Err(pyo3::exceptions::PyValueError::new_err(message));
    }
    Ok(TimePolicy {
        year: year.map_or(YearPolicy::Unset, YearPolicy::Fixed),
        // 0 is the default, which is assumed if no line shows a zone.
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
    use crate::answer::Answer;
    #[pymodule_export]
    use crate::clocks::Clocks;
    #[pymodule_export]
    use crate::directory::{CloudController, Export};
    #[pymodule_export]
    use crate::evidence::evidence;
    #[pymodule_export]
    use crate::ledger::Ledger;
    #[pymodule_export]
    use crate::lines::Lines;
    #[pymodule_export]
    use crate::policy::{Policy, question};
    #[pymodule_export]
    use crate::program::command_line;
    #[pymodule_export]
    use crate::records::Records;
    #[pymodule_export]
    use crate::table::{Objects, Table, columns, schema_of};
    #[pymodule_export]
    use crate::text_keys::{TextKeys, repeated_keys, sharing_keys};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }

    /// Escapes the characters of a text that control a terminal or that are invisible.
    #[pyfunction]
    fn escape_text(text: &str) -> String {
        asg_core::bytes::escape_text(text).into_owned()
    }

    /// Returns the reasons of attributions: the word, what it means, and what to do.
    #[pyfunction]
    fn reasons() -> Vec<(&'static str, &'static str, &'static str)> {
        let one = |reason: asg_core::ledger::Reason| {
            (reason.as_str(), reason.sentence(), reason.advice())
        };
        asg_core::ledger::Reason::ALL.into_iter().map(one).collect()
    }

    /// Returns the word of these that is nearest to another, if one is near.
    #[pyfunction]
    fn nearest(word: &str, among: Vec<String>) -> Option<String> {
        asg_cli::nearest::nearest(word, among.iter().map(String::as_str)).map(ToOwned::to_owned)
    }

    /// Parses one line to a record, as the object of the output contract.
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
        let record = Record::classify(&line);
        let more: Vec<_> = Record::more(&line).collect();
        objects::to_python(py, &record.to_output(number, &policy).with_more(&more))
    }
}
