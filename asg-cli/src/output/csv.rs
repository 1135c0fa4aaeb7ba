//! CSV (RFC 4180, with line feeds alone at the ends of lines). Missing values are empty.

use std::io::{self, Write};
use std::path::Path;

use asg_core::correlate::KnownFlow;

use super::Out;
use crate::answers::{Cell, Grid};
use crate::error::Error;
use crate::flows::RowSink;
use crate::pieces::Size;
pub use crate::query::Formulas;
use crate::query::row::KnownRow;
use crate::query::{Column, CsvCells, Query, Row, Short};

/// Writes rows into a buffer, for one thread.
///
/// Flows with one [key](asg_core::Flow::key) share most of their text. It is formatted once. Of the
/// other columns, only those are printed that may have a value in packets of the flow's
/// [shape](asg_core::correlate::KnownFlow::shape).
#[derive(Debug)]
pub struct Csv {
    parts: Vec<Part>,
    /// By key.
    shared: Vec<Option<Shared>>,
    /// By shape.
    plans: Vec<Option<Plan>>,
    out: Vec<u8>,
    cells: CsvCells,
}

/// Adjacent columns.
#[derive(Debug)]
enum Part {
    /// All flows with one key have one value in each.
    Shared(Vec<&'static Column>),
    /// Each flow has values of its own.
    Own(Vec<&'static Column>),
}

/// How to write a known flow with one shape.
type Plan = Box<[Step]>;

/// Some columns of a known flow.
#[derive(Debug)]
enum Step {
    /// The next part of the key's text.
    Shared,
    /// Flows of the shape have this text, with a comma behind each value.
    Text(Box<[u8]>),
    /// As [`Step::Text`].
    Short(Short),
    /// Each flow has a value of its own.
    Own(&'static Column),
}

/// The text of all shared parts, each with a comma behind it, and where each part ends.
#[derive(Debug)]
struct Shared {
    text: Box<[u8]>,
    ends: Box<[u32]>,
}

impl Csv {
    /// Writes these columns.
    #[must_use]
    pub fn new(columns: &[&'static Column], formulas: Formulas) -> Self {
        let together = columns.chunk_by(|one, next| one.is_shared() == next.is_shared());
        let part = |columns: &[&'static Column]| match columns.first() {
            Some(first) if first.is_shared() => Part::Shared(columns.to_vec()),
            _ => Part::Own(columns.to_vec()),
        };
        let parts = together.map(part).collect();
        let plans = std::iter::repeat_with(|| None).take(KnownFlow::SHAPES).collect();
        let cells = CsvCells::new(formulas);
        Self { parts, shared: Vec::new(), plans, out: Vec::new(), cells }
    }

    /// Returns the line with the names of the columns.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn write_names(&self, out: &mut impl Write) -> io::Result<()> {
        let columns = self.parts.iter().flat_map(Part::columns);
        write_line(&mut String::new(), columns.map(|column| column.name), out)
    }

    /// Writes a row. All rows of flows come from one [`FlowCache`](asg_core::correlate::FlowCache).
    pub fn add(&mut self, row: &Row<'_>) {
        match row.key() {
            Some(key) => self.add_keyed(row, key),
            None => {
                let Self { parts, out, cells, .. } = self;
                let columns = parts.iter().flat_map(Part::columns);
                columns.for_each(|column| column.print(row, cells, out));
            }
        }
        self.cells.end_line(&mut self.out);
    }

    fn add_keyed(&mut self, row: &Row<'_>, key: usize) {
        let Self { parts, shared, out, cells, .. } = self;
        if shared.len() <= key {
            shared.resize_with(key + 1, || None);
        }
        cells.flush(out);
        let shared = shared[key].get_or_insert_with(|| Shared::of(parts, cells, row));
        let mut pieces = shared.pieces();
        for part in parts {
            match part {
                Part::Shared(_) => cells.put_texts(out, pieces.next().unwrap_or_default()),
                Part::Own(columns) => {
                    for column in columns {
                        column.print(row, cells, out);
                    }
                }
            }
        }
    }

    /// Writes a row whose key an earlier one had, if its text is known; else returns `false`.
    pub(crate) fn add_known(&mut self, row: &KnownRow<'_>) -> bool {
        let Self { parts, shared, plans, out, cells } = self;
        let Some(Some(shared)) = shared.get(row.key()) else { return false };
        let plan = plans[row.shape()].get_or_insert_with(|| {
            cells.flush(out);
            plan(parts, cells, row)
        });
        let mut pieces = shared.pieces();
        for step in plan {
            match step {
                Step::Shared => cells.put_texts(out, pieces.next().unwrap_or_default()),
                Step::Text(text) => cells.put_texts(out, text),
                Step::Short(text) => cells.put_short(out, text),
                Step::Own(column) => column.print_own(row, cells, out),
            }
        }
        cells.end_line(out);
        true
    }
}

/// Plans how to write known flows with the shape of this one.
fn plan(parts: &[Part], cells: &mut CsvCells, row: &KnownRow<'_>) -> Plan {
    let mut steps = Vec::new();
    let mut text = Vec::new();
    let end = |text: &mut Vec<u8>, steps: &mut Vec<Step>| {
        if !text.is_empty() {
            let short = Short::of(text).map(Step::Short);
            steps.push(short.unwrap_or_else(|| Step::Text(text.as_slice().into())));
            text.clear();
        }
    };
    for part in parts {
        let Part::Own(columns) = part else {
            end(&mut text, &mut steps);
            steps.push(Step::Shared);
            continue;
        };
        for column in columns {
            if row.value_of_shape(column).is_some() {
                column.print_own(row, cells, &mut text);
                cells.flush(&mut text);
            } else {
                end(&mut text, &mut steps);
                steps.push(Step::Own(column));
            }
        }
    }
    end(&mut text, &mut steps);
    steps.into()
}

impl Part {
    fn columns(&self) -> impl Iterator<Item = &'static Column> {
        let (Self::Shared(columns) | Self::Own(columns)) = self;
        columns.iter().copied()
    }
}

impl Shared {
    fn of(parts: &[Part], cells: &mut CsvCells, row: &Row<'_>) -> Self {
        let (mut out, mut ends) = (Vec::new(), Vec::new());
        for part in parts.iter().filter(|part| matches!(part, Part::Shared(_))) {
            part.columns().for_each(|column| column.print(row, cells, &mut out));
            cells.flush(&mut out);
            ends.push(u32::try_from(out.len()).unwrap_or(u32::MAX));
        }
        Self { text: out.into(), ends: ends.into() }
    }

    /// Returns the texts of the shared parts, in their order.
    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let piece = &self.text[start..*end as usize];
            start = *end as usize;
            piece
        })
    }
}

impl RowSink for Csv {
    type Done = Vec<u8>;

    const TAKES_KNOWN: bool = true;

    fn known(&mut self, row: &KnownRow<'_>) -> bool {
        self.add_known(row)
    }

    fn row(&mut self, row: &Row<'_>) {
        self.add(row);
    }

    fn take(&mut self) -> Vec<u8> {
        self.cells.flush(&mut self.out);
        let room = self.out.len() + self.out.len() / 8;
        std::mem::replace(&mut self.out, Vec::with_capacity(room))
    }
}

/// Writes the rows of a query, with a line of names, in constant memory.
///
/// # Errors
///
/// Those of reading; and of writing, as `fail` makes them.
pub(crate) fn write_rows<E: From<Error>>(
    query: &Query,
    formulas: Formulas,
    out: &mut impl Write,
    fail: impl Fn(io::Error) -> E,
) -> Result<(), E> {
    let csv = || Csv::new(query.columns(), formulas);
    let mut running = query.run(Size::Small, csv)?;
    csv().write_names(out).map_err(&fail)?;
    while let Some(rows) = running.next()? {
        out.write_all(&rows).map_err(&fail)?;
    }
    Ok(())
}

/// Writes the rows of a query to a file, in constant memory.
///
/// # Errors
///
/// Those of reading and writing.
pub fn write_query(query: &Query, formulas: Formulas, path: &Path) -> Result<(), Error> {
    let fail = |error| Error::file(path.to_string_lossy(), error);
    let mut out = Out::new(Some(path)).map_err(fail)?;
    write_rows(query, formulas, &mut out, fail)?;
    out.finish().map_err(fail)
}

/// Writes a small table.
///
/// # Errors
///
/// Those of writing.
pub fn write_grid(grid: &Grid, formulas: Formulas, out: &mut impl Write) -> io::Result<()> {
    let mut line = String::new();
    write_line(&mut line, grid.names().into_iter(), out)?;
    // Numbers cannot be formulas.
    let text = |cell: &Cell| match cell {
        Cell::Int(number) => (number.to_string(), Formulas::Keep),
        cell => (cell.value().text().unwrap_or_default(), formulas),
    };
    let mut write = |row: &[Cell]| {
        let texts =
            row.iter().map(text).map(|(text, formulas)| format!("{}{text}", formulas.mark(&text)));
        write_line(&mut line, texts, out)
    };
    grid.rows.iter().try_for_each(|row| write(row))
}

/// Writes one line, in a buffer that is empty before and after.
fn write_line(
    line: &mut String,
    values: impl Iterator<Item = impl AsRef<str>>,
    out: &mut impl Write,
) -> io::Result<()> {
    for value in values {
        let value = value.as_ref();
        if value.contains([',', '"', '\n', '\r']) {
            line.extend(["\"", &value.replace('"', "\"\""), "\""]);
        } else {
            line.push_str(value);
        }
        line.push(',');
    }
    line.pop();
    line.push('\n');
    let written = out.write_all(line.as_bytes());
    line.clear();
    written
}
