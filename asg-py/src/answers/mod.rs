//! Answers: small tables that are made of all rows of a large one, in one reading and in the memory of their own keys.

mod episodes;
mod grid;
mod groups;
mod keys;

use std::sync::Arc;

use arrow_array::{ArrayRef, StructArray};
use arrow_schema::{DataType, Field, FieldRef};
use asg_core::{Direction, Verdict};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use pyo3_arrow::ffi::{ArrayIterator, to_stream_pycapsule};

use self::episodes::Episodes;
pub(crate) use self::grid::{Cell, Grid};
use self::groups::{Group, Groups, Sums};
use self::keys::{Part, column};
use crate::columns::{Column, Kind, Row};
use crate::errors::Failure;
use crate::requested;
use crate::rows::Rows;

/// By what the largest are told.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Measure {
    Packets,
    Bytes,
    Allowed,
    Denied,
}

impl Measure {
    const ALL: [(&str, Self); 4] = [
        ("packets", Self::Packets),
        ("bytes", Self::Bytes),
        ("allowed", Self::Allowed),
        ("denied", Self::Denied),
    ];

    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, it)| *it);
        found.ok_or_else(|| {
            format!("the largest are told by packets, bytes, allowed or denied, not by {name:?}")
        })
    }

    const fn of(self, sums: &Sums) -> u64 {
        match self {
            Self::Packets => sums.packets,
            Self::Bytes => sums.bytes,
            Self::Allowed => sums.allowed,
            Self::Denied => sums.denied,
        }
    }
}

/// What rows are grouped by, as a caller says it.
pub(crate) struct By(Vec<Part>);

impl By {
    /// # Errors
    ///
    /// If one of the names is no column among `has`.
    pub(crate) fn new(
        names: &[String],
        has_flows: bool,
        has: impl Fn(&Column) -> bool,
    ) -> Result<Self, String> {
        keys::parts(None, names, has_flows, has).map(Self)
    }

    /// By pieces of so many nanoseconds first.
    pub(crate) fn spans(
        nanos: i64,
        names: &[String],
        has_flows: bool,
        has: impl Fn(&Column) -> bool,
    ) -> Result<Self, String> {
        keys::parts(Some(Part::Span(nanos)), names, has_flows, has).map(Self)
    }
}

fn read(mut rows: Box<dyn Rows>, mut each: impl FnMut(&Row<'_>)) -> Result<(), Failure> {
    while rows.step(&mut each)? {}
    Ok(())
}

/// The largest groups, the largest first; groups of the same size by what is shown of them.
pub(crate) fn top(
    rows: Box<dyn Rows>,
    by: By,
    most: Option<usize>,
    measure: Measure,
) -> Result<Grid, Failure> {
    let mut groups = Groups::new(by.0);
    read(rows, |row| groups.add(row))?;
    Ok(groups.grid(|groups| {
        groups.sort_by_key(|(_, sums)| std::cmp::Reverse(measure.of(sums)));
        groups.truncate(most.unwrap_or(usize::MAX));
    }))
}

/// Sums in the order of what they are grouped by.
pub(crate) fn timeline(rows: Box<dyn Rows>, by: By) -> Result<Grid, Failure> {
    let mut groups = Groups::new(by.0);
    read(rows, |row| groups.add(row))?;
    Ok(groups.grid(|_| {}))
}

/// What the rows are, by each of these columns.
pub(crate) fn summary(rows: Box<dyn Rows>, has: impl Fn(&Column) -> bool) -> Result<Grid, Failure> {
    const WHAT: [&str; 8] =
        ["verdict", "plane", "direction", "subject", "proto", "certainty", "reason", "app_state"];
    let mut all = Groups::new(Vec::new());
    let mut damaged = Groups::new(Vec::new());
    let there = WHAT.into_iter().filter(|name| match column(name) {
        Part::Column(column) => has(column),
        _ => false,
    });
    let mut by: Vec<_> = there.map(|name| (name, Groups::new(vec![column(name)]))).collect();
    read(rows, |row| {
        all.add(row);
        if row.error.is_some() {
            damaged.add(row);
        }
        for (_, groups) in &mut by {
            groups.add(row);
        }
    })?;
    let columns = [("what", Kind::Text), ("value", Kind::Text)];
    let mut grid =
        Grid { columns: columns.into_iter().chain(Sums::COLUMNS).collect(), rows: Vec::new() };
    let totals = [("all", all), ("damaged", damaged)].into_iter().map(|(what, groups)| {
        let mut grid = groups.grid(|_| {});
        grid.rows.iter_mut().for_each(|row| row.insert(0, Cell::Null));
        (what, grid)
    });
    let largest_first = |groups: &mut Vec<Group>| {
        groups.sort_by_key(|(_, sums)| std::cmp::Reverse(sums.packets));
    };
    let parts = by.into_iter().map(|(what, groups)| (what, groups.grid(largest_first)));
    for (what, part) in totals.chain(parts) {
        for mut row in part.rows {
            row.insert(0, Cell::Text(what.into()));
            grid.rows.push(row);
        }
    }
    Ok(grid)
}

/// Where whose packets go, and did not in the baseline; the first that went first.
pub(crate) fn new_destinations(
    rows: Box<dyn Rows>,
    baseline: Box<dyn Rows>,
) -> Result<Grid, Failure> {
    let parts = || vec![Part::Owner, column("dst"), column("dpt"), column("proto")];
    let (mut before, mut groups) = (Groups::new(parts()), Groups::new(parts()));
    // The line of a policy tells of a packet that comes to an app.
    let goes_out = |row: &Row<'_>| row.cf.is_none_or(|cf| cf.direction == Direction::Egress);
    read(baseline, |row| {
        if goes_out(row) {
            before.add(row);
        }
    })?;
    read(rows, |row| {
        if goes_out(row) && !before.has(row) {
            groups.add(row);
        }
    })?;
    Ok(groups.grid(|groups| groups.sort_by_key(|(_, sums)| (sums.first.is_none(), sums.first))))
}

/// Runs of denials, of the same packets' owner to the same destination.
pub(crate) fn denied_episodes(rows: Box<dyn Rows>, gap: i64) -> Result<Grid, Failure> {
    let parts =
        vec![Part::Owner, column("direction"), column("dst"), column("dpt"), column("proto")];
    let mut episodes = Episodes::new(parts, gap);
    read(rows, |row| {
        if row.cf.is_some_and(|cf| cf.verdict == Verdict::Denied) {
            episodes.add(row);
        }
    })?;
    Ok(episodes.grid())
}

/// An answer in Python's hands.
#[pyclass(frozen, module = "asglog._asglog")]
pub(crate) struct Answer {
    grid: Grid,
}

impl From<Grid> for Answer {
    fn from(grid: Grid) -> Self {
        Self { grid }
    }
}

#[pymethods]
impl Answer {
    fn column_names(&self) -> Vec<&'static str> {
        self.grid.names()
    }

    /// Numbers, and texts for all else.
    fn rows<'py>(&self, py: Python<'py>) -> PyResult<Vec<Vec<Bound<'py, PyAny>>>> {
        use pyo3::IntoPyObjectExt as _;
        let object = |cell: &Cell| match cell {
            Cell::Int(n) => n.into_bound_py_any(py),
            cell => cell.value().text().into_bound_py_any(py),
        };
        self.grid.rows.iter().map(|row| row.iter().map(object).collect()).collect()
    }

    #[pyo3(signature = (requested_schema=None))]
    fn stream<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let batch = self.grid.batch();
        let fields = batch.schema().fields().clone();
        let requested = requested::lossless(py, &fields, requested_schema.as_ref())?;
        let field: FieldRef = Arc::new(Field::new("", DataType::Struct(fields), false));
        let only = [Ok(Arc::new(StructArray::from(batch)) as ArrayRef)];
        let stream = ArrayIterator::new(only, field);
        Ok(to_stream_pycapsule(py, Box::new(stream), requested)?)
    }

    fn __len__(&self) -> usize {
        self.grid.rows.len()
    }
}
