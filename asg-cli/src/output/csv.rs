//! CSV (RFC 4180, with line feeds alone at the ends of lines). Missing values are empty.

use std::io::{self, Write};
use std::path::Path;

use asg_core::Address;

use super::Out;
use super::ndjson::push_number;
use crate::answers::{Cell, Grid};
use crate::error::Error;
use crate::flows::RowSink;
use crate::pieces::Size;
use crate::query::{Column, Query, Row, Value, push_dotted};

/// Writes rows into a buffer, for one thread.
#[derive(Debug)]
pub struct Csv {
    columns: Vec<&'static Column>,
    out: Vec<u8>,
    text: String,
}

impl Csv {
    /// Writes these columns.
    #[must_use]
    pub fn new(columns: &[&'static Column]) -> Self {
        Self { columns: columns.to_vec(), out: Vec::new(), text: String::new() }
    }

    /// The line with the names of the columns.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn write_names(&self, out: &mut impl Write) -> io::Result<()> {
        write_line(&mut String::new(), self.columns.iter().map(|column| column.name), out)
    }

    /// Writes a row.
    pub fn add(&mut self, row: &Row<'_>) {
        let Self { columns, out, text } = self;
        for column in columns {
            push_cell(out, text, &column.value(row));
            out.push(b',');
        }
        out.pop();
        out.push(b'\n');
    }
}

impl RowSink for Csv {
    type Done = Vec<u8>;

    fn row(&mut self, row: &Row<'_>) {
        self.add(row);
    }

    fn take(&mut self) -> Vec<u8> {
        let room = self.out.len() + self.out.len() / 8;
        std::mem::replace(&mut self.out, Vec::with_capacity(room))
    }
}

/// Writes a value. `text` is room for it.
fn push_cell(out: &mut Vec<u8>, text: &mut String, value: &Value<'_>) {
    match value {
        Value::Null => {}
        Value::Word(word) => out.extend_from_slice(word.as_bytes()),
        Value::Int(number) => {
            if *number < 0 {
                out.push(b'-');
            }
            push_number(out, number.unsigned_abs());
        }
        Value::Address(Address::V4(ip)) => push_dotted(out, ip.octets()),
        other => {
            text.clear();
            // Writing into a string does not fail.
            let _ = other.write_text(text);
            push_text(out, text);
        }
    }
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    if text.contains([',', '"', '\n', '\r']) {
        out.push(b'"');
        out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

/// Writes the rows of a query, with a line of names, in constant memory.
///
/// # Errors
///
/// Those of reading; and of writing, as `fail` makes them.
pub(crate) fn write_rows<E: From<Error>>(
    query: &Query,
    out: &mut impl Write,
    fail: impl Fn(io::Error) -> E,
) -> Result<(), E> {
    let mut running = query.run(Size::Small, || Csv::new(query.columns()))?;
    Csv::new(query.columns()).write_names(out).map_err(&fail)?;
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
pub fn write_query(query: &Query, path: &Path) -> Result<(), Error> {
    let fail = |error| Error::file(path.to_string_lossy(), error);
    let new = super::NewFile::new(path);
    let file = new.create().map_err(fail)?;
    let mut out = Out::File(io::BufWriter::new(file), new);
    write_rows(query, &mut out, fail)?;
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
