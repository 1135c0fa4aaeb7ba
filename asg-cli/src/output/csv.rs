//! CSV (RFC 4180, with line feeds alone at the ends of lines). Missing values are empty.

use std::io::{self, Write};
use std::path::Path;

use super::Out;
use crate::answers::{Cell, Grid};
use crate::error::Error;
use crate::query::{Column, Query, Row, for_each};

/// Writes rows.
#[derive(Debug)]
pub struct Csv {
    columns: Vec<&'static Column>,
    line: String,
}

impl Csv {
    /// Writes the names of the columns.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn new(columns: &[&'static Column], out: &mut impl Write) -> io::Result<Self> {
        let mut csv = Self { columns: columns.to_vec(), line: String::new() };
        write_line(&mut csv.line, columns.iter().map(|column| column.name), out)?;
        Ok(csv)
    }

    /// Writes a row.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn add(&mut self, row: &Row<'_>, out: &mut impl Write) -> io::Result<()> {
        let values = self.columns.iter().map(|column| (column.get)(row).text().unwrap_or_default());
        write_line(&mut self.line, values, out)
    }
}

/// Writes the rows of a query to a file, in constant memory.
///
/// # Errors
///
/// Those of reading and writing.
pub fn write_query(query: &Query, path: &Path) -> Result<(), Error> {
    let fail = |error| Error::file(path.to_string_lossy(), error);
    let new = super::NewFile::new(path);
    let file = new.create().map_err(fail)?;
    let mut out = Out::File(io::BufWriter::new(file), new);
    let mut csv = Csv::new(query.columns(), &mut out).map_err(fail)?;
    for_each(query.rows(), |row| csv.add(row, &mut out).map_err(fail))?;
    out.finish().map_err(fail)
}

/// Writes a small table.
///
/// # Errors
///
/// Those of writing.
pub fn write_grid(grid: &Grid, out: &mut impl Write) -> io::Result<()> {
    let mut line = String::new();
    write_line(&mut line, grid.names().into_iter(), out)?;
    let text = |cell: &Cell| cell.value().text().unwrap_or_default();
    grid.rows.iter().try_for_each(|row| write_line(&mut line, row.iter().map(text), out))
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
