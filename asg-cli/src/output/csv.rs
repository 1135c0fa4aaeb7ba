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

/// What becomes of values that spreadsheets take for formulas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Formulas {
    /// They stay as they are.
    #[default]
    Keep,
    /// A text that begins with `=`, `+`, `-`, `@`, a tab or a carriage return gets an apostrophe in
    /// front of it, as OWASP recommends.
    Disarm,
}

/// Writes rows into a buffer, for one thread.
#[derive(Debug)]
pub struct Csv {
    columns: Vec<&'static Column>,
    formulas: Formulas,
    out: Vec<u8>,
    text: String,
}

impl Csv {
    /// Writes these columns.
    #[must_use]
    pub fn new(columns: &[&'static Column], formulas: Formulas) -> Self {
        Self { columns: columns.to_vec(), formulas, out: Vec::new(), text: String::new() }
    }

    /// The line with the names of the columns.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn write_names(&self, out: &mut impl Write) -> io::Result<()> {
        let names = self.columns.iter().map(|column| column.name);
        write_line(&mut String::new(), names, out)
    }

    /// Writes a row.
    pub fn add(&mut self, row: &Row<'_>) {
        let Self { columns, formulas, out, text } = self;
        for column in columns {
            push_cell(out, text, &column.value(row), *formulas);
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
fn push_cell(out: &mut Vec<u8>, text: &mut String, value: &Value<'_>, formulas: Formulas) {
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
            push_text(out, text, formulas);
        }
    }
}

impl Formulas {
    /// The text to put in front of this one.
    fn mark(self, text: &str) -> &'static str {
        let is_formula = self == Self::Disarm && text.starts_with(['=', '+', '-', '@', '\t', '\r']);
        if is_formula { "'" } else { "" }
    }
}

fn push_text(out: &mut Vec<u8>, text: &str, formulas: Formulas) {
    let mark = formulas.mark(text).as_bytes();
    if text.contains([',', '"', '\n', '\r']) {
        out.push(b'"');
        out.extend_from_slice(mark);
        out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(mark);
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
    let new = super::NewFile::new(path);
    let file = new.create().map_err(fail)?;
    let mut out = Out::File(io::BufWriter::new(file), new);
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
    // Numbers are no formulas.
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
